//! Writing a schema as YAML, in the form that `schemas/<name>.yaml` is read by.

use std::fmt;

use domain::schema::{Class, Field, FieldType, Fields, leaves};
use domain::value::Value;

/// The YAML of a schema.
pub(crate) fn schema(title: &str, description: Option<&str>, class: Class, fields: &Fields) -> String {
    let mut writer = Writer::default();
    writer.text(0, "title", Some(title));
    writer.text(0, "description", description);
    writer.line(0, format_args!("class: {class}"));
    writer.fields(0, fields);
    writer.0
}

#[derive(Default)]
struct Writer(String);

impl Writer {
    fn line(&mut self, depth: usize, content: fmt::Arguments<'_>) {
        self.0.push_str(&format!("{:indent$}{content}\n", "", indent = depth * 2));
    }

    fn text(&mut self, depth: usize, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.line(depth, format_args!("{key}: {}", scalar(text)));
        }
    }

    fn member(&mut self, depth: usize, key: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.line(depth, format_args!("{key}: {value}"));
        }
    }

    fn fields(&mut self, depth: usize, fields: &Fields) {
        self.line(depth, format_args!("fields:"));
        for (path, field) in leaves(fields) {
            self.line(depth + 1, format_args!("{path}:"));
            self.field(depth + 2, field);
        }
    }

    fn field(&mut self, depth: usize, field: &Field) {
        self.kind(depth, &field.kind);
        self.text(depth, "title", field.title.as_deref());
        self.text(depth, "description", field.description.as_deref());
        if !field.labels.is_empty() {
            let labels: Vec<String> = field.labels.iter().map(|label| scalar(label.as_str())).collect();
            self.line(depth, format_args!("labels: [{}]", labels.join(", ")));
        }
        self.member(depth, "required", field.required.then_some(true));
        if !field.allowed.is_empty() {
            let allowed: Vec<String> = field.allowed.iter().map(value).collect();
            self.line(depth, format_args!("enum: [{}]", allowed.join(", ")));
        }
        self.member(depth, "minimum", field.minimum.map(number));
        self.member(depth, "maximum", field.maximum.map(number));
        self.text(depth, "format", field.format.map(|format| format.as_str()));
        self.text(depth, "pattern", field.pattern.as_ref().map(|pattern| pattern.as_str()));
        self.member(depth, "minimum_length", field.minimum_length);
        self.member(depth, "maximum_length", field.maximum_length);
        if let Some(identity) = &field.identity {
            let primary = if identity.primary { ", primary: true" } else { "" };
            let namespace = scalar(identity.namespace.as_str());
            self.line(depth, format_args!("identity: {{namespace: {namespace}{primary}}}"));
        }
    }

    fn kind(&mut self, depth: usize, kind: &FieldType) {
        match kind {
            FieldType::Array(item) => {
                self.line(depth, format_args!("type: array"));
                self.line(depth, format_args!("items:"));
                self.kind(depth + 1, item);
            }
            FieldType::Map(item) => {
                self.line(depth, format_args!("type: map"));
                self.line(depth, format_args!("values:"));
                self.kind(depth + 1, item);
            }
            FieldType::Object(fields) => {
                self.line(depth, format_args!("type: object"));
                self.fields(depth, fields);
            }
            scalar => self.line(depth, format_args!("type: {scalar}")),
        }
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Integer(whole) => whole.to_string(),
        Value::Double(double) => format!("{double:?}"),
        Value::Boolean(boolean) => boolean.to_string(),
        // INVARIANT: lists of values hold single ones.
        Value::Array(_) | Value::Object(_) => "null".to_owned(),
    }
}

/// A limit; whole ones without a point, so that they read as what they are.
fn number(number: f64) -> String {
    let exact = 2_f64.powi(53);
    if number.fract() == 0.0 && number.abs() <= exact {
        format!("{number:.0}")
    } else {
        format!("{number:?}")
    }
}

/// A text as YAML: as it is where nothing in it means anything else, and quoted as JSON has it otherwise.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.ends_with(|last: char| last.is_ascii_alphanumeric())
        && text.chars().all(|each| each.is_ascii_alphanumeric() || " _-".contains(each))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
