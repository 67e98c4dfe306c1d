//! `tributary validate`, run as people run it.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail like the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/securfinancial")
}

fn validate(folder: &Path, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_tributary");
    Command::new(program).arg("validate").arg(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_example_is_valid_and_shows_what_would_be_blocked() {
    let output = validate(&example(), &[]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(shown.contains("valid: "), "{shown}");
    assert!(shown.contains("blocked: dataflow `prospects_to_email`"), "{shown}");
    assert!(shown.contains("cures: dataflow `prospects_to_email`: each of these would let it go"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "colours are for terminals");
}

#[test]
fn a_program_gets_one_json_document() {
    let output = validate(&example(), &["--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["valid"], true);
    assert_eq!(report["errors"], serde_json::json!([]));
    assert_eq!(report["blocked"][0]["dataflow"], "prospects_to_email");
    assert_eq!(report["cures"][0]["dataflow"], "prospects_to_email");
    assert_eq!(report["cures"][0]["cures"][0][0]["change"], "drop_mapping");
}

#[test]
fn every_error_is_shown_with_its_place_and_the_exit_code_is_1() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("project.yaml"), "title: Broken\ncolour: red\n").unwrap();
    fs::create_dir(folder.path().join("destinations")).unwrap();
    let destination = "title: F\nplugin: fakebook\nmarketing_actions: []\nconfig: {}\n";
    fs::write(folder.path().join("destinations/f.yaml"), destination).unwrap();

    let output = validate(folder.path(), &[]);
    let shown = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(shown.contains("error: project.yaml:2:1: "), "{shown}");
    assert!(shown.contains("error: destinations/f.yaml:2:9: "), "{shown}");

    let output = validate(folder.path(), &["--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report["valid"], false);
    assert!(report["errors"].as_array().unwrap().len() >= 2, "{report}");
}

#[test]
fn a_setting_that_a_plugin_refuses_is_an_error_of_the_project() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("project.yaml"), "title: Broken\n").unwrap();
    fs::create_dir(folder.path().join("destinations")).unwrap();
    let destination =
        "title: F\nplugin: s3-file\nmarketing_actions: []\nconfig:\n  prefix: a\n  columns: []\n";
    fs::write(folder.path().join("destinations/f.yaml"), destination).unwrap();
    let output = validate(folder.path(), &[]);
    let shown = text(&output.stderr);
    assert!(shown.contains("destinations/f.yaml:6:"), "{shown}");
    assert!(shown.contains("expected at least one"), "{shown}");
}

#[test]
fn dataflows_that_cannot_work_at_adobe_target_are_errors_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, content: &str| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("project.yaml", "title: Shop\n");
    for (name, client_code) in [("a", "northshop"), ("b", "NorthShop"), ("c", "southshop")] {
        let config = format!("config: {{client_code: {client_code}, parameters: [tier]}}\n");
        write(
            &format!("destinations/{name}.yaml"),
            &format!("plugin: adobe-target\nmarketing_actions: [Email Targeting]\n{config}"),
        );
        let mapping = if name == "c" { "tier: {identity: Email}" } else { "thirdPartyId: {identity: CRMID}" };
        write(
            &format!("dataflows/{name}.yaml"),
            &format!("audience: all\ndestination: {name}\nmapping:\n  {mapping}\n"),
        );
    }
    let output = validate(folder.path(), &[]);
    let shown = text(&output.stderr);
    assert!(
        shown.contains("dataflows/b.yaml:2:14: dataflow `a` goes to client `northshop` of Adobe Target too"),
        "{shown}"
    );
    assert!(!shown.contains("dataflows/a.yaml:2"), "told once: {shown}");
    assert!(
        shown.contains("dataflows/c.yaml:4:3: ") && shown.contains("expected `thirdPartyId` too"),
        "{shown}"
    );
}

#[test]
fn a_folder_that_is_not_there_is_exit_code_2() {
    let output = validate(Path::new("no/such/folder"), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("error: `no/such/folder` is no folder"));
}

#[test]
fn a_folder_that_is_no_project_is_not_searched_for_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("compose.yaml"), "services: {}\n").unwrap();
    let output = validate(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let shown = text(&output.stderr);
    assert!(shown.contains("is no project, it has no `project.yaml`"), "{shown}");
    assert!(!shown.contains("compose.yaml"), "{shown}");
}

#[test]
fn whichever_command_finds_errors_a_program_gets_them_as_from_validate() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("project.yaml"), "title: Broken\ncolour: red\n").unwrap();
    fs::write(folder.path().join("a.json"), "{}").unwrap();
    fs::write(folder.path().join("broken.json"), r##"{"$ref": "#/nothing"}"##).unwrap();
    let at = folder.path().display().to_string();
    let profile = folder.path().join("a.json").display().to_string();
    let json = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
        let output = command.args(arguments).args(["--format", "json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let expected = json(&["validate", &at]);
    assert_eq!(expected["errors"][0]["line"], 2);
    for arguments in [
        &["plan", &at][..],
        &["audience", "list", &at],
        &["audience", "show", "a", &at],
        &["audience", "test", &at],
        &["audience", "explain", "a", &at, "--profile", &profile],
        &["schema", "show", "a", &at],
    ] {
        assert_eq!(json(arguments), expected, "{arguments:?}");
    }
    let broken = folder.path().join("broken.json").display().to_string();
    assert_eq!(json(&["schema", "show", &broken])["valid"], false);
}
