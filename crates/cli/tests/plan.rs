//! `tributary plan`, run as people run it: offline, one folder against another.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail like the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn plan(folder: &Path, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_tributary");
    Command::new(program).arg("plan").arg(folder).args(arguments).output().unwrap()
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/securfinancial")
}

/// The example with texts replaced, each in a file.
fn changed(changes: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&example(), copy.path());
    for (file, old, new) in changes {
        let path = copy.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{file} has no `{old}`");
        fs::write(path, text.replace(old, new)).unwrap();
    }
    copy
}

fn copy_folder(from: &Path, to: &Path) {
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

fn document(output: &Output) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{error}: {told}")).unwrap()
}

/// Which uses flip, and how.
fn flips(document: &Value) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = document["flips"].as_array().unwrap().iter();
    all.map(|flip| (word(&flip["dataflow"]), word(&flip["flip"]))).collect()
}

const CONTRACT: &str =
    "    - Analytics\n    - Combine with directly identifiable data\n    - Cross Site Targeting\n";

#[test]
fn the_same_project_changes_nothing() {
    let at = example().display().to_string();
    let output = plan(&example(), &["--against", &at]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("plan: nothing would change"), "{shown}");
    let strict = plan(&example(), &["--against", &at, "--strict"]);
    assert_eq!(strict.status.code(), Some(1), "one dataflow is blocked, as it was");
}

#[test]
fn a_consent_policy_is_a_change_though_it_meets_no_dataflow() {
    let more = changed(&[]);
    let policy = "status: ENABLED\nif: {label: S2}\nthen: {field: tier, values: [plus]}\n";
    fs::write(more.path().join("policies/consent.yaml"), policy).unwrap();
    let output = plan(more.path(), &["--against", &example().display().to_string()]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("consent policies") && shown.contains("consent"), "{shown}");
    assert!(!shown.contains("nothing would change"), "{shown}");
}

#[test]
fn a_dataflow_that_is_taken_out_is_removed_and_said_to_be_retiring() {
    let less = changed(&[]);
    fs::remove_file(less.path().join("dataflows/prospects_to_email.yaml")).unwrap();
    let against = example().display().to_string();
    let told = document(&plan(less.path(), &["--against", &against, "--format", "json"]));
    assert_eq!(told["changes"][0]["kind"], "dataflows", "{told}");
    assert_eq!(told["changes"][0]["removed"], serde_json::json!(["prospects_to_email"]));
    assert_eq!(told["changes"][0]["changed"], serde_json::json!([]));
    assert_eq!(told["against"], against.as_str());
    let shown = String::from_utf8(plan(less.path(), &["--against", &against]).stdout).unwrap();
    assert!(shown.lines().any(|line| line.starts_with("- dataflows")), "{shown}");
    assert!(shown.contains("RETIRING until what was sent is withdrawn: prospects_to_email"), "{shown}");
    assert!(shown.contains("1 part differs; held against `"), "{shown}");
}

#[test]
fn what_a_contract_that_allows_less_would_block_is_told_and_the_exit_code_is_1() {
    let less = changed(&[("partners/northlight.yaml", CONTRACT, "    - Analytics\n")]);
    let output = plan(less.path(), &["--against", &example().display().to_string(), "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let document = document(&output);
    let blocked = |name: &str| (name.to_owned(), "blocked".to_owned());
    assert_eq!(flips(&document), [blocked("prospects_to_facebook"), blocked("prospects_to_file")]);
    let cause = &document["flips"][0]["refusals"][0]["cause"]["contract_forbids"]["partner"];
    assert_eq!(cause, "northlight");
    assert_eq!(document["changes"][0]["kind"], "partners");
}

#[test]
fn what_a_policy_and_a_contract_that_allow_more_would_free_is_told_and_the_exit_code_is_0() {
    let more = changed(&[
        (
            "partners/northlight.yaml",
            CONTRACT,
            &format!("{CONTRACT}    - Email Targeting\n    - Onsite Personalization\n"),
        ),
        ("policies/partner_data_no_personalisation.yaml", "ENABLED", "DISABLED"),
    ]);
    let against = example().display().to_string();
    let output = plan(more.path(), &["--against", &against, "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(flips(&document(&output)), [("prospects_to_email".to_owned(), "freed".to_owned())]);
    let shown = String::from_utf8(plan(more.path(), &["--against", &against]).stdout).unwrap();
    assert!(shown.contains("blocked -> allowed: dataflow `prospects_to_email`"), "{shown}");
    assert!(shown.contains("no longer: the contract with partner `northlight` does not allow it"), "{shown}");
}

#[test]
fn a_label_that_a_policy_speaks_of_blocks_what_carries_the_field() {
    let labelled =
        changed(&[("schemas/partner_enrichment.yaml", "labels: [Wealth]", "labels: [Wealth, C2]")]);
    let output = plan(labelled.path(), &["--against", &example().display().to_string(), "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let document = document(&output);
    let names: Vec<String> = flips(&document).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["prospects_to_facebook", "prospects_to_file"]);
    let first = &document["flips"][0]["refusals"][0];
    assert_eq!(first["cause"]["policy"]["name"], "third_party_export_restriction");
    assert_eq!(first["lineage"][0]["field"], "partner.netWorthBand");
}

#[test]
fn every_audience_is_judged_for_every_destination() {
    let output = plan(&example(), &["--against", &example().display().to_string(), "--format", "json"]);
    let document = document(&output);
    let pairs = document["matrix"].as_array().unwrap();
    let verdict = |audience: &str, destination: &str| {
        let pair =
            pairs.iter().find(|pair| pair["audience"] == audience && pair["destination"] == destination);
        let pair = pair.unwrap();
        (pair["dataflows"].as_array().unwrap().len(), pair["allowed"].as_bool().unwrap())
    };
    const PROSPECTS: &str = "high_earning_homeowner_prospects";
    assert_eq!(pairs.len(), 2 * 4);
    assert_eq!(verdict(PROSPECTS, "facebook"), (1, true));
    assert_eq!(verdict(PROSPECTS, "newsletter_file"), (1, false));
    assert_eq!(verdict(PROSPECTS, "northlight_seed"), (0, true));
    assert_eq!(verdict("all_customers", "newsletter_file"), (0, true));
    let shown = String::from_utf8(plan(&example(), &["--against", &example().display().to_string()]).stdout);
    let shown = shown.unwrap();
    let row = shown.lines().find(|line| line.starts_with(PROSPECTS)).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells, [PROSPECTS, "allowed", "allowed", "BLOCKED", "(allowed)"]);
}

#[test]
fn a_consent_that_would_be_asked_for_is_told() {
    let asking = changed(&[]);
    fs::write(
        asking.path().join("policies/tier.yaml"),
        "status: ENABLED\nif: {marketing_action: Cross Site Targeting}\nthen: {field: tier, values: [plus]}\n",
    )
    .unwrap();
    let output = plan(asking.path(), &["--against", &example().display().to_string()]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(
        shown.contains("dataflow `prospects_to_facebook` asks for tier plus (policy tier), before -"),
        "{shown}"
    );
    assert!(shown.contains("allowed by consent"), "{shown}");
    assert!(shown.contains("are withdrawn") && !shown.contains("are sent"), "{shown}");

    let output = plan(&example(), &["--against", &asking.path().display().to_string()]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("asks for -, before tier plus (policy tier)"), "{shown}");
    assert!(shown.contains("are sent") && !shown.contains("are withdrawn"), "{shown}");
}

#[test]
fn what_cannot_be_held_against_is_said() {
    let broken = changed(&[("project.yaml", "title:", "titel:")]);
    for (against, expected) in [
        (broken.path().display().to_string(), "cannot be held against"),
        ("no/such/place".to_owned(), "cannot be read"),
        (example().join("project.yaml").display().to_string(), "neither a project's folder nor a catalogue"),
    ] {
        let output = plan(&example(), &["--against", &against]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(expected), "{told}");
    }
}
