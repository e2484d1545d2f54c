//! Those behind the counter: they take payment, ship, cancel, count the shelves,
//! and retry what is stuck. Each repeats what it was not told the end of.

use std::collections::BTreeMap;

use domain::lifecycle::Status;
use domain::stock::{AdjustLine, Answer, Op};

use super::fault::Step;
use super::message::{CallId, Failed, Node, Reply, Request};
use super::net::Net;
use super::scene::{Scene, fate};
use super::world::Actor;

const PATIENCE_MS: i64 = 8_000;

#[derive(Debug, Clone)]
enum Task {
    Move { order_id: String, to: Status },
    Retry { order_id: String },
    Adjust { number: usize },
}

#[derive(Debug)]
pub struct House {
    scene: Scene,
    tasks: BTreeMap<u64, Task>,
    calls: BTreeMap<CallId, u64>,
    serial: u64,
}

impl House {
    pub fn new(scene: Scene) -> Self {
        Self {
            scene,
            tasks: BTreeMap::new(),
            calls: BTreeMap::new(),
            serial: 0,
        }
    }

    pub fn open(&mut self, net: &mut Net) {
        let scene = self.scene.clone();
        for (number, adjustment) in scene.adjustments.iter().enumerate() {
            self.schedule(net, adjustment.at_ms, Task::Adjust { number });
        }
    }

    fn schedule(&mut self, net: &mut Net, at_ms: i64, task: Task) {
        self.serial += 1;
        self.tasks.insert(self.serial, task);
        net.wake(Node::House, at_ms, self.serial);
    }

    /// An order stands: its further life begins.
    pub fn hears_of(&mut self, net: &mut Net, order_id: &str) {
        for (after_ms, to) in fate(&mut net.rng) {
            let order_id = order_id.to_owned();
            self.schedule(net, net.now + after_ms, Task::Move { order_id, to });
        }
    }

    /// A placement is stuck: somebody looks into it, by and by.
    pub fn is_called_to(&mut self, net: &mut Net, order_id: String) {
        let after_ms = net.rng.between(5_000, 30_000);
        self.schedule(net, net.now + after_ms, Task::Retry { order_id });
    }
}

impl Actor for House {
    fn request(&mut self, _: &mut Net, _: CallId, _: Request) {}

    fn answer(&mut self, net: &mut Net, call: CallId, result: Result<Reply, Failed>) {
        let Some(number) = self.calls.remove(&call) else {
            return;
        };
        let ended = matches!(
            result,
            Ok(Reply::Done(_) | Reply::Stock(Answer::Done { .. } | Answer::Exceeds { .. }))
        );
        if ended {
            self.tasks.remove(&number);
        } else {
            net.wake(Node::House, net.now + 1_000, number);
        }
    }

    fn wake(&mut self, net: &mut Net, token: u64) {
        let Some(task) = self.tasks.get(&token).cloned() else {
            return;
        };
        let (to, step, request) = match task {
            Task::Move { order_id, to } => (Node::Order, None, Request::Move { order_id, to }),
            Task::Retry { order_id } => (Node::Order, None, Request::Retry { order_id }),
            Task::Adjust { number } => {
                let Some(adjustment) = self.scene.adjustments.get(number) else {
                    return;
                };
                let op = Op::Adjust {
                    lines: vec![AdjustLine {
                        place: adjustment.place.clone(),
                        delta: adjustment.delta,
                    }],
                    reason: "count".into(),
                    key: format!("a{number}"),
                };
                let desk = Node::stock(adjustment.shard);
                (desk, Some(Step::StockAdjust), Request::Stock(op))
            }
        };
        let call = net.call(Node::House, to, step, PATIENCE_MS, request);
        self.calls.insert(call, token);
    }
}
