//! What a desk keeps of how its orders get drivers: one row for each order that ever wanted
//! one, so that all the others carry nothing of it.

use contract::Problem;
use domain::errand::Stage;
use domain::geo::Point;
use domain::hail::Hail;
use edge::json;
use edge::sqlite::text;
use serde::{Deserialize, Serialize};

use super::Rows;
use super::order_row::parse;

/// An attempt, of which somebody at that place still has to hear that it is so far.
pub type End = (u32, Stage, Point);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hailing {
    pub hail: Hail,
    /// Who hands it over.
    pub vendor_id: String,
    /// Where, once that is known.
    pub at: Option<Point>,
    pub ready_ms: i64,
    /// What is known better has to go out, whether or not it is time.
    pub is_fresh: bool,
    pub ends: Vec<End>,
}

impl Hailing {
    /// Whether somebody is looked for, or brings it.
    pub fn is_wanted(&self) -> bool {
        self.hail.attempt > 0 && !self.hail.is_over
    }

    /// Whether a driver may have it who collects it elsewhere, and has not given it back.
    pub fn is_led_elsewhere(&self) -> bool {
        self.ends
            .iter()
            .any(|(_, stage, _)| *stage == Stage::Cancelled)
    }

    /// No driver is wanted any more, which those who were asked have to hear. True when there
    /// is anybody.
    pub fn end(&mut self, stage: Stage) -> bool {
        let attempt = self.hail.end();
        self.say(attempt, stage)
    }

    /// They have to hear that it is so far.
    pub fn say(&mut self, attempt: Option<u32>, stage: Stage) -> bool {
        let Some((attempt, at)) = attempt.zip(self.at) else {
            return false;
        };
        self.ends.push((attempt, stage, at));
        true
    }
}

#[derive(Deserialize)]
struct Doc {
    doc: String,
}

impl Rows {
    pub fn hailing(&self, order_id: &str) -> Result<Option<Hailing>, Problem> {
        let found: Option<Doc> = self.tables.first(
            "SELECT doc FROM hails WHERE order_id = ?1",
            vec![text(order_id)],
        )?;
        found.map(|found| parse(&found.doc)).transpose()
    }

    pub fn set_hailing(&self, order_id: &str, hailing: &Hailing) -> Result<(), Problem> {
        self.tables.run(
            "INSERT INTO hails (order_id, doc) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET doc = excluded.doc",
            vec![text(order_id), text(json::text(hailing))],
        )
    }
}
