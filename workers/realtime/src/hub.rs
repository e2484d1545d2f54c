//! A hub: it holds sockets, and sleeps while they are quiet.
//!
//! What must hold: a socket gets the events of its rooms once and in order, or is cut
//! off so that it comes back for them (M3); it is in no room but those of its role and
//! those it was let into (M4). A hub writes nothing of this down. What it knows of a
//! socket hangs at the socket itself, and survives the hub's sleep; what a client has
//! heard it brings along when it is back.
//!
//! A hub that wakes has forgotten who is where. Before it does anything else it looks
//! at its sockets, and asks the streams how far they have told it.

mod answers;
mod drivers;
mod heartbeat;
mod lines;
mod offered;
mod outbox;
mod recovery;
mod session;
mod sockets;
mod talk;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use contract::packet::Frame;
use contract::realtime::{Answered, AskHub, AtHub, Event, Tell};
use contract::{Empty, Problem, code};
use domain::live::crowd::Crowd;
use domain::live::outlet::Batch;
use edge::alarm::Alarm;
use edge::call::{receive, reply};
use edge::sqlite::{first, int, run};
use edge::{Scope, clock, config, http, telemetry};
use futures::channel::oneshot;
use serde::Deserialize;
use worker::{
    DurableObject, Env, Request, Response, Result, State, WebSocket, WebSocketIncomingMessage,
    durable_object,
};

use drivers::Drivers;
use lines::Line;
use outbox::Outbox;
use sockets::Sockets;

#[durable_object]
pub struct Hub {
    hub: Rc<Inner>,
}

struct Inner {
    state: State,
    env: Env,
    alarm: Alarm,
    number: Cell<Option<u16>>,
    outbox: Outbox,
    crowd: RefCell<Crowd>,
    sockets: Sockets,
    lines: Vec<Line>,
    drivers: Drivers,
    /// Rooms of which every stream knows that somebody is here.
    confirmed: RefCell<BTreeSet<String>>,
    /// The sockets have been looked at, and the streams asked.
    awake: Cell<bool>,
    waking: RefCell<Option<Vec<oneshot::Sender<bool>>>>,
    /// Questions that devices have not answered yet.
    asked: RefCell<BTreeMap<u64, Question>>,
    next_ask: Cell<u64>,
    ping_interval_ms: i64,
    ping_timeout_ms: i64,
}

/// Which socket was asked, and who waits for its answer.
type Question = (u32, oneshot::Sender<Vec<serde_json::Value>>);

#[derive(Deserialize)]
struct NumberRow {
    number: u16,
}

impl DurableObject for Hub {
    fn new(state: State, env: Env) -> Self {
        telemetry::configure(&env);
        let streams = crate::door::streams(&env);
        let number = read_number(&state);
        sockets::answer_pongs(&state);
        let inner = Inner {
            alarm: Alarm::of(&state),
            number: Cell::new(number),
            outbox: Outbox::default(),
            crowd: RefCell::new(Crowd::new(usize::from(streams))),
            sockets: Sockets::default(),
            lines: (0..streams).map(Line::new).collect(),
            drivers: Drivers::of(&env),
            confirmed: RefCell::default(),
            awake: Cell::new(false),
            waking: RefCell::new(None),
            asked: RefCell::default(),
            next_ask: Cell::new(0),
            ping_interval_ms: config::number(&env, "PING_INTERVAL_MS", 25_000),
            ping_timeout_ms: config::number(&env, "PING_TIMEOUT_MS", 20_000),
            state,
            env,
        };
        Self {
            hub: Rc::new(inner),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let hub = &self.hub;
        if request.headers().get("upgrade")?.is_some() {
            let opened = hub.open(&request).await;
            telemetry::flush_soon(&hub.env, &hub.state);
            return http::finish(opened);
        }
        let (scope, command) = match receive(&mut request).await {
            Ok(received) => received,
            Err(problem) => return reply::<Empty>(Err(problem)),
        };
        let scope: Scope = scope.within(&hub.state);
        let response = match command {
            AtHub::Tell(tell) => reply(hub.told(tell).await),
            AtHub::Roll(roll) => reply(hub.roll(roll.stream).await),
            AtHub::Ask(ask) => reply(hub.ask(&scope, &ask).await),
        };
        telemetry::flush_soon(&hub.env, &hub.state);
        response
    }

    async fn alarm(&self) -> Result<Response> {
        self.hub.alarm.went_off();
        self.hub.beat().await?;
        telemetry::flush_soon(&self.hub.env, &self.hub.state);
        Response::empty()
    }

    async fn websocket_message(
        &self,
        socket: WebSocket,
        message: WebSocketIncomingMessage,
    ) -> Result<()> {
        let hub = &self.hub;
        match message {
            WebSocketIncomingMessage::String(text) => hub.hear(&socket, &text).await,
            WebSocketIncomingMessage::Binary(_) => hub.refuse_binary(&socket),
        }
        telemetry::flush_soon(&hub.env, &hub.state);
        Ok(())
    }

    async fn websocket_close(
        &self,
        socket: WebSocket,
        _code: usize,
        _reason: String,
        _clean: bool,
    ) -> Result<()> {
        self.hub.gone(&socket).await;
        Ok(())
    }

    async fn websocket_error(&self, socket: WebSocket, _error: worker::Error) -> Result<()> {
        self.hub.gone(&socket).await;
        Ok(())
    }
}

fn read_number(state: &State) -> Option<u16> {
    let sql = state.storage().sql();
    let table = "CREATE TABLE IF NOT EXISTS me (number INTEGER PRIMARY KEY)";
    run(&sql, table, Vec::new()).ok()?;
    let row: Option<NumberRow> = first(&sql, "SELECT number FROM me", Vec::new()).ok()?;
    row.map(|row| row.number)
}

impl Inner {
    /// Which hub this is stands in its name; it is written down for the times when
    /// nobody calls it by that.
    fn learn_number(&self) -> Result<()> {
        if self.number.get().is_some() {
            return Ok(());
        }
        let name = self.state.id().name().unwrap_or_default();
        let number = name.strip_prefix("hub-").and_then(|n| n.parse().ok());
        if let Some(number) = number {
            let sql = self.state.storage().sql();
            run(
                &sql,
                "INSERT INTO me VALUES (?1)",
                vec![int(i64::from(number))],
            )?;
            self.number.set(Some(number));
        }
        Ok(())
    }

    /// Events from a stream. Answered when they are sent.
    async fn told(self: &Rc<Self>, tell: Tell) -> std::result::Result<Empty, Problem> {
        self.wake_up().await?;
        let stream = usize::from(tell.stream);
        if let Some(line) = self.lines.get(stream)
            && line.is_new_boot(tell.boot)
        {
            self.say_all(stream);
        }
        let batch = Batch {
            after: tell.after,
            upto: tell.upto,
            events: tell.events,
            latest: tell.latest,
            repeated: tell.repeated,
            gap: tell.gap,
        };
        if !batch.repeated {
            self.crowd.borrow_mut().arrives(stream);
            self.wait_for_certainty().await;
        }
        let body = |event: &Rc<Event>| Rc::from(event.body());
        let taken = {
            let mut crowd = self.crowd.borrow_mut();
            crowd.take(stream, tell.epoch, &batch, body)
        };
        for socket in taken.cut_off {
            telemetry::count("sockets_cut_off", &[("why", "doubt")], 1);
            self.cut_off(socket, "start over");
        }
        self.deliver(&taken.sendings).await;
        Ok(Empty {})
    }

    /// After waking, until what other streams had on its way is here. Who does not wait
    /// cuts off more clients than need be, and nothing worse.
    async fn wait_for_certainty(self: &Rc<Self>) {
        for pause_ms in [1, 2, 5, 10, 20, 50, 100, 200] {
            if self.crowd.borrow().is_certain() {
                return;
            }
            clock::pause(pause_ms).await;
            if pause_ms > 20 {
                // It may have turned out to be nothing for us.
                let _ = self.ask_streams(Vec::new()).await;
            }
        }
    }

    async fn roll(self: &Rc<Self>, stream: u16) -> std::result::Result<Empty, Problem> {
        self.wake_up().await?;
        if self.sockets.is_empty() {
            // Nobody ever came, or a crash took them: the stream need not think of us.
            self.say_all(usize::from(stream));
        }
        self.tell_stream(usize::from(stream)).await?;
        Ok(Empty {})
    }

    /// Looks who is here, after a sleep.
    async fn wake_up(self: &Rc<Self>) -> std::result::Result<(), Problem> {
        if self.awake.get() {
            return Ok(());
        }
        let waiting = self.waking.borrow_mut().as_mut().map(|others| {
            let (sender, receiver) = oneshot::channel();
            others.push(sender);
            receiver
        });
        let slept = Problem::new(code::UNAVAILABLE, "the hub cannot reach the streams");
        if let Some(waiting) = waiting {
            let woken = waiting.await.unwrap_or(false);
            return if woken { Ok(()) } else { Err(slept) };
        }
        self.waking.replace(Some(Vec::new()));
        let woken = self.look_around().await;
        self.awake.set(woken);
        for other in self.waking.take().unwrap_or_default() {
            let _ = other.send(woken);
        }
        if woken { Ok(()) } else { Err(slept) }
    }

    async fn look_around(self: &Rc<Self>) -> bool {
        if self.learn_number().is_err() {
            return false;
        }
        self.sockets.find(&self.state);
        for (number, session) in self.sockets.settled() {
            let rooms = session.rooms();
            self.crowd
                .borrow_mut()
                .was_here(number, rooms, session.floor());
        }
        if self.crowd.borrow().is_empty() {
            // The first to come in brings the streams word.
            return true;
        }
        let asked = self.ask_streams(Vec::new()).await;
        let rooms: Vec<String> = self.crowd.borrow().rooms().cloned().collect();
        self.confirm(&rooms);
        asked.is_ok()
    }

    /// Sends something to everyone in a room, and waits for their devices to answer.
    async fn ask(
        self: &Rc<Self>,
        _scope: &Scope,
        ask: &AskHub,
    ) -> std::result::Result<Vec<Answered>, Problem> {
        self.wake_up().await?;
        let mut waiting = Vec::new();
        for socket in self.crowd.borrow().in_room(&ask.room) {
            let id = self.next_ask.get();
            self.next_ask.set(id.wrapping_add(1));
            let (sender, receiver) = oneshot::channel();
            self.asked.borrow_mut().insert(id, (socket, sender));
            let name = serde_json::Value::from(ask.event.as_str());
            let frame = format!("42{id}[{name},{}]", ask.payload);
            self.sockets.send(socket, &frame);
            waiting.push((id, socket, receiver));
        }
        let ids: Vec<u64> = waiting.iter().map(|(id, ..)| *id).collect();
        let late = clock::pause(ask.wait_ms.clamp(0, 20_000));
        let answers = futures::future::join_all(waiting.into_iter().map(
            |(_, socket, receiver)| async move {
                let answer = receiver.await.ok()?;
                Some((socket, answer))
            },
        ));
        // When time is up the questions are taken back, and so nobody waits any longer.
        let hub = Rc::clone(self);
        let give_up = async move {
            late.await;
            hub.asked.borrow_mut().retain(|id, _| !ids.contains(id));
            futures::future::pending::<()>().await;
        };
        let answers = match futures::future::select(Box::pin(answers), Box::pin(give_up)).await {
            futures::future::Either::Left((answers, _)) => answers,
            futures::future::Either::Right(_) => Vec::new(),
        };
        let answered = answers
            .into_iter()
            .flatten()
            .filter_map(|(socket, answer)| {
                let by = self.sockets.session(socket)?.by?;
                Some(Answered { by, answer })
            });
        Ok(answered.collect())
    }

    /// What came over a socket.
    async fn hear(self: &Rc<Self>, socket: &WebSocket, text: &str) {
        self.sockets.find(&self.state);
        let Some(number) = sockets::number_of(socket) else {
            let _ = socket.close(Some(1011), Some("unknown socket"));
            return;
        };
        if text.len() > talk::FRAME_MAX {
            self.cut_off(number, "a frame may have 65536 bytes at most");
            return;
        }
        match Frame::parse(text) {
            Some(Frame::Message(packet)) => self.packet(number, packet).await,
            // A probe, or a pong that was not the plain one.
            Some(Frame::Ping(data)) => {
                self.sockets.send(number, &Frame::Pong(data).text());
            }
            Some(Frame::Pong(_) | Frame::Noop | Frame::Upgrade) => {}
            Some(Frame::Close) => self.cut_off(number, "closed by the client"),
            Some(Frame::Open(_)) | None => self.cut_off(number, "parse error"),
        }
    }
}
