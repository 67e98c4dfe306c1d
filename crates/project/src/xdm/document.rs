//! XDM documents, and how they refer to each other.

use std::collections::{BTreeMap, HashMap};

use percent_encoding::percent_decode_str;
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use crate::problem::{Notes, Position};

/// The most bytes that a document may have.
const LARGEST_DOCUMENT: usize = 4 << 20;

/// A JSON document and where it stands.
pub(crate) struct Document {
    pub(crate) file: String,
    text: String,
    pub(crate) json: Value,
}

impl Document {
    /// Parses a file's text. What is wrong with it is noted.
    pub(crate) fn parse(file: &str, text: &str, notes: &mut Notes<'_>) -> Option<Document> {
        if text.len() > LARGEST_DOCUMENT {
            let message = format!("found {} bytes, expected at most {LARGEST_DOCUMENT}", text.len());
            notes.note(Position::START, message, None);
            return None;
        }
        let text = text.trim_start_matches('\u{feff}');
        match serde_json::from_str(text) {
            Ok(json) => Some(Document { file: file.to_owned(), text: text.to_owned(), json }),
            Err(error) => {
                let at = Position { line: error.line().max(1), column: error.column().max(1) };
                let told = error.to_string();
                let reason = told.split(" at line ").next().unwrap_or_default();
                notes.note(at, format!("this is no valid JSON: {reason}"), None);
                None
            }
        }
    }

    /// What other documents call it.
    pub(crate) fn id(&self) -> Option<&str> {
        self.json.get("$id").and_then(Value::as_str).map(without_empty_fragment)
    }

    /// Where a value stands, given by its JSON pointer; or the nearest one above it.
    pub(crate) fn place(&self, pointer: &str) -> Position {
        let mut here = self.text.as_str();
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let Some(next) = member(here, &step) else { break };
            here = next;
        }
        // Both are slices of one text, so that their addresses tell where in it the value begins.
        let offset = here.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        Position::of(&self.text, offset)
    }
}

/// The text of an object's member, or of an array's item.
fn member<'t>(text: &'t str, step: &str) -> Option<&'t str> {
    if let Ok(members) = serde_json::from_str::<HashMap<String, &RawValue>>(text) {
        return members.get(step).map(|raw| raw.get());
    }
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    items.get(step.parse::<usize>().ok()?).map(|raw| raw.get())
}

fn without_empty_fragment(id: &str) -> &str {
    id.strip_suffix('#').unwrap_or(id)
}

/// Documents that may refer to each other by their `$id`.
#[derive(Default)]
pub(crate) struct Library {
    documents: Vec<Document>,
    by_id: BTreeMap<String, usize>,
}

impl Library {
    /// Adds a document, and answers its number; or the file of another one with the same `$id`.
    pub(crate) fn add(&mut self, document: Document) -> Result<usize, String> {
        let number = self.documents.len();
        if let Some(id) = document.id().map(str::to_owned) {
            let known = *self.by_id.entry(id).or_insert(number);
            if let Some(known) = self.documents.get(known) {
                return Err(known.file.clone());
            }
        }
        self.documents.push(document);
        Ok(number)
    }

    pub(crate) fn document(&self, number: usize) -> Option<&Document> {
        self.documents.get(number)
    }

    /// The document with an `$id`.
    pub(crate) fn with_id(&self, id: &str) -> Option<usize> {
        self.by_id.get(without_empty_fragment(id)).copied()
    }

    /// What a `$ref` of a document refers to: the document, the pointer into it, and what stands there.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub(crate) fn resolve<'l>(
        &'l self,
        from: usize,
        reference: &str,
    ) -> Result<(usize, String, &'l Value), Missing> {
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let number = if base.is_empty() { Some(from) } else { self.named(from, base) };
        let found = number.and_then(|number| Some((number, self.documents.get(number)?)));
        let Some((number, document)) = found else { return Err(Missing::Document(base.to_owned())) };
        let pointer = percent_decode_str(fragment).decode_utf8_lossy().into_owned();
        match document.json.pointer(&pointer) {
            Some(value) => Ok((number, pointer, value)),
            None => Err(Missing::Pointer { pointer, file: document.file.clone() }),
        }
    }

    /// The document that a document calls by its `$id`, or by the way from its own `$id` to that.
    fn named(&self, from: usize, base: &str) -> Option<usize> {
        self.with_id(base).or_else(|| {
            let own = Url::parse(self.documents.get(from)?.id()?).ok()?;
            self.with_id(own.join(base).ok()?.as_str())
        })
    }
}

/// What a `$ref` does not find.
pub(crate) enum Missing {
    /// A document, by its `$id`.
    Document(String),
    /// A place within a document.
    Pointer { pointer: String, file: String },
}
