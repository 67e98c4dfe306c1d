//! Schemas: which fields a record has, of which type, under which labels, and which of them identify a person.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::label::Label;
use crate::name::SchemaName;
use crate::namespace::NamespaceCode;
use crate::value::{FieldPath, Value, can_be_stored};

mod growth;
mod rules;
mod union;

pub use growth::{Break, breaks};
pub use rules::{FORMATS, Format, InvalidPattern, Pattern, Violation};
pub use union::{TypeConflict, union};

/// A schema: one class and its fields as a tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// Its name in the project.
    pub name: SchemaName,
    /// A title for people.
    pub title: String,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What its records are.
    pub class: Class,
    /// Its fields by name.
    pub fields: Fields,
}

/// The fields of a schema or of an object, by name.
pub type Fields = BTreeMap<String, Field>;

/// What the records of a schema are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Attributes of a person (XDM Individual Profile).
    Profile,
    /// What happened at an instant (XDM ExperienceEvent).
    ExperienceEvent,
}

/// One field.
///
/// What it says of values holds of the single ones: of each item of an array and of each value of a map, where it is
/// one of those.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// A title for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it means, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its own data usage labels; those of whatever lies inside an array or a map are its own too.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<Label>,
    /// Whether a record without it is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The values that it may have; any, where empty.
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Value>,
    /// The least number that it may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<f64>,
    /// The greatest number that it may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<f64>,
    /// How a text is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// What is found in a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// The fewest characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_length: Option<u32>,
    /// The most characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_length: Option<u32>,
    /// Whom it identifies, if it is an identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityDescriptor>,
}

/// Says that a field's value is an identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityDescriptor {
    /// The namespace that the value belongs to.
    pub namespace: NamespaceCode,
    /// Whether it is the record's primary identity. A schema has one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub primary: bool,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any finite number.
    Double,
    /// `true` or `false`.
    Boolean,
    /// A calendar day, `2026-01-31`.
    Date,
    /// An instant, RFC 3339.
    DateTime,
    /// Named fields.
    Object(Fields),
    /// Items of one type, in order.
    Array(Box<FieldType>),
    /// Values of one type under keys of the record's own.
    Map(Box<FieldType>),
}

impl fmt::Display for Class {
    /// The word for it in a project's files.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Class::Profile => "profile",
            Class::ExperienceEvent => "experience_event",
        })
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldType::String => formatter.write_str("string"),
            FieldType::Integer => formatter.write_str("integer"),
            FieldType::Double => formatter.write_str("double"),
            FieldType::Boolean => formatter.write_str("boolean"),
            FieldType::Date => formatter.write_str("date"),
            FieldType::DateTime => formatter.write_str("date-time"),
            FieldType::Object(_) => formatter.write_str("object"),
            FieldType::Array(item) => write!(formatter, "array of {item}"),
            FieldType::Map(item) => write!(formatter, "map of {item}"),
        }
    }
}

impl Field {
    /// A field of a type, with nothing else said of it.
    pub fn of(kind: FieldType) -> Field {
        Field {
            kind,
            title: None,
            description: None,
            labels: BTreeSet::new(),
            required: false,
            allowed: Vec::new(),
            minimum: None,
            maximum: None,
            format: None,
            pattern: None,
            minimum_length: None,
            maximum_length: None,
            identity: None,
        }
    }

    /// Whether a value fits the field, and what was expected where it does not. The value is not repeated.
    ///
    /// # Errors
    /// Which of the field's rules the value breaks.
    pub fn check(&self, value: &Value) -> Result<(), &'static str> {
        if !self.kind.fits(value) {
            return Err("a value of the field's type is expected");
        }
        self.check_single(value).map_err(|violation| violation.expectation())
    }

    /// Holds every single value, whatever arrays and maps it lies in, against the field's rules. Objects have fields,
    /// and so rules, of their own.
    fn check_single(&self, value: &Value) -> Result<(), Violation> {
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.check_single(item)),
            Value::Object(members) if self.kind.is_of_single_values() => {
                members.values().try_for_each(|member| self.check_single(member))
            }
            Value::Object(_) => Ok(()),
            single => self.violation(single).map_or(Ok(()), Err),
        }
    }
}

impl FieldType {
    /// The type of the single values, below every array and map: a scalar or an object.
    pub fn single(&self) -> &FieldType {
        match self {
            FieldType::Array(item) | FieldType::Map(item) => item.single(),
            single => single,
        }
    }

    fn is_of_single_values(&self) -> bool {
        !matches!(self.single(), FieldType::Object(_))
    }

    /// Whether a value is of this type, and can be stored.
    pub fn fits(&self, value: &Value) -> bool {
        match (self, value) {
            (FieldType::String, Value::String(_))
            | (FieldType::Integer, Value::Integer(_))
            | (FieldType::Double, Value::Integer(_))
            | (FieldType::Boolean, Value::Boolean(_)) => true,
            (FieldType::Double, Value::Double(number)) => can_be_stored(*number),
            (FieldType::Date, Value::String(text)) => text.parse::<jiff::civil::Date>().is_ok(),
            (FieldType::DateTime, Value::String(text)) => text.parse::<jiff::Timestamp>().is_ok(),
            (FieldType::Array(item), Value::Array(items)) => items.iter().all(|each| item.fits(each)),
            (FieldType::Map(item), Value::Object(members)) => members.values().all(|each| item.fits(each)),
            (FieldType::Object(fields), Value::Object(members)) => members
                .iter()
                .all(|(name, each)| fields.get(name).is_none_or(|field| field.check(each).is_ok())),
            _ => false,
        }
    }
}

/// The field at a path, where there is one.
pub fn field<'a>(fields: &'a Fields, path: &FieldPath) -> Option<&'a Field> {
    let mut steps = path.steps();
    let first = fields.get(steps.next()?)?;
    steps.try_fold(first, |field, step| match &field.kind {
        FieldType::Object(members) => members.get(step),
        _ => None,
    })
}

/// Every leaf, a field that is no object, with its path.
pub fn leaves(fields: &Fields) -> Vec<(FieldPath, &Field)> {
    fn walk<'a>(prefix: Option<&FieldPath>, fields: &'a Fields, found: &mut Vec<(FieldPath, &'a Field)>) {
        for (name, field) in fields {
            let path = match prefix {
                None => name.parse(),
                Some(prefix) => prefix.child(name),
            };
            // INVARIANT: the names of a loaded schema's fields are steps of a path.
            let Ok(path) = path else { continue };
            match &field.kind {
                FieldType::Object(members) => walk(Some(&path), members, found),
                _ => found.push((path, field)),
            }
        }
    }
    let mut found = Vec::new();
    walk(None, fields, &mut found);
    found
}

impl Schema {
    /// The field at a path, where there is one.
    pub fn field(&self, path: &FieldPath) -> Option<&Field> {
        field(&self.fields, path)
    }

    /// Every leaf with its path.
    pub fn leaves(&self) -> Vec<(FieldPath, &Field)> {
        leaves(&self.fields)
    }

    /// Every identity field with its path and descriptor, the primary one first.
    pub fn identities(&self) -> Vec<(FieldPath, &IdentityDescriptor)> {
        let mut found: Vec<_> = self
            .leaves()
            .into_iter()
            .filter_map(|(path, field)| field.identity.as_ref().map(|identity| (path, identity)))
            .collect();
        found.sort_by_key(|(_, identity)| !identity.primary);
        found
    }
}

/// Puts a field at its path, making the objects on the way.
///
/// # Errors
/// The type of a leaf that stands in the way.
pub fn insert(fields: &mut Fields, path: &FieldPath, field: Field) -> Result<(), FieldType> {
    let mut steps: Vec<&str> = path.steps().collect();
    let Some(last) = steps.pop() else { return Ok(()) };
    let mut here = fields;
    for step in steps {
        let next = here.entry(step.to_owned()).or_insert_with(|| Field::of(FieldType::Object(Fields::new())));
        match &mut next.kind {
            FieldType::Object(members) => here = members,
            leaf => return Err(leaf.clone()),
        }
    }
    here.insert(last.to_owned(), field);
    Ok(())
}
