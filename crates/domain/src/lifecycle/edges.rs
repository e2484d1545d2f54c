//! Every edge of an order's life, and who may cause it: the one table that the code walks,
//! the drawing shows, and the tests go through.

use super::{Life, Method, Status};

/// Who causes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// Whose order it is.
    Customer,
    /// The vendor who has it.
    Vendor,
    /// The driver who has it.
    Driver,
    /// Admins, and services with a token of their own.
    Staff,
    /// What follows from payments, offers and timers.
    House,
}

impl By {
    pub const ALL: [Self; 5] = [
        Self::Customer,
        Self::Vendor,
        Self::Driver,
        Self::Staff,
        Self::House,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Vendor => "vendor",
            Self::Driver => "driver",
            Self::Staff => "staff",
            Self::House => "house",
        }
    }
}

/// What else has to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    /// It need not be paid before anything is done.
    PaidLater,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    pub from: Status,
    pub to: Status,
    pub by: &'static [By],
    pub when: When,
}

impl Edge {
    pub fn applies(&self, life: Life) -> bool {
        match self.when {
            When::Always => true,
            When::PaidLater => life.method != Method::Card,
        }
    }
}

const HOUSE: &[By] = &[By::House];
const DRIVER: &[By] = &[By::Driver];
const STAFF: &[By] = &[By::Staff];
const HOUSE_OR_STAFF: &[By] = &[By::House, By::Staff];
const BUYER_OR_STAFF: &[By] = &[By::Customer, By::Staff];
const VENDOR_OR_STAFF: &[By] = &[By::Vendor, By::Staff];
const WHO_HANDS_OVER: &[By] = &[By::Driver, By::Vendor, By::Staff];

const fn edge(from: Status, to: Status, by: &'static [By]) -> Edge {
    Edge {
        from,
        to,
        by,
        when: When::Always,
    }
}

const fn paid_later(from: Status, to: Status, by: &'static [By]) -> Edge {
    Edge {
        from,
        to,
        by,
        when: When::PaidLater,
    }
}

use Status::{
    AwaitingAssignment, Cancelled, Delivered, Failed, Paid, Pending, Preparing, Processing, Ready,
    Refunded, Shipped, VendorAccepted,
};

/// A customer may cancel until somebody has begun to prepare; staff until the goods have
/// left. An order changes its vendor by going back to be assigned, or straight to another.
/// What a driver has collected has left, whether anybody said before that it was ready.
pub const EDGES: &[Edge] = &[
    edge(Pending, Paid, HOUSE_OR_STAFF),
    paid_later(Pending, AwaitingAssignment, HOUSE_OR_STAFF),
    paid_later(Pending, Processing, STAFF),
    edge(Pending, Cancelled, &[By::Customer, By::Staff, By::House]),
    edge(Paid, AwaitingAssignment, HOUSE_OR_STAFF),
    edge(Paid, Processing, STAFF),
    edge(Paid, Cancelled, BUYER_OR_STAFF),
    edge(AwaitingAssignment, VendorAccepted, HOUSE),
    edge(AwaitingAssignment, Failed, HOUSE),
    edge(AwaitingAssignment, Processing, STAFF),
    edge(AwaitingAssignment, Cancelled, BUYER_OR_STAFF),
    edge(Failed, AwaitingAssignment, HOUSE_OR_STAFF),
    edge(Failed, VendorAccepted, HOUSE),
    edge(Failed, Processing, STAFF),
    edge(Failed, Cancelled, BUYER_OR_STAFF),
    edge(VendorAccepted, AwaitingAssignment, HOUSE),
    edge(VendorAccepted, VendorAccepted, HOUSE),
    edge(VendorAccepted, Failed, HOUSE),
    edge(VendorAccepted, Preparing, VENDOR_OR_STAFF),
    edge(VendorAccepted, Shipped, DRIVER),
    edge(VendorAccepted, Cancelled, BUYER_OR_STAFF),
    edge(Preparing, Ready, VENDOR_OR_STAFF),
    edge(Preparing, AwaitingAssignment, HOUSE),
    edge(Preparing, VendorAccepted, HOUSE),
    edge(Preparing, Failed, HOUSE),
    edge(Preparing, Shipped, DRIVER),
    edge(Preparing, Cancelled, STAFF),
    edge(Ready, Shipped, WHO_HANDS_OVER),
    edge(Ready, AwaitingAssignment, HOUSE),
    edge(Ready, VendorAccepted, HOUSE),
    edge(Ready, Failed, HOUSE),
    edge(Ready, Cancelled, STAFF),
    edge(Processing, Shipped, &[By::Driver, By::Staff]),
    edge(Processing, Cancelled, STAFF),
    edge(Shipped, Delivered, WHO_HANDS_OVER),
    edge(Delivered, Refunded, HOUSE),
];
