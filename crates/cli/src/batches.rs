//! `tributary batches` and `tributary batch`: what became of every file that arrived.

mod abandon;
mod account;
mod approve;
mod overview;
mod record;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use aws::Store;
use clap::{Parser, Subcommand};
use domain::batch::Batch;
use domain::name::DatasetName;
use jiff::Timestamp;

use crate::FINDINGS;
use crate::connection::{in_force, with_store};
use crate::terminal::{self, Format, print};
use account::Account;

/// How long `--watch` waits between two looks.
const WATCHED_EVERY: Duration = Duration::from_secs(2);

/// List batches: what became of each file that arrived
///
/// A file under no dataset's prefix is a batch too, without a dataset. The match rate is the share of rows about people
/// who had a profile; units are those of DynamoDB for each row that was applied.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary batches
  tributary batches --dataset northlight_enrichment --limit 5
  tributary batches --watch
  tributary batches --format json")]
pub(crate) struct ListArgs {
    /// Only batches of this dataset
    #[arg(long)]
    dataset: Option<DatasetName>,
    /// How many, counted from the newest
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Look again every two seconds, until all of them have ended
    #[arg(long, conflicts_with = "format")]
    watch: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Look at one batch, approve it, or give it up
#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    Show(ShowArgs),
    Approve(approve::Args),
    Abandon(abandon::Args),
}

/// Show everything that is known of a batch
///
/// Rows that were set aside lie in the data bucket as JSON lines, each with its line, code and reason.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary batch show 3
  tributary batch show 3 --format json

Exit codes: 0 shown; 1 there is no such batch; 2 could not be done.")]
pub(crate) struct ShowArgs {
    /// The batch's number
    number: u64,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn list(args: &ListArgs) -> Result<ExitCode> {
    with_store(async |store| {
        loop {
            let accounts = newest(store, args).await?;
            let now = Timestamp::now();
            if args.format == Format::Json {
                terminal::print_json(
                    &accounts.iter().map(|account| account.document(now)).collect::<Vec<_>>(),
                )?;
                return Ok(ExitCode::SUCCESS);
            }
            if args.watch {
                // Clears a terminal; anything else is not given it.
                print!("\u{1b}[2J\u{1b}[H");
            }
            print!("{}", overview::text(&accounts, now));
            if !args.watch || accounts.iter().all(|account| account.batch.status.has_ended()) {
                return Ok(ExitCode::SUCCESS);
            }
            tokio::time::sleep(WATCHED_EVERY).await;
        }
    })
}

pub(crate) fn one(command: &BatchCommand) -> Result<ExitCode> {
    match command {
        BatchCommand::Show(args) => show(args),
        BatchCommand::Approve(args) => approve::run(args),
        BatchCommand::Abandon(args) => abandon::run(args),
    }
}

fn show(args: &ShowArgs) -> Result<ExitCode> {
    with_store(async |store| {
        let Some(batch) = find(store, args.number).await? else {
            let error = anyhow::anyhow!("there is no batch {}: look at `tributary batches`", args.number);
            terminal::print_error(&error);
            return Ok(ExitCode::from(FINDINGS));
        };
        let account = account(store, batch).await?;
        let data = &store.deployment.data;
        let quarantine = match account.batch.quarantine() {
            Some(prefix) => store.objects.list(data, &prefix).await?,
            None => Vec::new(),
        };
        let quarantine: Vec<String> = quarantine.iter().map(|key| format!("s3://{data}/{key}")).collect();
        let now = Timestamp::now();
        match args.format {
            Format::Json => terminal::print_json(&record::document(&account, &quarantine, now))?,
            Format::Text => print!("{}", record::text(&account, &quarantine, now)),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Whose batches there are: every dataset's, and those that no dataset claims.
async fn owners(store: &Store) -> Result<Vec<Option<DatasetName>>> {
    let catalogue = in_force(store).await?.catalogue;
    Ok(catalogue.datasets.keys().cloned().map(Some).chain([None]).collect())
}

/// The newest batches with their accounts, oldest first.
async fn newest(store: &Store, args: &ListArgs) -> Result<Vec<Account>> {
    let owners = match &args.dataset {
        Some(dataset) => {
            let known = owners(store).await?;
            if !known.contains(&Some(dataset.clone())) {
                let known: Vec<_> = known.iter().flatten().map(|name| format!("`{name}`")).collect();
                bail!("there is no dataset `{dataset}` in force: expected one of {}", known.join(", "));
            }
            vec![Some(dataset.clone())]
        }
        None => owners(store).await?,
    };
    let mut batches = Vec::new();
    for owner in owners {
        batches.extend(store.ledger.batches(owner.as_ref()).await?);
    }
    batches.sort_by_key(|batch| batch.number);
    let older = batches.len().saturating_sub(args.limit);
    let mut accounts = Vec::new();
    for batch in batches.into_iter().skip(older) {
        accounts.push(account(store, batch).await?);
    }
    Ok(accounts)
}

async fn account(store: &Store, batch: Batch) -> Result<Account> {
    let chunks = store.ledger.chunks(batch.number).await?;
    Ok(Account::of(batch, chunks))
}

async fn find(store: &Store, number: u64) -> Result<Option<Batch>> {
    for owner in owners(store).await? {
        if let Some(batch) = store.ledger.batch(owner.as_ref(), number).await? {
            return Ok(Some(batch));
        }
    }
    Ok(None)
}
