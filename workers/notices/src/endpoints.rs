//! Where webhooks go: the endpoints, as admins write and see them.
//!
//! The database is the truth. The desks remember what they read there for a few seconds, and
//! are told when it changes; one that does not hear of it finds out by itself. A secret is
//! made here, shown in the answer to what made it, and never again. To create an endpoint
//! twice is refused by its address; everything else may be repeated, and rotating twice
//! leaves all secrets of the last day signing, so that nobody is locked out by a lost answer.

use contract::notices::{
    ForgetEndpoints, NOTICE_DESK, WebhookChange, WebhookInput, WebhookPage, WebhookView,
    notice_desk_name,
};
use contract::{Problem, code};
use domain::ids::desk_uuid;
use domain::limits::{ENDPOINTS_MAX, TEXT_MAX, fits};
use domain::notices::endpoint::wrong_with;
use domain::notices::kinds::is_kind;
use domain::time::rfc3339;
use edge::call::{To, call};
use edge::d1::{Db, DbError, Sql};
use edge::{Scope, clock, config, http, subtle, telemetry};
use futures::future::join_all;
use serde::Deserialize;
use worker::Env;

use crate::notify::desks;
use crate::signing::{self, OLD_SECRET_MS};

const DISABLED_BY_HAND: &str = "switched off by an admin";

#[derive(Deserialize)]
struct Row {
    endpoint_id: String,
    url: String,
    kinds: Option<String>,
    description: Option<String>,
    active: u8,
    disabled_reason: Option<String>,
    disabled_at: Option<String>,
    last_success_at: Option<String>,
    failing_since: Option<String>,
    created_at: String,
    updated_at: String,
}

impl Row {
    fn view(self, secret: Option<String>) -> WebhookView {
        let kinds = self.kinds.map(|kinds| serde_json::from_str(&kinds));
        WebhookView {
            id: self.endpoint_id,
            url: self.url,
            kinds: kinds.map(Result::unwrap_or_default),
            description: self.description,
            active: self.active != 0,
            disabled_reason: self.disabled_reason,
            disabled_at: self.disabled_at,
            last_success_at: self.last_success_at,
            failing_since: self.failing_since,
            created_at: self.created_at,
            updated_at: self.updated_at,
            secret,
        }
    }
}

/// What is shown of an endpoint, behind a statement's beginning.
macro_rules! shown {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " endpoint_id, url, kinds, description, active, disabled_reason, disabled_at,
              last_success_at, failing_since, created_at, updated_at ",
            $after
        )
    };
}

fn check_url(env: &Env, url: &str) -> Result<(), Problem> {
    let allow_local = config::text(env, "WEBHOOK_ALLOW_LOCAL").as_deref() == Some("true");
    match wrong_with(url, allow_local) {
        Some(wrong) => Err(Problem::field("url", wrong)),
        None => Ok(()),
    }
}

fn check_kinds(kinds: &[String]) -> Result<(), Problem> {
    if kinds.is_empty() {
        let wrong = "must name a kind; leave it out for every kind";
        return Err(Problem::field("kinds", wrong));
    }
    match kinds.iter().position(|kind| !is_kind(kind)) {
        Some(n) => {
            let wrong = "must be a kind of event that there is";
            Err(Problem::field(format!("kinds[{n}]"), wrong))
        }
        None => Ok(()),
    }
}

fn check_description(description: &str) -> Result<(), Problem> {
    if fits(description, TEXT_MAX) {
        return Ok(());
    }
    Err(Problem::field(
        "description",
        "must be at most 1000 characters long",
    ))
}

pub async fn create(
    env: &Env,
    scope: &Scope,
    input: &WebhookInput,
) -> Result<WebhookView, Problem> {
    check_url(env, &input.url)?;
    input.kinds.as_deref().map_or(Ok(()), check_kinds)?;
    input
        .description
        .as_deref()
        .map_or(Ok(()), check_description)?;
    let secret = new_secret()?;
    let now = clock::now_ms();
    let sql = Sql::new(shown!(
        "INSERT INTO webhook_endpoints
           (endpoint_id, url, kinds, description, secret, activated_at, created_at, updated_at)
         SELECT ?1, ?2 ->> 'url', ?2 ->> 'kinds', ?2 ->> 'description', ?3, ?4, ?4, ?4
         WHERE (SELECT count(*) FROM webhook_endpoints) < ?5
         RETURNING",
        ""
    ));
    let sql = sql
        .text(&desk_uuid(now, 0, clock::random_bytes()))
        .json(input)
        .text(&secret)
        .text(&rfc3339(now))
        .int(ENDPOINTS_MAX);
    let rows: Vec<Row> = Db::open(env, "DB")?
        .rows(scope, "webhooks.create", sql)
        .await
        .map_err(taken)?;
    let Some(row) = rows.into_iter().next() else {
        let detail = format!("there are {ENDPOINTS_MAX} endpoints, and no more can be; delete one");
        return Err(Problem::new(code::TOO_MANY_ENDPOINTS, detail));
    };
    tell_desks(env, scope).await;
    Ok(row.view(Some(secret)))
}

/// The one constraint that input can run into.
fn taken(error: DbError) -> Problem {
    match error {
        DbError::Constraint(reason) if reason.contains("url") => {
            let detail = "there is an endpoint at this address; change it with PATCH";
            Problem::new(code::ALREADY_EXISTS, detail).of_field("url")
        }
        other => other.into(),
    }
}

fn new_secret() -> Result<String, Problem> {
    Ok(signing::secret(subtle::random().map_err(http::internal)?))
}

fn one(rows: Vec<Row>) -> Result<Row, Problem> {
    let row = rows.into_iter().next();
    row.ok_or_else(|| Problem::not_found("webhook"))
}

pub async fn list(env: &Env, scope: &Scope) -> Result<WebhookPage, Problem> {
    let sql = Sql::new(shown!(
        "SELECT",
        "FROM webhook_endpoints ORDER BY endpoint_id"
    ));
    let rows: Vec<Row> = Db::open(env, "DB")?
        .rows(scope, "webhooks.list", sql)
        .await?;
    Ok(WebhookPage {
        webhooks: rows.into_iter().map(|row| row.view(None)).collect(),
    })
}

pub async fn get(env: &Env, scope: &Scope, id: &str) -> Result<WebhookView, Problem> {
    let sql = Sql::new(shown!(
        "SELECT",
        "FROM webhook_endpoints WHERE endpoint_id = ?1"
    ));
    let rows = Db::open(env, "DB")?
        .rows(scope, "webhooks.get", sql.text(id))
        .await?;
    Ok(one(rows)?.view(None))
}

/// What an endpoint was like before it was switched on again, or led elsewhere, has no say
/// in whether it works.
pub async fn change(
    env: &Env,
    scope: &Scope,
    id: &str,
    change: &WebhookChange,
) -> Result<WebhookView, Problem> {
    change
        .url
        .as_deref()
        .map_or(Ok(()), |url| check_url(env, url))?;
    let kinds = change.kinds.as_ref().and_then(Option::as_deref);
    kinds.map_or(Ok(()), check_kinds)?;
    let description = change.description.as_ref().and_then(Option::as_deref);
    description.map_or(Ok(()), check_description)?;
    let sql = Sql::new(shown!(
        "UPDATE webhook_endpoints SET
           url = coalesce(?2 ->> 'url', url),
           kinds = iif(json_type(?2, '$.kinds') IS NULL, kinds, ?2 ->> 'kinds'),
           description = iif(json_type(?2, '$.description') IS NULL, description, ?2 ->> 'description'),
           active = coalesce(?2 ->> 'active', active),
           activated_at = iif((?2 ->> 'active' = 1 AND active = 0) OR ?2 ->> 'url' <> url, ?3, activated_at),
           failing_since = iif((?2 ->> 'active' = 1 AND active = 0) OR ?2 ->> 'url' <> url, NULL, failing_since),
           disabled_reason = CASE ?2 ->> 'active' WHEN 1 THEN NULL WHEN 0 THEN iif(active = 1, ?4, disabled_reason) ELSE disabled_reason END,
           disabled_at = CASE ?2 ->> 'active' WHEN 1 THEN NULL WHEN 0 THEN iif(active = 1, ?3, disabled_at) ELSE disabled_at END,
           updated_at = ?3
         WHERE endpoint_id = ?1 RETURNING",
        ""
    ));
    let sql = sql
        .text(id)
        .json(change)
        .text(&rfc3339(clock::now_ms()))
        .text(DISABLED_BY_HAND);
    let rows = Db::open(env, "DB")?
        .rows(scope, "webhooks.change", sql)
        .await
        .map_err(taken)?;
    let row = one(rows)?;
    tell_desks(env, scope).await;
    Ok(row.view(None))
}

/// What waits for it is given up when its time comes.
pub async fn delete(env: &Env, scope: &Scope, id: &str) -> Result<(), Problem> {
    let sql = Sql::new(shown!(
        "DELETE FROM webhook_endpoints WHERE endpoint_id = ?1 RETURNING",
        ""
    ));
    let rows = Db::open(env, "DB")?
        .rows(scope, "webhooks.delete", sql.text(id))
        .await?;
    one(rows)?;
    tell_desks(env, scope).await;
    Ok(())
}

/// A new secret. The ones of the last day, four at most, sign along.
pub async fn rotate(env: &Env, scope: &Scope, id: &str) -> Result<WebhookView, Problem> {
    let secret = new_secret()?;
    let now = clock::now_ms();
    let sql = Sql::new(shown!(
        "UPDATE webhook_endpoints SET
           old_secrets = json_insert(
             iif(json_array_length(old_secrets) >= 4, json_remove(old_secrets, '$[0]'), old_secrets),
             '$[#]', json_object('secret', secret, 'until', CAST(?3 AS INTEGER))),
           secret = ?2, updated_at = ?4
         WHERE endpoint_id = ?1 RETURNING",
        ""
    ));
    let sql = sql
        .text(id)
        .text(&secret)
        .int(now.saturating_add(OLD_SECRET_MS))
        .text(&rfc3339(now));
    let rows = Db::open(env, "DB")?
        .rows(scope, "webhooks.rotate", sql)
        .await?;
    let row = one(rows)?;
    tell_desks(env, scope).await;
    Ok(row.view(Some(secret)))
}

/// A desk that does not hear of it looks by itself, seconds later.
async fn tell_desks(env: &Env, scope: &Scope) {
    let told = (0..desks(env)).map(|desk| async move {
        let to = To::Object(NOTICE_DESK, &notice_desk_name(desk));
        call(env, scope, to, ForgetEndpoints {}).await
    });
    for told in join_all(told).await {
        if let Err(error) = told {
            let reason = error.into_problem("notices.forget").detail;
            telemetry::warn("desk_not_told", &[("reason", &reason)]);
        }
    }
}
