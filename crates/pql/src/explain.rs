//! Why an expression answers what it does for one profile.

use std::fmt;

use serde_json::{Map, Value as Json, json};

use crate::error::Span;

/// A part of an expression, what it came to, and the parts that decided that.
///
/// What is not told could come to anything else, and the answer would be the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// The part as canonical text.
    pub expression: String,
    /// Where it stands in the text that was read: in bytes, until it is asked for [in characters](Self::in_characters).
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
    /// The same with places in characters of the text that was read.
    pub fn in_characters(self, text: &str) -> Reason {
        let characters = |end: usize| text.get(..end).unwrap_or(text).chars().count();
        self.placed(&|span| characters(span.start)..characters(span.end))
    }

    pub(crate) fn placed(self, place: &dyn Fn(&Span) -> Span) -> Reason {
        let because = self.because.into_iter().map(|reason| reason.placed(place)).collect();
        Reason { span: place(&self.span), because, ..self }
    }

    /// The reason as a document, without what would be empty.
    pub fn to_json(&self) -> Json {
        let mut document = Map::new();
        let mut tell = |name: &str, value: Json| document.insert(name.to_owned(), value);
        tell("expression", json!(self.expression));
        tell("span", json!([self.span.start, self.span.end]));
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
            tell("because", self.because.iter().map(Reason::to_json).collect());
        }
        if self.more > 0 {
            tell("more", json!(self.more));
        }
        Json::Object(document)
    }

    /// What it came to in boolean position, and whether it was null.
    pub fn word(&self) -> &'static str {
        match (self.holds, &self.value) {
            (_, Json::Null) => "null",
            (true, _) => "true",
            (false, _) => "false",
        }
    }

    /// The parts that decided and have no parts themselves.
    pub fn deciding(&self) -> Vec<&Reason> {
        if self.because.is_empty() {
            return vec![self];
        }
        self.because.iter().flat_map(Reason::deciding).collect()
    }
}

/// What decided, on one line.
impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reason) in self.deciding().into_iter().enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            write!(formatter, "{separator}`{}` is {}", reason.expression, reason.word())?;
            for (index, (name, value)) in reason.read.iter().enumerate() {
                let separator = if index > 0 { " and" } else { ", where" };
                write!(formatter, "{separator} `{name}` is {}", Short(value))?;
            }
        }
        Ok(())
    }
}

/// A value as it is told in passing: of what is long, how much there is of it.
#[derive(Debug, Clone, Copy)]
pub struct Short<'a>(pub &'a Json);

impl fmt::Display for Short<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// As many characters as are told.
        const LONGEST: usize = 60;
        let whole = self.0.to_string();
        if whole.chars().count() <= LONGEST {
            return formatter.write_str(&whole);
        }
        match self.0 {
            Json::Array(items) => write!(formatter, "[{} items]", items.len()),
            Json::Object(members) => write!(formatter, "{{{} members}}", members.len()),
            _ => write!(formatter, "{}...", whole.chars().take(LONGEST).collect::<String>()),
        }
    }
}
