//! `tributary apply`: brings a project into force.
//!
//! The catalogue is written under its hash first and the pointer is moved by compare-and-set after it, so that two
//! applies cannot race and nobody ever reads a catalogue that is not there.

mod changes;
mod report;
mod withdrawn;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use aws::{Applied, InForce, Moved, RefusalRecord, Store};
use clap::Parser;
use domain::catalogue::{Catalogue, CatalogueHash, Pointer};
use domain::dataflow::{Dataflow, State};
use domain::governance;
use domain::name::DataflowName;
use domain::profile::day;
use jiff::Timestamp;
use project::Compiled;

use crate::connection::{user, with_store};
use crate::terminal::Format;
use crate::{FINDINGS, folder};
pub(crate) use changes::{Change, DATAFLOWS, changes};
pub(crate) use report::{Outcome, Report, change_lines, refusals, short};
pub(crate) use withdrawn::take_out as take_out_withdrawn;

/// Bring a project into force
///
/// The project is checked as a whole, compiled against the catalogue in force, written, and pointed to. A dataflow that
/// policies or contracts refuse is applied BLOCKED and the command still exits 0. A dataflow that is gone from the
/// folder is RETIRING until everything that it sent is withdrawn.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary apply examples/securfinancial
  tributary apply examples/securfinancial --strict
  tributary apply examples/securfinancial --by \"data steward on duty\"
  tributary apply examples/securfinancial --format json

Exit codes: 0 in force; 1 errors in the project, or (with --strict) a dataflow would be blocked; 2 could not be done.")]
pub(crate) struct Args {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Apply nothing if any dataflow would be blocked
    #[arg(long)]
    strict: bool,
    /// Who brings it into force, for the audit; whoever is logged in, if nobody is named
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let project = folder::load(&args.folder)?;
    with_store(async |store| {
        let now = Timestamp::now();
        let in_force = store.catalogue().await?;
        let mut previous = in_force.as_ref().map(|in_force| Catalogue::clone(&in_force.catalogue));
        let withdrawn = match &mut previous {
            Some(previous) => take_out_withdrawn(store, previous).await?,
            None => Vec::new(),
        };
        let compiled = project.compile(previous.as_ref(), day(now))?;
        let is_refused = args.strict && refusals(&compiled.catalogue).next().is_some();
        let outcome = if is_refused {
            Outcome::Refused
        } else {
            bring_into_force(store, in_force.as_ref(), &compiled, args.by.as_deref(), now).await?
        };
        keep_refusals(store, &compiled.catalogue, outcome, now).await?;
        let report = Report {
            outcome,
            in_force: in_force.as_ref(),
            hash: &compiled.hash,
            catalogue: &compiled.catalogue,
            // What is in the folder again is not gone.
            withdrawn: gone(withdrawn, &compiled.catalogue),
            warnings: project.warnings(),
            today: day(now),
        };
        report.print(args.format)?;
        Ok(if is_refused { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    })
}

/// Writes a catalogue and points to it, unless it is in force already.
pub(crate) async fn bring_into_force(
    store: &Store,
    in_force: Option<&InForce>,
    compiled: &Compiled,
    by: Option<&str>,
    now: Timestamp,
) -> Result<Outcome> {
    let Compiled { hash, catalogue, bytes } = compiled;
    if let Some(InForce { sequence, .. }) = in_force.filter(|in_force| in_force.hash == *hash) {
        return Ok(Outcome::Unchanged { sequence: *sequence });
    }
    store.write_catalogue(hash, bytes.clone()).await?;
    move_pointer(store, in_force, hash, catalogue, by, now).await
}

/// Points to a catalogue that is written, as the next sequence.
pub(crate) async fn move_pointer(
    store: &Store,
    in_force: Option<&InForce>,
    hash: &CatalogueHash,
    catalogue: &Catalogue,
    by: Option<&str>,
    now: Timestamp,
) -> Result<Outcome> {
    let read =
        in_force.map(|in_force| Pointer { sequence: in_force.sequence, catalogue: in_force.hash.clone() });
    let sequence = read.as_ref().map_or(0, |read| read.sequence) + 1;
    let pointer = Pointer { sequence, catalogue: hash.clone() };
    let (blocked, allowed) = running(catalogue)
        .partition::<Vec<_>, _>(|dataflow| !governance::check(catalogue, dataflow, day(now)).is_empty());
    let by = by.map_or_else(user, str::to_owned);
    let applied = Applied { pointer, at: now, by, allowed: names(allowed), blocked: names(blocked) };
    match store.ledger.move_pointer(read.as_ref(), &applied).await? {
        Moved::Moved => Ok(Outcome::Applied { sequence }),
        Moved::Raced => bail!(
            "somebody else has brought sequence {sequence} into force meanwhile, and this command nothing: look at it with `tributary catalogue`, then try again"
        ),
    }
}

/// Keeps the refusals of a catalogue in the ledger. Keeping them again is the same, so that an apply that died before
/// it came to that is made good by the next.
pub(crate) async fn keep_refusals(
    store: &Store,
    catalogue: &Catalogue,
    outcome: Outcome,
    now: Timestamp,
) -> Result<()> {
    let (Outcome::Applied { sequence } | Outcome::Unchanged { sequence }) = outcome else { return Ok(()) };
    for refusal in refusals(catalogue) {
        let during = "apply".to_owned();
        let record = RefusalRecord { sequence, at: now, during, refusal: refusal.clone() };
        store.ledger.keep_refusal(&record).await?;
    }
    Ok(())
}

/// The dataflows that are run, of which policies and contracts are asked.
fn running(catalogue: &Catalogue) -> impl Iterator<Item = &Dataflow> {
    catalogue.dataflows.values().filter(|dataflow| dataflow.state != State::Retiring)
}

fn names(dataflows: Vec<&Dataflow>) -> BTreeSet<DataflowName> {
    dataflows.into_iter().map(|dataflow| dataflow.name.clone()).collect()
}

fn gone(withdrawn: Vec<DataflowName>, catalogue: &Catalogue) -> Vec<DataflowName> {
    withdrawn.into_iter().filter(|name| !catalogue.dataflows.contains_key(name)).collect()
}
