//! What admins ask of the directory, and other workers. What a driver asks of its own shift
//! goes from the gateway to its desk.

use contract::dispatch::{AtDrivers, DRIVER_DESK, DriverInput, DriverSays, driver_desk_name};
use contract::{Problem, Role};
use domain::ids::{DESKS_MAX, shard_of};
use domain::limits::is_code;
use edge::{Incoming, Outcome, Scope, call, config, http};
use worker::{Env, Method, Request};

use crate::directory;

pub async fn serve(mut request: Request, env: &Env) -> Outcome {
    if call::is_command(&request) {
        let (scope, AtDrivers::Known(of)) = call::receive(&mut request).await?;
        let known = directory::capacity_of(env, &scope, &of.driver).await;
        let answered = call::reply(known.map(|capacity| capacity.is_some()));
        return answered.map_err(http::internal);
    }
    let incoming = Incoming::passed_on(&mut request).await?;
    incoming.actor(&[Role::Admin])?;
    let scope = &incoming.scope;
    match (&incoming.method, incoming.path().as_slice()) {
        (Method::Get, ["api", "admin", "drivers"]) => {
            let limit = incoming.limit(20, 100)?;
            let after = incoming.query.get("cursor").map(String::as_str);
            if after.is_some_and(|after| !is_code(after)) {
                return Err(Problem::field("cursor", "must be one that a page gave"));
            }
            let after = after.unwrap_or_default();
            http::json(200, &directory::list(env, scope, after, limit).await?)
        }
        (Method::Post, ["api", "admin", "drivers"]) => {
            let driver: DriverInput = incoming.json()?;
            http::json(201, &directory::create(env, scope, &driver).await?)
        }
        (Method::Get, ["api", "admin", "drivers", id]) => {
            http::json(200, &directory::get(env, scope, id).await?)
        }
        (Method::Put, ["api", "admin", "drivers", id]) => {
            let driver: DriverInput = incoming.json_with("driver_id", id)?;
            let view = directory::write(env, scope, &driver).await?;
            if !driver.active {
                send_home(env, scope, id).await?;
            }
            http::json(200, &view)
        }
        (Method::Delete, ["api", "admin", "drivers", id]) => {
            let view = directory::retire(env, scope, id).await?;
            send_home(env, scope, id).await?;
            http::json(200, &view)
        }
        _ => Err(Problem::not_found("route")),
    }
}

/// Whoever may not work any more gets nothing new, and gives back what is not collected. Safe
/// to repeat, as the admin does who did not hear that it was done.
async fn send_home(env: &Env, scope: &Scope, driver: &str) -> Result<(), Problem> {
    let desks = config::number(env, "DRIVER_DESKS", 32_u16).clamp(1, DESKS_MAX);
    let name = driver_desk_name(shard_of(driver, desks));
    let home = DriverSays {
        driver: driver.to_owned(),
        what: "availability".to_owned(),
        order: None,
        body: serde_json::json!({ "available": false }),
    };
    let told = call::call(env, scope, call::To::Object(DRIVER_DESK, &name), home).await;
    told.map_err(|error| error.into_problem("driver.say"))?;
    Ok(())
}
