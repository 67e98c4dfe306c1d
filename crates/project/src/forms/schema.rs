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
use crate::yaml::Node;

use super::{Forms, Scope};

mod field;

use field::{FieldForm, tree};

pub(crate) struct SchemaForm {
    title: Option<String>,
    description: Option<String>,
    class: Class,
    /// Labels that every field carries.
    labels: Vec<At<Label>>,
    fields: Entries<FieldPath, FieldForm>,
}

impl Read for SchemaForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<SchemaForm> {
        let mut members = Members::of(node, notes)?;
        let title = members.optional("title", notes);
        let description = members.optional("description", notes);
        let class = members.required("class", notes);
        let labels = members.optional("labels", notes);
        let fields = members.required("fields", notes);
        members.finish(notes);
        let form = SchemaForm {
            title: title?,
            description: description?,
            class: class?,
            labels: labels?.unwrap_or_default(),
            fields: fields?,
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
            let help = "mark one field with `identity: {namespace: ..., primary: true}`".to_owned();
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
        for (_, field) in &self.fields {
            scope.forms.check_labels(field.every_label(), notes);
        }
        self.check_identities(scope, notes);
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
