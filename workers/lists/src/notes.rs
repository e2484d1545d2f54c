//! What staff writes down about an order, for staff. Notes are rows of the database alone: an
//! order may have left its desk long ago when somebody calls about it.

use contract::order::asked::NoteInput;
use contract::order::{AdmitToOrder, Note, NotePage, ORDER_DESK, desk_name};
use contract::{Actor, Problem};
use domain::ids::{DESKS_MAX, desk_of};
use domain::limits::{TEXT_MAX, fits};
use edge::call::{To, call};
use edge::d1::{Db, Sql};
use edge::identity::fingerprint;
use edge::{Incoming, Outcome, clock, http};
use serde::Deserialize;
use worker::Env;

const NOTES_MAX: u32 = 200;

#[derive(Deserialize)]
struct OrderId {
    order_id: String,
}

/// The id of an order, which its desk knows where the database does not yet.
async fn id_of(
    env: &Env,
    incoming: &Incoming,
    order: &str,
    viewer: &Actor,
) -> Result<String, Problem> {
    let statement =
        Sql::new("SELECT order_id FROM orders WHERE order_id = ?1 OR order_number = ?1")
            .text(order);
    let found: Vec<OrderId> = Db::open(env, "DB")?
        .rows(&incoming.scope, "orders.id", statement)
        .await?;
    if let Some(found) = found.into_iter().next() {
        return Ok(found.order_id);
    }
    let number = desk_of(order).filter(|desk| *desk < DESKS_MAX);
    let name = desk_name(number.ok_or_else(|| Problem::not_found("order"))?);
    let admit = AdmitToOrder {
        order: order.to_owned(),
        viewer: viewer.clone(),
    };
    let to = To::Object(ORDER_DESK, &name);
    let admitted = call(env, &incoming.scope, to, admit).await;
    let admitted = admitted.map_err(|error| error.into_problem("order.admit"))?;
    Ok(admitted.order_id)
}

/// `POST /orders/{id}/notes`. The same key is the same note.
pub async fn add(env: &Env, incoming: &Incoming, order: &str, writer: &Actor) -> Outcome {
    let actor = writer.tag();
    let input: NoteInput = incoming.json()?;
    let text = input.text.trim();
    if text.is_empty() || !fits(&input.text, TEXT_MAX) {
        return Err(Problem::field("text", "must be 1 to 1000 characters long"));
    }
    let order_id = id_of(env, incoming, order, writer).await?;
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
    let results = Db::open(env, "DB")?
        .batch(&incoming.scope, "orders.note", &statements)
        .await?;
    let written: Vec<Note> = edge::d1::rows_of(results.get(1))?;
    http::json(201, &written.first())
}

/// `GET /orders/{id}/notes`: the latest first.
pub async fn list(env: &Env, incoming: &Incoming, order: &str, reader: &Actor) -> Outcome {
    let order_id = id_of(env, incoming, order, reader).await?;
    let statement = Sql::new(
        "SELECT note_id, text, written_by, created_at FROM order_notes WHERE order_id = ?1
         ORDER BY created_at DESC, note_id LIMIT ?2",
    )
    .text(&order_id)
    .int(i64::from(NOTES_MAX));
    let notes: Vec<Note> = Db::open(env, "DB")?
        .rows(&incoming.scope, "orders.notes", statement)
        .await?;
    http::json(200, &NotePage { notes })
}
