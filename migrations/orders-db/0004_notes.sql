-- What staff writes down about an order, for staff.
CREATE TABLE order_notes (
  note_id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  text TEXT NOT NULL,
  written_by TEXT NOT NULL,
  created_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX notes_by_order ON order_notes (order_id, created_at DESC, note_id);
