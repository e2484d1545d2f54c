-- One stock shard: what is on the shelf, what orders hold of it, and why every
-- counter changed. Only the shard's stock desk writes here.

-- stock is what is free, held is what orders took and has not left the house.
-- Conservation: stock + held = adjusted + released - shipped, explained row by row
-- in stock_movements.
CREATE TABLE stock (
  sku TEXT NOT NULL,
  warehouse_id TEXT NOT NULL,
  stock INTEGER NOT NULL CHECK (stock >= 0),
  held INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
  PRIMARY KEY (sku, warehouse_id)
) WITHOUT ROWID;

-- One hold an order, warehouse and SKU. keys are the releases and shipments that
-- were counted. A hold of nothing is a closed door: its order was undone here.
CREATE TABLE stock_holds (
  order_id TEXT NOT NULL,
  sku TEXT NOT NULL,
  warehouse_id TEXT NOT NULL,
  quantity INTEGER NOT NULL CHECK (quantity >= 0),
  released INTEGER NOT NULL DEFAULT 0 CHECK (released >= 0),
  shipped INTEGER NOT NULL DEFAULT 0 CHECK (shipped >= 0),
  keys TEXT NOT NULL DEFAULT '[]',
  created_ms INTEGER NOT NULL,
  PRIMARY KEY (order_id, sku, warehouse_id),
  CHECK (released + shipped <= quantity)
) WITHOUT ROWID;

-- Append-only. The key of an adjustment is its caller's idempotency key, so it
-- comes first: one look tells whether an adjustment was counted.
CREATE TABLE stock_movements (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  cause TEXT NOT NULL,
  sku TEXT NOT NULL,
  warehouse_id TEXT NOT NULL,
  stock_delta INTEGER NOT NULL,
  held_delta INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY (kind, key, cause, sku, warehouse_id)
) WITHOUT ROWID;

-- Always empty. A conditional update that matches too few rows is no error, so
-- the statement after it tries to insert here, fails, and takes the batch along.
CREATE TABLE batch_guard (
  missed INTEGER NOT NULL CHECK (missed = 0)
);
