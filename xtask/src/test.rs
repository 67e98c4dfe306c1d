//! `cargo xtask test`: every suite, on real emulators.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::emulators::Emulators;
use crate::stack::Stack;
use crate::venv::Venv;
use crate::{functions, process, progress, workspace};

/// Timeouts and rates that make what takes minutes in production take seconds.
const PARAMETERS: [&str; 8] = [
    "ScheduleExpression=rate(1 minute)",
    "IngestTimeout=30",
    "IngestVisibility=35",
    "EvaluateTimeout=30",
    "EvaluateVisibility=35",
    "ActivateTimeout=30",
    "ActivateVisibility=35",
    "LogLevel=debug",
];

/// Starts the emulators, deploys, runs all tests, and says what ran on what.
pub fn run(long: bool) -> Result<()> {
    functions::build()?;
    let emulators = Emulators::start()?;
    let reach = emulators.ministack.environment();
    let stack =
        Stack { name: "tributary-test", parameters: PARAMETERS.map(str::to_owned).into(), reach: &reach };
    let mut environment = emulators.environment();
    environment.extend(stack.deploy()?);

    let kinds = progress::step("building the tests", || count(long))?;
    process::show(nextest("run", long)?.envs(&environment))?;
    let kinds: Vec<_> = kinds.iter().map(|(kind, tests)| format!("{tests} {kind}")).collect();
    println!("ran on {} and {}: {}", emulators.localstack.label, emulators.ministack.label, kinds.join(", "));
    Ok(())
}

/// All tests of the workspace, those that need emulators included, and those marked `ignored` if it may take long.
fn nextest(verb: &str, long: bool) -> Result<Command> {
    let mut nextest = Venv::tools()?.command("cargo-nextest");
    nextest.current_dir(workspace::root()).args([
        "nextest",
        verb,
        "--workspace",
        "--locked",
        "--cargo-quiet",
    ]);
    nextest.args(["--features", "tests/emulators"]);
    if long {
        nextest.args(["--run-ignored", "all"]);
    }
    Ok(nextest)
}

/// The number of tests per kind: the files of tests/tests are named `<kind>_<what>.rs`, and what lies beside the code is `unit`.
fn count(long: bool) -> Result<BTreeMap<String, usize>> {
    let list = process::output(nextest("list", long)?.args(["--message-format", "json"]))?;
    let list: Value = serde_json::from_str(&list)?;
    let suites =
        list.get("rust-suites").and_then(Value::as_object).context("`cargo nextest list` names no suites")?;
    let mut kinds = BTreeMap::new();
    for suite in suites.values() {
        let text = |field: &str| suite.get(field).and_then(Value::as_str).unwrap_or_default();
        let is_unit = text("package-name") != "tests" || text("kind") != "test";
        let kind = if is_unit { "unit" } else { text("binary-name").split('_').next().unwrap_or_default() };
        let tests =
            suite.get("testcases").and_then(Value::as_object).into_iter().flat_map(|tests| tests.values());
        let matching = tests
            .filter(|test| test.pointer("/filter-match/status").and_then(Value::as_str) == Some("matches"));
        *kinds.entry(kind.to_owned()).or_default() += matching.count();
    }
    kinds.retain(|_, tests| *tests > 0);
    Ok(kinds)
}
