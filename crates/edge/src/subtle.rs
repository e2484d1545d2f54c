//! The cryptography of the platform (WebCrypto), as far as it is needed: agreeing on a
//! secret and signing on the curve P-256, sealing with AES-GCM, and checking keyed hashes.
//!
//! The platform does it natively, and keys need not be seen here. Crates for it exist, but
//! the curve and the cipher alone make a worker 24 KB larger, gzipped. Nothing here can be
//! tried outside a worker, so whatever can be reckoned without a key is elsewhere.

use worker::js_sys::{Array, ArrayBuffer, Object, Promise, Reflect, Uint8Array, global};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{Crypto, CryptoKey, SubtleCrypto};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A point of the curve, uncompressed: 4, then its two coordinates of 32 bytes.
pub const POINT_BYTES: usize = 65;

type Result<T> = std::result::Result<T, worker::Error>;

fn subtle() -> Result<SubtleCrypto> {
    let crypto: Crypto = Reflect::get(&global(), &"crypto".into())?.unchecked_into();
    Ok(crypto.subtle())
}

fn object(fields: &[(&str, JsValue)]) -> Result<Object> {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &JsValue::from_str(name), value)?;
    }
    Ok(object)
}

fn on_curve(algorithm: &str) -> Result<Object> {
    object(&[("name", algorithm.into()), ("namedCurve", "P-256".into())])
}

fn uses(names: &[&str]) -> JsValue {
    names
        .iter()
        .map(|name| JsValue::from_str(name))
        .collect::<Array>()
        .into()
}

async fn done(promise: Promise) -> Result<JsValue> {
    Ok(JsFuture::from(promise).await?)
}

async fn bytes(promise: Promise) -> Result<Vec<u8>> {
    let buffer: ArrayBuffer = done(promise).await?.unchecked_into();
    Ok(Uint8Array::new(&buffer).to_vec())
}

/// Bytes that nobody can guess.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| worker::Error::RustError(error.to_string()))?;
    Ok(bytes)
}

async fn point_key(point: &[u8]) -> Result<JsValue> {
    let (raw, curve, no_uses) = (Uint8Array::from(point), on_curve("ECDH")?, uses(&[]));
    done(subtle()?.import_key_with_object("raw", &raw, &curve, false, &no_uses)?).await
}

/// Whether these bytes are a point of the curve.
pub async fn is_point(point: &[u8]) -> bool {
    point.len() == POINT_BYTES && point_key(point).await.is_ok()
}

/// What this side makes for one secret with another.
pub struct Pair {
    private: CryptoKey,
    pub public: Vec<u8>,
}

impl Pair {
    pub async fn new() -> Result<Self> {
        let usages = uses(&["deriveBits"]);
        let made = subtle()?.generate_key_with_object(&on_curve("ECDH")?, false, &usages)?;
        let pair = done(made).await?;
        let public: CryptoKey = Reflect::get(&pair, &"publicKey".into())?.unchecked_into();
        Ok(Self {
            private: Reflect::get(&pair, &"privateKey".into())?.unchecked_into(),
            public: bytes(subtle()?.export_key("raw", &public)?).await?,
        })
    }

    /// The secret that the owner of that point comes to as well. An error where it is
    /// no point of the curve.
    pub async fn secret_with(&self, point: &[u8]) -> Result<Vec<u8>> {
        let theirs = point_key(point).await?;
        let with = object(&[("name", "ECDH".into()), ("public", theirs)])?;
        bytes(subtle()?.derive_bits_with_object(&with, &self.private, 256)?).await
    }
}

/// Seals a text with a key of 16 bytes. No nonce may serve twice under a key.
pub async fn seal(key: &[u8], nonce: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let (raw, usages) = (Uint8Array::from(key), uses(&["encrypt"]));
    let key = subtle()?.import_key_with_str("raw", &raw, "AES-GCM", false, &usages)?;
    let key: CryptoKey = done(key).await?.unchecked_into();
    let how = object(&[
        ("name", "AES-GCM".into()),
        ("iv", Uint8Array::from(nonce).into()),
    ])?;
    let plain = Uint8Array::from(plain);
    bytes(subtle()?.encrypt_with_object_and_js_u8_array(&how, &key, &plain)?).await
}

/// Whether these bytes are the hash (HMAC with SHA-256) of a text with a key.
pub async fn is_hash(key: &[u8], hash: &[u8], text: &[u8]) -> Result<bool> {
    let how = object(&[("name", "HMAC".into()), ("hash", "SHA-256".into())])?;
    let (raw, usages) = (Uint8Array::from(key), uses(&["verify"]));
    let key = subtle()?.import_key_with_object("raw", &raw, &how, false, &usages)?;
    let key: CryptoKey = done(key).await?.unchecked_into();
    let (hash, text) = (Uint8Array::from(hash), Uint8Array::from(text));
    let checked = subtle()?
        .verify_with_str_and_buffer_source_and_buffer_source("HMAC", &key, &hash, &text)?;
    Ok(done(checked).await?.is_truthy())
}

/// A key that signs (ES256).
pub struct Signer(CryptoKey);

impl Signer {
    /// From the coordinates of its point and its private number, 32 bytes each.
    pub async fn new(x: &[u8], y: &[u8], private: &[u8]) -> Result<Self> {
        let text = |bytes: &[u8]| JsValue::from_str(&URL_SAFE_NO_PAD.encode(bytes));
        let key = object(&[
            ("kty", "EC".into()),
            ("crv", "P-256".into()),
            ("x", text(x)),
            ("y", text(y)),
            ("d", text(private)),
        ])?;
        let (curve, usages) = (on_curve("ECDSA")?, uses(&["sign"]));
        let key = subtle()?.import_key_with_object("jwk", &key, &curve, false, &usages)?;
        Ok(Self(done(key).await?.unchecked_into()))
    }

    pub async fn sign(&self, text: &[u8]) -> Result<Vec<u8>> {
        let how = object(&[("name", "ECDSA".into()), ("hash", "SHA-256".into())])?;
        let text = Uint8Array::from(text);
        bytes(subtle()?.sign_with_object_and_js_u8_array(&how, &self.0, &text)?).await
    }
}
