//! What is taken from an order after it stands: lines that are cancelled, goods that come
//! back, money that is given back without goods.
//!
//! What must hold: no unit is cancelled or returned twice, or that was never ordered; what
//! is due for the order is what the rest of it costs, with the tax on just that and the
//! delivery as it was, less what was given back, and never below nothing. Units are counted
//! off in a fixed order, cancelled ones from the last warehouse of the plan on and returned
//! ones from the first, so that where they belong follows from how many went before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::money::Minor;
use crate::plan::{Allocation, Wanted};
use crate::totals::Totals;

/// A line of the order as it was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub sku: String,
    pub price_minor: Minor,
    pub quantity: i64,
}

/// All that was taken from an order so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Amended {
    /// How many amendments there were.
    pub count: u32,
    /// Cancelled before they left, by SKU.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub cancelled: BTreeMap<String, i64>,
    /// Back after they had left.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub returned: BTreeMap<String, i64>,
    /// Of these, the ones that nobody has to pay for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unpaid: BTreeMap<String, i64>,
    /// Given back without goods.
    pub given_minor: Minor,
}

/// What is to be taken from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amendment {
    /// These units are not delivered.
    Cancel { lines: Vec<Wanted> },
    /// These units came back: to the shelf, and for money, or not.
    Return {
        lines: Vec<Wanted>,
        restock: bool,
        refund: bool,
    },
    /// So much goes back, or all that is due.
    Refund { minor: Option<Minor> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// There are only so many left of this.
    TooMany {
        sku: String,
        left: i64,
    },
    NotOrdered {
        sku: String,
    },
    /// Nothing of the order would be left, which is another thing.
    Everything,
    /// Only so much is due.
    TooMuch {
        due_minor: Minor,
    },
}

/// Units of a warehouse that stock has to hear of.
pub type Units = Vec<(Allocation, i64)>;

fn of(counts: &BTreeMap<String, i64>, sku: &str) -> i64 {
    counts.get(sku).copied().unwrap_or_default()
}

fn add(counts: &mut BTreeMap<String, i64>, sku: &str, quantity: i64) {
    let count = counts.entry(sku.to_owned()).or_default();
    *count = count.saturating_add(quantity);
}

impl Amended {
    /// What of a line is still to be delivered, or was and did not come back.
    pub fn left(&self, line: &Line) -> i64 {
        line.quantity
            .saturating_sub(of(&self.cancelled, &line.sku))
            .saturating_sub(of(&self.returned, &line.sku))
    }

    /// What is due for the order as it is.
    pub fn due(&self, lines: &[Line], totals: &Totals) -> Minor {
        let off = lines.iter().fold(0_i64, |off, line| {
            let units = of(&self.unpaid, &line.sku).min(line.quantity);
            off.saturating_add(line.price_minor.saturating_mul(units))
        });
        let subtotal = totals.subtotal_minor.saturating_sub(off).max(0);
        let tax = share(totals.tax_minor, subtotal, totals.subtotal_minor);
        subtotal
            .saturating_add(tax)
            .saturating_add(totals.delivery_minor)
            .saturating_sub(self.given_minor)
            .max(0)
    }

    /// Takes something from the order. Tells which units it is about, by where they are from.
    ///
    /// # Errors
    /// What is wrong with it; nothing was changed.
    pub fn apply(
        &mut self,
        amendment: &Amendment,
        lines: &[Line],
        allocations: &[Allocation],
        totals: &Totals,
    ) -> Result<Units, Wrong> {
        let mut next = self.clone();
        next.count = self.count.saturating_add(1);
        let units = match amendment {
            Amendment::Cancel { lines: asked } => {
                next.check(asked, lines)?;
                let mut units = Vec::new();
                for one in asked {
                    let before = of(&next.cancelled, &one.sku);
                    let from: Vec<&Allocation> = of_sku(allocations, &one.sku).rev().collect();
                    units.extend(stretch(&from, before, one.quantity));
                    add(&mut next.cancelled, &one.sku, one.quantity);
                    add(&mut next.unpaid, &one.sku, one.quantity);
                }
                if lines.iter().all(|line| next.left(line) == 0) {
                    return Err(Wrong::Everything);
                }
                units
            }
            Amendment::Return {
                lines: asked,
                restock,
                refund,
            } => {
                next.check(asked, lines)?;
                let mut units = Vec::new();
                for one in asked {
                    let before = of(&next.returned, &one.sku);
                    let from: Vec<&Allocation> = of_sku(allocations, &one.sku).collect();
                    if *restock {
                        units.extend(stretch(&from, before, one.quantity));
                    }
                    add(&mut next.returned, &one.sku, one.quantity);
                    if *refund {
                        add(&mut next.unpaid, &one.sku, one.quantity);
                    }
                }
                units
            }
            Amendment::Refund { minor } => {
                let due_minor = self.due(lines, totals);
                let minor = minor.unwrap_or(due_minor);
                if minor > due_minor || minor <= 0 {
                    return Err(Wrong::TooMuch { due_minor });
                }
                next.given_minor = self.given_minor.saturating_add(minor);
                Vec::new()
            }
        };
        *self = next;
        Ok(units)
    }

    fn check(&self, asked: &[Wanted], lines: &[Line]) -> Result<(), Wrong> {
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for one in asked {
            add(&mut sums, &one.sku, one.quantity);
        }
        for (sku, quantity) in sums {
            let Some(line) = lines.iter().find(|line| line.sku == sku) else {
                return Err(Wrong::NotOrdered { sku });
            };
            let left = self.left(line);
            if quantity > left || quantity <= 0 {
                return Err(Wrong::TooMany { sku, left });
            }
        }
        Ok(())
    }
}

fn of_sku<'a>(
    allocations: &'a [Allocation],
    sku: &'a str,
) -> impl DoubleEndedIterator<Item = &'a Allocation> {
    allocations
        .iter()
        .filter(move |allocation| allocation.sku == sku)
}

/// So many units behind the first ones, counted through these places.
fn stretch(places: &[&Allocation], before: i64, mut wanted: i64) -> Units {
    let mut skip = before;
    let mut units = Vec::new();
    for place in places {
        let here = place.quantity.saturating_sub(skip).max(0);
        skip = skip.saturating_sub(place.quantity).max(0);
        let taken = here.min(wanted);
        if taken > 0 {
            units.push(((*place).clone(), taken));
            wanted = wanted.saturating_sub(taken);
        }
    }
    units
}

/// `whole * part / of`, a half rounded up.
fn share(whole: Minor, part: Minor, of: Minor) -> Minor {
    if of <= 0 {
        return 0;
    }
    let (whole, part, of) = (i128::from(whole), i128::from(part), i128::from(of));
    let scaled = whole.saturating_mul(part).saturating_mul(2);
    let rounded = scaled.saturating_add(of).checked_div(of.saturating_mul(2));
    rounded
        .and_then(|minor| i64::try_from(minor).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
