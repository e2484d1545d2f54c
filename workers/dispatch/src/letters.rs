//! Messages that came to nothing: kept as they came, for admins to look at and to send again.
//!
//! Safe to repeat: a letter is known by the queue it died on and the id that the queue gave
//! it. One that is sent again is marked after it was sent; a crash between sends it twice,
//! which whoever takes it does not mind.

use contract::dispatch::{
    Cursor, DEAD_REQUESTS, DEAD_RESPONSES, DeadLetter, DeadLetters, REQUESTS, RESPONSES,
};
use contract::{Problem, code};
use domain::time::{from_rfc3339, rfc3339};
use edge::d1::{Db, DbError, Sql, rows_of};
use edge::{Scope, clock, queue, telemetry};
use serde::{Deserialize, Serialize};
use worker::{Env, MessageBatch, MessageExt};

/// Whether this queue is one of those where messages end.
pub fn is_dead(queue: &str) -> bool {
    queue == DEAD_REQUESTS || queue == DEAD_RESPONSES
}

#[derive(Serialize)]
struct Row {
    letter_id: String,
    queue: String,
    order_id: Option<String>,
    body: String,
    reason: String,
    died_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    order_id: Option<String>,
}

/// Writes a batch down, in one trip. It is written or it comes again.
pub async fn keep(batch: &MessageBatch<String>, env: &Env) {
    let queue = match batch.queue().as_str() {
        DEAD_REQUESTS => REQUESTS,
        _ => RESPONSES,
    };
    let died_at = rfc3339(clock::now_ms());
    let rows: Vec<Row> = batch
        .raw_iter()
        .map(|message| {
            let body = queue::text_of(&message);
            row(
                queue,
                &message.id(),
                &body,
                "not understood, or tried in vain as often as is allowed",
                &died_at,
            )
        })
        .collect();
    match write(env, &rows).await {
        Ok(()) => {
            telemetry::count("dead_letters", &[("queue", queue)], as_u64(rows.len()));
            telemetry::error("messages_died", &[("queue", queue)]);
            batch.raw_iter().for_each(|message| message.ack());
        }
        Err(problem) => {
            telemetry::error("letters_not_kept", &[("reason", &problem.detail)]);
            batch.raw_iter().for_each(|message| queue::again(&message));
        }
    }
}

fn row(queue: &str, id: &str, body: &str, reason: &str, died_at: &str) -> Row {
    let named: Option<Named> = serde_json::from_slice(body.as_bytes()).ok();
    Row {
        letter_id: format!("{}-{id}", queue_word(queue)),
        queue: queue.to_owned(),
        order_id: named.and_then(|named| named.order_id),
        body: body.to_owned(),
        reason: reason.to_owned(),
        died_at: died_at.to_owned(),
    }
}

/// One that can come to nothing, at once.
pub async fn bury(
    env: &Env,
    queue: &str,
    id: &str,
    body: &str,
    reason: &str,
) -> Result<(), Problem> {
    let row = row(queue, id, body, reason, &rfc3339(clock::now_ms()));
    write(env, &[row]).await?;
    telemetry::count("dead_letters", &[("queue", queue)], 1);
    Ok(())
}

fn queue_word(queue: &str) -> &'static str {
    if queue == REQUESTS {
        "request"
    } else {
        "response"
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

async fn write(env: &Env, rows: &[Row]) -> Result<(), Problem> {
    let insert = Sql::new(
        "INSERT INTO dead_letters (letter_id, queue, order_id, body, reason, died_at)
         SELECT value ->> 'letter_id', value ->> 'queue', value ->> 'order_id', value ->> 'body',
                value ->> 'reason', value ->> 'died_at'
         FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
    );
    Db::open(env, "DB")?
        .batch(&Scope::default(), "letters.keep", &[insert.json(&rows)])
        .await?;
    Ok(())
}

const COLUMNS: &str = "letter_id, queue, order_id, reason, died_at, replayed_at";

#[derive(Deserialize)]
struct Count {
    waiting: i64,
}

/// A page of them, the latest first; `all` with those that were sent again.
pub async fn list(
    env: &Env,
    scope: &Scope,
    all: bool,
    before: Option<Cursor<'_>>,
    limit: u32,
) -> Result<DeadLetters, Problem> {
    // Every time comes before the first of these.
    let (at, id) = before.map_or_else(
        || ("~".to_owned(), ""),
        |before| (rfc3339(before.at_ms), before.id),
    );
    let which = if all { "" } else { "replayed_at IS NULL AND" };
    let page = Sql::composed(format!(
        "SELECT {COLUMNS} FROM dead_letters WHERE {which} (died_at, letter_id) < (?1, ?2)
         ORDER BY died_at DESC, letter_id DESC LIMIT ?3"
    ));
    let count = Sql::new("SELECT count(*) AS waiting FROM dead_letters WHERE replayed_at IS NULL");
    let statements = [page.text(&at).text(id).int(i64::from(limit)), count];
    let found = Db::open(env, "DB")?
        .batch(scope, "letters.list", &statements)
        .await?;
    let letters: Vec<DeadLetter> = rows_of(found.first())?;
    let waiting: Vec<Count> = rows_of(found.get(1))?;
    let is_full = u32::try_from(letters.len()).is_ok_and(|count| count >= limit);
    let last = letters.last().filter(|_| is_full);
    Ok(DeadLetters {
        next_cursor: last.and_then(|last| {
            let (at_ms, id) = (from_rfc3339(&last.died_at)?, last.letter_id.as_str());
            Some(Cursor { at_ms, id }.write())
        }),
        waiting: waiting.first().map_or(0, |count| count.waiting),
        letters,
    })
}

async fn one(env: &Env, scope: &Scope, step: &str, sql: Sql) -> Result<DeadLetter, Problem> {
    let found: Result<Vec<DeadLetter>, DbError> = Db::open(env, "DB")?.rows(scope, step, sql).await;
    let found = found?.into_iter().next();
    found.ok_or_else(|| Problem::not_found("dead letter"))
}

pub async fn get(env: &Env, scope: &Scope, id: &str) -> Result<DeadLetter, Problem> {
    let sql = Sql::composed(format!(
        "SELECT {COLUMNS}, body FROM dead_letters WHERE letter_id = ?1"
    ));
    one(env, scope, "letters.get", sql.text(id)).await
}

/// Sends it once more, to where it was going.
pub async fn replay(env: &Env, scope: &Scope, id: &str) -> Result<DeadLetter, Problem> {
    let letter = get(env, scope, id).await?;
    let body = letter.body.unwrap_or_default();
    let sent = queue::send(env, scope, &letter.queue, &body).await;
    sent.map_err(|error| {
        telemetry::error("letter_not_sent", &[("reason", &format!("{error:?}"))]);
        Problem::new(code::UNAVAILABLE, "the queue did not take it; try again").retry_after(1)
    })?;
    let sql = Sql::composed(format!(
        "UPDATE dead_letters SET replayed_at = ?2 WHERE letter_id = ?1 RETURNING {COLUMNS}"
    ));
    let sql = sql.text(id).text(&rfc3339(clock::now_ms()));
    one(env, scope, "letters.replayed", sql).await
}
