//! Attribute values: what a profile, a fragment or an event holds under a field.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An object's members by name, in a fixed order, so that equal objects print and hash alike.
pub type Object = BTreeMap<String, Value>;

/// A value of a field. A missing value has no variant: a field that is null is absent.
///
/// Dates and date-times are strings in ISO 8601; the schema says which strings are dates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A finite number that is not whole, or is beyond the range of [`Value::Integer`].
    Double(f64),
    /// Text; dates and date-times too.
    String(String),
    /// Values in order.
    Array(Vec<Value>),
    /// Members by name; also the form of maps.
    Object(Object),
}

/// The least and the greatest magnitude of a number but zero. DynamoDB's numbers reach from 1e-130 to just below 1e126,
/// doubles further at both ends: what it would refuse to store is a fault of the record, and not of what comes with it.
pub const MAGNITUDES: RangeInclusive<f64> = 1e-128..=9e125;

/// Whether a number can be stored.
pub fn can_be_stored(number: f64) -> bool {
    number == 0.0 || MAGNITUDES.contains(&number.abs())
}

impl Value {
    /// The value at a path below this one, or nothing where a step is missing or is not an object.
    pub fn at(&self, path: &FieldPath) -> Option<&Value> {
        path.steps().try_fold(self, |value, step| match value {
            Value::Object(members) => members.get(step),
            _ => None,
        })
    }

    /// The value that JSON stands for; nothing for null, and for members and items that are null.
    pub fn from_json(json: &serde_json::Value) -> Option<Value> {
        match json {
            serde_json::Value::Null => None,
            serde_json::Value::Bool(boolean) => Some(Value::Boolean(*boolean)),
            serde_json::Value::Number(number) => {
                number.as_i64().map(Value::Integer).or_else(|| number.as_f64().map(Value::Double))
            }
            serde_json::Value::String(text) => Some(Value::String(text.clone())),
            serde_json::Value::Array(items) => {
                Some(Value::Array(items.iter().filter_map(Value::from_json).collect()))
            }
            serde_json::Value::Object(members) => Some(Value::Object(object_from_json(members))),
        }
    }

    /// The number, as near as a double comes to it, if this is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "what numbers are held against are doubles")]
            Value::Integer(whole) => Some(*whole as f64),
            Value::Double(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

/// The object that JSON stands for. Members that are null are absent.
pub fn object_from_json(members: &serde_json::Map<String, serde_json::Value>) -> Object {
    members.iter().filter_map(|(name, json)| Some((name.clone(), Value::from_json(json)?))).collect()
}

/// The value at a path below an object.
pub fn at<'a>(object: &'a Object, path: &FieldPath) -> Option<&'a Value> {
    let mut steps = path.steps();
    let first = object.get(steps.next()?)?;
    steps.try_fold(first, |value, step| match value {
        Value::Object(members) => members.get(step),
        _ => None,
    })
}

/// Puts a value at a path below an object; objects on the way are made, and whatever else stood there gives way.
pub fn insert(object: &mut Object, path: &FieldPath, value: Value) {
    let mut steps: Vec<&str> = path.steps().collect();
    let Some(last) = steps.pop() else { return };
    let mut here = object;
    for step in steps {
        let slot = here.entry(step.to_owned()).or_insert_with(|| Value::Object(Object::new()));
        if !matches!(slot, Value::Object(_)) {
            *slot = Value::Object(Object::new());
        }
        let Value::Object(members) = slot else { return };
        here = members;
    }
    here.insert(last.to_owned(), value);
}

/// Takes a value at a path below an object away.
pub fn remove(object: &mut Object, path: &FieldPath) {
    let mut steps: Vec<&str> = path.steps().collect();
    let Some(last) = steps.pop() else { return };
    let mut here = object;
    for step in steps {
        let Some(Value::Object(members)) = here.get_mut(step) else { return };
        here = members;
    }
    here.remove(last);
}

/// Every leaf of an object with its path: whatever is not an object, and empty objects.
pub fn leaves(object: &Object) -> Vec<(FieldPath, &Value)> {
    fn walk<'a>(prefix: &str, object: &'a Object, found: &mut Vec<(FieldPath, &'a Value)>) {
        for (name, value) in object {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                Value::Object(members) if !members.is_empty() => walk(&path, members, found),
                leaf => found.push((FieldPath(path), leaf)),
            }
        }
    }
    let mut found = Vec::new();
    walk("", object, &mut found);
    found
}

/// How many bytes an object takes in the store, about as DynamoDB counts them: no number takes more than 21.
pub fn stored_bytes(object: &Object) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Boolean(_) => 1,
            Value::Integer(_) | Value::Double(_) => 21,
            Value::String(text) => text.len(),
            Value::Array(items) => 3 + items.iter().map(|item| 1 + of(item)).sum::<usize>(),
            Value::Object(members) => stored_bytes(members),
        }
    }
    3 + object.iter().map(|(name, value)| 1 + name.len() + of(value)).sum::<usize>()
}

/// How many elements the longest array in an object has, at any depth.
pub fn longest_array(object: &Object) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(of).fold(items.len(), usize::max),
            Value::Object(members) => longest_array(members),
            Value::Boolean(_) | Value::Integer(_) | Value::Double(_) | Value::String(_) => 0,
        }
    }
    object.values().map(of).max().unwrap_or_default()
}

/// A field's place in a record, its names joined by dots: `partner.netWorthBand`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldPath(String);

impl FieldPath {
    /// The names on the way, outermost first.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// The path as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of a member of the object at this path.
    pub fn child(&self, name: &str) -> Result<FieldPath, InvalidFieldPath> {
        format!("{}.{name}", self.0).parse()
    }

    /// Whether this path is `other`, or lies below it.
    pub fn is_within(&self, other: &FieldPath) -> bool {
        self.0 == other.0 || self.0.strip_prefix(&other.0).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// A text that is no field path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is no field path: expected names of letters, digits and underscores joined by dots, like `partner.netWorthBand`"
)]
pub struct InvalidFieldPath {
    found: String,
}

impl FromStr for FieldPath {
    type Err = InvalidFieldPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
                && name.chars().all(|each| each.is_ascii_alphanumeric() || each == '_')
        };
        if text.split('.').all(is_name) {
            Ok(FieldPath(text.to_owned()))
        } else {
            Err(InvalidFieldPath { found: text.to_owned() })
        }
    }
}

impl TryFrom<String> for FieldPath {
    type Error = InvalidFieldPath;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> String {
        path.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FieldPath {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_inserted_at_a_path_is_found_there() {
        let mut object = Object::new();
        insert(&mut object, &path("a.b.c"), Value::Integer(1));
        insert(&mut object, &path("a.d"), Value::Boolean(true));
        assert_eq!(at(&object, &path("a.b.c")), Some(&Value::Integer(1)));
        assert_eq!(at(&object, &path("a.d.e")), None);
        let leaves: Vec<_> = leaves(&object).into_iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(leaves, ["a.b.c", "a.d"]);
    }

    #[test]
    fn a_path_that_is_not_names_joined_by_dots_is_refused() {
        for text in ["", ".", "a.", "a..b", "1a", "a b", "a[0]"] {
            assert!(text.parse::<FieldPath>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_lies_within_its_ancestors_only() {
        assert!(path("a.b").is_within(&path("a")));
        assert!(path("a").is_within(&path("a")));
        assert!(!path("ab").is_within(&path("a")));
    }
}
