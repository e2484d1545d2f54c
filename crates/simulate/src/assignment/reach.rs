//! Effects on their way: whom they reach, how often, and whether the desk hears of it.

use domain::assignment::{Candidate, Command, Effect, Tag};

use super::check;
use super::fault::{Fault, Step};
use super::mutant::Mutant;
use super::people::Vendor;
use super::queue::Event;
use super::world::World;

impl World {
    pub(super) fn perform(&mut self, order: usize, effect: &Effect) {
        let Some(step) = Step::of(effect) else {
            return;
        };
        let life = self.desk.life;
        let arrive = |heard_by: Option<u32>| Event::Arrive {
            order,
            effect: effect.clone(),
            heard_by,
        };
        match self.strike(step) {
            None => self.later(50, arrive(Some(life))),
            Some(Fault::ErrorBefore) => {}
            Some(Fault::AnswerLost) => self.later(50, arrive(None)),
            Some(Fault::Twice) => {
                self.later(50, arrive(Some(life)));
                self.later(5_000, arrive(Some(life)));
            }
            Some(Fault::Late) => self.later(200_000, arrive(Some(life))),
            Some(Fault::Crash) => {
                self.later(50, arrive(Some(life)));
                self.crash();
            }
        }
    }

    pub(super) fn arrive(&mut self, order: usize, effect: &Effect, heard_by: Option<u32>) {
        self.note(|| format!("o{order}: {effect:?} arrives"));
        let fenced = !self.is(Mutant::UnfencedRow);
        let mut answer = None;
        match effect {
            Effect::Find {
                search_no,
                radius_m,
                exclude,
                ..
            } => answer = Some(self.search(*search_no, *radius_m, exclude)),
            Effect::Push { vendor, tag, .. } => self.push(order, vendor, *tag),
            Effect::CancelPush { vendor, tag, .. } => check::cancelled(self, order, vendor, *tag),
            Effect::TakePlace {
                vendor,
                claim,
                forced,
            } => {
                let counting = !self.is(Mutant::NoCapacity);
                let claim = *claim;
                if let Some(at) = self.number_of(vendor) {
                    let places = &mut self.vendors[at].places;
                    let granted = places.take((order, claim), *forced, counting);
                    self.stats.full += u64::from(!granted);
                    answer = Some(Command::Place { claim, granted });
                }
                check::capacity(self);
            }
            Effect::GivePlaceBack { vendor, claim } => {
                let closing = !self.is(Mutant::OpenClaim);
                if let Some(at) = self.number_of(vendor) {
                    self.vendors[at].places.give((order, *claim), closing);
                }
            }
            Effect::Won { vendor, epoch, .. } => self.rows[order].won(vendor, *epoch, fenced),
            Effect::Released { epoch, .. } => self.rows[order].released(*epoch, fenced),
            _ => self.rows[order].record(effect),
        }
        check::row(self, order);
        let Some(life) = heard_by else {
            return;
        };
        if let Some(command) = answer {
            let from = None;
            let told = Event::Command {
                order,
                command,
                from,
            };
            return self.later(50, told);
        }
        let id = effect.id(&self.desk.written[order].order_id);
        self.later(50, Event::Done { order, id, life });
    }

    fn number_of(&self, vendor: &str) -> Option<usize> {
        self.vendors.iter().position(|one| one.name == vendor)
    }

    fn search(&self, search_no: u32, radius_m: Option<u32>, exclude: &[String]) -> Command {
        let near = |vendor: &&Vendor| radius_m.is_none_or(|most| vendor.distance_m <= most);
        let found = self.vendors.iter().filter(near);
        Command::Candidates {
            search_no,
            found: found
                .filter(|vendor| !exclude.contains(&vendor.name))
                .map(|vendor| Candidate {
                    vendor_id: vendor.name.clone(),
                    distance_m: vendor.distance_m,
                    score: vendor.score,
                    free: vendor.places.free(),
                    usual_s: 60,
                })
                .collect(),
            passed: Vec::new(),
        }
    }

    fn push(&mut self, order: usize, vendor: &str, tag: Tag) {
        let Some(number) = self.number_of(vendor) else {
            return;
        };
        self.pressed.remove(&(order, number));
        for (after_ms, command) in self.vendors[number].reacts(tag, &mut self.rng) {
            let accepts = matches!(command, Command::Accept { .. });
            let event = Event::Command {
                order,
                command,
                from: accepts.then_some(number),
            };
            self.queue.push(self.now + after_ms, event);
        }
    }
}
