//! What the fuzz targets assert, over seeds: so it is compiled, and holds, wherever the tests run.

use std::fs;
use std::path::Path;

use crate::documents::{ADDRESS, DESCRIPTORS, LOYALTY, MEMBER};
use crate::support::example;

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

/// All files of a folder, each after the path that it has in the folder.
fn files(folder: &Path, within: &str) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let place = format!("{within}{name}");
        if path.is_dir() {
            text.push_str(&files(&path, &format!("{place}/")));
        } else {
            text.push_str(&format!("=== {place}\n{}\n", fs::read_to_string(&path).unwrap()));
        }
    }
    text
}

#[test]
fn a_project_compiles_and_its_parts_are_projects_or_refused() {
    let text = files(&example(), "");
    assert!(fuzz::folder(text.as_bytes()));
    for part in 1..16 {
        fuzz::folder(&text.as_bytes()[..text.len() * part / 16]);
    }
    for bytes in [&b""[..], b"=== project.yaml\n", b"=== ../x\n[", b"\xff"] {
        fuzz::folder(bytes);
    }
}

#[test]
fn documents_have_fields_and_none_where_they_are_cut() {
    let whole = [LOYALTY, DESCRIPTORS, MEMBER, ADDRESS].join("\n===\n");
    assert!(fuzz::document(whole.as_bytes()));
    for bytes in [&LOYALTY.as_bytes()[..LOYALTY.len() / 2], LOYALTY.as_bytes(), b"", b"[]", b"\xff"] {
        assert!(!fuzz::document(bytes));
    }
}
