//! Takes the blanks out of `openapi.json`, so that the gateway carries half of it, and nothing
//! has to be done when it starts.

use std::path::Path;
use std::{env, fs};

fn main() {
    // Asked for when this runs: what was built may have been moved.
    let folder = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let file = Path::new(&folder).join("../../openapi.json");
    println!("cargo:rerun-if-changed={}", file.display());
    let text = fs::read_to_string(&file).unwrap_or_else(|error| {
        println!("cargo:error=openapi.json cannot be read ({error}); run `npm run describe`");
        String::new()
    });
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    if let Err(error) = fs::write(Path::new(&out).join("openapi.json"), without_blanks(&text)) {
        println!("cargo:error=openapi.json cannot be written ({error})");
    }
}

/// JSON without what is blank between its parts.
fn without_blanks(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let is_kept = |letter: &char| {
        let kept = in_string || !letter.is_ascii_whitespace();
        match letter {
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && *letter == '\\' && !escaped;
        kept
    };
    text.chars().filter(is_kept).collect()
}
