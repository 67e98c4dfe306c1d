//! `tributary batch approve`: lets a snapshot be applied that lacks more than its dataset allows.

use std::process::ExitCode;

use anyhow::{Result, bail};
use aws::{Queue, Store, Work};
use clap::Parser;
use domain::batch::{Approval, Batch, BatchStatus, Lacks, Snapshot};
use domain::name::DatasetName;
use jiff::Timestamp;
use serde_json::json;

use crate::FINDINGS;
use crate::connection::{user, with_store};
use crate::terminal::{self, Format, GREEN, print};
use crate::words::number;

/// Approve a snapshot that lacks more records than its dataset allows
///
/// Its rows are applied, and the records that it lacks are removed. Whoever does not want that gives it up, with
/// `tributary batch abandon`. Doing it again changes nothing.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary batch approve northlight_enrichment 7
  tributary batch abandon northlight_enrichment 7 --reason \"the file was cut off\"

Exit codes: 0 approved; 1 there is no such batch, or it does not wait for approval; 2 could not be done.")]
pub(crate) struct Args {
    /// The batch's dataset
    dataset: DatasetName,
    /// The batch's number
    number: u64,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let batch = store.ledger.batch(Some(&args.dataset), args.number).await?;
        let (batch, snapshot) = match awaiting(batch, args) {
            Ok(awaiting) => awaiting,
            Err(objection) => {
                terminal::print_error(&objection);
                return Ok(ExitCode::from(FINDINGS));
            }
        };
        let lacks = snapshot.lacks.unwrap_or(Lacks { of: 0, missing: 0 });
        approve(store, batch, snapshot).await?;
        match args.format {
            Format::Json => terminal::print_json(&json!({ "approved": args.number, "lacks": lacks }))?,
            Format::Text => print!(
                "{GREEN}approved{GREEN:#}: {} of {} records are removed\n",
                number(lacks.missing),
                number(lacks.of)
            ),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The batch, if it can be approved. One that is approved and waits can: whoever approved it may have been interrupted.
fn awaiting(batch: Option<Batch>, args: &Args) -> Result<(Batch, Snapshot)> {
    let Args { dataset, number, .. } = args;
    let Some(batch) = batch else {
        bail!("dataset `{dataset}` has no batch {number}: look at `tributary batches`");
    };
    match (batch.status, batch.snapshot.clone()) {
        (BatchStatus::NeedsApproval, Some(snapshot)) => Ok((batch, snapshot)),
        (BatchStatus::Waiting, Some(snapshot)) if snapshot.approved.is_some() => Ok((batch, snapshot)),
        (status, _) => {
            bail!(
                "batch {number} has the status `{status}`: only one that is `needs_approval` can be approved"
            )
        }
    }
}

/// Notes who approves, and has the batch take its turn.
async fn approve(store: &Store, batch: Batch, snapshot: Snapshot) -> Result<()> {
    let (dataset, number) = (batch.dataset.clone(), batch.number);
    if batch.status == BatchStatus::NeedsApproval {
        let approved = Some(Approval { by: user(), at: Timestamp::now() });
        let (status, snapshot) = (BatchStatus::Waiting, Some(Snapshot { approved, ..snapshot }));
        let approved = Batch { status, snapshot, reason: None, ..batch };
        if !store.ledger.put_batch(&approved, BatchStatus::NeedsApproval).await? {
            bail!("batch {number} does not wait for approval any more: look at it, and try again");
        }
    }
    let Some(dataset) = dataset else { return Ok(()) };
    store.queues.send(Queue::Chunks, &[Work::Start { dataset, batch: number }]).await?;
    Ok(())
}
