//! What vendors say about offers, and what they hear of it.
//!
//! What must hold: a vendor speaks for itself alone, as its token says, and the order's
//! offer desk decides. Nothing is kept or looked up here and nothing is locked, so however
//! many accept at the same instant, each is one call, and waits for nobody else. What
//! came of it goes to the socket that said it. An order that was never offered to the
//! vendor answers as one that there is not.
//!
//! Safe to repeat: the desk gives the same vendor the same answer again.

use contract::assignment::{
    AcceptOffer, AcceptReply, OFFER_DESK, RejectOffer, RejectReply, SawOffer, offer_desk_name,
};
use contract::events::{
    ACCEPT_ORDER, ACCEPT_RESULT, Complaint, ERROR, OFFER_SEEN, REJECT_ORDER, REJECT_RESULT,
};
use contract::offers::{AcceptOrder, AcceptResult, OfferSeen, RejectOrder, RejectResult};
use contract::order::{ORDER_DESK, desk_name};
use contract::packet::{Frame, MAIN, Packet, event_frame};
use contract::{Actor, Command, Problem, Role, code};
use domain::assignment::Refusal;
use domain::ids::{DESKS_MAX, desk_of};
use edge::Scope;
use edge::call::{To, call};
use serde_json::{Value, json};

use super::Inner;

pub fn is_about_offers(name: &str) -> bool {
    [ACCEPT_ORDER, REJECT_ORDER, OFFER_SEEN].contains(&name)
}

/// An order has a desk of its own, and one for its offers.
#[derive(Clone, Copy)]
pub enum Whose {
    Order,
    Offers,
}

/// Why nothing came of it.
enum Why {
    /// The offer desk has said no.
    Refused(Refusal),
    /// It could not be dealt with, or nobody knows what came of it.
    Failed(Box<Problem>),
}

impl Why {
    fn code(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.code().to_owned(),
            Self::Failed(problem) => problem.code.as_ref().to_owned(),
        }
    }

    fn text(&self) -> String {
        let text = match self {
            Self::Refused(Refusal::NotOffered) => "this order is not offered to you",
            Self::Refused(_) => "this offer cannot be answered any more",
            Self::Failed(problem) => &problem.detail,
        };
        text.to_owned()
    }
}

/// Why nothing came of it, and the order, where one was named.
struct No {
    order_id: Option<String>,
    why: Why,
}

impl From<Problem> for No {
    fn from(problem: Problem) -> Self {
        Self {
            order_id: None,
            why: Why::Failed(Box::new(problem)),
        }
    }
}

fn refused(order_id: String, refusal: Refusal) -> No {
    No {
        order_id: Some(order_id),
        why: Why::Refused(refusal),
    }
}

impl Inner {
    pub(super) async fn about_offer(
        &self,
        number: u32,
        ack: Option<u64>,
        name: &str,
        actor: &Actor,
        args: &[Value],
    ) {
        let said = args.first();
        let outcome = match name {
            _ if actor.role != Role::Vendor => {
                let detail = "offers are answered by vendors";
                Err(Problem::new(code::FORBIDDEN, detail).into())
            }
            ACCEPT_ORDER => self.accept(actor, said).await,
            REJECT_ORDER => self.reject(actor, said).await,
            _ => self.seen(actor, said).await,
        };
        self.tell_outcome(number, ack, name, outcome);
    }

    /// What was said is not looked at.
    pub(super) fn refuse_offer(&self, number: u32, ack: Option<u64>, name: &str, problem: Problem) {
        self.tell_outcome(number, ack, name, Err(problem.into()));
    }

    /// The order that the vendor has.
    async fn accept(&self, actor: &Actor, said: Option<&Value>) -> Result<String, No> {
        let accept = AcceptOrder::read(said)?;
        let asked = AcceptOffer {
            order: accept.order_id.clone(),
            vendor: actor.id.clone(),
            tag: accept.tag,
            preparation_s: accept.preparation_time.map(|time| time.saturating_mul(60)),
        };
        match self.answer_of(accept.order_id, asked).await? {
            (_, AcceptReply::Won { order_id, .. }) => Ok(order_id),
            (_, AcceptReply::Lost { order_id, refusal }) => Err(refused(order_id, refusal)),
        }
    }

    /// The order that was rejected.
    async fn reject(&self, actor: &Actor, said: Option<&Value>) -> Result<String, No> {
        let reject = RejectOrder::read(said)?;
        let asked = RejectOffer {
            order: reject.order_id.clone(),
            vendor: actor.id.clone(),
            tag: reject.tag,
            reason: reject.reason.unwrap_or_default(),
        };
        match self.answer_of(reject.order_id, asked).await? {
            (_, RejectReply::Rejected { order_id, .. }) => Ok(order_id),
            (_, RejectReply::TooLate { order_id, refusal }) => Err(refused(order_id, refusal)),
        }
    }

    async fn seen(&self, actor: &Actor, said: Option<&Value>) -> Result<String, No> {
        let seen = OfferSeen::read(said)?;
        let asked = SawOffer {
            order: seen.order_id.clone(),
            vendor: actor.id.clone(),
            tag: seen.tag,
        };
        let (order, _) = self.answer_of(seen.order_id, asked).await?;
        Ok(order)
    }

    /// What the offer desk of an order says, and the order as it was named.
    async fn answer_of<C: Command>(
        &self,
        order: String,
        command: C,
    ) -> Result<(String, C::Reply), No> {
        match self.ask_desk(Whose::Offers, &order, command).await {
            Ok(Some(reply)) => Ok((order, reply)),
            Ok(None) => Err(refused(order, Refusal::NotOffered)),
            Err(problem) => Err(No {
                order_id: Some(order),
                why: Why::Failed(Box::new(problem)),
            }),
        }
    }

    /// Asks a desk of an order, named by its id or its number. `None` where there is
    /// no such order, for whoever asks.
    pub(super) async fn ask_desk<C: Command>(
        &self,
        whose: Whose,
        order: &str,
        command: C,
    ) -> Result<Option<C::Reply>, Problem> {
        let Some(desk) = desk_of(order).filter(|desk| *desk < DESKS_MAX) else {
            return Ok(None);
        };
        let step = command.step();
        let (binding, name) = match whose {
            Whose::Order => (ORDER_DESK, desk_name(desk)),
            Whose::Offers => (OFFER_DESK, offer_desk_name(desk)),
        };
        let scope = Scope::default().within(&self.state);
        match call(&self.env, &scope, To::Object(binding, &name), command).await {
            Ok(reply) => Ok(Some(reply)),
            Err(error) => match error.into_problem(&step) {
                problem if problem.is(code::NOT_FOUND) => Ok(None),
                problem => Err(problem),
            },
        }
    }

    /// Everybody hears what came of an accept or a reject, and of what went wrong; who
    /// wants an answer gets one besides.
    fn tell_outcome(&self, number: u32, ack: Option<u64>, name: &str, outcome: Result<String, No>) {
        let (event, answer) = if name == ACCEPT_ORDER {
            (Some(ACCEPT_RESULT), json!(accept_result(outcome)))
        } else {
            let event = (name == REJECT_ORDER && outcome.is_ok()).then_some(REJECT_RESULT);
            if let Err(no) = &outcome {
                let complaint = Complaint {
                    code: no.why.code(),
                    message: no.why.text(),
                };
                self.emit(number, ERROR, &json!(complaint));
            }
            (event, json!(reject_result(outcome)))
        };
        if let Some(event) = event {
            self.emit(number, event, &answer);
        }
        self.acknowledge(number, ack, answer);
    }

    /// Says something to one socket.
    pub(super) fn emit(&self, number: u32, event: &str, payload: &Value) {
        let frame = event_frame(&format!("\"{event}\",{payload}"), None);
        self.sockets.send(number, &frame);
    }

    /// Answers who wants an answer.
    pub(super) fn acknowledge(&self, number: u32, ack: Option<u64>, answer: Value) {
        if let Some(ack) = ack {
            let packet = Packet::Ack {
                namespace: MAIN.into(),
                ack,
                args: vec![answer],
            };
            self.sockets.send(number, &Frame::Message(packet).text());
        }
    }
}

fn accept_result(outcome: Result<String, No>) -> AcceptResult {
    match outcome {
        Ok(order_id) => AcceptResult {
            ok: true,
            winner: true,
            order_id: Some(order_id),
            ..AcceptResult::default()
        },
        Err(No { order_id, why }) => {
            let is_refused = matches!(why, Why::Refused(_));
            AcceptResult {
                order_id,
                reason: is_refused.then(|| why.code()),
                error: (!is_refused).then(|| why.text()),
                ..AcceptResult::default()
            }
        }
    }
}

fn reject_result(outcome: Result<String, No>) -> RejectResult {
    match outcome {
        Ok(order_id) => RejectResult {
            ok: true,
            order_id,
            ..RejectResult::default()
        },
        Err(No { order_id, why }) => RejectResult {
            ok: false,
            order_id: order_id.unwrap_or_default(),
            code: Some(why.code()),
            error: Some(why.text()),
        },
    }
}
