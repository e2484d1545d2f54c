//! Figures of one schedule, or of many.

use domain::errand::{Report, State};
use domain::hail::Heard;

use crate::harness::Figures;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub events: u64,
    pub crashes: u64,
    /// Claims that drivers' desks granted, and did not.
    pub granted: u64,
    pub refused: u64,
    pub accepted: u64,
    pub rejected: u64,
    pub silent: u64,
    pub forced: u64,
    /// Given up by who went, or was not heard of any more.
    pub dropped: u64,
    pub collected: u64,
    pub delivered: u64,
    pub moved: u64,
    pub cancelled: u64,
    /// Attempts that found nobody, and orders for which there was nobody in the end.
    pub failed: u64,
    pub for_good: u64,
}

impl Figures for Stats {
    fn merge(&mut self, other: &Self) {
        self.events += other.events;
        self.crashes += other.crashes;
        self.granted += other.granted;
        self.refused += other.refused;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.silent += other.silent;
        self.forced += other.forced;
        self.dropped += other.dropped;
        self.collected += other.collected;
        self.delivered += other.delivered;
        self.moved += other.moved;
        self.cancelled += other.cancelled;
        self.failed += other.failed;
        self.for_good += other.for_good;
    }

    fn tell(&self) -> String {
        format!(
            "{} events, {} crashes\n\
             {} claims granted, {} refused; {} offers accepted, {} rejected, {} not answered; \
             {} drivers forced, {} gone\n\
             {} orders collected by a driver, {} delivered; {} moved, {} cancelled\n\
             {} attempts without a driver, {} orders in the end",
            self.events,
            self.crashes,
            self.granted,
            self.refused,
            self.accepted,
            self.rejected,
            self.silent,
            self.forced,
            self.dropped,
            self.collected,
            self.delivered,
            self.moved,
            self.cancelled,
            self.failed,
            self.for_good,
        )
    }
}

impl Stats {
    /// An order has heard of its errand.
    pub fn heard(&mut self, report: &Report, heard: Heard) {
        let count = u64::from(heard == Heard::News);
        match report.state {
            State::Collected => self.collected += count,
            State::Delivered => self.delivered += count,
            State::Failed => self.failed += count,
            State::Searching | State::Assigned => {}
        }
    }
}
