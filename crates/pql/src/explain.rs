//! Why an expression answers what it does for one profile.

use serde_json::{Map, Value as Json, json};

use crate::error::Span;

/// A part of an expression, what it came to, and the parts that decided that.
///
/// What is not told could come to anything else, and the answer would be the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// The part as canonical text.
    pub expression: String,
    /// Where it stands in the text that was read, in bytes.
    pub span: Span,
    /// What it came to.
    pub value: Json,
    /// The same in boolean position.
    pub holds: bool,
    /// The items that it was asked of, the outermost first.
    pub items: Vec<Item>,
    /// What it read: parts of it that are more than literals, each with its value.
    pub read: Vec<(String, Json)>,
    /// The audience that it asks for.
    pub refers_to: Option<String>,
    /// The parts of it that decided; none where it was decided by what it read alone.
    pub because: Vec<Reason>,
    /// How many items besides those told decided in the same way.
    pub more: usize,
}

/// An item of an array, or an entry of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What the expression calls it.
    pub name: Option<String>,
    /// Which one it is, counted from 0.
    pub index: usize,
    /// The item itself.
    pub value: Json,
}

impl Reason {
    /// The reason as a document; spans count characters of `text`, which is what was read.
    ///
    /// What would be empty is left out.
    pub fn to_json(&self, text: &str) -> Json {
        let characters = |end: usize| text.get(..end).unwrap_or(text).chars().count();
        self.document(&|span| json!([characters(span.start), characters(span.end)]))
    }

    /// The reason as a document, with places as `place` tells them.
    pub(crate) fn document(&self, place: &dyn Fn(&Span) -> Json) -> Json {
        let mut document = Map::new();
        let mut tell = |name: &str, value: Json| document.insert(name.to_owned(), value);
        tell("expression", json!(self.expression));
        tell("span", place(&self.span));
        tell("value", self.value.clone());
        if !self.items.is_empty() {
            let item = |item: &Item| json!({ "name": item.name, "index": item.index, "value": item.value });
            tell("items", self.items.iter().map(item).collect());
        }
        if !self.read.is_empty() {
            tell("read", Json::Object(self.read.iter().cloned().collect()));
        }
        if let Some(audience) = &self.refers_to {
            tell("audience", json!(audience));
        }
        if !self.because.is_empty() {
            tell("because", self.because.iter().map(|reason| reason.document(place)).collect());
        }
        if self.more > 0 {
            tell("more", json!(self.more));
        }
        Json::Object(document)
    }

    /// The parts that decided and have no parts themselves.
    pub fn deciding(&self) -> Vec<&Reason> {
        if self.because.is_empty() {
            return vec![self];
        }
        self.because.iter().flat_map(Reason::deciding).collect()
    }
}
