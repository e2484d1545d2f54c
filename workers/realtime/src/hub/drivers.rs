//! What drivers say: where they are, and what they do with orders.
//!
//! What must hold: a driver speaks for itself alone, as its token says. Nothing is decided
//! here: what a driver does is passed on to its desk, one call, and the desk's answer goes to
//! the socket that said it. Positions of all drivers here go on together, at most once every
//! `PING_GATHER_MS`, and of each driver only the latest. They are nowhere but in memory: what
//! was gathered is lost with a hub that goes to sleep or crashes, and the next position says
//! the same and more.
//!
//! Safe to repeat: an older position changes nothing, and the desk gives the same answer
//! again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use contract::dispatch::{
    DISPATCH_SERVICE, DRIVER_DESK, DriverSays, LocationInput, PassPings, Ping, driver_desk_name,
};
use contract::events::{
    DRIVER_ACCEPT, DRIVER_AVAILABILITY, DRIVER_DELIVERED, DRIVER_ORDERS, DRIVER_PICKED_UP,
    DRIVER_PING, DRIVER_REJECT,
};
use contract::{Actor, Problem, Role, code};
use domain::ids::{DESKS_MAX, shard_of};
use edge::call::{To, call};
use edge::{Scope, clock, config, json, telemetry};
use serde_json::{Value, json};
use worker::Env;

use super::Inner;

/// Drivers whose positions are gathered. Sockets in one hub are no more.
const GATHERED_MAX: usize = 20_000;

pub fn is_from_drivers(name: &str) -> bool {
    [
        DRIVER_PING,
        DRIVER_AVAILABILITY,
        DRIVER_ORDERS,
        DRIVER_ACCEPT,
        DRIVER_REJECT,
        DRIVER_PICKED_UP,
        DRIVER_DELIVERED,
    ]
    .contains(&name)
}

/// What is known of drivers here.
pub struct Drivers {
    desks: u16,
    gather_ms: i64,
    /// Positions that wait to be passed on, by driver.
    pings: RefCell<BTreeMap<String, Ping>>,
    /// Somebody passes them on.
    busy: Cell<bool>,
}

impl Drivers {
    pub fn of(env: &Env) -> Self {
        Self {
            desks: config::number(env, "DRIVER_DESKS", 32_u16).clamp(1, DESKS_MAX),
            gather_ms: config::number(env, "PING_GATHER_MS", 1000_i64).clamp(0, 60_000),
            pings: RefCell::default(),
            busy: Cell::new(false),
        }
    }

    fn keep(&self, ping: Ping) -> Result<(), Problem> {
        let mut pings = self.pings.borrow_mut();
        match pings.get(&ping.driver_id) {
            Some(known) if known.seq >= ping.seq => {}
            None if pings.len() >= GATHERED_MAX => {
                let detail = "too many drivers say where they are; try again";
                return Err(Problem::new(code::UNAVAILABLE, detail));
            }
            _ => drop(pings.insert(ping.driver_id.clone(), ping)),
        }
        Ok(())
    }
}

impl Inner {
    pub(super) async fn from_driver(
        self: &Rc<Self>,
        number: u32,
        ack: Option<u64>,
        name: &str,
        actor: &Actor,
        args: &[Value],
    ) {
        let said = args.first().cloned().unwrap_or_default();
        let answer = if actor.role != Role::Driver {
            Err(Problem::new(code::FORBIDDEN, "only drivers say this"))
        } else if name == DRIVER_PING {
            self.gather(actor, &said).map(|()| json!({}))
        } else {
            self.ask_driver_desk(actor, name, said).await
        };
        self.answer_driver(number, ack, answer);
    }

    /// Answers who wants an answer. Others hear only of what was wrong.
    pub(super) fn answer_driver(
        &self,
        number: u32,
        ack: Option<u64>,
        answer: Result<Value, Problem>,
    ) {
        let answer = match answer {
            Ok(mut answer) => {
                if let Some(object) = answer.as_object_mut() {
                    object.insert("ok".into(), true.into());
                }
                answer
            }
            Err(problem) if ack.is_some() => {
                json!({ "ok": false, "code": problem.code, "error": problem.detail })
            }
            Err(problem) => return self.complain(number, problem),
        };
        self.acknowledge(number, ack, answer);
    }

    async fn ask_driver_desk(
        &self,
        actor: &Actor,
        name: &str,
        said: Value,
    ) -> Result<Value, Problem> {
        let what = name.split_once(':').map_or(name, |(_, what)| what);
        let order = said.get("orderId").and_then(Value::as_str);
        let says = DriverSays {
            driver: actor.id.clone(),
            what: what.to_owned(),
            order: order.map(str::to_owned),
            body: said,
        };
        let desk = driver_desk_name(shard_of(&actor.id, self.drivers.desks));
        let scope = Scope::default().within(&self.state);
        let answered = call(&self.env, &scope, To::Object(DRIVER_DESK, &desk), says).await;
        answered.map_err(|error| error.into_problem("driver.say"))
    }

    /// The first position of a quiet time goes on at once, those that follow wait for each
    /// other.
    fn gather(self: &Rc<Self>, actor: &Actor, said: &Value) -> Result<(), Problem> {
        let input: LocationInput = json::parse(json::text(said).as_bytes())?;
        self.drivers.keep(input.ping(&actor.id, clock::now_ms())?)?;
        if !self.drivers.busy.replace(true) {
            let hub = Rc::clone(self);
            self.state.wait_until(async move { hub.pass_pings().await });
        }
        Ok(())
    }

    async fn pass_pings(&self) {
        loop {
            let pings: Vec<Ping> = self.drivers.pings.take().into_values().collect();
            if pings.is_empty() {
                break;
            }
            let scope = Scope::default().within(&self.state);
            let pass = PassPings { pings };
            let passed = call(&self.env, &scope, To::Service(DISPATCH_SERVICE), pass).await;
            if let Err(error) = passed {
                telemetry::warn("pings_not_passed", &[("reason", &format!("{error:?}"))]);
            }
            clock::pause(self.drivers.gather_ms).await;
        }
        self.drivers.busy.set(false);
    }
}
