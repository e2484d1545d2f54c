//! What is for sale, as shoppers read it and admins write it.

use serde_json::Value;

use super::super::schema::{PRODUCT, WAREHOUSE, got, sent, sent_without};
use super::{ADMIN, CURSOR, LIMIT, Route, route};
use crate::catalogue::{
    ImportInput, Imported, Product, ProductInput, ProductPage, VariantOf, WarehouseInput,
    WarehousePage,
};
use crate::code;
use crate::code::Code;
use crate::plain::Success;

const TAG: &str = "catalogue";

/// What may come of stock that is imported.
const COUNTED: &[Code] = &[code::INSUFFICIENT_STOCK, code::OUTCOME_UNKNOWN];

fn product() -> (String, Value) {
    sent_without::<ProductInput, PRODUCT>()
}

fn warehouse() -> (String, Value) {
    sent_without::<WarehouseInput, WAREHOUSE>()
}

pub const ROUTES: &[Route] = &[
    route("GET", "/products", "products", TAG, got::<ProductPage>)
        .says("What is for sale")
        .query(&[LIMIT, CURSOR]),
    route(
        "GET",
        "/products/{product}",
        "product",
        TAG,
        got::<Product>,
    )
    .says("One product with its variants")
    .or(&[code::NOT_FOUND]),
    route(
        "POST",
        "/api/admin/import",
        "import",
        TAG,
        got::<Imported>,
    )
    .says("Writes warehouses, products, variants and stock at once")
    .about("What is there is changed. May be repeated: the stock counts once under its `key`, which is the print of its content when none is given. Up to 1 MiB.")
    .by(ADMIN)
    .takes(sent::<ImportInput>)
    .or(COUNTED),
    route(
        "POST",
        "/api/admin/products",
        "createProduct",
        TAG,
        got::<Imported>,
    )
    .says("Creates a product")
    .by(ADMIN)
    .takes(sent::<ProductInput>)
    .status(201)
    .or(&[code::ALREADY_EXISTS]),
    route(
        "PUT",
        "/api/admin/products/{product}",
        "writeProduct",
        TAG,
        got::<Imported>,
    )
    .says("Writes a product")
    .by(ADMIN)
    .takes(product),
    route(
        "DELETE",
        "/api/admin/products/{product}",
        "retireProduct",
        TAG,
        got::<Success>,
    )
    .says("Takes a product off the shelf")
    .about("It stays in the record.")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "PUT",
        "/api/admin/variants/{sku}",
        "writeVariant",
        TAG,
        got::<Imported>,
    )
    .says("Writes a variant of a product")
    .by(ADMIN)
    .takes(sent::<VariantOf>)
    .or(&[code::NOT_FOUND]),
    route(
        "DELETE",
        "/api/admin/variants/{sku}",
        "retireVariant",
        TAG,
        got::<Success>,
    )
    .says("Takes a variant off the shelf")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
    route(
        "GET",
        "/api/admin/warehouses",
        "warehouses",
        TAG,
        got::<WarehousePage>,
    )
    .says("All warehouses")
    .by(ADMIN),
    route(
        "POST",
        "/api/admin/warehouses",
        "createWarehouse",
        TAG,
        got::<Imported>,
    )
    .says("Creates a warehouse")
    .about("Its stock shard is chosen where none is named, and never changes.")
    .by(ADMIN)
    .takes(sent::<WarehouseInput>)
    .status(201)
    .or(&[code::ALREADY_EXISTS]),
    route(
        "PUT",
        "/api/admin/warehouses/{warehouse}",
        "writeWarehouse",
        TAG,
        got::<Imported>,
    )
    .says("Writes a warehouse")
    .by(ADMIN)
    .takes(warehouse),
    route(
        "DELETE",
        "/api/admin/warehouses/{warehouse}",
        "retireWarehouse",
        TAG,
        got::<Success>,
    )
    .says("Sends nothing more from a warehouse")
    .by(ADMIN)
    .or(&[code::NOT_FOUND]),
];
