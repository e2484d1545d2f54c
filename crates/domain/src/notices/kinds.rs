//! The events that are told to the outside, and which of them a customer gets a mail about.

use crate::lifecycle::{Method, PaymentStatus, Status};
use crate::limits::CODE_MAX;

/// Every kind of event that orders bring.
pub const KINDS: [&str; 13] = [
    "order.placed",
    "order.paid",
    "order.accepted",
    "order.preparing",
    "order.ready",
    "order.assigned",
    "order.out_for_delivery",
    "order.delivered",
    "order.cancelled",
    "order.refunded",
    "order.failed",
    "order.payment_changed",
    "order.updated",
];

/// What an endpoint is sent on request, to see whether it is there.
pub const PING: &str = "ping";

/// Characters of an event's id.
pub const NOTICE_ID_MAX: usize = CODE_MAX.saturating_mul(2);

pub fn is_kind(kind: &str) -> bool {
    KINDS.contains(&kind)
}

/// What a change of an order is called outside: by its new status, or by what became of its
/// money where that alone has changed.
pub fn kind_of(
    old: Option<Status>,
    new: Status,
    payment: (PaymentStatus, PaymentStatus),
) -> &'static str {
    let Some(old) = old else {
        return "order.placed";
    };
    if old != new {
        return match new {
            Status::Paid => "order.paid",
            Status::VendorAccepted => "order.accepted",
            Status::Preparing | Status::Processing => "order.preparing",
            Status::Ready => "order.ready",
            Status::Shipped => "order.out_for_delivery",
            Status::Delivered => "order.delivered",
            Status::Cancelled => "order.cancelled",
            Status::Failed => "order.failed",
            Status::Refunded => "order.refunded",
            Status::Pending | Status::AwaitingAssignment => "order.updated",
        };
    }
    match payment {
        (before, after) if before == after => "order.updated",
        (_, PaymentStatus::Refunded | PaymentStatus::PartiallyRefunded) => "order.refunded",
        _ => "order.payment_changed",
    }
}

/// Whether its customer is written to. An order that has to be paid first is confirmed when
/// it is.
pub fn is_written_about(kind: &str, method: Method) -> bool {
    match kind {
        "order.placed" => method != Method::Card,
        "order.paid" => method == Method::Card,
        _ => Occasion::of(kind).is_some(),
    }
}

/// Whether an endpoint that asked for `kinds` wants one. Who asked for none wants all.
pub fn wants(kinds: Option<&[String]>, kind: &str) -> bool {
    kinds.is_none_or(|kinds| kinds.iter().any(|wanted| wanted == kind))
}

/// An event's id is signed between full stops, so it has none.
pub fn is_notice_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= NOTICE_ID_MAX
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':'))
}

/// What a customer is written about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    Confirmed,
    Assigned,
    OutForDelivery,
    Delivered,
    Cancelled,
    Refunded,
}

impl Occasion {
    pub const ALL: [Self; 6] = [
        Self::Confirmed,
        Self::Assigned,
        Self::OutForDelivery,
        Self::Delivered,
        Self::Cancelled,
        Self::Refunded,
    ];

    /// The event that it follows from.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Confirmed => "order.placed",
            Self::Assigned => "order.assigned",
            Self::OutForDelivery => "order.out_for_delivery",
            Self::Delivered => "order.delivered",
            Self::Cancelled => "order.cancelled",
            Self::Refunded => "order.refunded",
        }
    }

    /// None where customers are not written to.
    pub fn of(kind: &str) -> Option<Self> {
        match kind {
            // What has to be paid first is confirmed when it is.
            "order.paid" => return Some(Self::Confirmed),
            // Before anybody drives it there is somebody who prepares it.
            "order.accepted" => return Some(Self::Assigned),
            _ => {}
        }
        Self::ALL.into_iter().find(|each| each.kind() == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occasion_follows_from_a_kind_and_most_kinds_from_none() {
        for occasion in Occasion::ALL {
            assert!(is_kind(occasion.kind()));
            assert_eq!(Occasion::of(occasion.kind()), Some(occasion));
        }
        for quiet in ["order.updated", "order.failed", PING, ""] {
            assert_eq!(Occasion::of(quiet), None, "{quiet}");
        }
        assert!(!is_kind(PING) && !is_kind("order") && !is_kind("Order.placed"));
    }

    #[test]
    fn an_endpoint_gets_what_it_asked_for_or_everything() {
        let some = ["order.paid".to_owned()];
        assert!(wants(Some(&some), "order.paid") && !wants(Some(&some), "order.placed"));
        assert!(wants(None, "order.placed") && !wants(Some(&[]), "order.placed"));
    }

    #[test]
    fn an_id_has_nothing_that_signing_could_mistake() {
        assert!(is_notice_id(
            "01920000-0000-7001-8000-000000000000:12:order_paid"
        ));
        for bad in ["", "a.b", "a b", "a\n", "ä", "a/b", &"x".repeat(129)] {
            assert!(!is_notice_id(bad), "{bad}");
        }
    }
}
