//! What vendors are told by message.

use domain::assignment::Refusal;

pub fn won(order: &str, preparation_s: u32) -> String {
    let minutes = preparation_s.div_ceil(60).max(1);
    let plural = if minutes == 1 { "" } else { "s" };
    format!("{order} is yours, ready in {minutes} minute{plural}.")
}

pub fn rejected(order: &str) -> String {
    format!("{order} is rejected. Somebody else is asked.")
}

pub fn refused(order: &str, refusal: Refusal) -> String {
    match refusal {
        Refusal::AlreadyAccepted => format!("{order} is already taken."),
        Refusal::OfferExpired => format!("The offer of {order} has expired."),
        Refusal::OfferRejected => format!("You have rejected {order} before."),
        Refusal::OrderCancelled => format!("{order} was cancelled."),
        Refusal::NotOffered => format!("{order} was not offered to you."),
        Refusal::VendorFull => {
            format!("You have as many orders as you can work on. {order} is still open to you.")
        }
        _ => not_possible(order),
    }
}

pub fn not_possible(order: &str) -> String {
    format!("That is not possible with {order} any more.")
}

pub fn unknown(order: &str) -> String {
    format!("There is no order {order}. Please look at its number again.")
}

pub fn how_to_answer() -> String {
    "That was not understood. To answer an offer reply \"ACCEPT\" or \"REJECT\" and the number of \
     the order, such as \"ACCEPT ORD-2026-K7P3Q9\"; the minutes that you need may follow, or a reason."
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_rounded_up() {
        assert_eq!(won("ORD-1", 1_200), "ORD-1 is yours, ready in 20 minutes.");
        assert_eq!(won("ORD-1", 1_201), "ORD-1 is yours, ready in 21 minutes.");
        assert_eq!(won("ORD-1", 0), "ORD-1 is yours, ready in 1 minute.");
    }

    #[test]
    fn every_refusal_names_the_order() {
        use Refusal::{
            AlreadyAccepted, Closed, NotOffered, OfferExpired, OfferRejected, OrderCancelled,
            VendorFull,
        };
        for refusal in [
            AlreadyAccepted,
            Closed,
            NotOffered,
            OfferExpired,
            OfferRejected,
            OrderCancelled,
            VendorFull,
        ] {
            assert!(refused("ORD-1", refusal).contains("ORD-1"), "{refusal:?}");
        }
    }
}
