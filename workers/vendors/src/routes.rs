//! Which request goes where.

use contract::assignment::{ExportPlaces, VENDOR_DESK, vendor_desk_name};
use contract::plain::Success;
use contract::vendor::{
    AtVendors, AvailabilityInput, EndpointInput, FindBest, FindNear, PushKey, SubscriptionInput,
    VendorImport, VendorInput, VendorsImported,
};
use contract::{Problem, Role};
use domain::geo::Point;
use domain::ids::DESKS_MAX;
use edge::call::To;
use edge::{Incoming, Outcome, Scope, call, http};
use worker::{Env, Method, Request};

use crate::alerts;
use crate::search::{self, RADIUS_MAX_KM};
use crate::{directory, webhooks};

const ADMIN: &[Role] = &[Role::Admin];

pub async fn serve(mut request: Request, env: &Env) -> Outcome {
    if call::is_command(&request) {
        let (scope, command) = call::receive(&mut request).await?;
        return command_from(env, &scope, command).await;
    }
    let incoming = Incoming::passed_on(&mut request).await?;
    route(env, &incoming).await
}

async fn command_from(env: &Env, scope: &Scope, command: AtVendors) -> Outcome {
    let answered = match command {
        AtVendors::Near(near) => call::reply(search::near(env, scope, &near).await),
        AtVendors::Best(best) => call::reply(search::best(env, scope, &best).await),
        AtVendors::Ringable(of) => call::reply(alerts::ringable(env, scope, &of.vendor_ids).await),
        AtVendors::Alert(alert) => call::reply(alerts::alert(env, scope, &alert).await),
        AtVendors::CallOff(off) => call::reply(alerts::call_off(env, scope, &off).await),
        AtVendors::Where(of) => call::reply(directory::place(env, scope, &of.vendor_id).await),
        AtVendors::Names(of) => call::reply(directory::names(env, scope, &of.vendor_ids).await),
    };
    answered.map_err(http::internal)
}

async fn route(env: &Env, incoming: &Incoming) -> Outcome {
    match (&incoming.method, incoming.path().as_slice()) {
        (Method::Put, ["api", "vendor", "availability"]) => {
            let vendor = incoming.actor(&[Role::Vendor])?;
            let input: AvailabilityInput = incoming.json()?;
            let view = directory::set_open(env, &incoming.scope, &vendor.id, input.open).await?;
            http::json(200, &view)
        }
        (Method::Post, ["api", "vendor", "push-subscriptions"]) => {
            let vendor = incoming.actor(&[Role::Vendor])?;
            let input: SubscriptionInput = incoming.json()?;
            alerts::subscribe(env, &incoming.scope, &vendor.id, &input).await?;
            http::json(201, &Success::YES)
        }
        (Method::Delete, ["api", "vendor", "push-subscriptions"]) => {
            let vendor = incoming.actor(&[Role::Vendor])?;
            let input: EndpointInput = incoming.json()?;
            alerts::unsubscribe(env, &incoming.scope, &vendor.id, &input).await?;
            http::json(200, &Success::YES)
        }
        (Method::Get, ["api", "vendor", "push-key"]) => {
            incoming.actor(&[Role::Vendor])?;
            let key = alerts::public_key(env).ok_or_else(|| Problem::not_found("push key"))?;
            http::json(200, &PushKey { public_key: key })
        }
        (Method::Get, ["webhooks", "whatsapp"]) => webhooks::shake_hands(env, incoming),
        (Method::Post, ["webhooks", "whatsapp"]) => webhooks::deliver(env, incoming).await,
        (_, ["api", "admin", rest @ ..]) => admin(env, incoming, rest).await,
        _ => Err(Problem::not_found("route")),
    }
}

async fn admin(env: &Env, incoming: &Incoming, path: &[&str]) -> Outcome {
    incoming.actor(ADMIN)?;
    let scope = &incoming.scope;
    match (&incoming.method, path) {
        (Method::Get, ["vendors"]) => {
            let limit = incoming.limit(20, 100)?;
            let after = incoming.query.get("cursor").map_or("", String::as_str);
            let accepting = match incoming.query.get("accepting").map(String::as_str) {
                None | Some("false") => false,
                Some("true") => true,
                Some(_) => return Err(Problem::field("accepting", "must be true or false")),
            };
            http::json(
                200,
                &directory::page(env, scope, after, limit, accepting).await?,
            )
        }
        (Method::Post, ["vendors"]) => {
            let vendor: VendorInput = incoming.json()?;
            directory::create(env, scope, &vendor).await?;
            http::json(201, &directory::get(env, scope, &vendor.vendor_id).await?)
        }
        (Method::Post, ["vendor-import"]) => {
            let import: VendorImport = incoming.json()?;
            directory::write(env, scope, &import.vendors, |n| format!("vendors[{n}].")).await?;
            let imported = VendorsImported {
                success: true,
                written: import.vendors.len(),
            };
            http::json(200, &imported)
        }
        (Method::Get, ["vendor-search", "near"]) => {
            let at = place(incoming)?;
            let find = FindNear {
                latitude: at.latitude,
                longitude: at.longitude,
                radius_km: radius(incoming)?,
                limit: incoming.limit(10, 50)?,
            };
            http::json(200, &search::near(env, scope, &find).await?)
        }
        (Method::Get, ["vendor-search", "best"]) => {
            let at = place(incoming)?;
            let find = FindBest {
                latitude: at.latitude,
                longitude: at.longitude,
                limit: incoming.limit(10, 50)?,
            };
            http::json(200, &search::best(env, scope, &find).await?)
        }
        (Method::Get, ["vendor-search", "within"]) => {
            let (at, km) = (place(incoming)?, radius(incoming)?);
            http::json(200, &search::within(env, scope, at, km).await?)
        }
        (Method::Get, ["desks", "vendor", number, "export"]) => {
            let number = number.parse().ok().filter(|number| *number < DESKS_MAX);
            let name = vendor_desk_name(number.ok_or_else(|| Problem::not_found("desk"))?);
            let after = incoming.query.get("after").cloned().unwrap_or_default();
            let desk = To::Object(VENDOR_DESK, &name);
            let page = call::call(env, scope, desk, ExportPlaces { after })
                .await
                .map_err(|error| error.into_problem("vendor.export"))?;
            http::json(200, &page)
        }
        (Method::Get, ["vendors", id]) => http::json(200, &directory::get(env, scope, id).await?),
        (Method::Put, ["vendors", id]) => {
            let vendor: VendorInput = incoming.json_with("vendor_id", id)?;
            let vendors = std::slice::from_ref(&vendor);
            directory::write(env, scope, vendors, |_| String::new()).await?;
            http::json(200, &directory::get(env, scope, id).await?)
        }
        (Method::Delete, ["vendors", id]) => {
            directory::retire(env, scope, id).await?;
            http::json(200, &Success::YES)
        }
        _ => Err(Problem::not_found("route")),
    }
}

fn number(incoming: &Incoming, name: &str, default: Option<f64>) -> Result<f64, Problem> {
    let wrong = || Problem::field(name, "must be a number");
    match incoming.query.get(name) {
        Some(text) => text
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite())
            .ok_or_else(wrong),
        None => default.ok_or_else(wrong),
    }
}

fn place(incoming: &Incoming) -> Result<Point, Problem> {
    let at = Point {
        latitude: number(incoming, "latitude", None)?,
        longitude: number(incoming, "longitude", None)?,
    };
    if at.is_valid() {
        return Ok(at);
    }
    Err(Problem::field(
        "latitude",
        "the coordinates are off the globe",
    ))
}

fn radius(incoming: &Incoming) -> Result<f64, Problem> {
    let km = number(incoming, "radius_km", Some(10.0))?;
    if km > 0.0 && km <= RADIUS_MAX_KM {
        return Ok(km);
    }
    let wrong = format!("must be above 0 and at most {RADIUS_MAX_KM}");
    Err(Problem::field("radius_km", &wrong))
}
