//! What a JSON Schema says of one value: gathered from everything that speaks of it, then made a field.

use std::collections::{BTreeMap, BTreeSet};

use domain::schema::{Field, FieldType, Fields, Format, Pattern};
use domain::value::Value;

/// The types of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonType {
    String,
    Integer,
    Number,
    Boolean,
    Object,
    Array,
}

/// How a text is written, with what is a type of its own in a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextFormat {
    Date,
    DateTime,
    Of(Format),
}

/// A place in a document: the document's number, and a JSON pointer.
pub(super) type Place = (usize, String);

#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Where it is spoken of first.
    pub(super) place: Place,
    pub(super) kind: Option<JsonType>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) allowed: Vec<Value>,
    pub(super) minimum: Option<f64>,
    pub(super) maximum: Option<f64>,
    pub(super) minimum_length: Option<u32>,
    pub(super) maximum_length: Option<u32>,
    pub(super) format: Option<TextFormat>,
    pub(super) pattern: Option<Pattern>,
    pub(super) members: BTreeMap<String, Shape>,
    /// Paths of members that have to be there.
    pub(super) required: BTreeSet<Vec<String>>,
    pub(super) items: Option<Box<Shape>>,
    /// What the values of a map are.
    pub(super) values: Option<Box<Shape>>,
}

/// Two things that are said of one value, and cannot both hold, or not both be kept.
pub(super) struct Conflict {
    pub(super) place: Place,
    pub(super) message: String,
    /// Whether the second is left out, with a warning.
    pub(super) is_left_out: bool,
}

impl JsonType {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            JsonType::String => "string",
            JsonType::Integer => "integer",
            JsonType::Number => "number",
            JsonType::Boolean => "boolean",
            JsonType::Object => "object",
            JsonType::Array => "array",
        }
    }

    fn and(self, other: JsonType) -> Option<JsonType> {
        match (self, other) {
            (JsonType::Integer, JsonType::Number) | (JsonType::Number, JsonType::Integer) => {
                Some(JsonType::Integer)
            }
            (one, other) => (one == other).then_some(one),
        }
    }
}

impl Shape {
    /// The type, said or to be gathered from what else is said.
    pub(super) fn kind(&self) -> Option<JsonType> {
        let is_text = self.format.is_some() || self.pattern.is_some() || self.minimum_length.is_some();
        self.kind.or_else(|| {
            if !self.members.is_empty() || self.values.is_some() {
                Some(JsonType::Object)
            } else if self.items.is_some() {
                Some(JsonType::Array)
            } else if is_text || matches!(self.allowed.first(), Some(Value::String(_))) {
                Some(JsonType::String)
            } else {
                None
            }
        })
    }

    /// Adds what else is said of the same value: both hold. Titles are those that were said first.
    pub(super) fn and(&mut self, other: Shape, conflicts: &mut Vec<Conflict>) {
        match (self.kind(), other.kind()) {
            (Some(first), Some(second)) => match first.and(second) {
                Some(kind) => self.kind = Some(kind),
                None => {
                    let message =
                        format!("the type is {} here, and {} elsewhere", second.as_str(), first.as_str());
                    conflicts.push(Conflict { place: other.place, message, is_left_out: false });
                    return;
                }
            },
            (first, second) => self.kind = first.or(second),
        }
        self.title = self.title.take().or(other.title);
        self.description = self.description.take().or(other.description);
        only_one(&mut self.format, other.format, "format", &other.place, conflicts);
        only_one(&mut self.pattern, other.pattern, "pattern", &other.place, conflicts);
        self.minimum = stricter(self.minimum, other.minimum, f64::max);
        self.maximum = stricter(self.maximum, other.maximum, f64::min);
        self.minimum_length = stricter(self.minimum_length, other.minimum_length, u32::max);
        self.maximum_length = stricter(self.maximum_length, other.maximum_length, u32::min);
        if self.allowed.is_empty() {
            self.allowed = other.allowed;
        } else if !other.allowed.is_empty() {
            self.allowed.retain(|value| other.allowed.contains(value));
            if self.allowed.is_empty() {
                let message = "no value that is listed here is listed elsewhere too".to_owned();
                conflicts.push(Conflict { place: other.place, message, is_left_out: false });
            }
        }
        self.required.extend(other.required);
        for (name, member) in other.members {
            self.add(name, member, conflicts);
        }
        both(&mut self.items, other.items, conflicts);
        both(&mut self.values, other.values, conflicts);
    }

    /// Adds a member, or what else is said of one.
    pub(super) fn add(&mut self, name: String, member: Shape, conflicts: &mut Vec<Conflict>) {
        match self.members.get_mut(&name) {
            Some(known) => known.and(member, conflicts),
            None => drop(self.members.insert(name, member)),
        }
    }

    /// Adds another way in which the value may be: what only one of the two asks is not asked. False where the two are
    /// of different types, so that only the first is left.
    pub(super) fn or(&mut self, other: Shape) -> bool {
        let (first, second) = (self.kind(), other.kind());
        let numbers = [Some(JsonType::Integer), Some(JsonType::Number)];
        if first != second && numbers.contains(&first) && numbers.contains(&second) {
            self.kind = Some(JsonType::Number);
        } else if first.is_some() && second.is_some() && first != second {
            return false;
        } else {
            self.kind = first.or(second);
        }
        let listed = !self.allowed.is_empty() && !other.allowed.is_empty();
        self.allowed.extend(other.allowed);
        if !listed {
            self.allowed.clear();
        }
        self.minimum = self.minimum.zip(other.minimum).map(|(one, other)| one.min(other));
        self.maximum = self.maximum.zip(other.maximum).map(|(one, other)| one.max(other));
        self.minimum_length = None;
        self.maximum_length = None;
        self.format = self.format.filter(|format| other.format == Some(*format));
        self.pattern = self.pattern.take().filter(|pattern| other.pattern.as_ref() == Some(pattern));
        self.required.retain(|path| other.required.contains(path));
        for (name, member) in other.members {
            match self.members.get_mut(&name) {
                Some(known) => drop(known.or(member)),
                None => drop(self.members.insert(name, member)),
            }
        }
        self.items = self.items.take().or(other.items);
        self.values = self.values.take().or(other.values);
        true
    }
}

fn stricter<T>(one: Option<T>, other: Option<T>, pick: fn(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(pick(one, other)),
        (one, other) => one.or(other),
    }
}

/// Keeps what was said first where a field can hold but one.
fn only_one<T: PartialEq>(
    known: &mut Option<T>,
    other: Option<T>,
    what: &str,
    place: &Place,
    conflicts: &mut Vec<Conflict>,
) {
    if known.is_none() {
        *known = other;
    } else if other.is_some() && *known != other {
        let message = format!("another {what} is asked for elsewhere: the one that is found first is kept");
        conflicts.push(Conflict { place: place.clone(), message, is_left_out: true });
    }
}

fn both(known: &mut Option<Box<Shape>>, other: Option<Box<Shape>>, conflicts: &mut Vec<Conflict>) {
    match (known.as_mut(), other) {
        (Some(known), Some(other)) => known.and(*other, conflicts),
        (None, other) => *known = other,
        (Some(_), None) => {}
    }
}

/// What a field cannot hold, and what becomes of it.
pub(super) struct LeftOut {
    pub(super) place: Place,
    pub(super) message: String,
}

/// The fields of an object.
pub(super) fn fields(
    members: BTreeMap<String, Shape>,
    required: &BTreeSet<Vec<String>>,
    place: &Place,
    left_out: &mut Vec<LeftOut>,
) -> Fields {
    let mut fields = Fields::new();
    for name in required.iter().filter_map(|path| path.first()).filter(|name| !members.contains_key(*name)) {
        let message = format!("there is no field `{name}`: that it is required is left out");
        left_out.push(LeftOut { place: place.clone(), message });
    }
    for (name, mut member) in members {
        let below = required.iter().filter_map(|path| match path.split_first() {
            Some((first, rest)) if *first == name && !rest.is_empty() => Some(rest.to_vec()),
            _ => None,
        });
        member.required.extend(below);
        let is_required = required.contains([name.clone()].as_slice());
        if let Some(field) = field(member, left_out) {
            fields.insert(name, Field { required: is_required, ..field });
        }
    }
    fields
}

fn field(shape: Shape, left_out: &mut Vec<LeftOut>) -> Option<Field> {
    let no = |place, why: &str, left_out: &mut Vec<LeftOut>| {
        left_out.push(LeftOut { place, message: format!("this is no field, since {why}") });
        None
    };
    let plain = |kind| Some(Field::of(kind));
    let field = match shape.kind() {
        None => return no(shape.place, "it has no type", left_out),
        Some(JsonType::String) => plain(match shape.format {
            Some(TextFormat::Date) => FieldType::Date,
            Some(TextFormat::DateTime) => FieldType::DateTime,
            Some(TextFormat::Of(_)) | None => FieldType::String,
        }),
        Some(JsonType::Integer) => plain(FieldType::Integer),
        Some(JsonType::Number) => plain(FieldType::Double),
        Some(JsonType::Boolean) => plain(FieldType::Boolean),
        Some(JsonType::Array) => match shape.items {
            None => return no(shape.place, "it is an array without `items`", left_out),
            Some(items) => field(*items, left_out)
                .map(|item| Field { kind: FieldType::Array(Box::new(item.kind)), ..item }),
        },
        Some(JsonType::Object) if !shape.members.is_empty() => {
            let fields = fields(shape.members, &shape.required, &shape.place, left_out);
            if fields.is_empty() { None } else { plain(FieldType::Object(fields)) }
        }
        Some(JsonType::Object) => match shape.values {
            None => return no(shape.place, "it is an object without members", left_out),
            Some(values) => field(*values, left_out)
                .map(|value| Field { kind: FieldType::Map(Box::new(value.kind)), ..value }),
        },
    }?;
    let is_single = field.kind.single() == &field.kind;
    let format = match shape.format {
        Some(TextFormat::Of(format)) if is_single => Some(format),
        _ => field.format,
    };
    let allowed = if is_single { fitting(&shape.allowed, &field.kind) } else { field.allowed };
    if is_single && allowed.len() < shape.allowed.len() {
        let message = if allowed.is_empty() {
            format!("none of the listed values is of type {}: the list is left out", field.kind)
        } else {
            format!("not all of the listed values are of type {}: the others are left out", field.kind)
        };
        left_out.push(LeftOut { place: shape.place.clone(), message });
    }
    let is_text = is_single && field.kind == FieldType::String;
    let is_number = matches!(field.kind, FieldType::Integer | FieldType::Double);
    Some(Field {
        title: shape.title.or(field.title),
        description: shape.description.or(field.description),
        allowed,
        minimum: if is_number { shape.minimum } else { field.minimum },
        maximum: if is_number { shape.maximum } else { field.maximum },
        minimum_length: if is_text { shape.minimum_length } else { field.minimum_length },
        maximum_length: if is_text { shape.maximum_length } else { field.maximum_length },
        pattern: if is_text { shape.pattern } else { field.pattern },
        format: if is_text || !is_single { format } else { None },
        kind: field.kind,
        labels: field.labels,
        required: false,
        identity: None,
    })
}

/// The listed values that the type can have at all.
fn fitting(allowed: &[Value], kind: &FieldType) -> Vec<Value> {
    allowed.iter().filter(|value| kind.fits(value)).cloned().collect()
}
