//! One desk of figures: sums in memory, written through to SQLite.

use std::cell::RefCell;

use contract::figures::{AtMetricsDesk, Figures};
use contract::{Empty, Problem};
use edge::call::{receive, reply};
use edge::{http, json, sqlite};
use serde::Deserialize;
use serde_json::json;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

#[durable_object(fetch)]
pub struct MetricsDesk {
    state: State,
    sums: RefCell<Option<Figures>>,
}

#[derive(Deserialize)]
struct SumRow {
    kind: String,
    name: String,
    bucket: u16,
    value: u64,
}

const COUNTER: &str = "counter";
const LATENCY: &str = "latency";
const SUM: &str = "sum";

impl DurableObject for MetricsDesk {
    fn new(state: State, _env: Env) -> Self {
        Self {
            state,
            sums: RefCell::new(None),
        }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let command = match receive(&mut request).await {
            Ok((_, command)) => command,
            Err(problem) => return reply::<Empty>(Err(problem)),
        };
        match command {
            AtMetricsDesk::Add(add) => reply(self.add(&add.figures)),
            AtMetricsDesk::Read(_) => reply(self.sums()),
        }
    }
}

impl MetricsDesk {
    /// Adds up in one statement, whatever the number of figures. A batch that is
    /// sent twice counts twice: figures may, stock may not.
    fn add(&self, figures: &Figures) -> std::result::Result<Empty, Problem> {
        self.sums()?;
        let counters = figures
            .counters
            .iter()
            .map(|(name, value)| json!({ "k": COUNTER, "n": name, "b": 0, "v": value }));
        let sums = figures
            .sums_us
            .iter()
            .map(|(name, value)| json!({ "k": SUM, "n": name, "b": 0, "v": value }));
        let latencies = figures.latencies.iter().flat_map(|(name, buckets)| {
            buckets.iter().map(
                move |(bucket, value)| json!({ "k": LATENCY, "n": name, "b": bucket, "v": value }),
            )
        });
        let rows: Vec<_> = counters.chain(sums).chain(latencies).collect();
        sqlite::run(
            &self.state.storage().sql(),
            "INSERT INTO sums (kind, name, bucket, value)
             SELECT value ->> 'k', value ->> 'n', value ->> 'b', value ->> 'v'
             FROM json_each(?) WHERE true
             ON CONFLICT DO UPDATE SET value = value + excluded.value",
            vec![sqlite::text(json::text(&rows))],
        )
        .map_err(http::internal)?;
        if let Some(sums) = self.sums.borrow_mut().as_mut() {
            sums.merge(figures);
        }
        Ok(Empty {})
    }

    fn sums(&self) -> std::result::Result<Figures, Problem> {
        if let Some(sums) = self.sums.borrow().as_ref() {
            return Ok(sums.clone());
        }
        let sums = self.load().map_err(http::internal)?;
        self.sums.replace(Some(sums.clone()));
        Ok(sums)
    }

    fn load(&self) -> Result<Figures> {
        let sql = self.state.storage().sql();
        sqlite::run(
            &sql,
            "CREATE TABLE IF NOT EXISTS sums (
               kind TEXT NOT NULL, name TEXT NOT NULL, bucket INTEGER NOT NULL,
               value INTEGER NOT NULL, PRIMARY KEY (kind, name, bucket)
             ) WITHOUT ROWID",
            Vec::new(),
        )?;
        let rows: Vec<SumRow> = sqlite::rows(
            &sql,
            "SELECT kind, name, bucket, value FROM sums",
            Vec::new(),
        )?;
        let mut figures = Figures::default();
        for row in rows {
            match row.kind.as_str() {
                COUNTER => figures.count(&row.name, row.value),
                SUM => {
                    figures.sums_us.insert(row.name, row.value);
                }
                _ => {
                    let buckets = figures.latencies.entry(row.name).or_default();
                    buckets.insert(row.bucket, row.value);
                }
            }
        }
        Ok(figures)
    }
}
