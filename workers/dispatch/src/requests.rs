//! Requests for drivers, as they come over the queue.
//!
//! A request is consumed when the cell's desk has written it down. What fails is tried again
//! with growing pauses and then goes to the dead-letter queue, of which this worker keeps
//! what it gets, for admins to look at and to send again. What can never be understood goes
//! there at once. Safe to repeat: an attempt is known by its number.

use contract::Problem;
use contract::dispatch::{AssignmentRequest, CELL_DESK, WishForDriver, cell_desk_name};
use domain::fleet::Cells;
use domain::geo::Point;
use edge::call::{To, call};
use edge::{Scope, clock, queue, telemetry};
use futures::future::join_all;
use worker::{Env, MessageBatch, MessageExt, RawMessage};

use crate::{letters, settings};

/// A driver who is farther away than that is nobody's driver.
const RADIUS_MAX_KM: f64 = 100.0;

pub async fn take(batch: &MessageBatch<String>, env: &Env) {
    let cells = settings::cells(env);
    let taken = batch.raw_iter().map(|message| one(env, &cells, message));
    join_all(taken).await;
}

async fn one(env: &Env, cells: &Cells, message: RawMessage) {
    let scope = Scope::default();
    let text = queue::text_of(&message);
    let began = clock::now_ms();
    let outcome = match understood(cells, &text) {
        Ok((cell, request)) => {
            let name = cell_desk_name(&cell);
            let wish = WishForDriver { request };
            let taken = call(env, &scope, To::Object(CELL_DESK, &name), wish).await;
            taken
                .map(|_| "taken")
                .map_err(|error| error.into_problem("cell.wish"))
        }
        Err(problem) => {
            return bury(env, &message, &text, &problem).await;
        }
    };
    match outcome {
        Ok(what) => {
            telemetry::count("driver_requests", &[("outcome", what)], 1);
            message.ack();
        }
        Err(problem) => {
            telemetry::count("driver_requests", &[("outcome", "again")], 1);
            telemetry::error("request_not_taken", &[("reason", &problem.detail)]);
            queue::again(&message);
        }
    }
    let took = clock::now_ms().saturating_sub(began);
    telemetry::observe("driver_request_ms", &[], took);
    telemetry::observe("driver_request_age_ms", &[], queue::age_ms(&message));
}

/// What nobody will ever understand is not tried again.
async fn bury(env: &Env, message: &RawMessage, text: &str, problem: &Problem) {
    let reason = &problem.detail;
    telemetry::error("request_not_understood", &[("reason", reason)]);
    telemetry::count("driver_requests", &[("outcome", "not_understood")], 1);
    match letters::bury(
        env,
        contract::dispatch::REQUESTS,
        &message.id(),
        text,
        reason,
    )
    .await
    {
        Ok(()) => message.ack(),
        Err(_) => queue::again(message),
    }
}

/// What is asked for, and of which cell.
fn understood(cells: &Cells, text: &str) -> Result<(String, Box<AssignmentRequest>), Problem> {
    let request: AssignmentRequest = edge::json::parse(text.as_bytes())?;
    Ok((cell_of(cells, &request)?, Box::new(request)))
}

/// The cell that leads it. Errs with what is wrong with it, where something is.
pub fn cell_of(cells: &Cells, request: &AssignmentRequest) -> Result<String, Problem> {
    let pickup = Point {
        latitude: request.restaurant_latitude,
        longitude: request.restaurant_longitude,
    };
    let dropoff = Point {
        latitude: request.customer_latitude,
        longitude: request.customer_longitude,
    };
    for (field, at) in [
        ("restaurantLatitude", pickup),
        ("customerLatitude", dropoff),
    ] {
        if !at.is_valid() {
            return Err(Problem::field(field, "is no place on earth"));
        }
    }
    if !(0.0..=RADIUS_MAX_KM).contains(&request.radius) {
        return Err(Problem::field("radius", "must be from 0 to 100"));
    }
    if !(0.0..=24.0 * 60.0).contains(&request.preparation_time) {
        return Err(Problem::field("preparationTime", "must be from 0 to 1440"));
    }
    cells
        .name_of(pickup)
        .ok_or_else(|| Problem::field("restaurantLatitude", "is no place on earth"))
}
