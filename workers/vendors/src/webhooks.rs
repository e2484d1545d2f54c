//! What a messenger (WhatsApp) delivers: vendors who answer offers by message.
//!
//! Nobody has a token here. The provider proves itself once by a word that both know, and
//! with every delivery by a signature over its very bytes; without a good one nothing
//! happens. It repeats a delivery until it is answered with 200, so every message is
//! claimed by its id first (`inbox`), and answering an offer twice is harmless at the desk.
//! What is no message of a vendor is answered with 200 and left alone.

mod inbox;
mod messages;
mod orders;
mod replies;

use contract::plain::Success;
use contract::{Problem, code};
use edge::{Incoming, Outcome, Scope, config, http, json, mac, telemetry};
use worker::Env;

use crate::{alerts, directory};
use messages::{Message, messages_in};

/// So many are dealt with at a time; the rest when the provider comes again.
const MESSAGES_MAX: usize = 20;

fn secret(env: &Env, name: &str) -> Option<String> {
    config::secret(env, name).filter(|secret| !secret.is_empty())
}

/// `GET`: the provider wants to know whether we know the word.
pub fn shake_hands(env: &Env, incoming: &Incoming) -> Outcome {
    let query = |name: &str| incoming.query.get(name).map(String::as_str);
    let expected = secret(env, "WHATSAPP_VERIFY_TOKEN");
    let knows = match (&expected, query("hub.verify_token")) {
        (Some(expected), Some(sent)) => mac::is_same(expected, sent),
        _ => false,
    };
    if !knows || query("hub.mode") != Some("subscribe") {
        let detail = "the verify token is not the one of this shop";
        return Err(Problem::new(code::FORBIDDEN, detail));
    }
    let challenge = query("hub.challenge").unwrap_or_default();
    http::text("text/plain; charset=utf-8", challenge.to_owned())
}

/// `POST`: messages, and much that is none.
pub async fn deliver(env: &Env, incoming: &Incoming) -> Outcome {
    let key = secret(env, "WHATSAPP_APP_SECRET").unwrap_or_default();
    let signature = incoming.signature.as_deref().unwrap_or_default();
    if !mac::is_signed(&key, signature, &incoming.body).await {
        let detail = "the signature is missing, or is not one of this body";
        return Err(Problem::new(code::UNAUTHENTICATED, detail));
    }
    let found = messages_in(&json::parse(&incoming.body)?);
    if !found.is_empty() {
        deal_with(env, &incoming.scope, &found).await?;
    }
    http::json(200, &Success::YES)
}

/// One after the other, since two may be about the same order.
async fn deal_with(env: &Env, scope: &Scope, found: &[Message]) -> Result<(), Problem> {
    let ids: Vec<&str> = found.iter().map(|message| message.id.as_str()).collect();
    let claimed = inbox::claim(env, scope, &ids, MESSAGES_MAX).await?;
    // What another delivery is at, or was at when it broke off, has to come again.
    let is_known = |id: &&str| {
        claimed
            .ids
            .iter()
            .chain(&claimed.done)
            .any(|known| known == id)
    };
    let mut left = !ids.iter().all(is_known);
    let mut dealt_with: Vec<&str> = Vec::new();
    for message in found {
        let id = message.id.as_str();
        if !claimed.ids.iter().any(|each| each == id) || dealt_with.contains(&id) {
            continue;
        }
        dealt_with.push(id);
        if let Err(problem) = answer(env, scope, message).await {
            let about = [
                ("reason", problem.detail.as_str()),
                ("trace_id", &scope.trace),
            ];
            telemetry::warn("message_not_answered", &about);
            inbox::free(env, scope, id).await?;
            left = true;
        } else {
            inbox::done(env, scope, id).await?;
        }
    }
    if left {
        let detail = "not all of it could be dealt with; send it again";
        return Err(Problem::new(code::UNAVAILABLE, detail).retry_after(1));
    }
    Ok(())
}

/// Does what a message says and tells its sender what came of it. An error says that it
/// has to be tried again.
async fn answer(env: &Env, scope: &Scope, message: &Message) -> Result<(), Problem> {
    let whose = directory::by_phone(env, scope, &message.phone).await?;
    let Some(vendor) = whose else {
        // Strangers get no answer: it would cost, and tell them what this is.
        telemetry::info("message_of_stranger", &[("trace_id", &scope.trace)]);
        return Ok(());
    };
    let text = orders::carry_out(env, scope, &vendor, &message.text).await?;
    alerts::say(env, scope, &message.phone, &text).await
}
