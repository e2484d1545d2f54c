//! The description of the routes is of the code as it is: the file says what the types say,
//! and each row of the table is whole and has no double.
//!
//! That the workers have these routes, and answer as is said here, the flows see.

use std::collections::{BTreeMap, BTreeSet};

use contract::describe::openapi::{openapi, text};
use contract::describe::routes::{TAGS, Who, all};
use contract::paths::PATHS;
use serde_json::Value;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");

#[test]
fn the_file_says_what_the_types_say() {
    let file = std::fs::read_to_string(FILE).unwrap_or_default();
    let made = text();
    let pairs = file.lines().zip(made.lines());
    let differs = pairs.enumerate().find(|(_, (was, is))| was != is);
    assert!(
        file == made,
        "openapi.json is not what the types say; run `npm run describe`. First difference: {differs:?}"
    );
}

#[test]
fn a_schema_has_a_name_of_its_own() {
    let mut named: BTreeMap<String, Value> = BTreeMap::new();
    for route in all() {
        for shape in route.body.into_iter().chain([route.answer.shape]) {
            let (name, schema) = shape();
            assert!(
                !schema.to_string().contains("$ref"),
                "{name} is whole in itself"
            );
            let same = named.entry(name.clone()).or_insert_with(|| schema.clone());
            assert_eq!(*same, schema, "two schemas are called {name}");
        }
    }
}

#[test]
fn a_row_is_whole() {
    let mut seen = BTreeSet::new();
    let schemes = openapi();
    let schemes = schemes.pointer("/components/securitySchemes").unwrap();
    for route in all() {
        let at = format!("{} {}", route.method, route.path);
        assert!(seen.insert(at.clone()), "{at} is there twice");
        assert!(seen.insert(route.name.to_owned()), "{} twice", route.name);
        assert!(
            !route.summary.is_empty() && !route.summary.ends_with('.'),
            "{at}"
        );
        assert!(TAGS.iter().any(|(tag, _)| *tag == route.tag), "{at}");
        match route.who {
            Who::Proof(proof) => assert!(schemes.get(proof).is_some(), "{at}: {proof}"),
            Who::Roles(roles) => assert!(!roles.is_empty(), "{at}"),
            Who::Anyone => {}
        }
        let problems: BTreeSet<&str> = route.problems.iter().map(|(code, _)| *code).collect();
        assert_eq!(
            problems.len(),
            route.problems.len(),
            "{at} has a problem twice"
        );
    }
}

#[test]
fn the_paths_are_those_of_the_gateway() {
    let mut described: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for route in all() {
        described
            .entry(route.path)
            .or_default()
            .insert(route.method);
    }
    let known = PATHS.iter();
    let known: BTreeMap<&str, BTreeSet<&str>> = known
        .map(|(path, methods)| (*path, methods.iter().copied().collect()))
        .collect();
    assert_eq!(
        described, known,
        "the table in describe/routes, and paths.rs"
    );
}

/// Beyond what every client can write a number is not what was meant.
#[test]
fn whole_numbers_that_callers_send_have_bounds() {
    fn unbound(schema: &Value, at: &str, found: &mut Vec<String>) {
        let kind = schema.get("type").map(Value::to_string);
        let is_number = kind.is_some_and(|kind| kind.contains("integer"));
        let bounds = [schema.get("minimum"), schema.get("maximum")];
        let is_safe = |bound: Option<&Value>| {
            bound
                .and_then(Value::as_i64)
                .is_some_and(|bound| bound.abs() <= domain::limits::AMOUNT_MAX)
        };
        if is_number && !bounds.into_iter().all(is_safe) {
            found.push(at.to_owned());
        }
        for (key, value) in schema.as_object().into_iter().flatten() {
            match value {
                Value::Object(_) => unbound(value, &format!("{at}/{key}"), found),
                Value::Array(list) => list.iter().for_each(|one| unbound(one, at, found)),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    for body in all().filter_map(|route| route.body) {
        let (name, schema) = body();
        unbound(&schema, &name, &mut found);
    }
    assert!(found.is_empty(), "{found:?}");
}

/// What is answered is closed, whatever it is made of.
#[test]
fn no_answer_is_open() {
    fn open(schema: &Value, at: &str, found: &mut Vec<String>) {
        if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
            found.push(at.to_owned());
        }
        let inner = schema.as_object().into_iter().flatten();
        for (key, value) in inner {
            match value {
                Value::Object(_) => open(value, &format!("{at}/{key}"), found),
                Value::Array(list) => list.iter().for_each(|one| open(one, at, found)),
                _ => {}
            }
        }
    }
    for route in all() {
        let (name, schema) = (route.answer.shape)();
        let mut found = Vec::new();
        open(&schema, &name, &mut found);
        assert!(found.is_empty(), "{found:?}");
    }
}
