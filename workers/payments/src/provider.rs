//! The provider that takes money by card: a service that speaks Stripe's language, over HTTP.
//!
//! What must hold: whatever changes something there has a name of its own
//! (`Idempotency-Key`), so that asking again is asking for the same. An answer that did not
//! come is no answer.

use domain::payment::{Event, Refund};
use edge::outside::{self, Answer, Ask, Deadline};
use edge::{CallError, Scope, config};
use serde::Deserialize;
use worker::Env;

/// How long the provider may take.
const DEADLINE_MS: u32 = 10_000;
/// The version of the language that is spoken here.
const VERSION: &str = "2025-09-30.clover";

pub struct Provider<'a> {
    env: &'a Env,
    scope: &'a Scope,
    url: String,
    key: String,
}

#[derive(Deserialize)]
struct Intent {
    id: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    amount_received: i64,
}

#[derive(Deserialize)]
struct Made {
    status: String,
}

#[derive(Deserialize)]
struct Refused {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    payment_intent: Option<Intent>,
}

impl<'a> Provider<'a> {
    /// None where no provider is configured.
    pub fn of(env: &'a Env, scope: &'a Scope) -> Option<Self> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Some(Self {
            url: given(config::text(env, "PAYMENT_PROVIDER_URL"))?,
            key: given(config::secret(env, "STRIPE_SECRET_KEY"))?,
            env,
            scope,
        })
    }

    /// The intent of this attempt, made now or before.
    pub async fn make(
        &self,
        order_id: &str,
        number: &str,
        attempt: u32,
        minor: i64,
        currency: &str,
    ) -> Result<Event, CallError> {
        let (minor, currency) = (minor.to_string(), currency.to_lowercase());
        let form = form(&[
            ("amount", &minor),
            ("currency", &currency),
            ("metadata[order_id]", order_id),
            ("metadata[order_number]", number),
            ("automatic_payment_methods[enabled]", "true"),
        ]);
        let name = format!("order-{order_id}-intent-{attempt}");
        let answer = self
            .post("payment.make", "payment_intents", &name, &form)
            .await?;
        if answer.status != 200 {
            return Err(refusal(&answer));
        }
        let intent: Intent = read(&answer)?;
        Ok(Event::Made {
            attempt,
            id: intent.id,
            secret: intent.client_secret,
        })
    }

    /// What the provider says of an intent that shall end: it is dead, or its money was
    /// taken before.
    pub async fn end(&self, order_id: &str, id: &str) -> Result<Event, CallError> {
        let name = format!("order-{order_id}-end-{id}");
        let path = format!("payment_intents/{id}/cancel");
        let answer = self.post("payment.end", &path, &name, "").await?;
        let intent: Intent = match answer.status {
            200 => read(&answer)?,
            400..=499 => {
                let refused: Refused = read(&answer)?;
                refused
                    .error
                    .payment_intent
                    .ok_or_else(|| refusal(&answer))?
            }
            _ => return Err(refusal(&answer)),
        };
        match intent.status.as_str() {
            "succeeded" => Ok(Event::Succeeded {
                id: intent.id,
                minor: intent.amount_received,
            }),
            "canceled" => Ok(Event::Died { id: intent.id }),
            other => Err(CallError::Unknown(format!("the intent is {other}"))),
        }
    }

    /// The refund of that number, made now or before.
    pub async fn give_back(
        &self,
        order_id: &str,
        id: &str,
        refund: Refund,
    ) -> Result<Event, CallError> {
        let minor = refund.minor.to_string();
        let form = form(&[
            ("payment_intent", id),
            ("amount", &minor),
            ("metadata[order_id]", order_id),
        ]);
        let name = format!("order-{order_id}-refund-{}", refund.number);
        let answer = self.post("payment.refund", "refunds", &name, &form).await?;
        if answer.status != 200 {
            return Err(refusal(&answer));
        }
        let made: Made = read(&answer)?;
        match made.status.as_str() {
            "succeeded" | "pending" => Ok(Event::Refunded {
                number: refund.number,
            }),
            other => Err(CallError::Unknown(format!("the refund is {other}"))),
        }
    }

    async fn post(
        &self,
        step: &str,
        path: &str,
        name: &str,
        form: &str,
    ) -> Result<Answer, CallError> {
        let url = format!("{}/v1/{path}", self.url.trim_end_matches('/'));
        let authorization = format!("Bearer {}", self.key);
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("idempotency-key", name),
            ("stripe-version", VERSION),
        ];
        let ask = Ask {
            url: &url,
            headers: &headers,
            body: form.as_bytes(),
            deadline: &Deadline::after_ms(config::number(
                self.env,
                "PAYMENT_PROVIDER_TIMEOUT_MS",
                DEADLINE_MS,
            )),
        };
        outside::ask(self.scope, step, &ask).await
    }
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, CallError> {
    serde_json::from_slice(&answer.body).map_err(|error| CallError::Unknown(error.to_string()))
}

/// What it said instead. Nothing is known to have happened, or to have not.
fn refusal(answer: &Answer) -> CallError {
    let reason = read::<Refused>(answer).map_or_else(
        |_| String::new(),
        |refused| format!("{} {}", refused.error.code, refused.error.message),
    );
    CallError::Unknown(format!("the provider said {} {reason}", answer.status))
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}
