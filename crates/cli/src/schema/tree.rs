//! A schema as a tree of its fields.

use domain::schema::{Field, FieldType, Fields};
use domain::value::Value;
use project::Described;
use serde::Serialize;

use crate::table::{Cell, Table};
use crate::terminal::{BOLD, DIM, count};
use crate::words::{NOTHING, listed};

/// How many listed values are shown.
const MOST_LISTED: usize = 6;

/// A schema, for people and programs.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    fields: Vec<Line<'a>>,
    /// What it defines for others, where it has no fields itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    definitions: Vec<Line<'a>>,
}

/// A field; a member of an array's or a map's objects has `[]` or `{}` in its path.
#[derive(Serialize)]
struct Line<'a> {
    path: String,
    /// What stands before the name in a tree.
    #[serde(skip)]
    branch: String,
    #[serde(skip)]
    name: &'a str,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<&'a domain::schema::IdentityDescriptor>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    required: bool,
    #[serde(rename = "enum", skip_serializing_if = "<[Value]>::is_empty")]
    allowed: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<domain::schema::Format>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'a str>,
}

impl<'a> Shown<'a> {
    pub(crate) fn of(described: &'a Described) -> Shown<'a> {
        let (mut fields, mut definitions) = (Vec::new(), Vec::new());
        add(&described.fields, "", "", &mut fields);
        add(&described.definitions, "", "", &mut definitions);
        Shown {
            title: &described.title,
            description: described.description.as_deref(),
            class: described.class.map(|class| class.to_string()),
            fields,
            definitions,
        }
    }

    pub(crate) fn text(&self) -> String {
        let class = self.class.as_deref().map(|class| format!(" {DIM}({class}){DIM:#}")).unwrap_or_default();
        let mut text = format!("{BOLD}{}{BOLD:#}{class}\n", self.title);
        if let Some(description) = self.description {
            text.push_str(&format!("{description}\n"));
        }
        match (self.fields.as_slice(), self.definitions.as_slice()) {
            ([], []) => format!("{text}\nno fields\n"),
            ([], definitions) => {
                format!("{text}\nno fields of its own; defined for others:\n\n{}", table(definitions))
            }
            (fields, _) => format!("{text}\n{}", table(fields)),
        }
    }
}

/// The lines in columns, and how many fields they are.
fn table(lines: &[Line<'_>]) -> String {
    let mut table = Table::of(["field", "type", "labels", "identity", "rules", "title"]);
    for line in lines {
        let identity = line.identity.map_or_else(String::new, |identity| {
            format!("{}{}", identity.namespace, if identity.primary { ", primary" } else { "" })
        });
        table.row([
            format!("{}{}", line.branch, line.name).into(),
            Cell::styled(&line.kind, DIM),
            line.labels.join(", ").into(),
            identity.into(),
            line.rules().into(),
            line.title.unwrap_or_default().into(),
        ]);
    }
    let leaves = lines.iter().filter(|line| line.kind != "object").count();
    format!("{table}\n{}\n", count(leaves, "field"))
}

/// Adds the lines of an object's fields. `path` ends with what joins it to a name, `branch` is how far the lines of the
/// object itself are drawn.
fn add<'a>(fields: &'a Fields, path: &str, branch: &str, lines: &mut Vec<Line<'a>>) {
    let last = fields.len();
    for (index, (name, field)) in fields.iter().enumerate() {
        let is_top = path.is_empty();
        let (own, below) = match (is_top, index + 1 == last) {
            (true, _) => ("", ""),
            (false, true) => ("└─ ", "   "),
            (false, false) => ("├─ ", "│  "),
        };
        let path = format!("{path}{name}");
        lines.push(Line::of(field, name, path.clone(), format!("{branch}{own}")));
        let mut joint = String::new();
        if let Some(members) = members(&field.kind, &mut joint) {
            add(members, &format!("{path}{joint}."), &format!("{branch}{below}"), lines);
        }
    }
}

/// The fields of the objects in a field, and how they are joined to it.
fn members<'a>(kind: &'a FieldType, joint: &mut String) -> Option<&'a Fields> {
    match kind {
        FieldType::Object(fields) => Some(fields),
        FieldType::Array(item) => {
            joint.push_str("[]");
            members(item, joint)
        }
        FieldType::Map(item) => {
            joint.push_str("{}");
            members(item, joint)
        }
        _ => None,
    }
}

impl<'a> Line<'a> {
    fn of(field: &'a Field, name: &'a str, path: String, branch: String) -> Line<'a> {
        Line {
            path,
            branch,
            name,
            kind: field.kind.to_string(),
            title: field.title.as_deref(),
            description: field.description.as_deref(),
            labels: field.labels.iter().map(|label| label.as_str()).collect(),
            identity: field.identity.as_ref(),
            required: field.required,
            allowed: &field.allowed,
            minimum: field.minimum,
            maximum: field.maximum,
            minimum_length: field.minimum_length,
            maximum_length: field.maximum_length,
            format: field.format,
            pattern: field.pattern.as_ref().map(|pattern| pattern.as_str()),
        }
    }

    fn rules(&self) -> String {
        let mut rules = Vec::new();
        if self.required {
            rules.push("required".to_owned());
        }
        if !self.allowed.is_empty() {
            let more = self.allowed.len().saturating_sub(MOST_LISTED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            rules.push(format!("one of {}{more}", listed(self.allowed.iter().take(MOST_LISTED).map(value))));
        }
        rules.extend(range(self.minimum, self.maximum, ""));
        rules.extend(range(self.minimum_length, self.maximum_length, " characters"));
        rules.extend(self.format.map(|format| format.as_str().to_owned()));
        rules.extend(self.pattern.map(|pattern| format!("/{pattern}/")));
        rules.join("; ")
    }
}

fn range<T: ToString>(least: Option<T>, most: Option<T>, what: &str) -> Option<String> {
    match (least, most) {
        (None, None) => None,
        (Some(least), Some(most)) => Some(format!("{} to {}{what}", least.to_string(), most.to_string())),
        (Some(least), None) => Some(format!("at least {}{what}", least.to_string())),
        (None, Some(most)) => Some(format!("at most {}{what}", most.to_string())),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Integer(whole) => whole.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Array(_) | Value::Object(_) => NOTHING.to_owned(),
    }
}
