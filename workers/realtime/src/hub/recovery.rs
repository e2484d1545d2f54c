//! A client that comes back says which session it had and what it heard last. If the
//! streams still have everything since, it gets that and nothing else; if not it is
//! told so, by a new session id, and gets a snapshot.

use std::rc::Rc;

use contract::events::{SNAPSHOT, Snapshot};
use contract::lists::LIST_SERVICE;
use contract::order::OrderPage;
use contract::packet::event_frame;
use contract::realtime::{Event, Wish};
use contract::{Actor, Problem, Role};
use domain::live::position::{Mark, Position};
use domain::time::rfc3339;
use edge::call::{To, get_as};
use edge::{Scope, clock, telemetry};
use serde_json::{Map, Value, json};

use super::Inner;
use super::lines::Heard;

/// What a snapshot shows.
const SNAPSHOT_OF: &str = "/orders?limit=50";
/// Between the random part of a session's id and the position that it began at.
pub const SEAM: char = '~';

/// What a client says about the session it had.
pub struct Former {
    pub pid: String,
    pub position: Position,
}

impl Inner {
    /// A client that was here before, or one who is to hear of what happened lately as
    /// if it had been: what did it miss?
    pub(super) async fn come_back(
        self: &Rc<Self>,
        actor: &Actor,
        former: &Former,
        rooms: &[String],
    ) -> Result<Vec<Heard>, Problem> {
        let wishes = (0..self.lines.len()).map(|stream| {
            // No mark is one that no stream has.
            let mark = former.position.get(stream);
            let mark = mark.unwrap_or(Mark { epoch: 0, seq: 0 });
            vec![Wish::Back {
                pid: former.pid.clone(),
                by: actor.tag(),
                rooms: rooms.to_vec(),
                epoch: mark.epoch,
                seq: mark.seq,
            }]
        });
        let heard = self.ask_streams(wishes.collect()).await?;
        self.confirm(rooms);
        let joined = heard.iter().filter_map(|one| one.missed.as_ref());
        for missed in joined {
            self.confirm(&missed.joined);
        }
        Ok(heard)
    }

    /// Sends what was missed, in the order in which it happened as far as that is known,
    /// each with the position that its reader has then. The last brings the whole way,
    /// over what happened elsewhere and what is over.
    pub(super) fn replay(
        &self,
        number: u32,
        heard: Vec<Heard>,
        from: Option<Position>,
        to: &Position,
    ) {
        let mut position = from.unwrap_or_else(|| Position::new(self.lines.len()));
        let whole = position.is_whole();
        let mut all: Vec<(usize, Mark, Rc<Event>)> = Vec::new();
        let mut latest = Vec::new();
        for (stream, one) in heard.into_iter().enumerate() {
            let Some(missed) = one.missed else { continue };
            latest.extend(missed.latest);
            let epoch = one.head.epoch;
            let marked = missed.events.into_iter();
            all.extend(marked.map(|(seq, event)| (stream, Mark { epoch, seq }, event)));
        }
        let last = all.len();
        for (count, (stream, mark, event)) in (1..).zip(all) {
            position.set(stream, mark);
            // One who starts anew counts from where it came in.
            let on_its_way = whole && count < last;
            let text = if on_its_way { &position } else { to }.text();
            self.sockets
                .send(number, &event_frame(&event.body(), Some(&text)));
        }
        for event in latest {
            self.sockets.send(number, &event_frame(&event.body(), None));
        }
    }

    /// What one who cannot be told what it missed gets instead. A snapshot that cannot
    /// be had is no reason to keep anybody out: the client sees that it starts anew.
    pub(super) async fn snapshot(&self, number: u32, actor: &Actor, rooms: &[String]) {
        let orders = match self.orders_of(actor).await {
            Ok(page) => Some(page.orders),
            Err(problem) => {
                telemetry::error("snapshot_failed", &[("reason", &problem.detail)]);
                None
            }
        };
        let snapshot = Snapshot {
            rooms: rooms.to_vec(),
            orders,
            time: rfc3339(clock::now_ms()),
        };
        self.emit(number, SNAPSHOT, &json!(snapshot));
    }

    async fn orders_of(&self, actor: &Actor) -> Result<OrderPage, Problem> {
        if matches!(actor.role, Role::Vendor | Role::Driver) {
            // None are theirs yet.
            return Ok(OrderPage::default());
        }
        let to = To::Service(LIST_SERVICE);
        get_as(&self.env, &Scope::default(), to, actor, SNAPSHOT_OF)
            .await
            .map_err(|error| error.into_problem("orders.snapshot"))
    }
}

/// The session that a client says it had. Where it has heard nothing yet, its position
/// is the one it came in at, which its id tells.
pub fn former(auth: &Map<String, Value>) -> Option<Former> {
    let pid = auth.get("pid")?.as_str()?.to_owned();
    let (_, began) = pid.split_once(SEAM)?;
    let began = Position::parse(began)?;
    let offset = auth.get("offset").and_then(Value::as_str);
    let position = match offset.map(Position::parse) {
        Some(offset) => offset?.or_later(&began),
        None => began,
    };
    Some(Former { pid, position })
}
