//! Which request goes where.

use contract::catalogue::{
    ImportInput, Imported, ProductInput, VariantInput, VariantOf, WarehouseInput, WarehousePage,
};
use contract::fulfillment::AtFulfillment;
use contract::plain::Success;
use contract::{Problem, Role, code};
use domain::limits::is_code;
use edge::{Incoming, Outcome, call, http};
use worker::{Env, Method, Request};

use crate::{catalogue, catalogue_edit, planning, stock_audit, stock_low, stock_routes};

const ADMIN: &[Role] = &[Role::Admin];

pub async fn serve(mut request: Request, env: &Env) -> Outcome {
    if call::is_command(&request) {
        let (scope, AtFulfillment::Plan(order)) = call::receive(&mut request).await?;
        let reply = planning::plan(env, &scope, &order).await;
        return call::reply(reply).map_err(http::internal);
    }
    let incoming = Incoming::passed_on(&mut request).await?;
    route(env, &incoming).await
}

async fn route(env: &Env, incoming: &Incoming) -> Outcome {
    match (&incoming.method, incoming.path().as_slice()) {
        (Method::Get, ["products"]) => products(env, incoming).await,
        (Method::Get, ["products", id]) => {
            http::json(200, &catalogue::product(env, &incoming.scope, id).await?)
        }
        (Method::Post, ["api", "fulfillment", "check"]) => stock_routes::check(env, incoming).await,
        (Method::Get, ["api", "stock"]) => stock_routes::list(env, incoming).await,
        (Method::Get, ["api", "stock", "audit"]) => stock_audit::audit(env, incoming).await,
        (Method::Post, ["api", "stock", "deduct"]) => stock_routes::deduct(env, incoming).await,
        (Method::Post, ["api", "stock", "restore"]) => stock_routes::restore(env, incoming).await,
        (Method::Post, ["api", "stock", "adjust"]) => stock_routes::adjust(env, incoming).await,
        (Method::Get, ["api", "admin", "stock", "low"]) => stock_low::list(env, incoming).await,
        (_, ["api", "admin", rest @ ..]) => admin(env, incoming, rest).await,
        _ => Err(Problem::not_found("route")),
    }
}

async fn products(env: &Env, incoming: &Incoming) -> Outcome {
    let limit = incoming.limit(20, 100)?;
    let after = incoming.query.get("cursor").map_or("", String::as_str);
    http::json(
        200,
        &catalogue::page(env, &incoming.scope, after, limit).await?,
    )
}

async fn admin(env: &Env, incoming: &Incoming, path: &[&str]) -> Outcome {
    incoming.actor(ADMIN)?;
    let scope = &incoming.scope;
    let (status, input) = match (&incoming.method, path) {
        (Method::Post, ["import"]) => (200, incoming.json::<ImportInput>()?),
        (Method::Get, ["warehouses"]) => {
            let warehouses = catalogue::warehouses(env, scope).await?;
            return http::json(200, &WarehousePage { warehouses });
        }
        (Method::Post, ["products"]) => {
            let product: ProductInput = incoming.json()?;
            if catalogue::product(env, scope, &product.product_id)
                .await
                .is_ok()
            {
                let detail = "there is a product of this id; change it with PUT";
                return Err(Problem::new(code::ALREADY_EXISTS, detail).of_field("product_id"));
            }
            (201, with_product(product))
        }
        (Method::Put, ["products", id]) => {
            (200, with_product(incoming.json_with("product_id", id)?))
        }
        (Method::Post, ["warehouses"]) => {
            let warehouse: WarehouseInput = incoming.json()?;
            let known = catalogue::warehouses(env, scope).await?;
            if known
                .iter()
                .any(|w| w.warehouse_id == warehouse.warehouse_id)
            {
                let detail = "there is a warehouse of this id; change it with PUT";
                return Err(Problem::new(code::ALREADY_EXISTS, detail).of_field("warehouse_id"));
            }
            (201, with_warehouse(warehouse))
        }
        (Method::Put, ["warehouses", id]) => {
            (200, with_warehouse(incoming.json_with("warehouse_id", id)?))
        }
        (Method::Put, ["variants", sku]) => (200, variant(env, incoming, sku).await?),
        (Method::Delete, ["products", id]) => {
            let sql = "UPDATE products SET active = 0 WHERE product_id = ?1 RETURNING product_id";
            catalogue_edit::retire(env, scope, sql, id, "product").await?;
            return http::json(200, &Success::YES);
        }
        (Method::Delete, ["variants", sku]) => {
            let sql = "UPDATE variants SET active = 0 WHERE sku = ?1 RETURNING sku";
            catalogue_edit::retire(env, scope, sql, sku, "variant").await?;
            return http::json(200, &Success::YES);
        }
        (Method::Delete, ["warehouses", id]) => {
            let sql =
                "UPDATE warehouses SET active = 0 WHERE warehouse_id = ?1 RETURNING warehouse_id";
            catalogue_edit::retire(env, scope, sql, id, "warehouse").await?;
            return http::json(200, &Success::YES);
        }
        _ => return Err(Problem::not_found("route")),
    };
    let written = catalogue_edit::write(env, scope, &input).await?;
    let imported = Imported {
        success: true,
        written,
    };
    http::json(status, &imported)
}

fn with_product(product: ProductInput) -> ImportInput {
    ImportInput {
        products: vec![product],
        ..ImportInput::default()
    }
}

fn with_warehouse(warehouse: WarehouseInput) -> ImportInput {
    ImportInput {
        warehouses: vec![warehouse],
        ..ImportInput::default()
    }
}

async fn variant(env: &Env, incoming: &Incoming, sku: &str) -> Result<ImportInput, Problem> {
    let of: VariantOf = incoming.json()?;
    if !is_code(&of.product_id) {
        return Err(Problem::field("product_id", "is not an id"));
    }
    let product = catalogue::product(env, &incoming.scope, &of.product_id)
        .await
        .map_err(|problem| problem.of_field("product_id"))?;
    Ok(with_product(ProductInput {
        product_id: product.product_id,
        title: product.title,
        description: product.description,
        active: true,
        variants: vec![VariantInput {
            sku: sku.to_owned(),
            size: of.size,
            price_minor: of.price_minor,
            active: true,
        }],
    }))
}
