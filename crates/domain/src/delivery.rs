//! Delivery modes, tiers, what they cost and how long they take.
//!
//! The tier follows from the distance between the address and the farthest
//! warehouse that sends a parcel: up to 50 km is `tier_1`, up to 300 km `tier_2`,
//! beyond it `tier_3`. The price is for the order, not for the parcel. The table
//! is configuration; the one here is the default.

use serde::{Deserialize, Serialize};

use crate::money::Minor;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Mode {
    Standard,
    Express,
}

impl Mode {
    /// An unknown mode is standard, as the shop's document has it; the answer
    /// says which was used.
    pub fn from_name(name: Option<&str>) -> Self {
        match name {
            Some("express") => Self::Express,
            _ => Self::Standard,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Express => "express",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Tier {
    #[serde(rename = "tier_1")]
    One,
    #[serde(rename = "tier_2")]
    Two,
    #[serde(rename = "tier_3")]
    Three,
}

impl Tier {
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "tier_1",
            Self::Two => "tier_2",
            Self::Three => "tier_3",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quote {
    pub cost_minor: Minor,
    pub days: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub tier_1_up_to_km: f64,
    pub tier_2_up_to_km: f64,
    /// One quote a tier, nearest first.
    pub standard: [Quote; 3],
    pub express: [Quote; 3],
}

impl Default for Table {
    fn default() -> Self {
        let quote = |cost_minor, days| Quote { cost_minor, days };
        Self {
            tier_1_up_to_km: 50.0,
            tier_2_up_to_km: 300.0,
            standard: [quote(500, 3), quote(900, 5), quote(1500, 8)],
            express: [quote(1200, 1), quote(2000, 2), quote(3500, 3)],
        }
    }
}

impl Table {
    pub fn tier(&self, distance_km: f64) -> Tier {
        if distance_km <= self.tier_1_up_to_km {
            Tier::One
        } else if distance_km <= self.tier_2_up_to_km {
            Tier::Two
        } else {
            Tier::Three
        }
    }

    pub fn quote(&self, mode: Mode, tier: Tier) -> Quote {
        let [one, two, three] = match mode {
            Mode::Standard => self.standard,
            Mode::Express => self.express,
        };
        match tier {
            Tier::One => one,
            Tier::Two => two,
            Tier::Three => three,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_meet_at_their_bounds() {
        let table = Table::default();
        assert_eq!(table.tier(0.0), Tier::One);
        assert_eq!(table.tier(50.0), Tier::One);
        assert_eq!(table.tier(50.1), Tier::Two);
        assert_eq!(table.tier(300.1), Tier::Three);
        assert_eq!(table.quote(Mode::Express, Tier::Three).cost_minor, 3500);
    }

    #[test]
    fn unknown_modes_are_standard() {
        assert_eq!(Mode::from_name(Some("drone")), Mode::Standard);
        assert_eq!(Mode::from_name(None), Mode::Standard);
        assert_eq!(Mode::from_name(Some("express")), Mode::Express);
    }
}
