//! `tributary schema`, run as people run it.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail like the test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const GROUP: &str = r#"{
  "$id": "https://ns.example.com/acme/mixins/member",
  "title": "Member",
  "properties": {
    "_acme": {
      "properties": {
        "memberId": {"type": "string", "title": "Member ID"},
        "tier": {"type": "string", "enum": ["basic", "gold"]},
        "home": {"$ref": "https://ns.example.com/acme/datatypes/address"},
        "visits": {"type": "array", "items": {"properties": {"on": {"type": "string", "format": "date"}}}}
      }
    }
  }
}"#;

const ADDRESS: &str = r#"{
  "$id": "https://ns.example.com/acme/datatypes/address",
  "properties": {"xdm:country": {"type": "string", "pattern": "^[A-Z]{2}$"}}
}"#;

const DESCRIPTORS: &str = r#"[{
  "@type": "xdm:descriptorIdentity", "xdm:sourceProperty": "/_acme/memberId", "xdm:namespace": "Email", "xdm:isPrimary": true
}]"#;

fn run(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tributary"))
        .arg("schema")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A group in a folder, and what it refers to in another.
fn documents() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (file, text) in [
        ("own/member.json", GROUP),
        ("own/member.descriptors.json", DESCRIPTORS),
        ("published/deep/address.json", ADDRESS),
        ("published/broken.json", "{"),
        ("project/project.yaml", "title: Test"),
    ] {
        fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
        fs::write(folder.path().join(file), text).unwrap();
    }
    folder
}

#[test]
fn a_document_is_shown_as_a_tree_once_what_it_refers_to_is_there() {
    let folder = documents();
    let shown = run(&["show", "own/member.json", "--with", "published"], folder.path());
    assert_eq!(shown.status.code(), Some(0), "{}", text(&shown.stderr));
    insta::assert_snapshot!(text(&shown.stdout), @r"
    Member

    field          type             labels  identity        rules               title
    _acme          object
    ├─ home        object
    │  └─ country  string                                   /^[A-Z]{2}$/
    ├─ memberId    string                   Email, primary  required            Member ID
    ├─ tier        string                                   one of basic, gold
    └─ visits      array of object
       └─ on       date

    5 fields
    ");

    let refused = run(&["show", "own/member.json"], folder.path());
    assert_eq!(refused.status.code(), Some(1));
    let told = text(&refused.stderr);
    assert!(told.contains("own/member.json:9:"), "{told}");
    assert!(
        told.contains("no document with the `$id` `https://ns.example.com/acme/datatypes/address`"),
        "{told}"
    );
    assert!(told.contains("`--with` names"), "{told}");
}

#[test]
fn a_document_that_only_defines_shows_what_it_defines() {
    let folder = documents();
    let shared = r#"{
      "$id": "https://ns.example.com/acme/common", "title": "Common",
      "definitions": {"named": {"properties": {"xdm:name": {"type": "string"}}}, "empty": {}}
    }"#;
    fs::write(folder.path().join("common.json"), shared).unwrap();
    let shown = run(&["show", "common.json"], folder.path());
    insta::assert_snapshot!(text(&shown.stdout), @r"
    Common

    no fields of its own; defined for others:

    field    type    labels  identity  rules  title
    named    object
    └─ name  string

    1 field
    ");
}

#[test]
fn a_program_gets_every_field_with_its_path() {
    let folder = documents();
    let shown = run(&["show", "own/member.json", "--with", "published", "--format", "json"], folder.path());
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    let paths: Vec<_> =
        json["fields"].as_array().unwrap().iter().map(|field| field["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "_acme",
            "_acme.home",
            "_acme.home.country",
            "_acme.memberId",
            "_acme.tier",
            "_acme.visits",
            "_acme.visits[].on"
        ]
    );
    assert_eq!(json["fields"][3]["identity"], serde_json::json!({"namespace": "Email", "primary": true}));
    assert_eq!(json["fields"][4]["enum"], serde_json::json!(["basic", "gold"]));
}

#[test]
fn a_document_is_imported_once_into_a_project_that_is_valid_with_it() {
    let folder = documents();
    let import = |more: &[&str]| {
        let usual = ["import", "own/member.json", "project", "--with", "published"];
        run(&[&usual, more].concat(), folder.path())
    };
    let refused = import(&[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--class profile"), "{}", text(&refused.stderr));

    let written = import(&["--class", "profile"]);
    assert_eq!(written.status.code(), Some(0), "{}", text(&written.stderr));
    let printed = import(&["--class", "profile", "--print"]);
    let yaml = fs::read(folder.path().join("project/schemas/member.yaml")).unwrap();
    assert_eq!(text(&yaml), text(&printed.stdout));

    assert_eq!(import(&["--class", "profile"]).status.code(), Some(2));
    assert_eq!(import(&["--class", "profile", "--replace"]).status.code(), Some(0));
    let shown = run(&["show", "member", "project"], folder.path());
    assert!(text(&shown.stdout).contains("Email, primary"), "{}", text(&shown.stderr));

    let beside = folder.path().join("project/schemas/member.schema.json");
    fs::copy(folder.path().join("own/member.json"), &beside).unwrap();
    let refused = import(&["--class", "profile", "--replace"]);
    assert_eq!(refused.status.code(), Some(2), "two files of one name would be no project");
    assert!(text(&refused.stderr).contains("is a schema of this name already"), "{}", text(&refused.stderr));
}

#[test]
fn field_groups_and_schemas_are_shown_by_name_and_unknown_names_are_told_the_known_ones() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let shown = run(&["show", "tributary/life-events"], &example);
    assert!(text(&shown.stdout).contains("Third-Party"), "{}", text(&shown.stderr));
    let shown = run(&["show", "customer", "securfinancial"], &example);
    assert!(text(&shown.stdout).contains("CRMID, primary"), "{}", text(&shown.stderr));
    for (arguments, known) in [
        (["show", "customers", "securfinancial"], "`customer`"),
        (["show", "tributary/cars", "."], "`tributary/auto`"),
    ] {
        let refused = run(&arguments, &example);
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(known), "{}", text(&refused.stderr));
    }
}
