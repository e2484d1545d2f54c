//! What a list of orders is asked for: read from a query, and refused by name of the field.

use std::collections::BTreeMap;

use contract::Problem;
use domain::ids::desk_of_uuid;
use domain::lifecycle::{Delivery, Fulfilment, Method, PaymentStatus, Status};
use domain::time;

/// The respects in which orders stand somehow: the field, which is the column too, and its words.
const FACETS: [(&str, &[&str]); 5] = [
    ("status", Status::NAMES),
    ("payment_status", PaymentStatus::NAMES),
    ("payment_method", Method::NAMES),
    ("fulfilment_status", Fulfilment::NAMES),
    ("delivery_status", Delivery::NAMES),
];

/// Whose orders: the field, and its column.
const OWNERS: [(&str, &str); 3] = [
    ("customer", "user_id"),
    ("driver", "driver_id"),
    ("vendor", "vendor_id"),
];

const OTHERS: [&str; 6] = ["from", "to", "text", "sort", "limit", "cursor"];
const OWNER_MAX: usize = 128;
const TEXT_LEAST: usize = 2;
const TEXT_MAX: usize = 100;
/// Words of a text, less one.
const WORDS_MAX: u32 = 9;
/// The last instant that is written with four digits of a year.
const LAST_MS: i64 = 253_402_300_799_999;
const NUMBERS: &str = "ord-";

#[derive(Debug, Default, PartialEq)]
pub struct Filters {
    /// Columns, each with the words of which it must have one, as a list in JSON.
    pub facets: Vec<(&'static str, String)>,
    /// Columns and the ids in them; where there are orders of several, the first has the fewest.
    pub owners: Vec<(&'static str, String)>,
    /// From this instant on, and before that one.
    pub from_ms: Option<i64>,
    pub to_ms: Option<i64>,
    pub text: Text,
    pub oldest_first: bool,
    pub cursor: Option<String>,
}

/// What is looked for in words.
#[derive(Debug, Default, PartialEq)]
pub struct Text {
    /// The beginnings of words that an order must all have, as the search wants them.
    pub wanted: String,
    /// The id of an order, given whole.
    pub order_id: Option<String>,
}

type Query = BTreeMap<String, String>;

impl Filters {
    pub fn read(query: &Query) -> Result<Self, Problem> {
        if let Some(unknown) = query.keys().find(|name| !is_known(name)) {
            return Err(Problem::field(unknown, "is nothing to filter by"));
        }
        let mut filters = Self::default();
        for (name, words) in FACETS {
            if let Some(text) = query.get(name) {
                filters.facets.push((name, some_of(name, words, text)?));
            }
        }
        for (field, column) in OWNERS {
            let Some(id) = query.get(field) else { continue };
            if id.is_empty() || id.chars().count() > OWNER_MAX || id.chars().any(char::is_control) {
                return Err(Problem::field(field, "is not an id"));
            }
            filters.owners.push((column, id.clone()));
        }
        filters.from_ms = instant(query, "from", |(first, _)| first)?;
        // A day that is named as the last one belongs to what is asked for.
        filters.to_ms = instant(query, "to", |(_, next)| next)?;
        let is_empty = |(from, to)| from >= to;
        if filters.from_ms.zip(filters.to_ms).is_some_and(is_empty) {
            return Err(Problem::field("to", "must be after from"));
        }
        if let Some(text) = query.get("text") {
            filters.read_text(text)?;
        }
        filters.oldest_first = match query.get("sort").map(String::as_str) {
            None | Some("newest") => false,
            Some("oldest") => true,
            Some(_) => return Err(Problem::field("sort", "must be newest or oldest")),
        };
        filters.cursor = match query.get("cursor") {
            None => None,
            Some(id) if is_id(id) => Some(id.clone()),
            Some(_) => return Err(Problem::field("cursor", "must be one that a page gave")),
        };
        Ok(filters)
    }

    fn read_text(&mut self, text: &str) -> Result<(), Problem> {
        // Letters beyond these are folded by the search itself.
        let text = text.trim().to_ascii_lowercase();
        let refused = |wrong| Err(Problem::field("text", wrong));
        let length = text.chars().count();
        if !(TEXT_LEAST..=TEXT_MAX).contains(&length) {
            return refused("must be 2 to 100 characters");
        }
        if text.chars().any(char::is_control) {
            return refused("must not contain control characters");
        }
        if is_id(&text) {
            self.text.order_id = Some(text);
            return Ok(());
        }
        let mut is_of_number = false;
        let mut left = WORDS_MAX;
        if text
            .chars()
            .all(|c| c.is_ascii_digit() || " +-()/.".contains(c))
        {
            // A phone number as the words have it.
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            self.want(digits.trim_start_matches('0'), &mut left);
        } else {
            for part in text.split_ascii_whitespace() {
                let number = number(part);
                is_of_number |= number.is_some();
                match number {
                    Some(Number::Year(year)) => self.within_year(year),
                    Some(Number::Start) => {}
                    None if !part.contains('@') => {
                        for word in part.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric())
                        {
                            self.want(word, &mut left);
                        }
                    }
                    Some(Number::Code) | None => self.want(part, &mut left),
                }
            }
        }
        if left == 0 {
            return refused("must be fewer words");
        }
        if self.text.wanted.is_empty() && !is_of_number {
            return refused("must have a letter or a digit in it");
        }
        Ok(())
    }

    /// The beginning of a word. In quotes nothing of it is of the search's language.
    fn want(&mut self, word: &str, left: &mut u32) {
        if word.is_empty() {
            return;
        }
        *left = left.saturating_sub(1);
        let wanted = &mut self.text.wanted;
        wanted.push_str(if wanted.is_empty() { "\"" } else { " AND \"" });
        for c in word.chars() {
            wanted.push_str(if c == '"' { "\"" } else { "" });
            wanted.push(c);
        }
        wanted.push_str("\"*");
    }

    /// Numbers of a year are those of its orders.
    fn within_year(&mut self, year: &str) {
        let first = time::day(&format!("{year}-01-01"));
        let last = time::day(&format!("{year}-12-31"));
        if let Some(((first, _), (_, next))) = first.zip(last) {
            self.from_ms = Some(self.from_ms.map_or(first, |from| from.max(first)));
            self.to_ms = Some(self.to_ms.map_or(next, |to| to.min(next)));
        }
    }
}

fn is_known(name: &str) -> bool {
    FACETS.iter().any(|(field, _)| *field == name)
        || OWNERS.iter().any(|(field, _)| *field == name)
        || OTHERS.contains(&name)
}

/// Whether it is an order's id as we write them.
fn is_id(text: &str) -> bool {
    desk_of_uuid(text).is_some() && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// The words of a list as JSON, each of which must be among those that there are.
fn some_of(field: &str, known: &[&str], text: &str) -> Result<String, Problem> {
    let mut list = String::from("[");
    for word in text.split(',') {
        let word = word.trim();
        if !known.contains(&word) {
            let wrong = format!("must be of {}, with commas between", known.join(", "));
            return Err(Problem::field(field, &wrong));
        }
        list.push_str(if list.len() > 1 { ",\"" } else { "\"" });
        list.push_str(word);
        list.push('"');
    }
    list.push(']');
    Ok(list)
}

fn instant(
    query: &Query,
    field: &str,
    of_day: fn((i64, i64)) -> i64,
) -> Result<Option<i64>, Problem> {
    let Some(text) = query.get(field) else {
        return Ok(None);
    };
    let ms = time::day(text).map(of_day);
    // A plus that nobody escaped arrives as a blank.
    let ms = ms.or_else(|| time::from_rfc3339(&text.replace(' ', "+")));
    match ms {
        Some(ms) => Ok(Some(ms.clamp(0, LAST_MS))),
        None => Err(Problem::field(
            field,
            "must be a date such as 2026-11-20 or a time such as 2026-11-20T13:05:00Z",
        )),
    }
}

/// How much of an order's number is given.
enum Number<'a> {
    /// Less than the year.
    Start,
    Year(&'a str),
    /// Something of what tells it from others.
    Code,
}

fn number(part: &str) -> Option<Number<'_>> {
    let rest = part.strip_prefix(NUMBERS)?;
    let (year, code) = rest.split_once('-').unwrap_or((rest, ""));
    Some(match (year.len(), code) {
        (4, "") => Number::Year(year),
        (_, "") => Number::Start,
        _ => Number::Code,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&str, &str)]) -> Result<Filters, Problem> {
        let pairs = query.iter();
        Filters::read(
            &pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    fn words_of(text: &str) -> Vec<String> {
        let wanted = read(&[("text", text)]).unwrap().text.wanted;
        let words = wanted.split(" AND ").filter(|word| !word.is_empty());
        words
            .map(|word| {
                word.strip_prefix('"')
                    .unwrap()
                    .strip_suffix("\"*")
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn texts_become_the_words_that_are_stored() {
        assert_eq!(
            words_of("  Anne-Marie O'Hara"),
            ["anne", "marie", "o", "hara"]
        );
        assert_eq!(words_of("+49 (30) 123-45"), ["493012345"]);
        assert_eq!(words_of("0049 30"), ["4930"]);
        assert_eq!(words_of("Ada.B@example.com"), ["ada.b@example.com"]);
        assert_eq!(words_of("ORD-2026-K7 ada"), ["ord-2026-k7", "ada"]);
        assert_eq!(words_of("\"* OR x"), ["or", "x"]);
        assert_eq!(words_of("a\"b@x"), ["a\"\"b@x"]);
        assert_eq!(words_of("a b c d e f g h").len(), 8);
        assert!(words_of("ORD-20").is_empty());
        let of_year = read(&[("text", "ORD-2026-"), ("to", "2026-02-01")]).unwrap();
        assert_eq!(of_year.from_ms, time::from_rfc3339("2026-01-01T00:00:00Z"));
        assert_eq!(of_year.to_ms, time::from_rfc3339("2026-02-02T00:00:00Z"));
        let id = "01920000-0000-7001-8000-000000000000";
        let by_id = read(&[("text", id)]).unwrap();
        assert_eq!(by_id.text.order_id.as_deref(), Some(id));
    }

    #[test]
    fn what_is_wrong_is_named_by_field() {
        for (field, value) in [
            ("status", "payd"),
            ("status", ""),
            ("status", "paid,,pending"),
            ("payment_status", "none"),
            ("payment_method", "cash"),
            ("fulfilment_status", "paid"),
            ("delivery_status", "x"),
            ("vendor", ""),
            ("driver", "a\u{0}"),
            ("from", "yesterday"),
            ("to", "2026-13-01"),
            ("text", "a"),
            ("text", "--"),
            ("text", "00 00"),
            ("text", "a\u{0}b"),
            ("text", "a b c d e f g h i"),
            ("sort", "total"),
            ("cursor", "01920000"),
            ("cursor", "~"),
            ("colour", "red"),
        ] {
            let problem = read(&[(field, value)]).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some(field), "{value}");
        }
        let backwards = read(&[("from", "2026-11-21"), ("to", "2026-11-20")]).unwrap_err();
        assert_eq!(backwards.field.as_deref(), Some("to"));
        assert!(read(&[("from", "2026-11-20"), ("to", "2026-11-20")]).is_ok());
    }
}
