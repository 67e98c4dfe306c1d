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
    /// When it said the newest of it.
    pub at: Timestamp,
    /// When it said what is older than that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub older: BTreeMap<FieldPath, Timestamp>,
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
    /// What a script says for the first time.
    pub fn new(attributes: Object, at: Timestamp) -> Signal {
        Signal { attributes, at, older: BTreeMap::new() }
    }

    /// When it said something of a field that it says something of.
    pub fn said_at(&self, path: &FieldPath) -> Timestamp {
        self.older.get(path).copied().unwrap_or(self.at)
    }

    /// This signal after another reading, whichever comes first: the newest word on each field stands, and what is not
    /// said stays.
    pub fn after(&self, attributes: &Object, at: Timestamp) -> Signal {
        let mut next =
            Signal { attributes: self.attributes.clone(), at: self.at.max(at), older: BTreeMap::new() };
        let known = value::leaves(&self.attributes).into_iter();
        let mut times: BTreeMap<FieldPath, Timestamp> =
            known.map(|(path, _)| (path.clone(), self.said_at(&path))).collect();
        for (path, value) in value::leaves(attributes) {
            if times.get(&path).is_none_or(|known| *known <= at) {
                value::insert(&mut next.attributes, &path, Value::clone(value));
                times.insert(path, at);
            }
        }
        times.retain(|_, time| *time != next.at);
        next.older = times;
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
        Schema {
            name: "signals".parse().unwrap(),
            title: String::new(),
            description: None,
            class: Class::Profile,
            fields,
        }
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
        let first = Signal::new(object(r#"{"mover": true}"#), at(10));
        let next = first.after(&object(r#"{"confidence": 0.5}"#), at(20));
        assert_eq!(next.attributes, object(r#"{"mover": true, "confidence": 0.5}"#));
        // What was said before something else is still the newest word on its own field.
        let late = next.after(&object(r#"{"mover": false}"#), at(15));
        assert_eq!(late.attributes, object(r#"{"mover": false, "confidence": 0.5}"#));
        assert_eq!(late.after(&object(r#"{"mover": true, "confidence": 1.0}"#), at(12)), late);
        let only_then = late.after(&object(r#"{"id": "a"}"#), at(5));
        assert_eq!(only_then.attributes, object(r#"{"mover": false, "confidence": 0.5, "id": "a"}"#));
        assert_eq!((only_then.at, only_then.said_at(&"id".parse().unwrap())), (at(20), at(5)));
    }
}
