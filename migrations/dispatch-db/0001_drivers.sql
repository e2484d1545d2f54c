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

-- Messages that came to nothing, as they came.
CREATE TABLE dead_letters (
  letter_id TEXT PRIMARY KEY,
  queue TEXT NOT NULL,
  order_id TEXT,
  body TEXT NOT NULL,
  reason TEXT NOT NULL,
  died_at TEXT NOT NULL,
  replayed_at TEXT
) WITHOUT ROWID;
CREATE INDEX dead_letters_waiting ON dead_letters (letter_id) WHERE replayed_at IS NULL;
