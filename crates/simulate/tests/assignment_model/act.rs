//! What can happen next, and what comes of it.

use domain::assignment::{Candidate, Command, Effect, Phase};

use super::world::{Bounds, NAMES, Op, Places, World, index};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The desk does what is in its hand, and hears that it is done.
    Perform(Op),
    /// It is done, and nobody hears of it.
    Unheard(Op),
    /// It is sent, and stays on its way.
    Send(Op),
    /// It arrives, perhaps not for the first time.
    Arrive(Op),
    /// A vendor's object answered long ago, perhaps not for the first time.
    Told(u32, bool),
    Accept(usize),
    Reject(usize),
    Unreachable(usize),
    /// The next deadline has passed.
    Timer,
    /// Past the deadline of the offers, within the grace.
    Grace,
    Crash,
    Force(usize),
    Release,
    Cancel,
    Close,
    /// A vendor's object has no place, because another order has it for now.
    Full(Op),
}

impl World {
    pub fn possible(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        for op in &self.hand {
            actions.push(Action::Perform(*op));
            if let Op::Take {
                vendor,
                claim,
                forced: false,
            } = op
                && !self.places[*vendor].held.contains(claim)
            {
                actions.push(Action::Full(*op));
            }
            if !matches!(op, Op::Find) {
                actions.push(Action::Unheard(*op));
                if self.late.len() < bounds.late {
                    actions.push(Action::Send(*op));
                }
            }
        }
        actions.extend(self.late.iter().map(|op| Action::Arrive(*op)));
        actions.extend(
            self.places_told
                .iter()
                .map(|(claim, yes)| Action::Told(*claim, *yes)),
        );
        for (vendor, name) in NAMES.iter().enumerate().take(bounds.vendors) {
            let is_open = self
                .desk
                .open_offers()
                .any(|offer| index(&offer.vendor_id) == vendor);
            if self.accepts[vendor] < bounds.accepts && self.desk.asked.contains(*name) {
                actions.push(Action::Accept(vendor));
            }
            if is_open {
                actions.extend([Action::Reject(vendor), Action::Unreachable(vendor)]);
            }
        }
        if self.desk.timer().is_some() {
            actions.push(Action::Timer);
        }
        if self
            .desk
            .open_offers()
            .any(|offer| offer.expires_ms >= self.now_ms)
        {
            actions.push(Action::Grace);
        }
        if self.crashes < bounds.crashes {
            actions.push(Action::Crash);
        }
        let is_over = matches!(self.desk.phase, Phase::Cancelled | Phase::Closed);
        if self.forces < bounds.forces && !is_over {
            actions.push(Action::Force(bounds.vendors - 1));
        }
        if self.desk.phase == Phase::Assigned {
            if self.releases < bounds.releases {
                actions.push(Action::Release);
            }
            actions.push(Action::Close);
        }
        if !is_over {
            actions.push(Action::Cancel);
        }
    }

    pub fn act(&mut self, bounds: &Bounds, action: Action) {
        match action {
            Action::Perform(op) => {
                self.hand.remove(&op);
                self.reach(bounds, op, true);
            }
            Action::Unheard(op) => {
                self.hand.remove(&op);
                self.reach(bounds, op, false);
            }
            Action::Send(op) => {
                self.hand.remove(&op);
                self.late.insert(op);
            }
            Action::Arrive(op) => self.reach(bounds, op, false),
            Action::Told(claim, granted) => self.command(Command::Place { claim, granted }),
            Action::Accept(vendor) => {
                self.accepts[vendor] += 1;
                self.command(Command::Accept {
                    vendor: NAMES[vendor].into(),
                    tag: None,
                    preparation_s: Some(1),
                });
            }
            Action::Reject(vendor) => self.command(Command::Reject {
                vendor: NAMES[vendor].into(),
                tag: None,
                reason: String::new(),
            }),
            Action::Unreachable(vendor) => {
                if let Some(tag) = self.desk.offer_to(NAMES[vendor]).map(|offer| offer.tag) {
                    let vendor = NAMES[vendor].into();
                    self.command(Command::Unreachable { vendor, tag });
                }
            }
            Action::Timer => {
                self.now_ms = self.desk.timer().unwrap_or(0).max(self.now_ms);
                self.command(Command::Due);
            }
            Action::Grace => {
                let open = self.desk.open_offers().map(|offer| offer.expires_ms);
                let past = open.max().unwrap_or(0) + 1;
                self.now_ms = self.now_ms.max(past);
            }
            Action::Crash => {
                self.crashes += 1;
                self.hand.clear();
                let effects = self.desk.resume(self.now_ms);
                self.decided(&effects);
            }
            Action::Force(vendor) => {
                self.forces += 1;
                self.command(Command::ForceAssign {
                    vendor: NAMES[vendor].into(),
                    preparation_s: 1,
                });
            }
            Action::Release => {
                self.releases += 1;
                let (epoch, reason) = (self.desk.epoch, String::new());
                self.command(Command::Release { epoch, reason });
            }
            Action::Cancel => self.command(Command::Cancel {
                reason: String::new(),
            }),
            Action::Close => self.command(Command::Close),
            Action::Full(op) => {
                self.hand.remove(&op);
                if let Op::Take { claim, .. } = op {
                    self.command(Command::Place {
                        claim,
                        granted: false,
                    });
                }
            }
        }
    }

    /// A command, and what the desk writes after it in the same stretch.
    pub fn command(&mut self, command: Command) {
        let effects = match self.desk.apply(command, self.now_ms) {
            Ok(effects) => effects,
            Err(_) => self.desk.left_over(),
        };
        self.decided(&effects);
    }

    fn decided(&mut self, effects: &[Effect]) {
        self.alarm = None;
        if let Some(lock) = &self.desk.lock {
            let vendor = index(&lock.vendor_id);
            let first = !self.winners.contains_key(&lock.epoch);
            if *self.winners.entry(lock.epoch).or_insert(vendor) != vendor {
                self.broken = Some(format!("two winners in epoch {}", lock.epoch));
            }
            let offer = self.desk.offer_to(&lock.vendor_id);
            self.graceful |=
                first && !lock.forced && offer.is_some_and(|offer| offer.expires_ms < self.now_ms);
        }
        for effect in effects {
            match effect {
                Effect::WakeAt { at_ms } => self.alarm = Some(*at_ms),
                Effect::CancelPush { vendor, tag, .. }
                    if self.winners.get(&tag.epoch) == Some(&index(vendor)) =>
                {
                    self.broken = Some(format!("{vendor} won and its offer is cancelled"));
                }
                Effect::TakePlace { claim, .. } => self.last_claim = self.last_claim.max(*claim),
                _ => {}
            }
            match Op::of(effect) {
                Some(op) => {
                    self.hand.insert(op);
                }
                None => {
                    self.desk.done(&effect.id("o"), self.now_ms);
                }
            }
        }
        // Noting that something is done may decide more of what is only recorded.
        let rest: Vec<String> = self
            .desk
            .outbox
            .effects()
            .filter(|effect| Op::of(effect).is_none())
            .map(|effect| effect.id("o"))
            .collect();
        for id in rest {
            self.desk.done(&id, self.now_ms);
        }
        self.alarm = self.alarm.and(self.desk.wake_at());
        // What has lost its point is not in anybody's hand any more.
        let todo = self.todo();
        self.hand.retain(|op| todo.contains(op));
    }

    fn reach(&mut self, bounds: &Bounds, op: Op, heard: bool) {
        match op {
            Op::Find => {
                let Some(search) = self.desk.search else {
                    return;
                };
                let found = NAMES[..bounds.vendors].iter().zip(1..);
                self.command(Command::Candidates {
                    search_no: search.no,
                    found: found
                        .map(|(name, distance_m)| Candidate {
                            vendor_id: (*name).into(),
                            distance_m,
                            score: 0,
                            // The first takes any number of orders.
                            free: (distance_m > 1).then_some(1),
                            usual_s: 60,
                        })
                        .collect(),
                    passed: Vec::new(),
                });
            }
            Op::Take {
                vendor,
                claim,
                forced,
            } => {
                let granted = self.places[vendor].take(claim, forced);
                if heard {
                    self.command(Command::Place { claim, granted });
                } else if self.places_told.len() < bounds.late {
                    self.places_told.insert((claim, granted));
                }
            }
            Op::Give { vendor, claim } => self.places[vendor].give(claim),
            Op::Won { vendor, epoch } => {
                let row = &mut self.row;
                if !bounds.fenced
                    || row.epoch < epoch
                    || (row.epoch == epoch && row.locked.is_none())
                {
                    (row.epoch, row.locked) = (epoch, Some(vendor));
                }
            }
            Op::Released { epoch } => {
                if self.row.epoch < epoch {
                    (self.row.epoch, self.row.locked) = (epoch, None);
                }
            }
        }
        if heard {
            let done = self
                .desk
                .outbox
                .effects()
                .find(|effect| Op::of(effect) == Some(op));
            if let Some(id) = done.map(|effect| effect.id("o")) {
                let effects = self.desk.done(&id, self.now_ms);
                self.decided(&effects);
            }
        }
    }
}

impl Places {
    fn take(&mut self, claim: u32, forced: bool) -> bool {
        if self.closed.contains(&claim) {
            return false;
        }
        if forced {
            self.forced.insert(claim);
            return true;
        }
        let others = self.held.len() + self.forced.len();
        self.held.contains(&claim) || (others == 0 && self.held.insert(claim))
    }

    fn give(&mut self, claim: u32) {
        self.held.remove(&claim);
        self.forced.remove(&claim);
        self.closed.insert(claim);
    }
}
