//! Consent: what a visitor allows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a visitor has said, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Whether data may be collected at all (`collect.val` of the XDM consents, `general` of the Web SDK's cookie).
    pub collect: bool,
    /// Whether content may be personalised (`personalize.content.val`). Without collection nothing is.
    pub personalize: bool,
    /// When it was said.
    pub at: Timestamp,
}

impl Consent {
    /// The later of two statements: of equal times the stricter, so that a repetition cannot loosen anything.
    pub fn later(self, other: Consent) -> Consent {
        let rank = |each: &Consent| (each.at, !each.collect, !each.personalize);
        if rank(&other) > rank(&self) { other } else { self }
    }
}

/// What holds of a visitor who has said nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefaultConsent {
    /// Everything is allowed until the visitor says otherwise.
    In,
    /// Nothing is stored or shown until the visitor allows it.
    Out,
}

/// Whether data may be collected of a visitor.
pub fn may_collect(said: Option<&Consent>, default: DefaultConsent) -> bool {
    said.map_or(default == DefaultConsent::In, |consent| consent.collect)
}

/// Whether what a visitor is shown may be chosen for them.
pub fn may_personalize(said: Option<&Consent>, default: DefaultConsent) -> bool {
    said.map_or(default == DefaultConsent::In, |consent| consent.collect && consent.personalize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(collect: bool, second: i64) -> Consent {
        Consent { collect, personalize: collect, at: Timestamp::from_second(second).unwrap() }
    }

    #[test]
    fn the_later_word_stands_and_of_equal_times_the_stricter() {
        assert!(said(false, 1).later(said(true, 2)).collect);
        assert!(said(true, 2).later(said(false, 1)).collect);
        assert!(!said(true, 2).later(said(false, 2)).collect);
        assert!(!said(false, 2).later(said(true, 2)).collect);
    }

    #[test]
    fn who_says_nothing_has_the_default_and_who_refuses_collection_is_shown_nothing_of_their_own() {
        for (default, expected) in [(DefaultConsent::In, true), (DefaultConsent::Out, false)] {
            assert_eq!((may_collect(None, default), may_personalize(None, default)), (expected, expected));
        }
        let refused = Consent { collect: false, personalize: true, ..said(false, 1) };
        assert!(!may_personalize(Some(&refused), DefaultConsent::In));
    }
}
