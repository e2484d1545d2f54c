//! Who there is, what they say to each other, and what may be going to happen.

use domain::errand::{Command, Effect, Report, Stage, Wish};

use crate::harness;

/// A desk: it has a state that lasts, and a memory that may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    Order(usize),
    Cell(usize),
    Driver(usize),
}

/// How far an order is, for the errand of one of its attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follow {
    pub cell: usize,
    pub attempt: u32,
    pub stage: Stage,
}

/// What a desk has decided, and is about to do.
#[derive(Debug, Clone)]
pub enum Task {
    Wish {
        cell: usize,
        wish: Wish,
    },
    Follow(Follow),
    Heard {
        cell: usize,
        attempt: u32,
        version: u32,
    },
    Errand {
        order: usize,
        effect: Effect,
    },
    Drop {
        order: usize,
        cell: usize,
        number: u32,
    },
}

/// What reaches a desk.
#[derive(Debug, Clone)]
pub enum Message {
    /// To a cell, about one of its errands.
    Errand {
        order: usize,
        command: Command,
    },
    /// To a driver's desk.
    Take {
        order: usize,
        cell: usize,
        number: u32,
        forced: bool,
        offered: bool,
    },
    Note {
        order: usize,
        number: u32,
        is_collected: bool,
    },
    GiveBack {
        order: usize,
        cell: usize,
        number: u32,
    },
    Turn {
        is_on: bool,
        ends_ms: Option<i64>,
    },
    /// To an order's desk.
    Begin,
    Cancel,
    StaffCollected,
    StaffDelivered,
    Move {
        cell: usize,
        site: usize,
    },
    Report {
        cell: usize,
        report: Report,
    },
    /// A cell has heard how far the order is.
    Followed {
        follow: Follow,
        /// No driver has a claim of that attempt, nor will have one.
        is_clear: bool,
        /// The one who has it brings it.
        is_brought: bool,
    },
}

/// Who waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    Nobody,
    /// A desk in one of its lives: what it asked is forgotten when that ends.
    Node(Node, u32),
    /// Somebody who tries again, and how often that was done.
    Person(u32),
}

#[derive(Debug, Clone)]
pub enum Event {
    Reach {
        to: Node,
        message: Message,
        asker: Asker,
    },
    /// An answer, for the life of the desk that asked.
    Answer {
        to: Node,
        life: u32,
        message: Message,
    },
    /// The desk is about to do it, if it has not lost its memory since.
    Perform {
        node: Node,
        life: u32,
        task: Task,
    },
    /// An offer is on a driver's screen.
    Screen {
        driver: usize,
        order: usize,
        cell: usize,
    },
    Alarm {
        node: Node,
        at_ms: i64,
    },
    /// The policy looks whether somebody is wanted.
    Tick {
        cell: usize,
        order: usize,
    },
    Whim {
        order: usize,
        whim: Whim,
    },
}

/// Done to an order according to how things stand then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whim {
    Force(usize),
    /// The cell has not heard of the driver for long.
    Unheard,
}

pub type Queue = harness::Queue<Event>;
