//! Offers by HTTP: vendors answer, admins start, steer and look.
//!
//! Paths, bodies and answers are those of the shop's documents. Who may do what is decided
//! here; what comes of it, by the order's desk. A vendor is whoever its token says; admins
//! and services may name one.

mod inputs;
mod shown;

use std::collections::BTreeMap;

use contract::assignment::{
    AcceptReply, How, RejectReply, Routing, RoutingStatus, order_of_routing, words,
};
use contract::order::{
    AcceptOffer, AskRouting, EndOffers, ForceAssign, RejectOffer, ReleaseOrder, SawOffer,
    StartAssignment,
};
use contract::vendor::{NamesOf, VENDOR_SERVICE};
use contract::{Actor, Problem, Role, code};
use domain::assignment::Refusal;
use edge::call::{To, call};
use edge::{Incoming, Outcome, http};
use serde_json::{Value, json};
use worker::{Env, Method};

use crate::routes::ask;
use inputs::{
    AnswerInput, ForceInput, ReleaseInput, RouteInput, StartInput, TimeoutInput, bounded, seconds,
};

const VENDORS: &[Role] = &[Role::Vendor, Role::Admin, Role::Service];
const STAFF: &[Role] = &[Role::Admin, Role::Service];
const ADMIN: &[Role] = &[Role::Admin];

pub fn is_its(path: &[&str]) -> bool {
    matches!(
        path,
        ["api", "vendor" | "routing" | "orders", ..] | ["api", "admin", "orders", ..]
    )
}

pub async fn route(env: &Env, incoming: &Incoming) -> Outcome {
    let post = incoming.method == Method::Post;
    let get = incoming.method == Method::Get;
    match incoming.path().as_slice() {
        ["api", "vendor", "offers"] if get => shown::offers(env, incoming).await,
        ["api", "vendor", "orders", order, "accept"] if post => accept(env, incoming, order).await,
        ["api", "vendor", "orders", order, "reject"] if post => reject(env, incoming, order).await,
        ["api", "vendor", "orders", order, "seen"] if post => seen(env, incoming, order).await,
        ["api", "vendor", "orders", order, "release"] if post => {
            let vendor = incoming.actor(&[Role::Vendor])?.id.clone();
            release(env, incoming, order, Some(vendor)).await
        }
        ["api", "admin", "orders", order, "force-assign"] if post => {
            force(env, incoming, order).await
        }
        ["api", "admin", "orders", order, "start-assignment"] if post => {
            start(env, incoming, order).await
        }
        ["api", "admin", "orders", order, "release"] if post => {
            incoming.actor(ADMIN)?;
            release(env, incoming, order, None).await
        }
        ["api", "admin", "orders", order, "assignments"] if get => {
            incoming.actor(ADMIN)?;
            let routing = routing(env, incoming, order, "order").await?;
            shown::history(env, incoming, &routing).await
        }
        ["api", "orders", order, "route-to-vendors"] if post => {
            route_to_vendors(env, incoming, order).await
        }
        ["api", "routing", id, rest @ ..] => {
            let order = order_of_routing(id);
            of_routing(env, incoming, order, rest).await
        }
        _ => Err(Problem::not_found("route")),
    }
}

async fn of_routing(env: &Env, incoming: &Incoming, order: Option<&str>, path: &[&str]) -> Outcome {
    // Who may not ask is told so, whether there is such a routing or not.
    let roles = match path {
        ["vendor-response" | "accept"] => VENDORS,
        _ => STAFF,
    };
    incoming.actor(roles)?;
    let order = order.ok_or_else(|| Problem::not_found("order"));
    match (&incoming.method, path) {
        (Method::Post, ["vendor-response"]) => respond(env, incoming, order?).await,
        (Method::Post, ["accept"]) => accept(env, incoming, order?).await,
        (Method::Post, ["timeout"]) => time_out(env, incoming, order?).await,
        (Method::Get, ["status"]) => {
            let routing = routing(env, incoming, order?, "order").await?;
            shown::status(env, incoming, &routing).await
        }
        _ => Err(Problem::not_found("route")),
    }
}

fn done(message: &str, data: &Value) -> Outcome {
    done_with(200, message, data)
}

fn done_with(status: u16, message: &str, data: &Value) -> Outcome {
    http::json(
        status,
        &json!({ "success": true, "message": message, "data": data }),
    )
}

async fn accept(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let actor = incoming.actor(VENDORS)?;
    let input = AnswerInput::of(incoming)?;
    accept_with(env, incoming, order, actor, &input).await
}

async fn accept_with(
    env: &Env,
    incoming: &Incoming,
    order: &str,
    actor: &Actor,
    input: &AnswerInput,
) -> Outcome {
    let command = AcceptOffer {
        order: order.to_owned(),
        vendor: input.vendor(actor)?,
        tag: input.tag,
        preparation_s: input.preparation_s()?,
    };
    let reply = ask(env, incoming, order, "order", command).await?;
    won("Order accepted successfully", reply)
}

fn won(message: &str, reply: AcceptReply) -> Outcome {
    match reply {
        AcceptReply::Won {
            order_id,
            vendor_id,
            preparation_s,
        } => {
            let data = json!({
                "success": true, "winner": true, "orderId": order_id, "vendorId": vendor_id,
                "preparationTime": preparation_s.div_ceil(60),
            });
            done(message, &data)
        }
        AcceptReply::Lost { refusal, .. } => Err(lost(refusal)),
    }
}

/// As the documents have it, within a problem. An order that was not offered answers as
/// one that is not there (S2).
fn lost(refusal: Refusal) -> Problem {
    if refusal == Refusal::NotOffered {
        return Problem::not_found("order");
    }
    let reason = refusal.code();
    let data = json!({ "success": false, "winner": false, "reason": reason });
    let mut problem = Problem::new(code::of_refusal(refusal), words(refusal)).with("data", data);
    reason.clone_into(&mut problem.message);
    match refusal {
        Refusal::PlaceUnknown => problem.retry_after(1),
        _ => problem,
    }
}

async fn reject(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let actor = incoming.actor(VENDORS)?;
    let input = AnswerInput::of(incoming)?;
    reject_with(env, incoming, order, actor, &input).await
}

async fn reject_with(
    env: &Env,
    incoming: &Incoming,
    order: &str,
    actor: &Actor,
    input: &AnswerInput,
) -> Outcome {
    let command = RejectOffer {
        order: order.to_owned(),
        vendor: input.vendor(actor)?,
        tag: input.tag,
        reason: input.reason.clone().unwrap_or_default(),
    };
    match ask(env, incoming, order, "order", command).await? {
        RejectReply::Rejected {
            order_id,
            remaining,
        } => {
            let data =
                json!({ "success": true, "orderId": order_id, "remainingVendors": remaining });
            done("Order rejected", &data)
        }
        RejectReply::TooLate { refusal, .. } => Err(lost(refusal)),
    }
}

/// `POST /api/routing/{id}/vendor-response`: what comes of an accept is decided at once.
async fn respond(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let actor = incoming.actor(VENDORS)?;
    let input = AnswerInput::of(incoming)?;
    match input.response.as_deref() {
        Some("ACCEPT") => accept_with(env, incoming, order, actor, &input).await,
        Some("REJECT") => reject_with(env, incoming, order, actor, &input).await,
        _ => Err(Problem::field("response", "must be ACCEPT or REJECT")),
    }
}

async fn seen(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let vendor = incoming.actor(&[Role::Vendor])?.id.clone();
    let input = AnswerInput::of(incoming)?;
    let command = SawOffer {
        order: order.to_owned(),
        vendor,
        tag: input.tag,
    };
    ask(env, incoming, order, "order", command).await?;
    http::json(200, &json!({ "success": true }))
}

async fn force(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let by = incoming.actor(ADMIN)?.clone();
    let input: ForceInput = incoming.json()?;
    let preparation_s = seconds(input.preparation_time)?;
    let named = names(env, incoming, vec![input.vendor_id.clone()]).await?;
    if !named.contains_key(&input.vendor_id) {
        return Err(Problem::field("vendorId", "there is no such vendor"));
    }
    let command = ForceAssign {
        order: order.to_owned(),
        vendor: input.vendor_id,
        by,
        preparation_s,
    };
    let reply = ask(env, incoming, order, "order", command).await?;
    won("Order assigned", reply)
}

async fn names(
    env: &Env,
    incoming: &Incoming,
    vendor_ids: Vec<String>,
) -> Result<BTreeMap<String, String>, Problem> {
    let to = To::Service(VENDOR_SERVICE);
    call(env, &incoming.scope, to, NamesOf { vendor_ids })
        .await
        .map_err(|error| error.into_problem("vendors.names"))
}

async fn start(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    incoming.actor(ADMIN)?;
    let how = incoming.json::<StartInput>()?.how()?;
    let routing = begin(env, incoming, order, how).await?;
    done("Assignment started", &json!(routing))
}

async fn route_to_vendors(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    incoming.actor(STAFF)?;
    let how = incoming.json::<RouteInput>()?.how()?;
    let routing = begin(env, incoming, order, how).await?;
    let data = json!({
        "routingId": routing.routing_id, "orderId": routing.order_id,
        "status": routing.status, "vendors": routing.vendors,
    });
    let message = match routing.status {
        RoutingStatus::Failed => "No vendors available",
        _ => "Order routed to vendors",
    };
    done_with(201, message, &data)
}

async fn begin(env: &Env, incoming: &Incoming, order: &str, how: How) -> Result<Routing, Problem> {
    let by = incoming.actor(STAFF)?.clone();
    let command = StartAssignment {
        order: order.to_owned(),
        by,
        how,
    };
    ask(env, incoming, order, "order", command).await
}

async fn release(env: &Env, incoming: &Incoming, order: &str, vendor: Option<String>) -> Outcome {
    let by = incoming.actor(VENDORS)?.clone();
    let input: ReleaseInput = incoming.json()?;
    bounded("reason", input.reason.as_deref())?;
    let default = match vendor {
        Some(_) => "given back by the vendor",
        None => "taken away by an admin",
    };
    let command = ReleaseOrder {
        order: order.to_owned(),
        vendor,
        by,
        reason: input.reason.unwrap_or_else(|| default.to_owned()),
        epoch: input.epoch,
    };
    let routing = ask(env, incoming, order, "order", command).await?;
    done("Order released", &json!(routing))
}

async fn time_out(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    let input: TimeoutInput = incoming.json()?;
    let command = EndOffers {
        order: order.to_owned(),
        vendor: input.vendor_id,
    };
    let routing = ask(env, incoming, order, "order", command).await?;
    done("Offers ended", &json!(routing))
}

/// How it stands, when the database shows that too.
async fn routing(
    env: &Env,
    incoming: &Incoming,
    order: &str,
    what: &str,
) -> Result<Routing, Problem> {
    let command = AskRouting {
        order: order.to_owned(),
    };
    ask(env, incoming, order, what, command).await
}
