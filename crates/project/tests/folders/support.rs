//! Project folders for tests, and plugins that know as much as the loader asks.

use std::fs;
use std::path::{Path, PathBuf};

use domain::namespace::{Namespace, ValueRule};
use project::{Fault, Plugins};
use serde_json::Value;
use tempfile::TempDir;

/// Two plugins as the real ones are: one with targets of its own, one whose settings name them.
pub struct Kit;

impl Plugins for Kit {
    fn names(&self) -> Vec<&str> {
        vec!["facebook", "s3-file"]
    }

    fn faults(&self, plugin: &str, config: &Value, targets: &[&str]) -> Vec<Fault> {
        let required = if plugin == "facebook" { "ad_account" } else { "columns" };
        if config.get(required).is_none() {
            return vec![Fault { field: None, message: format!("missing field `{required}`") }];
        }
        let columns = config.get("columns").and_then(Value::as_array).into_iter().flatten();
        let known: Vec<&str> = match plugin {
            "facebook" => vec!["EMAIL", "PHONE"],
            _ => columns.filter_map(|column| column.get("name").and_then(Value::as_str)).collect(),
        };
        if let Some(Value::Bool(prefix)) = config.get("prefix") {
            return vec![Fault {
                field: Some("prefix".to_owned()),
                message: format!("`{prefix}` is no folder"),
            }];
        }
        let unknown = targets.iter().filter(|target| !known.contains(target));
        unknown
            .map(|target| Fault {
                field: Some((*target).to_owned()),
                message: format!("`{target}` is no target here"),
            })
            .collect()
    }

    fn writes_files(&self, plugin: &str) -> bool {
        plugin == "s3-file"
    }

    /// What is no digest is hashed, of phone numbers the digits alone.
    fn cell(&self, plugin: &str, _: &Value, target: &str, value: &str) -> Option<String> {
        let digits = if target == "PHONE" { value.trim_start_matches('+') } else { value };
        let is_clear = plugin != "facebook" || value.len() == 64;
        if is_clear { Some(value.to_owned()) } else { digest(digits) }
    }

    fn sole(&self, _: &str, config: &Value) -> Option<String> {
        Some(format!("account `{}`", config.get("ad_account")?.as_str()?))
    }
}

/// The SHA-256 of a text, as namespaces keep it.
fn digest(text: &str) -> Option<String> {
    let any = Namespace::standard().into_iter().find(|each| each.value == ValueRule::Text)?;
    Some(Namespace { hashed: true, ..any }.normalise(text).ok()?.value)
}

/// Two plugins that take anything.
pub struct Lenient;

impl Plugins for Lenient {
    fn names(&self) -> Vec<&str> {
        Kit.names()
    }

    fn faults(&self, _: &str, _: &Value, _: &[&str]) -> Vec<Fault> {
        Vec::new()
    }
}

/// The example's folder.
pub fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/securfinancial")
}

/// A copy of the example with a change.
pub fn changed(change: impl FnOnce(&Path)) -> TempDir {
    let copy = TempDir::new().unwrap();
    copy_folder(&example(), copy.path());
    change(copy.path());
    copy
}

/// The example without its partner, and without all that uses the partner's data.
pub fn without_northlight() -> TempDir {
    changed(|folder| {
        for file in [
            "partners/northlight.yaml",
            "datasets/northlight_enrichment.yaml",
            "schemas/partner_enrichment.yaml",
            "audiences/high_earning_homeowner_prospects.yaml",
        ] {
            fs::remove_file(folder.join(file)).unwrap();
        }
        for dataflow in ["email", "facebook", "file"] {
            fs::remove_file(folder.join(format!("dataflows/prospects_to_{dataflow}.yaml"))).unwrap();
        }
        replace(folder, "merge-policies.yaml", ", northlight_enrichment", "");
    })
}

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to).unwrap();
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
        }
    }
}

/// Replaces a text, which stands there once at least, in a file.
pub fn replace(folder: &Path, file: &str, old: &str, new: &str) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{file} has no `{old}`");
    fs::write(path, text.replacen(old, new, 1)).unwrap();
}
