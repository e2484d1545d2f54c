//! From the shop to the desks: what is to be said is checked, and given to the desk of its
//! order.
//!
//! Answered is durable: every desk that was asked has written. Where one did not answer the
//! whole call is "unknown", and is to be repeated; what was taken already counts once. What
//! cannot be a notice is a mistake of the caller's, so the call is refused by name of the
//! field before any of it counts.

use std::collections::BTreeMap;

use contract::notices::{
    NOTICE_DESK, NOTICES_MAX, Notice, Notify, TakeNotices, notice_desk_name, notice_desk_of,
};
use contract::{Empty, Problem};
use domain::ids::DESKS_MAX;
use domain::limits::{EMAIL_FACTS_MAX, NOTICE_DATA_MAX, is_code};
use domain::notices::kinds::{is_kind, is_notice_id};
use domain::time::from_rfc3339;
use edge::call::{To, call};
use edge::{Scope, config, json};
use futures::future::join_all;
use serde::de::IgnoredAny;
use worker::Env;

/// How many desks there are.
pub fn desks(env: &Env) -> u16 {
    config::number(env, "NOTICE_DESKS", 4_u16).clamp(1, DESKS_MAX)
}

pub async fn notify(env: &Env, scope: &Scope, notify: Notify) -> Result<Empty, Problem> {
    check(&notify.notices)?;
    let desks = desks(env);
    let mut by_desk: BTreeMap<u16, Vec<Notice>> = BTreeMap::new();
    for notice in notify.notices {
        let desk = notice_desk_of(&notice.order_id, desks);
        by_desk.entry(desk).or_default().push(notice);
    }
    let taken = by_desk.into_iter().map(|(desk, notices)| async move {
        let to = To::Object(NOTICE_DESK, &notice_desk_name(desk));
        call(env, scope, to, TakeNotices { desk, notices }).await
    });
    for taken in join_all(taken).await {
        taken.map_err(|error| error.into_problem("notices.take"))?;
    }
    Ok(Empty {})
}

fn check(notices: &[Notice]) -> Result<(), Problem> {
    if notices.len() > NOTICES_MAX {
        let wrong = format!("must be at most {NOTICES_MAX}");
        return Err(Problem::field("notices", &wrong));
    }
    for (n, notice) in notices.iter().enumerate() {
        if let Some((field, wrong)) = wrong_with(notice) {
            return Err(Problem::field(format!("notices[{n}].{field}"), wrong));
        }
    }
    Ok(())
}

fn wrong_with(notice: &Notice) -> Option<(&'static str, &'static str)> {
    if !is_notice_id(&notice.id) {
        return Some(("id", "must be 1 to 128 letters, digits or any of - _ :"));
    }
    if !is_kind(&notice.kind) {
        return Some(("kind", "must be a kind of event that there is"));
    }
    if !is_code(&notice.order_id) {
        return Some(("order_id", "must be the id of an order"));
    }
    if from_rfc3339(&notice.at).is_none() {
        return Some(("at", "must be a time such as 2026-11-20T13:05:00.123Z"));
    }
    if notice.data.len() > NOTICE_DATA_MAX {
        return Some(("data", "must be at most 32 KiB"));
    }
    if serde_json::from_str::<IgnoredAny>(&notice.data).is_err() {
        return Some(("data", "must be JSON"));
    }
    let facts = notice.email.as_ref().map(json::text);
    if facts.is_some_and(|facts| facts.len() > EMAIL_FACTS_MAX) {
        return Some(("email", "must be at most 8 KiB"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_notice_is_named() {
        let good = Notice {
            id: "o-1:2:order_paid".into(),
            kind: "order.paid".into(),
            order_id: "o-1".into(),
            at: "2026-11-20T13:05:00.123Z".into(),
            data: "{}".into(),
            email: None,
        };
        assert_eq!(wrong_with(&good), None);
        let with = |change: fn(&mut Notice)| {
            let mut notice = good.clone();
            change(&mut notice);
            wrong_with(&notice).map(|(field, _)| field)
        };
        assert_eq!(with(|notice| notice.id = "a.b".into()), Some("id"));
        assert_eq!(with(|notice| notice.kind = "ping".into()), Some("kind"));
        assert_eq!(
            with(|notice| notice.order_id = String::new()),
            Some("order_id")
        );
        assert_eq!(with(|notice| notice.at = "now".into()), Some("at"));
        assert_eq!(with(|notice| notice.data = "{".into()), Some("data"));
        assert_eq!(with(|notice| notice.data = "{},".into()), Some("data"));
        assert_eq!(
            with(|notice| notice.data = " ".repeat(33_000)),
            Some("data")
        );
        let two = [
            good.clone(),
            Notice {
                data: String::new(),
                ..good.clone()
            },
        ];
        let problem = check(&two).unwrap_err();
        assert_eq!(problem.field.as_deref(), Some("notices[1].data"));
        let many: Vec<Notice> = std::iter::repeat_n(good, NOTICES_MAX + 1).collect();
        assert_eq!(check(&many).unwrap_err().field.as_deref(), Some("notices"));
    }
}
