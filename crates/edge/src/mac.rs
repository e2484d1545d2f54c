//! Keyed hashes (HMAC with SHA-256), and comparing what nobody may find out by trying: the
//! time that it takes does not tell where two values differ.
//!
//! Signatures are checked by the platform, which keeps the hash out of workers that have
//! no other use for it.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::subtle;

/// The hash of these parts, one behind the other.
pub fn hash(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // Keys of any length are good, so there always is one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Whether two words are the same. Only their length can be found out.
pub fn is_same(a: &str, b: &str) -> bool {
    let different = a
        .bytes()
        .zip(b.bytes())
        .fold(0, |all, (x, y)| all | (x ^ y));
    a.len() == b.len() && std::hint::black_box(different) == 0
}

/// Whether `signature`, written `sha256=<hex>`, is the hash of this very body. An empty
/// key signs nothing, and what the platform cannot check is not signed.
pub async fn is_signed(key: &str, signature: &str, body: &[u8]) -> bool {
    let claimed = signature.strip_prefix("sha256=").and_then(from_hex);
    let Some(claimed) = claimed.filter(|_| !key.is_empty()) else {
        return false;
    };
    let checked = subtle::is_hash(key.as_bytes(), &claimed, body).await;
    checked.unwrap_or(false)
}

/// Whether these digits are the hash of these parts, one behind the other.
pub fn is_hex(key: &[u8], parts: &[&[u8]], digits: &str) -> bool {
    let Some(claimed) = from_hex(digits) else {
        return false;
    };
    let expected = hash(key, parts);
    let pairs = claimed.iter().zip(&expected);
    let different = pairs.fold(0, |all, (x, y)| all | (x ^ y));
    claimed.len() == expected.len() && std::hint::black_box(different) == 0
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .bytes()
        .map(|digit| char::from(digit).to_digit(16))
        .map(|value| u8::try_from(value?).ok())
        .collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    let pairs = digits.chunks_exact(2);
    Some(
        pairs
            .map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_one_of_the_standard() {
        // From RFC 4231, the second case.
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let parts: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
        assert_eq!(Some(hash(b"Jefe", &parts).to_vec()), from_hex(hex));
        assert_eq!(from_hex(&hex.to_uppercase()), from_hex(hex));
    }

    #[test]
    fn a_hash_in_hex_is_of_full_length_and_plain() {
        for bad in [
            "",
            &"0".repeat(63),
            &"0".repeat(66),
            &"g".repeat(64),
            &"ä".repeat(32),
        ] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
        assert_eq!(from_hex(&"0f".repeat(32)), Some(vec![15; 32]));
    }

    #[test]
    fn words_are_the_same_when_all_of_them_is() {
        assert!(is_same("word", "word") && is_same("", ""));
        for other in ["", "wor", "words", "Word", "worD", "ward"] {
            assert!(!is_same("word", other) && !is_same(other, "word"));
        }
    }
}
