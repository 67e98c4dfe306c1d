//! The story: customers come in, a seed file goes out, the partner answers, and an audience reaches Facebook.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::reports::{Batch, Manifest, Run, Summary};
use super::stage::Stage;
use super::times::{SCHEDULE, Times};
use crate::progress;
use crate::style::number;

/// The dataset of the bank's customers.
pub const CUSTOMERS: &str = "crm_customers";
/// The dataset of the partner's answers.
pub const ANSWERS: &str = "northlight_enrichment";
/// Whom the partner is asked for.
pub const SEED: &str = "all_customers";
/// Whom the bank wants to reach.
pub const PROSPECTS: &str = "high_earning_homeowner_prospects";
/// Where in the exports the seed file is.
pub const SEED_FOLDER: &str = "seeds/northlight";
/// Where in the exports the file for the agency is.
pub const AGENCY_FOLDER: &str = "agency/prospects";

/// A rule of one minute first fires up to so many seconds after it was deployed.
const SCHEDULE_FIRES_WITHIN: u64 = 65;

/// What the generator says will come of its files.
pub struct Expected {
    /// The customers' file.
    pub customers: Summary,
    /// The partner's.
    pub answer: Summary,
}

/// Plays it, and answers what should have come of it.
pub fn play(stage: &mut Stage, times: &mut Times, rows: u64) -> Result<Expected> {
    times.of("validating and applying the project", || apply(stage))?;

    let customers = times.of("customers come in", || customers(stage, rows))?;
    let run = times.of(SCHEDULE, || schedule_fires(stage))?;
    let run = times.of("the first evaluation", || evaluated(stage, &run.id, customers.summary.matched))?;
    let seeds = times.of("the seed file goes out", || seed_file(stage, size(&run, SEED)))?;

    let answer = times.of("the partner's answer comes in", || answer(stage, &seeds, &customers.day))?;
    let run = times.of("the second evaluation", || asked_run(stage))?;
    times.of("members go out", || members(stage, size(&run, PROSPECTS)))?;
    Ok(Expected { customers: customers.summary, answer })
}

fn apply(stage: &Stage) -> Result<()> {
    stage.on.apply(&stage.path("project"))?;
    stage.on.show("What may leave, and what may not", &["dataflows"])
}

/// A file that came in.
struct Arrived {
    summary: Summary,
    /// The day on which it did.
    day: String,
}

fn customers(stage: &mut Stage, rows: u64) -> Result<Arrived> {
    let file = stage.path("customers.csv");
    let rows = rows.to_string();
    let summary = generate(stage, "customers", CUSTOMERS, &file, &["--rows", &rows])?;
    let batch = bring_in(stage, CUSTOMERS, &file, "crm/customers.csv", &summary)?;
    let day = batch.ended.as_ref().and_then(|ended| ended.get(..10));
    let day = day.context("the batch has not ended")?.to_owned();
    Ok(Arrived { summary, day })
}

fn answer(stage: &mut Stage, seeds: &[PathBuf], day: &str) -> Result<Summary> {
    let name = format!("answer-{day}.csv");
    let (file, customers) = (stage.path(&name), stage.path("customers.csv").display().to_string());
    let mut arguments = vec!["--customers".to_owned(), customers];
    arguments.extend(seeds.iter().map(|seed| format!("--seed-file={}", seed.display())));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let summary = generate(stage, "answer", ANSWERS, &file, &arguments)?;
    bring_in(stage, ANSWERS, &file, &format!("partners/northlight/{name}"), &summary)?;
    Ok(summary)
}

/// Writes a file that has some of everything: also rows that are there twice, and rows that cannot be used.
fn generate(stage: &Stage, what: &str, dataset: &str, file: &Path, more: &[&str]) -> Result<Summary> {
    let (project, file) = (stage.path("project").display().to_string(), file.display().to_string());
    let common = ["generate", what, "--project", &project, "--dataset", dataset, "--out", &file];
    let shares = ["--duplicate", "1%", "--broken", "1%"];
    progress::step(&format!("generating `{dataset}`"), || {
        stage.on.report(common.iter().chain(&shares).chain(more))
    })
}

/// Uploads a file, and waits until the triggers have made a batch of it that is done.
fn bring_in(stage: &mut Stage, dataset: &str, file: &Path, key: &str, summary: &Summary) -> Result<Batch> {
    progress::step(&format!("uploading {} rows to the inbox as {key}", number(summary.rows)), || {
        stage.upload(file, key)
    })?;
    let batch = stage.wait(&format!("ingesting `{dataset}`"), summary.rows, |stage, bar| {
        let batches: Vec<Batch> = stage.on.report(["batches", "--dataset", dataset])?;
        let batch = batches.into_iter().find(|batch| batch.key == key);
        bar.set_position(batch.as_ref().map_or(0, |batch| batch.applied_rows + batch.failed_rows));
        Ok(batch.filter(|batch| batch.ended.is_some()))
    })?;
    if batch.status != "success" {
        bail!("the batch of {key} has ended as {}: {}", batch.status, batch.reason.unwrap_or_default());
    }
    Ok(batch)
}

/// Waits for the schedule to start a run over what is there now.
fn schedule_fires(stage: &mut Stage) -> Result<Run> {
    let before: BTreeSet<String> = runs(stage)?.into_iter().map(|run| run.id).collect();
    let name = format!(
        "waiting for the schedule, which fires every minute (at first after {SCHEDULE_FIRES_WITHIN} s)"
    );
    stage.wait(&name, SCHEDULE_FIRES_WITHIN, |stage, bar| {
        bar.set_position(bar.elapsed().as_secs());
        let mut runs = runs(stage)?.into_iter();
        Ok(runs.find(|run| run.reason == "schedule" && !before.contains(&run.id)))
    })
}

/// Waits for a run to end.
fn evaluated(stage: &mut Stage, id: &str, profiles: u64) -> Result<Run> {
    stage.wait("evaluating on schedule", profiles, |stage, bar| {
        let run = runs(stage)?.into_iter().find(|run| run.id == id);
        bar.set_position(run.as_ref().map_or(0, |run| run.profiles));
        Ok(run.filter(|run| run.ended.is_some()))
    })
}

fn asked_run(stage: &Stage) -> Result<Run> {
    let seconds = stage.patience.as_secs().to_string();
    let evaluate = ["evaluate", "--now", "--wait", "--timeout", &seconds];
    progress::step("evaluating on request", || stage.on.report(evaluate))
}

/// Waits for the file that goes to the partner, which may come in parts.
fn seed_file(stage: &mut Stage, rows: u64) -> Result<Vec<PathBuf>> {
    stage.wait("waiting for the seed file", rows, |stage, bar| {
        let files = added(&stage.exports()?.join(SEED_FOLDER))?;
        bar.set_position(files.rows);
        Ok((files.rows >= rows).then_some(files.paths))
    })
}

/// Waits for the members to be where they go to.
fn members(stage: &mut Stage, members: u64) -> Result<()> {
    stage.wait("waiting for the members to reach Facebook", members, |stage, bar| {
        let audiences = stage.graph_api("")?;
        let held = audiences.pointer("/audiences/0/members").and_then(serde_json::Value::as_u64).unwrap_or(0);
        bar.set_position(held);
        Ok((held >= members).then_some(()))
    })?;
    stage.wait("waiting for the members to reach the agency", members, |stage, bar| {
        let files = added(&stage.exports()?.join(AGENCY_FOLDER))?;
        bar.set_position(files.rows);
        Ok((files.rows >= members).then_some(()))
    })
}

fn runs(stage: &Stage) -> Result<Vec<Run>> {
    stage.on.report(["runs"])
}

fn size(run: &Run, audience: &str) -> u64 {
    run.realized.get(audience).copied().unwrap_or_default()
}

/// Files that say who has joined.
pub struct Added {
    /// Where they are.
    pub paths: Vec<PathBuf>,
    /// The rows of all of them.
    pub rows: u64,
}

/// The complete files of an S3 file destination: those with a manifest.
pub fn added(folder: &Path) -> Result<Added> {
    let mut added = Added { paths: Vec::new(), rows: 0 };
    let Ok(entries) = fs::read_dir(folder.join("add")) else { return Ok(added) };
    for entry in entries {
        let path = entry?.path();
        let Some(stem) = path.to_str().and_then(|path| path.strip_suffix(".manifest.json")) else { continue };
        let manifest: Manifest = serde_json::from_str(&fs::read_to_string(&path)?)?;
        added.rows += manifest.rows;
        added.paths.push(format!("{stem}.csv").into());
    }
    // In the order of writing, as attempts are.
    added.paths.sort();
    Ok(added)
}
