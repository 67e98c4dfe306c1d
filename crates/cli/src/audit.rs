//! `tributary audit`: who brought what into force, what was refused, what left under which catalogue, and who split whose
//! graph.
//!
//! The ledger's applies, refusals and splits come together with the delivery log in S3 in one account. What
//! was in force is read from the catalogues themselves, which are kept for ever under their hashes.

mod event;
mod read;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use domain::name::DataflowName;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::FINDINGS;
use crate::catalogue::of_sequence;
use crate::connection::with_store;
use crate::terminal::{DIM, print, println};
use crate::words::time;

/// How far back the account goes where nothing is said.
const USUALLY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Account for who applied what, what was refused, and what was sent where and why
///
/// One line for each apply, refusal, call of a vendor and split of a graph, oldest first: when, under which catalogue, by
/// which policies and for which marketing actions, and how many people's records it was about. It names nobody; of splits
/// it tells the profiles. Calls are kept for 90 days, everything else for ever.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary audit
  tributary audit --since 2026-11-01 --dataflow prospects_to_facebook
  tributary audit --catalogue 12 --format json > catalogue-12.jsonl

Exit codes: 0 done; 1 there is nothing to account for; 2 could not be done.")]
pub(crate) struct Args {
    /// From when on: a day (in UTC) or an instant; seven days back if nothing is said, or with --catalogue from when it
    /// was applied
    #[arg(long, value_parser = instant)]
    since: Option<Timestamp>,
    /// Only what concerns this dataflow, besides applies
    #[arg(long)]
    dataflow: Option<DataflowName>,
    /// Only what happened under the catalogue of this sequence
    #[arg(long, value_name = "SEQUENCE")]
    catalogue: Option<u64>,
    /// How the account is printed
    #[arg(long, value_enum, default_value = "text")]
    format: AuditFormat,
}

/// How an account is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuditFormat {
    /// A table.
    Text,
    /// JSON lines, one for each event.
    Json,
}

/// A day or an instant.
fn instant(text: &str) -> Result<Timestamp, String> {
    let of_day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| of_day().map(|day| day.timestamp())).ok_or_else(|| {
        "expected a day such as 2026-11-22, or an instant such as 2026-11-22T12:00:00Z".to_owned()
    })
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let now = Timestamp::now();
        let applied = store.ledger.applied().await?;
        let of_catalogue = match args.catalogue {
            None => None,
            Some(sequence) => Some(of_sequence(&applied, sequence)?),
        };
        let since = args.since.or(of_catalogue.map(|applied| applied.at));
        let since = since.unwrap_or(now.saturating_sub(USUALLY)?);
        let asked =
            read::Asked { since, until: now, dataflow: args.dataflow.as_ref(), sequence: args.catalogue };
        let events = read::events(store, &applied, &asked).await?;
        match args.format {
            AuditFormat::Json => {
                for event in &events {
                    println!("{}", serde_json::to_string(event)?);
                }
            }
            AuditFormat::Text => {
                print!("{}{DIM}since {}{DIM:#}\n", event::table(&events), time(since));
            }
        }
        Ok(if events.is_empty() { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_a_day_or_an_instant() {
        let read = |text: &str| instant(text).map(|at| at.to_string());
        assert_eq!(read("2026-11-22"), Ok("2026-11-22T00:00:00Z".to_owned()));
        assert_eq!(read("2026-11-22T13:00:00+01:00"), Ok("2026-11-22T12:00:00Z".to_owned()));
        assert!(read("yesterday").is_err());
    }
}
