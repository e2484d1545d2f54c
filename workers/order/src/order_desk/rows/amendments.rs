//! What was taken from orders after they stood.

use contract::Problem;
use domain::amend::{Amendment, Units};
use edge::json;
use edge::sqlite::{int, text};
use serde::Deserialize;

use super::{Rows, parse};

/// One amendment, as it is written before stock and money hear of it.
pub struct Amending<'a> {
    pub order_id: &'a str,
    pub number: u32,
    pub amendment: &'a Amendment,
    pub units: &'a Units,
    /// Empty where its asker had none.
    pub key: &'a str,
    pub fingerprint: &'a str,
    pub answer: &'a str,
    pub at_ms: i64,
}

#[derive(Deserialize)]
struct UnitsRow {
    amendment: String,
    units: String,
}

#[derive(Deserialize)]
pub struct Answered {
    pub fingerprint: String,
    pub answer: String,
}

impl Rows {
    pub fn add_amendment(&self, one: &Amending<'_>) -> Result<(), Problem> {
        self.tables.run(
            "INSERT INTO amendments
               (order_id, number, amendment, units, key, fingerprint, answer, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            vec![
                text(one.order_id),
                int(i64::from(one.number)),
                text(json::text(one.amendment)),
                text(json::text(one.units)),
                text(one.key),
                text(one.fingerprint),
                text(one.answer),
                int(one.at_ms),
            ],
        )
    }

    /// What somebody got under that key.
    pub fn amended_under(&self, order_id: &str, key: &str) -> Result<Option<Answered>, Problem> {
        if key.is_empty() {
            return Ok(None);
        }
        self.tables.first(
            "SELECT fingerprint, answer FROM amendments WHERE order_id = ?1 AND key = ?2",
            vec![text(order_id), text(key)],
        )
    }

    /// The units that an amendment is about.
    pub fn amended_units(
        &self,
        order_id: &str,
        number: u32,
    ) -> Result<Option<(Amendment, Units)>, Problem> {
        let row: Option<UnitsRow> = self.tables.first(
            "SELECT amendment, units FROM amendments WHERE order_id = ?1 AND number = ?2",
            vec![text(order_id), int(i64::from(number))],
        )?;
        row.map(|row| Ok((parse(&row.amendment)?, parse(&row.units)?)))
            .transpose()
    }
}
