-- Messages that vendors sent, by the id that the messenger gave them, for two days: what is there
-- as 'done' is not dealt with again, and what is 'claimed' only once the claim is old.
CREATE TABLE inbound_messages (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL,           -- 'claimed' or 'done'
  at INTEGER NOT NULL            -- milliseconds
) WITHOUT ROWID;

CREATE INDEX inbound_messages_by_age ON inbound_messages (at);
