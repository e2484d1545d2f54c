//! Schemas of what goes over HTTP, made of the types that are read and written.
//!
//! What callers get is closed, so that a field that is missing, misspelt or new is noticed.
//! What callers send is as open as the reader of it, and bounded as it is. Each is whole in
//! itself, as those of the live events are. Words of a kind are one list, whatever is said of
//! each: the document is sent to whoever asks for it, and should stay short.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, RestrictFormats};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::{Shape, close, examples, leave_out};

/// What callers get.
pub fn got<T: JsonSchema>() -> (String, Value) {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    shape::<T>(
        settings
            .with_transform(RecursiveTransform(words))
            .with_transform(RecursiveTransform(leave_out))
            .with_transform(RecursiveTransform(never_null))
            .with_transform(RecursiveTransform(close))
            .with_transform(RecursiveTransform(unbound)),
    )
}

/// What callers send.
pub fn sent<T: JsonSchema>() -> (String, Value) {
    let settings = SchemaSettings::draft2020_12()
        .with_transform(RecursiveTransform(words))
        .with_transform(RecursiveTransform(bound))
        .with_transform(RecursiveTransform(examples::add));
    shape::<T>(settings)
}

/// What callers send where the path has the id: in the body it may stand or not, and is not
/// looked at.
pub fn sent_without<T: JsonSchema, const ID: usize>() -> (String, Value) {
    let id = IDS.get(ID).copied().unwrap_or_default();
    let (name, mut schema) = sent::<T>();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != id);
    }
    if let Some(properties) = properties(&mut schema) {
        properties.insert(
            id.into(),
            json!({ "description": "The one in the path counts." }),
        );
    }
    (format!("{name}Change"), schema)
}

const IDS: [&str; 4] = ["product_id", "warehouse_id", "vendor_id", "driver_id"];
pub const PRODUCT: usize = 0;
pub const WAREHOUSE: usize = 1;
pub const VENDOR: usize = 2;
pub const DRIVER: usize = 3;

fn properties(schema: &mut Value) -> Option<&mut Map<String, Value>> {
    schema.get_mut("properties").and_then(Value::as_object_mut)
}

/// The same with one field required, and of this schema.
pub fn demanding((name, mut schema): (String, Value), field: &str, of: Value) -> (String, Value) {
    if let Some(properties) = properties(&mut schema) {
        properties.insert(field.into(), of);
    }
    if let Some(schema) = schema.as_object_mut() {
        let required = schema.entry("required").or_insert_with(|| json!([]));
        if let Some(required) = required.as_array_mut() {
            required.push(field.into());
        }
    }
    (name, schema)
}

/// One of these alone, or a list of them under this name.
pub fn one_or_many((name, one): (String, Value), list: &str, most: usize) -> (String, Value) {
    let many = json!({
        "type": "object",
        "properties": { list: { "type": "array", "items": one, "minItems": 1, "maxItems": most } },
        "required": [list],
    });
    let mut one = one;
    if let Some(properties) = properties(&mut one) {
        properties.insert(list.into(), json!(false));
    }
    (name, json!({ "anyOf": [one, many] }))
}

/// A name for a shape, where it is not of one type.
pub fn called(name: &str, (_, schema): (String, Value)) -> (String, Value) {
    (name.into(), schema)
}

fn shape<T: JsonSchema>(settings: SchemaSettings) -> (String, Value) {
    let mut schema = settings
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(RestrictFormats::default())
        .into_generator()
        .into_root_schema_for::<T>();
    schema.remove("$schema");
    schema.remove("title");
    (T::schema_name().into_owned(), schema.to_value())
}

/// The range of one of Rust's whole numbers, where a field has none of its own; and no
/// default that only says that a field may be left out.
fn bound(schema: &mut Schema) {
    let range = match schema.get("format").and_then(Value::as_str) {
        Some("uint16") => Some((json!(0), json!(u16::MAX))),
        Some("uint32") => Some((json!(0), json!(u32::MAX))),
        _ => None,
    };
    if let Some((least, most)) = range {
        for (bound, value) in [("minimum", least), ("maximum", most)] {
            if schema.get(bound).is_none() {
                schema.insert(bound.into(), value);
            }
        }
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
}

/// The names of a kind, which may be described one by one, as one list.
fn words(schema: &mut Schema) {
    let each = schema.get("oneOf").and_then(Value::as_array);
    let is_word = |one: &Value| one.get("type") == Some(&json!("string"));
    let Some(each) = each.filter(|each| each.iter().all(is_word)) else {
        return;
    };
    let names = each.iter().flat_map(|one| {
        let listed = one.get("enum").and_then(Value::as_array);
        let named = one.get("const").into_iter();
        listed.into_iter().flatten().chain(named).cloned()
    });
    let names: Vec<Value> = names.collect();
    schema.remove("oneOf");
    schema.insert("type".into(), "string".into());
    schema.insert("enum".into(), names.into());
}

/// As [`leave_out`], of what has a type only inside.
fn never_null(schema: &mut Schema) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required = |name: &String| {
        let required = required.as_array();
        required.is_some_and(|all| all.contains(&name.as_str().into()))
    };
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (_, property) in properties
        .into_iter()
        .flatten()
        .filter(|(name, _)| !is_required(name))
    {
        let each = property.get("anyOf").and_then(Value::as_array);
        if let Some([one, null]) = each.map(Vec::as_slice)
            && *null == json!({ "type": "null" })
        {
            *property = one.clone();
        } else if let Some(Value::Array(types)) = property.get("type")
            && let [only] = types.as_slice()
        {
            let only = only.clone();
            if let Some(property) = property.as_object_mut() {
                property.insert("type".into(), only);
            }
        }
    }
}

/// Bounds are for who sends; what is there may be older than they are.
fn unbound(schema: &mut Schema) {
    for bound in [
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "default",
    ] {
        schema.remove(bound);
    }
}

/// An object of which nothing is read.
pub fn nothing() -> (String, Value) {
    ("Nothing".into(), json!({ "type": "object" }))
}

/// Text that is no JSON.
pub fn plain() -> (String, Value) {
    ("Text".into(), json!({ "type": "string" }))
}

/// Any JSON.
pub fn anything() -> (String, Value) {
    ("Anything".into(), json!(true))
}

/// Whether a body of this shape has to be there at all.
pub fn is_needed(shape: Shape) -> bool {
    let (_, schema) = shape();
    let demands = |schema: &Value| {
        let required = schema.get("required").and_then(Value::as_array);
        required.is_some_and(|fields| !fields.is_empty())
    };
    let each = schema.get("anyOf").and_then(Value::as_array);
    demands(&schema) || each.is_some_and(|each| each.iter().all(demands))
}
