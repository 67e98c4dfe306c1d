//! What the checker knows of a value.

use std::fmt;

use domain::schema::FieldType;
use domain::value::Value;

use crate::condition::{Constant, Term};
use crate::datum::Datum;

/// The type of a term. Numbers are of one type: they compare by value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    /// Of an empty list's items, and of whatever is at fault already: fits everything.
    Unknown,
    Boolean,
    Number,
    String,
    Date,
    DateTime,
    Object,
    Map,
    Array(Box<Type>),
}

impl Type {
    /// Whether values of two types can be equal.
    pub(crate) fn fits(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Unknown, _) | (_, Type::Unknown) => true,
            (Type::Array(left), Type::Array(right)) => left.fits(right),
            (left, right) => left == right || (left.is_time() && right.is_time()),
        }
    }

    pub(crate) fn is_time(&self) -> bool {
        matches!(self, Type::Date | Type::DateTime)
    }

    /// A literal as a value of this type, where that is sensible: `"5"` as a number, `5` as text.
    pub(crate) fn convert(&self, literal: &Value) -> Option<Term> {
        let term = match (self, literal) {
            (Type::Boolean, Value::String(text)) => constant(Value::Boolean(text.parse().ok()?)),
            (Type::Number, Value::String(text)) => constant(number(text)?),
            (Type::String, Value::Integer(number)) => constant(Value::String(number.to_string())),
            (Type::String, Value::Double(number)) => constant(Value::String(number.to_string())),
            (Type::String, Value::Boolean(boolean)) => constant(Value::String(boolean.to_string())),
            (Type::Date | Type::DateTime, literal) => Term::Instant(Datum::from(literal).time()?),
            _ => return None,
        };
        Some(term)
    }
}

fn constant(value: Value) -> Term {
    Term::Constant(Constant(value))
}

fn number(text: &str) -> Option<Value> {
    let whole = text.parse().map(Value::Integer).ok();
    whole.or_else(|| text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Double))
}

impl From<&FieldType> for Type {
    fn from(field: &FieldType) -> Type {
        match field {
            FieldType::String => Type::String,
            FieldType::Integer | FieldType::Double => Type::Number,
            FieldType::Boolean => Type::Boolean,
            FieldType::Date => Type::Date,
            FieldType::DateTime => Type::DateTime,
            FieldType::Object(_) => Type::Object,
            FieldType::Map(_) => Type::Map,
            FieldType::Array(item) => Type::Array(Box::new((&**item).into())),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Type::Unknown => "value",
            Type::Boolean => "boolean",
            Type::Number => "number",
            Type::String => "string",
            Type::Date => "date",
            Type::DateTime => "date-time",
            Type::Object => "object",
            Type::Map => "map",
            Type::Array(item) if **item == Type::Unknown => "array",
            Type::Array(item) => return write!(formatter, "array of {item}"),
        })
    }
}
