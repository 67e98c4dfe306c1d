//! What a field asks of its values besides their type.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::Field;
use crate::value::Value;

/// The most bytes that a compiled pattern may take: one that needs more is no pattern of a field, but an attack.
const LARGEST_PATTERN: usize = 1 << 20;

/// The formats by the names that JSON Schema has for them.
pub const FORMATS: [(&str, Format); 7] = [
    ("email", Format::Email),
    ("hostname", Format::Hostname),
    ("ipv4", Format::Ipv4),
    ("ipv6", Format::Ipv6),
    ("uri", Format::Uri),
    ("uri-reference", Format::UriReference),
    ("uuid", Format::Uuid),
];

/// How a text is written. Dates and date-times are types of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `mary@example.com`.
    Email,
    /// `www.example.com`.
    Hostname,
    /// `192.0.2.1`.
    Ipv4,
    /// `2001:db8::1`.
    Ipv6,
    /// An address with its scheme, `https://example.com/a`.
    Uri,
    /// An address, or the part of one that follows another.
    UriReference,
    /// `6f1c2c52-9f4f-4a52-9f6e-2c6ed35d2b21`.
    Uuid,
}

/// What is found in a text: a regular expression, and one that is decided in linear time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Regex);

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is no pattern: {reason}")]
pub struct InvalidPattern {
    pattern: String,
    reason: String,
}

/// Which of its field's rules a value breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// It is none of the listed values.
    NotAllowed,
    /// It is a number below the least or above the greatest.
    OutOfRange,
    /// It is a text with too few or too many characters.
    Length,
    /// It is a text of another format.
    Format,
    /// It is a text in which the pattern is not found.
    Pattern,
}

impl Violation {
    /// What was expected, where nothing may be said of the field.
    pub fn expectation(self) -> &'static str {
        match self {
            Violation::NotAllowed => "one of the field's listed values is expected",
            Violation::OutOfRange => "a number between the field's limits is expected",
            Violation::Length => "a text of the field's length is expected",
            Violation::Format => "a text of the field's format is expected",
            Violation::Pattern => "a text that fits the field's pattern is expected",
        }
    }
}

impl Field {
    /// The first of the field's rules that a single value of its type breaks.
    pub fn violation(&self, value: &Value) -> Option<Violation> {
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| is_same(allowed, value)) {
            return Some(Violation::NotAllowed);
        }
        match value {
            Value::String(text) => self.violation_of_text(text),
            _ => value.as_number().and_then(|number| self.violation_of_number(number)),
        }
    }

    fn violation_of_number(&self, number: f64) -> Option<Violation> {
        let fits = self.minimum.is_none_or(|least| least <= number)
            && self.maximum.is_none_or(|greatest| number <= greatest);
        (!fits).then_some(Violation::OutOfRange)
    }

    fn violation_of_text(&self, text: &str) -> Option<Violation> {
        if self.minimum_length.is_some() || self.maximum_length.is_some() {
            let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            if self.minimum_length.is_some_and(|least| length < least)
                || self.maximum_length.is_some_and(|greatest| greatest < length)
            {
                return Some(Violation::Length);
            }
        }
        if self.format.is_some_and(|format| !format.fits(text)) {
            return Some(Violation::Format);
        }
        let fits = self.pattern.as_ref().is_none_or(|pattern| pattern.is_found_in(text));
        (!fits).then_some(Violation::Pattern)
    }
}

/// Equality in which `3` is `3.0`, as in YAML and JSON.
pub(super) fn is_same(allowed: &Value, value: &Value) -> bool {
    allowed == value || allowed.as_number().is_some_and(|allowed| value.as_number() == Some(allowed))
}

impl Format {
    /// The name that JSON Schema has for it.
    pub fn as_str(self) -> &'static str {
        FORMATS.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    /// Whether a text is written so.
    pub fn fits(self, text: &str) -> bool {
        match self {
            Format::Email => is_email(text),
            Format::Hostname => is_hostname(text),
            Format::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Format::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Format::Uri => has_scheme(text) && is_uri_reference(text),
            Format::UriReference => is_uri_reference(text),
            Format::Uuid => is_uuid(text),
        }
    }
}

/// What may be an address: whether somebody reads what is sent there, no check tells.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_sound =
        |part: &str| !part.is_empty() && !part.contains(|each: char| each.is_whitespace() || each == '@');
    is_sound(local) && is_sound(domain) && !domain.starts_with('.') && !domain.ends_with('.')
}

fn is_hostname(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    })
}

/// The characters of RFC 3986, each `%` followed by two hexadecimal digits.
fn is_uri_reference(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => [bytes.next(), bytes.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

impl Pattern {
    /// The expression as it is written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the expression is found anywhere in a text, as JSON Schema has it. It takes `^` and `$` to ask for the
    /// whole.
    pub fn is_found_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.as_str() == other.as_str()
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Pattern, InvalidPattern> {
        let refused = |reason: String| InvalidPattern { pattern: text.to_owned(), reason };
        RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build().map(Pattern).map_err(
            |error| match error {
                // The parser draws the place over several lines, and says what is wrong in the last.
                regex::Error::Syntax(told) => {
                    let last = told.lines().last().unwrap_or_default().trim();
                    refused(last.strip_prefix("error: ").unwrap_or(last).to_owned())
                }
                _ => refused(format!("compiled it is larger than {LARGEST_PATTERN} bytes")),
            },
        )
    }
}

impl TryFrom<String> for Pattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Pattern, InvalidPattern> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::FieldType;

    #[test]
    fn a_format_takes_what_is_written_so_and_nothing_else() {
        for (format, fitting, others) in [
            (
                Format::Email,
                &["mary@example.com", "m.o+x@a"][..],
                &["", "mary", "@example.com", "mary@", "a b@example.com", "a@b@c.com", "a@.com"][..],
            ),
            (Format::Hostname, &["example.com", "a"], &["", "-a.com", "a..b", "a_b", "ä.com"]),
            (Format::Ipv4, &["192.0.2.1"], &["192.0.2", "192.0.2.256", "2001:db8::1"]),
            (Format::Ipv6, &["2001:db8::1", "::"], &["2001:db8", "192.0.2.1"]),
            (
                Format::Uri,
                &["https://example.com/a?b=%20", "urn:a:b"],
                &["/a", "1a:b", "https://a b", "a:%2"],
            ),
            (Format::UriReference, &["", "/a#b", "../c", "https://example.com"], &["a b", "<a>", "%zz", "ä"]),
            (
                Format::Uuid,
                &["6f1c2c52-9f4f-4a52-9f6e-2c6ed35d2b21"],
                &["6f1c2c529f4f4a529f6e2c6ed35d2b21", "6f1c2c52-9f4f-4a52-9f6e-2c6ed35d2b2g"],
            ),
        ] {
            for text in fitting {
                assert!(format.fits(text), "{format:?} {text}");
            }
            for text in others {
                assert!(!format.fits(text), "{format:?} {text}");
            }
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_decided_in_linear_time_is_refused_with_the_reason() {
        for (text, reason) in [
            ("(?=a)b", "look-around"),
            (r"(a)\1", "backreferences"),
            ("(", "unclosed group"),
            (r"\w{5000}", "larger than"),
        ] {
            let refused = text.parse::<Pattern>().unwrap_err().to_string();
            assert!(refused.contains(reason) && !refused.contains('\n'), "{text}: {refused}");
        }
    }

    #[test]
    fn a_rule_of_a_list_holds_of_each_of_its_items() {
        let mut field = Field::of(FieldType::Array(Box::new(FieldType::Map(Box::new(FieldType::String)))));
        field.pattern = Some("^[A-Z]{2}$".parse().unwrap());
        let of = |code: &str| {
            let item = [("home".to_owned(), Value::String(code.to_owned()))];
            Value::Array(vec![Value::Object(item.into())])
        };
        assert_eq!(field.check(&of("DE")), Ok(()));
        assert_eq!(field.check(&of("de")), Err(Violation::Pattern.expectation()));
    }

    #[test]
    fn lengths_count_characters() {
        let mut field = Field::of(FieldType::String);
        (field.minimum_length, field.maximum_length) = (Some(2), Some(3));
        let check = |text: &str| field.violation(&Value::String(text.to_owned()));
        assert_eq!(
            [check("ü"), check("üü"), check("üüü"), check("üüüü")],
            [Some(Violation::Length), None, None, Some(Violation::Length)]
        );
    }
}
