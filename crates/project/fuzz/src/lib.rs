//! What the fuzz targets assert of any bytes. The crate's tests include this file and run it over seeds.

use domain::catalogue::Catalogue;
use domain::schema::Class;
use jiff::civil::date;
use project::{Described, Documents, Fault, Plugins, Project};
use serde_json::Value;

/// What stands between two documents.
const NEXT: &str = "\n===\n";

/// What stands before the path of each file.
const FILE: &str = "\n=== ";

/// XDM documents that refer to each other, with descriptors beside the first: whatever they are, they become fields or
/// are refused; and what they become is the same once it was written as YAML and read again. Answers whether there are
/// fields.
pub fn document(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut documents = Documents::default();
    for (index, text) in text.split(NEXT).enumerate() {
        let file = match index {
            0 => "a.json".to_owned(),
            1 => "a.descriptors.json".to_owned(),
            _ => format!("{index}.json"),
        };
        // What is refused is left out; the others stand for themselves.
        let _ = documents.add(&file, text);
    }
    let Ok(described) = documents.describe("a.json") else { return false };
    let has_fields = !described.fields.is_empty();
    let has_one_primary =
        domain::schema::leaves(&described.fields).iter().filter(|(_, field)| is_primary(field)).count() == 1;
    let yaml = described.to_yaml(Class::Profile);
    match Described::of_yaml("a.yaml", &yaml) {
        Ok(again) => assert_eq!(again.fields, described.fields, "{yaml}"),
        Err(problems) => {
            assert!(!has_fields || !has_one_primary || is_borne(&problems.to_string()), "{problems}\n{yaml}");
        }
    }
    has_fields
}

fn is_primary(field: &domain::schema::Field) -> bool {
    field.identity.as_ref().is_some_and(|identity| identity.primary)
}

/// What a document may say, and a schema may not: limits that nothing fits, and the name of a profile's events.
fn is_borne(told: &str) -> bool {
    told.contains("lies above the maximum") || told.contains("is no field's name")
}

/// A project's files: whatever they are, they are a project that compiles, or are refused with places. Answers whether they
/// are one.
pub fn folder(bytes: &[u8]) -> bool {
    let text = format!("\n{}", String::from_utf8_lossy(bytes));
    let files = text.split(FILE).skip(1).filter_map(|part| {
        let (path, text) = part.split_once('\n')?;
        Some((path.to_owned(), text.to_owned()))
    });
    match Project::of_files(files, &Anything) {
        Ok(project) => {
            compile(&project);
            true
        }
        Err(problems) => {
            assert!(problems.iter().all(|problem| problem.line > 0 && problem.column > 0));
            false
        }
    }
}

fn compile(project: &Project) {
    let today = date(2026, 1, 1);
    let compiled = project.compile(None, today).expect("nothing is in force that could be broken");
    let read: Catalogue = serde_json::from_slice(&compiled.bytes).expect("what was written is read");
    assert_eq!(read, compiled.catalogue);
    project.compile(Some(&compiled.catalogue), today).expect("a project follows itself");
}

/// Plugins that take anything.
struct Anything;

impl Plugins for Anything {
    fn names(&self) -> Vec<&str> {
        vec!["facebook", "s3-file"]
    }

    fn faults(&self, _: &str, _: &Value, _: &[&str]) -> Vec<Fault> {
        Vec::new()
    }
}
