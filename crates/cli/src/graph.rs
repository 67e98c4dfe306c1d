//! `tributary graph`: identity graphs, as they are stored, and tried on plain files.

mod show;
mod split;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use domain::graph::linking::{self, Event, Rules};
use serde::Deserialize;

use crate::json_lines::{self, Input};

/// Which identities are one person
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Show(show::Args),
    Split(split::Args),
    Simulate(SimulateArgs),
}

/// Show which graphs come of events, under given unique namespaces and priorities
///
/// Reads JSON lines and answers each on a line of its own. `unique` names the namespaces of which a graph may hold one
/// identity, `priority` all of them, the highest first. `types` may say what a namespace is: cookie, device,
/// cross_device, email, phone, partner_id or non_people; where it says nothing, ECID and AAID are cookies, GAID and IDFA
/// are devices, and every other namespace is cross-device. Values are taken as they are.
///
/// A graph has at least two identities and at most 50, a record at most 20. Events of one time are heard together, and
/// their order in the line is of no weight. Every list of the answer is sorted by its texts.
#[derive(Debug, Parser)]
#[command(after_help = r#"Examples:
  tributary graph simulate scenarios.jsonl
  echo '{"id": 1, "config": {"unique": ["CRMID"], "priority": ["CRMID", "ECID"]}, "events": [
    {"t": 1, "ids": {"CRMID": ["Tom"], "ECID": ["111"]}},
    {"t": 2, "ids": {"CRMID": ["Summer"], "ECID": ["111"]}}]}' | tr -d '\n' | tributary graph simulate

The answer to the latter:
  {"id":1,"graphs":[["CRMID:Summer","ECID:111"]],"isolated":["CRMID:Tom"],
   "dropped":[{"link":["CRMID:Tom","ECID:111"],"reason":"namespace `CRMID` is unique: ..."}]}

A line that cannot be read is answered {"id": ..., "error": {"line", "column", "at", "found", "expected", "message"}}.

Exit codes: 0 every line is answered; 2 the input cannot be read."#)]
pub(crate) struct SimulateArgs {
    #[command(flatten)]
    input: Input,
}

#[derive(Deserialize)]
struct Simulation {
    #[serde(default)]
    config: Rules,
    events: Vec<Event>,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Show(args) => show::run(args),
        Command::Split(args) => split::run(args),
        Command::Simulate(args) => {
            json_lines::answer(&args.input, |Simulation { config, events }| linking::link(&config, &events))
        }
    }
}
