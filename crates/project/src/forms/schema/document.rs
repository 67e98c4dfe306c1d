//! `schemas/<name>.json`: an XDM document as it is published, with `<name>.descriptors.json` and `<name>.labels.json`
//! beside it. What it refers to stands in a folder of its own, `schemas/xdm/`.

use std::str::FromStr;

use domain::name::SchemaName;
use domain::schema::Class;
use domain::value::FieldPath;

use crate::folder::Files;
use crate::forms::{Kind, Part};
use crate::problem::{Notes, Position, Problem};
use crate::read::{At, Entries};
use crate::xdm::{self, Documents, Draft};

use super::SchemaForm;
use super::field::FieldForm;

/// The folder of schemas.
const SCHEMAS: &str = "schemas/";

/// Reads every document that is a schema of the project.
pub(crate) fn read(files: &Files, schemas: &mut Kind<SchemaName, SchemaForm>, problems: &mut Vec<Problem>) {
    let mut documents = Documents::default();
    for (file, text) in files.documents() {
        documents.note_and_add(file, text, problems);
    }
    let own = files.documents().filter_map(|(file, _)| Some((file, file.strip_prefix(SCHEMAS)?)));
    for (file, name) in own.filter(|(_, name)| !name.contains('/')) {
        if xdm::is_beside(file) {
            check_company(files, file, problems);
            continue;
        }
        let name = match SchemaName::from_str(xdm::stem(name)) {
            Ok(name) => name,
            Err(error) => {
                let help =
                    "rename the file, or move what schemas only refer to into `schemas/xdm/`".to_owned();
                let message = format!("a part is named by its file, and {error}");
                Notes::of(file, problems).note(Position::START, message, help);
                continue;
            }
        };
        if let Some(known) = schemas.parts.get(&name) {
            let message = format!("schema `{name}` stands in {} already", known.file);
            Notes::of(file, problems).note(Position::START, message, "keep one of the two".to_owned());
            continue;
        }
        let draft = documents.draft(file, problems);
        let form = draft.and_then(|draft| SchemaForm::of(draft, file, &mut Notes::of(file, problems)));
        schemas.parts.insert(name, Part { file: file.to_owned(), form });
    }
}

/// Notes descriptors and labels that stand beside nothing.
fn check_company(files: &Files, file: &str, problems: &mut Vec<Problem>) {
    let is_there =
        files.documents().any(|(other, _)| !xdm::is_beside(other) && xdm::stem(other) == xdm::stem(file));
    if !is_there {
        let message = format!("there is no `{}.json` that this file could stand beside", xdm::stem(file));
        Notes::of(file, problems).note(Position::START, message, None);
    }
}

impl SchemaForm {
    /// The form of a document. What its fields lack is noted as it is of the project's own YAML.
    fn of(draft: Draft, file: &str, notes: &mut Notes<'_>) -> Option<SchemaForm> {
        let Draft { title, description, class, mut fields, labels, mut warnings } = draft;
        let Some(class) = class else {
            let help = "extend a class: with `meta:class`, `meta:extends` or a `$ref` in `allOf` to `https://ns.adobe.com/xdm/context/profile` or `https://ns.adobe.com/xdm/context/experienceevent`; what schemas only refer to belongs into `schemas/xdm/`".to_owned();
            notes.note(Position::START, "this document extends no class that is known here", help);
            return None;
        };
        if class == Class::ExperienceEvent {
            // An event is its visitor's: who that is, is the edge's to say.
            for (namespace, _) in fields.iter_mut().filter_map(|field| field.identity.take()) {
                let message = "a field of an event is no identity: the descriptor is passed over";
                Notes::of(&super::descriptors_of(file), &mut warnings).note(namespace.at, message, None);
            }
        }
        let fields: Entries<FieldPath, FieldForm> = fields
            .into_iter()
            .map(|field| {
                (At { value: field.path.value.clone(), at: field.path.at }, FieldForm::drafted(field))
            })
            .collect();
        for (_, field) in &fields {
            field.check(notes);
        }
        let form = SchemaForm {
            title,
            description,
            class,
            labels: Vec::new(),
            fields,
            descriptors: Some(super::descriptors_of(file)),
            labelled: labels,
            warnings,
        };
        form.check(notes);
        Some(form)
    }
}
