//! Who there is, and what they say to each other.

use domain::lifecycle::Status;
use domain::placement::Cause;
use domain::plan::{Allocation, Shortage, Wanted};
use domain::stock::{Answer, Batch, Found, Op, Reads};

pub const CART_DESKS: u8 = 2;
pub const SHARDS: u16 = 2;

pub type CallId = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    Cart(u8),
    Order,
    Stock(u8),
    /// Durable, and never down for longer than an outage.
    Database(u8),
    Shopper(u8),
    /// Those who take payment, ship, cancel, count the shelves and watch the desks.
    House,
}

impl Node {
    pub const CRASHABLE: [Self; 5] = [
        Self::Cart(0),
        Self::Cart(1),
        Self::Order,
        Self::Stock(0),
        Self::Stock(1),
    ];

    /// The place among those that have a memory to lose.
    pub fn slot(self) -> Option<usize> {
        Self::CRASHABLE.iter().position(|node| *node == self)
    }

    pub fn stock(shard: u16) -> Self {
        Self::Stock(u8::from(shard != 0))
    }
}

/// An order as it is handed to its desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub order_id: String,
    pub customer: u8,
    pub cart_id: String,
    /// The key of the request that it is made for.
    pub key: String,
    pub lines: Vec<Allocation>,
}

#[derive(Debug, Clone)]
pub enum Request {
    /// The cart shall hold these lines and no others.
    Fill {
        customer: u8,
        lines: Vec<Wanted>,
    },
    /// Make an order of the cart. `expected` is what the shopper saw in it.
    PlaceOrder {
        customer: u8,
        key: String,
        expected: Vec<Wanted>,
    },
    Place(Content),
    /// What became of this cart? If nothing did, nothing ever shall.
    Resolve {
        customer: u8,
        cart_id: String,
    },
    Move {
        order_id: String,
        to: Status,
    },
    Retry {
        order_id: String,
    },
    Stock(Op),
    Settle {
        order_id: String,
    },
    Read(Reads),
    Commit(Batch),
}

/// What a shopper is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// 201.
    Placed(String),
    /// 409: this is short.
    Short(Vec<Shortage>),
    /// 409: an order is being made of the cart under another key.
    Locked,
    /// 409: the cart is not what the shopper saw.
    Changed,
    /// Nothing in the cart.
    Empty,
    /// 503: nothing was ordered, and it may be tried again.
    Busy,
    /// 503: it is not known yet what became of it.
    Unknown,
}

impl Told {
    /// Whether it holds for the key for ever.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Placed(_) | Self::Short(_))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceReply {
    Placed,
    Undone(Cause),
    Unfinished,
}

/// What became of a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CartFate {
    Placed { order_id: String, key: String },
    Unfinished,
    Closed,
}

#[derive(Debug, Clone)]
pub enum Reply {
    /// Done, or not, for a reason that will not go away by itself.
    Done(bool),
    Told(Told),
    Place(PlaceReply),
    Fate(CartFate),
    Stock(Answer),
    Found(Found),
    /// Whether the batch was applied.
    Committed(bool),
}

/// The call failed, or was not answered in time: it may have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;
