//! `openapi.json`: every route, described from the very types that are read and written.
//!
//! What there is stands in [`routes`](super::routes); this makes a document of it, in version
//! 3.1 of that format, and adds what all routes have in common.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::routes::{Param, Route, TAGS, Who, all, path_param};
use super::schema::{got, is_needed};
use super::{Shape, present, reference};
use crate::code::{self, Code};
use crate::problem::Problem;

const ABOUT: &str = "\
The shop by HTTP. What goes over sockets is described in `asyncapi.json`. \
Amounts are whole numbers of the smallest unit of the currency (`..._minor`). Times are in UTC. \
Every answer has an `x-trace-id`, by which its story is found in the log. \
A request that was not well is answered with a problem (RFC 9457): its `code` is stable, `field` \
names what was wrong, `detail` says what to do next. A path that is there and does not have the \
method is answered with 405, and a path that is not with 404. \
`x-roles` names the roles whose tokens a route takes.";

const TOKEN: &str = "A JWT with HS256, which names its bearer and a role: customer, vendor, driver, admin or service.";

#[derive(Default)]
struct Document {
    schemas: Map<String, Value>,
    problems: Map<String, Value>,
}

impl Document {
    fn schema(&mut self, shape: Shape) -> Value {
        let (name, schema) = shape();
        if schema == json!(true) || schema == json!({ "type": "string" }) {
            return schema;
        }
        let at = reference(&["components", "schemas", &name]);
        self.schemas.insert(name, schema);
        at
    }

    /// A reference to the answer that is one of these problems, all of one status.
    fn problem(&mut self, status: u16, codes: &BTreeSet<&str>) -> Value {
        let names: Vec<&str> = codes.iter().copied().collect();
        let key = names.join("-");
        let schema = json!({
            "$ref": "#/components/schemas/Problem",
            "properties": { "status": { "const": status }, "code": { "enum": names } },
        });
        let retry = matches!(status, 429 | 503).then(|| {
            json!({ "retry-after": {
                "description": "Seconds to wait, where that is known.",
                "schema": { "type": "integer", "minimum": 0 },
            } })
        });
        let told: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let problem = present(json!({
            "description": told.join(" or "),
            "headers": retry,
            "content": { "application/problem+json": { "schema": schema } },
        }));
        let at = reference(&["components", "responses", &key]);
        self.problems.insert(key, problem);
        at
    }

    fn responses(&mut self, route: &Route) -> Value {
        let schema = self.schema(route.answer.shape);
        let replayed = (route.key.is_some() && route.answer.status == 201).then(|| {
            json!({ "idempotent-replayed": {
                "description": "`true` where an earlier request had made it.",
                "schema": { "type": "string", "enum": ["true"] },
            } })
        });
        let mut responses = Map::new();
        responses.insert(
            route.answer.status.to_string(),
            present(json!({
                "description": "It is done.",
                "headers": replayed,
                "content": { route.answer.kind: { "schema": schema } },
            })),
        );
        let mut by_status: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
        for (name, status) in route.problems.iter().copied().chain(common(route)) {
            by_status.entry(status).or_default().insert(name);
        }
        for (status, codes) in &by_status {
            responses.insert(status.to_string(), self.problem(*status, codes));
        }
        responses.into()
    }

    fn operation(&mut self, route: &Route) -> Value {
        let roles = match route.who {
            Who::Roles(roles) => Some(roles.iter().map(|role| role.name()).collect::<Vec<_>>()),
            Who::Anyone | Who::Proof(_) => None,
        };
        let security = match route.who {
            Who::Anyone => json!([]),
            Who::Roles(_) => json!([{ "token": [] }]),
            Who::Proof(proof) => json!([{ proof: [] }]),
        };
        let body = route.body.map(|shape| {
            let schema = self.schema(shape);
            json!({
                "required": is_needed(shape),
                "content": { "application/json": { "schema": schema } },
            })
        });
        let parameters = parameters(route);
        present(json!({
            "operationId": route.name,
            "tags": [route.tag],
            "summary": route.summary,
            "description": description(route, roles.as_deref()),
            "x-roles": roles,
            "security": security,
            "parameters": (!parameters.is_empty()).then_some(parameters),
            "requestBody": body,
            "responses": self.responses(route),
        }))
    }
}

fn description(route: &Route, roles: Option<&[&str]>) -> String {
    let who = match (route.who, roles) {
        (_, Some(roles)) => format!("For the roles {}.", roles.join(", ")),
        (Who::Anyone, _) => "For everybody.".to_owned(),
        _ => "No role opens it.".to_owned(),
    };
    let parts = [route.about, who.as_str()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

fn parameters(route: &Route) -> Vec<Value> {
    let in_path = route.path_params().map(|name| {
        let (about, schema) = path_param(name);
        json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })
    });
    let in_query = route.query.iter().map(|param: &Param| {
        json!({
            "name": param.name, "in": "query", "required": param.is_required,
            "description": param.about, "schema": (param.schema)(),
        })
    });
    let key = route.key.map(|about| {
        json!({
            "name": "Idempotency-Key", "in": "header", "required": false, "description": about,
            "schema": { "type": "string", "pattern": domain::limits::KEY, "examples": ["2f1c9a"] },
        })
    });
    in_path.chain(in_query).chain(key).collect()
}

/// What any route may say.
fn common(route: &Route) -> Vec<Code> {
    let mut codes = vec![
        code::INVALID_FIELD,
        code::UNAUTHENTICATED,
        code::INTERNAL,
        code::UNAVAILABLE,
    ];
    if route.method != "GET" {
        codes.extend([code::MALFORMED_JSON, code::BODY_TOO_LARGE]);
    }
    if matches!(route.who, Who::Roles(_)) {
        codes.push(code::FORBIDDEN);
    }
    codes
}

fn security_schemes() -> Value {
    json!({
        "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": TOKEN },
        "scrape": {
            "type": "http", "scheme": "bearer",
            "description": "The scrape token of the shop, which is no JWT.",
        },
        "providerSignature": {
            "type": "apiKey", "in": "header", "name": "Stripe-Signature",
            "description": "The time and an HMAC of the time and the body, as the payment provider makes it.",
        },
        "messengerSignature": {
            "type": "apiKey", "in": "header", "name": "X-Hub-Signature-256",
            "description": "An HMAC of the body, as the messenger makes it.",
        },
        "messengerWord": {
            "type": "apiKey", "in": "query", "name": "hub.verify_token",
            "description": "The word that the messenger was told.",
        },
    })
}

/// The whole document.
pub fn openapi() -> Value {
    let mut document = Document::default();
    document.schema(got::<Problem>);
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in all() {
        let operation = document.operation(route);
        let methods = paths.entry(route.path).or_default();
        methods.insert(route.method.to_lowercase(), operation);
    }
    let tags = TAGS
        .iter()
        .map(|(name, about)| json!({ "name": name, "description": about }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Orderlane",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags.collect::<Vec<Value>>(),
        "paths": paths,
        "components": {
            "schemas": document.schemas,
            "responses": document.problems,
            "securitySchemes": security_schemes(),
        },
    })
}

/// The document as it stands in the file.
pub fn text() -> String {
    format!("{:#}\n", openapi())
}
