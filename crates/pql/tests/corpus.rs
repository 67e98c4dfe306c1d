//! The table of cases in `corpus.txt`, through the same door as `tributary pql eval`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers may fail like the test"
)]

use jiff::Timestamp;
use pql::line::{Task, answer};
use serde_json::{Value as Json, json};

/// A case, and where it stands in the table.
struct Case<'a> {
    line: usize,
    expression: &'a str,
    is_value: bool,
    expected: &'a str,
    profile: &'a str,
    now: &'a str,
}

fn cases(table: &str) -> Vec<Case<'_>> {
    let (mut profile, mut now, mut cases) = ("{}", "", Vec::new());
    for (index, line) in table.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(given) = line.strip_prefix("profile {") {
            profile = &line[line.len() - given.len() - 1..];
        } else if let Some(given) = line.strip_prefix("now 2") {
            now = &line[line.len() - given.len() - 1..];
        } else if let Some((expression, expected)) = line.split_once(" ==> ") {
            cases.push(Case { line: index + 1, expression, is_value: false, expected, profile, now });
        } else if let Some((expression, expected)) = line.split_once(" ~~> ") {
            cases.push(Case { line: index + 1, expression, is_value: true, expected, profile, now });
        } else {
            panic!("line {} is no case: {line}", index + 1);
        }
    }
    cases
}

fn answered(case: &Case<'_>, task: Task) -> Json {
    let profile: Json = serde_json::from_str(case.profile).unwrap();
    let question = json!({
        "id": case.line,
        "expression": case.expression,
        "format": "pql/text",
        "profile": profile,
        "now": case.now,
        "as": if case.is_value { "value" } else { "bool" },
    });
    let answer = answer(1, question.to_string().as_bytes(), task, Timestamp::UNIX_EPOCH);
    assert_eq!(answer.id, case.line.to_string(), "an answer names its question");
    serde_json::from_str(&answer.to_string()).unwrap()
}

/// What is wrong with an answer, if anything is.
fn wrong(case: &Case<'_>) -> Option<String> {
    let answer = answered(case, Task::Evaluate);
    let is_right = match case.expected.strip_prefix('!') {
        Some(expected) => {
            let (kind, span) = expected.split_once(' ').unwrap_or((expected, ""));
            let found = &answer["error"]["span"];
            let found = format!("{}..{}", found[0], found[1]);
            answer["error"]["kind"] == kind && (span.is_empty() || span == found)
        }
        None => answer["result"] == serde_json::from_str::<Json>(case.expected).unwrap(),
    };
    (!is_right).then(|| {
        format!("{}: {}\n  expected {}\n  found {answer}\n", case.line, case.expression, case.expected)
    })
}

#[test]
fn every_case_is_answered_as_the_table_says() {
    let table = include_str!("corpus.txt");
    let cases = cases(table);
    assert!(cases.len() >= 300, "{}", cases.len());
    let wrong: String = cases.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn what_has_an_answer_passes_the_check() {
    let wrong: String = cases(include_str!("corpus.txt"))
        .iter()
        .map(|case| (case, answered(case, Task::Check)))
        .filter(|(case, checked)| checked.get("result").is_none() != case.expected.starts_with('!'))
        .map(|(case, checked)| format!("{}: {}\n  found {checked}\n", case.line, case.expression))
        .collect();
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn an_answer_begins_with_the_id_of_its_line() {
    for (line, expected) in [
        (r#"{"id":"a","expression":"true"}"#, r#"{"id":"a","result":true}"#),
        (r#"{"expression":"1","as":"value"}"#, r#"{"id":null,"result":1}"#),
        (
            r#"{"id":7,"expression":"n ="}"#,
            r#"{"id":7,"error":{"kind":"parse_error","message":"expected a field, a value, a function or `(`, found the end of the expression","span":[3,3]}}"#,
        ),
        (
            r#"[]"#,
            r#"{"id":null,"error":{"kind":"parse_error","message":"line 3 is no JSON object","span":[0,0]}}"#,
        ),
        (
            r#"{"id": 5,"#,
            r#"{"id":null,"error":{"kind":"parse_error","message":"line 3 is no JSON, at column 9: EOF while parsing a value","span":[0,0]}}"#,
        ),
        (
            r#"{"id":123456789012345678901234567890,"expression":"true"}"#,
            r#"{"id":123456789012345678901234567890,"result":true}"#,
        ),
        (
            r#"{"id":5,"expression":"true","profile":{"a":1e400}}"#,
            r#"{"id":5,"error":{"kind":"parse_error","message":"`profile` of line 3 is no JSON: number out of range","span":[0,0]}}"#,
        ),
        (r#"{"id":1e400,"expression":"true"}"#, r#"{"id":1e400,"result":true}"#),
    ] {
        let answer = answer(3, line.as_bytes(), Task::Evaluate, Timestamp::UNIX_EPOCH);
        assert_eq!(answer.to_string(), expected);
    }
}
