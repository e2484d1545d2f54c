//! What clients say: joining and leaving rooms, and answers to what they were asked. What
//! vendors say about offers goes on to `answers`, what drivers say to `drivers`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use contract::events::{Complaint, ERROR, JOIN_ROOM, LEAVE_ROOM, RoomAnswer};
use contract::order::{AdmitToOrder, OrderSummary};
use contract::packet::{MAIN, Packet};
use contract::realtime::{Wish, rooms_of};
use contract::{Actor, Problem, code};
use domain::limits::Window;
use domain::live::room::Room;
use edge::{clock, telemetry};
use serde_json::{Value, json};
use worker::WebSocket;

use super::answers::{Whose, is_about_offers};
use super::drivers::is_from_drivers;
use super::{Inner, sockets};

/// Bytes in one frame from a client.
pub const FRAME_MAX: usize = 65_536;
/// Rooms that a socket may join beyond those of its role.
const ROOMS_MAX: usize = 50;
/// Frames that a client may send in a minute. Twice as many, and it is cut off.
const FRAMES_PER_MINUTE: u32 = 600;

thread_local! {
    static RATES: RefCell<BTreeMap<(u16, u32), (Window, u32)>> = const { RefCell::new(BTreeMap::new()) };
}

impl Inner {
    pub(super) async fn packet(self: &Rc<Self>, number: u32, packet: Packet) {
        if !self.admit(number, &packet) {
            return;
        }
        match packet {
            Packet::Connect { namespace, auth } => self.connect(number, &namespace, &auth).await,
            Packet::Disconnect { namespace } if namespace == MAIN => {
                self.cut_off(number, "left");
            }
            Packet::Event {
                namespace,
                ack,
                name,
                args,
            } if namespace == MAIN => self.event(number, ack, &name, &args).await,
            Packet::Ack { ack, args, .. } => {
                let waiting = self.asked.borrow_mut().remove(&ack);
                match waiting {
                    Some((asked, answer)) if asked == number => drop(answer.send(args)),
                    // Somebody else's question is still open.
                    Some(other) => drop(self.asked.borrow_mut().insert(ack, other)),
                    None => {}
                }
            }
            Packet::Binary { ack, .. } => {
                let problem = binary();
                self.answer(number, ack, RoomAnswer::default(), Some(problem));
            }
            // What is for another namespace is for nobody here.
            Packet::Disconnect { .. } | Packet::Event { .. } => {}
            Packet::ConnectError { .. } => self.cut_off(number, "parse error"),
        }
    }

    /// Whether a client may send so much. One that goes on regardless is cut off.
    fn admit(self: &Rc<Self>, number: u32, packet: &Packet) -> bool {
        let now = clock::now_ms();
        let key = (self.number.get().unwrap_or_default(), number);
        let (admitted, over) = RATES.with_borrow_mut(|rates| {
            if rates.len() > 10_000 {
                rates.retain(|_, (window, _)| {
                    window.start_ms.saturating_add(Window::LENGTH_MS) > now
                });
            }
            let (window, over) = rates.entry(key).or_default();
            let admitted = window.admit(FRAMES_PER_MINUTE, now).is_ok();
            *over = if admitted { 0 } else { over.saturating_add(1) };
            (admitted, *over)
        });
        if admitted {
            return true;
        }
        if over > FRAMES_PER_MINUTE {
            telemetry::count("sockets_cut_off", &[("why", "too many frames")], 1);
            self.cut_off(number, "too many frames");
            return false;
        }
        let detail = format!("at most {FRAMES_PER_MINUTE} frames a minute; slow down");
        let (ack, name) = match packet {
            Packet::Event { ack, name, .. } => (*ack, name.as_str()),
            _ => (None, ""),
        };
        let problem = Problem::new(code::TOO_MANY_REQUESTS, detail);
        self.turn_away(number, ack, name, problem);
        false
    }

    /// What was said is not looked at; who said it hears so as it expects to hear of it.
    fn turn_away(&self, number: u32, ack: Option<u64>, name: &str, problem: Problem) {
        if is_about_offers(name) {
            self.refuse_offer(number, ack, name, problem);
        } else if is_from_drivers(name) {
            self.answer_driver(number, ack, Err(problem));
        } else {
            self.answer(number, ack, RoomAnswer::default(), Some(problem));
        }
    }

    pub(super) fn refuse_binary(&self, socket: &WebSocket) {
        self.sockets.find(&self.state);
        if let Some(number) = sockets::number_of(socket) {
            self.answer(number, None, RoomAnswer::default(), Some(binary()));
        }
    }

    async fn event(self: &Rc<Self>, number: u32, ack: Option<u64>, name: &str, args: &[Value]) {
        let Some(actor) = self
            .sockets
            .session(number)
            .and_then(|session| session.actor())
        else {
            let problem = Problem::new(code::UNAUTHENTICATED, "connect first");
            self.turn_away(number, ack, name, problem);
            return;
        };
        if is_about_offers(name) {
            self.about_offer(number, ack, name, &actor, args).await;
            return;
        }
        if is_from_drivers(name) {
            self.from_driver(number, ack, name, &actor, args).await;
            return;
        }
        let asked = args.first().and_then(Value::as_str).unwrap_or_default();
        let done = match name {
            JOIN_ROOM => self.join(number, &actor, asked).await,
            LEAVE_ROOM => self.part(number, &actor, asked).await,
            _ => Err(Problem::new(
                code::NOT_FOUND,
                format!("no such event: {name}"),
            )),
        };
        let named = RoomAnswer {
            room: asked.to_owned(),
            ..RoomAnswer::default()
        };
        match done {
            Ok(answer) => self.answer(number, ack, answer, None),
            Err(problem) => self.answer(number, ack, named, Some(problem)),
        }
    }

    /// Answers who wants an answer. Others hear only of what was wrong.
    fn answer(&self, number: u32, ack: Option<u64>, answer: RoomAnswer, wrong: Option<Problem>) {
        if ack.is_some() {
            let answer = match wrong {
                None => answer,
                Some(problem) => RoomAnswer {
                    ok: false,
                    code: Some(problem.code.into_owned()),
                    error: Some(problem.detail),
                    ..answer
                },
            };
            self.acknowledge(number, ack, json!(answer));
        } else if let Some(problem) = wrong {
            self.complain(number, problem);
        }
    }

    /// Tells a client what was wrong.
    pub(super) fn complain(&self, number: u32, problem: Problem) {
        let complaint = Complaint {
            code: problem.code.into_owned(),
            message: problem.detail,
        };
        self.emit(number, ERROR, &json!(complaint));
    }

    /// Safe to repeat: who is in a room already is in it.
    async fn join(
        self: &Rc<Self>,
        number: u32,
        actor: &Actor,
        asked: &str,
    ) -> Result<RoomAnswer, Problem> {
        // A room that is not one's own answers as one that is not there (S2).
        let nowhere = || Problem::not_found("room");
        let room = Room::parse(asked).ok_or_else(nowhere)?;
        let yes = |room: &str, order| RoomAnswer {
            ok: true,
            room: room.to_owned(),
            order,
            ..RoomAnswer::default()
        };
        let name = room.name();
        if rooms_of(actor).contains(&name) {
            return Ok(yes(&name, None));
        }
        let Room::Order(order) = room else {
            return Err(nowhere());
        };
        let order = self.admitted(&order, actor).await?.ok_or_else(nowhere)?;
        let name = Room::Order(order.order_id.clone()).name();
        let session = self.sockets.session(number).ok_or_else(nowhere)?;
        if session.joined.contains(&name) {
            return Ok(yes(&name, Some(order)));
        }
        if session.joined.len() >= ROOMS_MAX {
            let detail = format!("at most {ROOMS_MAX} rooms; leave one first");
            return Err(Problem::new(code::TOO_MANY_ROOMS, detail));
        }
        // Taken before anything is awaited, so that joins at the same time all count.
        self.change_joined(number, |joined| joined.push(name.clone()));
        let joined = self.tell_join(number, actor, &session.pid, &name).await;
        if let Err(problem) = joined {
            self.change_joined(number, |joined| joined.retain(|one| *one != name));
            self.crowd.borrow_mut().part(number, &name);
            return Err(problem);
        }
        Ok(yes(&name, Some(order)))
    }

    fn change_joined(&self, number: u32, change: impl FnOnce(&mut Vec<String>)) {
        self.sockets
            .change(number, |session| change(&mut session.joined));
    }

    async fn tell_join(
        self: &Rc<Self>,
        number: u32,
        actor: &Actor,
        pid: &str,
        room: &str,
    ) -> Result<(), Problem> {
        self.wake_up().await?;
        self.crowd.borrow_mut().join(number, room);
        let wish = Wish::Join {
            pid: pid.to_owned(),
            by: actor.tag(),
            room: room.to_owned(),
        };
        self.ask_streams(vec![vec![wish]; self.lines.len()]).await?;
        self.confirm(&[room.to_owned()]);
        Ok(())
    }

    async fn part(
        self: &Rc<Self>,
        number: u32,
        actor: &Actor,
        asked: &str,
    ) -> Result<RoomAnswer, Problem> {
        let nowhere = || Problem::not_found("room");
        let room = Room::parse(asked).ok_or_else(nowhere)?.name();
        if rooms_of(actor).contains(&room) {
            let detail = "the rooms of a role cannot be left";
            return Err(Problem::new(code::FORBIDDEN, detail));
        }
        self.wake_up().await?;
        let session = self.sockets.session(number).ok_or_else(nowhere)?;
        if !session.joined.contains(&room) {
            return Err(nowhere());
        }
        self.sockets
            .change(number, |session| session.joined.retain(|one| *one != room));
        let mut wishes = vec![Wish::Part {
            pid: session.pid,
            room: room.clone(),
        }];
        if self.crowd.borrow_mut().part(number, &room) {
            self.confirmed.borrow_mut().remove(&room);
            wishes.push(Wish::Remove(room.clone()));
        }
        self.wish_all(&wishes);
        Ok(RoomAnswer {
            ok: true,
            room,
            ..RoomAnswer::default()
        })
    }

    /// How an order stands, for one whom it concerns; its desk knows.
    async fn admitted(&self, order: &str, actor: &Actor) -> Result<Option<OrderSummary>, Problem> {
        let admit = AdmitToOrder {
            order: order.to_owned(),
            viewer: actor.clone(),
        };
        self.ask_desk(Whose::Order, order, admit).await
    }
}

fn binary() -> Problem {
    Problem::new(
        code::NOT_CARRIED,
        "binary packets are not carried; send JSON",
    )
}
