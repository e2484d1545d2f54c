//! From a request to the worker that answers it.

use contract::assignment::{OFFER_DESK, OFFER_SERVICE, offer_desk_name, order_of_routing};
use contract::cart::{CART_DESK, desk_name};
use contract::dispatch::{DISPATCH_SERVICE, DRIVER_DESK, DRIVER_SERVICE, driver_desk_name};
use contract::lists::LIST_SERVICE;
use contract::notices::NOTICE_SERVICE;
use contract::order::ORDER_DESK;
use contract::paths::methods_of;
use contract::payment::{PAYMENT_DESK, PAYMENT_SERVICE, payment_desk_name};
use contract::plain::Health;
use contract::vendor::VENDOR_SERVICE;
use contract::{Problem, Role, code};
use domain::ids::{DESKS_MAX, desk_of, shard_of};
use domain::limits::{BODY_MAX, IMPORT_BODY_MAX};
use edge::call::{To, forward};
use edge::identity::{Verified, Verifier};
use edge::{Incoming, Outcome, clock, config, http, telemetry};
use worker::{Env, Method, Request, Response, Result};

use crate::cors::Origin;
use crate::{figures, reference, sockets};

/// Answers a request; `trace` is its id in logs, ours whatever a caller sends.
pub async fn serve(
    mut request: Request,
    env: &Env,
    origin: &Origin,
    trace: &str,
) -> Result<Response> {
    if request.method() == Method::Options {
        return origin.preflight();
    }
    let started = clock::now_ms();
    let outcome = answer(&mut request, env, origin, trace).await;
    let status = match &outcome {
        Ok(response) => response.status_code(),
        Err(problem) => problem.status,
    };
    telemetry::count("requests", &[("status", &status.to_string())], 1);
    telemetry::observe("request_ms", &[], clock::now_ms().saturating_sub(started));
    http::finish(outcome)
}

async fn answer(request: &mut Request, env: &Env, origin: &Origin, trace: &str) -> Outcome {
    let authorization = request.headers().get("authorization").ok().flatten();
    let bound = match request.path().as_str() {
        "/api/admin/import" | "/api/admin/vendor-import" | WEBHOOK | PAYMENT_WEBHOOK => {
            IMPORT_BODY_MAX
        }
        _ => BODY_MAX,
    };
    let path = request.path();
    let method = request.inner().method();
    match methods_of(&http::segments(&path)) {
        Some(methods) if !methods.contains(&method.as_str()) => return other_methods(methods),
        // What is not on the list of methods would pass for a GET.
        None if request.method().as_ref() != method => return Err(Problem::not_found("route")),
        _ => {}
    }
    // Who the caller is comes first: an unknown one gets no body read.
    if path == "/metrics" {
        return figures::metrics(env, authorization.as_deref()).await;
    }
    if path == "/socket.io" || path == "/socket.io/" {
        // Who comes by socket says so when it is open.
        return sockets::open(env, request, origin, trace).await;
    }
    let verified = match &authorization {
        Some(text) => Some(Verifier::configured(env)?.verify(text, clock::now_ms())?),
        None => None,
    };
    let mut incoming = Incoming::read(request, bound).await?;
    // Of what a caller sends, only builds for tests keep anything: its fault script.
    trace.clone_into(&mut incoming.scope.trace);
    (incoming.actor, incoming.email) = match verified {
        Some(Verified { actor, email, .. }) => (Some(actor), email),
        None => (None, None),
    };
    // Nobody else asks for it.
    if incoming.segments != ["cart", "address"] {
        incoming.email = None;
    }
    route(env, &incoming).await
}

async fn route(env: &Env, incoming: &Incoming) -> Outcome {
    let service = match incoming.path().as_slice() {
        ["health"] => return health(),
        ["stats"] => return figures::stats(env, incoming).await,
        ["openapi.json"] => return reference::document(),
        ["docs", rest @ ..] => return reference::page(rest),
        ["cart", rest @ ..] => {
            let customer = incoming.actor(&[Role::Customer])?;
            let desks = config::number(env, "CART_DESKS", 32_u16).max(1);
            let name = desk_name(shard_of(&customer.id, desks));
            let step = match rest {
                ["place-order"] => "cart.place",
                _ => "cart.change",
            };
            return pass(env, To::Object(CART_DESK, &name), step, incoming).await;
        }
        ["api", "admin", "desks", "order", number, "export"] => {
            incoming.actor(&[Role::Admin])?;
            let number = number.parse().ok().filter(|number| *number < DESKS_MAX);
            let number = number.ok_or_else(|| Problem::not_found("desk"))?;
            let name = contract::order::desk_name(number);
            let to = To::Object(ORDER_DESK, &name);
            return pass(env, to, "order.export", incoming).await;
        }
        ["api", "admin", "desks", "payments", number, "export"] => {
            incoming.actor(&[Role::Admin])?;
            let number = number.parse().ok().filter(|number| *number < DESKS_MAX);
            let name = payment_desk_name(number.ok_or_else(|| Problem::not_found("desk"))?);
            let to = To::Object(PAYMENT_DESK, &name);
            return pass(env, to, "payment.export", incoming).await;
        }
        ["api", "admin", "desks", "cart", number, "export"] => {
            incoming.actor(&[Role::Admin])?;
            let number = number.parse().ok().filter(|number| *number < DESKS_MAX);
            let name = desk_name(number.ok_or_else(|| Problem::not_found("desk"))?);
            return pass(env, To::Object(CART_DESK, &name), "cart.export", incoming).await;
        }
        // Whoever delivers here proves it to the worker itself, by a signature.
        ["webhooks", "whatsapp"] => VENDOR_SERVICE,
        ["webhooks", "payments"] | ["credit"] => PAYMENT_SERVICE,
        ["orders", _, "notes"] => {
            incoming.actor(&[Role::Admin, Role::Service])?;
            LIST_SERVICE
        }
        ["orders", order, "payment"] => return to_payments(env, incoming, order).await,
        ["orders"] | ["api", "admin", "orders", "counts"] => LIST_SERVICE,
        ["orders", order, ..] | ["api", "v1", "orders", order, ..] => {
            let who = &[Role::Customer, Role::Vendor, Role::Admin, Role::Service];
            return to_order(env, incoming, order, who, "order").await;
        }
        ["api", "admin", "placements", order, ..] => {
            return to_order(env, incoming, order, &[Role::Admin], "placement").await;
        }
        ["api", "admin", "orders", order, "assign-driver"] => {
            return to_order(env, incoming, order, &[Role::Admin], "order").await;
        }
        ["api", "driver", what, ..] if *what != "location" => {
            return to_driver(env, incoming).await;
        }
        ["api", "vendor" | "admin", "orders", order, ..] | ["api", "orders", order, ..] => {
            return to_offers(env, incoming, order).await;
        }
        ["api", "routing", id, ..] => {
            let order = order_of_routing(id).unwrap_or_default();
            return to_offers(env, incoming, order).await;
        }
        ["products", ..] => FULFILLMENT,
        ["api", rest @ ..] => api(rest)?,
        _ => return Err(Problem::not_found("route")),
    };
    pass(env, To::Service(service), service, incoming).await
}

/// To the desk that offers the order, named by id or number. One that cannot be is as
/// unknown to any desk.
async fn to_offers(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    // Whom it cannot concern wakes no object.
    incoming.actor(&[Role::Vendor, Role::Admin, Role::Service])?;
    let desk = desk_of(order).filter(|desk| *desk < DESKS_MAX);
    let name = offer_desk_name(desk.unwrap_or_default());
    pass(env, To::Object(OFFER_DESK, &name), "offers", incoming).await
}

/// To the desk that has the order.
async fn to_order(
    env: &Env,
    incoming: &Incoming,
    order: &str,
    who: &[Role],
    what: &str,
) -> Outcome {
    incoming.actor(who)?;
    let number = desk_of(order).filter(|desk| *desk < DESKS_MAX);
    let Some(number) = number else {
        return Err(Problem::not_found(what));
    };
    let step = match incoming.method {
        Method::Get => "order.get",
        _ => "order.move",
    };
    let name = contract::order::desk_name(number);
    pass(env, To::Object(ORDER_DESK, &name), step, incoming).await
}

/// To the desk that has the driver's shift.
async fn to_driver(env: &Env, incoming: &Incoming) -> Outcome {
    let driver = incoming.actor(&[Role::Driver])?;
    let desks = config::number(env, "DRIVER_DESKS", 32_u16).clamp(1, DESKS_MAX);
    let name = driver_desk_name(shard_of(&driver.id, desks));
    pass(env, To::Object(DRIVER_DESK, &name), "driver", incoming).await
}

/// To the desk that takes the order's payment.
async fn to_payments(env: &Env, incoming: &Incoming, order: &str) -> Outcome {
    incoming.actor(&[Role::Customer, Role::Admin, Role::Service])?;
    let desk = desk_of(order).filter(|desk| *desk < DESKS_MAX);
    let name = payment_desk_name(desk.unwrap_or_default());
    pass(env, To::Object(PAYMENT_DESK, &name), "payment", incoming).await
}

async fn pass(env: &Env, to: To<'_>, step: &str, incoming: &Incoming) -> Outcome {
    let response = forward(env, to, step, incoming)
        .await
        .map_err(|error| error.into_problem(step))?;
    if response.status_code() >= 500 {
        let fields = [("step", step), ("trace_id", &incoming.scope.trace)];
        telemetry::error("server_error", &fields);
    }
    Ok(response)
}

const WEBHOOK: &str = "/webhooks/whatsapp";
const PAYMENT_WEBHOOK: &str = "/webhooks/payments";
const FULFILLMENT: &str = "FULFILLMENT_SERVICE";

fn api(path: &[&str]) -> std::result::Result<&'static str, Problem> {
    match path {
        ["vendor", "offers"] => Ok(OFFER_SERVICE),
        ["driver", "location"] => Ok(DISPATCH_SERVICE),
        ["fulfillment" | "stock", ..] => Ok(FULFILLMENT),
        ["vendor", "availability" | "push-subscriptions" | "push-key"] => Ok(VENDOR_SERVICE),
        ["admin", of, rest @ ..] => match (*of, rest) {
            ("vendors" | "vendor-import" | "vendor-search", _) | ("desks", ["vendor", ..]) => {
                Ok(VENDOR_SERVICE)
            }
            ("drivers", _) => Ok(DRIVER_SERVICE),
            ("driver-map" | "dispatch", _) => Ok(DISPATCH_SERVICE),
            ("credit-lines", [_]) => Ok(PAYMENT_SERVICE),
            ("routings", []) | ("desks", ["offers", ..]) => Ok(OFFER_SERVICE),
            ("placements" | "orders" | "orders.csv", []) => Ok(LIST_SERVICE),
            ("webhooks" | "emails" | "notices", _) => Ok(NOTICE_SERVICE),
            ("import" | "products" | "variants" | "warehouses", _) | ("stock", ["low"]) => {
                Ok(FULFILLMENT)
            }
            _ => Err(Problem::not_found("route")),
        },
        _ => Err(Problem::not_found("route")),
    }
}

/// The path is there, and has no such method.
fn other_methods(methods: &[&str]) -> Outcome {
    let detail = format!("use {}", methods.join(" or "));
    let problem = Problem::new(code::METHOD_NOT_ALLOWED, detail);
    let response = http::finish(Err(problem)).map_err(http::internal)?;
    let allow = response.headers().set("allow", &methods.join(", "));
    allow.map_err(http::internal)?;
    Ok(response)
}

fn health() -> Outcome {
    let health = Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    };
    http::json(200, &health)
}
