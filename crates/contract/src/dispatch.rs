//! Finding drivers, between workers: messages over the queues, by the names that the shop's
//! documents have for them, and what the desks of cells and drivers say to each other.

use domain::errand::{Report, Stage, State, Why};
pub use domain::fleet::{Carried, DriverFacts, Ping};
use domain::geo::Point;
use domain::limits::{TEXT_MAX, fits, is_code};
use domain::shift::Progress;
use serde::{Deserialize, Serialize};

use crate::{Empty, commands};

/// The worker that finds drivers.
pub const DISPATCH_SERVICE: &str = "DISPATCH_SERVICE";
/// The worker that knows the drivers.
pub const DRIVER_SERVICE: &str = "DRIVER_SERVICE";
pub const CELL_DESK: &str = "CELL_DESK";
pub const DRIVER_DESK: &str = "DRIVER_DESK";
/// Bindings of the queues.
pub const REQUESTS: &str = "ASSIGNMENT_REQUESTS";
pub const RESPONSES: &str = "ASSIGNMENT_RESPONSES";
/// The binding under which whoever consumes responses reaches the queue of the dead ones.
pub const DEAD_RESPONSES_BINDING: &str = "DEAD_RESPONSES";
/// Queues where messages end that nobody could do anything with.
pub const DEAD_REQUESTS: &str = "driver-assignment-requests-dead";
pub const DEAD_RESPONSES: &str = "driver-assignment-responses-dead";

pub const REQUESTED: &str = "AssignmentRequested";
pub const ASSIGNED: &str = "DriverAssigned";
pub const ASSIGNMENT_FAILED: &str = "AssignmentFailed";

/// The desk that leads what is collected in a cell.
pub fn cell_desk_name(cell: &str) -> String {
    format!("cell-{cell}")
}

/// The desk of a driver, of so many.
pub fn driver_desk_name(desk: u16) -> String {
    format!("driver-{desk}")
}

/// The tile of ten degrees that a place is in, as the documents name it: `4_-7`.
pub fn geo_key(at: Point) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "degrees are few")]
    let tile = |degrees: f64| (degrees / 10.0) as i32;
    format!("{}_{}", tile(at.latitude), tile(at.longitude))
}

/// The name that the documents have for where requests go.
pub fn request_topic(geo_key: &str) -> String {
    format!("driver_assignment.requests.{geo_key}")
}

pub const RESPONSE_TOPIC: &str = "driver_assignment.responses";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RequestedItem {
    pub sku: String,
    #[serde(default)]
    pub title: String,
    pub quantity: i64,
}

/// An order wants a driver. What the documents do not name may be left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AssignmentRequest {
    pub event_id: String,
    pub event_type: String,
    pub occurred_at: String,
    pub order_id: String,
    #[serde(default)]
    pub topic: String,
    pub geo_key: String,
    pub restaurant_latitude: f64,
    pub restaurant_longitude: f64,
    pub customer_latitude: f64,
    pub customer_longitude: f64,
    /// Minutes from `occurredAt` until it can be collected.
    pub preparation_time: f64,
    /// How far drivers may be away, in kilometres.
    pub radius: f64,
    pub items: Vec<RequestedItem>,
    /// In units of the currency.
    pub total_amount: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_instructions: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_number: Option<String>,
    #[serde(default)]
    pub total_minor: i64,
    #[serde(default)]
    pub currency: String,
    /// Where it is collected, by name; what is collected at one place may go together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Counts the requests for one order. A later one ends those before it.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_at: Option<String>,
}

fn first_attempt() -> u32 {
    1
}

/// What became of a request: `assigned` or `failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AssignmentResponse {
    pub event_id: String,
    pub event_type: String,
    pub order_id: String,
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_id: Option<String>,
    /// Minutes until it is at the door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<String>,
    pub topic: String,
    pub geo_key: String,
    /// The whole of it, for the order's desk.
    pub report: ReportBody,
}

/// How an errand stands, as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReportBody {
    pub attempt: u32,
    pub version: u32,
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_id: Option<String>,
    pub eta_s: u32,
    pub by_hand: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    pub at_ms: i64,
}

impl From<Report> for ReportBody {
    fn from(report: Report) -> Self {
        Self {
            attempt: report.attempt,
            version: report.version,
            state: report.state,
            driver_id: report.driver,
            eta_s: report.eta_s,
            by_hand: report.by_hand,
            proof: report.proof,
            at_ms: report.at_ms,
        }
    }
}

impl From<ReportBody> for Report {
    fn from(body: ReportBody) -> Self {
        Self {
            attempt: body.attempt,
            version: body.version,
            state: body.state,
            driver: body.driver_id,
            eta_s: body.eta_s,
            by_hand: body.by_hand,
            proof: body.proof,
            at_ms: body.at_ms,
        }
    }
}

/// A driver whom a neighbouring cell may choose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nearby {
    pub at: Point,
    pub at_ms: i64,
    pub offers: u32,
    pub facts: DriverFacts,
}

/// What a driver gets to know of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriverOrder {
    pub order_id: String,
    pub order_number: String,
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub progress: Progress,
    pub pickup: Point,
    pub dropoff: Point,
    pub site: String,
    pub ready_at: String,
    pub items: Vec<RequestedItem>,
    pub total_minor: i64,
    pub currency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_instructions: Option<String>,
    /// Until when an offer can be accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// `PUT /api/driver/location`, and what a device sends over its socket.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LocationInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Latitude"))]
    pub latitude: f64,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Longitude"))]
    pub longitude: f64,
    /// In metres.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1_000_000)))]
    pub accuracy: Option<f64>,
    /// Counted by the device, so that one that comes late is known for that.
    #[cfg_attr(
        feature = "schema",
        schemars(range(min = 0, max = 1_000_000_000_000_i64))
    )]
    pub sequence: i64,
    /// When it was there; now, where it is not said.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Instant>"))]
    pub at: Option<String>,
}

impl LocationInput {
    pub fn ping(&self, driver_id: &str, now_ms: i64) -> Result<Ping, crate::Problem> {
        let wrong = |field: &str, detail: &str| Err(crate::Problem::field(field, detail));
        if !(-90.0..=90.0).contains(&self.latitude) {
            return wrong("latitude", "must be from -90 to 90");
        }
        if !(-180.0..=180.0).contains(&self.longitude) {
            return wrong("longitude", "must be from -180 to 180");
        }
        if self
            .accuracy
            .is_some_and(|metres| !(0.0..=1_000_000.0).contains(&metres))
        {
            return wrong("accuracy", "must be from 0 to 1000000 metres");
        }
        if !(0..=1_000_000_000_000).contains(&self.sequence) {
            return wrong("sequence", "must be from 0 to 1000000000000");
        }
        let at_ms = match self.at.as_deref().map(domain::time::from_rfc3339) {
            None => now_ms,
            Some(Some(at_ms)) => at_ms,
            Some(None) => return wrong("at", "must be a time, such as 2026-01-31T10:00:00Z"),
        };
        Ok(Ping {
            driver_id: driver_id.to_owned(),
            at: Point {
                latitude: self.latitude,
                longitude: self.longitude,
            },
            accuracy_m: self.accuracy,
            seq: self.sequence,
            at_ms,
        })
    }
}

/// Where a list goes on that is by time and, within it, by id: both, with `_` between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor<'a> {
    pub at_ms: i64,
    pub id: &'a str,
}

impl<'a> Cursor<'a> {
    /// As callers may send it: no more digits than a number keeps exactly.
    pub const PATTERN: &'static str = "^[0-9]{1,15}_[A-Za-z0-9._:-]{1,64}$";

    pub fn read(text: &'a str) -> Result<Self, crate::Problem> {
        let read = text.split_once('_').and_then(|(at, id)| {
            let is_number = at.len() <= 15 && at.bytes().all(|byte| byte.is_ascii_digit());
            let at_ms = at.parse().ok().filter(|_| is_number && is_code(id))?;
            Some(Self { at_ms, id })
        });
        read.ok_or_else(|| crate::Problem::field("cursor", "must be one that a page gave"))
    }

    pub fn write(&self) -> String {
        format!("{}_{}", self.at_ms, self.id)
    }
}

/// A driver on the admin's map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeenDriver {
    pub driver_id: String,
    pub latitude: f64,
    pub longitude: f64,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub seen_at: String,
    /// Not heard of for a while.
    pub stale: bool,
    pub available: bool,
    pub room: u32,
    pub orders: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeenDrivers {
    /// The cell of the place that was asked for.
    pub cell: String,
    pub drivers: Vec<SeenDriver>,
}

/// A driver, as admins write one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriverInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub driver_id: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Words"))]
    pub name: String,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Phone>"))]
    pub phone: Option<String>,
    #[serde(default)]
    pub vehicle: Vehicle,
    /// Orders at once.
    #[serde(default = "one")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 20)))]
    pub capacity: u32,
    #[serde(default = "yes")]
    pub active: bool,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Vehicle {
    Foot,
    #[default]
    Bicycle,
    Scooter,
    Car,
    Van,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriverView {
    #[serde(flatten)]
    pub driver: DriverInput,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub created_at: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub updated_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriverPage {
    pub drivers: Vec<DriverView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A message that nobody could make anything of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadLetter {
    pub letter_id: String,
    pub queue: String,
    pub order_id: Option<String>,
    pub reason: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub died_at: String,
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Time>"))]
    pub replayed_at: Option<String>,
    /// As it came. Lists leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadLetters {
    pub letters: Vec<DeadLetter>,
    /// Those that nobody has sent again.
    pub waiting: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// `POST /api/admin/orders/{order}/assign-driver`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AssignDriverInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub driver_id: String,
}

/// `PUT /api/driver/availability`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShiftInput {
    pub available: bool,
    /// A time to come, after which nothing new does.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Instant>"))]
    pub until: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShiftView {
    pub driver_id: String,
    pub available: bool,
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Time>"))]
    pub until: Option<String>,
    pub capacity: u32,
    pub orders: usize,
}

/// What a driver has done with an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriverDone {
    pub success: bool,
    pub order_id: String,
    /// `accept`, `reject`, `picked-up` or `delivered`.
    pub done: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriverOrders {
    pub orders: Vec<DriverOrder>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PastOrder {
    pub order_id: String,
    pub order_number: String,
    pub outcome: String,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub ended_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriverHistory {
    pub orders: Vec<PastOrder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What shows that an order was handed over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeliverInput {
    /// What the customer said at the door.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Words>"))]
    pub code: Option<String>,
    /// Where a photograph of it is.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Words>"))]
    pub photo: Option<String>,
}

impl DeliverInput {
    /// One of the two.
    pub fn proof(&self) -> Result<String, crate::Problem> {
        let given = [("code", &self.code), ("photo", &self.photo)];
        let given = given.map(|(name, text)| Some((name, text.as_deref()?)));
        for (name, text) in given.into_iter().flatten() {
            if text.trim().is_empty() || !fits(text, TEXT_MAX) {
                let wrong = "must be 1 to 1000 characters long";
                return Err(crate::Problem::field(name, wrong));
            }
        }
        let mut given = given.into_iter().flatten();
        let proof = given.next().map(|(name, text)| format!("{name}:{text}"));
        proof.ok_or_else(|| crate::Problem::field("code", "say a code, or where a photo is"))
    }
}

/// How it stands in a cell, as it said last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CellStats {
    pub cell: String,
    /// Drivers who would take an order.
    pub available: u32,
    /// Orders that somebody is looked for, and for how long the oldest was.
    pub open_orders: u32,
    pub oldest_seconds: u32,
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Time"))]
    pub updated_at: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DispatchStats {
    /// Those that said something last, the latest first.
    pub cells: Vec<CellStats>,
    /// Messages that came to nothing and that nobody has sent again.
    pub dead_letters: i64,
}

/// What the order's desk says to a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrandHeard {
    Yes,
    /// No driver is wanted any more.
    Over,
}

commands!(AtDispatch {
    /// What the order says of an attempt, to be collected there. True when no driver has it
    /// then, nor gets it of this attempt.
    Follow as FollowErrand { at: Point, order_id: String, attempt: u32, stage: Stage } -> bool,
        |_| "dispatch.follow".into();
    /// An admin has chosen somebody to bring this order.
    Assign as AssignByHand { request: Box<AssignmentRequest>, driver: String } -> Empty,
        |_| "dispatch.assign".into();
    /// How it stands in the cells.
    Stats as AskDispatch {} -> DispatchStats, |_| "dispatch.stats".into();
    /// Positions, as they came over sockets.
    Pings as PassPings { pings: Vec<Ping> } -> Empty, |_| "dispatch.pings".into();
});

commands!(AtCell {
    /// An order wants a driver. Safe to repeat: an attempt is known by its number, and who
    /// asks again is told again.
    Wish as WishForDriver { request: Box<AssignmentRequest> } -> Empty, |_| "cell.wish".into();
    /// What the order says of an attempt; as above.
    Follow as FollowOrder { order_id: String, attempt: u32, stage: Stage } -> bool,
        |_| "cell.follow".into();
    Accept as DriverAccepts { order_id: String, driver: String } -> Empty, |_| "cell.accept".into();
    Reject as DriverRejects { order_id: String, driver: String } -> Empty, |_| "cell.reject".into();
    Collect as DriverCollects { order_id: String, driver: String } -> Empty,
        |_| "cell.collect".into();
    Deliver as DriverDelivers { order_id: String, driver: String, proof: String } -> Empty,
        |_| "cell.deliver".into();
    /// The driver went off.
    Drop as DropErrand { order_id: String, driver: String, number: u32 } -> Empty,
        |_| "cell.drop".into();
    /// An admin has chosen somebody.
    Force as ForceDriver { request: Box<AssignmentRequest>, driver: String } -> Empty,
        |_| "cell.force".into();
    /// Who of this cell could collect there soon.
    Lend as LendDrivers { at: Point, radius_km: f64 } -> Vec<Nearby>, |_| "cell.lend".into();
    /// Everybody who is about, for those who watch.
    Show as ShowDrivers {} -> Vec<SeenDriver>, |_| "cell.show".into();
    Pings as TakePings { pings: Vec<Ping> } -> Empty, |_| "cell.pings".into();
    /// The driver is in another cell now.
    Leave as DriverLeft { driver: String } -> Empty, |_| "cell.leave".into();
    /// Something of a driver has changed.
    Know as KnowDriver { facts: DriverFacts } -> Empty, |_| "cell.know".into();
});

commands!(AtDrivers {
    /// Whether there is such a driver, who may work.
    Known as IsRegistered { driver: String } -> bool, |_| "drivers.known".into();
});

commands!(AtDriverDesk {
    /// Room for an order. Safe to repeat: the same claim gets the same answer.
    Take as TakeRoom { driver: String, ask: domain::shift::Ask, order: Box<DriverOrder> }
        -> Taken, |_| "driver.take".into();
    /// The claim was accepted, or collected.
    Note as NoteClaim { driver: String, order_id: String, number: u32, is_collected: bool }
        -> Empty, |_| "driver.note".into();
    /// The claim is closed, for ever.
    GiveBack as CloseClaim { driver: String, order_id: String, number: u32, why: Why } -> Empty,
        |_| "driver.give_back".into();
    /// How it stands with the driver, for the cell that has just heard of it.
    Facts as FactsOfDriver { driver: String, cell: String } -> Option<DriverFacts>,
        |_| "driver.facts".into();
    /// What a driver's device says over its socket; answered as the route of that name is.
    Say as DriverSays { driver: String, what: String, order: Option<String>, body: serde_json::Value }
        -> serde_json::Value, |_| "driver.say".into();
});

/// What a driver's desk says to a claim, and how it stands there then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    pub granted: domain::errand::Granted,
    pub facts: Option<DriverFacts>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_what_a_page_gave_and_nothing_else() {
        let cursor = Cursor {
            at_ms: 1_795_996_799_000,
            id: "request-1",
        };
        assert_eq!(Cursor::read(&cursor.write()), Ok(cursor));
        let long = format!("1_{}", "x".repeat(65));
        for wrong in [
            "",
            "_",
            "1",
            "1_",
            "_a",
            "+1_a",
            "-1_a",
            "1.0_a",
            "1_a b",
            "1234567890123456_a",
            &long,
        ] {
            assert!(Cursor::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_shows_that_it_was_handed_over_is_said_and_bounded() {
        let said = |code: Option<&str>, photo: Option<&str>| {
            let [code, photo] = [code, photo].map(|text| text.map(str::to_owned));
            let proof = DeliverInput { code, photo }.proof();
            proof.map_err(|problem| problem.field.unwrap_or_default())
        };
        let long = "x".repeat(1001);
        assert_eq!(said(Some("4711"), None), Ok("code:4711".into()));
        assert_eq!(said(None, Some("door.jpg")), Ok("photo:door.jpg".into()));
        assert_eq!(said(Some("1"), Some("2")), Ok("code:1".into()));
        for (code, photo, field) in [
            (None, None, "code"),
            (Some(" "), None, "code"),
            (Some(" "), Some("door.jpg"), "code"),
            (Some("1"), Some(long.as_str()), "photo"),
            (Some(long.as_str()), None, "code"),
        ] {
            assert_eq!(said(code, photo), Err(field.to_owned()));
        }
    }

    #[test]
    fn tiles_are_cut_towards_nought_and_have_no_negative_nought() {
        let key = |latitude, longitude| {
            geo_key(Point {
                latitude,
                longitude,
            })
        };
        assert_eq!(key(40.7128, -74.0060), "4_-7");
        assert_eq!(key(-3.0, -9.99), "0_0");
        assert_eq!(key(-90.0, 180.0), "-9_18");
        assert_eq!(
            request_topic(&key(40.7128, -74.0060)),
            "driver_assignment.requests.4_-7"
        );
    }
}
