//! What goes over queues and sockets, made of what the desks know.

use std::rc::Rc;

use contract::dispatch::{
    ASSIGNED, ASSIGNMENT_FAILED, AssignmentRequest, AssignmentResponse, DriverOrder, RESPONSE_TOPIC,
};
use contract::events::{DRIVER_OFFER, DriverOffer, driver_offer_id, order_event};
use contract::realtime::Event;
use domain::errand::{Report, State};
use domain::live::room::Room;
use domain::time::rfc3339;
use edge::call::CallError;
use edge::{announce, clock};
use worker::Env;

/// The document's words for a search that found nobody.
const NOBODY: &str = "No available drivers in area";

pub fn response(
    order_id: &str,
    request: Option<&AssignmentRequest>,
    report: &Report,
) -> AssignmentResponse {
    let is_assigned = report.state == State::Assigned;
    let at = rfc3339(report.at_ms);
    AssignmentResponse {
        event_id: format!("{order_id}:{}:{}", report.attempt, report.version),
        event_type: if is_assigned {
            ASSIGNED
        } else {
            ASSIGNMENT_FAILED
        }
        .to_owned(),
        order_id: order_id.to_owned(),
        status: if is_assigned { "assigned" } else { "failed" }.to_owned(),
        driver_id: report.driver.clone(),
        eta: is_assigned.then(|| report.eta_s.div_ceil(60)),
        assigned_at: is_assigned.then(|| at.clone()),
        error: (!is_assigned).then(|| NOBODY.to_owned()),
        failed_at: (!is_assigned).then_some(at),
        topic: RESPONSE_TOPIC.to_owned(),
        geo_key: request
            .map(|request| request.geo_key.clone())
            .unwrap_or_default(),
        report: report.clone().into(),
    }
}

/// A driver is asked. Whoever misses it finds it among the open offers.
pub async fn offer(
    env: &Env,
    driver: &str,
    order: &DriverOrder,
    claim: u32,
    until_ms: i64,
) -> Result<(), CallError> {
    let offer = DriverOffer {
        order_id: order.order_id.clone(),
        order: order.clone(),
        expires_at: rfc3339(until_ms),
    };
    let event = order_event(
        driver_offer_id(&order.order_id, claim),
        &order.order_id,
        DRIVER_OFFER,
        &[Room::Driver(driver.to_owned())],
        rfc3339(clock::now_ms()),
        offer,
    );
    let event = Event {
        until_ms: Some(until_ms),
        ..event
    };
    announce::publish(env, vec![Rc::new(event)]).await
}
