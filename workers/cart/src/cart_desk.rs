//! The cart desk: carts and idempotency keys of many customers.
//!
//! What must hold: a cart is claimed durably before its order is made, so nobody
//! changes it meanwhile; a claim always ends, by the one who made it or by the
//! alarm, which asks the order desk what became of it; a key answers only the
//! request it came with, and with the same bytes for ever.
//!
//! That a cart is completed follows from its claim and from what the order desk
//! journaled, so it need not be written before the shopper is told: completions
//! gather in memory and are written with the desk's next write, before anybody
//! looks at that cart, or with the next record to the database. Should a crash
//! come first, the claim is looked after as any other.

mod placing;
mod record;
mod routes;
mod rows;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use contract::cart::PlaceInput;
use contract::{Actor, Problem, code};
use domain::address::Address;
use domain::cart::{Carts, Refusal};
use domain::ids::{DESKS_MAX, desk_uuid, shard_of};
use domain::limits::{LINES_MAX, QUANTITY_MAX};
use domain::plan::Wanted;
use edge::alarm::Alarm;
use edge::{Incoming, clock, config, http, telemetry};
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

struct Desk {
    state: State,
    env: Env,
    rows: Rows,
    alarm: Alarm,
    /// Customers whose cart is being placed, and who waits for the end of it.
    placing: RefCell<BTreeMap<String, Vec<oneshot::Sender<Ending>>>>,
    forgot_at: Cell<i64>,
    /// Completions that are not written yet, by customer.
    late: RefCell<BTreeMap<String, Completion>>,
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
        let desk = Desk {
            rows: Rows::open(state.storage().sql()),
            alarm: Alarm::default(),
            placing: RefCell::default(),
            late: RefCell::default(),
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

    /// Looks after claims that nobody works on, and records what the database
    /// lacks. Safe to run at any time and twice.
    async fn alarm(&self) -> Result<Response> {
        let desk = &self.desk;
        desk.alarm.went_off();
        let now = clock::now_ms();
        let failed = |problem: Problem| worker::Error::RustError(problem.detail);
        desk.write_late().map_err(failed)?;
        desk.recover(now).await;
        if let Err(problem) = desk.record().await {
            telemetry::error("record_failed", &[("reason", &problem.detail)]);
        }
        // An error from here on makes the runtime repeat the alarm, so a claim is
        // never left without a timer.
        if now.saturating_sub(desk.forgot_at.get()) >= FORGET_EVERY_MS {
            desk.forgot_at.set(now);
            desk.rows.forget_old(now).map_err(failed)?;
        }
        if desk.rows.has_work().map_err(failed)? {
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

    fn change(
        &self,
        customer: &Actor,
        change: &CartChange,
    ) -> std::result::Result<CartState, Problem> {
        let customer = customer.id.as_str();
        let mut carts = self.carts(customer)?;
        let new_id = || self.new_id(customer);
        let changed = match change {
            CartChange::SetLine { sku, quantity } => carts.set_line(sku, *quantity, new_id),
            CartChange::RemoveLine { sku } => carts.remove_line(sku),
            CartChange::SetAddress(address) => carts.set_address(address.as_ref().clone()),
            CartChange::Look => return Ok(state_of(&carts)),
        };
        changed.map_err(refused)?;
        self.rows.save(customer, &carts)?;
        Ok(state_of(&carts))
    }

    /// A customer's carts as they are, with what gathered written.
    fn carts(&self, customer: &str) -> std::result::Result<Carts, Problem> {
        if self.late.borrow().contains_key(customer) {
            self.write_late()?;
        }
        self.rows.carts(customer)
    }

    /// Writes the completions that gathered. Synchronous, so it is one commit with
    /// what its caller writes next.
    fn write_late(&self) -> std::result::Result<(), Problem> {
        for (customer, done) in self.late.take() {
            let recorded = Self::was_recorded(&done.cart.cart_id);
            self.rows.complete(&customer, &done, recorded)?;
        }
        Ok(())
    }

    /// An id that carries the desk of the customer's orders.
    fn new_id(&self, customer_id: &str) -> String {
        let desk = shard_of(customer_id, self.order_desks);
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
        placing: carts
            .current
            .as_ref()
            .is_some_and(|cart| cart.claim.is_some()),
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

/// Storage inside the object failed; the runtime will reset it.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn broken(error: worker::Error) -> Problem {
    http::internal(error)
}
