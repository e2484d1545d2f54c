//! ARCHITECTURE.md draws the lifecycle as the code walks it.

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ARCHITECTURE.md");

#[test]
fn the_lifecycle_is_drawn_as_it_is() {
    let file = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        file.contains(&domain::lifecycle::document()),
        "ARCHITECTURE.md draws another lifecycle than the code has; run `npm run describe`"
    );
}
