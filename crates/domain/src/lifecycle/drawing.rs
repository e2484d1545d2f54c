//! The lifecycle as people look at it, made of the very table that the code walks.

use super::{EDGES, Status, When};

/// A diagram of every state and edge, in the language that documents are drawn in.
pub fn drawing() -> String {
    let mut lines = vec![
        "stateDiagram-v2".to_owned(),
        "    [*] --> pending".to_owned(),
    ];
    for edge in EDGES {
        let by: Vec<&str> = edge.by.iter().map(|by| by.name()).collect();
        let later = match edge.when {
            When::Always => "",
            When::PaidLater => " (cod, credit)",
        };
        lines.push(format!(
            "    {} --> {}: {}{later}",
            edge.from.name(),
            edge.to.name(),
            by.join(", "),
        ));
    }
    for status in Status::ALL {
        if !EDGES.iter().any(|edge| edge.from == *status) {
            lines.push(format!("    {} --> [*]", status.name()));
        }
    }
    lines.join("\n")
}

/// The same by state, for those who read rather than look.
pub fn table() -> String {
    let mut lines = vec!["| From | To | Who |".to_owned(), "|---|---|---|".to_owned()];
    for edge in EDGES {
        let by: Vec<&str> = edge.by.iter().map(|by| by.name()).collect();
        let later = match edge.when {
            When::Always => "",
            When::PaidLater => ", where it is paid later",
        };
        lines.push(format!(
            "| `{}` | `{}` | {}{later} |",
            edge.from.name(),
            edge.to.name(),
            by.join(", "),
        ));
    }
    lines.join("\n")
}

/// Both, as they stand in the document of the architecture.
pub fn document() -> String {
    format!("```mermaid\n{}\n```\n\n{}\n", drawing(), table())
}
