//! The stock desk: the one writer of a shard.
//!
//! Callers' operations join a queue; while one batch is on its way to D1 the next
//! gathers, so under load many orders share a trip. The rules are in
//! [`domain::stock`]; here is only the running of them.
//!
//! Safe to lose at any moment: nothing is kept but a cache of rows and holds. An
//! operation whose answer was lost is simply sent again, and finds its own hold.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use contract::stock::AtStockDesk;
use contract::{Empty, Problem};
use domain::stock::{Answer, Desk, Op, Step};
use edge::call::{receive, reply};
use edge::d1::{Db, DbError};
use edge::{Scope, clock, telemetry};
use futures::channel::oneshot;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use crate::stock_sql;

#[durable_object(fetch)]
pub struct StockDesk {
    inner: Rc<Inner>,
}

struct Inner {
    state: State,
    env: Env,
    desk: RefCell<Desk>,
    waiting: RefCell<BTreeMap<u64, oneshot::Sender<Answer>>>,
    next_ticket: Cell<u64>,
    running: Cell<bool>,
    /// When the next timer will look at the desk; 0 when none is set.
    timer_at: Cell<i64>,
    /// On whose behalf the next trip is made; of several callers, the last.
    scope: RefCell<Scope>,
}

impl DurableObject for StockDesk {
    fn new(state: State, env: Env) -> Self {
        telemetry::configure(&env);
        Self {
            inner: Rc::new(Inner {
                state,
                env,
                desk: RefCell::default(),
                waiting: RefCell::default(),
                next_ticket: Cell::new(0),
                running: Cell::new(false),
                timer_at: Cell::new(0),
                scope: RefCell::default(),
            }),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let (scope, command) = match receive(&mut request).await {
            Ok(received) => received,
            Err(problem) => return reply::<Empty>(Err(problem)),
        };
        let scope = scope.within(&self.inner.state);
        match command {
            AtStockDesk::Settle(settle) => {
                for order_id in &settle.order_ids {
                    self.inner.desk.borrow_mut().settle(order_id);
                }
                self.inner.kick(settle.shard);
                reply(Ok(Empty {}))
            }
            AtStockDesk::Op(command) => {
                let answer = self.inner.perform(scope, command.shard, command.op).await;
                telemetry::flush_soon(&self.inner.env, &self.inner.state);
                reply(Ok::<_, Problem>(answer))
            }
        }
    }
}

impl Inner {
    async fn perform(self: &Rc<Self>, scope: Scope, shard: u16, op: Op) -> Answer {
        let about = describe(&op);
        let trace = scope.trace.clone();
        let ticket = self.next_ticket.get().wrapping_add(1);
        self.next_ticket.set(ticket);
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().insert(ticket, sender);
        self.scope.replace(scope);
        self.desk.borrow_mut().submit(ticket, op);
        self.kick(shard);
        let answer = receiver.await.unwrap_or(Answer::Unknown);
        if let Some((event, order_id)) = about {
            let outcome = outcome_of(&answer);
            let fields = [
                ("order_id", order_id.as_str()),
                ("trace_id", trace.as_str()),
                ("outcome", outcome),
            ];
            if matches!(answer, Answer::Unknown) {
                telemetry::error(event, &fields);
            } else {
                telemetry::info(event, &fields);
            }
            telemetry::count(
                "stock_operations",
                &[("op", event), ("outcome", outcome)],
                1,
            );
        }
        answer
    }

    /// Starts the run over the queue unless it is on.
    fn kick(self: &Rc<Self>, shard: u16) {
        self.deliver();
        if self.running.replace(true) {
            return;
        }
        let inner = Rc::clone(self);
        self.state.wait_until(async move {
            inner.run(shard).await;
            inner.running.set(false);
            inner.set_timer(shard);
        });
    }

    /// Performs step after step until the desk rests.
    async fn run(&self, shard: u16) {
        loop {
            let step = self.desk.borrow_mut().step(clock::now_ms());
            self.deliver();
            let scope = self.scope.borrow().clone();
            match step {
                Step::Rest => return,
                Step::Read(reads) => {
                    let found = match Db::open(&self.env, &stock_sql::binding(shard)) {
                        Ok(db) => {
                            stock_sql::read(&db, &scope, &format!("stock.read.{shard}"), &reads)
                                .await
                        }
                        Err(error) => Err(error),
                    };
                    let mut desk = self.desk.borrow_mut();
                    match found {
                        Ok(found) => desk.read_done(found),
                        Err(error) => {
                            note(&error, shard);
                            desk.failed();
                        }
                    }
                }
                Step::Commit(batch) => {
                    let now = clock::now_ms();
                    let name = format!("stock.commit.{shard}");
                    let done = match Db::open(&self.env, &stock_sql::binding(shard)) {
                        Ok(db) => stock_sql::commit(&db, &scope, &name, &batch, now).await,
                        Err(error) => Err(error),
                    };
                    let mut desk = self.desk.borrow_mut();
                    match done {
                        Ok(()) => desk.committed(clock::now_ms()),
                        Err(DbError::Constraint(reason)) => {
                            telemetry::count("stock_races_lost", &[], 1);
                            telemetry::warn(
                                "[stock-deduct] race lost, read again",
                                &[("reason", &reason)],
                            );
                            desk.conflicted();
                        }
                        Err(error) => {
                            note(&error, shard);
                            desk.failed();
                        }
                    }
                }
            }
        }
    }

    /// Hands the ready answers to those who wait for them.
    fn deliver(&self) {
        let answers = self.desk.borrow_mut().answers();
        let mut waiting = self.waiting.borrow_mut();
        for (ticket, answer) in answers {
            if let Some(sender) = waiting.remove(&ticket) {
                // A caller that has gone away will ask again.
                let _ = sender.send(answer);
            }
        }
    }

    /// Buyers who wait for the end of another placement wait for a bounded time.
    fn set_timer(self: &Rc<Self>, shard: u16) {
        let Some(at) = self.desk.borrow().wake_at() else {
            return;
        };
        let now = clock::now_ms();
        let pending = self.timer_at.get();
        if pending > now && pending <= at {
            return;
        }
        self.timer_at.set(at);
        let inner = Rc::clone(self);
        self.state.wait_until(async move {
            clock::pause(at.saturating_sub(now).max(1)).await;
            inner.timer_at.set(0);
            inner.kick(shard);
        });
    }
}

fn note(error: &DbError, shard: u16) {
    telemetry::error(
        "stock_shard_failed",
        &[
            ("shard", &shard.to_string()),
            ("reason", &format!("{error:?}")),
        ],
    );
}

/// The log event of an operation, and the order it is for.
fn describe(op: &Op) -> Option<(&'static str, String)> {
    match op {
        Op::Deduct { order_id, .. } => Some(("[stock-deduct]", order_id.clone())),
        Op::Restore { order_id, .. } => Some(("[stock-restore]", order_id.clone())),
        Op::Ship { order_id, .. } => Some(("[stock-ship]", order_id.clone())),
        Op::Adjust { .. } | Op::Look { .. } => None,
    }
}

fn outcome_of(answer: &Answer) -> &'static str {
    match answer {
        Answer::Held { .. } => "held",
        Answer::Short { .. } => "short",
        Answer::Missing { .. } => "missing",
        Answer::Changed { .. } => "changed",
        Answer::Closed => "closed",
        Answer::Done { .. } => "done",
        Answer::Exceeds { .. } => "exceeds",
        Answer::Seen { .. } => "seen",
        Answer::Unknown => "unknown",
    }
}
