//! Names and words that stand in a batch file as they are.

use std::fmt;

use serde::Deserialize;

/// What the first column of a file is called, and with it the target of a mapping that tells who is meant.
pub(crate) const ID: &str = "thirdPartyId";

/// The longest name of a profile parameter that Target takes.
const MAX_NAME: usize = 128;

/// The name of a profile parameter, without the `profile.` that Target puts before it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Parameter(String);

#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidParameter {
    #[error(
        "`{0}` is no name of a parameter: expected up to {MAX_NAME} of A-Z, a-z, 0-9, `_` and `-`; Target itself puts `profile.` before it"
    )]
    Name(String),
    #[error("`{0}` is the name of an id, and cannot be one of a parameter too")]
    Id(String),
}

impl TryFrom<String> for Parameter {
    type Error = InvalidParameter;

    fn try_from(text: String) -> Result<Self, InvalidParameter> {
        if text.is_empty() || text.len() > MAX_NAME || !text.chars().all(is_plain) {
            return Err(InvalidParameter::Name(text));
        }
        let is_id = |id: &str| text.eq_ignore_ascii_case(id);
        if is_id(ID) || is_id("pcId") { Err(InvalidParameter::Id(text)) } else { Ok(Parameter(text)) }
    }
}

impl Parameter {
    /// The nearest name to a title: letters and digits in lower case, with `_` for all that is between them.
    pub(crate) fn like(title: &str) -> Option<Parameter> {
        let lower = title.to_ascii_lowercase();
        let words = lower.split(|each: char| !each.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let mut name = words.collect::<Vec<_>>().join("_");
        name.truncate(MAX_NAME);
        Parameter::try_from(name).ok()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_plain(each: char) -> bool {
    each.is_ascii_alphanumeric() || "_-".contains(each)
}

/// The longest word: what rows say for want of a value must not make them long.
pub(crate) const MAX_WORD: usize = 16;

/// A fixed value of a parameter, such as `true`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Scalar")]
pub(crate) struct Word(String);

/// YAML takes `true` and `1` for something else than text unless they are quoted.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Text(String),
    Flag(bool),
    Number(u64),
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` cannot stand for a membership: expected 1 to {MAX_WORD} of A-Z, a-z, 0-9, `_` and `-`")]
pub(crate) struct InvalidWord(String);

impl TryFrom<Scalar> for Word {
    type Error = InvalidWord;

    fn try_from(scalar: Scalar) -> Result<Self, InvalidWord> {
        let text = match scalar {
            Scalar::Text(text) => text,
            Scalar::Flag(flag) => flag.to_string(),
            Scalar::Number(number) => number.to_string(),
        };
        let is_word = !text.is_empty() && text.len() <= MAX_WORD && text.chars().all(is_plain);
        if is_word { Ok(Word(text)) } else { Err(InvalidWord(text)) }
    }
}

impl Word {
    pub(crate) fn realized() -> Word {
        Word("true".to_owned())
    }

    pub(crate) fn exited() -> Word {
        Word("false".to_owned())
    }

    pub(crate) fn cleared() -> Word {
        Word("none".to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_becomes_a_name() {
        for (title, name) in [
            ("Recent movers (movers_to_target)", Some("recent_movers_movers_to_target")),
            ("  10 % off! ", Some("10_off")),
            ("Umzügler", Some("umz_gler")),
            ("引越し (movers)", Some("movers")),
            ("引越し", None),
            ("thirdPartyID", None),
        ] {
            assert_eq!(Parameter::like(title).as_ref().map(Parameter::as_str), name, "{title}");
        }
        assert_eq!(Parameter::like(&"a".repeat(200)).unwrap().as_str().len(), MAX_NAME);
    }

    #[test]
    fn a_name_has_no_prefix_and_needs_no_escape() {
        let parse = |text: &str| Parameter::try_from(text.to_owned()).map_err(|error| error.to_string());
        assert!(parse("home-Owner_2").is_ok());
        assert!(parse("profile.tier").unwrap_err().contains("puts `profile.` before it"));
        assert!(parse("ThirdPartyId").unwrap_err().contains("name of an id"));
        for bad in ["", "a b", "a,b", "a=b", "tür", &"a".repeat(129)] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
