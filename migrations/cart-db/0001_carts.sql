-- Completed carts, kept as a record of what was ordered. Carts that are being
-- filled live in their desks.
CREATE TABLE carts (
  cart_id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL,
  status TEXT NOT NULL,          -- 'completed'
  lines TEXT NOT NULL,           -- JSON
  address TEXT NOT NULL,         -- JSON
  order_id TEXT NOT NULL UNIQUE,
  completed_at DATETIME NOT NULL
);

CREATE INDEX carts_by_customer ON carts (customer_id, cart_id DESC);
