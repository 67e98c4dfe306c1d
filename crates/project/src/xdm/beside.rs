//! What stands beside a document: descriptors, which say who is identified and which labels fields carry.

use std::collections::BTreeSet;

use domain::label::Label;
use domain::namespace::NamespaceCode;
use domain::schema::FieldType;
use domain::value::FieldPath;
use serde_json::{Map, Value as Json};

use super::document::Document;
use super::{Draft, DraftField, name};
use crate::problem::{Notes, Position, Problem};
use crate::read::At;
use crate::suggest::instead_of;

impl Draft {
    /// Adds what descriptors say: those of the document itself, and of whatever it extends. Descriptors of other schemas
    /// and of other types are nobody's business, so that an export of all of them can stand there as it is. Only labels
    /// that no document takes are warned of: those who wrote them meant to restrict something.
    pub(super) fn add_beside(
        &mut self,
        document: &Document,
        extends: &BTreeSet<String>,
        is_known: impl Fn(&str) -> bool,
        problems: &mut Vec<Problem>,
    ) {
        let mut notes = Notes::of(&document.file, problems);
        let (prefix, list) = match &document.json {
            Json::Array(list) => (String::new(), list.iter().collect()),
            other => match other.get("results").and_then(Json::as_array) {
                Some(list) => ("/results".to_owned(), list.iter().collect()),
                None => (String::new(), vec![other]),
            },
        };
        let is_list = document.json.is_array() || !prefix.is_empty();
        let mut labels = Vec::new();
        for (index, json) in list.into_iter().enumerate() {
            let pointer = if is_list { format!("{prefix}/{index}") } else { String::new() };
            let Some(members) = json.as_object() else {
                notes.note(document.place(&pointer), "expected a descriptor, an object with `@type`", None);
                continue;
            };
            let said = Said { document, pointer, members };
            let schema = said.text("xdm:sourceSchema");
            if let Some(schema) = schema.filter(|schema| !extends.contains(*schema)) {
                if said.text("@type") == Some("xdm:descriptorLabel") && !is_known(schema) {
                    self.warnings.push(unused(&said, schema));
                }
                continue;
            }
            match said.text("@type") {
                Some("xdm:descriptorIdentity") => self.add_identity(&said, &mut notes),
                Some("xdm:descriptorLabel") => self.add_labels(&said, &mut labels, &mut notes),
                Some(_) => {}
                None => said.note(
                    "",
                    "`@type` is missing, which says what kind of descriptor this is",
                    None,
                    &mut notes,
                ),
            }
        }
        self.labels.push((document.file.clone(), labels));
    }

    fn add_identity(&mut self, said: &Said<'_>, notes: &mut Notes<'_>) {
        let Some(property) = said.required("xdm:sourceProperty", notes) else { return };
        let Some(code) = said.required("xdm:namespace", notes) else { return };
        if said.text("xdm:property") == Some("xdm:id") {
            let help = "write its code, and `\"xdm:property\": \"xdm:code\"`".to_owned();
            said.note(
                "xdm:namespace",
                "a namespace is known here by its code, and not by a number",
                Some(help),
                notes,
            );
            return;
        }
        let namespace = match code.parse::<NamespaceCode>() {
            Ok(value) => At { value, at: said.at("xdm:namespace") },
            Err(error) => return said.note("xdm:namespace", error.to_string(), None, notes),
        };
        let is_primary = match said.members.get("xdm:isPrimary") {
            None | Some(Json::Null) => false,
            Some(Json::Bool(is_primary)) => *is_primary,
            Some(_) => return said.note("xdm:isPrimary", "expected `true` or `false`", None, notes),
        };
        let Some(indices) = self.find(said, "xdm:sourceProperty", property, notes) else { return };
        let found = match indices.as_slice() {
            [index] => self.fields.get_mut(*index),
            _ => None,
        };
        match found {
            Some(field) if field.field.kind == FieldType::String => {
                field.identity = Some((namespace, is_primary))
            }
            _ => {
                let message = format!("`{property}` is no identity: only a single string is");
                said.note("xdm:sourceProperty", message, None, notes);
            }
        }
    }

    fn add_labels(&mut self, said: &Said<'_>, all: &mut Vec<At<Label>>, notes: &mut Notes<'_>) {
        let listed = said.members.get("xdm:labels").and_then(Json::as_array);
        let Some(listed) = listed else {
            return said.note("xdm:labels", "`xdm:labels` is missing, a list of labels", None, notes);
        };
        if listed.is_empty() || !listed.iter().all(Json::is_string) {
            return said.note("xdm:labels", "expected labels, which are texts, one at least", None, notes);
        }
        let labels: Vec<At<Label>> = listed
            .iter()
            .filter_map(Json::as_str)
            .map(|label| At { value: Label::from(label).unqualified(), at: said.at("xdm:labels") })
            .collect();
        let every = || (0..self.fields.len()).collect();
        let source = said.texts("xdm:sourceProperty");
        let of: BTreeSet<usize> = if source.is_empty() {
            every()
        } else {
            let found = source.iter().filter_map(|path| self.find(said, "xdm:sourceProperty", path, notes));
            found.flatten().collect()
        };
        let excluded = said.texts("xdm:excludeProperty");
        let excluded = excluded.iter().filter_map(|path| self.find(said, "xdm:excludeProperty", path, notes));
        let excluded: BTreeSet<usize> = excluded.flatten().collect();
        for index in of.difference(&excluded) {
            if let Some(field) = self.fields.get_mut(*index) {
                field.labels.extend(labels.iter().cloned());
            }
        }
        all.extend(labels);
    }

    /// The fields at a property's path and below it, by their indices. There is one at least, or it is noted.
    fn find(&self, said: &Said<'_>, key: &str, property: &str, notes: &mut Notes<'_>) -> Option<Vec<usize>> {
        let path = path(property);
        let is_meant = |field: &DraftField| {
            let known = &field.path.value;
            path.as_ref().is_some_and(|path| {
                known.is_within(path)
                    || (path.is_within(known) && field.field.kind != *field.field.kind.single())
            })
        };
        let found: Vec<usize> = self
            .fields
            .iter()
            .enumerate()
            .filter(|(_, field)| is_meant(field))
            .map(|(index, _)| index)
            .collect();
        if !found.is_empty() {
            return Some(found);
        }
        let known =
            self.fields.iter().map(|field| format!("/{}", field.path.value.as_str().replace('.', "/")));
        // All of a large schema would help nobody.
        let help = instead_of(property, known).filter(|help| help.len() < 500);
        said.note(key, format!("there is no field `{property}` in the schema"), help, notes);
        None
    }
}

/// Says of labels that they restrict nothing.
fn unused(said: &Said<'_>, schema: &str) -> Problem {
    let Position { line, column } = said.at("xdm:sourceSchema");
    Problem {
        file: said.document.file.clone(),
        line,
        column,
        message: format!("these labels are on no field: no document here has the `$id` `{schema}`"),
        help: Some("write the `$id` of the schema, or of what it extends".to_owned()),
    }
}

/// The path of a property: `/xdm:person/xdm:name`, with or without prefixes; what stands for the items of a list is
/// passed over.
fn path(property: &str) -> Option<FieldPath> {
    let steps = property.split('/').filter(|step| !step.is_empty() && *step != "*");
    let steps: Result<Vec<Vec<String>>, String> =
        steps.map(|step| name::steps(step.strip_suffix("[*]").unwrap_or(step))).collect();
    steps.ok()?.concat().join(".").parse().ok()
}

/// A descriptor and where it stands.
struct Said<'d> {
    document: &'d Document,
    pointer: String,
    members: &'d Map<String, Json>,
}

impl<'d> Said<'d> {
    fn text(&self, key: &str) -> Option<&'d str> {
        self.members.get(key).and_then(Json::as_str)
    }

    /// The texts of a member that is one or a list.
    fn texts(&self, key: &str) -> Vec<&'d str> {
        match self.members.get(key) {
            Some(Json::String(text)) => vec![text],
            Some(Json::Array(texts)) => texts.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        }
    }

    fn required(&self, key: &str, notes: &mut Notes<'_>) -> Option<&'d str> {
        let text = self.text(key);
        if text.is_none() {
            self.note("", format!("`{key}` is missing, a text"), None, notes);
        }
        text
    }

    fn at(&self, key: &str) -> Position {
        self.document.place(&format!("{}/{key}", self.pointer))
    }

    fn note(&self, key: &str, message: impl Into<String>, help: Option<String>, notes: &mut Notes<'_>) {
        notes.note(self.at(key), message, help);
    }
}
