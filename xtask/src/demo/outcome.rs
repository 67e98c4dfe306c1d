//! What came of the story, as the deployment and the destinations have it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anstream::println;
use anyhow::{Context, Result};
use serde_json::Value;

use super::reports::{Batch, Dataflow, Profile, Run, Units};
use super::stage::Stage;
use super::story::{AGENCY_FOLDER, Added, SEED_FOLDER, added};
use crate::style::{BOLD, DIM, heading, number};

/// The dataflow that contract and policy refuse.
pub const REFUSED: &str = "prospects_to_email";
/// Where it would write to.
const REFUSED_FOLDER: &str = "newsletter";
/// Whom everybody knows.
const BOBBY: [&str; 6] = ["profile", "show", "--namespace", "Email", "--value", "bobby.bank@example.com"];

/// What came of the story.
pub struct Outcome {
    /// The batches, oldest first.
    pub batches: Vec<Batch>,
    /// The runs, newest first.
    pub runs: Vec<Run>,
    /// Whoever has Bobby Bank's e-mail address.
    pub bobby: Vec<Profile>,
    /// The dataflow that should be refused.
    pub refused: Dataflow,
    /// The audience at the stand-in for Facebook, and how many it has.
    pub facebook: Facebook,
    /// The files for the partner.
    pub seed: Added,
    /// The files for the agency.
    pub agency: Added,
    /// How many files the refused dataflow has written.
    pub refused_files: usize,
    /// How many of all files and members that left have a clear e-mail address.
    pub clear: usize,
}

/// What the stand-in for Facebook holds.
pub struct Facebook {
    /// How many audiences.
    pub audiences: usize,
    /// The name of the first of them.
    pub name: String,
    /// Its members, each as key and cell.
    pub members: Vec<BTreeMap<String, String>>,
    /// What its members' e-mail addresses are known by.
    pub hashes: BTreeSet<String>,
    /// How many calls it has refused.
    pub refused: usize,
}

impl Outcome {
    /// Asks the command, the exports and the stand-in.
    pub fn look(stage: &Stage) -> Result<Self> {
        let profiles: BTreeMap<String, Profile> = stage.on.report(BOBBY)?;
        let facebook = Facebook::look(stage)?;
        let exports = stage.exports()?;
        let files = files(&exports)?;
        let mut clear =
            facebook.members.iter().flat_map(|member| member.values()).filter(|cell| is_clear(cell)).count();
        for file in &files {
            clear += usize::from(is_clear(&fs::read_to_string(file)?));
        }
        Ok(Self {
            batches: stage.on.report(["batches"])?,
            runs: stage.on.report(["runs"])?,
            bobby: profiles.into_values().collect(),
            refused: stage.on.report(["dataflow", "show", REFUSED])?,
            facebook,
            seed: added(&exports.join(SEED_FOLDER))?,
            agency: added(&exports.join(AGENCY_FOLDER))?,
            refused_files: files.iter().filter(|file| file.starts_with(exports.join(REFUSED_FOLDER))).count(),
            clear,
        })
    }

    /// The latest run that is complete.
    pub fn latest_run(&self) -> Option<&Run> {
        self.runs.iter().find(|run| run.ended.is_some())
    }

    /// Shows it all: where the command has a word for it, by the command.
    pub fn show(&self, stage: &Stage) -> Result<()> {
        stage.on.show("What became of each file", &["batches"])?;
        stage.on.show("What the bank knows of Bobby Bank", &BOBBY)?;
        stage.on.show("Who is in the audiences", &["audiences"])?;
        self.facebook.show();
        stage.on.show("What was refused, and why", &["dataflow", "show", REFUSED])?;
        self.show_costs(&stage.on.label);
        Ok(())
    }

    fn show_costs(&self, label: &str) {
        heading(&format!("What it cost, in write units of DynamoDB as {label} counts them"));
        let (work, of, units, each) = ("work", "of", "units", "for each");
        println!("  {BOLD}{work:<44}{of:>18}{units:>12}{each:>12}{BOLD:#}");
        for batch in &self.batches {
            show_cost(&batch.key, batch.applied_rows, "rows", batch.units);
        }
        for run in self.runs.iter().rev().filter(|run| run.profiles > 0) {
            show_cost(&format!("evaluation, {}", run.reason), run.profiles, "profiles", run.units);
        }
        println!("  {DIM}rows are those that were applied; what deliveries cost is not kept{DIM:#}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn show_cost(work: &str, count: u64, noun: &str, Units { write }: Units) {
    let of = format!("{} {noun}", number(count));
    println!("  {work:<44}{of:>18}{write:>12.0}{:>12.2}", write / count.max(1) as f64);
}

impl Facebook {
    fn look(stage: &Stage) -> Result<Self> {
        let overview = stage.graph_api("")?;
        let list = |key: &str| overview.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let (audiences, seen) = (list("audiences"), list("seen"));
        let first = audiences.first().context("the stand-in for Facebook holds no audience")?;
        let text = |key: &str| first.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let members = stage.graph_api(&format!("/audiences/{}/members", text("id")))?;
        let members: Vec<BTreeMap<String, String>> = serde_json::from_value(members)?;
        let is_refused = |call: &&Value| call.get("status").and_then(Value::as_u64) != Some(200);
        Ok(Self {
            audiences: audiences.len(),
            name: text("name"),
            hashes: members
                .iter()
                .filter_map(|member| member.get("EMAIL"))
                .filter(|cell| is_hash(cell))
                .cloned()
                .collect(),
            members,
            refused: seen.iter().filter(is_refused).count(),
        })
    }

    fn show(&self) {
        heading("What the stand-in for Facebook holds");
        let count = |count: usize| number(count as u64);
        let clear = self.members.len() - self.hashes.len();
        for (name, value) in [
            ("audience", self.name.clone()),
            ("members", count(self.members.len())),
            ("first hash", self.hashes.first().cloned().unwrap_or_default()),
            ("members that are no hash", count(clear)),
        ] {
            println!("  {name:<26}{BOLD}{value}{BOLD:#}");
        }
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn is_hash(cell: &str) -> bool {
    cell.len() == 64 && cell.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether an e-mail address stands somewhere.
fn is_clear(text: &str) -> bool {
    text.contains('@')
}
