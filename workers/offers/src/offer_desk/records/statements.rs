//! The statements that write what became of offers: one for each kind of row, over a set,
//! which comes as JSON with a letter for each column.
//!
//! Safe to repeat and to come in any order: what is there is left, or written over only by
//! a later state of it.

/// In the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Routing,
    Status,
    Release,
    Lock,
    Assignment,
    Response,
    Cancellation,
    Event,
}

pub const STATEMENTS: &[(Kind, &str)] = &[
    (
        Kind::Routing,
        "INSERT INTO vendor_routings
           (id, order_id, strategy, status, status_seq, created_at, updated_at)
         SELECT value ->> 'i', value ->> 'o', value ->> 'y', 'PENDING_BIDS', 0,
                value ->> 't', value ->> 't'
         FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
    ),
    (
        Kind::Status,
        "UPDATE vendor_routings SET status = r.s, status_seq = r.q, strategy = r.y, updated_at = r.t
         FROM (SELECT value ->> 'i' AS i, value ->> 's' AS s, MAX(value ->> 'q') AS q,
                      value ->> 'y' AS y, value ->> 't' AS t FROM json_each(?1) GROUP BY 1) AS r
         WHERE vendor_routings.id = r.i AND vendor_routings.status_seq < r.q",
    ),
    (
        Kind::Release,
        "UPDATE vendor_routings SET locked_vendor_id = NULL, lock_epoch = r.e, released_at = r.t,
           version = MAX(version + 1, r.n), updated_at = r.t
         FROM (SELECT value ->> 'i' AS i, MAX(value ->> 'e') AS e, value ->> 'n' AS n,
                      value ->> 't' AS t FROM json_each(?1) GROUP BY 1) AS r
         WHERE vendor_routings.id = r.i AND vendor_routings.lock_epoch < r.e",
    ),
    (
        Kind::Lock,
        "UPDATE vendor_routings SET locked_vendor_id = r.v, lock_epoch = r.e, locked_at = r.t,
           released_at = NULL, version = MAX(version + 1, r.n), updated_at = r.t
         FROM (SELECT value ->> 'i' AS i, value ->> 'v' AS v, MAX(value ->> 'e') AS e,
                      value ->> 'n' AS n, value ->> 't' AS t FROM json_each(?1) GROUP BY 1) AS r
         WHERE vendor_routings.id = r.i
           AND (vendor_routings.lock_epoch < r.e
                OR (vendor_routings.lock_epoch = r.e AND vendor_routings.locked_vendor_id IS NULL))",
    ),
    (
        Kind::Assignment,
        "INSERT INTO order_assignments
           (id, order_id, vendor_id, status, epoch, batch, made_at, pushed_at, responded_at,
            expires_at, meta, revision)
         SELECT value ->> 'i', value ->> 'o', value ->> 'v', value ->> 's', value ->> 'e',
                value ->> 'b', value ->> 'm', value ->> 'p', value ->> 'r', value ->> 'x',
                value ->> 'd', value ->> 'n'
         FROM json_each(?1) WHERE true
         ON CONFLICT (id) DO UPDATE SET status = excluded.status, pushed_at = excluded.pushed_at,
           responded_at = excluded.responded_at, meta = excluded.meta,
           revision = excluded.revision
         WHERE excluded.revision > order_assignments.revision",
    ),
    (
        Kind::Response,
        "INSERT INTO vendor_responses
           (id, vendor_routing_id, order_id, vendor_id, response, outcome, reason,
            preparation_minutes, responded_at, revision)
         SELECT value ->> 'i', value ->> 'g', value ->> 'o', value ->> 'v', value ->> 'a',
                value ->> 'c', value ->> 'w', value ->> 'm', value ->> 't', value ->> 'n'
         FROM json_each(?1) WHERE true
         ON CONFLICT (id) DO UPDATE SET response = excluded.response, outcome = excluded.outcome,
           reason = excluded.reason, preparation_minutes = excluded.preparation_minutes,
           responded_at = excluded.responded_at, revision = excluded.revision
         WHERE excluded.revision > vendor_responses.revision",
    ),
    (
        Kind::Cancellation,
        "INSERT INTO vendor_cancellations
           (id, vendor_routing_id, vendor_response_id, order_id, vendor_id, reason, cancelled_at)
         SELECT value ->> 'i', value ->> 'g', value ->> 'f', value ->> 'o', value ->> 'v',
                value ->> 'w', value ->> 't'
         FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
    ),
    (
        Kind::Event,
        "INSERT INTO order_events (id, order_id, seq, epoch, type, vendor_id, data, created_at)
         SELECT value ->> 'i', value ->> 'o', value ->> 'q', value ->> 'e', value ->> 'y',
                value ->> 'v', value ->> 'd', value ->> 't'
         FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
    ),
];

/// Locks of which the database believes otherwise.
pub const GUARD: &str = "
    SELECT r.value ->> 'i' AS id FROM json_each(?1) AS r JOIN vendor_routings AS g
      ON g.id = r.value ->> 'i'
    WHERE g.lock_epoch = r.value ->> 'e' AND g.locked_vendor_id IS NOT r.value ->> 'v'";
