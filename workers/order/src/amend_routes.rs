//! What is taken from an order that stands, where it is, and what staff writes down about it.

use contract::order::{AmendOrder, TrackOrder};
use contract::{Problem, Role};
use domain::amend::Amendment;
use domain::limits::{KEY_MAX, LINES_MAX, QUANTITY_MAX, TEXT_MAX};
use domain::plan::Wanted;
use edge::call::call;
use edge::d1::{Db, Sql};
use edge::identity::fingerprint;
use edge::{Incoming, Outcome, clock, http};
use serde::{Deserialize, Serialize};
use serde_json::json;
use worker::Env;

use crate::routes::{ANYONE_WITH_AN_ORDER, ANYONE_WITH_ORDERS, at_desk_of, desk, id_of};

const STAFF: &[Role] = &[Role::Admin, Role::Service];
/// What an order can be about at most, in minor units.
const AMOUNT_MAX: i64 = 1_000_000_000_000;
const NOTES_MAX: u32 = 200;

#[derive(Deserialize)]
struct CancelLines {
    lines: Vec<Wanted>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct ReturnLines {
    lines: Vec<Wanted>,
    #[serde(default)]
    restock: Option<bool>,
    #[serde(default)]
    refund: Option<bool>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct RefundInput {
    #[serde(default)]
    amount_minor: Option<i64>,
    #[serde(default)]
    reason: Option<String>,
}

/// `POST /orders/{id}/lines/cancel`
pub async fn cancel_lines(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let input: CancelLines = incoming.json()?;
    let amendment = Amendment::Cancel {
        lines: checked(input.lines)?,
    };
    amend(
        env,
        incoming,
        order,
        ANYONE_WITH_ORDERS,
        amendment,
        input.reason,
    )
    .await
}

/// `POST /orders/{id}/returns`: to the shelf and for money, unless it is said otherwise.
pub async fn take_back(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let input: ReturnLines = incoming.json()?;
    let amendment = Amendment::Return {
        lines: checked(input.lines)?,
        restock: input.restock.unwrap_or(true),
        refund: input.refund.unwrap_or(true),
    };
    amend(env, incoming, order, STAFF, amendment, input.reason).await
}

/// `POST /orders/{id}/refunds`: all that is due, where no amount is named.
pub async fn refund(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let input: RefundInput = incoming.json()?;
    let named = input.amount_minor;
    if named.is_some_and(|minor| !(1..=AMOUNT_MAX).contains(&minor)) {
        let wrong = "must be from 1 to 1000000000000";
        return Err(Problem::field("amount_minor", wrong));
    }
    let amendment = Amendment::Refund { minor: named };
    amend(env, incoming, order, STAFF, amendment, input.reason).await
}

fn checked(lines: Vec<Wanted>) -> Result<Vec<Wanted>, Problem> {
    if lines.is_empty() || lines.len() > LINES_MAX {
        return Err(Problem::field("lines", "must be 1 to 50 lines"));
    }
    for (n, line) in lines.iter().enumerate() {
        if !(1..=QUANTITY_MAX).contains(&line.quantity) {
            let field = format!("lines[{n}].quantity");
            return Err(Problem::field(field, "must be from 1 to 100000"));
        }
    }
    Ok(lines)
}

async fn amend(
    env: &Env,
    incoming: &Incoming,
    order: &str,
    who: &[Role],
    amendment: Amendment,
    reason: Option<String>,
) -> Outcome {
    let actor = incoming.actor(who)?.clone();
    if reason.as_ref().is_some_and(|text| text.len() > TEXT_MAX) {
        return Err(Problem::field("reason", "must be at most 1000 bytes long"));
    }
    let key = incoming.key.clone().unwrap_or_default();
    let key_is_bad = key.len() > KEY_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic());
    if key_is_bad || incoming.key.as_ref().is_some_and(String::is_empty) {
        let wrong = "must be 1 to 255 visible ASCII characters";
        return Err(Problem::field("Idempotency-Key", wrong));
    }
    let name = at_desk_of(order, "order")?;
    let command = AmendOrder {
        order: order.to_owned(),
        key: if key.is_empty() {
            key
        } else {
            format!("{}:{key}", actor.tag())
        },
        fingerprint: fingerprint(&["amend", &edge::json::text(&amendment)]),
        actor,
        amendment,
        reason,
    };
    let answer = call(env, &incoming.scope, desk(&name), command)
        .await
        .map_err(|error| error.into_problem("order.amend"))?;
    let response = http::json_text(201, answer.body)?;
    if answer.replayed {
        let headers = response.headers();
        headers
            .set(contract::command::header::REPLAYED, "true")
            .map_err(http::internal)?;
    }
    Ok(response)
}

/// `GET /orders/{id}/tracking`
pub async fn track(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let viewer = incoming.actor(ANYONE_WITH_AN_ORDER)?.clone();
    let name = at_desk_of(order, "order")?;
    let command = TrackOrder {
        order: order.to_owned(),
        viewer,
    };
    let tracking = call(env, &incoming.scope, desk(&name), command)
        .await
        .map_err(|error| error.into_problem("order.track"))?;
    http::json(200, &tracking)
}

#[derive(Deserialize)]
struct NoteInput {
    text: String,
}

#[derive(Serialize, Deserialize)]
struct Note {
    #[serde(rename = "note_id")]
    id: String,
    text: String,
    written_by: String,
    created_at: String,
}

/// `POST /orders/{id}/notes`. The same key is the same note.
pub async fn add_note(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let actor = incoming.actor(STAFF)?.tag();
    let input: NoteInput = incoming.json()?;
    let text = input.text.trim();
    if text.is_empty() || text.len() > TEXT_MAX {
        return Err(Problem::field("text", "must be 1 to 1000 bytes long"));
    }
    let order_id = id_of(env, incoming, order).await?;
    let now = clock::now_ms();
    let id = match &incoming.key {
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
pub async fn notes(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    incoming.actor(STAFF)?;
    let order_id = id_of(env, incoming, order).await?;
    let statement = Sql::new(
        "SELECT note_id, text, written_by, created_at FROM order_notes WHERE order_id = ?1
         ORDER BY created_at DESC, note_id LIMIT ?2",
    )
    .text(&order_id)
    .int(i64::from(NOTES_MAX));
    let notes: Vec<Note> = Db::open(env, "DB")?
        .rows(&incoming.scope, "orders.notes", statement)
        .await?;
    http::json(200, &json!({ "notes": notes }))
}
