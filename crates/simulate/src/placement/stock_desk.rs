//! The object around [`Desk`]: it performs what the desk's steps name and passes
//! answers to those who called. All it has is in memory; what is durable is the
//! database's.

use std::collections::{BTreeMap, BTreeSet};

use domain::stock::{Desk, Hold, Op, Step as DeskStep};

use super::fault::Step;
use super::message::{CallId, Failed, Node, Reply, Request};
use super::mutant::Mutant;
use super::net::Net;
use super::world::Actor;

/// How long a trip to the database may take before its outcome is unknown.
const TRIP_MS: i64 = 1_500;

#[derive(Debug)]
pub struct StockDesk {
    shard: u16,
    desk: Desk,
    /// Who asked, by ticket.
    callers: BTreeMap<u64, CallId>,
    next_ticket: u64,
    trip: Option<CallId>,
    wakes_at: Option<i64>,
    /// Orders whose latest operation was a deduction or a release: mutants only.
    deducting: BTreeSet<String>,
    restoring: BTreeSet<String>,
}

impl StockDesk {
    pub fn new(shard: u16) -> Self {
        Self {
            shard,
            desk: Desk::default(),
            callers: BTreeMap::new(),
            next_ticket: 0,
            trip: None,
            wakes_at: None,
            deducting: BTreeSet::new(),
            restoring: BTreeSet::new(),
        }
    }

    fn submit(&mut self, net: &mut Net, call: CallId, mut op: Op) {
        self.next_ticket += 1;
        match &mut op {
            Op::Deduct { order_id, .. } => {
                self.restoring.remove(order_id);
                self.deducting.insert(order_id.clone());
            }
            Op::Restore { order_id, key, .. } => {
                self.deducting.remove(order_id);
                self.restoring.insert(order_id.clone());
                if net.is(Mutant::DoubleRestore) {
                    *key = net.id(key);
                }
            }
            Op::Ship { order_id, .. } => {
                self.deducting.remove(order_id);
                self.restoring.remove(order_id);
            }
            Op::Adjust { .. } => {}
            Op::Look { fresh, .. } => *fresh &= !net.is(Mutant::StaleLook),
        }
        self.callers.insert(self.next_ticket, call);
        self.desk.submit(self.next_ticket, op);
    }

    /// Lets the desk go on until it waits for something.
    fn pump(&mut self, net: &mut Net) {
        let database = Node::Database(u8::from(self.shard != 0));
        let me = Node::stock(self.shard);
        loop {
            let (step, request) = match self.desk.step(net.now) {
                DeskStep::Rest => break,
                DeskStep::Read(reads) => (Step::StockRead, Request::Read(reads)),
                DeskStep::Commit(batch) => (Step::StockCommit, Request::Commit(batch)),
            };
            self.trip = Some(net.call(me, database, Some(step), TRIP_MS, request));
        }
        for (ticket, answer) in self.desk.answers() {
            if let Some(call) = self.callers.remove(&ticket) {
                net.reply(call, Reply::Stock(answer));
            }
        }
        // A desk that waits for a trip looks at its timers when that ends.
        let wakes_at = self.desk.wake_at().filter(|_| self.trip.is_none());
        if wakes_at != self.wakes_at {
            self.wakes_at = wakes_at;
            if let Some(at_ms) = wakes_at {
                net.wake(me, at_ms, 0);
            }
        }
    }

    /// What a desk of wrong SQL would have read.
    fn distort(
        &self,
        net: &Net,
        holds: &mut BTreeMap<String, BTreeMap<domain::stock::Place, Hold>>,
    ) {
        if net.is(Mutant::NoHoldCheck) {
            holds.retain(|order_id, _| !self.deducting.contains(order_id));
        }
        if net.is(Mutant::DoubleRestore) {
            for (order_id, holds) in holds {
                if self.restoring.contains(order_id) {
                    for hold in holds.values_mut() {
                        hold.released = 0;
                        hold.keys.clear();
                    }
                }
            }
        }
    }
}

impl Actor for StockDesk {
    fn request(&mut self, net: &mut Net, call: CallId, request: Request) {
        match request {
            Request::Stock(op) => self.submit(net, call, op),
            Request::Settle { order_id } => {
                self.desk.settle(&order_id);
                net.reply(call, Reply::Done(true));
            }
            _ => {}
        }
        self.pump(net);
    }

    fn answer(&mut self, net: &mut Net, call: CallId, result: Result<Reply, Failed>) {
        if self.trip != Some(call) {
            return;
        }
        self.trip = None;
        match result {
            Ok(Reply::Found(mut found)) => {
                self.distort(net, &mut found.holds);
                self.desk.read_done(found);
            }
            Ok(Reply::Committed(true)) => {
                self.desk.committed(net.now);
                let forgetful = [
                    Mutant::NoHoldCheck,
                    Mutant::DoubleRestore,
                    Mutant::LateDeduct,
                ];
                if forgetful.into_iter().any(|mutant| net.is(mutant)) {
                    self.desk.forget();
                }
            }
            Ok(Reply::Committed(false)) => self.desk.conflicted(),
            _ => self.desk.failed(),
        }
        self.pump(net);
    }

    fn wake(&mut self, net: &mut Net, _: u64) {
        self.wakes_at = None;
        self.pump(net);
    }

    fn crash(&mut self, _: &mut Net) {
        *self = Self::new(self.shard);
    }

    fn at_rest(&self) -> Vec<String> {
        let left = self.callers.len();
        if left == 0 {
            return Vec::new();
        }
        vec![format!("stock desk {} owes {left} answers", self.shard)]
    }
}
