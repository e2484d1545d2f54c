//! Placing an order from a cart.
//!
//! claim -> plan and price -> order desk -> complete. The order's id is written
//! with the claim before the order desk hears of it, so after a crash the alarm
//! asks that desk what became of it, and a repeat by the shopper finds the order
//! that exists. A refusal changes nothing but the claim. When the outcome is not
//! known, it is called unknown, the claim stays, and the alarm finds out.

use std::rc::Rc;

use contract::cart::PlaceInput;
use contract::fulfillment::{PlanOrder, PlanReply, Planned};
use contract::order::{
    ORDER_DESK, OrderContent, PlaceOrder, PlaceReply, ResolvePlacement, desk_name,
};
use contract::{Problem, code};
use domain::address::Address;
use domain::cart::{Carts, Claim, Claimed};
use domain::delivery::Mode;
use domain::ids::desk_of_uuid;
use domain::limits::{KEY_WAIT_MS, STOCK_WAIT_MS};
use domain::placement::backoff_ms;
use domain::plan::{Shortage, Wanted};
use domain::totals;
use edge::call::{To, call};
use edge::{CallError, Scope, clock, faults, telemetry};
use futures::channel::oneshot;
use futures::future::{Either, select};

use super::rows::Completion;
use super::{Desk, Ending, PlaceAnswer, PlaceCart, broken, refused};

const FULFILLMENT: To<'static> = To::Service("FULFILLMENT_SERVICE");
/// Plans made for one request, since others may take what a plan counted on.
const PLANS_MAX: u32 = 6;
/// Repeats of a call to the order desk whose outcome is unknown.
const TRIES_MAX: u32 = 4;

/// One placing: what was claimed, and on whose behalf.
struct Job {
    scope: Scope,
    customer_id: String,
    input: PlaceInput,
    cart_id: String,
    order_id: String,
    key: String,
    lines: Vec<Wanted>,
    address: Address,
}

/// How one attempt at the order desk ended.
enum Tried {
    Placed(String),
    /// What the plan counted on was gone; another plan may do.
    Short,
    Unknown,
}

impl Desk {
    pub(super) async fn place(
        self: &Rc<Self>,
        scope: Scope,
        place: PlaceCart,
    ) -> Result<PlaceAnswer, Problem> {
        let customer = place.customer_id.as_str();
        let mut carts = self.carts(customer)?;
        if !place.key.is_empty()
            && let Some(known) = self.rows.key(customer, &place.key)?
        {
            if known.fingerprint != place.fingerprint {
                return Err(Problem::new(
                    code::KEY_REUSED,
                    "this Idempotency-Key came with another request; use a new key",
                )
                .of_field("Idempotency-Key"));
            }
            if let Some(body) = known.answer {
                return Ok(PlaceAnswer {
                    body,
                    replayed: true,
                });
            }
        }
        let now = clock::now_ms();
        let order_id = self.new_id(customer);
        match carts.claim(&place.key, &order_id, self.per_minute, now) {
            Err(refusal) => {
                telemetry::count("placements_refused", &[("reason", reason(&refusal))], 1);
                Err(refused(refusal))
            }
            Ok(Claimed::Placed { .. }) => match self.rows.last_answer(customer)? {
                Some(body) => Ok(PlaceAnswer {
                    body,
                    replayed: true,
                }),
                None => Err(refused(domain::cart::Refusal::Empty)),
            },
            Ok(Claimed::Under { .. }) => {
                let body = self.wait_for(&scope, customer, carts).await?;
                Ok(PlaceAnswer {
                    body,
                    replayed: true,
                })
            }
            Ok(Claimed::Fresh {
                cart_id,
                lines,
                address,
            }) => {
                faults::before(&scope, "cart.claim")?;
                if !place.key.is_empty() {
                    self.rows
                        .take_key(customer, &place.key, &place.fingerprint, now)?;
                }
                self.write_late()?;
                self.rows.save(customer, &carts)?;
                let job = Job {
                    scope,
                    customer_id: customer.to_owned(),
                    input: place.input,
                    cart_id,
                    order_id,
                    key: place.key,
                    lines,
                    address: *address,
                };
                let ending = self.start(job, now);
                // Claim and alarm are one commit: nothing was awaited between them.
                self.wake_by(now.saturating_add(self.recover_after_ms))
                    .await
                    .map_err(broken)?;
                let body = ending.await.unwrap_or_else(|_| Err(unknown("")))?;
                Ok(PlaceAnswer {
                    body,
                    replayed: false,
                })
            }
        }
    }

    /// Waits for the end of a placing that is on its way, within a bound. One that
    /// a crash left is looked after first.
    async fn wait_for(
        self: &Rc<Self>,
        scope: &Scope,
        customer: &str,
        carts: Carts,
    ) -> Result<String, Problem> {
        let receiver = {
            let mut placing = self.placing.borrow_mut();
            placing.get_mut(customer).map(|waiting| {
                let (sender, receiver) = oneshot::channel();
                waiting.push(sender);
                receiver
            })
        };
        let receiver = match receiver {
            Some(receiver) => receiver,
            None => self.look_after(scope.clone(), customer, carts),
        };
        let in_time = Box::pin(clock::pause(KEY_WAIT_MS));
        match select(receiver, in_time).await {
            Either::Left((Ok(ending), _)) => ending,
            _ => Err(Problem::new(
                code::IN_PROGRESS,
                "the first request with this key is still being worked on; repeat this one",
            )
            .retry_after(1)),
        }
    }

    /// Runs a placing apart from the request, so that a shopper who goes away
    /// changes nothing.
    fn start(self: &Rc<Self>, job: Job, started: i64) -> oneshot::Receiver<Ending> {
        let desk = Rc::clone(self);
        self.spawn(job.customer_id.clone(), async move {
            let (trace, customer) = (job.scope.trace.clone(), job.customer_id.clone());
            let ending = desk.run(job).await;
            let ms = clock::now_ms().saturating_sub(started);
            telemetry::observe("place_order_ms", &[], ms);
            let outcome = match &ending {
                Ok(_) => "placed",
                Err(problem) => {
                    let reason = [("reason", problem.code.as_ref())];
                    telemetry::count("placements_refused", &reason, 1);
                    problem.code.as_ref()
                }
            };
            if ending.is_ok() {
                telemetry::count("placements", &[], 1);
            }
            telemetry::info(
                "[place-order] answered",
                &[
                    ("customer_id", &customer),
                    ("trace_id", &trace),
                    ("outcome", outcome),
                    ("ms", &ms.to_string()),
                ],
            );
            ending
        })
    }

    fn spawn(
        self: &Rc<Self>,
        customer: String,
        work: impl Future<Output = Ending> + 'static,
    ) -> oneshot::Receiver<Ending> {
        let (sender, receiver) = oneshot::channel();
        self.placing
            .borrow_mut()
            .insert(customer.clone(), vec![sender]);
        let desk = Rc::clone(self);
        self.background(async move {
            let ending = work.await;
            let waiting = desk.placing.borrow_mut().remove(&customer);
            for sender in waiting.unwrap_or_default() {
                // A caller that has gone away will ask again.
                let _ = sender.send(ending.clone());
            }
        });
        receiver
    }

    async fn run(self: &Rc<Self>, mut job: Job) -> Ending {
        faults::written(&self.state, &job.scope, "cart.claim").await?;
        match self.try_plans(&mut job).await {
            Ok(Some(body)) => {
                faults::before(&job.scope, "cart.complete")?;
                self.complete(&job.customer_id, &job.order_id, &body)?;
                faults::written(&self.state, &job.scope, "cart.complete").await?;
                Ok(body)
            }
            // The claim stays until the alarm has found out.
            Ok(None) => Err(unknown(&job.order_id)),
            Err(problem) => {
                faults::before(&job.scope, "cart.release")?;
                self.release(&job.customer_id, &job.order_id, &job.key)?;
                faults::written(&self.state, &job.scope, "cart.release").await?;
                Err(problem)
            }
        }
    }

    /// Plan after plan, until one is placed or there is too little. `None` when the
    /// outcome is unknown; an error only when nothing was placed.
    async fn try_plans(self: &Rc<Self>, job: &mut Job) -> Result<Option<String>, Problem> {
        let mode = Mode::from_name(job.input.delivery_mode.as_deref());
        let wait_until_ms = clock::now_ms().saturating_add(STOCK_WAIT_MS);
        let mut fresh = false;
        for _ in 0..PLANS_MAX {
            let order = PlanOrder {
                lines: job.lines.clone(),
                to: Some(job.address.point()),
                mode,
                fresh,
                taking: true,
            };
            let planned = call(&self.env, &job.scope, FULFILLMENT, order)
                .await
                .map_err(|error| error.into_problem("fulfillment.plan"))?;
            if !planned.unknown.is_empty() {
                let detail = format!("no longer for sale: {}", planned.unknown.join(", "));
                return Err(Problem::new(code::UNKNOWN_SKU, detail)
                    .of_field("sku")
                    .with("skus", &planned.unknown));
            }
            let Some(plan) = &planned.plan else {
                return Err(too_little(&planned.short));
            };
            let content = content(job, mode, &planned, plan)?;
            match self.try_order(job, content, wait_until_ms).await {
                Tried::Placed(body) => return Ok(Some(body)),
                Tried::Unknown => return Ok(None),
                Tried::Short => {}
            }
            telemetry::count("placements_replanned", &[], 1);
            // An order id that was undone stays closed: the next plan has its own.
            let next = self.new_id(&job.customer_id);
            let mut carts = self.rows.carts(&job.customer_id)?;
            if !carts.reclaim(&job.order_id, &next) {
                return Ok(None);
            }
            faults::before(&job.scope, "cart.reclaim")?;
            self.rows.save(&job.customer_id, &carts)?;
            faults::written(&self.state, &job.scope, "cart.reclaim").await?;
            job.order_id = next;
            fresh = true;
        }
        // No plan held, and none was too little for certain: not a refusal.
        let detail = "others were faster again and again; try once more";
        Err(Problem::new(code::UNAVAILABLE, detail).retry_after(1))
    }

    /// One order id at its desk: repeated, since that is safe, until its outcome is
    /// known or the tries are used up.
    async fn try_order(&self, job: &Job, content: OrderContent, wait_until_ms: i64) -> Tried {
        let place = PlaceOrder {
            content: Box::new(content),
            wait_until_ms,
        };
        let desk = order_desk(&job.order_id);
        for attempt in 1..=TRIES_MAX {
            match call(
                &self.env,
                &job.scope,
                To::Object(ORDER_DESK, &desk),
                place.clone(),
            )
            .await
            {
                Ok(PlaceReply::Placed(body)) => return Tried::Placed(body),
                Ok(PlaceReply::Undone(_)) => return Tried::Short,
                Err(CallError::Refused(problem)) => {
                    telemetry::error("order_refused", &[("reason", &problem.detail)]);
                    return Tried::Unknown;
                }
                Ok(PlaceReply::Unfinished) | Err(CallError::Unknown(_)) => {
                    telemetry::warn(
                        "[place-order] no answer, asked again",
                        &[("order_id", &job.order_id), ("trace_id", &job.scope.trace)],
                    );
                    clock::pause(backoff_ms(attempt)).await;
                }
            }
        }
        Tried::Unknown
    }

    /// The order stands: the cart is completed, to be written later. Safe to repeat.
    fn complete(
        self: &Rc<Self>,
        customer: &str,
        order_id: &str,
        body: &str,
    ) -> Result<(), Problem> {
        let now = clock::now_ms();
        let mut carts = self.rows.carts(customer)?;
        if let Some(cart) = carts.complete(order_id, now) {
            let done = Completion {
                carts,
                cart,
                order_id: order_id.to_owned(),
                answer: body.to_owned(),
                at_ms: now,
            };
            self.record_soon(customer, &done);
            self.late.borrow_mut().insert(customer.to_owned(), done);
        }
        Ok(())
    }

    /// Nothing came of it: cart and key are free again. Safe to repeat.
    fn release(&self, customer: &str, order_id: &str, key: &str) -> Result<(), Problem> {
        let mut carts = self.rows.carts(customer)?;
        carts.release(order_id);
        self.rows.save(customer, &carts)?;
        if !key.is_empty() {
            self.rows.drop_key(customer, key)?;
        }
        Ok(())
    }

    /// Claims that nobody works on: what a crash or an unknown outcome left.
    pub(super) async fn recover(self: &Rc<Self>, now: i64) {
        for row in self.rows.claimed().unwrap_or_default() {
            let Some(carts) = row.carts() else { continue };
            let ours = self.placing.borrow().contains_key(&row.customer_id);
            let age = claim_of(&carts).map_or(0, |claim| now.saturating_sub(claim.since_ms));
            if !ours && age >= self.recover_after_ms / 2 {
                let ending = self.look_after(Scope::default(), &row.customer_id, carts);
                // What came of it is written; nobody waits for it here.
                let _ = ending.await;
            }
        }
    }

    /// Asks the order desk what became of a claim, and ends it accordingly.
    fn look_after(
        self: &Rc<Self>,
        scope: Scope,
        customer: &str,
        carts: Carts,
    ) -> oneshot::Receiver<Ending> {
        let desk = Rc::clone(self);
        let customer = customer.to_owned();
        telemetry::count("claims_resumed", &[], 1);
        self.spawn(customer.clone(), async move {
            let (Some(cart), Some(claim)) = (&carts.current, claim_of(&carts)) else {
                return Err(unknown(""));
            };
            let at = order_desk(&claim.order_id);
            for attempt in 1..=TRIES_MAX {
                let resolve = ResolvePlacement {
                    order_id: claim.order_id.clone(),
                    cart_id: cart.cart_id.clone(),
                    customer_id: customer.clone(),
                };
                match call(&desk.env, &scope, To::Object(ORDER_DESK, &at), resolve).await {
                    Ok(PlaceReply::Placed(body)) => {
                        desk.complete(&customer, &claim.order_id, &body)?;
                        return Ok(body);
                    }
                    Ok(PlaceReply::Undone(_)) => {
                        desk.release(&customer, &claim.order_id, &claim.key)?;
                        return Err(Problem::new(
                            code::UNAVAILABLE,
                            "the order was not placed; try again",
                        )
                        .retry_after(1));
                    }
                    _ => clock::pause(backoff_ms(attempt)).await,
                }
            }
            Err(unknown(&claim.order_id))
        })
    }
}

/// The desk inside an order's id. It is asked itself: a worker in between would
/// only pass the command on.
fn order_desk(order_id: &str) -> String {
    desk_name(desk_of_uuid(order_id).unwrap_or_default())
}

fn claim_of(carts: &Carts) -> Option<&Claim> {
    carts.current.as_ref()?.claim.as_ref()
}

/// What the order will be, priced and planned.
fn content(
    job: &Job,
    mode: Mode,
    planned: &PlanReply,
    plan: &Planned,
) -> Result<OrderContent, Problem> {
    let prices = planned
        .lines
        .iter()
        .map(|line| (line.price_minor, line.quantity));
    let totals = totals::compute(prices, plan.quote.cost_minor, planned.tax_basis_points)
        .ok_or_else(|| Problem::field("quantity", "the total is too large"))?;
    if job
        .input
        .expected_total
        .is_some_and(|expected| expected != totals.total_minor)
    {
        return Err(Problem::new(
            code::TOTAL_CHANGED,
            "the total has changed; show the shopper the new one and ask again",
        )
        .of_field("expected_total")
        .with("totals", totals));
    }
    Ok(OrderContent {
        order_id: job.order_id.clone(),
        cart_id: job.cart_id.clone(),
        customer_id: job.customer_id.clone(),
        lines: planned.lines.clone(),
        allocations: plan.allocations.clone(),
        address: job.address.clone(),
        delivery_mode: mode,
        delivery_tier: plan.tier,
        totals,
        currency: planned.currency.clone(),
        estimated_delivery_date: domain::time::date_after(clock::now_ms(), plan.quote.days),
        special_instructions: job.input.special_instructions.clone(),
    })
}

fn too_little(short: &[Shortage]) -> Problem {
    let named: Vec<String> = short
        .iter()
        .map(|line| {
            format!(
                "{}: {} wanted, {} there",
                line.sku, line.requested, line.available
            )
        })
        .collect();
    let detail = format!("too little in stock ({})", named.join("; "));
    Problem::new(code::INSUFFICIENT_STOCK, detail).with("lines", short)
}

fn unknown(order_id: &str) -> Problem {
    Problem::new(
        code::OUTCOME_UNKNOWN,
        "it is not known yet whether the order was placed; repeat the request to find out",
    )
    .with("order_id", order_id)
    .retry_after(2)
}

fn reason(refusal: &domain::cart::Refusal) -> &'static str {
    use domain::cart::Refusal;
    match refusal {
        Refusal::Locked => "cart_locked",
        Refusal::Empty => "empty_cart",
        Refusal::NoAddress => "no_address",
        Refusal::TooManyLines => "too_many_lines",
        Refusal::BadQuantity => "invalid_field",
        Refusal::TooMany { .. } => "too_many_requests",
    }
}
