//! Placing an order from a cart.
//!
//! claim -> plan and price -> order desk -> complete. The claim is held in memory;
//! the order desk journals at most one order a cart, so a repeat after a crash
//! finds the order that exists. A refusal changes nothing but the claim. When the
//! outcome is not known it is called unknown, the claim stays, and the next one
//! who asks, or the alarm, finds out (`doubts`).

use std::rc::Rc;

use contract::cart::PlaceInput;
use contract::fulfillment::PlanOrder;
use contract::order::{Asked, ORDER_DESK, OrderContent, PlaceOrder, PlaceReply, desk_name};
use contract::{Problem, code};
use domain::address::Address;
use domain::cart::{Carts, Claimed, Refusal};
use domain::delivery::Mode;
use domain::ids::desk_of_uuid;
use domain::limits::STOCK_WAIT_MS;
use domain::placement::{Cause, backoff_ms};
use domain::plan::Wanted;
use edge::call::{To, call};
use edge::{CallError, Scope, clock, faults, http, telemetry};
use futures::channel::oneshot;

use super::content::{content, too_little};
use super::doubts::in_time;
use super::rows::Completion;
use super::{Ahead, Desk, Ending, PlaceAnswer, PlaceCart, refused};

const FULFILLMENT: To<'static> = To::Service("FULFILLMENT_SERVICE");
/// Plans made for one request, since others may take what a plan counted on.
const PLANS_MAX: u32 = 6;
/// Repeats of a call to the order desk whose outcome is unknown.
const TRIES_MAX: u32 = 4;

/// One placing: what was claimed, and on whose behalf.
pub(super) struct Job {
    pub scope: Scope,
    pub customer_id: String,
    pub input: PlaceInput,
    pub cart_id: String,
    pub order_id: String,
    pub asked: Asked,
    pub lines: Vec<Wanted>,
    pub address: Address,
}

/// How one attempt at the order desk ended.
enum Tried {
    Placed(String),
    /// What the plan counted on was gone; another plan may do.
    Short,
    /// The credit line is too short, whatever the plan.
    NoCredit,
    Unknown,
}

impl Desk {
    pub(super) async fn place(
        self: &Rc<Self>,
        scope: Scope,
        place: PlaceCart,
    ) -> Result<PlaceAnswer, Problem> {
        let customer = place.customer_id.as_str();
        let mut carts = self.certain(&scope, customer).await?;
        if carts.claim_now().is_none() {
            self.write_done(customer)?;
        }
        if !place.key.is_empty()
            && let Some(known) = self.rows.key(customer, &place.key)?
        {
            if known.fingerprint != place.fingerprint {
                return Err(refused(Refusal::KeyReused));
            }
            return Ok(PlaceAnswer {
                body: known.answer,
                replayed: true,
            });
        }
        let now = clock::now_ms();
        let cart_id = carts.current.as_ref().map_or("", |cart| &cart.cart_id);
        let order_id = Self::new_order_id(cart_id);
        let request = (place.key.as_str(), place.fingerprint.as_str());
        let claimed = carts.claim(request, &order_id, self.per_minute, now);
        match claimed {
            Err(refusal) => {
                telemetry::count("placements_refused", &[("reason", reason(&refusal))], 1);
                Err(refused(refusal))
            }
            Ok(Claimed::Placed { .. }) => match self.rows.last_answer(customer)? {
                Some(body) => Ok(PlaceAnswer {
                    body,
                    replayed: true,
                }),
                None => Err(refused(Refusal::Empty)),
            },
            Ok(Claimed::Under { .. }) => {
                let receiver = self.end_of(&scope, customer);
                let body = in_time(receiver).await?;
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
                self.mark(&scope)?;
                let ahead = Ahead { carts, done: None };
                self.ahead.borrow_mut().insert(customer.to_owned(), ahead);
                let job = Job {
                    scope,
                    customer_id: customer.to_owned(),
                    input: place.input,
                    cart_id,
                    order_id,
                    asked: Asked {
                        key: place.key,
                        fingerprint: place.fingerprint,
                    },
                    lines,
                    address: *address,
                };
                let ending = self.start(job, now);
                // Mark and alarm are one commit: nothing was awaited between them.
                self.wake_by(now.saturating_add(self.recover_after_ms))
                    .await
                    .map_err(http::internal)?;
                let body = ending.await.unwrap_or_else(|_| Err(unknown("")))?;
                Ok(PlaceAnswer {
                    body,
                    replayed: false,
                })
            }
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

    pub(super) fn spawn(
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
        faults::written(&self.state, &job.scope, "cart.mark").await?;
        match self.try_plans(&mut job).await {
            Ok(Some(body)) => {
                faults::before(&job.scope, "cart.complete")?;
                self.complete(&job.customer_id, &job.order_id, &body);
                faults::written(&self.state, &job.scope, "cart.complete").await?;
                Ok(body)
            }
            // The claim stays until somebody has found out.
            Ok(None) => Err(unknown(&job.order_id)),
            Err(problem) => {
                self.with_carts(&job.customer_id, |carts| carts.release(&job.order_id));
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
                Tried::NoCredit => {
                    let detail = "the credit line is too short for this order; pay otherwise";
                    return Err(Problem::new(code::NO_CREDIT, detail).of_field("payment_method"));
                }
                Tried::Short => {}
            }
            telemetry::count("placements_replanned", &[], 1);
            // An order id that was undone stays closed: the next plan has its own.
            let next = Self::new_order_id(&job.cart_id);
            let claim_goes_on = self.with_carts(&job.customer_id, |carts| {
                carts.reclaim(&job.order_id, &next)
            });
            if claim_goes_on != Some(true) {
                return Ok(None);
            }
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
            asked: job.asked.clone(),
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
                Ok(PlaceReply::Undone(Cause::NoCredit)) => return Tried::NoCredit,
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
    pub(super) fn complete(self: &Rc<Self>, customer: &str, order_id: &str, body: &str) {
        let at_ms = clock::now_ms();
        let mut ahead = self.ahead.borrow_mut();
        let Some(Ahead { carts, done }) = ahead.get_mut(customer) else {
            return;
        };
        if let Some(cart) = carts.complete(order_id, at_ms) {
            let completion = Completion {
                cart,
                order_id: order_id.to_owned(),
                answer: body.to_owned(),
                at_ms,
            };
            self.record_soon(customer, carts, &completion);
            *done = Some(completion);
        }
    }

    /// Something about a cart that is being placed.
    pub(super) fn with_carts<T>(
        &self,
        customer: &str,
        change: impl FnOnce(&mut Carts) -> T,
    ) -> Option<T> {
        let mut ahead = self.ahead.borrow_mut();
        ahead
            .get_mut(customer)
            .map(|ahead| change(&mut ahead.carts))
    }

    /// What came of the customer's last order is written before it is looked up.
    fn write_done(&self, customer: &str) -> Result<(), Problem> {
        if self.ahead.borrow().contains_key(customer) {
            self.write_late()?;
        }
        Ok(())
    }
}

/// The desk inside an id. It is asked itself: a worker in between would only pass
/// the command on.
pub(super) fn order_desk(id: &str) -> String {
    desk_name(desk_of_uuid(id).unwrap_or_default())
}

pub(super) fn unknown(order_id: &str) -> Problem {
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
        Refusal::KeyReused => "key_reused",
        Refusal::Empty => "empty_cart",
        Refusal::NoAddress => "no_address",
        Refusal::TooManyLines => "too_many_lines",
        Refusal::BadQuantity => "invalid_field",
        Refusal::TooMany { .. } => "too_many_requests",
    }
}
