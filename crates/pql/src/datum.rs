//! Values during evaluation: borrowed from the profile or from the expression, never copied.

use std::cmp::Ordering;

use domain::value::{Object, Value};
use jiff::tz::Offset;
use jiff::{Timestamp, civil};

use crate::condition::{Scope, Term};

/// A value that is not null.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Datum<'a> {
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(&'a str),
    Time(Timestamp),
    /// An array of the profile.
    Values(&'a [Value]),
    /// An array that the expression lists.
    Terms(&'a [Term]),
    Object(&'a Object),
}

impl<'a> From<&'a Value> for Datum<'a> {
    fn from(value: &'a Value) -> Datum<'a> {
        match value {
            Value::Boolean(boolean) => Datum::Boolean(*boolean),
            Value::Integer(number) => Datum::Integer(*number),
            Value::Double(number) => Datum::Double(*number),
            Value::String(text) => Datum::Text(text),
            Value::Array(items) => Datum::Values(items),
            Value::Object(members) => Datum::Object(members),
        }
    }
}

impl<'a> Datum<'a> {
    /// The value in boolean position: an array holds if it has items, anything else that is no boolean holds.
    pub(crate) fn holds(self) -> bool {
        match self {
            Datum::Boolean(boolean) => boolean,
            Datum::Values(items) => !items.is_empty(),
            Datum::Terms(items) => !items.is_empty(),
            _ => true,
        }
    }

    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Datum::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The instant that a date, a date-time or milliseconds since 1970 stand for; a date for its first, in UTC.
    pub(crate) fn time(self) -> Option<Timestamp> {
        match self {
            Datum::Time(time) => Some(time),
            Datum::Integer(milliseconds) => Timestamp::from_millisecond(milliseconds).ok(),
            Datum::Text(text) => {
                // No instant is as short as a date, and to find that out costs an error.
                const DATE: usize = "2026-01-31".len();
                let instant = if text.len() > DATE { text.parse().ok() } else { None };
                instant.or_else(|| Offset::UTC.to_timestamp(text.parse::<civil::DateTime>().ok()?).ok())
            }
            _ => None,
        }
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Datum::Integer(_) | Datum::Double(_))
    }

    /// The number, if it is a whole one.
    pub(crate) fn whole(self) -> Option<i64> {
        /// Beyond it not every whole number is a double.
        const LIMIT: f64 = 9_007_199_254_740_992.0;
        match self {
            Datum::Integer(number) => Some(number),
            Datum::Double(number) if number.fract() == 0.0 && number.abs() <= LIMIT => Some(number as i64),
            _ => None,
        }
    }

    /// The double that a number is exactly.
    pub(crate) fn exact(self) -> Option<f64> {
        match self {
            Datum::Integer(number) => {
                let double = number as f64;
                Datum::Double(double).whole().filter(|whole| *whole == number).map(|_| double)
            }
            Datum::Double(number) => Some(number).filter(|number| !number.is_nan()),
            _ => None,
        }
    }

    pub(crate) fn count(self) -> Option<usize> {
        match self {
            Datum::Values(items) => Some(items.len()),
            Datum::Terms(items) => Some(items.len()),
            _ => None,
        }
    }

    /// Whether an item that is not null passes a test; nothing, if this is no array.
    pub(crate) fn any(self, scope: Scope<'a>, test: &mut dyn FnMut(Datum<'a>) -> bool) -> Option<bool> {
        match self {
            Datum::Values(items) => Some(items.iter().any(|item| test(item.into()))),
            Datum::Terms(items) => {
                Some(items.iter().any(|item| item.evaluate(scope).is_some_and(&mut *test)))
            }
            _ => None,
        }
    }

    /// Whether an array has an item that equals this value.
    pub(crate) fn is_among(self, array: Datum<'a>, scope: Scope<'a>) -> Option<bool> {
        array.any(scope, &mut |item| item.equals(self, scope))
    }

    /// Equality by value: of numbers whatever their type, of arrays item by item, of objects member by member.
    pub(crate) fn equals(self, other: Datum<'a>, scope: Scope<'a>) -> bool {
        match (self, other) {
            (Datum::Boolean(left), Datum::Boolean(right)) => left == right,
            (Datum::Text(left), Datum::Text(right)) => left == right,
            (Datum::Time(left), right) => Some(left) == right.time(),
            (left, Datum::Time(right)) => left.time() == Some(right),
            (Datum::Object(left), Datum::Object(right)) => {
                left.len() == right.len()
                    && left.iter().zip(right).all(|((left_name, left), (right_name, right))| {
                        left_name == right_name && Datum::from(left).equals(right.into(), scope)
                    })
            }
            (left, right) if left.is_number() => left.compare(right) == Some(Ordering::Equal),
            (left, right) => {
                left.count().is_some()
                    && left.count() == right.count()
                    && (0..left.count().unwrap_or(0)).all(|index| {
                        match (left.item(index, scope), right.item(index, scope)) {
                            (Some(left), Some(right)) => left.equals(right, scope),
                            _ => false,
                        }
                    })
            }
        }
    }

    fn item(self, index: usize, scope: Scope<'a>) -> Option<Datum<'a>> {
        match self {
            Datum::Values(items) => items.get(index).map(Datum::from),
            Datum::Terms(items) => items.get(index)?.evaluate(scope),
            _ => None,
        }
    }

    /// The order of two numbers; nothing, if one is none.
    pub(crate) fn compare(self, other: Datum<'_>) -> Option<Ordering> {
        match (self, other) {
            (Datum::Integer(left), Datum::Integer(right)) => Some(left.cmp(&right)),
            (Datum::Double(left), Datum::Double(right)) => left.partial_cmp(&right),
            (Datum::Integer(left), Datum::Double(right)) => Some(compare_exactly(left, right)),
            (Datum::Double(left), Datum::Integer(right)) => Some(compare_exactly(right, left).reverse()),
            _ => None,
        }
    }
}

/// Compares without rounding the integer, which a double holds only up to 2^53.
fn compare_exactly(integer: i64, double: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if double >= LIMIT {
        Ordering::Less
    } else if double < -LIMIT {
        Ordering::Greater
    } else {
        let whole = double.trunc();
        integer.cmp(&(whole as i64)).then_with(|| 0.0_f64.total_cmp(&(double - whole + 0.0)))
    }
}
