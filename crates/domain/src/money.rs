//! Money in integer minor units, and the one rounding rule.
//!
//! The rule: a rate in basis points is applied once, to a sum, and a half rounds
//! up (away from zero; amounts are never negative here). Nothing is rounded per
//! line, so the parts of an order always add up to its total.

/// An amount in minor units (cents). The currency stands beside it, never inside.
pub type Minor = i64;

/// `amount * basis_points / 10_000`, a half rounded up. `None` when it overflows.
pub fn rate_half_up(amount: Minor, basis_points: u32) -> Option<Minor> {
    let scaled = i128::from(amount).checked_mul(i128::from(basis_points))?;
    let rounded = scaled.checked_add(5_000)?.checked_div_euclid(10_000)?;
    i64::try_from(rounded).ok()
}

/// In units of the currency, for messages that have decimals. For people to read, never to
/// reckon with.
pub fn decimal(amount: Minor) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "bounded far below 2^53")]
    let minor = amount as f64;
    minor / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_rounds_up_and_less_rounds_down() {
        assert_eq!(rate_half_up(1005, 1000), Some(101));
        assert_eq!(rate_half_up(1004, 1000), Some(100));
        assert_eq!(rate_half_up(0, 1000), Some(0));
        assert_eq!(rate_half_up(i64::MAX, 20_000), None);
    }

    #[test]
    fn decimals_read_as_prices_do() {
        let shown = [25_000, 4_999, 5].map(|minor| decimal(minor).to_string());
        assert_eq!(shown, ["250", "49.99", "0.05"]);
    }
}
