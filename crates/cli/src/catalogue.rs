//! `tributary catalogue` and `tributary rollback`: which catalogues were in force, and back to one of them.

use std::process::ExitCode;

use anstream::eprintln;
use anyhow::{Context, Result};
use aws::Applied;
use clap::{Parser, Subcommand};
use domain::catalogue::Catalogue;
use domain::dataset::Dataset;
use domain::name::{DataflowName, DatasetName};
use domain::profile::day;
use jiff::Timestamp;

use crate::FINDINGS;
use crate::apply::{Outcome, Report, keep_refusals, move_pointer, short};
use crate::connection::{in_force, with_store};
use crate::plan::{Against, Plan};
use crate::table::{Cell, Table};
use crate::terminal::{self, Format, GREEN, YELLOW, print};
use crate::words::time;

/// List the catalogues that were brought into force, newest last
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary catalogue
  tributary catalogue list --format json
  tributary catalogue show 3 > catalogue.json")]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text", global = true)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List them; the same as without a command
    List,
    /// Print the whole catalogue of a sequence as JSON; `tributary plan --against` reads it
    Show {
        /// The sequence
        sequence: u64,
    },
}

/// Bring the content of an earlier sequence into force again
///
/// It gets a new sequence: numbers never go down. Dataflows that the earlier content does not have would be forgotten
/// with all that they have sent; that is refused, unless it is said to be meant.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary rollback 3 --plan
  tributary rollback 3

Exit codes: 0 in force (or shown); 1 refused, as dataflows would be left behind (or, with --plan, something that is allowed now would be blocked); 2 could not be done.")]
pub(crate) struct RollbackArgs {
    /// The sequence whose content comes into force; see `tributary catalogue`
    sequence: u64,
    /// Forget dataflows that the earlier content does not have; what they have sent stays where it is
    #[arg(long)]
    leave_behind: bool,
    /// Show what would change, what would be blocked and what freed, and change nothing
    #[arg(long)]
    plan: bool,
    /// Who brings it into force, for the audit; whoever is logged in, if nobody is named
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn list(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let applied = store.ledger.applied().await?;
        if let Some(What::Show { sequence }) = args.what {
            let catalogue = store.read_catalogue(&of_sequence(&applied, sequence)?.pointer.catalogue).await?;
            terminal::print_json(&catalogue)?;
            return Ok(ExitCode::SUCCESS);
        }
        match args.format {
            Format::Json => terminal::print_json(&applied)?,
            Format::Text => print!("{}", text(&applied)),
        }
        Ok(ExitCode::SUCCESS)
    })
}

pub(crate) fn rollback(args: &RollbackArgs) -> Result<ExitCode> {
    with_store(async |store| {
        let now = Timestamp::now();
        let before = in_force(store).await?;
        let applied = store.ledger.applied().await?;
        let hash = &of_sequence(&applied, args.sequence)?.pointer.catalogue;
        let catalogue = store.read_catalogue(hash).await?;
        if args.plan {
            let against = Against::InForce(before.sequence);
            let plan = Plan::of(against, Some(&before.catalogue), &catalogue, &[], day(now));
            plan.print(args.format)?;
            let is_found = plan.blocks_what_is_allowed();
            return Ok(if is_found { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS });
        }
        let forgotten = forgotten(&before.catalogue, &catalogue);
        if !forgotten.is_empty() && !args.leave_behind {
            terminal::print_error(&refuse(&forgotten, args.sequence));
            return Ok(ExitCode::from(FINDINGS));
        }
        for dataset in brought_back(&before.catalogue, &catalogue) {
            eprintln!(
                "{YELLOW}warning{YELLOW:#}: dataset `{dataset}` was ended by a command, and is in use again"
            );
        }
        let outcome = if *hash == before.hash {
            Outcome::Unchanged { sequence: before.sequence }
        } else {
            move_pointer(store, Some(&before), hash, &catalogue, args.by.as_deref(), now).await?
        };
        keep_refusals(store, &catalogue, outcome, now).await?;
        let report = Report {
            outcome,
            in_force: Some(&before),
            hash,
            catalogue: &catalogue,
            withdrawn: Vec::new(),
            warnings: &[],
            today: day(now),
        };
        report.print(args.format)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The apply of a sequence.
pub(crate) fn of_sequence(applied: &[Applied], sequence: u64) -> Result<&Applied> {
    let found = applied.iter().find(|applied| applied.pointer.sequence == sequence);
    found.with_context(|| format!("there is no sequence {sequence}: look at `tributary catalogue`"))
}

/// Dataflows that a catalogue has and an earlier one does not, or to another destination: nobody would withdraw what
/// they have sent.
fn forgotten<'a>(now: &'a Catalogue, earlier: &Catalogue) -> Vec<&'a DataflowName> {
    let is_kept = |name: &DataflowName| {
        let (now, earlier) = (now.dataflows.get(name), earlier.dataflows.get(name));
        now.map(|now| &now.destination) == earlier.map(|earlier| &earlier.destination)
    };
    now.dataflows.keys().filter(|name| !is_kept(name)).collect()
}

/// Datasets that a command has ended, and whose data an earlier catalogue brings back.
fn brought_back<'a>(now: &'a Catalogue, earlier: &'a Catalogue) -> impl Iterator<Item = &'a DatasetName> {
    let is_back = |dataset: &&Dataset| {
        let until = now.ordered_end(&dataset.name);
        until.is_some_and(|until| dataset.retention.until.is_none_or(|then| then > until))
    };
    earlier.datasets.values().filter(is_back).map(|dataset| &dataset.name)
}

fn refuse(forgotten: &[&DataflowName], sequence: u64) -> anyhow::Error {
    let named: Vec<_> = forgotten.iter().map(|name| format!("`{name}`")).collect();
    anyhow::anyhow!(
        "sequence {sequence} does not have {}, and nobody would withdraw what was sent there: take it out of the project and apply that first, or say `--leave-behind`",
        named.join(", ")
    )
}

fn text(applied: &[Applied]) -> String {
    let mut table = Table::of(["#sequence", "catalogue", "applied", "by", ""]);
    for (index, each) in applied.iter().enumerate() {
        let earlier =
            applied.iter().take(index).find(|other| other.pointer.catalogue == each.pointer.catalogue);
        let note = match earlier {
            _ if index + 1 == applied.len() => Cell::styled("in force", GREEN),
            Some(earlier) => format!("the content of sequence {}", earlier.pointer.sequence).into(),
            None => "".into(),
        };
        table.row([
            each.pointer.sequence.into(),
            short(&each.pointer.catalogue).into(),
            time(each.at).into(),
            each.by.as_str().into(),
            note,
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::example::{self, plain};

    fn applied(sequence: u64, content: &str) -> Applied {
        let catalogue = domain::catalogue::CatalogueHash::of(content.as_bytes());
        let pointer = domain::catalogue::Pointer { sequence, catalogue };
        let (allowed, blocked) = (BTreeSet::new(), BTreeSet::new());
        Applied {
            pointer,
            at: "2026-01-31T12:00:00Z".parse().unwrap(),
            by: "dora".to_owned(),
            allowed,
            blocked,
        }
    }

    #[test]
    fn catalogues_in_a_table() {
        let shown = text(&[applied(1, "one"), applied(2, "two"), applied(3, "one"), applied(4, "two")]);
        insta::assert_snapshot!(plain(&shown));
    }

    #[test]
    fn nothing_that_has_sent_is_forgotten() {
        let now = example::catalogue();
        assert!(forgotten(&now, &now).is_empty());
        let mut earlier = now.clone();
        let name: DataflowName = "prospects_to_file".parse().unwrap();
        earlier.dataflows.get_mut(&name).unwrap().destination = "facebook".parse().unwrap();
        assert_eq!(forgotten(&now, &earlier), [&name]);
        earlier.dataflows.remove(&name);
        assert_eq!(forgotten(&now, &earlier), [&name]);
        assert!(refuse(&[&name], 3).to_string().contains("`prospects_to_file`"));
    }
}
