//! Ids that know their owner.
//!
//! An order's id is a `UUIDv7` whose twelve bits after the version are the number
//! of the desk that owns it, so any worker finds the owner without a look-up and
//! the number of desks may change: old orders still name their old desk. The
//! order number (`ORD-2026-K7P3Q9`) carries the desk in its last two characters
//! and works wherever an id does.

use uuid::Uuid;

/// Desks there can ever be: what fits the last two characters of a number.
pub const DESKS_MAX: u16 = 1024;

/// A `UUIDv7` at `now_ms` that carries `desk`.
pub fn desk_uuid(now_ms: i64, desk: u16, random: [u8; 8]) -> String {
    let millis = u64::try_from(now_ms).unwrap_or_default().to_be_bytes();
    let [_, _, m0, m1, m2, m3, m4, m5] = millis;
    let [desk_high, desk_low] = (desk & 0x0fff).to_be_bytes();
    let [r0, r1, r2, r3, r4, r5, r6, r7] = random;
    let bytes = [
        m0,
        m1,
        m2,
        m3,
        m4,
        m5,
        0x70 | desk_high,
        desk_low,
        0x80 | (r0 & 0x3f),
        r1,
        r2,
        r3,
        r4,
        r5,
        r6,
        r7,
    ];
    Uuid::from_bytes(bytes).hyphenated().to_string()
}

/// The desk inside an id, or `None` when the text is not one of our ids.
pub fn desk_of_uuid(id: &str) -> Option<u16> {
    if id.len() != 36 {
        return None;
    }
    let uuid = Uuid::try_parse(id).ok()?;
    if uuid.get_version_num() != 7 {
        return None;
    }
    let [_, _, _, _, _, _, high, low, ..] = *uuid.as_bytes();
    Some(u16::from_be_bytes([high & 0x0f, low]))
}

/// How ids begin that were made at `ms`: those made earlier sort before it, all others behind.
pub fn uuid_start(ms: i64) -> String {
    let ms = ms.clamp(0, MS_MAX);
    format!("{:08x}-{:04x}", ms >> 16, ms & 0xffff)
}

/// The number that stands for an id where only whole numbers are kept in order: 42 bits of
/// milliseconds, the desk, and ten bits of chance.
pub fn uuid_place(id: &str) -> Option<i64> {
    desk_of_uuid(id)?;
    let [m0, m1, m2, m3, m4, m5, d0, d1, r0, r1, ..] = *Uuid::try_parse(id).ok()?.as_bytes();
    let ms = i64::from_be_bytes([0, 0, m0, m1, m2, m3, m4, m5]);
    let desk = i64::from(u16::from_be_bytes([d0, d1]) & 0x03ff);
    let chance = i64::from(u16::from_be_bytes([r0, r1]) >> 4 & 0x03ff);
    Some(place_of_ms(ms) | desk << 10 | chance)
}

/// The least such number of an id that was made at `ms`.
pub fn place_of_ms(ms: i64) -> i64 {
    ms.clamp(0, MS_MAX) << 20
}

/// The year 2248, so that the number stays below 2^63.
const MS_MAX: i64 = (1 << 43) - 1;

/// Which of `shards` a key belongs to (FNV-1a, stable for ever).
pub fn shard_of(key: &str, shards: u16) -> u16 {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = hash ^ (hash >> 32);
    u16::try_from(mixed.checked_rem(u64::from(shards.max(1))).unwrap_or(0)).unwrap_or(0)
}

/// Digits and letters without the four that are misread.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PREFIX: &str = "ORD-";

/// A number for an order of `desk`: `characters` of code, the last two the desk,
/// the others from `random`. The desk keeps its own numbers unique, and asks for
/// a longer code when the short ones run out.
pub fn order_number(year: i32, desk: u16, random: u64, characters: u32) -> String {
    let value = (random << 10) | u64::from(desk & 0x03ff);
    let mut code = String::new();
    for position in (0..characters.clamp(6, 12)).rev() {
        let digit = (value >> position.saturating_mul(5)) & 31;
        let index = usize::try_from(digit).unwrap_or_default();
        code.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'0')));
    }
    format!("{PREFIX}{year}-{code}")
}

/// The desk inside an order number.
pub fn desk_of_number(number: &str) -> Option<u16> {
    let (year, code) = number.strip_prefix(PREFIX)?.split_once('-')?;
    let year_is_plain = year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit());
    if !year_is_plain || !(6..=12).contains(&code.len()) {
        return None;
    }
    let mut value: u16 = 0;
    for byte in code.bytes() {
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        // Only the last two characters matter; older ones fall off at the top.
        value = (value << 5) & 0x03e0 | u16::try_from(digit).ok()?;
    }
    Some(value)
}

/// The desk of an order, named by id or by number.
pub fn desk_of(order: &str) -> Option<u16> {
    desk_of_uuid(order).or_else(|| desk_of_number(order))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_gives_its_desk_back(
            ms in 0..4_000_000_000_000_i64,
            desk in 0..DESKS_MAX,
            random: [u8; 8],
        ) {
            let id = desk_uuid(ms, desk, random);
            prop_assert_eq!(desk_of(&id), Some(desk));
        }

        #[test]
        fn places_and_starts_are_in_the_order_of_ids(
            one in (0..MS_MAX, 0..DESKS_MAX, any::<[u8; 8]>()),
            other in (0..MS_MAX, 0..DESKS_MAX, any::<[u8; 8]>()),
        ) {
            let id = |(ms, desk, random)| desk_uuid(ms, desk, random);
            let place = |id: &str| uuid_place(id).unwrap();
            let (low, high) = if id(one) <= id(other) { (one, other) } else { (other, one) };
            prop_assert!(place(&id(low)) <= place(&id(high)));
            prop_assert!(uuid_start(high.0) <= id(high) && place_of_ms(high.0) <= place(&id(high)));
            prop_assert!(low.0 == high.0 || id(low) < uuid_start(high.0));
            prop_assert!(low.0 == high.0 || place(&id(low)) < place_of_ms(high.0));
        }

        #[test]
        fn a_number_gives_its_desk_back(
            desk in 0..DESKS_MAX,
            random: u64,
            characters in 6..12_u32,
        ) {
            let number = order_number(2026, desk, random, characters);
            prop_assert_eq!(desk_of(&number), Some(desk));
        }

        #[test]
        fn any_text_is_harmless(text in ".{0,48}") {
            let _ = desk_of(&text);
            prop_assert!(shard_of(&text, 7) < 7);
        }
    }

    #[test]
    fn a_number_looks_as_promised() {
        let number = order_number(2026, 7, 12_345, 6);
        assert_eq!(number.len(), "ORD-2026-K7P3Q9".len());
    }

    #[test]
    fn customers_spread_over_desks() {
        let mut counts = [0_u32; 64];
        for n in 0..6400 {
            counts[usize::from(shard_of(&format!("customer-{n}"), 64))] += 1;
        }
        assert!(counts.iter().all(|count| (50..200).contains(count)));
    }
}
