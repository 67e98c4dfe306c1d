//! `tributary runs`: the evaluations of all audiences, and what each found.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use aws::{Removed, Run, Slice, Store, Units};
use clap::Parser;
use domain::name::{AudienceName, DataflowName};
use jiff::Timestamp;
use serde::Serialize;

use crate::connection::with_store;
use crate::table::{Cell, Table};
use crate::terminal::{self, Format, print};
use crate::words::{NOTHING, duration, number, time};

/// How many runs are looked at for one that is complete. Runs are minutes apart, and take minutes.
const LOOKED_AT: u16 = 20;

/// List runs: the evaluations of all audiences over all profiles, newest first
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary runs
  tributary runs --limit 3 --format json")]
pub(crate) struct Args {
    /// How many, counted from the newest
    #[arg(long, default_value_t = 20)]
    limit: u16,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let mut found = Vec::new();
        for run in store.ledger.latest_runs(args.limit).await? {
            let slices = store.ledger.slices(&run.id).await?;
            found.push(Found::of(run, &slices));
        }
        match args.format {
            Format::Json => terminal::print_json(&found)?,
            Format::Text => print!("{}", text(&found, Timestamp::now())),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// A run and the sums of what its slices found. Sums are made on reading: a slice that is evaluated again counts once.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    #[serde(flatten)]
    pub(crate) run: Run,
    /// Whether its slices are still kept. Without them nothing is known of what it found.
    pub(crate) kept: bool,
    /// How many of its slices are at their end.
    pub(crate) done: usize,
    /// When the last of them ended, where all have.
    pub(crate) ended: Option<Timestamp>,
    pub(crate) profiles: u64,
    pub(crate) changed: u64,
    pub(crate) realized: BTreeMap<AudienceName, u64>,
    pub(crate) exited: BTreeMap<AudienceName, u64>,
    pub(crate) marked: BTreeMap<DataflowName, u64>,
    pub(crate) sent: BTreeMap<DataflowName, u64>,
    /// Members whom dataflows leave out, as they have not consented.
    pub(crate) withheld: BTreeMap<DataflowName, u64>,
    pub(crate) unknown: BTreeMap<DataflowName, u64>,
    /// What was deleted because it is over.
    pub(crate) removed: Removed,
    pub(crate) units: Units,
}

impl Found {
    /// The sums over the slices of a run. Slices go away after a month, one after the other: what is left of them adds
    /// up to nothing that is true.
    pub(crate) fn of(run: Run, slices: &[Slice]) -> Found {
        let kept = usize::try_from(run.slices).is_ok_and(|written| slices.len() >= written);
        let slices = if kept { slices } else { &[] };
        let done = slices.iter().filter(|slice| slice.done).count();
        let is_complete = !slices.is_empty() && done == slices.len();
        Found {
            run,
            kept,
            done,
            ended: slices.iter().filter_map(|slice| slice.ended).max().filter(|_| is_complete),
            profiles: slices.iter().map(|slice| slice.profiles).sum(),
            changed: slices.iter().map(|slice| slice.changed).sum(),
            realized: sum(slices, |slice| &slice.realized),
            exited: sum(slices, |slice| &slice.exited),
            marked: sum(slices, |slice| &slice.marked),
            sent: sum(slices, |slice| &slice.sent),
            withheld: sum(slices, |slice| &slice.withheld),
            unknown: sum(slices, |slice| &slice.unknown),
            removed: slices.iter().fold(Removed::default(), |sum, slice| sum.plus(slice.removed)),
            units: slices.iter().fold(Units::default(), |sum, slice| sum.plus(slice.units)),
        }
    }
}

fn sum<K: Ord + Clone>(slices: &[Slice], counts: impl Fn(&Slice) -> &BTreeMap<K, u64>) -> BTreeMap<K, u64> {
    let mut sums = BTreeMap::new();
    for (name, count) in slices.iter().flat_map(counts) {
        *sums.entry(name.clone()).or_default() += count;
    }
    sums
}

/// The latest run of which every slice is at its end.
pub(crate) async fn latest_complete(store: &Store) -> Result<Option<Found>> {
    for run in store.ledger.latest_runs(LOOKED_AT).await? {
        let slices = store.ledger.slices(&run.id).await?;
        let found = Found::of(run, &slices);
        if found.ended.is_some() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn text(found: &[Found], now: Timestamp) -> String {
    if found.is_empty() {
        return "no run was started yet: the schedule starts one, and so does `tributary evaluate --now`\n"
            .to_owned();
    }
    let mut table = Table::of([
        "run",
        "why",
        "started",
        "#took",
        "slices",
        "#profiles",
        "#changed",
        "#marked",
        "#removed",
        "#read units",
        "#write units",
        "#sequence",
    ]);
    for found in found {
        let Run { id, reason, started, sequence, slices } = &found.run;
        let known = |said: String| -> Cell { if found.kept { said.into() } else { NOTHING.into() } };
        table.row([
            id.as_str().into(),
            reason.as_str().into(),
            time(*started).into(),
            known(duration(found.ended.unwrap_or(now).duration_since(*started))),
            known(format!("{} of {slices}", found.done)),
            known(number(found.profiles)),
            known(number(found.changed)),
            known(number(found.marked.values().sum())),
            known(removed(found.removed)),
            known(format!("{:.1}", found.units.read)),
            known(format!("{:.1}", found.units.write)),
            sequence.into(),
        ]);
    }
    table.to_string()
}

/// What was deleted: fragments, and whole profiles where there were any.
fn removed(Removed { fragments, profiles }: Removed) -> String {
    match profiles {
        0 => number(fragments),
        _ => format!("{} + {} whole", number(fragments), number(profiles)),
    }
}

#[cfg(test)]
pub(crate) mod sample {
    //! An invented run.

    use super::*;

    /// A run of two slices, the second of which is at its end or not.
    pub(crate) fn run(is_complete: bool) -> Found {
        let started: Timestamp = "2026-01-31T12:15:00Z".parse().unwrap();
        let run = Run {
            id: "01KEXAMPLERVN0000000000000".to_owned(),
            reason: "schedule".to_owned(),
            started,
            sequence: 2,
            slices: 2,
        };
        let prospects: AudienceName = "high_earning_homeowner_prospects".parse().unwrap();
        let customers: AudienceName = "all_customers".parse().unwrap();
        let facebook: DataflowName = "prospects_to_facebook".parse().unwrap();
        let first = Slice {
            done: true,
            ended: Some("2026-01-31T12:15:04Z".parse().unwrap()),
            profiles: 1_010,
            changed: 60,
            realized: [(prospects.clone(), 31), (customers.clone(), 1_010)].into(),
            exited: [(prospects.clone(), 2)].into(),
            marked: [(facebook.clone(), 33)].into(),
            sent: [(facebook.clone(), 30)].into(),
            withheld: [(facebook.clone(), 4)].into(),
            unknown: [(facebook.clone(), 1)].into(),
            removed: Removed { fragments: 12, profiles: 1 },
            units: Units { read: 180.5, write: 93.0 },
            ..Slice::default()
        };
        let second = Slice {
            done: is_complete,
            ended: is_complete.then(|| "2026-01-31T12:15:06.5Z".parse().unwrap()),
            profiles: 990,
            realized: [(prospects, 29), (customers, 990)].into(),
            sent: [(facebook, 29)].into(),
            units: Units { read: 175.0, write: 0.0 },
            ..Slice::default()
        };
        Found::of(run, &[first, second])
    }

    /// A run of long ago, whose slices are gone.
    pub(crate) fn forgotten() -> Found {
        let run = run(true).run;
        let started = "2025-11-30T12:15:00Z".parse().unwrap();
        Found::of(Run { id: "01KEXAMPLE000000000000000".to_owned(), started, ..run }, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::plain;

    #[test]
    fn runs_in_a_table() {
        let shown = text(
            &[sample::run(false), sample::run(true), sample::forgotten()],
            "2026-01-31T12:17:00Z".parse().unwrap(),
        );
        insta::assert_snapshot!(plain(&shown));
    }

    #[test]
    fn a_run_for_programs() {
        insta::assert_json_snapshot!(sample::run(true));
    }

    #[test]
    fn a_run_without_all_of_its_slices_is_not_complete() {
        let run = sample::run(true).run;
        let done = Slice { done: true, ended: Some(run.started), profiles: 7, ..Slice::default() };
        for left in [&[][..], &[done]] {
            let found = Found::of(run.clone(), left);
            assert_eq!((found.ended, found.profiles, found.kept), (None, 0, false));
        }
    }
}
