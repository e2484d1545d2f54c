//! What staff writes down about an order, for staff. Notes are rows of the database alone: an
//! order may have left its desk long ago when somebody calls about it.

use std::rc::Rc;

use contract::order::asked::NoteInput;
use contract::order::{Note, NotePage};
use contract::{Problem, code};
use domain::limits::{TEXT_MAX, fits};
use edge::d1::{Db, Sql};
use edge::identity::fingerprint;
use edge::{Incoming, Outcome, clock, http};

use super::STAFF;
use crate::order_desk::Desk;
use crate::stored;

const NOTES_MAX: u32 = 200;

/// The id of an order, here or in the database.
async fn id_of(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Result<String, Problem> {
    let viewer = incoming.actor(STAFF)?;
    match desk.order_for(&incoming.scope, order, viewer).await {
        Ok(row) => Ok(row.order_id),
        Err(problem) if problem.is(code::NOT_FOUND) => {
            stored::id_of(&desk.env, incoming, order).await
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /orders/{id}/notes`. The same key is the same note.
pub async fn add(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let actor = incoming.actor(STAFF)?.tag();
    let input: NoteInput = incoming.json()?;
    let text = input.text.trim();
    if text.is_empty() || !fits(&input.text, TEXT_MAX) {
        return Err(Problem::field("text", "must be 1 to 1000 characters long"));
    }
    let order_id = id_of(desk, incoming, order).await?;
    let now = clock::now_ms();
    let id = match incoming.key()? {
        Some(key) => fingerprint(&[&order_id, &actor, key]),
        None => domain::ids::desk_uuid(now, 0, clock::random_bytes()),
    };
    let statements = [
        Sql::new(
            "INSERT INTO order_notes (note_id, order_id, text, written_by, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )
        .text(&id)
        .text(&order_id)
        .text(text)
        .text(&actor)
        .text(&domain::time::rfc3339(now)),
        Sql::new(
            "SELECT note_id, text, written_by, created_at FROM order_notes WHERE note_id = ?1",
        )
        .text(&id),
    ];
    let results = Db::open(&desk.env, "DB")?
        .batch(&incoming.scope, "orders.note", &statements)
        .await?;
    let written: Vec<Note> = edge::d1::rows_of(results.get(1))?;
    http::json(201, &written.first())
}

/// `GET /orders/{id}/notes`: the latest first.
pub async fn list(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    incoming.actor(STAFF)?;
    let order_id = id_of(desk, incoming, order).await?;
    let statement = Sql::new(
        "SELECT note_id, text, written_by, created_at FROM order_notes WHERE order_id = ?1
         ORDER BY created_at DESC, note_id LIMIT ?2",
    )
    .text(&order_id)
    .int(i64::from(NOTES_MAX));
    let notes: Vec<Note> = Db::open(&desk.env, "DB")?
        .rows(&incoming.scope, "orders.notes", statement)
        .await?;
    http::json(200, &NotePage { notes })
}
