//! `tributary evaluate`: asks for a run, through the same queue as the schedule.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anstream::eprintln;
use anyhow::{Result, bail};
use aws::{Evaluate, Queue, Slice, Store};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::audiences;
use crate::connection::{in_force, user, with_store};
use crate::runs::Found;
use crate::terminal::{self, Format, GREEN, print};
use crate::words::number;

/// How often the ledger is looked at.
const LOOKED_EVERY: Duration = Duration::from_millis(500);

/// How many of the latest runs are looked at for the one that was asked for.
const LATEST: u16 = 20;

/// Evaluate all audiences over all profiles
///
/// The run is started by the same message as the schedule's, and shows in `tributary runs`.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary evaluate --now
  tributary evaluate --now --wait

Exit codes: 0 asked for, and with --wait complete; 2 could not be done, or not in time.")]
pub(crate) struct Args {
    /// Start now, besides the schedule
    #[arg(long, required = true)]
    now: bool,
    /// Wait until the run is complete, and show the audiences
    #[arg(long)]
    wait: bool,
    /// The most seconds to wait
    #[arg(long, default_value_t = 900, requires = "wait")]
    timeout: u64,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let catalogue = in_force(store).await?.catalogue;
        let before = ids(store).await?;
        let reason = format!("asked for by {}", user());
        store.queues.send(Queue::Slices, &[Evaluate::Start { reason: reason.clone() }]).await?;
        if !args.wait {
            match args.format {
                Format::Json => terminal::print_json(&json!({ "asked": true, "reason": reason }))?,
                Format::Text => print!("{GREEN}asked for{GREEN:#}: see it with `tributary runs`\n"),
            }
            return Ok(ExitCode::SUCCESS);
        }
        let found = wait(store, &before, &reason, Duration::from_secs(args.timeout)).await?;
        match args.format {
            Format::Json => terminal::print_json(&found)?,
            Format::Text => print!("{}", audiences::text(&catalogue, Some(&found))),
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn ids(store: &Store) -> Result<BTreeSet<String>> {
    Ok(store.ledger.latest_runs(LATEST).await?.into_iter().map(|run| run.id).collect())
}

/// Waits until a run that was not there before, and has our reason, is complete.
async fn wait(store: &Store, before: &BTreeSet<String>, reason: &str, timeout: Duration) -> Result<Found> {
    let began = Instant::now();
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template("{spinner} {msg}")?);
    bar.set_message("waiting for the run to start");
    bar.enable_steady_tick(Duration::from_millis(100));
    while began.elapsed() < timeout {
        let latest = store.ledger.latest_runs(LATEST).await?;
        if let Some(run) = latest.into_iter().find(|run| run.reason == reason && !before.contains(&run.id)) {
            let slices = store.ledger.slices(&run.id).await?;
            let found = Found::of(run, &slices);
            show_progress(&bar, &found, &slices)?;
            if found.ended.is_some() {
                bar.finish_and_clear();
                eprintln!(
                    "run {} is complete: {} profiles, {} changed",
                    found.run.id,
                    number(found.profiles),
                    number(found.changed)
                );
                return Ok(found);
            }
        }
        tokio::time::sleep(LOOKED_EVERY).await;
    }
    bar.abandon();
    bail!(
        "the run is not complete after {} s: look at it with `tributary runs`, and at the alarms of the function `evaluate`",
        timeout.as_secs()
    )
}

fn show_progress(bar: &ProgressBar, found: &Found, slices: &[Slice]) -> Result<()> {
    if bar.length().is_none() {
        bar.set_length(slices.len() as u64);
        bar.set_style(ProgressStyle::with_template("{spinner} [{bar:40}] {pos} of {len} slices, {msg}")?);
    }
    bar.set_position(found.done as u64);
    bar.set_message(format!("{} profiles", number(found.profiles)));
    Ok(())
}
