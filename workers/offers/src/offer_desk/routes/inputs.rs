//! What callers send about offers, and its bounds. What is wrong is named by field.

use contract::assignment::How;
use contract::{Actor, Problem, Role};
use domain::assignment::Tag;
use domain::limits::{PREPARATION_MAX_MIN, TEXT_MAX, is_code};
use edge::Incoming;
use serde::Deserialize;

/// Kilometres, vendors at once: more is a slip of the hand.
const RADIUS_MAX_KM: f64 = 100.0;
const AT_ONCE_MAX: u32 = 50;
const LIMIT_MAX: u32 = 1_000;

/// An answer of a vendor, with what else it may carry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerInput {
    #[serde(default)]
    pub response: Option<String>,
    #[serde(default, rename = "vendorId")]
    pub vendor_id: Option<String>,
    /// Minutes.
    #[serde(default, rename = "preparationTime")]
    pub preparation_time: Option<u32>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub tag: Option<Tag>,
}

impl AnswerInput {
    pub fn of(incoming: &Incoming) -> Result<Self, Problem> {
        let input: Self = incoming.json()?;
        seconds(input.preparation_time)?;
        bounded("reason", input.reason.as_deref())?;
        Ok(input)
    }

    /// The vendor of the token, or the one that staff names.
    pub fn vendor(&self, actor: &Actor) -> Result<String, Problem> {
        match (&self.vendor_id, actor.role) {
            (None, Role::Vendor) => Ok(actor.id.clone()),
            (Some(id), Role::Vendor) if *id == actor.id => Ok(actor.id.clone()),
            (Some(_), Role::Vendor) => {
                let wrong = "a vendor answers for itself; leave it out";
                Err(Problem::field("vendorId", wrong))
            }
            (Some(id), _) if is_code(id) => Ok(id.clone()),
            _ => Err(Problem::field("vendorId", "must name a vendor")),
        }
    }

    pub fn preparation_s(&self) -> Result<Option<u32>, Problem> {
        seconds(self.preparation_time)
    }
}

pub fn bounded(field: &str, text: Option<&str>) -> Result<(), Problem> {
    if text.is_some_and(|text| text.len() > TEXT_MAX) {
        return Err(Problem::field(field, "must be at most 1000 bytes long"));
    }
    Ok(())
}

/// Minutes as they are sent.
pub fn seconds(minutes: Option<u32>) -> Result<Option<u32>, Problem> {
    if minutes > Some(PREPARATION_MAX_MIN) {
        let wrong = "must be at most 1440 minutes";
        return Err(Problem::field("preparationTime", wrong));
    }
    Ok(minutes.map(|minutes| minutes.saturating_mul(60)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ForceInput {
    pub vendor_id: String,
    #[serde(default)]
    pub preparation_time: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StartInput {
    #[serde(default)]
    pub max_radius: Option<f64>,
    #[serde(default)]
    pub parallel_push_count: Option<u32>,
}

impl StartInput {
    pub fn how(&self) -> Result<How, Problem> {
        if let Some(km) = self.max_radius
            && !(km > 0.0 && km <= RADIUS_MAX_KM)
        {
            let wrong = "must be above 0 and at most 100";
            return Err(Problem::field("maxRadius", wrong));
        }
        if let Some(count) = self.parallel_push_count
            && !(1..=AT_ONCE_MAX).contains(&count)
        {
            return Err(Problem::field("parallelPushCount", "must be from 1 to 50"));
        }
        Ok(How {
            max_radius_km: self.max_radius,
            at_once: self.parallel_push_count,
            ..How::default()
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteInput {
    #[serde(default)]
    pub limit: Option<u32>,
}

impl RouteInput {
    pub fn how(&self) -> Result<How, Problem> {
        if let Some(limit) = self.limit
            && !(1..=LIMIT_MAX).contains(&limit)
        {
            return Err(Problem::field("limit", "must be from 1 to 1000"));
        }
        Ok(How {
            by_score: true,
            limit: self.limit,
            ..How::default()
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseInput {
    #[serde(default)]
    pub reason: Option<String>,
    /// Of the lock that is meant, as `status` has it.
    #[serde(default)]
    pub epoch: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TimeoutInput {
    #[serde(default)]
    pub vendor_id: Option<String>,
}
