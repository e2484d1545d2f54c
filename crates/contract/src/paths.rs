//! Which paths there are, and the methods of each.
//!
//! The gateway says with it that a path has other methods than the one that was asked for,
//! before anybody is believed and anything is read. The description of the routes has the
//! same paths and methods, which a test holds against these; no worker carries that.

pub const PATHS: &[(&str, &[&str])] = &[
    ("/api/admin/credit-lines/{customer}", &["GET", "PUT"]),
    ("/api/admin/desks/cart/{desk}/export", &["GET"]),
    ("/api/admin/desks/offers/{desk}/export", &["GET"]),
    ("/api/admin/desks/order/{desk}/export", &["GET"]),
    ("/api/admin/desks/payments/{desk}/export", &["GET"]),
    ("/api/admin/desks/vendor/{desk}/export", &["GET"]),
    ("/api/admin/dispatch/dead-letters", &["GET"]),
    ("/api/admin/dispatch/dead-letters/{letter}", &["GET"]),
    (
        "/api/admin/dispatch/dead-letters/{letter}/replay",
        &["POST"],
    ),
    ("/api/admin/driver-map", &["GET"]),
    ("/api/admin/drivers", &["GET", "POST"]),
    ("/api/admin/drivers/{driver}", &["DELETE", "GET", "PUT"]),
    ("/api/admin/emails", &["GET"]),
    ("/api/admin/import", &["POST"]),
    ("/api/admin/notices/dead", &["GET"]),
    ("/api/admin/notices/dead/{delivery}/replay", &["POST"]),
    ("/api/admin/orders", &["GET"]),
    ("/api/admin/orders.csv", &["GET"]),
    ("/api/admin/orders/counts", &["GET"]),
    ("/api/admin/orders/{order}/assign-driver", &["POST"]),
    ("/api/admin/orders/{order}/assignments", &["GET"]),
    ("/api/admin/orders/{order}/force-assign", &["POST"]),
    ("/api/admin/orders/{order}/release", &["POST"]),
    ("/api/admin/orders/{order}/start-assignment", &["POST"]),
    ("/api/admin/placements", &["GET"]),
    ("/api/admin/placements/{order}/retry", &["POST"]),
    ("/api/admin/products", &["POST"]),
    ("/api/admin/products/{product}", &["DELETE", "PUT"]),
    ("/api/admin/routings", &["GET"]),
    ("/api/admin/stock/low", &["GET"]),
    ("/api/admin/variants/{sku}", &["DELETE", "PUT"]),
    ("/api/admin/vendor-import", &["POST"]),
    ("/api/admin/vendor-search/best", &["GET"]),
    ("/api/admin/vendor-search/near", &["GET"]),
    ("/api/admin/vendor-search/within", &["GET"]),
    ("/api/admin/vendors", &["GET", "POST"]),
    ("/api/admin/vendors/{vendor}", &["DELETE", "GET", "PUT"]),
    ("/api/admin/warehouses", &["GET", "POST"]),
    ("/api/admin/warehouses/{warehouse}", &["DELETE", "PUT"]),
    ("/api/admin/webhooks", &["GET", "POST"]),
    ("/api/admin/webhooks/deliveries", &["GET"]),
    ("/api/admin/webhooks/deliveries/{delivery}", &["GET"]),
    (
        "/api/admin/webhooks/deliveries/{delivery}/replay",
        &["POST"],
    ),
    ("/api/admin/webhooks/{webhook}", &["DELETE", "GET", "PATCH"]),
    ("/api/admin/webhooks/{webhook}/ping", &["POST"]),
    ("/api/admin/webhooks/{webhook}/rotate", &["POST"]),
    ("/api/driver/availability", &["GET", "PUT"]),
    ("/api/driver/history", &["GET"]),
    ("/api/driver/location", &["PUT"]),
    ("/api/driver/orders", &["GET"]),
    ("/api/driver/orders/{order}/accept", &["POST"]),
    ("/api/driver/orders/{order}/delivered", &["POST"]),
    ("/api/driver/orders/{order}/picked-up", &["POST"]),
    ("/api/driver/orders/{order}/reject", &["POST"]),
    ("/api/fulfillment/check", &["POST"]),
    ("/api/orders/{order}/route-to-vendors", &["POST"]),
    ("/api/routing/{routing}/accept", &["POST"]),
    ("/api/routing/{routing}/status", &["GET"]),
    ("/api/routing/{routing}/timeout", &["POST"]),
    ("/api/routing/{routing}/vendor-response", &["POST"]),
    ("/api/stock", &["GET"]),
    ("/api/stock/adjust", &["POST"]),
    ("/api/stock/audit", &["GET"]),
    ("/api/stock/deduct", &["POST"]),
    ("/api/stock/restore", &["POST"]),
    ("/api/v1/orders/{order}/status", &["PATCH"]),
    ("/api/vendor/availability", &["PUT"]),
    ("/api/vendor/offers", &["GET"]),
    ("/api/vendor/orders/{order}/accept", &["POST"]),
    ("/api/vendor/orders/{order}/reject", &["POST"]),
    ("/api/vendor/orders/{order}/release", &["POST"]),
    ("/api/vendor/orders/{order}/seen", &["POST"]),
    ("/api/vendor/push-key", &["GET"]),
    ("/api/vendor/push-subscriptions", &["DELETE", "POST"]),
    ("/cart", &["GET"]),
    ("/cart/address", &["PUT"]),
    ("/cart/items/{sku}", &["DELETE", "PUT"]),
    ("/cart/place-order", &["POST"]),
    ("/cart/summary", &["GET"]),
    ("/credit", &["GET"]),
    ("/docs", &["GET"]),
    ("/docs/reference.css", &["GET"]),
    ("/docs/reference.js", &["GET"]),
    ("/health", &["GET"]),
    ("/metrics", &["GET"]),
    ("/openapi.json", &["GET"]),
    ("/orders", &["GET"]),
    ("/orders/{order}", &["GET"]),
    ("/orders/{order}/cancel", &["POST"]),
    ("/orders/{order}/lines/cancel", &["POST"]),
    ("/orders/{order}/notes", &["GET", "POST"]),
    ("/orders/{order}/payment", &["POST"]),
    ("/orders/{order}/refunds", &["POST"]),
    ("/orders/{order}/returns", &["POST"]),
    ("/orders/{order}/tracking", &["GET"]),
    ("/products", &["GET"]),
    ("/products/{product}", &["GET"]),
    ("/stats", &["GET"]),
    ("/webhooks/payments", &["POST"]),
    ("/webhooks/whatsapp", &["GET", "POST"]),
];

/// The methods of a path, given by its parts. `None` where there is no such path.
pub fn methods_of(parts: &[impl AsRef<str>]) -> Option<&'static [&'static str]> {
    let is_it = |path: &str| {
        let mut pattern = path.split('/').skip(1);
        let fits = parts.iter().all(|part| {
            pattern
                .next()
                .is_some_and(|wanted| wanted == part.as_ref() || wanted.starts_with('{'))
        });
        fits && pattern.next().is_none()
    };
    let mut found = PATHS.iter().filter(|(path, _)| is_it(path));
    found.next().map(|(_, methods)| *methods)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_by_its_parts() {
        let methods = |path: &str| {
            let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
            methods_of(&parts)
        };
        assert_eq!(methods("/products"), Some(&["GET"][..]));
        assert_eq!(methods("/cart/items/x"), Some(&["DELETE", "PUT"][..]));
        assert_eq!(
            methods("/api/admin/products/a/"),
            Some(&["DELETE", "PUT"][..])
        );
        for none in ["/", "/cart/items", "/cart/items/x/y", "/Products", "/api"] {
            assert_eq!(methods(none), None, "{none}");
        }
    }
}
