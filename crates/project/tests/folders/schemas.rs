//! The JSON Schemas of all kinds of files, as a validator that shares nothing with them reads them.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use project::{FileSchema, Project, schemas};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Lenient, copy_folder};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn examples() -> Vec<PathBuf> {
    ["home-improvement", "securfinancial"].map(|name| root().join("examples").join(name)).into()
}

/// The YAML files of a project by their paths, as JSON.
fn documents(folder: &Path, prefix: &str) -> Vec<(String, Value)> {
    let mut documents = Vec::new();
    for entry in fs::read_dir(folder.join(prefix)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if folder.join(&path).is_dir() {
            documents.extend(self::documents(folder, &path));
        } else if path.ends_with(".yaml") {
            let text = fs::read_to_string(folder.join(&path)).unwrap();
            let options = serde_saphyr::options! { strict_booleans: true };
            documents.push((path, serde_saphyr::from_str_with_options(&text, options).unwrap()));
        }
    }
    documents
}

fn validator(of: &FileSchema) -> Validator {
    jsonschema::validator_for(&of.document).unwrap()
}

/// The schema for a file of a project.
fn schema_for(path: &str) -> FileSchema {
    let is_for = |schema: &FileSchema| match schema.files.strip_suffix("*.yaml") {
        Some(folder) => path.starts_with(folder),
        None => path == schema.files,
    };
    schemas().into_iter().find(is_for).unwrap_or_else(|| panic!("no schema is for `{path}`"))
}

#[test]
fn what_is_published_is_what_the_forms_say() {
    let published = root().join("schemas");
    for schema in schemas() {
        let file = published.join(format!("{}.json", schema.name));
        let text = fs::read_to_string(&file).unwrap_or_default();
        let is_current = serde_json::from_str::<Value>(&text).is_ok_and(|known| known == schema.document);
        let help = "cargo run -p cli -- project schemas --out schemas";
        assert!(is_current, "{} is out of date: {help}", file.display());
    }
    assert_eq!(fs::read_dir(published).unwrap().count(), schemas().len());
}

#[test]
fn every_file_of_the_examples_is_valid() {
    for folder in examples() {
        for (path, document) in documents(&folder, "") {
            let faults: Vec<String> =
                validator(&schema_for(&path)).iter_errors(&document).map(|error| error.to_string()).collect();
            assert!(faults.is_empty(), "{path}: {faults:?}");
        }
    }
}

#[test]
fn a_file_that_is_broken_is_not_valid() {
    let cases = [
        ("project", json!({})),
        ("project", json!({"title": "A", "titel": "B"})),
        ("namespaces", json!({"namespaces": [{"type": "cookie"}]})),
        ("marketing-actions", json!({"Show": 7})),
        ("merge-policies", json!({"newest": {"attributes": "oldest_first"}})),
        ("partner", json!({"namespace": "A", "contract": {"allows": [], "matching": "perhaps"}})),
        ("schema", json!({"class": "profile", "fields": {"a": {"type": "text"}}})),
        (
            "schema",
            json!({"class": "profile", "fields": {"a": {"type": "array", "items": {"type": "array", "items": {}}}}}),
        ),
        ("dataset", json!({"schema": "a", "source": {"prefix": "a/", "format": "csv"}})),
        (
            "policy",
            json!({"status": "ENABLED", "marketing_actions": ["A"], "deny": {"operator": "NOT", "operands": []}}),
        ),
        ("audience", json!({"expression": true})),
        ("audience", json!({"expression": "a", "examples": [{"profile": {}}]})),
        ("destination", json!({"plugin": "s3-file", "marketing_actions": "Email Targeting"})),
        ("dataflow", json!({"audience": "a", "destination": "b", "mapping": {"c": {"feild": "d"}}})),
        ("datastream", json!({"organisation": "A@B", "origins": [], "limits": {"events": 70000}})),
        ("offer", json!({"scope": "a", "items": [{"dom": {"action": "setHtml"}}]})),
    ];
    for (name, document) in cases {
        let schema = schemas().into_iter().find(|schema| schema.name == name).unwrap();
        assert!(!validator(&schema).is_valid(&document), "{name}: {document}");
    }
}

/// Every document that differs from one in a single member.
fn changed(document: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    match document {
        Value::Object(members) => {
            for (name, value) in members {
                let with = |value: Option<Value>| {
                    let mut members = members.clone();
                    match value {
                        Some(value) => members.insert(name.clone(), value),
                        None => members.remove(name),
                    };
                    Value::Object(members)
                };
                all.push(with(None));
                all.extend([json!([]), json!({}), json!(7), json!("?")].map(|other| with(Some(other))));
                all.extend(changed(value).into_iter().map(|value| with(Some(value))));
            }
            let mut more = members.clone();
            more.insert("nobody_asked_for_this".to_owned(), json!(1));
            all.push(Value::Object(more));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                for item in changed(item) {
                    let mut items = items.clone();
                    items[index] = item;
                    all.push(Value::Array(items));
                }
            }
        }
        _ => {}
    }
    all
}

#[test]
fn what_a_schema_refuses_is_refused_when_it_is_read() {
    let mut refused = 0;
    for folder in examples() {
        let copy = TempDir::new().unwrap();
        copy_folder(&folder, copy.path());
        let documents = documents(&folder, "");
        for kind in schemas() {
            let of_kind = documents.iter().filter(|(path, _)| schema_for(path).name == kind.name);
            // One of each kind is enough, and the shortest has the fewest members to change.
            let Some((path, document)) = of_kind.min_by_key(|(_, document)| document.to_string().len())
            else {
                continue;
            };
            let file = copy.path().join(path);
            let (text, validator) = (fs::read_to_string(&file).unwrap(), validator(&kind));
            for changed in changed(document).into_iter().filter(|changed| !validator.is_valid(changed)) {
                fs::write(&file, changed.to_string()).unwrap();
                let is_refused = Project::load(copy.path(), &Lenient).is_err();
                assert!(is_refused, "{path} is read, and its schema refuses it: {changed}");
                refused += 1;
            }
            fs::write(&file, text).unwrap();
        }
    }
    assert!(refused > 300, "{refused} changes were refused");
}
