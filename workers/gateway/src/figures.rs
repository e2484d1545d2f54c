//! The shop's figures: `/stats` for admins as JSON, `/metrics` for a scraper as
//! `OpenMetrics`. Both sum the metrics desks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use contract::dispatch::{AskDispatch, DISPATCH_SERVICE};
use contract::figures::{
    Figures, METRICS_DESK, METRICS_SHARDS, ReadFigures, bucket_end, desk_name, percentile,
};
use contract::plain::{Latency, Stats};
use contract::{Problem, Role, code};
use edge::call::{To, call};
use edge::identity::same_secret;
use edge::{Incoming, Outcome, Scope, config, http};
use worker::Env;

async fn read(env: &Env, scope: &Scope) -> Result<Figures, Problem> {
    let asked = (0..METRICS_SHARDS).map(|shard| async move {
        let name = desk_name(shard);
        call(env, scope, To::Object(METRICS_DESK, &name), ReadFigures {}).await
    });
    let mut sum = Figures::default();
    for figures in futures::future::join_all(asked).await {
        sum.merge(&figures.map_err(|error| error.into_problem("metrics.read"))?);
    }
    Ok(sum)
}

/// `GET /stats`
pub async fn stats(env: &Env, incoming: &Incoming) -> Outcome {
    incoming.actor(&[Role::Admin])?;
    let (figures, dispatch) = futures::future::join(
        read(env, &incoming.scope),
        // Without it the rest is worth showing.
        call(
            env,
            &incoming.scope,
            To::Service(DISPATCH_SERVICE),
            AskDispatch {},
        ),
    )
    .await;
    let figures = figures?;
    let latencies: BTreeMap<&str, Latency> = figures
        .latencies
        .iter()
        .map(|(name, buckets)| {
            let count = buckets
                .values()
                .fold(0_u64, |sum, n| sum.saturating_add(*n));
            let ms = |percent| (percentile(buckets, percent)).div_ceil(1000);
            let shown = Latency {
                count,
                p50: ms(50),
                p95: ms(95),
                p99: ms(99),
            };
            (name.as_str(), shown)
        })
        .collect();
    let of = |name: &str| figures.counters.get(name).copied().unwrap_or_default();
    let stats = Stats {
        placements: of("placements"),
        placements_refused: labelled(&figures, "placements_refused", "reason"),
        races_lost: of("stock_races_lost"),
        replanned: of("placements_replanned"),
        rollbacks: labelled(&figures, "rollbacks", "shard"),
        stuck: of("placements_stuck"),
        latencies,
        dispatch: dispatch.ok(),
        counters: &figures.counters,
    };
    http::json(200, &stats)
}

/// The counters of one name, by one label.
fn labelled<'a>(figures: &'a Figures, name: &str, label: &str) -> BTreeMap<&'a str, u64> {
    let prefix = format!("{name}{{{label}=\"");
    figures
        .counters
        .iter()
        .filter_map(|(full, count)| {
            let value = full.strip_prefix(&prefix)?.strip_suffix("\"}")?;
            Some((value, *count))
        })
        .collect()
}

/// `GET /metrics`, with the scrape token.
pub async fn metrics(env: &Env, authorization: Option<&str>) -> Outcome {
    let expected = config::secret(env, "SCRAPE_TOKEN").filter(|token| !token.is_empty());
    let sent = authorization.and_then(|text| text.strip_prefix("Bearer "));
    let good = match (&expected, sent) {
        (Some(expected), Some(sent)) => same_secret(expected, sent),
        _ => false,
    };
    if !good {
        let detail = "send Authorization: Bearer <scrape token>";
        return Err(Problem::new(code::UNAUTHENTICATED, detail));
    }
    let figures = read(env, &Scope::default()).await?;
    http::text(
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        open_metrics(&figures),
    )
}

fn split(full: &str) -> (&str, &str) {
    match full.split_once('{') {
        Some((name, labels)) => (name, labels.trim_end_matches('}')),
        None => (full, ""),
    }
}

fn braced(labels: &[&str]) -> String {
    let labels: Vec<&str> = labels.iter().copied().filter(|l| !l.is_empty()).collect();
    if labels.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", labels.join(","))
    }
}

/// Writing to a string cannot fail, so the results are of no interest.
fn open_metrics(figures: &Figures) -> String {
    let mut text = String::new();
    let mut typed = BTreeSet::new();
    for (full, count) in &figures.counters {
        let (name, labels) = split(full);
        if typed.insert(name) {
            let _ = writeln!(text, "# TYPE orderlane_{name} counter");
        }
        let _ = writeln!(text, "orderlane_{name}_total{} {count}", braced(&[labels]));
    }
    for (full, buckets) in &figures.latencies {
        let (name, labels) = split(full);
        let name = name.trim_end_matches("_ms");
        if typed.insert(name) {
            let _ = writeln!(text, "# TYPE orderlane_{name}_seconds histogram");
        }
        let mut sum: u64 = 0;
        for (bucket, count) in buckets {
            sum = sum.saturating_add(*count);
            let le = format!("le=\"{}\"", seconds(bucket_end(*bucket)));
            let shown = braced(&[labels, &le]);
            let _ = writeln!(text, "orderlane_{name}_seconds_bucket{shown} {sum}");
        }
        let all = braced(&[labels, "le=\"+Inf\""]);
        let plain = braced(&[labels]);
        let total = seconds(figures.sums_us.get(full).copied().unwrap_or_default());
        let _ = writeln!(text, "orderlane_{name}_seconds_bucket{all} {sum}");
        let _ = writeln!(text, "orderlane_{name}_seconds_count{plain} {sum}");
        let _ = writeln!(text, "orderlane_{name}_seconds_sum{plain} {total}");
    }
    text.push_str("# EOF\n");
    text
}

fn seconds(micros: u64) -> String {
    let whole = micros.checked_div(1_000_000).unwrap_or_default();
    let rest = micros.checked_rem(1_000_000).unwrap_or_default();
    format!("{whole}.{rest:06}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_a_scraper_reads_them() {
        let mut figures = Figures::default();
        figures.count("refused{reason=\"x\"}", 2);
        figures.observe("place_order_ms", 5_000);
        let text = open_metrics(&figures);
        assert!(text.contains("# TYPE orderlane_refused counter\n"));
        assert!(text.contains("orderlane_refused_total{reason=\"x\"} 2\n"));
        assert!(text.contains("orderlane_place_order_seconds_bucket{le=\"+Inf\"} 1\n"));
        assert!(text.contains("orderlane_place_order_seconds_sum 0.005000\n"));
        assert!(text.ends_with("# EOF\n"));
    }
}
