//! `tributary dataflows` and `tributary dataflow show`: what leaves, what does not, and why.

mod record;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use aws::{RefusalRecord, Store};
use clap::{Parser, Subcommand};
use domain::catalogue::Catalogue;
use domain::dataflow::Dataflow;
use domain::governance::check;
use domain::name::DataflowName;
use domain::profile::day;
use jiff::Timestamp;
use serde::Serialize;

use crate::connection::{dataflow, in_force, with_store};
use crate::refusal;
use crate::runs::{Found, latest_complete};
use crate::table::Table;
use crate::terminal::{self, DIM, Format, print};
use crate::words::{NOTHING, number, state, state_cell, time};

/// List dataflows: their states, and what stands at their destinations as of the latest complete run
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary dataflows
  tributary dataflows --format json")]
pub(crate) struct ListArgs {
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Look at one dataflow
#[derive(Debug, Subcommand)]
pub(crate) enum DataflowCommand {
    Show(ShowArgs),
}

/// Show a dataflow: what it maps, whether it may send and has the credentials to, and why it was refused
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary dataflow show prospects_to_email
  tributary dataflow show prospects_to_email --all")]
pub(crate) struct ShowArgs {
    /// The dataflow
    name: DataflowName,
    /// Every refusal that was kept, not only those of the latest catalogue that was refused
    #[arg(long)]
    all: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn list(args: &ListArgs) -> Result<ExitCode> {
    with_store(async |store| {
        let catalogue = in_force(store).await?.catalogue;
        let latest = latest_complete(store).await?;
        let mut lines = Vec::new();
        for dataflow in catalogue.dataflows.values() {
            let refusals = store.ledger.refusals(&dataflow.name).await?;
            lines.push(Line::of(dataflow, latest.as_ref(), refusals.last()));
        }
        match args.format {
            Format::Json => terminal::print_json(&lines)?,
            Format::Text => print!("{}", text(&lines, latest.as_ref())),
        }
        Ok(ExitCode::SUCCESS)
    })
}

pub(crate) fn show(command: &DataflowCommand) -> Result<ExitCode> {
    let DataflowCommand::Show(args) = command;
    with_store(async |store| {
        let catalogue = in_force(store).await?.catalogue;
        let dataflow = dataflow(&catalogue, &args.name)?;
        let now = Timestamp::now();
        let refused = check(&catalogue, dataflow, day(now));
        let mut record = record(store, &catalogue, dataflow, args.all).await?;
        record.blocked = refusal::blocked(&catalogue, &refused, day(now));
        match args.format {
            Format::Json => terminal::print_json(&record.document())?,
            Format::Text => print!("{}", record.text()),
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn record<'a>(
    store: &Store,
    catalogue: &'a Catalogue,
    dataflow: &'a Dataflow,
    all: bool,
) -> Result<record::Record<'a>> {
    let latest = latest_complete(store).await?;
    let mut refusals = store.ledger.refusals(&dataflow.name).await?;
    if !all {
        let last = refusals.last().map(|last| last.sequence);
        refusals.retain(|record| Some(record.sequence) == last);
    }
    let may_send = domain::delivery::may_send(catalogue, dataflow, Timestamp::now());
    let held = may_send.err().map(|hold| hold.reason);
    let line = Line::of(dataflow, latest.as_ref(), refusals.last());
    let credentials = credentials(store, catalogue, dataflow).await?;
    let blocked = Vec::new();
    Ok(record::Record { catalogue, dataflow, line, held, credentials, refusals, blocked })
}

/// Where the credentials of a dataflow's destination are to be, and whether they are there; nothing where it needs none.
async fn credentials(
    store: &Store,
    catalogue: &Catalogue,
    dataflow: &Dataflow,
) -> Result<Option<record::Credentials>> {
    let destination = catalogue.destinations.get(&dataflow.destination);
    let Some(name) = destination.and_then(|destination| destination.secret.as_ref()) else { return Ok(None) };
    let missing = !store.secrets.has_destination(name).await?;
    Ok(Some(record::Credentials { secret: store.secrets.name_of_destination(name), missing }))
}

/// A dataflow in a line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(skip)]
    dataflow: &'a Dataflow,
    name: &'a DataflowName,
    audience: &'a str,
    destination: &'a str,
    state: &'static str,
    /// Profiles of which something stands at the destination.
    sent: Option<u64>,
    /// Members who are left out, as they have not consented.
    withheld: Option<u64>,
    /// Calls whose fate is unknown.
    unknown: Option<u64>,
    /// Delivery states that the run marked.
    marked: Option<u64>,
    last_refusal: Option<LastRefusal>,
}

#[derive(Debug, Serialize)]
struct LastRefusal {
    at: Timestamp,
    during: String,
    cause: String,
}

impl<'a> Line<'a> {
    fn of(dataflow: &'a Dataflow, latest: Option<&Found>, last: Option<&RefusalRecord>) -> Line<'a> {
        let name = &dataflow.name;
        let found = |counts: fn(&Found) -> &BTreeMap<DataflowName, u64>| {
            latest.map(|latest| counts(latest).get(name).copied().unwrap_or_default())
        };
        Line {
            dataflow,
            name,
            audience: dataflow.audience.as_str(),
            destination: dataflow.destination.as_str(),
            state: state(&dataflow.state),
            sent: found(|latest| &latest.sent),
            withheld: found(|latest| &latest.withheld),
            unknown: found(|latest| &latest.unknown),
            marked: found(|latest| &latest.marked),
            last_refusal: last.map(|last| LastRefusal {
                at: last.at,
                during: last.during.clone(),
                cause: last.refusal.cause.to_string(),
            }),
        }
    }
}

/// A count of a run; nothing before the first.
fn count(count: Option<u64>) -> String {
    count.map_or_else(|| NOTHING.to_owned(), number)
}

fn text(lines: &[Line<'_>], latest: Option<&Found>) -> String {
    let mut table = Table::of([
        "dataflow",
        "audience",
        "destination",
        "state",
        "#sent",
        "#no consent",
        "#unknown",
        "#marked",
        "last refusal",
    ]);
    for line in lines {
        let refusal = line.last_refusal.as_ref().map(|last| format!("{} {}", time(last.at), last.cause));
        table.row([
            line.name.into(),
            line.audience.into(),
            line.destination.into(),
            state_cell(&line.dataflow.state),
            count(line.sent).into(),
            count(line.withheld).into(),
            count(line.unknown).into(),
            count(line.marked).into(),
            refusal.unwrap_or_else(|| NOTHING.to_owned()).into(),
        ]);
    }
    format!("{table}{}", as_of(latest))
}

fn as_of(latest: Option<&Found>) -> String {
    match latest {
        Some(Found { run, ended: Some(ended), .. }) => {
            format!("{DIM}counts as of run {}, {}{DIM:#}\n", run.id, time(*ended))
        }
        _ => format!("{DIM}no run is complete yet: `tributary evaluate --now --wait` starts one{DIM:#}\n"),
    }
}

#[cfg(test)]
mod sample {
    //! Refusals as they are kept.

    use super::*;

    pub(crate) fn refusals(catalogue: &Catalogue) -> Vec<RefusalRecord> {
        crate::apply::refusals(catalogue)
            .map(|refusal| RefusalRecord {
                sequence: 1,
                at: "2026-01-31T12:00:00Z".parse().unwrap(),
                during: "apply".to_owned(),
                refusal: refusal.clone(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{self, plain};
    use crate::runs::sample::run;

    #[test]
    fn dataflows_in_a_table() {
        let catalogue = example::catalogue();
        let refusals = sample::refusals(&catalogue);
        let latest = run(true);
        let lines: Vec<_> = catalogue
            .dataflows
            .values()
            .map(|dataflow| {
                let last = refusals
                    .iter()
                    .rfind(|record| record.refusal.activation.dataflow() == Some(&dataflow.name));
                Line::of(dataflow, Some(&latest), last)
            })
            .collect();
        insta::assert_snapshot!(plain(&text(&lines, Some(&latest))));
        insta::assert_json_snapshot!(lines);
    }

    #[test]
    fn a_refused_dataflow() {
        let catalogue = example::catalogue();
        let dataflow = &catalogue.dataflows[&"prospects_to_email".parse().unwrap()];
        let refusals = sample::refusals(&catalogue);
        let line = Line::of(dataflow, None, refusals.last());
        let held = Some("a policy".to_owned());
        let refused = check(&catalogue, dataflow, jiff::civil::date(2026, 1, 31));
        let blocked = refusal::blocked(&catalogue, &refused, jiff::civil::date(2026, 1, 31));
        let (catalogue, credentials) = (&catalogue, None);
        let record = record::Record { catalogue, dataflow, line, held, credentials, refusals, blocked };
        insta::assert_snapshot!(plain(&record.text()));
    }

    #[test]
    fn credentials_that_are_missing_are_named_for_people_and_for_programs() {
        let catalogue = example::catalogue();
        let dataflow = &catalogue.dataflows[&"prospects_to_facebook".parse().unwrap()];
        let shown = |missing| {
            let credentials =
                Some(record::Credentials { secret: "tributary/destinations/facebook".to_owned(), missing });
            let line = Line::of(dataflow, None, None);
            let (refusals, blocked) = (Vec::new(), Vec::new());
            record::Record {
                catalogue: &catalogue,
                dataflow,
                line,
                held: None,
                credentials,
                refusals,
                blocked,
            }
        };
        for missing in [true, false] {
            let record = shown(missing);
            let document = serde_json::to_value(record.document()).unwrap();
            let expected =
                serde_json::json!({ "secret": "tributary/destinations/facebook", "missing": missing });
            assert_eq!(document["credentials"], expected);
            assert_eq!(plain(&record.text()).contains("credentials are missing"), missing);
        }
        insta::assert_snapshot!(plain(&shown(true).text()));
    }
}
