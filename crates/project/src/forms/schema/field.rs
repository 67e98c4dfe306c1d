//! One field of a schema, as it is written.

use std::collections::BTreeSet;

use domain::label::Label;
use domain::namespace::NamespaceCode;
use domain::schema::{self, FORMATS, Field, FieldType, Fields, Format, IdentityDescriptor, Pattern};
use domain::value::{FieldPath, Value};

use crate::problem::{Notes, Position};
use crate::read::{At, Entries, Members, Read, word};
use crate::xdm::DraftField;
use crate::yaml::Node;

pub(crate) struct FieldForm {
    /// Where what is said of it begins.
    pub(super) at: Position,
    kind: TypeForm,
    title: Option<String>,
    description: Option<String>,
    pub(super) labels: Vec<At<Label>>,
    required: bool,
    allowed: Vec<At<Value>>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    format: Option<At<Format>>,
    pattern: Option<At<Pattern>>,
    minimum_length: Option<At<u32>>,
    maximum_length: Option<At<u32>>,
    pub(super) identity: Option<At<IdentityForm>>,
}

/// The members `type`, `items` (of an array), `values` (of a map) and `fields` (of an array's or a map's objects).
struct TypeForm {
    kind: FieldType,
    /// What the type's own name says of its numbers.
    limits: Option<(f64, f64)>,
    /// Labels of whatever lies inside.
    labels: Vec<At<Label>>,
}

pub(crate) struct IdentityForm {
    pub(super) namespace: At<NamespaceCode>,
    pub(super) primary: bool,
}

impl Read for FieldForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<FieldForm> {
        let mut members = Members::of(node, notes)?;
        let kind = TypeForm::of(&mut members, notes);
        let title = members.optional("title", notes);
        let description = members.optional("description", notes);
        let labels = members.optional("labels", notes);
        let required = members.optional("required", notes);
        let allowed = members.optional("enum", notes);
        let minimum = members.optional("minimum", notes);
        let maximum = members.optional("maximum", notes);
        let format = members.optional("format", notes);
        let pattern = members.optional("pattern", notes);
        let minimum_length = members.optional("minimum_length", notes);
        let maximum_length = members.optional("maximum_length", notes);
        let identity = members.optional("identity", notes);
        members.finish(notes);
        let form = FieldForm {
            at: node.at,
            kind: kind?,
            title: title?,
            description: description?,
            labels: labels?.unwrap_or_default(),
            required: required?.unwrap_or(false),
            allowed: allowed?.unwrap_or_default(),
            minimum: minimum?,
            maximum: maximum?,
            format: format?,
            pattern: pattern?,
            minimum_length: minimum_length?,
            maximum_length: maximum_length?,
            identity: identity?,
        };
        form.check(notes);
        Some(form)
    }
}

impl Read for Format {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Format> {
        word(node, &FORMATS, notes)
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

impl Read for TypeForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<TypeForm> {
        let mut members = Members::of(node, notes)?;
        let form = TypeForm::of(&mut members, notes);
        members.finish(notes);
        form
    }
}

#[derive(Clone, Copy)]
enum TypeWord {
    Scalar(fn() -> FieldType),
    /// A whole number between limits.
    Whole(f64, f64),
    Object,
    Array,
    Map,
}

impl Read for TypeWord {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<TypeWord> {
        let words = [
            ("string", TypeWord::Scalar(|| FieldType::String)),
            ("integer", TypeWord::Scalar(|| FieldType::Integer)),
            ("long", TypeWord::Scalar(|| FieldType::Integer)),
            ("short", TypeWord::Whole(f64::from(i16::MIN), f64::from(i16::MAX))),
            ("byte", TypeWord::Whole(f64::from(i8::MIN), f64::from(i8::MAX))),
            ("double", TypeWord::Scalar(|| FieldType::Double)),
            ("number", TypeWord::Scalar(|| FieldType::Double)),
            ("boolean", TypeWord::Scalar(|| FieldType::Boolean)),
            ("date", TypeWord::Scalar(|| FieldType::Date)),
            ("date-time", TypeWord::Scalar(|| FieldType::DateTime)),
            ("object", TypeWord::Object),
            ("array", TypeWord::Array),
            ("map", TypeWord::Map),
        ];
        word(node, &words, notes)
    }
}

impl TypeForm {
    fn of(members: &mut Members<'_>, notes: &mut Notes<'_>) -> Option<TypeForm> {
        let plain = |kind| TypeForm { kind, limits: None, labels: Vec::new() };
        let word = members.required::<TypeWord>("type", notes);
        Members::sometimes::<TypeForm>("items", notes);
        Members::sometimes::<TypeForm>("values", notes);
        Members::sometimes::<Entries<FieldPath, FieldForm>>("fields", notes);
        match word? {
            TypeWord::Scalar(kind) => Some(plain(kind())),
            TypeWord::Whole(least, greatest) => {
                Some(TypeForm { limits: Some((least, greatest)), ..plain(FieldType::Integer) })
            }
            TypeWord::Array => {
                let item: TypeForm = members.required("items", notes)?;
                Some(TypeForm { kind: FieldType::Array(Box::new(item.kind)), ..item })
            }
            TypeWord::Map => {
                let value: TypeForm = members.required("values", notes)?;
                Some(TypeForm { kind: FieldType::Map(Box::new(value.kind)), ..value })
            }
            TypeWord::Object => {
                let fields: Entries<FieldPath, FieldForm> = members.required("fields", notes)?;
                TypeForm::of_object(fields, notes)
            }
        }
    }

    /// An object inside an array or a map. It has fields as a schema has; none of them says who a record is of.
    fn of_object(fields: Entries<FieldPath, FieldForm>, notes: &mut Notes<'_>) -> Option<TypeForm> {
        let labels = fields.iter().flat_map(|(_, field)| field.every_label()).cloned().collect();
        for identity in fields.iter().filter_map(|(_, field)| field.identity.as_ref()) {
            let message = "a field inside an array or a map is no identity: a record may have many of it";
            notes.note(identity.at, message, None);
        }
        let fields = fields.into_iter().map(|(path, field)| (path, field.compile(&[])));
        let kind = FieldType::Object(tree(fields, notes)?);
        Some(TypeForm { kind, limits: None, labels })
    }
}

/// The fields as a tree. A field within another that is no object is noted.
pub(super) fn tree(
    fields: impl Iterator<Item = (At<FieldPath>, Field)>,
    notes: &mut Notes<'_>,
) -> Option<Fields> {
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

impl FieldForm {
    /// The form of a document's field, which is sound.
    pub(super) fn drafted(draft: DraftField) -> FieldForm {
        let DraftField { path, field, labels, identity } = draft;
        let at = path.at;
        let identity = identity
            .map(|(namespace, primary)| At { at: namespace.at, value: IdentityForm { namespace, primary } });
        FieldForm {
            at,
            kind: TypeForm { kind: field.kind, limits: None, labels: Vec::new() },
            title: field.title,
            description: field.description,
            labels,
            required: field.required,
            allowed: field.allowed.into_iter().map(|value| At { value, at }).collect(),
            minimum: field.minimum,
            maximum: field.maximum,
            format: field.format.map(|value| At { value, at }),
            pattern: field.pattern.map(|value| At { value, at }),
            minimum_length: field.minimum_length.map(|value| At { value, at }),
            maximum_length: field.maximum_length.map(|value| At { value, at }),
            identity,
        }
    }

    pub(super) fn is_primary(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.value.primary)
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self.kind.kind, FieldType::Object(_))
    }

    /// How many levels it has itself: one, and one for each that arrays, maps and their objects add.
    pub(super) fn levels(&self) -> usize {
        fn of(kind: &FieldType) -> usize {
            match kind {
                FieldType::Array(item) | FieldType::Map(item) => 1 + of(item),
                FieldType::Object(fields) => {
                    1 + fields.values().map(|field| of(&field.kind)).max().unwrap_or(0)
                }
                _ => 1,
            }
        }
        of(&self.kind.kind)
    }

    /// Its own labels, and those of whatever lies inside it.
    pub(super) fn every_label(&self) -> impl Iterator<Item = &At<Label>> {
        self.labels.iter().chain(&self.kind.labels)
    }

    pub(super) fn check(&self, notes: &mut Notes<'_>) {
        let kind = &self.kind.kind;
        for value in self.allowed.iter().filter(|value| !fits(kind.single(), &value.value)) {
            notes.note(value.at, format!("this value does not fit the field's type, {kind}"), None);
        }
        let is_number = matches!(kind.single(), FieldType::Integer | FieldType::Double);
        if !is_number && (self.minimum.is_some() || self.maximum.is_some()) {
            let message = format!("a field of type {kind} has no minimum or maximum: only numbers do");
            notes.note(self.at, message, None);
        }
        if let (Some(minimum), Some(maximum)) = self.limits()
            && minimum > maximum
        {
            let message = format!("the minimum {minimum} lies above the maximum {maximum}");
            notes.note(self.at, message, None);
        }
        self.check_text(notes);
        if let Some(identity) = &self.identity
            && *kind != FieldType::String
        {
            notes.note(identity.at, format!("a field of type {kind} is no identity: only a string is"), None);
        }
    }

    /// What is said of texts is said of nothing else.
    fn check_text(&self, notes: &mut Notes<'_>) {
        let kind = &self.kind.kind;
        let lengths = [("minimum_length", &self.minimum_length), ("maximum_length", &self.maximum_length)];
        let lengths = lengths.into_iter().filter_map(|(key, length)| Some((key, length.as_ref()?.at)));
        let rules = self.format.iter().map(|format| ("format", format.at));
        let rules = rules.chain(self.pattern.iter().map(|pattern| ("pattern", pattern.at))).chain(lengths);
        if *kind.single() != FieldType::String {
            for (key, at) in rules {
                notes.note(at, format!("a field of type {kind} has no `{key}`: only strings do"), None);
            }
        }
        if let (Some(least), Some(greatest)) = (&self.minimum_length, &self.maximum_length)
            && least.value > greatest.value
        {
            let (least, most) = (least.value, greatest.value);
            notes.note(
                greatest.at,
                format!("the minimum length {least} lies above the maximum {most}"),
                None,
            );
        }
    }

    /// The limits that are written, within those that the type has by its name.
    fn limits(&self) -> (Option<f64>, Option<f64>) {
        let Some((least, greatest)) = self.kind.limits else { return (self.minimum, self.maximum) };
        let minimum = self.minimum.map_or(least, |minimum| minimum.max(least));
        let maximum = self.maximum.map_or(greatest, |maximum| maximum.min(greatest));
        (Some(minimum), Some(maximum))
    }

    pub(super) fn compile(&self, of_schema: &[At<Label>]) -> Field {
        let labels: BTreeSet<Label> =
            self.every_label().chain(of_schema).map(|label| label.value.clone()).collect();
        let identity = self.identity.as_ref().map(|identity| IdentityDescriptor {
            namespace: identity.value.namespace.value.clone(),
            primary: identity.value.primary,
        });
        let (minimum, maximum) = self.limits();
        Field {
            kind: self.kind.kind.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            labels,
            // Without its primary identity a record is nobody's.
            required: self.required || self.is_primary(),
            allowed: self.allowed.iter().map(|value| value.value.clone()).collect(),
            minimum,
            maximum,
            format: self.format.as_ref().map(|format| format.value),
            pattern: self.pattern.as_ref().map(|pattern| pattern.value.clone()),
            minimum_length: self.minimum_length.as_ref().map(|length| length.value),
            maximum_length: self.maximum_length.as_ref().map(|length| length.value),
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
