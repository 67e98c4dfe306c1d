//! The walls between crates: dependencies point one way.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what cannot be read fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Which crates of the workspace each crate may depend on. What is not listed here has no place yet.
const WALLS: [(&str, &[&str]); 18] = [
    ("domain", &[]),
    ("pql", &["domain"]),
    ("records", &["domain"]),
    ("segmentation", &["domain", "pql"]),
    ("project", &["domain", "pql"]),
    ("destination", &["domain"]),
    ("adobe-target", &["destination", "domain"]),
    ("facebook", &["destination", "domain"]),
    ("s3-file", &["destination", "domain"]),
    ("registry", &["adobe-target", "destination", "facebook", "s3-file"]),
    ("aws", &["domain"]),
    ("cli", &["aws", "destination", "domain", "pql", "project", "records", "registry"]),
    ("ingest", &["aws", "domain", "records"]),
    ("evaluate", &["aws", "domain", "segmentation"]),
    ("dispatch", &["aws", "domain"]),
    ("activate", &["aws", "destination", "domain", "registry"]),
    ("edge", &["aws", "domain", "segmentation"]),
    ("xtask", &[]),
];

/// Crates that may name AWS: the store, and the functions for the events of their triggers. The suites may too.
const NAMES_AWS: [&str; 7] = ["aws", "ingest", "evaluate", "dispatch", "activate", "edge", "tests"];

/// What the domain, pql and destinations have no business with.
const IMPURE: [&str; 4] = ["tokio", "reqwest", "hyper", "lambda_runtime"];

/// The crates of the workspace, each with the crates that it depends on outside of its tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        all.filter(|each| each["kind"] != "dev").map(|each| text(&each["name"])).collect()
    };
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (text(&package["name"]), of(package)))
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let crates = dependencies();
    let ours: BTreeSet<&str> = crates.keys().map(String::as_str).collect();
    for (name, dependencies) in &crates {
        if name == "tests" {
            continue;
        }
        let Some((_, allowed)) = WALLS.iter().find(|(walled, _)| walled == name) else {
            panic!("crate `{name}` has no place yet: say in WALLS what it may depend on");
        };
        for dependency in dependencies.iter().filter(|each| ours.contains(each.as_str())) {
            assert!(allowed.contains(&dependency.as_str()), "`{name}` may not depend on `{dependency}`");
        }
    }
}

#[test]
fn only_the_store_and_the_functions_name_aws() {
    for (name, dependencies) in dependencies() {
        if NAMES_AWS.contains(&name.as_str()) {
            continue;
        }
        for dependency in dependencies {
            let names_aws = dependency.starts_with("aws-")
                || dependency.starts_with("aws_")
                || dependency == "lambda_runtime";
            assert!(!names_aws, "`{name}` names AWS: `{dependency}`");
        }
    }
}

#[test]
fn the_domain_and_the_language_are_pure() {
    let crates = dependencies();
    for name in ["domain", "pql", "records", "project"] {
        for impure in IMPURE {
            assert!(!crates[name].contains(impure), "`{name}` depends on `{impure}`");
        }
    }
}
