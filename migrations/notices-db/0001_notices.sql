-- Where webhooks go, and what became of everything that was said to the outside. The endpoints are
-- the truth; the deliveries and mails follow from the desks, which have them first, in order to be
-- looked through. All times are RFC 3339 in UTC with milliseconds, so that they compare as texts.

CREATE TABLE webhook_endpoints (
  endpoint_id TEXT PRIMARY KEY,
  -- Two with one address would hear everything twice, and a creation that is repeated would make two.
  url TEXT NOT NULL UNIQUE,
  kinds TEXT,                              -- JSON: the kinds of events it wants; null for every kind
  description TEXT,
  secret TEXT NOT NULL,                    -- whsec_...: what it is signed with
  old_secrets TEXT NOT NULL DEFAULT '[]',  -- JSON: [{secret, until}], milliseconds: those sign as well until then
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
  activated_at TEXT NOT NULL,              -- what happened before has no say in whether it works
  disabled_reason TEXT,
  disabled_at TEXT,
  last_success_at TEXT,
  failing_since TEXT,                      -- the first failure after the last success
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) WITHOUT ROWID;

-- One row for each event and endpoint. The ids begin with their time and so sort by it. A row is
-- written over a lower version only.
CREATE TABLE webhook_deliveries (
  delivery_id TEXT PRIMARY KEY,
  endpoint_id TEXT NOT NULL,
  event_id TEXT NOT NULL,                  -- what receivers see as webhook-id
  kind TEXT NOT NULL,
  order_id TEXT,                           -- null for a ping
  state TEXT NOT NULL,                     -- 'waiting', 'delivered' or 'dead'
  attempts INTEGER NOT NULL,
  last_status INTEGER,
  last_error TEXT,
  next_attempt_at TEXT,
  created_at TEXT NOT NULL,
  delivered_at TEXT,
  version INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, delivery_id);
CREATE INDEX webhook_deliveries_by_order ON webhook_deliveries (order_id, delivery_id) WHERE order_id IS NOT NULL;
CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (state, delivery_id);

-- One row for each mail, as above.
CREATE TABLE emails (
  email_id TEXT PRIMARY KEY,
  event_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  order_id TEXT NOT NULL,
  recipient TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  last_error TEXT,
  next_attempt_at TEXT,
  created_at TEXT NOT NULL,
  delivered_at TEXT,
  version INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX emails_by_order ON emails (order_id, email_id);
CREATE INDEX emails_by_state ON emails (state, email_id);
