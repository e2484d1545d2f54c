//! What an order costs: computed once, here, in integer minor units.
//!
//! `total = subtotal + delivery + tax`, where the tax is the configured rate on
//! the subtotal (goods, not delivery), rounded once by the rule in [`crate::money`].

use serde::{Deserialize, Serialize};

use crate::money::{Minor, rate_half_up};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Totals {
    pub subtotal_minor: Minor,
    pub delivery_minor: Minor,
    pub tax_minor: Minor,
    pub total_minor: Minor,
}

/// `None` when a sum leaves the range of an amount, which the bounds in
/// [`crate::limits`] do not allow to happen.
pub fn compute(
    lines: impl IntoIterator<Item = (Minor, i64)>,
    delivery_minor: Minor,
    tax_basis_points: u32,
) -> Option<Totals> {
    let mut subtotal_minor: Minor = 0;
    for (price_minor, quantity) in lines {
        subtotal_minor = subtotal_minor.checked_add(price_minor.checked_mul(quantity)?)?;
    }
    let tax_minor = rate_half_up(subtotal_minor, tax_basis_points)?;
    let total_minor = subtotal_minor
        .checked_add(delivery_minor)?
        .checked_add(tax_minor)?;
    Some(Totals {
        subtotal_minor,
        delivery_minor,
        tax_minor,
        total_minor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_document_s_sum() {
        let totals = compute([(4999, 2), (1, 5)], 900, 1000).unwrap();
        assert_eq!(totals.subtotal_minor, 10_003);
        assert_eq!(totals.tax_minor, 1_000);
        assert_eq!(totals.total_minor, 11_903);
    }

    proptest! {
        #[test]
        fn parts_add_up_within_the_bounds(
            lines in prop::collection::vec((0..=crate::limits::PRICE_MAX, 1..=1000_i64), 0..50),
            delivery in 0..1_000_000_i64,
            rate in 0..5_000_u32,
        ) {
            let totals = compute(lines, delivery, rate).unwrap();
            prop_assert_eq!(
                totals.subtotal_minor + totals.delivery_minor + totals.tax_minor,
                totals.total_minor
            );
        }
    }
}
