//! The story of one schedule, for a reader who wants to know why.

/// Shortens what is said most often and least worth reading in full.
pub fn terse(line: &str) -> String {
    const PLACE: &str = "Place { warehouse_id: \"";
    const SKU: &str = "\", sku: \"";
    const END: &str = "\" }";
    let mut short = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(PLACE) {
        short.push_str(before);
        let Some(((warehouse, sku), after)) = after
            .split_once(END)
            .and_then(|(names, after)| Some((names.split_once(SKU)?, after)))
        else {
            rest = after;
            break;
        };
        short.push_str(warehouse);
        short.push('/');
        short.push_str(sku);
        rest = after;
    }
    short.push_str(rest);
    short
        .replace(", expected_stock: None", "")
        .replace("Wanted { sku: ", "{ ")
        .replace("place: ", "")
        .replace(['"'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_named_shortly() {
        let line = r#"[Row { place: Place { warehouse_id: "w1", sku: "A" }, n: 1 }, Place { x"#;
        assert_eq!(terse(line), "[Row { w1/A, n: 1 }, Place { x");
    }
}
