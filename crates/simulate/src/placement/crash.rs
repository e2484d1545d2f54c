//! Crashes: who loses memory, and what becomes of what was on its way.

use super::message::{CallId, Node};
use super::net::Net;

impl Net {
    pub(super) fn crash(&mut self, node: Node) {
        if !self.is_down(node) {
            self.crashed.push(node);
        }
    }

    pub(super) fn crash_all(&mut self) {
        for node in Node::CRASHABLE {
            self.crash(node);
        }
    }

    /// Those who crashed in the last event: what was on its way from and to them
    /// is lost, or not.
    pub fn bury(&mut self) -> Vec<Node> {
        let crashed = std::mem::take(&mut self.crashed);
        for node in &crashed {
            if let Some(slot) = node.slot() {
                self.epochs[slot] += 1;
            }
            let touched: Vec<CallId> = self
                .open
                .iter()
                .filter(|(_, open)| open.from == *node || open.to == *node)
                .map(|(call, _)| *call)
                .collect();
            for call in touched {
                if self.rng.chance(400) {
                    self.vanished.insert(call);
                }
                let from_it = self.open.get(&call).is_some_and(|open| open.from == *node);
                if (from_it || self.rng.chance(700))
                    && let Some(open) = self.open.remove(&call)
                {
                    self.fail(&open, call);
                }
            }
        }
        crashed
    }
}
