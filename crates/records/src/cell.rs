//! One cell: from text to the value of a field.

use std::fmt;

use domain::schema::{Field, FieldType, Violation};
use domain::value::{MAGNITUDES, Value, can_be_stored};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::rejected::Code;

/// Turns the cells of one column into values of its field.
///
/// An empty cell is an absent value. Around anything but a string white space is ignored. A boolean is `true` or
/// `false` in any letter case; `1` and `0` are refused, since they are as often codes as truths. Dates and date-times
/// come out in one form each, the latter in UTC, so that equal instants are equal values.
#[derive(Debug)]
pub(crate) struct Cell {
    kind: Kind,
    field: Box<Field>,
}

/// The types that fit into a cell.
#[derive(Debug, Clone, Copy)]
enum Kind {
    String,
    Integer,
    Double,
    Boolean,
    Date,
    DateTime,
}

impl Kind {
    fn expectation(self) -> &'static str {
        match self {
            Kind::String => "a string",
            Kind::Integer => "an integer",
            Kind::Double => "a finite number",
            Kind::Boolean => "`true` or `false`",
            Kind::Date => "a date such as 2026-01-31",
            Kind::DateTime => "a date-time with an offset such as 2026-01-31T18:30:00Z",
        }
    }
}

impl Cell {
    /// The converter for a field, or nothing where the field's type does not fit into a cell.
    pub(crate) fn of(field: &Field) -> Option<Cell> {
        let kind = match field.kind {
            FieldType::String => Kind::String,
            FieldType::Integer => Kind::Integer,
            FieldType::Double => Kind::Double,
            FieldType::Boolean => Kind::Boolean,
            FieldType::Date => Kind::Date,
            FieldType::DateTime => Kind::DateTime,
            FieldType::Object(_) | FieldType::Array(_) | FieldType::Map(_) => return None,
        };
        Some(Cell { kind, field: Box::new(field.clone()) })
    }

    /// The value in a cell; nothing where it is empty.
    ///
    /// # Errors
    /// What is wrong, and what was expected and found.
    pub(crate) fn read(&self, text: &str) -> Result<Option<Value>, (Code, String)> {
        let is_trimmed = !matches!(self.kind, Kind::String) || self.field.identity.is_some();
        let text = if is_trimmed { text.trim() } else { text };
        if text.is_empty() {
            return Ok(None);
        }
        let Some(value) = parse(self.kind, text) else {
            return Err((Code::WrongType, expected(self.kind.expectation(), text)));
        };
        if value.as_number().is_some_and(|number| !can_be_stored(number)) {
            let (least, greatest) = (MAGNITUDES.start(), MAGNITUDES.end());
            let expectation = format!("zero, or a magnitude from {least:e} to {greatest:e}");
            return Err((Code::OutOfRange, expected(expectation, text)));
        }
        match self.field.violation(&value) {
            None => Ok(Some(value)),
            Some(violation) => Err((code(violation), expected(self.expectation(violation), text))),
        }
    }

    /// What a value would have to be that does not break the rule.
    fn expectation(&self, violation: Violation) -> String {
        let Field { allowed, minimum, maximum, minimum_length, maximum_length, format, pattern, .. } =
            &*self.field;
        match violation {
            Violation::NotAllowed => format!("one of the {} values that the schema allows", allowed.len()),
            Violation::OutOfRange => between(*minimum, *maximum, ""),
            Violation::Length => between(*minimum_length, *maximum_length, " characters"),
            Violation::Format => {
                let name = format.map_or("", |format| format.as_str());
                format!("text in the schema's format `{name}`")
            }
            Violation::Pattern => {
                let pattern = pattern.as_ref().map_or("", |pattern| pattern.as_str());
                format!("text that fits the schema's pattern `{pattern}`")
            }
        }
    }
}

fn code(violation: Violation) -> Code {
    match violation {
        Violation::NotAllowed => Code::NotAllowed,
        Violation::OutOfRange => Code::OutOfRange,
        Violation::Length => Code::WrongLength,
        Violation::Format => Code::WrongFormat,
        Violation::Pattern => Code::PatternMismatch,
    }
}

fn between<T: fmt::Display>(least: Option<T>, greatest: Option<T>, what: &str) -> String {
    match (least, greatest) {
        (Some(least), Some(greatest)) => format!("{least} to {greatest}{what}"),
        (Some(least), None) => format!("at least {least}{what}"),
        (None, Some(greatest)) => format!("at most {greatest}{what}"),
        (None, None) => "another value".to_owned(),
    }
}

fn parse(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::String => Some(Value::String(text.to_owned())),
        Kind::Integer => text.parse().ok().map(Value::Integer),
        Kind::Double => double(text),
        Kind::Boolean if text.eq_ignore_ascii_case("true") => Some(Value::Boolean(true)),
        Kind::Boolean if text.eq_ignore_ascii_case("false") => Some(Value::Boolean(false)),
        Kind::Boolean => None,
        Kind::Date => date(text).map(|date| Value::String(date.to_string())),
        Kind::DateTime => time(text).map(|time| Value::String(time.to_string())),
    }
}

/// A finite number: whole ones as integers, as far as those reach.
fn double(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse() {
        return Some(Value::Integer(whole));
    }
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    let limit = 2_f64.powi(63);
    if number.fract() == 0.0 && (-limit..limit).contains(&number) {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the range")]
        return Some(Value::Integer(number as i64));
    }
    Some(Value::Double(number))
}

/// A calendar day and nothing more: a time of day after it would be lost in silence.
fn date(text: &str) -> Option<Date> {
    if text.len() == "2026-01-31".len() { text.parse().ok() } else { None }
}

/// An instant. Without an offset from UTC a text is none.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// Says what was expected, and of what was found only kind and length.
pub(crate) fn expected(expectation: impl fmt::Display, text: &str) -> String {
    if text.trim().is_empty() {
        return format!("expected {expectation}, found an empty cell");
    }
    let kind = if text.parse::<i64>().is_ok() {
        "an integer"
    } else if text.parse::<f64>().is_ok() {
        "a number"
    } else if date(text).is_some() {
        "a date"
    } else if time(text).is_some() {
        "a date-time"
    } else {
        "text"
    };
    let length = text.chars().count();
    let plural = if length == 1 { "" } else { "s" };
    format!("expected {expectation}, found {kind} of {length} character{plural}")
}
