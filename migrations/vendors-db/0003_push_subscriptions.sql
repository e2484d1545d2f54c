-- Where vendors can be rung who have no live connection, and who was rung for what.

-- A browser of a vendor, as it wants to be pushed to. The address is a secret between the
-- browser, its push service and us.
CREATE TABLE push_subscriptions (
  id INTEGER PRIMARY KEY,
  endpoint TEXT NOT NULL UNIQUE,
  vendor_id TEXT NOT NULL,
  p256dh TEXT NOT NULL,          -- its public key, base64url
  auth TEXT NOT NULL,            -- the secret that it shares with us, base64url
  created_at INTEGER NOT NULL,   -- milliseconds; when the browser last said so
  used_at INTEGER,               -- when its push service last took something
  failed_at INTEGER              -- when it last did not
);

CREATE INDEX push_subscriptions_by_vendor ON push_subscriptions (vendor_id, created_at);

-- One row for each offer that a vendor was to be alerted of, for a week. It is claimed before
-- anything is sent and marked after that. `state` is 'ringing' (claimed), 'rung', 'ending' (a
-- call-off has claimed it) or 'off', after which nothing is sent any more.
CREATE TABLE alerts_sent (
  vendor_id TEXT NOT NULL,
  order_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  state TEXT NOT NULL,
  channel TEXT,                  -- 'push' or 'message', once somebody took it; 'unknown' after a crash
  devices TEXT,                  -- JSON: ids of the devices that may ring; where it is null, any of them
  phone TEXT,                    -- the number that a message went to, or is about to
  at INTEGER NOT NULL,           -- milliseconds; when the row was last claimed or marked
  PRIMARY KEY (vendor_id, order_id, epoch, batch)
) WITHOUT ROWID;

CREATE INDEX alerts_sent_by_age ON alerts_sent (at);
