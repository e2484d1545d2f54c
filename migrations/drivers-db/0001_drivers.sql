-- Who may bring orders. Where they are and what they have is in objects, and never here.
CREATE TABLE drivers (
  driver_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  phone TEXT,
  vehicle TEXT NOT NULL CHECK (vehicle IN ('foot', 'bicycle', 'scooter', 'car', 'van')),
  capacity INTEGER NOT NULL CHECK (capacity BETWEEN 1 AND 20),
  active INTEGER NOT NULL DEFAULT 1,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) WITHOUT ROWID;
