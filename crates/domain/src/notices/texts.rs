//! What customers read, in every language that there is: here and nowhere else.

use super::kinds::Occasion;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    German,
}

impl Language {
    /// From a tag such as `de-AT`. What is not known is English.
    pub fn of(tag: Option<&str>) -> Self {
        let first = tag.and_then(|tag| tag.split(['-', '_']).next());
        match first {
            Some(german) if german.eq_ignore_ascii_case("de") => Self::German,
            _ => Self::English,
        }
    }

    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }
}

/// The words of one mail. `{}` stands for the order's number.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    pub subject: &'static str,
    pub body: &'static str,
}

/// Words around them.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    pub hello: &'static str,
    pub hello_nobody: &'static str,
    pub order: &'static str,
    pub total: &'static str,
    pub track: &'static str,
}

pub fn frame(language: Language) -> Frame {
    match language {
        Language::English => Frame {
            hello: "Hello",
            hello_nobody: "Hello,",
            order: "Order",
            total: "Total",
            track: "Follow it here",
        },
        Language::German => Frame {
            hello: "Guten Tag",
            hello_nobody: "Guten Tag,",
            order: "Bestellung",
            total: "Summe",
            track: "Hier verfolgen",
        },
    }
}

pub fn words(occasion: Occasion, language: Language) -> Words {
    let (subject, body) = match (language, occasion) {
        (Language::English, Occasion::Confirmed) => (
            "Your order {} is confirmed",
            "thank you. We have your order {}.",
        ),
        (Language::English, Occasion::Assigned) => (
            "Your order {} is being prepared",
            "somebody has taken on your order {} and prepares it.",
        ),
        (Language::English, Occasion::OutForDelivery) => (
            "Your order {} is on its way",
            "your order {} has left and is on its way to you.",
        ),
        (Language::English, Occasion::Delivered) => (
            "Your order {} was delivered",
            "your order {} was delivered. We hope that all is well with it.",
        ),
        (Language::English, Occasion::Cancelled) => (
            "Your order {} was cancelled",
            "your order {} was cancelled. Nothing more will happen for it.",
        ),
        (Language::English, Occasion::Refunded) => (
            "Your order {} was refunded",
            "what you paid for your order {} is on its way back to you.",
        ),
        (Language::German, Occasion::Confirmed) => (
            "Ihre Bestellung {} ist bestätigt",
            "vielen Dank. Ihre Bestellung {} ist bei uns eingegangen.",
        ),
        (Language::German, Occasion::Assigned) => (
            "Ihre Bestellung {} wird vorbereitet",
            "Ihre Bestellung {} wurde angenommen und wird vorbereitet.",
        ),
        (Language::German, Occasion::OutForDelivery) => (
            "Ihre Bestellung {} ist unterwegs",
            "Ihre Bestellung {} ist auf dem Weg zu Ihnen.",
        ),
        (Language::German, Occasion::Delivered) => (
            "Ihre Bestellung {} wurde zugestellt",
            "Ihre Bestellung {} wurde zugestellt. Wir hoffen, dass alles in Ordnung ist.",
        ),
        (Language::German, Occasion::Cancelled) => (
            "Ihre Bestellung {} wurde storniert",
            "Ihre Bestellung {} wurde storniert. Es geschieht nichts weiter.",
        ),
        (Language::German, Occasion::Refunded) => (
            "Ihre Bestellung {} wurde erstattet",
            "Ihre Zahlung für die Bestellung {} ist auf dem Weg zurück zu Ihnen.",
        ),
    };
    Words { subject, body }
}
