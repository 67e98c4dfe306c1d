//! `cargo xtask test`: every suite, on real emulators.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::emulators::Emulators;
use crate::venv::Venv;
use crate::{functions, process, progress, workspace};

/// What the suites of tests/tests are. A suite that is not listed is a kind of its own; what lies beside the code is `unit`.
const KINDS: [(&str, &str); 5] = [
    ("adobe_target", "contract"),
    ("deployed", "end-to-end"),
    ("facebook", "contract"),
    ("graph_api", "contract"),
    ("target_api", "contract"),
];

/// Which tests run.
#[derive(Args)]
pub struct Options {
    /// Run the soaks as well
    #[arg(long)]
    long: bool,
    /// Run only what a filter expression of nextest names, as `test(partner_id)` or `binary(deployed)`
    #[arg(short = 'E', long, value_name = "expression")]
    filter: Option<String>,
}

/// Starts the emulators, runs the tests, and says what ran on what. Suites that need a deployment make their own, by this program.
pub fn run(options: &Options) -> Result<()> {
    functions::build()?;
    let kinds = progress::step("building the tests", || count(options))?;
    ensure!(!kinds.is_empty(), "no test is named by the filter; soaks need `--long` besides");
    let emulators = Emulators::start()?;
    if options.filter.is_none() {
        // The examples of the documentation, which nextest does not run.
        progress::step("running the documentation's examples", || process::run(&mut doctests()))?;
    }
    process::show(nextest("run", options)?.envs(&emulators.environment()?))?;
    let kinds: Vec<_> = kinds.iter().map(|(kind, tests)| format!("{tests} {kind}")).collect();
    println!("ran on {} and {}: {}", emulators.localstack.label, emulators.ministack.label, kinds.join(", "));
    Ok(())
}

/// The tests of the workspace, those that need emulators included, and those marked `ignored` if it may take long.
fn nextest(verb: &str, options: &Options) -> Result<Command> {
    let mut nextest = Venv::tools()?.command("cargo-nextest");
    nextest.current_dir(workspace::root()).args([
        "nextest",
        verb,
        "--workspace",
        "--locked",
        "--cargo-quiet",
    ]);
    nextest.args(["--features", "tests/emulators"]);
    if options.long {
        nextest.args(["--run-ignored", "all"]);
    }
    if let Some(filter) = &options.filter {
        nextest.args(["-E", filter]);
    }
    Ok(nextest)
}

/// The examples in the documentation of the workspace's libraries.
fn doctests() -> Command {
    let mut doctests = Command::new("cargo");
    doctests.current_dir(workspace::root());
    doctests.args(["test", "--doc", "--workspace", "--locked", "--features", "tests/emulators"]);
    doctests
}

/// The number of tests per kind.
fn count(options: &Options) -> Result<BTreeMap<String, usize>> {
    let list = process::output(nextest("list", options)?.args(["--message-format", "json"]))?;
    let list: Value = serde_json::from_str(&list)?;
    let suites = list.get("rust-suites").and_then(Value::as_object);
    let suites = suites.context("`cargo nextest list` names no suites")?;
    let mut kinds = BTreeMap::new();
    for suite in suites.values() {
        let cases =
            suite.get("testcases").and_then(Value::as_object).into_iter().flat_map(|cases| cases.values());
        let status =
            |case: &&Value| case.pointer("/filter-match/status").and_then(Value::as_str) == Some("matches");
        *kinds.entry(kind(suite)).or_default() += cases.filter(status).count();
    }
    kinds.retain(|_, tests| *tests > 0);
    Ok(kinds)
}

/// What a suite is, as nextest lists it.
fn kind(suite: &Value) -> String {
    let text = |field: &str| suite.get(field).and_then(Value::as_str).unwrap_or_default();
    if text("package-name") != "tests" || text("kind") != "test" {
        return "unit".to_owned();
    }
    let name = text("binary-name");
    KINDS.iter().find(|(suite, _)| *suite == name).map_or(name, |(_, kind)| kind).to_owned()
}
