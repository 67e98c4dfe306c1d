//! Audiences: this engine beside others, on the same profiles, in one run, with the same answers.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anstream::println;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Deserialize;

use crate::style::BOLD;
use crate::venv::Venv;
use crate::{npm, process, progress, workspace};

/// How audiences are measured.
#[derive(Args)]
pub struct Audiences {
    /// How many profiles there are; engines that take each by itself evaluate the first ones only
    #[arg(long, default_value_t = 200_000)]
    profiles: u64,
    /// How often each engine evaluates all of them
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

/// How many profiles a page has for Tributary, the one that `evaluate` has first.
const PAGES: [&str; 6] = ["1000", "1", "64", "256", "1024", "4096"];

/// How many profiles the slow engines evaluate.
const CEL: u64 = 20_000;
const RULES: u64 = 1_000;

/// What an answer takes, in bytes: a bit for each audience.
const ANSWER: usize = 16;

/// What was measured of an engine.
#[derive(Deserialize)]
struct Measured {
    engine: String,
    profiles: u64,
    seconds: Vec<f64>,
    /// What it took besides to make columns of profiles.
    #[serde(default)]
    columns: Vec<f64>,
    answers: PathBuf,
}

/// What all engines evaluate.
#[derive(Deserialize)]
struct Pool {
    /// How many conditions the audiences have, each counted as often as it stands there.
    leaves: u64,
}

/// Has every engine evaluate the same audiences of the same profiles.
pub fn run(options: &Audiences) -> Result<()> {
    let (python, browser) = (Venv::audiences()?, Venv::browser()?);
    let node = npm::node(&browser)?;
    let packages = {
        let _one_at_a_time = python.lock()?;
        npm::packages("audiences", "a rules engine", &python, &node)?
    };
    let source = workspace::root().join("bench/audiences");
    let target = workspace::target().join("bench");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--manifest-path"]).arg(source.join("Cargo.toml"));
    progress::cargo("building the bench", cargo.arg("--target-dir").arg(&target))?;

    let (program, folder) = (target.join("release/bench-audiences"), target.join("audiences"));
    let (profiles, runs) = (options.profiles.to_string(), options.runs.to_string());
    let own = |part: &str, profiles: u64| {
        let mut command = Command::new(&program);
        command.arg(&folder).args([part, &profiles.to_string()]);
        command
    };
    progress::step("making profiles", || process::run(&mut own("data", options.profiles)))?;
    let mut tributary = own("tributary", options.profiles);
    tributary.arg(&runs).args(PAGES);
    let mut peers = python.command("python");
    peers.arg(source.join("peers.py")).arg(&folder).arg(&runs);
    let mut cel = own("cel", options.profiles.min(CEL));
    let mut rules = Command::new(node);
    rules.arg(source.join("rules.mjs")).args([&folder, &packages]);
    rules.args([options.profiles.min(RULES).to_string(), runs.clone()]);
    let mut all = Vec::new();
    for (name, command) in [
        ("Tributary", &mut tributary),
        ("DuckDB and polars", &mut peers),
        ("the cel crate", cel.arg(&runs)),
        ("json-rules-engine", &mut rules),
    ] {
        let lines = progress::step(&format!("{profiles} profiles or fewer with {name}"), || {
            process::output(command)
        })?;
        let lines = lines.lines().map(serde_json::from_str::<Measured>);
        all.extend(lines.collect::<Result<Vec<_>, _>>().context("an engine answers in another form")?);
    }
    let pool: Pool = serde_json::from_slice(&fs::read(folder.join("audiences.json"))?)?;
    show(&all, &pool)?;
    compare(&all)
}

/// A line for each engine: medians of processor time, and how it stands to the first.
fn show(all: &[Measured], pool: &Pool) -> Result<()> {
    println!(
        "{BOLD}{:<34}{:>9}{:>12}{:>12}{:>15}{:>10}{:>10}{BOLD:#}",
        "engine", "profiles", "evaluation", "columns", "M conditions/s", "to first", "with all"
    );
    let Some(first) = all.first() else { bail!("no engine has answered") };
    let each = |measured: &Measured, seconds: f64| seconds / measured.profiles as f64;
    for measured in all {
        let (seconds, columns) = (median(&measured.seconds), median(&measured.columns));
        let conditions = (pool.leaves * measured.profiles) as f64 / seconds / 1e6;
        let whole = seconds + columns;
        println!(
            "{:<34}{:>9}{:>10.4} s{:>12}{conditions:>15.2}{:>10.2}{:>10.2}",
            measured.engine,
            measured.profiles,
            seconds,
            if columns > 0.0 { format!("{columns:.4} s") } else { "-".to_owned() },
            each(measured, seconds) / each(first, median(&first.seconds)),
            each(measured, whole) / each(first, median(&first.seconds) + median(&first.columns)),
        );
    }
    println!(
        "processor seconds of one thread, medians; {} conditions in the audiences; `to first` is evaluation, `with \
         all` counts what making columns of profiles took, which engines on columns were not charged",
        pool.leaves
    );
    Ok(())
}

/// Fails where an engine answers anything else than the first one.
fn compare(all: &[Measured]) -> Result<()> {
    let Some((first, others)) = all.split_first() else { bail!("no engine has answered") };
    let first = fs::read(&first.answers)?;
    for measured in others {
        let own = fs::read(&measured.answers)?;
        ensure!(
            own.len() == ANSWER * usize::try_from(measured.profiles)?,
            "`{}` has not answered for every profile",
            measured.engine
        );
        let different = first.iter().zip(&own).map(|(first, own)| (first ^ own).count_ones()).sum::<u32>();
        ensure!(different == 0, "`{}` has {different} memberships otherwise", measured.engine);
    }
    println!("all engines have answered the same, membership by membership");
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
