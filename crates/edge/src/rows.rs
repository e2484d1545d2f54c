//! Rows of a database, from the platform's objects to ours.
//!
//! They become one JSON text and are read as that. What the crates offer for this asks the
//! platform for every field of every row, and is a second reader of everything that JSON
//! is read into already, in every worker. Fractions of 17 digits may come out with the last
//! one changed; amounts and times are whole numbers.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use wasm_bindgen::prelude::*;
use worker::js_sys::{Array, JSON, JsString, Uint8Array};

/// A row that is left as the platform has it.
pub struct Raw(JsValue);

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        serde_wasm_bindgen::preserve::deserialize(from).map(Raw)
    }
}

pub fn read<T: DeserializeOwned>(rows: Vec<Raw>) -> worker::Result<Vec<T>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    Ok(serde_json::from_slice(&bytes_of(rows)?)?)
}

#[wasm_bindgen]
extern "C" {
    type TextEncoder;
    #[wasm_bindgen(constructor)]
    fn new() -> TextEncoder;
    #[wasm_bindgen(method)]
    fn encode(this: &TextEncoder, text: &JsString) -> Uint8Array;
}

thread_local! {
    static ENCODER: TextEncoder = TextEncoder::new();
}

/// As a text they would come over letter by letter.
fn bytes_of(rows: Vec<Raw>) -> worker::Result<Vec<u8>> {
    let rows: Array = rows.into_iter().map(|row| row.0).collect();
    let text = JSON::stringify(&rows)?;
    Ok(ENCODER.with(|encoder| encoder.encode(&text)).to_vec())
}
