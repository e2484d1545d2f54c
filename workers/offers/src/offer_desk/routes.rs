//! Offers by HTTP: vendors answer, admins start, steer and look. The gateway passes a
//! request on to the desk of its order, so an answer is one trip.
//!
//! Paths, bodies and answers are those of the shop's documents. Who may do what is decided
//! here, what comes of it by the desk. A vendor is whoever its token says; admins and
//! services may name one.

mod shown;

use std::collections::BTreeMap;
use std::rc::Rc;

use contract::assignment::{
    AcceptOffer, AcceptReply, RejectOffer, RejectReply, RoutingStatus, SawOffer, order_of_routing,
    words,
};
use contract::offers::asked::{
    AnswerInput, ForceInput, ReleaseInput, RouteInput, StartInput, TimeoutInput,
};
use contract::offers::shown::{Done, Rejected, Routed, Won};
use contract::plain::Success;
use contract::vendor::{NamesOf, VENDOR_SERVICE};
use contract::{Problem, Role, code};
use domain::assignment::Refusal;
use edge::call::{To, call};
use edge::{Incoming, Outcome, http};
use serde::Serialize;
use serde_json::json;
use worker::Method;

use super::Desk;

const VENDORS: &[Role] = &[Role::Vendor, Role::Admin, Role::Service];
const STAFF: &[Role] = &[Role::Admin, Role::Service];
const ADMIN: &[Role] = &[Role::Admin];

pub async fn serve(desk: &Rc<Desk>, incoming: &Incoming) -> Outcome {
    let post = incoming.method == Method::Post;
    let get = incoming.method == Method::Get;
    match incoming.path().as_slice() {
        ["api", "vendor", "orders", order, "accept"] if post => accept(desk, incoming, order).await,
        ["api", "vendor", "orders", order, "reject"] if post => reject(desk, incoming, order).await,
        ["api", "vendor", "orders", order, "seen"] if post => seen(desk, incoming, order).await,
        ["api", "vendor", "orders", order, "release"] if post => {
            let vendor = incoming.actor(&[Role::Vendor])?.id.clone();
            release(desk, incoming, order, Some(&vendor)).await
        }
        ["api", "admin", "orders", order, "force-assign"] if post => {
            force(desk, incoming, order).await
        }
        ["api", "admin", "orders", order, "start-assignment"] if post => {
            start(desk, incoming, order).await
        }
        ["api", "admin", "orders", order, "release"] if post => {
            incoming.actor(ADMIN)?;
            release(desk, incoming, order, None).await
        }
        ["api", "admin", "orders", order, "assignments"] if get => {
            incoming.actor(ADMIN)?;
            let routing = desk.ask_routing(order).await?;
            shown::history(desk, incoming, &routing).await
        }
        ["api", "orders", order, "route-to-vendors"] if post => {
            route_to_vendors(desk, incoming, order).await
        }
        ["api", "routing", id, rest @ ..] => {
            let order = order_of_routing(id);
            of_routing(desk, incoming, order, rest).await
        }
        _ => Err(Problem::not_found("route")),
    }
}

async fn of_routing(
    desk: &Rc<Desk>,
    incoming: &Incoming,
    order: Option<&str>,
    path: &[&str],
) -> Outcome {
    // Who may not ask is told so, whether there is such a routing or not.
    let roles = match path {
        ["vendor-response" | "accept"] => VENDORS,
        _ => STAFF,
    };
    incoming.actor(roles)?;
    let order = order.ok_or_else(|| Problem::not_found("order"));
    match (&incoming.method, path) {
        (Method::Post, ["vendor-response"]) => respond(desk, incoming, order?).await,
        (Method::Post, ["accept"]) => accept(desk, incoming, order?).await,
        (Method::Post, ["timeout"]) => {
            let input: TimeoutInput = incoming.json()?;
            let routing = desk.end_offers(order?, input.vendor_id).await?;
            done(200, "Offers ended", &routing)
        }
        (Method::Get, ["status"]) => {
            let routing = desk.ask_routing(order?).await?;
            shown::status(desk, incoming, &routing).await
        }
        _ => Err(Problem::not_found("route")),
    }
}

fn done(status: u16, message: &str, data: &impl Serialize) -> Outcome {
    let done = Done {
        success: true,
        message,
        data,
    };
    http::json(status, &done)
}

fn answer_of(incoming: &Incoming) -> Result<AnswerInput, Problem> {
    let input: AnswerInput = incoming.json()?;
    input.check()?;
    Ok(input)
}

async fn accept(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let actor = incoming.actor(VENDORS)?;
    let input = answer_of(incoming)?;
    let accept = AcceptOffer {
        order: order.to_owned(),
        vendor: input.vendor(actor)?,
        tag: input.tag,
        preparation_s: input.preparation_s()?,
    };
    let reply = desk.accept_offer(&incoming.scope, &accept).await?;
    won("Order accepted successfully", reply)
}

fn won(message: &str, reply: AcceptReply) -> Outcome {
    match reply {
        AcceptReply::Won {
            order_id,
            vendor_id,
            preparation_s,
        } => {
            let data = Won {
                success: true,
                winner: true,
                order_id,
                vendor_id,
                preparation_time: preparation_s.div_ceil(60),
            };
            done(200, message, &data)
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

async fn reject(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let actor = incoming.actor(VENDORS)?;
    let input = answer_of(incoming)?;
    let reject = RejectOffer {
        order: order.to_owned(),
        vendor: input.vendor(actor)?,
        tag: input.tag,
        reason: input.reason.unwrap_or_default(),
    };
    match desk.reject_offer(&incoming.scope, &reject).await? {
        RejectReply::Rejected {
            order_id,
            remaining,
        } => {
            let data = Rejected {
                success: true,
                order_id,
                remaining_vendors: remaining,
            };
            done(200, "Order rejected", &data)
        }
        RejectReply::TooLate { refusal, .. } => Err(lost(refusal)),
    }
}

/// `POST /api/routing/{id}/vendor-response`: what comes of an accept is decided at once.
async fn respond(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    incoming.actor(VENDORS)?;
    match answer_of(incoming)?.response.as_deref() {
        Some("ACCEPT") => accept(desk, incoming, order).await,
        Some("REJECT") => reject(desk, incoming, order).await,
        _ => Err(Problem::field("response", "must be ACCEPT or REJECT")),
    }
}

async fn seen(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let actor = incoming.actor(&[Role::Vendor])?;
    let input = answer_of(incoming)?;
    let saw = SawOffer {
        order: order.to_owned(),
        vendor: input.vendor(actor)?,
        tag: input.tag,
    };
    desk.saw_offer(&saw).await?;
    http::json(200, &Success::YES)
}

async fn force(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let by = incoming.actor(ADMIN)?;
    let input: ForceInput = incoming.json()?;
    let preparation_s = input.preparation_s()?;
    let named = names(desk, incoming, vec![input.vendor_id.clone()]).await?;
    if !named.contains_key(&input.vendor_id) {
        return Err(Problem::field("vendorId", "there is no such vendor"));
    }
    let vendor = &input.vendor_id;
    let reply = desk.force_assign(&incoming.scope, order, by, vendor, preparation_s);
    won("Order assigned", reply.await?)
}

/// What vendors are called, of those that there are.
async fn names(
    desk: &Rc<Desk>,
    incoming: &Incoming,
    vendor_ids: Vec<String>,
) -> Result<BTreeMap<String, String>, Problem> {
    let to = To::Service(VENDOR_SERVICE);
    call(&desk.env, &incoming.scope, to, NamesOf { vendor_ids })
        .await
        .map_err(|error| error.into_problem("vendors.names"))
}

async fn start(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let by = incoming.actor(ADMIN)?;
    let how = incoming.json::<StartInput>()?.how()?;
    let routing = desk.start_assignment(&incoming.scope, order, by, &how);
    done(200, "Assignment started", &routing.await?)
}

async fn route_to_vendors(desk: &Rc<Desk>, incoming: &Incoming, order: &str) -> Outcome {
    let by = incoming.actor(STAFF)?;
    let how = incoming.json::<RouteInput>()?.how()?;
    let routing = desk.start_assignment(&incoming.scope, order, by, &how);
    let routing = routing.await?;
    let message = match routing.status {
        RoutingStatus::Failed => "No vendors available",
        _ => "Order routed to vendors",
    };
    let data = Routed {
        routing_id: routing.routing_id,
        order_id: routing.order_id,
        status: routing.status,
        vendors: routing.vendors,
    };
    done(201, message, &data)
}

/// `vendor` is the one who gives it back; an admin takes it from whoever has it.
async fn release(
    desk: &Rc<Desk>,
    incoming: &Incoming,
    order: &str,
    vendor: Option<&str>,
) -> Outcome {
    let input: ReleaseInput = incoming.json()?;
    let default = match vendor {
        Some(_) => "given back by the vendor",
        None => "taken away by an admin",
    };
    let epoch = input.epoch;
    let reason = input.reason_or(default)?;
    let routing = desk.release_order(&incoming.scope, order, vendor, reason, epoch);
    done(200, "Order released", &routing.await?)
}
