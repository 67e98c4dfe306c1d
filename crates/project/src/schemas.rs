//! A JSON Schema for every kind of file, by which editors complete keys and underline mistakes.

mod descriptions;

use serde_json::{Map, Value, json};

use crate::forms::{
    audience::AudienceForm, dataflow::DataflowForm, dataset::DatasetForm, datastream::DatastreamForm,
    destination::DestinationForm, merge_policy::MergePoliciesForm, namespaces::NamespacesForm,
    offer::OfferForm, partner::PartnerForm, policy::PolicyForm, schema::SchemaForm, vocabulary::ActionsForm,
    vocabulary::ProjectForm,
};
use crate::shape::{Kind, Member, Members, Shape};

/// The JSON Schema of one kind of file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileSchema {
    /// The kind.
    pub name: &'static str,
    /// Which files of a project are of it: a path, or a folder with `*.yaml`.
    pub files: &'static str,
    /// The schema, of draft 7, which editors know best.
    pub document: Value,
}

/// The kinds of files: their names, where they stand, what they say, and what reads them.
fn kinds() -> [(&'static str, &'static str, &'static str, Kind); 13] {
    [
        (
            "project",
            "project.yaml",
            "A project's title and the words of its governance",
            Kind::of::<ProjectForm>(),
        ),
        (
            "namespaces",
            "namespaces.yaml",
            "Namespaces, the highest priority first",
            Kind::of::<NamespacesForm>(),
        ),
        (
            "marketing-actions",
            "marketing-actions.yaml",
            "Marketing actions of the project's own",
            Kind::of::<ActionsForm>(),
        ),
        (
            "merge-policies",
            "merge-policies.yaml",
            "How the fragments of a profile become one view",
            Kind::of::<MergePoliciesForm>(),
        ),
        (
            "partner",
            "partners/*.yaml",
            "Who supplies data, and what the contract allows",
            Kind::of::<PartnerForm>(),
        ),
        ("schema", "schemas/*.yaml", "Which fields a record has", Kind::of::<SchemaForm>()),
        (
            "dataset",
            "datasets/*.yaml",
            "Where a kind of rows comes from, and how they are written to profiles",
            Kind::of::<DatasetForm>(),
        ),
        (
            "policy",
            "policies/*.yaml",
            "Which marketing actions are denied on data of which labels",
            Kind::of::<PolicyForm>(),
        ),
        ("audience", "audiences/*.yaml", "Who is in an audience", Kind::of::<AudienceForm>()),
        (
            "destination",
            "destinations/*.yaml",
            "An account of a vendor, and what the vendor does with data",
            Kind::of::<DestinationForm>(),
        ),
        (
            "dataflow",
            "dataflows/*.yaml",
            "An audience on its way to a destination",
            Kind::of::<DataflowForm>(),
        ),
        (
            "datastream",
            "edge/datastreams/*.yaml",
            "Where a site's events go, and what is done with them on arrival",
            Kind::of::<DatastreamForm>(),
        ),
        ("offer", "edge/offers/*.yaml", "What a page may show, and to whom", Kind::of::<OfferForm>()),
    ]
}

/// The JSON Schemas of all kinds of files.
pub fn schemas() -> Vec<FileSchema> {
    let schema = |(name, files, says, kind)| {
        let mut writer = Writer::default();
        let root = writer.kind(kind);
        let mut document = Map::from_iter([
            ("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#")),
            ("title".to_owned(), json!(format!("{name}: `{files}`"))),
            ("description".to_owned(), json!(says)),
        ]);
        if let Value::Object(root) = root {
            document.extend(root);
        }
        if !writer.definitions.is_empty() {
            document.insert("definitions".to_owned(), Value::Object(writer.definitions));
        }
        FileSchema { name, files, document: Value::Object(document) }
    };
    kinds().into_iter().map(schema).collect()
}

/// Writes shapes as JSON Schema. A kind that holds itself stands among the definitions.
#[derive(Default)]
struct Writer {
    open: Vec<&'static str>,
    within_themselves: Vec<&'static str>,
    definitions: Map<String, Value>,
}

impl Writer {
    fn kind(&mut self, kind: Kind) -> Value {
        let name = kind.name();
        let shape = (kind.shape)();
        if !matches!(shape, Shape::Members(_) | Shape::Either(_)) {
            return self.shape(name, shape);
        }
        let reference = json!({ "$ref": format!("#/definitions/{name}") });
        if self.definitions.contains_key(name) {
            return reference;
        }
        if self.open.contains(&name) {
            self.within_themselves.push(name);
            return reference;
        }
        self.open.push(name);
        let schema = self.shape(name, shape);
        self.open.pop();
        if !self.within_themselves.contains(&name) {
            return schema;
        }
        self.definitions.insert(name.to_owned(), schema);
        reference
    }

    fn shape(&mut self, name: &str, shape: Shape) -> Value {
        match shape {
            Shape::Anything => json!({}),
            Shape::Boolean => json!({ "type": "boolean" }),
            Shape::Whole { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Shape::Number => json!({ "type": "number" }),
            Shape::Text => json!({ "type": "string", "minLength": 1 }),
            Shape::Scalar => json!({ "type": ["string", "number", "boolean"] }),
            Shape::Words(words) => json!({ "enum": words }),
            Shape::List(items) => json!({ "type": "array", "items": self.kind(items) }),
            Shape::Map(values) => json!({ "type": "object", "additionalProperties": self.kind(values) }),
            Shape::Members(members) => self.members(name, members),
            Shape::Either(kinds) => {
                json!({ "anyOf": kinds.into_iter().map(|kind| self.kind(kind)).collect::<Vec<_>>() })
            }
        }
    }

    fn members(&mut self, form: &str, Members { known, closed }: Members) -> Value {
        let required: Vec<_> = known.iter().filter(|key| key.required).map(|key| key.name).collect();
        let mut properties = Map::new();
        for Member { name, kind, .. } in known {
            let mut value = self.kind(kind);
            if let (Some(says), Value::Object(value)) = (descriptions::of(form, name), &mut value) {
                value.insert("description".to_owned(), json!(says));
            }
            properties.insert(name.to_owned(), value);
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if let Value::Object(schema) = &mut schema {
            if closed {
                schema.insert("additionalProperties".to_owned(), json!(false));
            }
            if !required.is_empty() {
                schema.insert("required".to_owned(), json!(required));
            }
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::folder::{FILES, FOLDERS};

    /// Every key of a kind and of those that it holds, with the form that reads it.
    fn keys(
        kind: Kind,
        seen: &mut BTreeSet<&'static str>,
        found: &mut BTreeSet<(&'static str, &'static str)>,
    ) {
        match (kind.shape)() {
            Shape::List(inner) | Shape::Map(inner) => keys(inner, seen, found),
            Shape::Either(kinds) => kinds.into_iter().for_each(|kind| keys(kind, seen, found)),
            Shape::Members(members) if seen.insert(kind.whole_name()) => {
                for member in members.known {
                    found.insert((kind.name(), member.name));
                    keys(member.kind, seen, found);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn every_key_is_described_and_nothing_else_is() {
        let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
        for (.., kind) in kinds() {
            keys(kind, &mut seen, &mut found);
        }
        let described: BTreeSet<_> =
            descriptions::DESCRIPTIONS.iter().map(|(form, key, _)| (*form, *key)).collect();
        let missing: Vec<_> = found.difference(&described).collect();
        let stale: Vec<_> = described.difference(&found).collect();
        assert!(missing.is_empty() && stale.is_empty(), "not described: {missing:?}; not known: {stale:?}");
        assert_eq!(described.len(), descriptions::DESCRIPTIONS.len(), "a key is described twice");
    }

    #[test]
    fn every_file_that_a_project_may_have_has_a_schema() {
        let files: BTreeSet<String> = kinds().iter().map(|(_, files, ..)| (*files).to_owned()).collect();
        let folders = FOLDERS.iter().map(|folder| format!("{folder}/*.yaml"));
        let expected: BTreeSet<String> = FILES.iter().map(|file| (*file).to_owned()).chain(folders).collect();
        assert_eq!(files, expected);
    }
}
