//! Example profiles of an audience: somebody who is expected to be in it, or not to be.

use domain::audience::EVENTS;
use domain::schema::{Field, FieldType, Fields};
use domain::value::{Object, Value, object_from_json};
use jiff::Timestamp;
use pql::Schemas;

use crate::explain::MEMBERSHIPS;
use crate::problem::Notes;
use crate::read::{Members, Read, unexpected};
use crate::suggest::instead_of;
use crate::yaml::{Content, Key, Node};

pub(crate) struct ExampleForm {
    pub(crate) name: Option<String>,
    profile: Node,
    pub(crate) is_in: bool,
    /// The instant of evaluation.
    pub(crate) now: Option<Timestamp>,
}

impl Read for ExampleForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<ExampleForm> {
        let mut members = Members::of(node, notes)?;
        let name = members.optional("name", notes);
        let profile = members.required::<ProfileForm>("profile", notes);
        let is_in = members.required("in", notes);
        let now = members.optional("now", notes);
        members.finish(notes);
        let ProfileForm(profile) = profile?;
        Some(ExampleForm { name: name?, profile, is_in: is_in?, now: now? })
    }
}

/// Attributes, with `xEvent` and `segmentMembership` beside them.
struct ProfileForm(Node);

impl Read for ProfileForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<ProfileForm> {
        Members::of(node, notes)?;
        Some(ProfileForm(node.clone()))
    }
}

impl ExampleForm {
    /// The profile as expressions see it.
    pub(crate) fn profile(&self) -> Object {
        match self.profile.to_json() {
            serde_json::Value::Object(members) => object_from_json(&members),
            _ => Object::new(),
        }
    }

    /// Holds the profile against the schemas.
    pub(crate) fn check(&self, schemas: Schemas<'_>, notes: &mut Notes<'_>) {
        check_profile(&self.profile, schemas, notes);
    }
}

/// Holds a profile against the schemas, as if it came from a dataset.
pub(crate) fn check_profile(profile: &Node, schemas: Schemas<'_>, notes: &mut Notes<'_>) {
    let Content::Map(members) = &profile.content else { return };
    for (key, value) in members {
        match key.text.as_str() {
            EVENTS => check_events(value, schemas.events, notes),
            MEMBERSHIPS => check_memberships(value, notes),
            _ => check_member(key, value, schemas.profile, notes),
        }
    }
}

fn check_events(node: &Node, fields: &Fields, notes: &mut Notes<'_>) {
    let mut fields = fields.clone();
    fields.entry("timestamp".to_owned()).or_insert_with(|| Field::of(FieldType::DateTime));
    let Content::List(events) = &node.content else {
        let _: Option<()> = unexpected(node, "a list of events", notes);
        return;
    };
    for event in events {
        let Content::Map(members) = &event.content else {
            let _: Option<()> = unexpected(event, "an event", notes);
            continue;
        };
        members.iter().for_each(|(key, value)| check_member(key, value, &fields, notes));
        if !members.iter().any(|(key, _)| key.text == "timestamp") {
            notes.note(event.at, "an event has a `timestamp`", "write when it happened".to_owned());
        }
    }
}

fn check_memberships(node: &Node, notes: &mut Notes<'_>) {
    if !matches!(node.content, Content::Map(_)) {
        let help = "write `{ups: {<audience>: {status: realized}}}`".to_owned();
        notes.note(node.at, format!("found {}, expected a map of namespaces", node.found()), help);
    }
}

fn check_member(key: &Key, node: &Node, fields: &Fields, notes: &mut Notes<'_>) {
    let Some(field) = fields.get(&key.text) else {
        let help = instead_of(&key.text, fields.keys());
        notes.note(key.at, format!("no schema has a field `{}` here", key.text), help);
        return;
    };
    if let (FieldType::Object(fields), Content::Map(members)) = (&field.kind, &node.content) {
        members.iter().for_each(|(key, value)| check_member(key, value, fields, notes));
        return;
    }
    let value = Value::from_json(&node.to_json());
    match value.as_ref().map(|value| field.check(value)) {
        Some(Ok(())) => {}
        // A field that is null is one that is missing.
        None if matches!(node.content, Content::Null) => {}
        Some(Err(expected)) => {
            let message =
                format!("found {}, {expected}: `{}` is of type {}", node.found(), key.text, field.kind);
            notes.note(node.at, message, None);
        }
        None => {
            let message = format!("found {}: `{}` is of type {}", node.found(), key.text, field.kind);
            notes.note(node.at, message, None);
        }
    }
}
