//! The union schema of a class.

use std::collections::BTreeMap;

use super::{Class, Field, FieldType, Fields, Schema, insert};
use crate::name::SchemaName;
use crate::value::FieldPath;

/// Two schemas that give one field two types, so that no union of them exists.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "field `{path}` is {first} in schema `{first_schema}` and {second} in schema `{second_schema}`: fields of one class share one type"
)]
pub struct TypeConflict {
    /// The field.
    pub path: FieldPath,
    /// Its type in the one schema.
    pub first: Box<FieldType>,
    /// The one schema.
    pub first_schema: SchemaName,
    /// Its type in the other.
    pub second: Box<FieldType>,
    /// The other schema.
    pub second_schema: SchemaName,
}

/// The union schema of a class: every field that any of its schemas has, with the labels of all.
///
/// # Errors
/// Every field that two schemas give two types.
pub fn union<'a>(
    schemas: impl IntoIterator<Item = &'a Schema>,
    class: Class,
) -> Result<Fields, Vec<TypeConflict>> {
    let mut seen: BTreeMap<FieldPath, (Field, SchemaName)> = BTreeMap::new();
    let mut conflicts = Vec::new();
    for schema in schemas.into_iter().filter(|schema| schema.class == class) {
        for (path, field) in schema.leaves() {
            match seen.get_mut(&path) {
                None => {
                    seen.insert(path, (field.clone(), schema.name.clone()));
                }
                Some((known, first_schema)) => {
                    if !join(known, field) {
                        conflicts.push(TypeConflict {
                            path,
                            first: Box::new(known.kind.clone()),
                            first_schema: first_schema.clone(),
                            second: Box::new(field.kind.clone()),
                            second_schema: schema.name.clone(),
                        });
                    }
                }
            }
        }
    }
    let mut fields = Fields::new();
    for (path, (field, schema)) in seen {
        if let Err(at) = insert(&mut fields, &path, field) {
            conflicts.push(TypeConflict {
                path,
                first: Box::new(at),
                first_schema: schema.clone(),
                second: Box::new(FieldType::Object(Fields::new())),
                second_schema: schema,
            });
        }
    }
    if conflicts.is_empty() { Ok(fields) } else { Err(conflicts) }
}

/// Adds to a field what another schema says of it; false where the two are of different types.
fn join(known: &mut Field, other: &Field) -> bool {
    known.labels.extend(other.labels.iter().cloned());
    join_types(&mut known.kind, &other.kind)
}

fn join_types(known: &mut FieldType, other: &FieldType) -> bool {
    match (known, other) {
        (FieldType::Array(known), FieldType::Array(other))
        | (FieldType::Map(known), FieldType::Map(other)) => join_types(known, other),
        (FieldType::Object(known), FieldType::Object(other)) => {
            other.iter().all(|(name, other)| match known.get_mut(name) {
                Some(known) => join(known, other),
                None => {
                    known.insert(name.clone(), other.clone());
                    true
                }
            })
        }
        (known, other) => known == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(name: &str, field: Field) -> Schema {
        Schema {
            name: name.parse().unwrap(),
            title: String::new(),
            description: None,
            class: Class::Profile,
            fields: [("list".to_owned(), field)].into(),
        }
    }

    fn list(members: &[(&str, FieldType)]) -> Field {
        let members = members.iter().map(|(name, kind)| ((*name).to_owned(), Field::of(kind.clone())));
        Field::of(FieldType::Array(Box::new(FieldType::Object(members.collect()))))
    }

    #[test]
    fn lists_of_objects_are_joined_member_by_member_as_objects_are() {
        let mut first = list(&[("a", FieldType::String)]);
        first.labels.insert("C2".into());
        let mut second = list(&[("a", FieldType::String), ("b", FieldType::Double)]);
        second.labels.insert("I1".into());
        let joined = union([&schema("x", first), &schema("y", second.clone())], Class::Profile).unwrap();
        assert_eq!(joined["list"].kind, second.kind);
        assert_eq!(joined["list"].labels, ["C2".into(), "I1".into()].into());
    }

    #[test]
    fn lists_whose_objects_are_at_odds_have_no_union() {
        let first = schema("x", list(&[("a", FieldType::String)]));
        let second = schema("y", list(&[("a", FieldType::Double)]));
        assert_eq!(union([&first, &second], Class::Profile).unwrap_err().len(), 1);
    }
}
