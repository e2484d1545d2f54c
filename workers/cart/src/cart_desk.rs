//! The cart desk: carts and idempotency keys of many customers.
//!
//! What must hold: while an order is made of a cart nobody changes it, and no two
//! orders are ever made of one; a key answers only the request it came with, and
//! with the same bytes for ever.
//!
//! Carts that are being placed, and what came of it, live in memory. They are
//! written with the desk's next write, before anybody changes such a cart again,
//! or by the alarm: that an order was made of a cart is what its order desk has
//! journaled, and can be asked. So placing an order writes nothing here but, once
//! in a while, the mark that orders may be in the making. A desk that begins its
//! life under that mark has lost its memory, and asks about each cart that a
//! former life has left with goods in it, before anybody looks at it (`doubts`).

mod content;
mod doubts;
mod placing;
mod record;
mod routes;
mod rows;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use contract::cart::{AtCartDesk, PlaceInput, ReopenCart};
use contract::{Actor, Empty, Problem, code};
use domain::address::Address;
use domain::cart::{Carts, Refusal};
use domain::ids::{DESKS_MAX, desk_of_uuid, desk_uuid, shard_of};
use domain::limits::{LINES_MAX, QUANTITY_MAX};
use domain::plan::Wanted;
use edge::alarm::Alarm;
use edge::call::{is_command, receive, reply};
use edge::{Incoming, Scope, clock, config, faults, http, telemetry};
use futures::channel::oneshot;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use rows::{Completion, Rows};

const FORGET_EVERY_MS: i64 = 60 * 60 * 1000;

/// How a placing ended, for everybody who waits for it.
type Ending = std::result::Result<String, Problem>;

/// A request to place the customer's cart.
struct PlaceCart {
    customer_id: String,
    /// Empty when the cart is the key.
    key: String,
    /// Of the request, since a key answers only its own request.
    fingerprint: String,
    input: PlaceInput,
}

/// The answer to a place-order: its exact bytes, and whether they were sent before.
struct PlaceAnswer {
    body: String,
    replayed: bool,
}

enum CartChange {
    SetLine {
        sku: String,
        quantity: i64,
    },
    RemoveLine {
        sku: String,
    },
    SetAddress(Box<Address>),
    /// Only look.
    Look,
}

/// The cart as it stands.
struct CartState {
    lines: Vec<Wanted>,
    address: Option<Address>,
    placing: bool,
}

#[durable_object]
pub struct CartDesk {
    desk: Rc<Desk>,
}

/// A cart that is ahead of what is written: claimed, or no more.
#[derive(Clone)]
struct Ahead {
    carts: Carts,
    /// An order was made of the cart before.
    done: Option<Completion>,
}

struct Desk {
    state: State,
    env: Env,
    rows: Rows,
    alarm: Alarm,
    /// Customers whose cart is being placed, and who waits for the end of it.
    placing: RefCell<BTreeMap<String, Vec<oneshot::Sender<Ending>>>>,
    forgot_at: Cell<i64>,
    /// Carts that are ahead of what is written, by customer.
    ahead: RefCell<BTreeMap<String, Ahead>>,
    /// The number of this life. Carts that were last written in a former one are in doubt.
    life: i64,
    /// How far the carts of former lives have been gone through; `None` when they have.
    sweep: RefCell<Option<String>>,
    /// It is written that orders may be in the making.
    marked: Cell<bool>,
    /// How long after a crash a claim is looked after, at the latest.
    recover_after_ms: i64,
    per_minute: u32,
    /// How long completions gather before the database gets them.
    gather_ms: i64,
    order_desks: u16,
}

impl DurableObject for CartDesk {
    fn new(state: State, env: Env) -> Self {
        telemetry::configure(&env);
        let (rows, begun) = Rows::open(state.storage().sql());
        let desk = Desk {
            rows,
            alarm: Alarm::of(&state),
            placing: RefCell::default(),
            ahead: RefCell::default(),
            life: begun.life,
            marked: Cell::new(begun.marked),
            sweep: RefCell::new((begun.swept < begun.life).then(String::new)),
            recover_after_ms: config::number(&env, "RECOVER_AFTER_SECONDS", 10_i64)
                .saturating_mul(1000),
            forgot_at: Cell::new(0),
            gather_ms: config::number(&env, "GATHER_MS", 2_500_i64),
            per_minute: config::number(&env, "PLACEMENTS_PER_MINUTE", 60),
            order_desks: config::number(&env, "ORDER_DESKS", 64_u16).clamp(1, DESKS_MAX),
            state,
            env,
        };
        Self {
            desk: Rc::new(desk),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let desk = &self.desk;
        if is_command(&request) {
            let response = match receive(&mut request).await {
                Ok((scope, AtCartDesk::Reopen(reopen))) => {
                    reply(desk.reopen(&scope.within(&desk.state), &reopen).await)
                }
                Err(problem) => reply::<Empty>(Err(problem)),
            };
            telemetry::flush_soon(&desk.env, &desk.state);
            return response;
        }
        let outcome = match Incoming::passed_on(&mut request).await {
            Ok(mut incoming) => {
                incoming.scope = incoming.scope.within(&desk.state);
                routes::serve(desk, &incoming).await
            }
            Err(problem) => Err(problem),
        };
        telemetry::flush_soon(&desk.env, &desk.state);
        http::finish(outcome)
    }

    /// Looks after claims that nobody works on, writes what is ahead, and records what
    /// the database lacks. Safe to run at any time and twice.
    async fn alarm(&self) -> Result<Response> {
        let desk = &self.desk;
        desk.alarm.went_off();
        let now = clock::now_ms();
        let failed = |problem: Problem| worker::Error::RustError(problem.detail);
        desk.recover().await;
        if let Err(problem) = desk.sweep().await {
            telemetry::error("sweep_failed", &[("reason", &problem.detail)]);
        }
        desk.write_late().map_err(failed)?;
        let before = now.saturating_sub(desk.recover_after_ms / 2);
        if let Err(problem) = desk.record(before).await {
            telemetry::error("record_failed", &[("reason", &problem.detail)]);
        }
        // An error from here on makes the runtime repeat the alarm, so a claim is
        // never left without a timer.
        if now.saturating_sub(desk.forgot_at.get()) >= FORGET_EVERY_MS {
            desk.forgot_at.set(now);
            desk.rows.forget_old(now).map_err(failed)?;
        }
        desk.unmark().map_err(failed)?;
        let busy = !desk.ahead.borrow().is_empty() || desk.sweep.borrow().is_some();
        if busy || desk.rows.has_work().map_err(failed)? {
            desk.wake_by(now.saturating_add(desk.recover_after_ms))
                .await?;
        }
        telemetry::flush_soon(&desk.env, &desk.state);
        Response::empty()
    }
}

impl Desk {
    /// The alarm goes off at that time or earlier.
    async fn wake_by(&self, at_ms: i64) -> Result<()> {
        self.alarm.wake_by(&self.state, at_ms).await
    }

    async fn change(
        self: &Rc<Self>,
        scope: &Scope,
        customer: &Actor,
        change: &CartChange,
    ) -> std::result::Result<CartState, Problem> {
        let customer = customer.id.as_str();
        let mut carts = self.certain(scope, customer).await?;
        let new_id = || self.new_id(customer);
        let changed = match change {
            CartChange::SetLine { sku, quantity } => carts.set_line(sku, *quantity, new_id),
            CartChange::RemoveLine { sku } => carts.remove_line(sku),
            CartChange::SetAddress(address) => carts.set_address(address.as_ref().clone()),
            CartChange::Look => return Ok(state_of(&carts)),
        };
        changed.map_err(refused)?;
        self.write_late()?;
        self.rows.save(customer, &carts, self.life)?;
        Ok(state_of(&carts))
    }

    /// The goods of an order that came to nothing. Where the cart is being placed again,
    /// or there is something newer in it, they stay away.
    async fn reopen(
        self: &Rc<Self>,
        scope: &Scope,
        reopen: &ReopenCart,
    ) -> std::result::Result<Empty, Problem> {
        let customer = reopen.customer_id.as_str();
        let mut carts = self.certain(scope, customer).await?;
        let new_id = || self.new_id(customer);
        if carts.give_back(&reopen.order_id, &reopen.lines, new_id) {
            faults::before(scope, "cart.reopen")?;
            self.write_late()?;
            self.rows.save(customer, &carts, self.life)?;
            faults::written(&self.state, scope, "cart.reopen").await?;
        }
        Ok(Empty {})
    }

    /// A customer's carts as they are.
    fn carts(&self, customer: &str) -> std::result::Result<Carts, Problem> {
        match self.ahead.borrow().get(customer) {
            Some(ahead) => Ok(ahead.carts.clone()),
            None => Ok(self
                .rows
                .carts(customer)?
                .map_or_else(Carts::default, |known| known.carts)),
        }
    }

    /// Writes the carts that are ahead and not being placed. Synchronous, so it is one
    /// commit with what its caller writes next.
    fn write_late(&self) -> std::result::Result<(), Problem> {
        let mut ahead = self.ahead.borrow_mut();
        for (customer, Ahead { carts, done }) in ahead.iter() {
            if carts.claim_now().is_some() {
                continue;
            }
            match done {
                Some(done) => {
                    let recorded = Self::was_recorded(&done.cart.cart_id);
                    self.rows
                        .complete(customer, carts, done, recorded, self.life)?;
                }
                None => self.rows.save(customer, carts, self.life)?,
            }
        }
        ahead.retain(|_, ahead| ahead.carts.claim_now().is_some());
        Ok(())
    }

    /// Writes that orders may be in the making, unless that is written.
    fn mark(&self, scope: &Scope) -> std::result::Result<(), Problem> {
        faults::before(scope, "cart.mark")?;
        if !self.marked.get() {
            self.rows.mark(self.life, true)?;
            self.marked.set(true);
        }
        Ok(())
    }

    /// No order is in the making, and everything is written.
    fn unmark(&self) -> std::result::Result<(), Problem> {
        if self.marked.get() && self.ahead.borrow().is_empty() {
            self.rows.mark(self.life, false)?;
            self.marked.set(false);
        }
        Ok(())
    }

    /// An id that carries the desk of the customer's orders.
    fn new_id(&self, customer_id: &str) -> String {
        let desk = shard_of(customer_id, self.order_desks);
        desk_uuid(clock::now_ms(), desk, clock::random_bytes())
    }

    /// An order goes to the desk in its cart's id, where one asks about that cart.
    fn new_order_id(cart_id: &str) -> String {
        let desk = desk_of_uuid(cart_id).unwrap_or_default();
        desk_uuid(clock::now_ms(), desk, clock::random_bytes())
    }

    /// Runs work apart from the request that asked for it.
    fn background(&self, work: impl Future<Output = ()> + 'static) {
        self.state.wait_until(work);
    }
}

fn state_of(carts: &Carts) -> CartState {
    CartState {
        lines: carts.lines().to_vec(),
        address: carts.address.clone(),
        placing: carts.claim_now().is_some(),
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Locked => Problem::new(
            code::CART_LOCKED,
            "an order is being placed with this cart; wait for its answer",
        )
        .retry_after(1),
        Refusal::KeyReused => Problem::new(
            code::KEY_REUSED,
            "this Idempotency-Key came with another request; use a new key",
        )
        .of_field("Idempotency-Key"),
        Refusal::Empty => {
            Problem::new(code::EMPTY_CART, "put something in the cart first").of_field("cart")
        }
        Refusal::NoAddress => Problem::new(
            code::NO_ADDRESS,
            "say where to send it with PUT /cart/address",
        )
        .of_field("address"),
        Refusal::TooManyLines => Problem::new(
            code::TOO_MANY_LINES,
            format!("a cart holds at most {LINES_MAX} lines"),
        )
        .of_field("sku"),
        Refusal::BadQuantity => Problem::field(
            "quantity",
            &format!("must be a whole number from 1 to {QUANTITY_MAX}"),
        ),
        Refusal::TooMany { retry_after_s } => Problem::new(
            code::TOO_MANY_REQUESTS,
            "too many orders in a minute; wait a little",
        )
        .retry_after(retry_after_s),
    }
}
