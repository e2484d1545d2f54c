//! One placement at work: what its effects do, and what their answers say.

use domain::limits::STOCK_WAIT_MS;
use domain::placement::{Cause, Effect, Event, Leg, Phase};
use domain::stock::{Answer, Op};

use super::fault::Step;
use super::journal::{OrderRow, placed};
use super::message::{CallId, Failed, Node, PlaceReply, Reply, Request};
use super::mutant::Mutant;
use super::net::Net;
use super::order_desk::{Asked, ME, OrderDesk, STOCK_MS};
use super::stock_ops::{deduct_lines, lines_short, restore};

/// The wake-up that writes the good ends.
pub const FLUSH: u64 = 0;
const FLUSH_WITHIN_MS: i64 = 300;

impl OrderDesk {
    pub fn apply(&mut self, net: &mut Net, order_id: &str, event: Event) {
        let Some(run) = self.runs.get_mut(order_id) else {
            return;
        };
        net.note(|| format!("   {order_id}: {event:?}"));
        let effects = run.placement.apply(event, net.now);
        self.perform_all(net, order_id, &effects);
    }

    pub fn perform_all(&mut self, net: &mut Net, order_id: &str, effects: &[Effect]) {
        for effect in effects {
            if !self.perform(net, order_id, effect) {
                return;
            }
        }
    }

    /// Writes a placement as it stands. When that fails the placement in memory is
    /// worth nothing: the journal is the truth, and the timer goes on from there.
    pub fn write(&mut self, net: &mut Net, order_id: &str, step: Step) -> bool {
        let Some(run) = self.runs.get(order_id) else {
            return false;
        };
        let placement = run.placement.clone();
        let journal = &mut self.journal;
        let now = net.now;
        let done = net.persist(ME, Some(step), || {
            if let Some(row) = journal.rows.get_mut(order_id) {
                row.placement.clone_from(&placement);
                journal.arm(now);
            }
        });
        if !done {
            self.runs.remove(order_id);
            self.waiters.remove(order_id);
        }
        self.witness(net, order_id);
        done
    }

    /// Writes the good ends that gathered. Should that fail they are forgotten: the
    /// journal and the holds come to the same ends again. False when the handler
    /// must stop.
    #[must_use]
    pub fn flush(&mut self, net: &mut Net) -> bool {
        let late = std::mem::take(&mut self.late);
        if late.is_empty() {
            return true;
        }
        let journal = &mut self.journal;
        let now = net.now;
        let done = net.persist(ME, Some(Step::OrderFinish), || {
            for (order_id, placement, pay_by_ms) in &late {
                if let Some(row) = journal.rows.get_mut(order_id) {
                    row.life = Some(placed());
                    row.pay_by_ms = *pay_by_ms;
                    row.placement.clone_from(placement);
                }
            }
            journal.arm(now);
        });
        for (order_id, ..) in &late {
            self.witness(net, order_id);
        }
        done
    }

    /// Lets the ledger see what is durable now, whatever becomes of the handler.
    pub fn witness(&self, net: &mut Net, order_id: &str) {
        if let Some(row) = self.journal.rows.get(order_id)
            && let Some(wrong) = net.ledger.saw(order_id, row, net.now)
        {
            net.violation(wrong);
        }
    }

    /// False when the rest is not to be performed.
    fn perform(&mut self, net: &mut Net, order_id: &str, effect: &Effect) -> bool {
        let Some(row) = self.journal.rows.get(order_id) else {
            return false;
        };
        let Some(run) = self.runs.get_mut(order_id) else {
            // A settlement follows the end of its run.
            if let Effect::Settle { shard } = *effect {
                let order_id = order_id.to_owned();
                let settle = Request::Settle { order_id };
                net.call(ME, Node::stock(shard), Some(Step::Settle), STOCK_MS, settle);
            }
            return true;
        };
        let (shard, step, op) = match *effect {
            Effect::Deduct { shard, last } => {
                let op = Op::Deduct {
                    order_id: order_id.to_owned(),
                    lines: deduct_lines(row, shard),
                    settled: last,
                    wait_until_ms: net.now + STOCK_WAIT_MS,
                    repeat: !run.repeats.insert(shard),
                };
                (shard, Step::deduct(shard), op)
            }
            Effect::Release { shard }
                if net.is(Mutant::BelievedNo)
                    && run.placement.legs.contains(&(shard, Leg::Refused)) =>
            {
                self.apply(net, order_id, Event::Released { shard });
                return true;
            }
            Effect::Release { shard } => {
                let op = restore(order_id, row, shard, "undo");
                (shard, Step::release(shard), op)
            }
            Effect::Wake { at_ms } => {
                self.serial += 1;
                self.wakes.insert(self.serial, order_id.to_owned());
                net.wake(ME, at_ms, self.serial);
                return true;
            }
            Effect::Record if net.is(Mutant::SilentUndo) => return true,
            Effect::Record => return self.write(net, order_id, Step::OrderUndo),
            Effect::Finish => return self.finish(net, order_id),
            Effect::Attention => {
                if self.write(net, order_id, Step::OrderFinish) {
                    self.runs.remove(order_id);
                    self.tell(net, order_id, &PlaceReply::Unfinished);
                }
                return false;
            }
            Effect::Settle { .. } => return true,
        };
        let call = net.call(
            ME,
            Node::stock(shard),
            Some(step),
            STOCK_MS,
            Request::Stock(op),
        );
        run.asked = Some(call);
        let asked = Asked::Leg {
            order_id: order_id.to_owned(),
            run: run.number,
            shard,
        };
        self.calls.insert(call, asked);
        true
    }

    /// That an order stands follows from its journal and its holds, so it is written
    /// with the next write or a moment later. A failure is written before it is told.
    fn finish(&mut self, net: &mut Net, order_id: &str) -> bool {
        let placed = self
            .runs
            .get(order_id)
            .filter(|run| run.placement.phase == Phase::Placed)
            .map(|run| run.placement.clone());
        let reply = if let Some(placement) = placed {
            let pay_by_ms = net.now + self.scene.pay_within_ms;
            self.late.push((order_id.to_owned(), placement, pay_by_ms));
            let soon_ms = net.now + net.rng.between(0, FLUSH_WITHIN_MS);
            net.wake(ME, soon_ms, FLUSH);
            net.ledger.standing.push(order_id.to_owned());
            PlaceReply::Placed
        } else {
            if !self.write(net, order_id, Step::OrderFinish) {
                return false;
            }
            let row = self.journal.rows.get(order_id);
            row.map_or(PlaceReply::Unfinished, OrderRow::reply)
        };
        self.runs.remove(order_id);
        self.tell(net, order_id, &reply);
        true
    }

    fn tell(&mut self, net: &mut Net, order_id: &str, reply: &PlaceReply) {
        for call in self.waiters.remove(order_id).unwrap_or_default() {
            net.reply(call, Reply::Place(reply.clone()));
        }
    }

    pub fn leg_answered(
        &mut self,
        net: &mut Net,
        call: CallId,
        (order_id, number, shard): (&str, u64, u16),
        result: Result<Reply, Failed>,
    ) {
        let Some(run) = self.runs.get_mut(order_id) else {
            return;
        };
        if run.number != number {
            return;
        }
        if run.asked == Some(call) {
            run.asked = None;
        }
        let event = match result {
            Ok(Reply::Stock(Answer::Held { .. })) => Event::Held { shard },
            Ok(Reply::Stock(Answer::Done { .. })) => Event::Released { shard },
            Ok(Reply::Stock(Answer::Closed)) => Event::Refused {
                shard,
                cause: Cause::Closed,
            },
            Ok(Reply::Stock(
                answer @ (Answer::Short { .. } | Answer::Missing { .. } | Answer::Changed { .. }),
            )) => Event::Refused {
                shard,
                cause: Cause::Short {
                    lines: lines_short(answer),
                },
            },
            _ => Event::Lost { shard },
        };
        self.apply(net, order_id, event);
    }
}
