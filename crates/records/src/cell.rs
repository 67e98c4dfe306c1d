//! One cell: from text to the value of a field.

use std::fmt;

use domain::schema::{Field, FieldType};
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
    is_identity: bool,
    allowed: Vec<Value>,
    minimum: Option<f64>,
    maximum: Option<f64>,
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
        Some(Cell {
            kind,
            is_identity: field.identity.is_some(),
            allowed: field.allowed.clone(),
            minimum: field.minimum,
            maximum: field.maximum,
        })
    }

    /// The value in a cell; nothing where it is empty.
    ///
    /// # Errors
    /// What is wrong, and what was expected and found.
    pub(crate) fn read(&self, text: &str) -> Result<Option<Value>, (Code, String)> {
        let text = if matches!(self.kind, Kind::String) && !self.is_identity { text } else { text.trim() };
        if text.is_empty() {
            return Ok(None);
        }
        let Some(value) = parse(self.kind, text) else {
            return Err((Code::WrongType, expected(self.kind.expectation(), text)));
        };
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| is_same(allowed, &value)) {
            let expectation = format!("one of the {} values that the schema allows", self.allowed.len());
            return Err((Code::NotAllowed, expected(expectation, text)));
        }
        if let Some(number) = value.as_number() {
            if !can_be_stored(number) {
                let (least, greatest) = (MAGNITUDES.start(), MAGNITUDES.end());
                let expectation = format!("zero, or a magnitude from {least:e} to {greatest:e}");
                return Err((Code::OutOfRange, expected(expectation, text)));
            }
            if let Some(minimum) = self.minimum.filter(|minimum| number < *minimum) {
                return Err((Code::OutOfRange, expected(format!("at least {minimum}"), text)));
            }
            if let Some(maximum) = self.maximum.filter(|maximum| number > *maximum) {
                return Err((Code::OutOfRange, expected(format!("at most {maximum}"), text)));
            }
        }
        Ok(Some(value))
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

/// Equality in which `3` is `3.0`, as in the schema's own YAML.
fn is_same(allowed: &Value, value: &Value) -> bool {
    allowed == value || allowed.as_number().is_some_and(|allowed| value.as_number() == Some(allowed))
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
