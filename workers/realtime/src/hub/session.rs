//! From an open socket to a client that hears its rooms, and out again.
//!
//! What must hold: from the moment a client is known what happens in its rooms is kept
//! for it, and it hears that after what it missed and before what comes.

use std::rc::Rc;

use contract::packet::{Frame, MAIN, Packet, event_frame};
use contract::realtime::{Wish, rooms_of};
use contract::{Actor, Problem, Role, code};
use domain::live::crowd::Sending;
use domain::live::position::Position;
use edge::identity::{Verified, Verifier, bearer};
use edge::{Outcome, clock, http, telemetry};
use serde_json::{Map, Value, json};
use worker::{Request, Response, WebSocket, WebSocketPair};

use super::Inner;
use super::lines::Heard;
use super::recovery::{Former, SEAM, former};
use super::sockets::{Session, number_of};
use super::talk::FRAME_MAX;

/// Sockets in one hub. The platform takes 32,768.
const SOCKETS_MAX: usize = 20_000;

impl Inner {
    pub(super) async fn open(self: &Rc<Self>, request: &Request) -> Outcome {
        self.learn_number().map_err(http::internal)?;
        self.sockets.find(&self.state);
        if self.sockets.len() >= SOCKETS_MAX {
            let detail = "there is no room for more sockets here; try again";
            return Err(Problem::new(code::UNAVAILABLE, detail).retry_after(5));
        }
        let now = clock::now_ms();
        let header = request.headers().get("authorization").ok().flatten();
        let header = header.as_deref().and_then(bearer);
        let verified = header.and_then(|token| self.verify(token).ok());
        let pair = WebSocketPair::new().map_err(http::internal)?;
        self.state.accept_web_socket(&pair.server);
        let session = Session {
            opened_ms: now,
            header: verified.map(|verified| (verified.actor.tag(), verified.until_ms)),
            ..Session::default()
        };
        let number = self.sockets.add(pair.server, session);
        let handshake = json!({
            "sid": random_id(), "upgrades": [], "pingInterval": self.ping_interval_ms,
            "pingTimeout": self.ping_timeout_ms, "maxPayload": FRAME_MAX,
        });
        self.sockets.send(number, &format!("0{handshake}"));
        self.beat_soon(now).await.map_err(http::internal)?;
        telemetry::count("sockets_opened", &[], 1);
        Response::from_websocket(pair.client).map_err(http::internal)
    }

    fn verify(&self, token: &str) -> Result<Verified, Problem> {
        Verifier::configured(&self.env)?.verify_token(token, clock::now_ms())
    }

    /// A client says who it is.
    pub(super) async fn connect(
        self: &Rc<Self>,
        number: u32,
        namespace: &str,
        auth: &Map<String, Value>,
    ) {
        if namespace != MAIN {
            self.refuse(number, namespace, "invalid_namespace", "Invalid namespace");
            return;
        }
        let Some(session) = self.sockets.session(number) else {
            return;
        };
        if session.by.is_some() {
            self.cut_off(number, "connected already");
            return;
        }
        let verified = match auth.get("token") {
            Some(Value::String(token)) => self.verify(bearer(token).unwrap_or(token)),
            Some(_) => Err(Problem::field("auth.token", "must be a string")),
            None => session
                .header
                .as_ref()
                .and_then(|(tag, until_ms)| {
                    Some(Verified {
                        email: None,
                        actor: Actor::from_tag(tag)?,
                        until_ms: *until_ms,
                    })
                })
                .filter(|verified| verified.until_ms > clock::now_ms())
                .ok_or_else(|| {
                    let detail = "say who you are: auth: { token }";
                    Problem::new(code::UNAUTHENTICATED, detail)
                }),
        };
        let entered = match verified {
            Ok(verified) => self.enter(number, &verified, former(auth)).await,
            Err(problem) => Err(problem),
        };
        if let Err(problem) = entered {
            self.left(number, &Session::default());
            telemetry::count("connects_refused", &[("code", &problem.code)], 1);
            self.refuse(number, namespace, &problem.code, &problem.detail);
        }
    }

    fn refuse(&self, number: u32, namespace: &str, code: &str, message: &str) {
        let mut error = Map::new();
        error.insert("message".into(), message.into());
        error.insert("data".into(), json!({ "code": code }));
        let packet = Packet::ConnectError {
            namespace: namespace.to_owned(),
            error,
        };
        self.sockets.send(number, &Frame::Message(packet).text());
    }

    async fn enter(
        self: &Rc<Self>,
        number: u32,
        verified: &Verified,
        former: Option<Former>,
    ) -> Result<(), Problem> {
        self.wake_up().await?;
        let rooms = rooms_of(&verified.actor);
        // From here on what happens in its rooms is kept for it.
        self.crowd.borrow_mut().enter(number, rooms.iter().cloned());
        let came_back = former.is_some();
        let is_vendor = verified.actor.role == Role::Vendor;
        let known = former
            .as_ref()
            .filter(|former| former.position.streams() == self.lines.len());
        let heard = match known {
            Some(former) => Some(self.come_back(&verified.actor, former, &rooms).await?),
            // What was offered lately may not be where open offers are read.
            None if is_vendor => {
                let nobody = Former {
                    pid: String::new(),
                    position: Position::new(self.lines.len()),
                };
                Some(self.come_back(&verified.actor, &nobody, &rooms).await?)
            }
            None => None,
        };
        let is_whole = |one: &Heard| one.missed.as_ref().is_some_and(|missed| missed.whole);
        let whole = known.is_some() && heard.iter().flatten().all(is_whole);
        let floor = match &heard {
            Some(heard) => heads(heard),
            None => self.come_in(&rooms).await?,
        };
        let mut joined: Vec<String> = Vec::new();
        let mut pid = former
            .as_ref()
            .map(|former| former.pid.clone())
            .unwrap_or_default();
        if whole {
            let missed = heard.iter().flatten().filter_map(|one| one.missed.as_ref());
            for room in missed.flat_map(|missed| &missed.joined) {
                if !joined.contains(room) {
                    joined.push(room.clone());
                }
            }
        } else {
            pid = format!("{}{SEAM}{}", random_id(), floor.text());
        }
        for room in &joined {
            self.crowd.borrow_mut().join(number, room);
        }
        if self.sockets.session(number).is_none() {
            // It has left meanwhile.
            self.wish_all(&[Wish::Gone { pid }]);
            return Ok(());
        }
        let tag = verified.actor.tag();
        self.sockets.change(number, |session| {
            session.by = Some(tag);
            session.until_ms = verified.until_ms;
            session.pid.clone_from(&pid);
            session.joined = joined;
            session.floor = floor.text();
        });
        let packet = Packet::Connect {
            namespace: MAIN.into(),
            auth: [("sid", random_id()), ("pid", pid)]
                .into_iter()
                .map(|(key, value)| (key.to_owned(), Value::from(value)))
                .collect(),
        };
        self.sockets.send(number, &Frame::Message(packet).text());
        let heard_to = former.map(|former| former.position).filter(|_| whole);
        if came_back && !whole {
            self.snapshot(number, &verified.actor, &rooms).await;
        }
        let mut offers = Vec::new();
        if is_vendor && !whole {
            // After the streams have answered, so that between both there is nothing.
            offers = self.open_offers(&verified.actor).await;
        }
        let mut heard = heard.unwrap_or_default();
        // Nothing is awaited from here on, so nothing comes between what is sent.
        let waited = self.crowd.borrow_mut().settle(number, floor.clone());
        self.send_offers(number, &offers, &mut heard, &waited);
        self.replay(number, heard, heard_to, &floor);
        self.send_now(&waited);
        if came_back {
            let outcome = if whole { "whole" } else { "anew" };
            telemetry::count("recoveries", &[("outcome", outcome)], 1);
        }
        Ok(())
    }

    /// A newcomer: rooms that the streams know to have members here need no trip.
    async fn come_in(self: &Rc<Self>, rooms: &[String]) -> Result<Position, Problem> {
        let unknown: Vec<String> = {
            let known = self.confirmed.borrow();
            rooms
                .iter()
                .filter(|room| !known.contains(*room))
                .cloned()
                .collect()
        };
        let passed = self.passed();
        if let Some(passed) = passed.filter(|_| unknown.is_empty()) {
            return Ok(passed);
        }
        let wishes: Vec<Wish> = unknown.iter().cloned().map(Wish::Add).collect();
        let heard = self.ask_streams(vec![wishes; self.lines.len()]).await?;
        self.confirm(&unknown);
        Ok(heads(&heard))
    }

    /// How far the sockets here have heard, where that is certain.
    fn passed(&self) -> Option<Position> {
        let crowd = self.crowd.borrow();
        let certain = crowd.is_certain() && crowd.passed().is_whole();
        certain.then(|| crowd.passed().clone())
    }

    /// Sends to one that is just coming in, and for whom nothing waits to be sent.
    fn send_now(&self, sendings: &[Sending]) {
        for sending in sendings {
            let position = sending.position.as_ref().map(Position::text);
            let frame = event_frame(&sending.live.body, position.as_deref());
            self.sockets.send_to(&sending.to, &frame);
        }
    }

    /// Closes a socket; its client may come back for what it missed.
    pub(super) fn cut_off(self: &Rc<Self>, number: u32, reason: &str) {
        if let Some((socket, session)) = self.sockets.remove(number) {
            let _ = socket.close(Some(1000), Some(reason));
            self.left(number, &session);
        }
    }

    /// A socket has closed.
    pub(super) async fn gone(self: &Rc<Self>, socket: &WebSocket) {
        let Some(number) = number_of(socket) else {
            return;
        };
        let slept = !self.awake.get();
        if self.wake_up().await.is_err() {
            // The heartbeat will see that nobody is here.
            return;
        }
        if let Some((socket, session)) = self.sockets.remove(number) {
            let _ = socket.close(None, None::<&str>);
            self.left(number, &session);
        } else if slept {
            // It left before we woke, so the streams may believe that it is here.
            for stream in 0..self.lines.len() {
                self.say_all(stream);
            }
        }
        telemetry::flush_soon(&self.env, &self.state);
    }

    fn left(self: &Rc<Self>, number: u32, session: &Session) {
        let empty = self.crowd.borrow_mut().leave(number);
        let mut known = self.confirmed.borrow_mut();
        for room in &empty {
            known.remove(room);
        }
        drop(known);
        let mut wishes: Vec<Wish> = empty.into_iter().map(Wish::Remove).collect();
        if !session.joined.is_empty() {
            wishes.push(Wish::Gone {
                pid: session.pid.clone(),
            });
        }
        self.wish_all(&wishes);
    }

    pub(super) fn confirm(&self, rooms: &[String]) {
        let crowd = self.crowd.borrow();
        let here = rooms.iter().filter(|room| crowd.has_room(room));
        self.confirmed.borrow_mut().extend(here.cloned());
    }
}

fn heads(heard: &[Heard]) -> Position {
    let mut position = Position::new(heard.len());
    for (stream, one) in heard.iter().enumerate() {
        position.set(stream, one.head);
    }
    position
}

/// An id that nobody guesses.
fn random_id() -> String {
    let [a, b] = [clock::random_bytes(), clock::random_bytes()].map(u64::from_le_bytes);
    format!("{a:016x}{b:016x}")
}
