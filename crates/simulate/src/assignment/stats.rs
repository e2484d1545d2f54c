//! Figures of one schedule, or of many.

use crate::harness::Figures;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub events: u64,
    pub won: u64,
    pub forced: u64,
    pub graceful: u64,
    pub lost: u64,
    pub released: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub full: u64,
    pub crashes: u64,
}

impl Figures for Stats {
    fn merge(&mut self, other: &Self) {
        self.events += other.events;
        self.won += other.won;
        self.forced += other.forced;
        self.graceful += other.graceful;
        self.lost += other.lost;
        self.released += other.released;
        self.failed += other.failed;
        self.cancelled += other.cancelled;
        self.full += other.full;
        self.crashes += other.crashes;
    }

    fn tell(&self) -> String {
        format!(
            "{} events, {} crashes\n\
             {} victories, {} of them forced and {} within the grace; {} accepts came too late, \
             {} places refused\n\
             {} orders given back, {} without a vendor, {} cancelled",
            self.events,
            self.crashes,
            self.won,
            self.forced,
            self.graceful,
            self.lost,
            self.full,
            self.released,
            self.failed,
            self.cancelled,
        )
    }
}
