//! The further life of orders that stand: edges, and the chores that they ask of
//! the stock. A change and its chores are one write; a chore is repeated until it
//! is acknowledged, under a key that counts once.

use domain::lifecycle::{By, Status, StockChore};
use domain::stock::{Answer, Op};

use super::fault::Step;
use super::journal::Chore;
use super::message::{Node, Request};
use super::net::Net;
use super::order_desk::{Asked, ME, OrderDesk, STOCK_MS};
use super::stock_ops::{places, restore};

impl OrderDesk {
    /// Takes an edge of an order's life. False when there is none.
    pub fn walk(&mut self, net: &mut Net, order_id: &str, to: Status) -> Option<bool> {
        let Some(row) = self.journal.rows.get(order_id) else {
            return Some(false);
        };
        let Some(Ok((life, chores))) = row.life.map(|life| life.step(to, By::Staff)) else {
            return Some(false);
        };
        let mut moved = row.clone();
        moved.life = Some(life);
        if let Some(kind) = chores.stock {
            let chores = row.shards().map(|shard| Chore {
                kind,
                shard,
                done: false,
            });
            moved.chores.extend(chores);
        }
        let journal = &mut self.journal;
        let now = net.now;
        let written = net.persist(ME, Some(Step::OrderMove), || {
            journal.rows.insert(order_id.to_owned(), moved.clone());
            journal.arm(now);
        });
        self.witness(net, order_id);
        if !written {
            return None;
        }
        self.do_chores(net, order_id);
        Some(true)
    }

    pub fn do_chores(&mut self, net: &mut Net, order_id: &str) {
        let Some(row) = self.journal.rows.get(order_id) else {
            return;
        };
        for (index, chore) in row.chores.iter().enumerate() {
            let in_flight = self.calls.values().any(|asked| {
                matches!(asked, Asked::Chore { order_id: other, index: at }
                    if other == order_id && *at == index)
            });
            if chore.done || in_flight {
                continue;
            }
            let shard = chore.shard;
            let (step, op) = match chore.kind {
                StockChore::Release => {
                    (Step::ChoreRelease, restore(order_id, row, shard, "cancel"))
                }
                StockChore::Ship => (
                    Step::ChoreShip,
                    Op::Ship {
                        order_id: order_id.to_owned(),
                        lines: places(row, shard),
                        key: "ship".into(),
                    },
                ),
            };
            let call = net.call(
                ME,
                Node::stock(shard),
                Some(step),
                STOCK_MS,
                Request::Stock(op),
            );
            let asked = Asked::Chore {
                order_id: order_id.to_owned(),
                index,
            };
            self.calls.insert(call, asked);
        }
    }

    pub fn chore_answered(&mut self, net: &mut Net, order_id: &str, index: usize, answer: &Answer) {
        if !matches!(answer, Answer::Done { .. }) {
            return;
        }
        let journal = &mut self.journal;
        let _ = net.persist(ME, None, || {
            let row = journal.rows.get_mut(order_id);
            if let Some(chore) = row.and_then(|row| row.chores.get_mut(index)) {
                chore.done = true;
            }
        });
    }
}
