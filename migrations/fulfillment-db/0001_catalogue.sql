-- What is sold, and from where. Retired rows stay: orders refer to them.

CREATE TABLE products (
  product_id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  active INTEGER NOT NULL DEFAULT 1,
  updated_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- Prices are in minor units of the shop's currency.
CREATE TABLE variants (
  sku TEXT PRIMARY KEY,
  product_id TEXT NOT NULL REFERENCES products (product_id),
  size TEXT NOT NULL DEFAULT '',
  price_minor INTEGER NOT NULL CHECK (price_minor >= 0),
  active INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;

CREATE INDEX variants_by_product ON variants (product_id, sku);

-- shard is the stock shard that keeps the warehouse's rows. It never changes.
CREATE TABLE warehouses (
  warehouse_id TEXT PRIMARY KEY,
  name TEXT NOT NULL DEFAULT '',
  shard INTEGER NOT NULL,
  latitude REAL NOT NULL,
  longitude REAL NOT NULL,
  active INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
