-- Places of vendors: a capacity may be any number of orders, and `in_work` follows the desks that
-- keep the places. The table is built anew, since a column cannot lose its NOT NULL otherwise.

CREATE TABLE vendors_rebuilt (
  vendor_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  phone TEXT,                               -- digits with a leading +, for messages
  latitude REAL NOT NULL,
  longitude REAL NOT NULL,
  spot INTEGER NOT NULL,                    -- where that is, as cells have it (domain::spot)
  warehouse_id TEXT,                        -- its own warehouse, where it has one
  active INTEGER NOT NULL DEFAULT 1,        -- wanted by the shop
  verified INTEGER NOT NULL DEFAULT 0,      -- checked by the shop
  open INTEGER NOT NULL DEFAULT 0,          -- says that it is there
  score REAL NOT NULL DEFAULT 50 CHECK (score BETWEEN 0 AND 100),
  capacity INTEGER CHECK (capacity >= 0),   -- orders at once; NULL for any number
  in_work INTEGER NOT NULL DEFAULT 0 CHECK (in_work >= 0),
  work_version INTEGER NOT NULL DEFAULT 0,  -- of in_work, as its desk counts; only ever rises
  prep_minutes INTEGER NOT NULL DEFAULT 20,
  retired INTEGER NOT NULL DEFAULT 0,       -- no longer listed; orders of old still name it
  -- Whether it is offered orders at all.
  accepting INTEGER GENERATED ALWAYS AS
    (active AND verified AND open AND NOT retired AND (capacity IS NULL OR in_work < capacity)) STORED,
  version INTEGER NOT NULL DEFAULT 1,
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL
);

INSERT INTO vendors_rebuilt
  (vendor_id, name, phone, latitude, longitude, spot, warehouse_id, active, verified, open, score,
   capacity, in_work, prep_minutes, retired, version, created_at, updated_at)
SELECT vendor_id, name, phone, latitude, longitude, spot, warehouse_id, active, verified, open, score,
       capacity, in_work, prep_minutes, retired, version, created_at, updated_at
FROM vendors;

-- Its indexes go with it.
DROP TABLE vendors;
ALTER TABLE vendors_rebuilt RENAME TO vendors;

-- Who is near and would take an order: holds those alone, so a search reads nobody else, and all
-- that a search wants to know, so it reads nothing twice.
CREATE INDEX vendors_accepting ON vendors
  (spot, vendor_id, latitude, longitude, score, prep_minutes, capacity, in_work) WHERE accepting = 1;
-- Who is best and would.
CREATE INDEX vendors_best ON vendors
  (score DESC, vendor_id, latitude, longitude, prep_minutes, capacity, in_work) WHERE accepting = 1;
-- Everybody, for maps.
CREATE INDEX vendors_spot ON vendors (spot) WHERE retired = 0;
-- Whose number it is.
CREATE INDEX vendors_phone ON vendors (phone, vendor_id) WHERE phone IS NOT NULL AND retired = 0;
