//! Questions as lines of JSON, and their answers: how expressions are tried without a project.

use std::collections::BTreeMap;
use std::fmt;

use domain::value::{Object, object_from_json};
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json, json};

use crate::error::{Error, ErrorKind, Span};
use crate::{Expression, parse, parse_json};

/// What is to be done with the expression of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Evaluates it.
    Evaluate,
    /// Only looks whether it could be.
    Check,
    /// Evaluates it, and says which parts of it decided.
    Explain,
}

/// The answer to a line. It prints as `{"id", "result"}` or `{"id", "error": {"kind", "message", "span"}}`, in that order.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The line's own, exactly as it is written there, or `null`.
    pub id: String,
    /// What came of the expression, or what is wrong with it.
    pub outcome: Result<Outcome, Json>,
}

/// What came of an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Its value.
    pub result: Json,
    /// A [`Reason`](crate::Reason), if it was to be explained; it prints as `reason`.
    pub reason: Option<Json>,
}

impl From<Json> for Outcome {
    fn from(result: Json) -> Outcome {
        Outcome { result, reason: None }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, r#"{{"id":{}"#, self.id)?;
        match &self.outcome {
            Ok(Outcome { result, reason: None }) => write!(formatter, r#","result":{result}}}"#),
            Ok(Outcome { result, reason: Some(reason) }) => {
                write!(formatter, r#","result":{result},"reason":{reason}}}"#)
            }
            Err(error) => write!(formatter, r#","error":{error}}}"#),
        }
    }
}

/// Answers a line of JSON:
/// `{"id", "expression", "format": "pql/text" | "pql/json", "profile", "now", "as": "bool" | "value"}`, of which only the
/// expression must be there.
///
/// The span of an error counts characters of the expression. `now` is the instant of evaluation of lines that do not give
/// one. A line that cannot be read has no id that could name it: its number does.
pub fn answer(number: u64, line: &[u8], task: Task, now: Timestamp) -> Answer {
    // What a line holds besides the question, its id too, is not looked into.
    let members: serde_json::Result<BTreeMap<String, &RawValue>> = serde_json::from_slice(line);
    let id = members.as_ref().ok().and_then(|members| members.get("id"));
    let id = id.map_or("null", |id| id.get()).to_owned();
    let question = members.map_err(|error| unread(number, &error)).and_then(|members| {
        let own = QUESTION.iter().filter_map(|key| members.get_key_value(*key));
        let read = own.map(|(key, raw)| match serde_json::from_str(raw.get()) {
            Ok(value) => Ok((key.clone(), value)),
            Err(error) => Err(outside(format!("`{key}` of line {number} is no JSON: {}", reason(&error)))),
        });
        read.collect()
    });
    Answer { id, outcome: question.and_then(|question| result(&question, task, now)) }
}

/// What a line says of an expression.
const QUESTION: [&str; 5] = ["expression", "format", "profile", "now", "as"];

/// Why a line cannot be read.
fn unread(number: u64, error: &serde_json::Error) -> Json {
    if error.is_data() {
        return outside(format!("line {number} is no JSON object"));
    }
    outside(format!("line {number} is no JSON, at column {}: {}", error.column(), reason(error)))
}

/// What a parser says, without the place.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

fn result(question: &Map<String, Json>, task: Task, now: Timestamp) -> Result<Outcome, Json> {
    let profile = profile(question)?;
    let now = instant(question, now)?;
    let is_value = match word(question, "as")? {
        None | Some("bool") => false,
        Some("value") => true,
        Some(other) => {
            return Err(outside(format!("`as` is `bool` or `value`, found `{}`", other.escape_debug())));
        }
    };
    let text = question.get("expression").ok_or_else(|| outside("line has no `expression`"))?;
    let is_json = match word(question, "format")? {
        None | Some("pql/text") => false,
        Some("pql/json") => true,
        Some(other) => {
            return Err(outside(format!(
                "`format` is `pql/text` or `pql/json`, found `{}`",
                other.escape_debug()
            )));
        }
    };
    let text = match text {
        Json::String(text) => text.clone(),
        document if is_json => document.to_string(),
        _ => return Err(outside("`expression` is no string")),
    };
    let expression = expression(&text, is_json)?;
    let whole = |error: Error| described(&error, &text, is_json);
    match task {
        Task::Check => {
            let faults = expression.check_against_values(&profile);
            faults.map_err(|faults| faults.into_iter().next().map_or(Json::Null, whole))?;
            Ok(Json::Bool(true).into())
        }
        Task::Evaluate if is_value => expression.value(&profile, now).map(Outcome::from).map_err(whole),
        Task::Evaluate => {
            expression.holds(&profile, now).map(|holds| Json::Bool(holds).into()).map_err(whole)
        }
        Task::Explain => {
            let reason = expression.explain(&profile, now, None).map_err(whole)?;
            let reason = reason.placed(&|span| place(span, &text, is_json));
            Ok(Outcome { result: Json::Bool(reason.holds), reason: Some(reason.to_json()) })
        }
    }
}

fn expression(text: &str, is_json: bool) -> Result<Expression, Json> {
    if !is_json {
        return parse(text).map_err(|error| described(&error, text, false));
    }
    let document = serde_json::from_str(text);
    let document: Json = document.map_err(|error| {
        described(&Error::parse(format!("expression is no JSON: {error}"), 0..0), text, true)
    })?;
    parse_json(&document).map_err(|error| described(&error, text, true))
}

fn profile(question: &Map<String, Json>) -> Result<Object, Json> {
    match question.get("profile") {
        None | Some(Json::Null) => Ok(Object::new()),
        Some(Json::Object(members)) => Ok(object_from_json(members)),
        Some(_) => Err(outside("`profile` is no object")),
    }
}

fn instant(question: &Map<String, Json>, now: Timestamp) -> Result<Timestamp, Json> {
    match word(question, "now")? {
        None => Ok(now),
        Some(text) => text.parse().map_err(|_| outside("`now` is no instant as RFC 3339 writes it")),
    }
}

/// A member that is a string, if there is one.
fn word<'a>(question: &'a Map<String, Json>, key: &str) -> Result<Option<&'a str>, Json> {
    match question.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(outside(format!("`{key}` is no string"))),
    }
}

/// An error of an expression. One that is read from JSON is at fault as a whole.
fn described(error: &Error, text: &str, is_json: bool) -> Json {
    let Span { start: from, end: to } = place(&error.span, text, is_json);
    let kind = match error.kind {
        ErrorKind::Parse => "parse_error",
        ErrorKind::Type | ErrorKind::Edge => "type_error",
    };
    json!({ "kind": kind, "message": error.to_string(), "span": [from, to] })
}

/// A place in characters of the expression; in one that is read from JSON, the whole.
fn place(span: &Span, text: &str, is_json: bool) -> Span {
    let characters = |end: usize| text.get(..end).unwrap_or(text).chars().count();
    match is_json {
        true => 0..text.chars().count(),
        false => characters(span.start)..characters(span.end),
    }
}

/// An error of the line around the expression.
fn outside(message: impl Into<String>) -> Json {
    json!({ "kind": "parse_error", "message": message.into(), "span": [0, 0] })
}
