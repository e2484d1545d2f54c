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
CREATE INDEX dead_letters_by_time ON dead_letters (died_at, letter_id);

-- How it stands in each cell, as the cell says now and then.
CREATE TABLE cells (
  cell TEXT PRIMARY KEY,
  available INTEGER NOT NULL,
  open_orders INTEGER NOT NULL,
  oldest_seconds INTEGER NOT NULL,
  updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX cells_by_time ON cells (updated_at);
