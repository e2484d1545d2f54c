//! Which request goes where: what other workers ask of any cell, where drivers are, and what
//! admins look at. What a driver asks of its own shift goes from the gateway to its desk.

use std::collections::BTreeMap;

use contract::dispatch::{
    AssignByHand, AtDispatch, CELL_DESK, Cursor, DRIVER_SERVICE, FollowErrand, FollowOrder,
    ForceDriver, IsRegistered, LocationInput, Ping, SeenDrivers, ShowDrivers, TakePings,
    cell_desk_name,
};
use contract::plain::Success;
use contract::{Empty, Problem, Role};
use domain::geo::Point;
use edge::call::To;
use edge::{Incoming, Outcome, Scope, call, clock, http};
use futures::future::join_all;
use worker::{Env, Method, Request};

use crate::settings::cells;
use crate::{letters, requests, standing};

const ADMIN: &[Role] = &[Role::Admin];

pub async fn serve(mut request: Request, env: &Env) -> Outcome {
    if call::is_command(&request) {
        let (scope, command) = call::receive(&mut request).await?;
        return command_from(env, &scope, command).await;
    }
    let incoming = Incoming::passed_on(&mut request).await?;
    route(env, &incoming).await
}

async fn command_from(env: &Env, scope: &Scope, command: AtDispatch) -> Outcome {
    let answered = match command {
        AtDispatch::Follow(of) => call::reply(follow(env, scope, of).await),
        AtDispatch::Assign(of) => call::reply(assign(env, scope, of).await),
        AtDispatch::Stats(_) => call::reply(standing::read(env, scope).await),
        AtDispatch::Pings(of) => call::reply(pass(env, scope, of.pings).await),
    };
    answered.map_err(http::internal)
}

fn cell_at(env: &Env, field: &str, at: Point) -> Result<String, Problem> {
    let name = cells(env).name_of(at).filter(|_| at.is_valid());
    name.ok_or_else(|| Problem::field(field, "is no place on earth"))
}

async fn follow(env: &Env, scope: &Scope, of: FollowErrand) -> Result<bool, Problem> {
    let name = cell_desk_name(&cell_at(env, "at", of.at)?);
    let follow = FollowOrder {
        order_id: of.order_id,
        attempt: of.attempt,
        stage: of.stage,
    };
    let followed = call::call(env, scope, To::Object(CELL_DESK, &name), follow).await;
    followed.map_err(|error| error.into_problem("cell.follow"))
}

async fn assign(env: &Env, scope: &Scope, of: AssignByHand) -> Result<Empty, Problem> {
    // What a desk does not know goes elsewhere, and nobody would hear why.
    let ask = IsRegistered {
        driver: of.driver.clone(),
    };
    let known = call::call(env, scope, To::Service(DRIVER_SERVICE), ask).await;
    if !known.map_err(|error| error.into_problem("drivers.known"))? {
        let wrong = "there is no such driver, or none who may work";
        return Err(Problem::field("driver_id", wrong));
    }
    let cell = requests::cell_of(&cells(env), &of.request)?;
    let name = cell_desk_name(&cell);
    let force = ForceDriver {
        request: of.request,
        driver: of.driver,
    };
    let forced = call::call(env, scope, To::Object(CELL_DESK, &name), force).await;
    forced.map_err(|error| error.into_problem("cell.force"))
}

/// Positions go to the cells they are in, one call a cell.
async fn pass(env: &Env, scope: &Scope, pings: Vec<Ping>) -> Result<Empty, Problem> {
    let cells = cells(env);
    let mut by_cell: BTreeMap<String, Vec<Ping>> = BTreeMap::new();
    for ping in pings {
        if let Some(cell) = cells.name_of(ping.at) {
            by_cell.entry(cell).or_default().push(ping);
        }
    }
    let passed = by_cell.into_iter().map(|(cell, pings)| async move {
        let name = cell_desk_name(&cell);
        let to = To::Object(CELL_DESK, &name);
        call::call(env, scope, to, TakePings { pings }).await
    });
    for passed in join_all(passed).await {
        passed.map_err(|error| error.into_problem("cell.pings"))?;
    }
    Ok(Empty {})
}

async fn route(env: &Env, incoming: &Incoming) -> Outcome {
    let scope = &incoming.scope;
    match (&incoming.method, incoming.path().as_slice()) {
        (Method::Put, ["api", "driver", "location"]) => {
            let driver = incoming.actor(&[Role::Driver])?;
            let input: LocationInput = incoming.json()?;
            let ping = input.ping(&driver.id, clock::now_ms())?;
            pass(env, scope, vec![ping]).await?;
            http::json(200, &Success::YES)
        }
        (_, ["api", "admin", rest @ ..]) => admin(env, incoming, rest).await,
        _ => Err(Problem::not_found("route")),
    }
}

async fn admin(env: &Env, incoming: &Incoming, path: &[&str]) -> Outcome {
    incoming.actor(ADMIN)?;
    let scope = &incoming.scope;
    let cursor = incoming.query.get("cursor").map(String::as_str);
    match (&incoming.method, path) {
        (Method::Get, ["driver-map"]) => map(env, incoming).await,
        (Method::Get, ["dispatch", "dead-letters"]) => {
            let limit = incoming.limit(20, 100)?;
            let all = match incoming.query.get("state").map(String::as_str) {
                None | Some("waiting") => false,
                Some("all") => true,
                Some(_) => return Err(Problem::field("state", "must be waiting or all")),
            };
            let before = cursor.map(Cursor::read).transpose()?;
            http::json(200, &letters::list(env, scope, all, before, limit).await?)
        }
        (Method::Get, ["dispatch", "dead-letters", id]) => {
            http::json(200, &letters::get(env, scope, id).await?)
        }
        (Method::Post, ["dispatch", "dead-letters", id, "replay"]) => {
            http::json(200, &letters::replay(env, scope, id).await?)
        }
        _ => Err(Problem::not_found("route")),
    }
}

/// Who is about in the cell of a place.
async fn map(env: &Env, incoming: &Incoming) -> Outcome {
    let degrees = |name: &str, most: f64| {
        let given = incoming.query.get(name).and_then(|text| text.parse().ok());
        let given = given.filter(|degrees| (-most..=most).contains(degrees));
        given.ok_or_else(|| Problem::field(name, &format!("must be from -{most} to {most}")))
    };
    let at = Point {
        latitude: degrees("latitude", 90.0)?,
        longitude: degrees("longitude", 180.0)?,
    };
    let cell = cell_at(env, "latitude", at)?;
    let name = cell_desk_name(&cell);
    let to = To::Object(CELL_DESK, &name);
    let drivers = call::call(env, &incoming.scope, to, ShowDrivers {}).await;
    let drivers = drivers.map_err(|error| error.into_problem("cell.show"))?;
    http::json(200, &SeenDrivers { cell, drivers })
}
