//! `tributary batch abandon`: gives up a batch that cannot be applied, so that those behind it have their turn.

use std::process::ExitCode;

use anyhow::{Result, bail};
use aws::{Queue, Store, Watermark, Work};
use clap::Parser;
use domain::batch::{Batch, BatchStatus};
use domain::name::DatasetName;
use jiff::Timestamp;
use serde_json::json;

use crate::FINDINGS;
use crate::connection::{user, with_store};
use crate::terminal::{self, Format, GREEN, print};

/// Give up a batch that cannot be applied, and start the next one of its dataset
///
/// The batch fails with the reason. What it has applied already stays: upload a file that is right. A worker that has
/// a chunk of it in hand ends that chunk. Doing it again changes nothing.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary batch abandon northlight_enrichment 3 --reason \"the file was of another market\"

Exit codes: 0 given up; 1 there is no such batch, or it neither waits nor is being applied; 2 could not be done.")]
pub(crate) struct Args {
    /// The batch's dataset
    dataset: DatasetName,
    /// The batch's number
    number: u64,
    /// Why, for those who look at the batch later
    #[arg(long)]
    reason: String,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let batch = store.ledger.batch(Some(&args.dataset), args.number).await?;
        let batch = match in_the_way(batch, args) {
            Ok(batch) => batch,
            Err(objection) => {
                terminal::print_error(&objection);
                return Ok(ExitCode::from(FINDINGS));
            }
        };
        fail(store, &batch, args).await?;
        let next = hand_over(store, &batch, &args.dataset).await?;
        match (args.format, next) {
            (Format::Json, next) => terminal::print_json(&json!({ "abandoned": args.number, "next": next }))?,
            (Format::Text, Some(next)) => {
                print!("{GREEN}given up{GREEN:#}: batch {next} has its turn next\n")
            }
            (Format::Text, None) => print!("{GREEN}given up{GREEN:#}: no other batch waits\n"),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The batch, if it can be given up. One that has failed can: whoever gave it up may have been interrupted.
fn in_the_way(batch: Option<Batch>, args: &Args) -> Result<Batch> {
    let Args { dataset, number, .. } = args;
    let Some(batch) = batch else {
        bail!("dataset `{dataset}` has no batch {number}: look at `tributary batches`");
    };
    match batch.status {
        BatchStatus::Waiting | BatchStatus::NeedsApproval | BatchStatus::Applying | BatchStatus::Failed => {
            Ok(batch)
        }
        status @ (BatchStatus::Checking | BatchStatus::Success | BatchStatus::Superseded) => bail!(
            "batch {number} has the status `{status}`: only one that is `waiting`, `needs_approval` or `applying` can be given up"
        ),
    }
}

async fn fail(store: &Store, batch: &Batch, args: &Args) -> Result<()> {
    let from = batch.status;
    if from == BatchStatus::Failed {
        return Ok(());
    }
    let reason = reason(batch, &user(), &args.reason);
    let (dataset, to, now) = (Some(&args.dataset), BatchStatus::Failed, Timestamp::now());
    if !store.ledger.move_batch(dataset, batch.number, from, to, Some(&reason), now).await? {
        bail!("batch {} is not `{from}` any more: look at it, and try again", batch.number);
    }
    Ok(())
}

fn reason(batch: &Batch, user: &str, why: &str) -> String {
    let applied = batch.chunks.saturating_sub(batch.remaining);
    format!("abandoned by {user} with {applied} of {} chunks applied: {why}", batch.chunks)
}

/// Gives the dataset's lease back and starts the batch that waits for it first, as the end of a batch does. Answers with
/// that batch.
async fn hand_over(store: &Store, batch: &Batch, dataset: &DatasetName) -> Result<Option<u64>> {
    let ledger = &store.ledger;
    ledger.stop_waiting(dataset, Watermark { time: batch.time, batch: batch.number }).await?;
    ledger.release(dataset, batch.number).await?;
    let Some(next) = ledger.waiting(dataset).await?.first().map(|next| next.batch) else { return Ok(None) };
    let start = Work::Start { dataset: dataset.clone(), batch: next };
    store.queues.send(Queue::Chunks, &[start]).await?;
    Ok(Some(next))
}

#[cfg(test)]
mod tests {
    use domain::batch::Counts;

    use super::*;

    fn batch(status: BatchStatus) -> Batch {
        Batch {
            number: 3,
            dataset: Some("crm".parse().unwrap()),
            bucket: "inbox".to_owned(),
            key: "crm/a.csv".to_owned(),
            version: "v1".to_owned(),
            bytes: 1,
            time: Timestamp::UNIX_EPOCH,
            opened: Timestamp::UNIX_EPOCH,
            ended: None,
            status,
            reason: None,
            checked: Counts::default(),
            chunks: 4,
            remaining: 3,
            snapshot: None,
        }
    }

    #[test]
    fn only_what_stands_in_the_way_can_be_given_up() {
        let args = Args::parse_from(["abandon", "crm", "3", "--reason", "wrong file"]);
        for status in
            [BatchStatus::Waiting, BatchStatus::NeedsApproval, BatchStatus::Applying, BatchStatus::Failed]
        {
            assert_eq!(in_the_way(Some(batch(status)), &args).unwrap().status, status);
        }
        for status in [BatchStatus::Checking, BatchStatus::Success, BatchStatus::Superseded] {
            let objection = in_the_way(Some(batch(status)), &args).unwrap_err().to_string();
            assert!(objection.contains(&format!("`{status}`")), "{objection}");
        }
        let objection = in_the_way(None, &args).unwrap_err().to_string();
        assert!(objection.contains("has no batch 3"), "{objection}");
    }

    #[test]
    fn the_reason_says_who_and_how_far() {
        let reason = reason(&batch(BatchStatus::Applying), "mary", "wrong file");
        assert_eq!(reason, "abandoned by mary with 1 of 4 chunks applied: wrong file");
    }
}
