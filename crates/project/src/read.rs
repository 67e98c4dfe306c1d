//! From YAML's tree to types: every fault of a file is noted, not only the first.

use std::fmt::Display;
use std::str::FromStr;

use domain::label::{Label, MarketingAction};
use domain::name::{
    AudienceName, DatasetName, DatastreamName, DestinationName, MergePolicyName, OfferName, PartnerName,
    SchemaName,
};
use domain::namespace::NamespaceCode;
use domain::schema::Pattern;
use domain::value::{FieldPath, Value};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::problem::{Notes, Position};
use crate::shape::{self, Kind, Member, Shape};
use crate::suggest::instead_of;
use crate::yaml::{Content, Node};

/// What can be read from YAML. `None` means that what is wrong has been noted.
pub(crate) trait Read: Sized {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Self>;

    /// What may stand there: what reading asks for, unless that depends on what is found.
    fn shape() -> Shape {
        shape::heard::<Self>()
    }

    /// The same by name.
    fn kind() -> Kind {
        Kind::of::<Self>()
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) at: Position,
}

impl<T: Read> Read for At<T> {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<At<T>> {
        T::read(node, notes).map(|value| At { value, at: node.at })
    }

    fn shape() -> Shape {
        T::shape()
    }

    fn kind() -> Kind {
        T::kind()
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Vec<T>> {
        if notes.hear(Shape::List(T::kind())) {
            return None;
        }
        let Content::List(items) = &node.content else { return unexpected(node, "a list", notes) };
        let read: Vec<Option<T>> = items.iter().map(|item| T::read(item, notes)).collect();
        read.into_iter().collect()
    }
}

/// A map whose keys are names, in the order in which it is written.
pub(crate) type Entries<K, V> = Vec<(At<K>, V)>;

impl<K: FromStr<Err: Display>, V: Read> Read for Entries<K, V> {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Entries<K, V>> {
        if notes.hear(Shape::Map(V::kind())) {
            return None;
        }
        let Content::Map(entries) = &node.content else { return unexpected(node, "a map", notes) };
        let mut read = Vec::new();
        for (key, value) in entries {
            let parsed =
                key.text.parse().map_err(|error: K::Err| notes.note(key.at, error.to_string(), None));
            read.push(
                V::read(value, notes)
                    .zip(parsed.ok())
                    .map(|(value, name)| (At { value: name, at: key.at }, value)),
            );
        }
        read.into_iter().collect()
    }
}

impl Read for Node {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Node> {
        notes.hear(Shape::Anything);
        Some(node.clone())
    }
}

impl Read for bool {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<bool> {
        if notes.hear(Shape::Boolean) {
            return None;
        }
        match node.content {
            Content::Boolean(found) => Some(found),
            _ => unexpected(node, "`true` or `false`", notes),
        }
    }
}

impl Read for f64 {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<f64> {
        if notes.hear(Shape::Number) {
            return None;
        }
        match &node.content {
            Content::Double(found) if found.is_finite() => Some(*found),
            // Whole numbers beyond these would lose digits.
            #[expect(clippy::cast_precision_loss, reason = "a double has 53 bits for digits")]
            Content::Integer(found) if found.unsigned_abs() <= 1 << 53 => Some(*found as f64),
            _ => unexpected(node, "a number", notes),
        }
    }
}

impl Read for u16 {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<u16> {
        if notes.hear(Shape::Whole { least: 0, most: u16::MAX.into() }) {
            return None;
        }
        match node.content {
            Content::Integer(found) if u16::try_from(found).is_ok() => u16::try_from(found).ok(),
            _ => unexpected(node, "a whole number from 0 to 65535", notes),
        }
    }
}

impl Read for u32 {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<u32> {
        if notes.hear(Shape::Whole { least: 0, most: u32::MAX.into() }) {
            return None;
        }
        match node.content {
            Content::Integer(found) if u32::try_from(found).is_ok() => u32::try_from(found).ok(),
            _ => unexpected(node, "a whole number from 0 to 4294967295", notes),
        }
    }
}

impl Read for String {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<String> {
        if notes.hear(Shape::Text) {
            return None;
        }
        match &node.content {
            Content::Text(found) if !found.trim().is_empty() => Some(found.clone()),
            Content::Text(_) => unexpected(node, "a text that is not empty", notes),
            Content::Boolean(_) | Content::Integer(_) | Content::Double(_) => {
                let help = "put it in quotation marks to have it read as text".to_owned();
                notes.note(node.at, format!("found {}, expected a text", node.found()), help);
                None
            }
            _ => unexpected(node, "a text", notes),
        }
    }
}

/// A value that a record may hold.
impl Read for Value {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Value> {
        if notes.hear(Shape::Scalar) {
            return None;
        }
        match &node.content {
            Content::Boolean(found) => Some(Value::Boolean(*found)),
            Content::Integer(found) => Some(Value::Integer(*found)),
            Content::Double(found) => Some(Value::Double(*found)),
            Content::Text(found) => Some(Value::String(found.clone())),
            _ => unexpected(node, "a text, a number or a boolean", notes),
        }
    }
}

macro_rules! parsed_from_text {
    ($($name:ty),* $(,)?) => {$(
        impl Read for $name {
            fn read(node: &Node, notes: &mut Notes<'_>) -> Option<$name> {
                let text = String::read(node, notes)?;
                text.parse().map_err(|error: <$name as FromStr>::Err| notes.note(node.at, error.to_string(), None)).ok()
            }
        }
    )*};
}

parsed_from_text!(
    AudienceName,
    DatasetName,
    DatastreamName,
    DestinationName,
    FieldPath,
    MergePolicyName,
    NamespaceCode,
    OfferName,
    PartnerName,
    Pattern,
    SchemaName,
);

impl Read for Date {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Date> {
        let text = String::read(node, notes)?;
        text.parse().ok().or_else(|| unexpected(node, "a day such as 2027-12-31", notes))
    }
}

impl Read for Timestamp {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Timestamp> {
        let text = String::read(node, notes)?;
        text.parse().ok().or_else(|| unexpected(node, "an instant such as 2027-12-31T00:00:00Z", notes))
    }
}

impl Read for i32 {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<i32> {
        if notes.hear(Shape::Whole { least: i32::MIN.into(), most: i32::MAX.into() }) {
            return None;
        }
        match node.content {
            Content::Integer(found) if i32::try_from(found).is_ok() => i32::try_from(found).ok(),
            _ => unexpected(node, "a whole number", notes),
        }
    }
}

impl Read for Label {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Label> {
        String::read(node, notes).map(|text| text.as_str().into())
    }
}

impl Read for MarketingAction {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<MarketingAction> {
        String::read(node, notes).map(|text| text.as_str().into())
    }
}

/// Reads one of a few words.
pub(crate) fn word<T: Copy>(node: &Node, words: &[(&str, T)], notes: &mut Notes<'_>) -> Option<T> {
    let known = || words.iter().map(|(word, _)| *word);
    if notes.hear(Shape::Words(known().map(str::to_owned).collect())) {
        return None;
    }
    match &node.content {
        Content::Text(found) => {
            let meant = words.iter().find(|(word, _)| word == found);
            if meant.is_none() {
                notes.note(node.at, format!("`{found}` is not known here"), instead_of(found, known()));
            }
            meant.map(|(_, meant)| *meant)
        }
        _ => unexpected(node, &format!("one of `{}`", known().collect::<Vec<_>>().join("`, `")), notes),
    }
}

/// Notes that a value is of another kind than it should be.
pub(crate) fn unexpected<T>(node: &Node, expected: &str, notes: &mut Notes<'_>) -> Option<T> {
    notes.note(node.at, format!("found {}, expected {expected}", node.found()), None);
    None
}

/// The members of a map, asked for by name. What was never asked for is unknown.
pub(crate) struct Members<'n> {
    node: &'n Node,
    asked: Vec<&'static str>,
}

impl<'n> Members<'n> {
    pub(crate) fn of(node: &'n Node, notes: &mut Notes<'_>) -> Option<Members<'n>> {
        if notes.hear(Shape::Members(shape::Members::default())) {
            return Some(Members { node, asked: Vec::new() });
        }
        match &node.content {
            Content::Map(_) => Some(Members { node, asked: Vec::new() }),
            _ => unexpected(node, "a map", notes),
        }
    }

    /// Whether one of some members is there, which tells kinds of a form apart.
    pub(crate) fn has_any(&self, names: &[&str]) -> bool {
        let Content::Map(entries) = &self.node.content else { return false };
        entries.iter().any(|(key, _)| names.contains(&key.text.as_str()))
    }

    /// The value of a member, if the member is there and is not null.
    pub(crate) fn node(&mut self, name: &'static str) -> Option<&'n Node> {
        self.asked.push(name);
        let Content::Map(entries) = &self.node.content else { return None };
        let value = entries.iter().find(|(key, _)| key.text == name).map(|(_, value)| value);
        value.filter(|value| !matches!(value.content, Content::Null))
    }

    /// A member that has to be there.
    pub(crate) fn required<T: Read>(&mut self, name: &'static str, notes: &mut Notes<'_>) -> Option<T> {
        if let Some(heard) = notes.members() {
            heard.hear(Member { name, required: true, kind: T::kind() });
            return None;
        }
        match self.node(name) {
            Some(node) => T::read(node, notes),
            None => {
                notes.note(self.node.at, format!("`{name}` is missing"), None);
                None
            }
        }
    }

    /// A member that may be left out. The outer `None` means that it is there and wrong.
    pub(crate) fn optional<T: Read>(
        &mut self,
        name: &'static str,
        notes: &mut Notes<'_>,
    ) -> Option<Option<T>> {
        if let Some(heard) = notes.members() {
            heard.hear(Member { name, required: false, kind: T::kind() });
            return None;
        }
        match self.node(name) {
            Some(node) => T::read(node, notes).map(Some),
            None => Some(None),
        }
    }

    /// Tells of a member that is asked for only where others say so.
    pub(crate) fn sometimes<T: Read>(name: &'static str, notes: &mut Notes<'_>) {
        if let Some(heard) = notes.members() {
            heard.hear(Member { name, required: false, kind: T::kind() });
        }
    }

    /// Notes every member that nobody asked for.
    pub(crate) fn finish(self, notes: &mut Notes<'_>) {
        if let Some(heard) = notes.members() {
            for name in self.asked {
                heard.hear(Member { name, required: false, kind: Node::kind() });
            }
            heard.closed = true;
            return;
        }
        let Content::Map(entries) = &self.node.content else { return };
        for (key, _) in entries.iter().filter(|(key, _)| !self.asked.contains(&key.text.as_str())) {
            let help = instead_of(&key.text, self.asked.iter().copied());
            notes.note(key.at, format!("the key `{}` is not known here", key.text), help);
        }
    }
}
