-- Orders as they were offered to vendors. The desk that offers an order is the truth; its rows follow
-- here within moments, and only ever forward. The row of a routing is more than that: it is the
-- second guard of the lock, taken by an update that finds nobody there.

CREATE TABLE vendor_routings (
  id TEXT PRIMARY KEY,                  -- the order's id behind 'rtg_'
  order_id TEXT NOT NULL,
  strategy TEXT NOT NULL,               -- 'nearest' or 'scored'
  status TEXT NOT NULL,                 -- PENDING_BIDS, VENDOR_ACCEPTED, FAILED, CANCELLED, CLOSED
  status_seq INTEGER NOT NULL,          -- the line of the story that the status comes from
  locked_vendor_id TEXT,                -- who has the order: the documents' lockedWholesalerId
  lock_epoch INTEGER NOT NULL DEFAULT 1,
  locked_at DATETIME,
  released_at DATETIME,                 -- when the last one who had it lost it
  version INTEGER NOT NULL DEFAULT 1,
  created_at DATETIME NOT NULL,
  updated_at DATETIME NOT NULL
);

-- One order, one vendor, whatever the rows are called.
CREATE UNIQUE INDEX one_vendor_an_order ON vendor_routings (order_id)
  WHERE locked_vendor_id IS NOT NULL AND released_at IS NULL;
CREATE INDEX routings_by_order ON vendor_routings (order_id);
-- What an admin should look at.
CREATE INDEX routings_failed ON vendor_routings (updated_at, id) WHERE status = 'FAILED';

-- Who was asked, in which batch, and what became of it.
CREATE TABLE order_assignments (
  id TEXT PRIMARY KEY,                  -- order, epoch, batch and vendor
  order_id TEXT NOT NULL,
  vendor_id TEXT NOT NULL,
  status TEXT NOT NULL,                 -- PUSHED, ACCEPTED, LOST, REJECTED, EXPIRED, CANCELLED, UNREACHABLE
  epoch INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  made_at DATETIME NOT NULL,
  pushed_at DATETIME,
  responded_at DATETIME,
  expires_at DATETIME NOT NULL,
  meta TEXT NOT NULL,                   -- JSON: distance, score, rejectionReason and more
  revision INTEGER NOT NULL
);

CREATE INDEX assignments_by_order ON order_assignments (order_id, epoch, batch);
-- What a vendor is asked now.
CREATE INDEX assignments_open ON order_assignments (vendor_id, expires_at) WHERE status = 'PUSHED';

-- What vendors answered, those who lost too.
CREATE TABLE vendor_responses (
  id TEXT PRIMARY KEY,                  -- as in order_assignments
  vendor_routing_id TEXT NOT NULL,
  order_id TEXT NOT NULL,
  vendor_id TEXT NOT NULL,              -- the documents' wholesalerId
  response TEXT NOT NULL,               -- ACCEPT or REJECT
  outcome TEXT NOT NULL,                -- WON, PENDING, REJECTED, or the code of why it came to nothing
  reason TEXT,
  preparation_minutes INTEGER,
  responded_at DATETIME NOT NULL,
  revision INTEGER NOT NULL
);

CREATE INDEX responses_by_routing ON vendor_responses (vendor_routing_id);

-- Which vendors were told that it is off.
CREATE TABLE vendor_cancellations (
  id TEXT PRIMARY KEY,
  vendor_routing_id TEXT NOT NULL,
  vendor_response_id TEXT NOT NULL,     -- the offer, as in order_assignments
  order_id TEXT NOT NULL,
  vendor_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  cancelled_at DATETIME NOT NULL
);

CREATE INDEX cancellations_by_routing ON vendor_cancellations (vendor_routing_id);

-- The order's story.
CREATE TABLE order_events (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  type TEXT NOT NULL,
  vendor_id TEXT,
  data TEXT NOT NULL,                   -- JSON
  created_at DATETIME NOT NULL
);

CREATE INDEX events_by_order ON order_events (order_id, seq);
