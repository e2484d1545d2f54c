-- Orders as they are looked up. The desk that owns an order is the truth; its rows
-- follow here within moments, and only ever forward: a row is replaced by a higher
-- version only.

CREATE TABLE orders (
  order_id TEXT PRIMARY KEY,
  order_number TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL,
  cart_id TEXT NOT NULL,
  products TEXT NOT NULL,        -- JSON: lines, each with its fulfillment allocations
  address TEXT NOT NULL,         -- JSON shipping address
  delivery_mode TEXT NOT NULL,   -- 'standard' or 'express'
  delivery_tier TEXT NOT NULL,   -- 'tier_1', 'tier_2', 'tier_3'
  currency TEXT NOT NULL,
  -- Amounts are integers in minor units; the decimals of the document follow from them.
  subtotal_minor INTEGER NOT NULL,
  delivery_minor INTEGER NOT NULL,
  tax_minor INTEGER NOT NULL,
  total_minor INTEGER NOT NULL,
  subtotal DECIMAL(10, 2) GENERATED ALWAYS AS (subtotal_minor / 100.0) VIRTUAL,
  delivery_cost DECIMAL(10, 2) GENERATED ALWAYS AS (delivery_minor / 100.0) VIRTUAL,
  tax DECIMAL(10, 2) GENERATED ALWAYS AS (tax_minor / 100.0) VIRTUAL,
  total DECIMAL(10, 2) GENERATED ALWAYS AS (total_minor / 100.0) VIRTUAL,
  status TEXT NOT NULL DEFAULT 'pending',
  payment_status TEXT NOT NULL DEFAULT 'pending',
  estimated_delivery_date TEXT,
  tracking_number TEXT,
  special_instructions TEXT,
  version INTEGER NOT NULL,
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL
);

-- A customer's orders, newest first (ids are in order of time).
CREATE INDEX orders_by_user ON orders (user_id, order_id DESC);
-- One cart, one order.
CREATE UNIQUE INDEX orders_by_cart ON orders (cart_id);

CREATE TABLE order_status_history (
  history_id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  old_status TEXT,
  new_status TEXT NOT NULL,
  changed_by TEXT,
  reason TEXT,
  created_at DATETIME,
  FOREIGN KEY (order_id) REFERENCES orders (order_id)
);

CREATE INDEX history_by_order ON order_status_history (order_id, history_id);

-- Placements that did not come to an end by themselves. Empty on a good day.
CREATE TABLE stuck_placements (
  order_id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL,
  cause TEXT NOT NULL,
  since TEXT NOT NULL
) WITHOUT ROWID;
