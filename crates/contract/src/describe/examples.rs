//! What fields look like, for those who read the description and those who try it out: a
//! value for each name that stands in a body.

use schemars::Schema;
use serde_json::{Value, json};

fn of(name: &str) -> Option<Value> {
    Some(match name {
        "sku" => json!("BOOT-42"),
        "size" => json!("42"),
        "product_id" => json!("boot"),
        "title" => json!("Boots"),
        "warehouse_id" => json!("berlin"),
        "vendor_id" | "vendorId" => json!("corner-shop"),
        "driver_id" => json!("dora"),
        "sequence" => json!(7),
        "accuracy" => json!(12),
        "until" => json!("2999-12-31T18:00:00Z"),
        "code" => json!("4711"),
        "photo" => json!("door-1.jpg"),
        "order_id" => json!("till-1001"),
        "quantity" => json!(2),
        "delta" => json!(1),
        "price_minor" => json!(4999),
        "limit_minor" => json!(50_000),
        "latitude" => json!(52.52),
        "longitude" => json!(13.405),
        "name" => json!("Ada Byron"),
        "line1" => json!("Torstr. 1"),
        "line2" => json!("2nd floor"),
        "city" => json!("Berlin"),
        "state" => json!("BE"),
        "postal_code" => json!("10119"),
        "country" => json!("DE"),
        "phone" => json!("+49301234567"),
        "email" => json!("ada@example.org"),
        "reason" => json!("changed my mind"),
        "status" => json!("paid"),
        "delivery_mode" => json!("express"),
        "payment_method" => json!("cod"),
        "preparationTime" => json!(20),
        "maxRadius" => json!(15),
        "parallelPushCount" | "limit" => json!(5),
        "key" => json!("2f1c9a"),
        "endpoint" => json!("https://push.example.org/device-1"),
        "p256dh" => json!(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        ),
        "auth" => json!("BTBZMqHH6r4Tts7J_aSIgg"),
        _ => return None,
    })
}

/// Gives the fields of an object their examples.
pub fn add(schema: &mut Schema) {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        if let (Some(value), Some(property)) = (of(name), property.as_object_mut()) {
            property.insert("examples".into(), json!([value]));
        }
    }
}
