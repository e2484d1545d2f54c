//! Placements that could not be undone by themselves, for somebody to look at.

use contract::Problem;
use contract::order::{StuckPage, StuckPlacement};
use edge::d1::{Db, Sql};
use edge::{Incoming, Outcome, http};
use worker::Env;

/// `GET /api/admin/placements?state=stuck`
pub async fn stuck(env: &Env, incoming: &Incoming) -> Outcome {
    if incoming.query.get("state").map(String::as_str) != Some("stuck") {
        return Err(Problem::field("state", "must be stuck"));
    }
    let statement = Sql::new(
        "SELECT order_id, customer_id, cause, since FROM stuck_placements ORDER BY since LIMIT 100",
    );
    let placements: Vec<StuckPlacement> = Db::open(env, "DB")?
        .rows(&incoming.scope, "orders.stuck_list", statement)
        .await?;
    http::json(200, &StuckPage { placements })
}
