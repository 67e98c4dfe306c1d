//! How a schema may change once records are stored by it: it only grows.
//!
//! What was stored stays as it is, and is read by the schema of today. So every record that fitted before has to fit
//! still, and what was found by an identity has to be found by it still.

use super::{Class, Field, FieldType, Fields, Schema, rules};
use crate::value::FieldPath;

/// A change that stored records do not bear.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Break {
    /// The records are of another class.
    #[error("the class was applied as {before} and stays")]
    Class {
        /// The class that was applied.
        before: Class,
    },
    /// A field is gone.
    #[error("field `{path}` is gone, and records are stored with it")]
    Removed {
        /// The field.
        path: FieldPath,
    },
    /// A field is of another type.
    #[error("field `{path}` was applied as {before} and is now {now}")]
    Type {
        /// The field.
        path: FieldPath,
        /// The type that was applied.
        before: Box<FieldType>,
        /// The type that it would have.
        now: Box<FieldType>,
    },
    /// A field that records may lack is required.
    #[error("field `{path}` is now required, and stored records may lack it")]
    Required {
        /// The field.
        path: FieldPath,
    },
    /// A field takes less than it took.
    #[error("field `{path}` {how}, and stored values may not fit")]
    Narrowed {
        /// The field.
        path: FieldPath,
        /// In which of its rules.
        how: &'static str,
    },
    /// A field identifies somebody else, or in another way.
    #[error("field `{path}` {how}, and stored records are linked as they were")]
    Identity {
        /// The field.
        path: FieldPath,
        /// In which way.
        how: &'static str,
    },
}

impl Break {
    /// The field that breaks; none if it is the schema as a whole.
    pub fn path(&self) -> Option<&FieldPath> {
        match self {
            Break::Class { .. } => None,
            Break::Removed { path }
            | Break::Type { path, .. }
            | Break::Required { path }
            | Break::Narrowed { path, .. }
            | Break::Identity { path, .. } => Some(path),
        }
    }

    /// What to do instead.
    pub fn cure(&self) -> &'static str {
        match self {
            Break::Class { .. } => "restore it, and give what is new a schema of its own",
            Break::Removed { .. } => "restore it: a dataset need not fill it any longer",
            Break::Type { .. } => "restore it, and give the new type a field of its own",
            Break::Required { .. } => "leave it optional",
            Break::Narrowed { .. } => "restore what it took, or add a field that takes less",
            Break::Identity { .. } => "restore it, and give the new identity a field of its own",
        }
    }
}

/// Everything in which a schema takes back what it was applied with.
///
/// Titles, descriptions and labels are free: they say what data is, and not which data there is.
pub fn breaks(before: &Schema, now: &Schema) -> Vec<Break> {
    let mut found = Vec::new();
    if before.class != now.class {
        found.push(Break::Class { before: before.class });
    }
    of_fields(None, &before.fields, &now.fields, &mut found);
    found
}

fn of_fields(prefix: Option<&FieldPath>, before: &Fields, now: &Fields, found: &mut Vec<Break>) {
    let path = |name: &str| match prefix {
        None => name.parse(),
        Some(prefix) => prefix.child(name),
    };
    for (name, before) in before {
        // INVARIANT: the names of a loaded schema's fields are steps of a path.
        let Ok(path) = path(name) else { continue };
        match now.get(name) {
            None => found.push(Break::Removed { path }),
            Some(now) => of_field(path, before, now, found),
        }
    }
    for (name, _) in now.iter().filter(|(name, now)| now.required && !before.contains_key(*name)) {
        if let Ok(path) = path(name) {
            found.push(Break::Required { path });
        }
    }
}

fn of_field(path: FieldPath, before: &Field, now: &Field, found: &mut Vec<Break>) {
    if now.required && !before.required {
        found.push(Break::Required { path: path.clone() });
    }
    let narrowed = |how| Break::Narrowed { path: path.clone(), how };
    found.extend(narrowings(before, now).map(narrowed));
    if let Some(how) = identity(before, now) {
        found.push(Break::Identity { path: path.clone(), how });
    }
    of_types(path, &before.kind, &now.kind, found);
}

fn of_types(path: FieldPath, before: &FieldType, now: &FieldType, found: &mut Vec<Break>) {
    match (before, now) {
        (FieldType::Object(before), FieldType::Object(now)) => of_fields(Some(&path), before, now, found),
        (FieldType::Array(before), FieldType::Array(now)) | (FieldType::Map(before), FieldType::Map(now)) => {
            of_types(path, before, now, found);
        }
        (before, now) if before == now => {}
        (before, now) => {
            found.push(Break::Type { path, before: Box::new(before.clone()), now: Box::new(now.clone()) })
        }
    }
}

/// The rules that take less than they took.
fn narrowings(before: &Field, now: &Field) -> impl Iterator<Item = &'static str> {
    let lists_less = !now.allowed.is_empty()
        && (before.allowed.is_empty()
            || !before.allowed.iter().all(|value| now.allowed.iter().any(|now| rules::is_same(now, value))));
    [
        (lists_less, "no longer allows every value that it allowed"),
        (is_above(now.minimum, before.minimum), "has a higher minimum"),
        (is_below(now.maximum, before.maximum), "has a lower maximum"),
        (is_above(now.minimum_length, before.minimum_length), "asks for more characters"),
        (is_below(now.maximum_length, before.maximum_length), "allows fewer characters"),
        (now.format.is_some() && now.format != before.format, "has another format"),
        (now.pattern.is_some() && now.pattern != before.pattern, "has another pattern"),
    ]
    .into_iter()
    .filter(|(is_narrower, _)| *is_narrower)
    .map(|(_, how)| how)
}

/// Whether a lower limit is stricter than it was.
fn is_above<T: PartialOrd>(now: Option<T>, before: Option<T>) -> bool {
    now.is_some_and(|now| before.is_none_or(|before| now > before))
}

/// Whether an upper limit is stricter than it was.
fn is_below<T: PartialOrd>(now: Option<T>, before: Option<T>) -> bool {
    now.is_some_and(|now| before.is_none_or(|before| now < before))
}

fn identity(before: &Field, now: &Field) -> Option<&'static str> {
    match (&before.identity, &now.identity) {
        (None, None) => None,
        (Some(_), None) => Some("is no identity any longer"),
        (None, Some(_)) => Some("has become an identity"),
        (Some(before), Some(now)) if before.namespace != now.namespace => {
            Some("identifies in another namespace")
        }
        (Some(before), Some(now)) if before.primary != now.primary => {
            Some("differs in being the primary identity")
        }
        (Some(_), Some(_)) => None,
    }
}
