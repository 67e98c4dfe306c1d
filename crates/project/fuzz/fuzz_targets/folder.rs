//! A project's files: whatever they are, they are a project that compiles, or are refused with places.

#![no_main]

use domain::catalogue::Catalogue;
use jiff::civil::date;
use libfuzzer_sys::fuzz_target;
use project::{Fault, Plugins, Project};
use serde_json::Value;

/// What stands before the path of each file.
const FILE: &str = "\n=== ";

fuzz_target!(|bytes: &[u8]| {
    let text = format!("\n{}", String::from_utf8_lossy(bytes));
    let files = text.split(FILE).skip(1).filter_map(|part| {
        let (path, text) = part.split_once('\n')?;
        Some((path.to_owned(), text.to_owned()))
    });
    match Project::of_files(files, &Anything) {
        Ok(project) => check(&project),
        Err(problems) => assert!(problems.iter().all(|problem| problem.line > 0 && problem.column > 0)),
    }
});

fn check(project: &Project) {
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
