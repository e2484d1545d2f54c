//! What callers ask about offers by HTTP, and its bounds. What is wrong is named by field.

use domain::assignment::Tag;
use domain::limits::{PREPARATION_MAX_MIN, TEXT_MAX, fits, is_code};
use serde::Deserialize;

use crate::assignment::How;
use crate::{Actor, Problem, Role};

/// Kilometres, vendors at once, vendors at all: more is a slip of the hand.
pub const RADIUS_MAX_KM: f64 = 100.0;
pub const AT_ONCE_MAX: u32 = 50;
pub const LIMIT_MAX: u32 = 1_000;

/// An answer of a vendor. A vendor answers for itself, staff says for whom.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AnswerInput {
    /// `ACCEPT` or `REJECT`, where the path does not say it.
    #[serde(default)]
    pub response: Option<String>,
    /// Only for staff, which has to name the vendor.
    #[serde(default, rename = "vendorId")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Code>"))]
    pub vendor_id: Option<String>,
    /// Minutes that the vendor needs.
    #[serde(default, rename = "preparationTime")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Minutes>"))]
    pub preparation_time: Option<u32>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Text>"))]
    pub reason: Option<String>,
    /// Where it is given, the answer is to this offer and to no other.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::TagShape>"))]
    pub tag: Option<Tag>,
}

impl AnswerInput {
    /// Whether what it carries is within its bounds.
    pub fn check(&self) -> Result<(), Problem> {
        seconds(self.preparation_time)?;
        bounded("reason", self.reason.as_deref())
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

fn bounded(field: &str, text: Option<&str>) -> Result<(), Problem> {
    if text.is_some_and(|text| !fits(text, TEXT_MAX)) {
        return Err(Problem::field(
            field,
            "must be at most 1000 characters long",
        ));
    }
    Ok(())
}

/// Minutes as they are sent.
fn seconds(minutes: Option<u32>) -> Result<Option<u32>, Problem> {
    if minutes > Some(PREPARATION_MAX_MIN) {
        let wrong = "must be at most 1440 minutes";
        return Err(Problem::field("preparationTime", wrong));
    }
    Ok(minutes.map(|minutes| minutes.saturating_mul(60)))
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ForceInput {
    #[cfg_attr(feature = "schema", schemars(with = "domain::shape::Code"))]
    pub vendor_id: String,
    /// Minutes that the vendor needs.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Minutes>"))]
    pub preparation_time: Option<u32>,
}

impl ForceInput {
    pub fn preparation_s(&self) -> Result<Option<u32>, Problem> {
        seconds(self.preparation_time)
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StartInput {
    /// Kilometres.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0, "maximum" = RADIUS_MAX_KM)))]
    pub max_radius: Option<f64>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = AT_ONCE_MAX)))]
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

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RouteInput {
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = LIMIT_MAX)))]
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

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReleaseInput {
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<domain::shape::Text>"))]
    pub reason: Option<String>,
    /// Of the lock that is meant, as `status` has it. A repeat does not hit whoever has
    /// the order next.
    #[serde(default)]
    pub epoch: Option<u32>,
}

impl ReleaseInput {
    /// What was said, or else this.
    pub fn reason_or(self, default: &str) -> Result<String, Problem> {
        bounded("reason", self.reason.as_deref())?;
        Ok(self.reason.unwrap_or_else(|| default.to_owned()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimeoutInput {
    /// Without it the offers of all vendors end.
    #[serde(default)]
    pub vendor_id: Option<String>,
}
