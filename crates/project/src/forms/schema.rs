//! `schemas/<name>.yaml`: which fields a record has.
//!
//! Fields stand under their whole paths, `person.name.firstName`; the objects on the way follow from them.

use std::collections::{BTreeMap, BTreeSet};

use domain::audience::EVENTS;
use domain::label::Label;
use domain::name::SchemaName;
use domain::namespace::{NamespaceCode, NamespaceType};
use domain::schema::{self, Class, Field, FieldType, Fields, IdentityDescriptor, Schema};
use domain::value::{FieldPath, Value};

use crate::problem::{Notes, Position, Problem};
use crate::read::{At, Entries, Members, Read, word};
use crate::yaml::Node;

use super::{Forms, Scope};

pub(crate) struct SchemaForm {
    title: Option<String>,
    class: Class,
    /// Labels that every field carries.
    labels: Vec<At<Label>>,
    fields: Entries<FieldPath, FieldForm>,
}

struct FieldForm {
    kind: FieldType,
    title: Option<String>,
    labels: Vec<At<Label>>,
    required: bool,
    allowed: Vec<At<Value>>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    identity: Option<At<IdentityForm>>,
}

struct IdentityForm {
    namespace: At<NamespaceCode>,
    primary: bool,
}

impl Read for SchemaForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<SchemaForm> {
        let mut members = Members::of(node, notes)?;
        let title = members.optional("title", notes);
        let class = members.required("class", notes);
        let labels = members.optional("labels", notes);
        let fields = members.required("fields", notes);
        members.finish(notes);
        let (title, class, fields) = (title?, class?, fields?);
        let form = SchemaForm { title, class, labels: labels?.unwrap_or_default(), fields };
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

impl Read for FieldForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<FieldForm> {
        let mut members = Members::of(node, notes)?;
        let kind = read_type(&mut members, notes);
        let title = members.optional("title", notes);
        let labels = members.optional("labels", notes);
        let required = members.optional("required", notes);
        let allowed = members.optional("enum", notes);
        let minimum = members.optional("minimum", notes);
        let maximum = members.optional("maximum", notes);
        let identity = members.optional("identity", notes);
        members.finish(notes);
        let form = FieldForm {
            kind: kind?,
            title: title?,
            labels: labels?.unwrap_or_default(),
            required: required?.unwrap_or(false),
            allowed: allowed?.unwrap_or_default(),
            minimum: minimum?,
            maximum: maximum?,
            identity: identity?,
        };
        form.check(node.at, notes);
        Some(form)
    }
}

impl Read for IdentityForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<IdentityForm> {
        let mut members = Members::of(node, notes)?;
        let namespace = members.required("namespace", notes);
        let primary = members.optional("primary", notes);
        members.finish(notes);
        Some(IdentityForm { namespace: namespace?, primary: primary?.unwrap_or(false) })
    }
}

/// A type by itself, as that of an array's items.
struct TypeForm(FieldType);

impl Read for TypeForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<TypeForm> {
        let mut members = Members::of(node, notes)?;
        let kind = read_type(&mut members, notes);
        members.finish(notes);
        kind.map(TypeForm)
    }
}

/// The members `type`, `items` (of an array), `values` (of a map) and `fields` (of an array's or a map's objects).
fn read_type(members: &mut Members<'_>, notes: &mut Notes<'_>) -> Option<FieldType> {
    #[derive(Clone, Copy)]
    enum Word {
        Scalar(fn() -> FieldType),
        Object,
        Array,
        Map,
    }
    struct Type(Word);
    impl Read for Type {
        fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Type> {
            let words = [
                ("string", Word::Scalar(|| FieldType::String)),
                ("integer", Word::Scalar(|| FieldType::Integer)),
                ("double", Word::Scalar(|| FieldType::Double)),
                ("boolean", Word::Scalar(|| FieldType::Boolean)),
                ("date", Word::Scalar(|| FieldType::Date)),
                ("date-time", Word::Scalar(|| FieldType::DateTime)),
                ("object", Word::Object),
                ("array", Word::Array),
                ("map", Word::Map),
            ];
            word(node, &words, notes).map(Type)
        }
    }
    match members.required::<Type>("type", notes)?.0 {
        Word::Scalar(kind) => Some(kind()),
        Word::Array => {
            members.required("items", notes).map(|TypeForm(item)| FieldType::Array(Box::new(item)))
        }
        Word::Map => members.required("values", notes).map(|TypeForm(item)| FieldType::Map(Box::new(item))),
        Word::Object => {
            let fields: Entries<FieldPath, TypeForm> = members.required("fields", notes)?;
            let fields = fields.into_iter().map(|(path, TypeForm(kind))| (path, Field::of(kind)));
            tree(fields, notes).map(FieldType::Object)
        }
    }
}

/// The fields as a tree. A field within another that is no object is noted.
fn tree(fields: impl Iterator<Item = (At<FieldPath>, Field)>, notes: &mut Notes<'_>) -> Option<Fields> {
    let mut fields: Vec<_> = fields.collect();
    // In this order a field comes before whatever lies below it.
    fields.sort_by(|(one, _), (other, _)| one.value.cmp(&other.value));
    let mut tree = Fields::new();
    let mut fits = true;
    for (path, field) in fields {
        if let Err(leaf) = schema::insert(&mut tree, &path.value, field) {
            let message =
                format!("field `{}` lies within a field of type {leaf}, which has no members", path.value);
            notes.note(path.at, message, None);
            fits = false;
        }
    }
    fits.then_some(tree)
}

impl SchemaForm {
    fn check(&self, notes: &mut Notes<'_>) {
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
            scope.forms.check_labels(&field.labels, notes);
        }
        self.check_identities(scope, notes);
        let fields = self.fields.iter().map(|(path, field)| (path.clone(), field.compile(&self.labels)));
        Some(Schema {
            name: name.clone(),
            title: self.title.clone().unwrap_or_else(|| name.to_string()),
            class: self.class,
            fields: tree(fields, notes)?,
        })
    }
}

impl FieldForm {
    fn is_primary(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.value.primary)
    }

    fn check(&self, at: Position, notes: &mut Notes<'_>) {
        let kind = &self.kind;
        if matches!(kind, FieldType::Object(_)) {
            let help = "write its members as `a.b`, each with labels of its own".to_owned();
            notes.note(at, "an object is no field by itself", help);
        }
        for value in self.allowed.iter().filter(|value| !fits(kind, &value.value)) {
            notes.note(value.at, format!("this value does not fit the field's type, {kind}"), None);
        }
        let is_number = matches!(kind, FieldType::Integer | FieldType::Double);
        if !is_number && (self.minimum.is_some() || self.maximum.is_some()) {
            notes.note(
                at,
                format!("a field of type {kind} has no minimum or maximum: only numbers do"),
                None,
            );
        }
        if let (Some(minimum), Some(maximum)) = (self.minimum, self.maximum)
            && minimum > maximum
        {
            notes.note(at, format!("the minimum {minimum} lies above the maximum {maximum}"), None);
        }
        if let Some(identity) = &self.identity
            && *kind != FieldType::String
        {
            notes.note(identity.at, format!("a field of type {kind} is no identity: only a string is"), None);
        }
    }

    fn compile(&self, of_schema: &[At<Label>]) -> Field {
        let labels: BTreeSet<Label> =
            self.labels.iter().chain(of_schema).map(|label| label.value.clone()).collect();
        let identity = self.identity.as_ref().map(|identity| IdentityDescriptor {
            namespace: identity.value.namespace.value.clone(),
            primary: identity.value.primary,
        });
        Field {
            kind: self.kind.clone(),
            title: self.title.clone(),
            labels,
            // Without its primary identity a record is nobody's.
            required: self.required || self.is_primary(),
            allowed: self.allowed.iter().map(|value| value.value.clone()).collect(),
            minimum: self.minimum,
            maximum: self.maximum,
            identity,
        }
    }
}

/// Whether a value is of a scalar type.
fn fits(kind: &FieldType, value: &Value) -> bool {
    matches!(
        (kind, value),
        (FieldType::String | FieldType::Date | FieldType::DateTime, Value::String(_))
            | (FieldType::Integer, Value::Integer(_))
            | (FieldType::Double, Value::Integer(_) | Value::Double(_))
            | (FieldType::Boolean, Value::Boolean(_))
    )
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
