//! Commands that answer JSON lines, run as people run them.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail like the test")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn run(arguments: &[&str], input: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_tributary");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn answers(arguments: &[&str], input: &str) -> Vec<Value> {
    let output = run(arguments, input);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn graphs_are_simulated_line_by_line() {
    let config = json!({"unique": ["CRMID"], "priority": ["CRMID", "ECID"]});
    let tom = json!({"t": 1, "ids": {"CRMID": ["Tom"], "ECID": ["111"]}});
    let summer = json!({"t": 2, "ids": {"CRMID": ["Summer"], "ECID": ["111"]}});
    let input = format!(
        "{}\n\n{}\r\n{}",
        json!({"id": "one", "config": config, "events": [tom]}),
        json!({"id": 2, "config": config, "events": [tom, summer]}),
        json!({"events": []}),
    );
    assert_eq!(
        answers(&["graph", "simulate"], &input),
        [
            json!({"id": "one", "graphs": [["CRMID:Tom", "ECID:111"]], "isolated": [], "dropped": []}),
            json!({"id": 2, "graphs": [["CRMID:Summer", "ECID:111"]], "isolated": ["CRMID:Tom"], "dropped": [{
                "link": ["CRMID:Tom", "ECID:111"],
                "reason": "namespace `CRMID` is unique: the link would put `CRMID:Summer` and `CRMID:Tom` into one graph",
            }]}),
            json!({"id": null, "graphs": [], "isolated": [], "dropped": []}),
        ]
    );
}

#[test]
fn types_of_namespaces_may_be_said_in_either_spelling() {
    let of = |kind: &str| {
        let events = json!([{"t": 1, "ids": {"CRMID": ["Tom"], "Vendor": ["v1"]}}]);
        let input = json!({"id": 1, "config": {"types": {"Vendor": kind}}, "events": events}).to_string();
        answers(&["graph", "simulate"], &input).pop().unwrap()["graphs"].clone()
    };
    assert_eq!(of("partner_id"), json!([]));
    assert_eq!(of("PARTNER_ID"), json!([]));
    assert_eq!(of("CROSS_DEVICE"), json!([["CRMID:Tom", "Vendor:v1"]]));
}

#[test]
fn policies_are_evaluated_line_by_line() {
    let policy = json!({"id": "p1", "name": "Combine Data", "status": "ENABLED",
        "marketingActionRefs": ["https://platform.adobe.io/data/foundation/dulepolicy/marketingActions/custom/combineData"],
        "deny": {"operator": "AND", "operands": [{"label": "C3"}, {"label": "I1"}]}});
    let line = |id: &str, labels: &[&str]| json!({"id": id, "policies": [policy], "labels": labels, "action": "/marketingActions/custom/combineData"});
    let found =
        answers(&["policy", "evaluate"], &format!("{}\n{}\n", line("a", &["C3"]), line("b", &["I1", "C3"])));
    assert_eq!(
        found[0],
        json!({"id": "a", "duleLabels": ["C3"], "violatedPolicies": [], "explanations": []})
    );
    assert_eq!((&found[1]["id"], &found[1]["violatedPolicies"]), (&json!("b"), &json!(["p1"])));
    assert_eq!(found[1]["explanations"][0]["matched"], policy["deny"]);
}

#[test]
fn a_broken_line_costs_itself_only_and_repeats_no_value() {
    let input = "nonsense\n\
        {\"id\": \"x\", \"events\": [{\"t\": 1, \"ids\": {\"Email\": \"bobby@example.com\"}}]}\n\
        {\"id\": \"y\", \"config\": {\"uniqe\": []}, \"events\": []}\n\
        {\"id\": \"z\", \"events\": []}\n";
    let found = answers(&["graph", "simulate"], input);
    assert_eq!(found.len(), 4);
    assert_eq!((&found[0]["id"], &found[0]["error"]["line"]), (&Value::Null, &json!(1)));
    assert_eq!(found[1]["id"], "x");
    assert_eq!(found[1]["error"]["at"], "events[0].ids.Email");
    assert_eq!(found[1]["error"]["found"], "a string");
    assert!(!found[1].to_string().contains("bobby"), "{}", found[1]);
    assert!(found[2]["error"]["found"].as_str().unwrap().contains("`uniqe`"), "{}", found[2]);
    assert_eq!(found[3]["id"], "z");
}

#[test]
fn a_misspelt_key_of_a_question_about_policies_is_told_and_allows_nothing() {
    let asked = |key: &str, value: Value| {
        let mut question = json!({"id": 1, "policies": [], "action": "/marketingActions/custom/a",
            "entities": [{"entityId": "d", "dataSetLabels": {}}]});
        match key {
            "field" => question["entities"][0]["dataSetLabels"][key] = value,
            _ => question[key] = value,
        }
        answers(&["policy", "evaluate"], &question.to_string()).pop().unwrap()
    };
    for (key, value, meant) in [
        ("field", json!([{"path": "/person/name", "labels": ["I1"]}]), "did you mean `fields`?"),
        ("includedraft", json!(true), "did you mean `includeDraft`?"),
    ] {
        let found = asked(key, value);
        assert!(found["error"]["message"].as_str().unwrap().ends_with(meant), "{key}: {found}");
    }
    assert_eq!(asked("request_fields", json!([]))["violatedPolicies"], json!([]));
}

#[test]
fn a_byte_order_mark_before_the_first_line_is_no_part_of_it() {
    let found =
        answers(&["graph", "simulate"], "\u{feff}{\"id\": 1, \"events\": []}\r\n{\"id\": 2, \"events\": []}");
    assert_eq!((&found[0]["id"], &found[1]["id"]), (&json!(1), &json!(2)));
    assert_eq!(found[0]["graphs"], json!([]));
}

#[test]
fn whoever_reads_no_further_is_no_fault() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .args(["pql", "eval"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(b"{\"expression\": \"true\"}\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn only_an_input_that_cannot_be_read_fails() {
    let output = run(&["policy", "evaluate", "no-such-file.jsonl"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-file.jsonl"));
    assert_eq!(answers(&["policy", "evaluate", "-"], ""), Vec::<Value>::new());
}

#[test]
fn expressions_are_evaluated_and_checked_line_by_line() {
    let input = format!(
        "{}\n{}\n{}\nnonsense\n{}",
        json!({
            "id": 1,
            "expression": "orders[total > ^limit].count()",
            "format": "pql/text",
            "profile": {"limit": 15, "orders": [{"total": 10}, {"total": 20}]},
            "now": null,
            "as": "value",
        }),
        json!({
            "id": "two",
            "expression": "lastSeen occurs <= 3 days before now",
            "profile": {"lastSeen": "2026-01-30T00:00:00Z"},
            "now": "2026-01-31T12:00:00Z",
        }),
        json!({"id": 3, "expression": "name.startWith(\"B\")"}),
        json!({
            "id": 4,
            "format": "pql/json",
            "expression": {"nodeType": "fnApply", "fnName": "=", "params": [
                {"nodeType": "fieldLookup", "fieldName": "city"},
                {"nodeType": "literal", "literalType": "String", "value": "Basel"},
            ]},
            "profile": {"city": "Basel"},
        }),
    );
    let evaluated = answers(&["pql", "eval"], &input);
    assert_eq!(evaluated[0], json!({"id": 1, "result": 1}));
    assert_eq!(evaluated[1], json!({"id": "two", "result": true}));
    let message = "no function has the name `startWith`; did you mean `startsWith`?";
    let unknown = json!({"kind": "type_error", "message": message, "span": [5, 14]});
    assert_eq!(evaluated[2], json!({"id": 3, "error": unknown}));
    assert_eq!(evaluated[3]["id"], Value::Null);
    assert_eq!(evaluated[3]["error"]["kind"], "parse_error");
    assert_eq!(evaluated[4], json!({"id": 4, "result": true}));

    let checked = answers(&["pql", "check"], &input);
    assert_eq!(checked[0], json!({"id": 1, "result": true}));
    assert_eq!(checked[2], json!({"id": 3, "error": unknown}));
    assert_eq!(checked.len(), 5);
}

#[test]
fn a_profile_is_explained_if_it_is_one_of_the_projects() {
    const NAME: &str = "high_earning_homeowner_prospects";
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/securfinancial");
    let explain = |more: &[&str], input: &str| {
        let output = run(&[&["audience", "explain", NAME], more].concat(), input);
        let (told, code) = (String::from_utf8(output.stderr).unwrap(), output.status.code().unwrap());
        (code, String::from_utf8(output.stdout).unwrap() + &told)
    };
    let of = |profile: &str| explain(&[example, "--profile", "-"], profile);
    let bobby = r#"{"partner": {"recentMortgageLikelihood": 0.9, "netWorthBand": "over_1m"}, "hasFinancialAdvisor": false}"#;
    for (profile, code, expected) in [
        (bobby.to_owned(), 0, "in high_earning"),
        (format!("\u{feff}{bobby}"), 0, "in high_earning"),
        (bobby.replace("recent", "resent"), 1, "did you mean `recentMortgageLikelihood`?"),
        (bobby.replace("false", "\"x\""), 1, "`hasFinancialAdvisor` is of type boolean"),
        ("[]".to_owned(), 2, "expected one JSON object of attributes"),
    ] {
        let (found, told) = of(&profile);
        assert!(found == code && told.contains(expected), "{profile}: {found} {told}");
    }
    let (code, told) = explain(&[], "");
    assert!(code == 2 && told.contains("with `--profile`"), "{code} {told}");
    assert_eq!(explain(&[example, "--profile", "-", "--value", "x"], bobby).0, 2);
}
