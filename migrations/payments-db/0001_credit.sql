-- What a buyer may owe, and what orders have of it. The table refuses a line that is used
-- beyond its limit, whoever asks.
CREATE TABLE credit_lines (
  customer_id TEXT PRIMARY KEY,
  limit_minor INTEGER NOT NULL CHECK (limit_minor >= 0),
  reserved_minor INTEGER NOT NULL DEFAULT 0 CHECK (reserved_minor >= 0),
  used_minor INTEGER NOT NULL DEFAULT 0 CHECK (used_minor >= 0),
  CHECK (reserved_minor + used_minor <= limit_minor)
) WITHOUT ROWID;

-- version is the order's: what an older one says comes too late.
CREATE TABLE credit_holds (
  order_id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL,
  reserved_minor INTEGER NOT NULL DEFAULT 0,
  used_minor INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE INDEX holds_by_customer ON credit_holds (customer_id, order_id);
