//! From what a vendor wrote to the desk of the order, and back to what the vendor is told.
//! The desk takes an answer that is repeated for the one that it had.

use contract::assignment::{
    AcceptOffer, AcceptReply, OFFER_DESK, RejectOffer, RejectReply, offer_desk_name,
};
use contract::{Command, Problem, code};
use domain::assignment::Refusal;
use domain::ids::{DESKS_MAX, desk_of};
use edge::call::{To, call};
use edge::{CallError, Scope};
use worker::Env;

use super::messages::{Wish, wish};
use super::replies;

/// What to say to the vendor. An error says that the desk has to be asked again.
pub async fn carry_out(
    env: &Env,
    scope: &Scope,
    vendor: &str,
    text: &str,
) -> Result<String, Problem> {
    match wish(text) {
        Wish::Accept { order, minutes } => {
            let command = AcceptOffer {
                order: order.clone(),
                vendor: vendor.to_owned(),
                tag: None,
                preparation_s: minutes.map(|minutes| minutes.saturating_mul(60)),
            };
            Ok(match ask(env, scope, &order, command).await? {
                Ok(AcceptReply::Won { preparation_s, .. }) => replies::won(&order, preparation_s),
                Ok(AcceptReply::Lost { refusal, .. }) => replies::refused(&order, known(refusal)?),
                Err(problem) => not_done(&order, &problem),
            })
        }
        Wish::Reject { order, reason } => {
            let reason = match reason.as_str() {
                "" => "rejected by message".to_owned(),
                _ => reason,
            };
            let command = RejectOffer {
                order: order.clone(),
                vendor: vendor.to_owned(),
                tag: None,
                reason,
            };
            Ok(match ask(env, scope, &order, command).await? {
                Ok(RejectReply::Rejected { .. }) => replies::rejected(&order),
                Ok(RejectReply::TooLate { refusal, .. }) => {
                    replies::refused(&order, known(refusal)?)
                }
                Err(problem) => not_done(&order, &problem),
            })
        }
        Wish::Unknown { order } => Ok(replies::unknown(&order)),
        Wish::NotUnderstood => Ok(replies::how_to_answer()),
    }
}

/// What the desk answers, or why it refuses.
async fn ask<C: Command>(
    env: &Env,
    scope: &Scope,
    order: &str,
    command: C,
) -> Result<Result<C::Reply, Problem>, Problem> {
    let Some(number) = desk_of(order).filter(|number| *number < DESKS_MAX) else {
        return Ok(Err(Problem::not_found("order")));
    };
    let name = offer_desk_name(number);
    match call(env, scope, To::Object(OFFER_DESK, &name), command).await {
        Ok(reply) => Ok(Ok(reply)),
        Err(CallError::Refused(problem)) => Ok(Err(*problem)),
        Err(error) => Err(error.into_problem("webhook.desk")),
    }
}

fn not_done(order: &str, problem: &Problem) -> String {
    if problem.is(code::NOT_FOUND) {
        return replies::unknown(order);
    }
    replies::not_possible(order)
}

/// A refusal that is for good.
fn known(refusal: Refusal) -> Result<Refusal, Problem> {
    if refusal != Refusal::PlaceUnknown {
        return Ok(refusal);
    }
    let detail = "whether the vendor has a place could not be found out; try again";
    Err(Problem::new(code::UNAVAILABLE, detail))
}
