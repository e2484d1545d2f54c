//! JSON bodies, and the name of the field that one got wrong.
//!
//! serde says where in the text it stopped; the field is found by walking the
//! text up to there. A crate that keeps the path while it parses would wrap every
//! deserializer there is, and cost more than all of our own parsing in the binary.

use contract::{Problem, code};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One of our own types as JSON, which it can always be: at worst it is `null`.
pub fn text<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".into())
}

/// Parses a text whole. What is wrong with it is named by field.
pub fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(text).map_err(|error| problem(text, &error))
}

fn problem(text: &[u8], error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    if !error.is_data() {
        return Problem::new(code::MALFORMED_JSON, error.to_string());
    }
    let end = offset(text, error.line(), error.column());
    let mut path = path_at(text.get(..end).unwrap_or(text));
    let named = ["missing field `", "unknown field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start))
        .and_then(|rest| rest.split_once('`'))
        .map(|(name, _)| name);
    match (message.starts_with("missing"), named) {
        // Noticed at the end of the object that lacks it.
        (true, Some(name)) => path.push(Step::Key(name.to_owned())),
        // Noticed at the key itself.
        (false, Some(name)) => {
            path.pop();
            path.push(Step::Key(name.to_owned()));
        }
        _ => {}
    }
    Problem::field(write(&path), message)
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

fn write(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Index(index) => {
                text.push('[');
                text.push_str(&index.to_string());
                text.push(']');
            }
        }
    }
    if text.is_empty() {
        "body".clone_into(&mut text);
    }
    text
}

/// Where in the text a line and column are.
fn offset(text: &[u8], line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive(|byte| *byte == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    before.saturating_add(column).min(text.len())
}

/// The path of the value that the text ends in or behind.
fn path_at(text: &[u8]) -> Vec<Step> {
    let mut path: Vec<Step> = Vec::new();
    let mut bytes = text.iter().copied().peekable();
    let mut last_string = String::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                let mut string = Vec::new();
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => string.extend(bytes.next()),
                        other => string.push(other),
                    }
                }
                last_string = String::from_utf8_lossy(&string).into_owned();
            }
            b':' => {
                if let Some(Step::Key(key)) = path.last_mut() {
                    last_string.clone_into(key);
                }
            }
            b'{' => path.push(Step::Key(String::new())),
            b'[' => path.push(Step::Index(0)),
            b',' => {
                // Right behind a comma the value before it was the wrong one.
                if bytes.peek().is_some()
                    && let Some(Step::Index(index)) = path.last_mut()
                {
                    *index = index.saturating_add(1);
                }
            }
            b'}' | b']' => {
                path.pop();
            }
            _ => {}
        }
    }
    path.retain(|step| *step != Step::Key(String::new()));
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        #[allow(dead_code)]
        quantity: i64,
        #[allow(dead_code)]
        note: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    struct Body {
        #[allow(dead_code)]
        lines: Vec<Line>,
        #[allow(dead_code)]
        mode: Option<String>,
    }

    #[test]
    fn what_is_wrong_is_named_by_field() {
        for (text, field) in [
            (r#"{"lines":[{"quantity":1.5}]}"#, "lines[0].quantity"),
            (r#"{"lines":[{"quantity":"1"}]}"#, "lines[0].quantity"),
            (r#"{"lines":[{"quantity":1},{}]}"#, "lines[1].quantity"),
            (r#"{"lines":[{"quantity":1e400}]}"#, ""),
            (
                r#"{"lines":[{"quantity":null,"note":"a"}]}"#,
                "lines[0].quantity",
            ),
            (r#"{"lines":[{"quantity":1,"x":2}]}"#, "lines[0].x"),
            (r#"{"lines":[{"note":{},"quantity":1}]}"#, "lines[0].note"),
            (
                "{\n \"lines\": [\n  {\"quantity\": true}\n ]\n}",
                "lines[0].quantity",
            ),
            (r#"{"lines":7}"#, "lines"),
            (r#"{"mode":5,"lines":[]}"#, "mode"),
            (r#"{"mode":"a\",:{[","lines":7}"#, "lines"),
            ("{}", "lines"),
            ("7", "body"),
            ("\"x\"", "body"),
        ] {
            let problem = parse::<Body>(text.as_bytes()).unwrap_err();
            assert_eq!(problem.status, 400);
            if !field.is_empty() {
                assert_eq!(problem.field.as_deref(), Some(field), "{text}: {problem:?}");
            }
        }
        for text in ["{", "{\"lines\":[]} x", "\u{0}", "{\"lines\":[}"] {
            let problem = parse::<Body>(text.as_bytes()).unwrap_err();
            assert_eq!(problem.code, "malformed_json", "{text}");
        }
    }
}
