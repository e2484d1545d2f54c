//! A mail to a customer: what an event says, as a letter in plain text and in HTML.
//!
//! The words are in `texts`. Names, notes and addresses come from anybody: what could begin
//! another header or another element is made harmless here, and an address that is not
//! plainly one is refused. A letter loads nothing from anywhere. How it travels (parts,
//! encodings) is made by the platform.

use serde::{Deserialize, Serialize};

use super::kinds::Occasion;
use super::texts::{self, Language};

/// What is known of an order and of whom to write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailFacts {
    pub to: String,
    pub name: String,
    pub order_number: String,
    pub total_minor: i64,
    pub currency: String,
    /// Such as `de-AT`; English where it is left out or not spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// A sentence more, such as why an order was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
}

const NAME_MAX: usize = 100;
const NUMBER_MAX: usize = 40;
const NOTE_MAX: usize = 500;
const ADDRESS_MAX: usize = 254;

/// The letter of an occasion, or none where the address is not one that mail can go to.
pub fn letter(occasion: Occasion, shop: &str, facts: &EmailFacts) -> Option<Letter> {
    let to = address(&facts.to)?;
    let language = Language::of(facts.language.as_deref());
    let (words, frame) = (texts::words(occasion, language), texts::frame(language));
    let number = clean(&facts.order_number, NUMBER_MAX);
    let name = clean(&facts.name, NAME_MAX);
    let shop = clean(shop, NAME_MAX);
    let hello = if name.is_empty() {
        frame.hello_nobody.to_owned()
    } else {
        format!("{} {name},", frame.hello)
    };
    let total = amount(facts.total_minor, &clean(&facts.currency, 3));
    let mut lines = vec![hello, words.body.replace("{}", &number)];
    let note = facts.note.as_deref().map(|note| clean(note, NOTE_MAX));
    lines.extend(note.filter(|note| !note.is_empty()));
    lines.push(format!(
        "{}: {number}\n{}: {total}",
        frame.order, frame.total
    ));
    let track = facts.tracking_url.as_deref().and_then(link);
    let mut html: Vec<String> = lines.iter().map(|line| paragraph(line)).collect();
    if let Some(url) = track {
        lines.push(format!("{}: {url}", frame.track));
        let (url, words) = (escaped(url), frame.track);
        html.push(format!("<p><a href=\"{url}\">{words}</a></p>\n"));
    }
    lines.push(shop.clone());
    html.push(paragraph(&shop));
    let html = html.concat();
    let tag = language.tag();
    Some(Letter {
        to: to.to_owned(),
        subject: words.subject.replace("{}", &number),
        text: format!("{}\n", lines.join("\n\n")),
        html: format!(
            "<!doctype html>\n<html lang=\"{tag}\"><head><meta charset=\"utf-8\"></head><body>\n{html}</body></html>\n"
        ),
    })
}

fn paragraph(text: &str) -> String {
    let text = escaped(text).replace('\n', "<br>\n");
    format!("<p>{text}</p>\n")
}

/// An address that mail can go to: one of plain letters, at a host with a name.
pub fn address(text: &str) -> Option<&str> {
    let text = text.trim();
    let (local, host) = text.split_once('@')?;
    let is_local = |byte: u8| {
        byte.is_ascii_graphic()
            && !matches!(
                byte,
                b'@' | b'<' | b'>' | b'(' | b')' | b'[' | b']' | b',' | b';' | b':' | b'\\' | b'"'
            )
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let dots_well = |part: &str| part.split('.').all(|label| !label.is_empty());
    let good = text.len() <= ADDRESS_MAX
        && local.len() <= 64
        && local.bytes().all(is_local)
        && host.bytes().all(is_host)
        && host.contains('.')
        && dots_well(local)
        && dots_well(host);
    good.then_some(text)
}

/// On one line, without what is not to be seen, and not longer than that many letters.
pub fn clean(text: &str, most: usize) -> String {
    let is_hidden = |letter: char| {
        letter.is_control()
            || letter.is_whitespace()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut line = String::new();
    for word in text.split(is_hidden).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line.chars()
        .take(most)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

/// An address on the web that a letter may lead to.
fn link(url: &str) -> Option<&str> {
    let is_plain =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\');
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    (is_web && url.len() <= 2_000 && url.bytes().all(is_plain)).then_some(url)
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// `4999` in EUR is `49.99 EUR`. Most currencies have two decimals.
pub fn amount(minor: i64, currency: &str) -> String {
    let decimals: usize = match currency {
        "JPY" | "KRW" | "VND" | "CLP" | "ISK" | "UGX" | "XAF" | "XOF" | "PYG" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    };
    let sign = if minor < 0 { "-" } else { "" };
    let digits = minor.unsigned_abs().to_string();
    let width = decimals.saturating_add(1);
    let digits = format!("{digits:0>width$}");
    let (whole, part) = digits
        .split_at_checked(digits.len().saturating_sub(decimals))
        .unwrap_or((&digits, ""));
    let point = if decimals == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{part} {currency}")
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn facts() -> EmailFacts {
        EmailFacts {
            to: "ada@shop.example".into(),
            name: "Ada Byron".into(),
            order_number: "ORD-2026-K7P3Q9".into(),
            total_minor: 4_999,
            currency: "EUR".into(),
            language: None,
            note: None,
            tracking_url: None,
        }
    }

    #[test]
    fn a_letter_says_what_happened_to_which_order() {
        for occasion in Occasion::ALL {
            for language in ["en", "de-AT", "xx"] {
                let facts = EmailFacts {
                    language: Some(language.into()),
                    ..facts()
                };
                let letter = letter(occasion, "The Shop", &facts).unwrap();
                assert!(letter.subject.contains("ORD-2026-K7P3Q9"));
                for body in [&letter.text, &letter.html] {
                    assert!(!body.contains("{}") && body.contains("Ada Byron"));
                    assert!(body.contains("49.99 EUR") && body.contains("The Shop"));
                }
                assert!(!letter.html.contains("src=") && !letter.html.contains("http"));
                assert_eq!(letter.html.contains("lang=\"de\""), language == "de-AT");
            }
        }
    }

    #[test]
    fn notes_and_ways_to_follow_are_there_where_they_are_known() {
        let facts = EmailFacts {
            note: Some("Out of\nstock".into()),
            tracking_url: Some("https://track.example/x?a=1&b=2".into()),
            ..facts()
        };
        let letter = letter(Occasion::Cancelled, "S", &facts).unwrap();
        assert!(letter.text.contains("\n\nOut of stock\n\n"));
        assert!(letter.text.contains("https://track.example/x?a=1&b=2"));
        assert!(
            letter
                .html
                .contains("href=\"https://track.example/x?a=1&amp;b=2\"")
        );
        for bad in [
            "javascript:alert(1)",
            "https://a b",
            "https://x\"onload=",
            "",
            "HTTPS://x\n",
        ] {
            let facts = EmailFacts {
                tracking_url: Some(bad.into()),
                ..facts.clone()
            };
            let letter = super::letter(Occasion::Cancelled, "S", &facts).unwrap();
            assert!(!letter.html.contains("href"), "{bad}");
        }
    }

    #[test]
    fn names_cannot_write_headers_or_elements() {
        let facts = EmailFacts {
            name: "Eve\r\nBcc: all@shop.example\u{2028}<img src=x>".into(),
            order_number: "ORD\r\nSubject: x".into(),
            note: Some("</p><script>".into()),
            ..facts()
        };
        let letter = letter(Occasion::Confirmed, "S", &facts).unwrap();
        assert_eq!(letter.subject, "Your order ORD Subject: x is confirmed");
        assert!(
            letter
                .text
                .starts_with("Hello Eve Bcc: all@shop.example <img src=x>,\n")
        );
        assert!(!letter.html.contains("<img") && !letter.html.contains("<script"));
        assert!(letter.html.contains("&lt;img src=x&gt;"));
    }

    #[test]
    fn an_address_is_plainly_one_or_refused() {
        for good in [
            "a@b.example",
            " ada+x'y@mail.shop.example ",
            "A.B@xn--bcher-kva.example",
        ] {
            assert_eq!(address(good), Some(good.trim()));
        }
        for bad in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b",
            "a@b..example",
            "a@.example",
            "a.@b.example",
            "a@b@c.example",
            "a b@c.example",
            "a@b.example\nBcc: c@d.example",
            "a@b.example,c@d.example",
            "<a@b.example>",
            "\"a\"@b.example",
            "ä@b.example",
            "a@[127.0.0.1]",
            &format!("{}@b.example", "x".repeat(65)),
        ] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }

    #[test]
    fn amounts_read_as_prices_do() {
        let shown = [
            (4_999, "EUR"),
            (5, "EUR"),
            (-120, "USD"),
            (500, "JPY"),
            (1_234, "KWD"),
            (0, "EUR"),
        ]
        .map(|(minor, currency)| amount(minor, currency));
        assert_eq!(
            shown,
            [
                "49.99 EUR",
                "0.05 EUR",
                "-1.20 USD",
                "500 JPY",
                "1.234 KWD",
                "0.00 EUR"
            ]
        );
        assert_eq!(amount(i64::MIN, "EUR"), "-92233720368547758.08 EUR");
    }

    proptest! {
        #[test]
        fn nothing_that_anybody_writes_gets_out_of_its_place(name in ".{0,200}", number in ".{0,80}", note in ".{0,600}", url in ".{0,80}", currency in ".{0,5}") {
            let facts = EmailFacts { name, order_number: number, note: Some(note), tracking_url: Some(url), currency, ..facts() };
            let letter = letter(Occasion::Delivered, "S", &facts).unwrap();
            prop_assert!(!letter.subject.chars().any(char::is_control));
            prop_assert!(letter.subject.chars().count() < 80);
            let elements: Vec<&str> = letter.html.split('<').skip(1).filter_map(|rest| rest.split(['>', ' ']).next()).collect();
            let known = ["!doctype", "html", "head", "meta", "body", "p", "br", "a", "/a", "/p", "/head", "/body", "/html"];
            prop_assert!(elements.iter().all(|element| known.contains(element)), "{:?}", elements);
        }

        #[test]
        fn what_is_cleaned_is_one_line(text in any::<String>(), most in 0..50_usize) {
            let line = clean(&text, most);
            prop_assert!(line.chars().count() <= most && !line.chars().any(char::is_control));
            prop_assert_eq!(clean(&line, most), line);
        }
    }
}
