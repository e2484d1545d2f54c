//! How far somebody has heard: a number for each stream.
//!
//! Clients carry their position as a text that means nothing to them. What they
//! send back is believed as far as it goes: it picks what is sent to them again of
//! rooms that they are in anyway.

use std::fmt::Write;

/// A number within a life of a stream. A stream that lost its data begins another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub epoch: u32,
    pub seq: u64,
}

/// More streams than that there are not.
pub const STREAMS_MAX: usize = 64;
const TEXT_MAX: usize = STREAMS_MAX * 24;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    marks: Vec<Option<Mark>>,
}

impl Position {
    pub fn new(streams: usize) -> Self {
        Self {
            marks: vec![None; streams.min(STREAMS_MAX)],
        }
    }

    pub fn streams(&self) -> usize {
        self.marks.len()
    }

    pub fn get(&self, stream: usize) -> Option<Mark> {
        self.marks.get(stream).copied().flatten()
    }

    pub fn set(&mut self, stream: usize, mark: Mark) {
        if let Some(slot) = self.marks.get_mut(stream) {
            *slot = Some(mark);
        }
    }

    /// Every stream is known.
    pub fn is_whole(&self) -> bool {
        self.marks.iter().all(Option::is_some)
    }

    /// The numbers of both, the greater where both have one of the same epoch, and
    /// this one's where epochs differ.
    #[must_use]
    pub fn or_later(&self, other: &Self) -> Self {
        let marks = (0..self.streams().max(other.streams())).map(|stream| {
            match (self.get(stream), other.get(stream)) {
                (Some(a), Some(b)) if a.epoch == b.epoch && b.seq > a.seq => Some(b),
                (Some(a), _) => Some(a),
                (None, b) => b,
            }
        });
        Self {
            marks: marks.collect(),
        }
    }

    /// `other` has nothing that this one has not.
    pub fn covers(&self, other: &Self) -> bool {
        (0..other.streams()).all(|stream| match (self.get(stream), other.get(stream)) {
            (Some(a), Some(b)) => a.epoch == b.epoch && a.seq >= b.seq,
            (None, Some(_)) => false,
            (_, None) => true,
        })
    }

    /// `epoch-seq` for each stream, in base 36, with dots between.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.marks.len().saturating_mul(16));
        for (index, mark) in self.marks.iter().enumerate() {
            if index > 0 {
                text.push('.');
            }
            if let Some(mark) = mark {
                let _ = write!(
                    text,
                    "{}-{}",
                    base36(u64::from(mark.epoch)),
                    base36(mark.seq)
                );
            }
        }
        text
    }

    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let marks = text.split('.').map(|mark| {
            if mark.is_empty() {
                return Some(None);
            }
            let (epoch, seq) = mark.split_once('-')?;
            let epoch = u32::from_str_radix(epoch, 36).ok()?;
            let seq = u64::from_str_radix(seq, 36).ok()?;
            Some(Some(Mark { epoch, seq }))
        });
        let marks: Option<Vec<_>> = marks.collect();
        marks
            .filter(|marks| marks.len() <= STREAMS_MAX)
            .map(|marks| Self { marks })
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).unwrap_or_default();
        digits.extend(char::from_digit(digit, 36));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn position() -> impl Strategy<Value = Position> {
        let mark = (any::<u32>(), any::<u64>()).prop_map(|(epoch, seq)| Mark { epoch, seq });
        prop::collection::vec(prop::option::of(mark), 1..6).prop_map(|marks| Position { marks })
    }

    proptest! {
        #[test]
        fn the_text_comes_back(position in position()) {
            prop_assert_eq!(Position::parse(&position.text()), Some(position));
        }

        #[test]
        fn any_text_is_a_position_or_none(text in ".{0,60}") {
            let _ = Position::parse(&text);
        }

        #[test]
        fn the_later_of_two_covers_the_first(a in position(), b in position()) {
            prop_assert!(a.or_later(&b).covers(&a));
        }
    }

    #[test]
    fn a_position_of_another_life_covers_nothing() {
        let at = |epoch, seq| Position {
            marks: vec![Some(Mark { epoch, seq })],
        };
        assert!(at(1, 5).covers(&at(1, 5)) && !at(1, 5).covers(&at(1, 6)));
        assert!(!at(2, 9).covers(&at(1, 5)));
        assert_eq!(at(2, 1).or_later(&at(1, 5)), at(2, 1));
    }
}
