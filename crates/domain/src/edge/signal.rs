//! Signals: what a partner's script says of a visitor, as it rides in the site's own events.
//!
//! A browser may claim anything, in a partner's name too. So a signal is a record of a dataset of its own, whose fields
//! are checked like those of a file, and never touches what the partner's files said.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::dataset::DatastreamSource;
use crate::namespace::Namespace;
use crate::schema::{Field, Schema};
use crate::value::{self, FieldPath, Object, Value};

/// The newest word of a partner's script on a visitor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// What it says, by the fields of the dataset's schema.
    pub attributes: Object,
    /// When it said so.
    pub at: Timestamp,
}

/// What an event holds for a dataset.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// The fields that can be used.
    pub attributes: Object,
    /// The fields of the event that cannot, and why. Values are not repeated.
    pub unusable: BTreeMap<FieldPath, &'static str>,
}

/// Reads what an event's `xdm` holds for a dataset of a datastream. What no identity of its namespace can be is not used.
pub fn read(namespaces: &[Namespace], source: &DatastreamSource, schema: &Schema, xdm: &Object) -> Reading {
    let mut reading = Reading::default();
    for (from, to) in &source.fields {
        let Some(value) = value::at(xdm, from) else { continue };
        let Some(field) = schema.field(to) else { continue };
        let checked = field.check(value).and_then(|()| check_identity(namespaces, field, value));
        match checked {
            Ok(()) => value::insert(&mut reading.attributes, to, value.clone()),
            Err(reason) => {
                reading.unusable.insert(from.clone(), reason);
            }
        }
    }
    reading
}

fn check_identity(namespaces: &[Namespace], field: &Field, value: &Value) -> Result<(), &'static str> {
    let Some(identity) = &field.identity else { return Ok(()) };
    let namespace = namespaces.iter().find(|namespace| namespace.code == identity.namespace);
    let fits =
        namespace.is_some_and(|namespace| namespace.normalise(value.as_str().unwrap_or_default()).is_ok());
    if fits { Ok(()) } else { Err("an identity of the field's namespace is expected") }
}

impl Signal {
    /// This signal after a newer reading: what is said anew replaces what was said before, and what is not said stays.
    /// An older reading changes nothing.
    pub fn after(&self, attributes: &Object, at: Timestamp) -> Signal {
        if at < self.at {
            return self.clone();
        }
        let mut next = Signal { attributes: self.attributes.clone(), at };
        for (path, value) in value::leaves(attributes) {
            value::insert(&mut next.attributes, &path, Value::clone(value));
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Class, FieldType, IdentityDescriptor};

    fn schema() -> Schema {
        let identity = IdentityDescriptor { namespace: "ECID".parse().unwrap(), primary: false };
        let fields = BTreeMap::from([
            ("mover".to_owned(), Field::of(FieldType::Boolean)),
            ("confidence".to_owned(), Field { maximum: Some(1.0), ..Field::of(FieldType::Double) }),
            ("id".to_owned(), Field { identity: Some(identity), ..Field::of(FieldType::String) }),
        ]);
        Schema { name: "signals".parse().unwrap(), title: String::new(), class: Class::Profile, fields }
    }

    fn object(json: &str) -> Object {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn mapped_fields_that_fit_are_read_and_the_others_are_named() {
        let source = DatastreamSource {
            datastream: "shop".parse().unwrap(),
            fields: BTreeMap::from([
                ("_partner.mover".parse().unwrap(), "mover".parse().unwrap()),
                ("_partner.confidence".parse().unwrap(), "confidence".parse().unwrap()),
                ("_partner.id".parse().unwrap(), "id".parse().unwrap()),
            ]),
        };
        let xdm = object(
            r#"{"_partner": {"mover": true, "confidence": 7, "id": "", "other": 1}, "eventType": "x"}"#,
        );
        let reading = read(&Namespace::standard(), &source, &schema(), &xdm);
        assert_eq!(reading.attributes, object(r#"{"mover": true}"#));
        assert_eq!(
            reading.unusable.keys().map(FieldPath::as_str).collect::<Vec<_>>(),
            ["_partner.confidence", "_partner.id"]
        );
    }

    #[test]
    fn the_newest_word_on_each_field_stands() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let first = Signal { attributes: object(r#"{"mover": true}"#), at: at(10) };
        let next = first.after(&object(r#"{"confidence": 0.5}"#), at(20));
        assert_eq!(next.attributes, object(r#"{"mover": true, "confidence": 0.5}"#));
        assert_eq!(next.after(&object(r#"{"mover": false}"#), at(15)), next);
    }
}
