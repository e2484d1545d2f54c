//! Which messages were dealt with, by id, for two days.
//!
//! A message is claimed before anything is done for it and marked when its sender has
//! been answered. A claim older than 30 s was left behind by a crash, and the next
//! delivery takes it over: what the desk is asked twice it answers alike, and the sender
//! hears it a second time at most.

use edge::d1::{Db, DbError, Sql, rows_of};
use edge::{Scope, clock};
use serde::Deserialize;
use worker::Env;

const LEASE_MS: i64 = 30_000;
const KEEP_MS: i64 = 48 * 60 * 60 * 1000;

#[derive(Deserialize)]
struct Row {
    id: String,
}

/// What may be dealt with, and what was.
pub struct Claimed {
    pub ids: Vec<String>,
    pub done: Vec<String>,
}

/// Claims of these what nobody has, at most `max`.
pub async fn claim(env: &Env, scope: &Scope, ids: &[&str], max: usize) -> Result<Claimed, DbError> {
    let now = clock::now_ms();
    let old = Sql::new("DELETE FROM inbound_messages WHERE at < ?1");
    let claim = Sql::new(
        "INSERT INTO inbound_messages (id, state, at)
         SELECT DISTINCT value, 'claimed', ?2 FROM json_each(?1)
         WHERE NOT EXISTS (SELECT 1 FROM inbound_messages AS known
                           WHERE known.id = value AND (known.state = 'done' OR known.at > ?3))
         LIMIT ?4
         ON CONFLICT (id) DO UPDATE SET at = excluded.at
         RETURNING id",
    );
    let claim = claim
        .json(&ids)
        .int(now)
        .int(now.saturating_sub(LEASE_MS))
        .int(i64::try_from(max).unwrap_or(i64::MAX));
    let done = Sql::new(
        "SELECT id FROM inbound_messages
         WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'done'",
    );
    let batch = [old.int(now.saturating_sub(KEEP_MS)), claim, done.json(&ids)];
    let results = Db::open(env, "DB")?
        .batch(scope, "messages.claim", &batch)
        .await?;
    let of = |index: usize| -> Result<Vec<String>, DbError> {
        let rows: Vec<Row> = rows_of(results.get(index))?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    };
    Ok(Claimed {
        ids: of(1)?,
        done: of(2)?,
    })
}

pub async fn done(env: &Env, scope: &Scope, id: &str) -> Result<(), DbError> {
    let sql = Sql::new("UPDATE inbound_messages SET state = 'done', at = ?2 WHERE id = ?1");
    let batch = [sql.text(id).int(clock::now_ms())];
    Db::open(env, "DB")?
        .batch(scope, "messages.done", &batch)
        .await?;
    Ok(())
}

/// Leaves it to the next delivery.
pub async fn free(env: &Env, scope: &Scope, id: &str) -> Result<(), DbError> {
    let sql = Sql::new("DELETE FROM inbound_messages WHERE id = ?1 AND state = 'claimed'");
    Db::open(env, "DB")?
        .batch(scope, "messages.free", &[sql.text(id)])
        .await?;
    Ok(())
}
