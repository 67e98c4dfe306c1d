//! `schemas/<name>.yaml`: which fields a record has.
//!
//! Fields stand under their whole paths, `person.name.firstName`; the objects on the way follow from them.

use std::collections::BTreeMap;

use domain::audience::EVENTS;
use domain::label::Label;
use domain::name::SchemaName;
use domain::namespace::NamespaceType;
use domain::schema::{self, Class, Fields, Schema};
use domain::value::FieldPath;

use crate::problem::{Notes, Position, Problem};
use crate::read::{At, Entries, Members, Read, word};
use crate::xdm::Described;
use crate::yaml::{self, Node};

use super::{Forms, Scope};

pub(crate) mod document;
mod field;
pub(crate) mod group;
pub(crate) mod write;

use field::{FieldForm, tree};

/// How many levels of objects, arrays and maps a schema may have. A catalogue has three levels of JSON for each, and its
/// readers stop at 128.
const MOST_LEVELS: usize = 20;

pub(crate) struct SchemaForm {
    title: Option<String>,
    description: Option<String>,
    class: Class,
    /// Labels that every field carries.
    labels: Vec<At<Label>>,
    fields: Entries<FieldPath, FieldForm>,
    /// The file in which identities stand, if that is another.
    descriptors: Option<String>,
    /// Labels of fields by the file in which they stand, if that is another.
    labelled: Vec<(String, Vec<At<Label>>)>,
    warnings: Vec<Problem>,
}

impl Read for SchemaForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<SchemaForm> {
        let mut members = Members::of(node, notes)?;
        let title = members.optional("title", notes);
        let description = members.optional("description", notes);
        let class = members.required("class", notes);
        let labels = members.optional("labels", notes);
        let groups: Option<Option<Vec<At<String>>>> = members.optional("field_groups", notes);
        let fields: Option<Entries<FieldPath, FieldForm>> = members.required("fields", notes);
        members.finish(notes);
        let mut fields = fields?;
        for (path, field) in group::fields(&groups?.unwrap_or_default(), notes) {
            match fields.iter().find(|(known, _)| known.value == path.value) {
                Some((known, _)) => {
                    let message = format!("field `{}` comes with a field group already", path.value);
                    notes.note(known.at, message, "give it another path".to_owned());
                }
                None => fields.push((path, field)),
            }
        }
        let form = SchemaForm {
            title: title?,
            description: description?,
            class: class?,
            labels: labels?.unwrap_or_default(),
            fields,
            descriptors: None,
            labelled: Vec::new(),
            warnings: Vec::new(),
        };
        form.check(notes);
        Some(form)
    }
}

impl Read for Class {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Class> {
        let words = [("profile", Class::Profile), ("experience_event", Class::ExperienceEvent)];
        word(node, &words, notes)
    }
}

impl SchemaForm {
    fn check(&self, notes: &mut Notes<'_>) {
        for (_, field) in self.fields.iter().filter(|(_, field)| field.is_object()) {
            let help = "write its members as `a.b`, each with labels of its own".to_owned();
            notes.note(field.at, "an object is no field by itself", help);
        }
        for (path, field) in &self.fields {
            let levels = path.value.steps().count() - 1 + field.levels();
            if levels > MOST_LEVELS {
                let message = format!("this field lies {levels} levels deep, expected at most {MOST_LEVELS}");
                notes.note(path.at, message, None);
            }
        }
        for (path, _) in self.fields.iter().filter(|(path, _)| path.value.steps().next() == Some(EVENTS)) {
            let help = format!("give it another name: expressions call a profile's events `{EVENTS}`");
            notes.note(path.at, format!("`{}` is no field's name", path.value), help);
        }
        if self.class == Class::ExperienceEvent {
            self.check_event(notes);
            return;
        }
        let mut primaries = self.fields.iter().filter(|(_, field)| field.is_primary());
        if primaries.next().is_none() {
            let help = match &self.descriptors {
                Some(file) => format!(
                    "add a descriptor `xdm:descriptorIdentity` with `\"xdm:isPrimary\": true` to {file}"
                ),
                None => "mark one field with `identity: {namespace: ..., primary: true}`".to_owned(),
            };
            notes.note(Position::START, "no field is the primary identity", help);
        }
        for (path, _) in primaries {
            let message = format!("field `{}` is a second primary identity: a schema has one", path.value);
            notes.note(path.at, message, None);
        }
    }

    /// A record is of the person whom its primary identity names, or of whoever holds the partner's ID that keys it: that
    /// one links nobody, and so nothing beside it may.
    fn check_identities(&self, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        let mut identities = Vec::new();
        for identity in self.fields.iter().filter_map(|(_, field)| field.identity.as_ref()) {
            let namespace = &identity.value.namespace;
            let kind = scope.forms.namespace_type(&scope.catalogue.namespaces, namespace, notes);
            identities.extend(kind.map(|kind| (&identity.value, kind)));
        }
        if self.class != Class::Profile {
            return;
        }
        for (primary, kind) in identities.iter().filter(|(identity, _)| identity.primary) {
            let code = &primary.namespace;
            let linking = identities.iter().find(|(_, kind)| kind.links_people());
            match (kind, linking) {
                (NamespaceType::NonPeople, _) => {
                    let message = format!(
                        "namespace `{}` holds IDs of no person, which are no primary identity of class `profile`",
                        code.value
                    );
                    let help = "make an e-mail address or an ID of your own the primary identity".to_owned();
                    notes.note(code.at, message, help);
                }
                (NamespaceType::PartnerId, Some((other, _))) => {
                    let message = format!(
                        "namespace `{}` holds a partner's IDs, which link nobody: a schema with an identity of namespace `{}` is not keyed by them",
                        code.value, other.namespace.value
                    );
                    let help =
                        format!("make that of namespace `{}` the primary identity", other.namespace.value);
                    notes.note(code.at, message, help);
                }
                _ => {}
            }
        }
    }

    /// An event is its visitor's: who that is, is the edge's to say, from the request and not from a field.
    fn check_event(&self, notes: &mut Notes<'_>) {
        for (_, field) in &self.fields {
            if let Some(identity) = &field.identity {
                let help = "take the identity to the schema of a dataset that maps the field".to_owned();
                notes.note(identity.at, "a field of an event is no identity", help);
            }
        }
    }

    pub(crate) fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Where a field is declared.
    pub(crate) fn place(&self, field: &FieldPath) -> Position {
        self.fields.iter().find(|(path, _)| path.value == *field).map_or(Position::START, |(path, _)| path.at)
    }

    pub(crate) fn compile(
        &self,
        name: &SchemaName,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<Schema> {
        scope.forms.check_labels(&self.labels, notes);
        if self.labelled.is_empty() {
            scope.forms.check_labels(self.fields.iter().flat_map(|(_, field)| field.every_label()), notes);
        }
        for (file, labels) in &self.labelled {
            scope.forms.check_labels(labels, &mut notes.of_file(file));
        }
        self.check_identities(scope, &mut notes.of_other(self.descriptors.as_deref()));
        let fields = self.fields.iter().map(|(path, field)| (path.clone(), field.compile(&self.labels)));
        Some(Schema {
            name: name.clone(),
            title: self.title.clone().unwrap_or_else(|| name.to_string()),
            description: self.description.clone(),
            class: self.class,
            fields: tree(fields, notes)?,
        })
    }
}

/// The file of a document's descriptors.
fn descriptors_of(file: &str) -> String {
    format!("{}.descriptors.json", crate::xdm::stem(file))
}

/// What a file `schemas/<name>.yaml` says by itself, whether or not there is a project that it belongs to.
pub(crate) fn describe(text: &str, notes: &mut Notes<'_>) -> Option<Described> {
    let form = SchemaForm::read(&yaml::parse(text, notes)?, notes)?;
    let fields = form.fields.iter().map(|(path, field)| (path.clone(), field.compile(&form.labels)));
    let fields = tree(fields, notes)?;
    Some(Described {
        title: form.title.unwrap_or_default(),
        description: form.description,
        class: Some(form.class),
        fields,
        definitions: Fields::new(),
        warnings: Vec::new(),
    })
}

/// The union schema of a class, if every schema is sound and no two of them disagree. Where they do is noted.
pub(crate) fn union(
    forms: &Forms,
    schemas: &BTreeMap<SchemaName, Schema>,
    class: Class,
    problems: &mut Vec<Problem>,
) -> Option<Fields> {
    let conflicts = match schema::union(schemas.values(), class) {
        Ok(fields) => return (schemas.len() == forms.schemas.parts.len()).then_some(fields),
        Err(conflicts) => conflicts,
    };
    for conflict in conflicts {
        let part = forms.schemas.parts.get(&conflict.second_schema);
        let form = part.and_then(|part| part.form.as_ref());
        let at = form.map_or(Position::START, |form| form.place(&conflict.path));
        let mut notes = Notes::of(forms.schemas.file(&conflict.second_schema), problems);
        notes.note(at, conflict.to_string(), "give one of the two another path".to_owned());
    }
    None
}
