//! Errands are told things here, one command after the other: read, applied, written, and
//! what follows is done.

use std::rc::Rc;

use contract::dispatch::{AssignmentRequest, FollowOrder};
use contract::{Empty, Problem, code};
use domain::errand::{Command, Effect, Errand, Refusal, Wish};
use domain::geo::Point;
use domain::time::from_rfc3339;
use edge::{Scope, clock, faults, http};

use super::Desk;

/// What a command to an errand has come to, and what is to be done either way.
pub(super) type Told = Result<Vec<Effect>, (Refusal, Vec<Effect>)>;

impl Desk {
    /// Somebody is wanted. Whoever is near is chosen at once, where the policy does not wait.
    pub(super) async fn wish(
        self: &Rc<Self>,
        scope: &Scope,
        request: &AssignmentRequest,
    ) -> Result<Empty, Problem> {
        let order_id = request.order_id.clone();
        let wish = wish_of(request);
        self.name_at(wish.pickup);
        let command = Command::Wish(wish);
        let told = self.write(scope, &order_id, command, Some(request)).await?;
        self.perform(scope, &order_id, told.unwrap_or_default())
            .await;
        if self.settings.chooses_at_once() {
            self.match_drivers(scope).await;
        }
        let window = clock::now_ms().saturating_add(self.settings.window_ms);
        self.wake_by(window).await.map_err(http::internal)?;
        Ok(Empty {})
    }

    /// Tells an errand something, and does what follows.
    pub(super) async fn tell(
        self: &Rc<Self>,
        scope: &Scope,
        order_id: &str,
        command: Command,
    ) -> Result<Empty, Problem> {
        let told = self.write(scope, order_id, command, None).await?;
        let (effects, refusal) = match told {
            Ok(effects) => (effects, None),
            Err((refusal, effects)) => (effects, Some(refusal)),
        };
        self.perform(scope, order_id, effects).await;
        match refusal {
            None => Ok(Empty {}),
            Some(refusal) => Err(refused(refusal)),
        }
    }

    /// What the order says of an attempt; how it stands here since.
    pub(super) async fn follow(
        self: &Rc<Self>,
        scope: &Scope,
        follow: &FollowOrder,
    ) -> Result<bool, Problem> {
        let (attempt, stage) = (follow.attempt, follow.stage);
        let command = Command::Follow { attempt, stage };
        self.tell(scope, &follow.order_id, command).await?;
        let errand = self.errand(&follow.order_id, clock::now_ms())?;
        Ok(errand.has_nobody())
    }

    /// An admin has chosen somebody. The wish comes along, since it may not have arrived.
    pub(super) async fn force(
        self: &Rc<Self>,
        scope: &Scope,
        request: &AssignmentRequest,
        driver: String,
    ) -> Result<Empty, Problem> {
        let order_id = request.order_id.clone();
        let wish = Command::Wish(wish_of(request));
        let wished = self.write(scope, &order_id, wish, Some(request)).await?;
        self.perform(scope, &order_id, wished.unwrap_or_default())
            .await;
        let eta_s = self.eta_of(&order_id, &driver)?;
        self.tell(scope, &order_id, Command::Force { driver, eta_s })
            .await
    }

    /// The command and what came of it are one stretch, and durable before anything follows.
    pub(super) async fn write(
        &self,
        scope: &Scope,
        order_id: &str,
        command: Command,
        request: Option<&AssignmentRequest>,
    ) -> Result<Told, Problem> {
        faults::before(scope, "errand.command")?;
        let now = clock::now_ms();
        let mut errand = self.errand(order_id, now)?;
        let told = errand.apply(command, now);
        // Time has passed for a command that was refused, too.
        let told = told.map_err(|refusal| (refusal, errand.left_over()));
        self.rows.save(&errand, request, now)?;
        if let Some(at) = errand.wake_at() {
            self.wake_by(at).await.map_err(http::internal)?;
        }
        faults::written(&self.state, scope, "errand.command").await?;
        Ok(told)
    }

    pub(super) fn errand(&self, order_id: &str, now: i64) -> Result<Errand, Problem> {
        let found = self.rows.errand(order_id)?;
        Ok(found.map_or_else(
            || Errand::new(order_id, self.settings.errand, now),
            |(errand, _)| errand,
        ))
    }
}

fn wish_of(request: &AssignmentRequest) -> Wish {
    let point = |latitude, longitude| Point {
        latitude,
        longitude,
    };
    let at_ms = from_rfc3339(&request.occurred_at).unwrap_or_default();
    let placed = request.placed_at.as_deref().and_then(from_rfc3339);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked when it came"
    )]
    let (preparing_ms, radius_m) = (
        (request.preparation_time * 60_000.0) as i64,
        (request.radius * 1000.0) as u32,
    );
    let pickup = point(request.restaurant_latitude, request.restaurant_longitude);
    Wish {
        attempt: request.attempt,
        site: request
            .site
            .clone()
            .unwrap_or_else(|| format!("{:.5},{:.5}", pickup.latitude, pickup.longitude)),
        pickup,
        dropoff: point(request.customer_latitude, request.customer_longitude),
        placed_ms: placed.unwrap_or(at_ms),
        ready_ms: at_ms.saturating_add(preparing_ms),
        radius_m,
    }
}

pub(super) fn refused(refusal: Refusal) -> Problem {
    let (code, detail) = match refusal {
        Refusal::Another => (code::NOT_YOUR_ORDER, "another driver brings it"),
        Refusal::NotYours | Refusal::NotOpen => (
            code::DRIVER_OFFER_OVER,
            "it is not offered to this driver, or no longer",
        ),
        Refusal::NotYet => (code::UNAVAILABLE, "it is not certain yet; ask again"),
        Refusal::NotCollected => (code::NOT_COLLECTED, "say first that you have picked it up"),
        Refusal::Collected => (
            code::COLLECTED,
            "it is with its driver already, and stays there",
        ),
        Refusal::Over => (code::NO_DRIVER_WANTED, "the order needs no driver any more"),
    };
    Problem::new(code, detail)
}
