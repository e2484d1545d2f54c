//! The words for how an order stands, as they are stored and shown.

use serde::{Deserialize, Serialize};

/// Declares the states of one thing, each by the name it has everywhere.
macro_rules! states {
    ($(#[$doc:meta])* $kind:ident { $( $(#[$state_doc:meta])* $state:ident = $name:literal, )* }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $kind {
            $( $(#[$state_doc])* #[serde(rename = $name)] $state, )*
        }

        impl $kind {
            pub const ALL: &[Self] = &[$( Self::$state, )*];
            pub const NAMES: &[&'static str] = &[$( $name, )*];

            pub fn name(self) -> &'static str {
                match self { $( Self::$state => $name, )* }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                match name { $( $name => Some(Self::$state), )* _ => None }
            }
        }
    };
}

states! {
    /// How an order stands.
    Status {
        Pending = "pending",
        Paid = "paid",
        /// Vendors are looked for, or asked.
        AwaitingAssignment = "awaiting_assignment",
        VendorAccepted = "vendor_accepted",
        Preparing = "preparing",
        Ready = "ready",
        /// The house fulfils it from its own warehouses.
        Processing = "processing",
        /// Out for delivery.
        Shipped = "shipped",
        Delivered = "delivered",
        Cancelled = "cancelled",
        /// No vendor was found, and somebody has to look.
        Failed = "failed",
        /// Delivered, and all of the money has gone back.
        Refunded = "refunded",
    }
}

states! {
    /// How its payment stands.
    PaymentStatus {
        Pending = "pending",
        /// Promised and set aside, not taken.
        Authorized = "authorized",
        Paid = "paid",
        /// Declined.
        Failed = "failed",
        /// Nothing was taken, and nothing will be.
        Cancelled = "cancelled",
        PartiallyRefunded = "partially_refunded",
        Refunded = "refunded",
    }
}

states! {
    /// What becomes of the goods.
    Fulfilment {
        Unfulfilled = "unfulfilled",
        AwaitingAssignment = "awaiting_assignment",
        Failed = "failed",
        VendorAccepted = "vendor_accepted",
        Preparing = "preparing",
        Ready = "ready",
        Processing = "processing",
        /// They have left the house.
        Fulfilled = "fulfilled",
        Cancelled = "cancelled",
        PartiallyReturned = "partially_returned",
        Returned = "returned",
    }
}

states! {
    /// Where the delivery is.
    Delivery {
        /// Nobody is wanted yet.
        None = "none",
        /// A driver is wanted.
        NewOrder = "new_order",
        AssignedDriver = "assigned_driver",
        OutForDelivery = "out_for_delivery",
        Delivered = "delivered",
        Failed = "failed",
    }
}

states! {
    /// Who fulfils it.
    Mode {
        /// A vendor who took it.
        Vendor = "vendor",
        /// The house.
        Warehouse = "warehouse",
    }
}

states! {
    /// How it is paid.
    Method {
        /// Before anything is done, through a provider.
        Card = "card",
        /// To whoever hands it over.
        Cod = "cod",
        /// From the buyer's credit line.
        Credit = "credit",
    }
}
