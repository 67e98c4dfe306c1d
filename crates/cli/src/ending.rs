//! `tributary dataset expire` and `tributary partner offboard`: data goes out of use, what was activated because of it is
//! withdrawn by the ordinary steps, and the sweep deletes it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::{Context, Result};
use aws::{Evaluate, Queue, Store};
use clap::{Parser, Subcommand};
use domain::catalogue::Catalogue;
use domain::delivery::Delivery;
use domain::edge::visitor::StoredVisitor;
use domain::governance::lineage;
use domain::name::{DataflowName, DatasetName, PartnerName};
use domain::profile::day;
use jiff::Timestamp;
use jiff::civil::Date;
use project::Compiled;
use serde::Serialize;

use crate::FINDINGS;
use crate::apply::{Outcome, bring_into_force, keep_refusals};
use crate::connection::{in_force, user, with_store};
use crate::terminal::{self, Format, GREEN, YELLOW, print};
use crate::words::{listed, number};

/// How many items a page of the count has.
const PAGE: i32 = 1000;

/// Work on datasets
#[derive(Debug, Subcommand)]
pub(crate) enum DatasetCommand {
    Expire(ExpireArgs),
}

/// Work on data partners
#[derive(Debug, Subcommand)]
pub(crate) enum PartnerCommand {
    Offboard(OffboardArgs),
}

/// End a dataset: from a day on its data is out of use, and is then deleted
///
/// Without `--yes` this says what would go, and does nothing. With it, the catalogue in force is changed as by an apply;
/// audiences are evaluated anew, what was activated because of the data is withdrawn, and evaluations delete it. A project
/// that does not say so too is refused from then on: write `until` under the dataset's `retention`. To undo it before the
/// data is deleted, go back with `tributary rollback`.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary dataset expire northlight_enrichment
  tributary dataset expire northlight_enrichment --on 2027-02-01 --reason \"not renewed\" --yes

Exit codes: 0 ended; 1 nothing was done, as `--yes` is missing; 2 could not be done.")]
pub(crate) struct ExpireArgs {
    /// The dataset
    name: DatasetName,
    /// The day from which on it is not used any more, in UTC; today where it is not said
    #[arg(long)]
    on: Option<Date>,
    #[command(flatten)]
    order: Order,
}

/// End a partner: all of its datasets and its contract, at once
///
/// The partner's data is out of use at once, its IDs and what refers to them are deleted by the next evaluation, and what
/// was activated because of it is withdrawn. `--status` says what is left of that. A project that does not say so too is
/// refused from then on.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary partner offboard northlight
  tributary partner offboard northlight --reason \"contract ended early\" --yes
  tributary partner offboard northlight --status

Exit codes: 0 ended, or (with --status) nothing of the partner is left; 1 nothing was done, as `--yes` is missing, or
(with --status) something is left; 2 could not be done.")]
pub(crate) struct OffboardArgs {
    /// The partner
    name: PartnerName,
    /// Say what is left of the partner, and do nothing
    #[arg(long, conflicts_with = "yes")]
    status: bool,
    #[command(flatten)]
    order: Order,
}

/// What both are asked with.
#[derive(Debug, clap::Args)]
struct Order {
    /// Why, for the history of catalogues
    #[arg(long)]
    reason: Option<String>,
    /// Do it
    #[arg(long)]
    yes: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What is stored of some datasets, and what stands because of them.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Remaining {
    /// Profiles that hold something of them.
    profiles: u64,
    /// Their fragments, by dataset.
    fragments: BTreeMap<DatasetName, u64>,
    /// References of partners' IDs to these.
    references: u64,
    /// Visitors of whom it is remembered what the partner's scripts said.
    visitors: u64,
    /// Profiles of which something stands, or may stand, by dataflow that uses the datasets, also for other reasons.
    standing: BTreeMap<DataflowName, u64>,
}

/// What was done, or would be.
#[derive(Debug, Serialize)]
struct Report<'a> {
    ended: bool,
    /// The last day on which the data is used.
    until: Date,
    /// The sequence in force after the command.
    sequence: Option<u64>,
    datasets: &'a BTreeSet<DatasetName>,
    remaining: Remaining,
}

pub(crate) fn dataset(command: &DatasetCommand) -> Result<ExitCode> {
    let DatasetCommand::Expire(args) = command;
    with_store(async |store| {
        let now = Timestamp::now();
        let before = in_force(store).await?.catalogue;
        before.datasets.get(&args.name).with_context(|| {
            let known = listed(before.datasets.keys().map(|name| format!("`{name}`")));
            format!("the catalogue in force has no dataset `{}`: expected one of {known}", args.name)
        })?;
        let until = args.on.unwrap_or(day(now)).yesterday()?;
        let datasets = BTreeSet::from([args.name.clone()]);
        let why = format!("dataset expire {}", args.name);
        order(store, &args.order, &datasets, until, why, |catalogue| catalogue.expire(&args.name, until))
            .await
    })
}

pub(crate) fn partner(command: &PartnerCommand) -> Result<ExitCode> {
    let PartnerCommand::Offboard(args) = command;
    with_store(async |store| {
        let now = Timestamp::now();
        let before = in_force(store).await?.catalogue;
        before.partners.get(&args.name).with_context(|| {
            let known = listed(before.partners.keys().map(|name| format!("`{name}`")));
            format!("the catalogue in force has no partner `{}`: expected one of {known}", args.name)
        })?;
        let datasets = before.datasets_of(&args.name);
        if args.status {
            return show_status(store, &before, &datasets, args.order.format).await;
        }
        let until = day(now).yesterday()?;
        let why = format!("partner offboard {}", args.name);
        order(store, &args.order, &datasets, until, why, |catalogue| catalogue.offboard(&args.name, until))
            .await
    })
}

/// Ends what a change of the catalogue ends, if that is meant, and has audiences evaluated.
async fn order(
    store: &Store,
    order: &Order,
    datasets: &BTreeSet<DatasetName>,
    until: Date,
    why: String,
    end: impl FnOnce(&mut Catalogue),
) -> Result<ExitCode> {
    let now = Timestamp::now();
    let before = in_force(store).await?;
    let remaining = Remaining::of(store, &before.catalogue, datasets).await?;
    let mut report = Report { ended: false, until, sequence: None, datasets, remaining };
    if order.yes {
        let mut catalogue = Catalogue::clone(&before.catalogue);
        end(&mut catalogue);
        let compiled = Compiled::of(catalogue, day(now));
        let why = order.reason.as_ref().map_or(why.clone(), |reason| format!("{why}: {reason}"));
        let by = format!("{} ({why})", user());
        let outcome = bring_into_force(store, Some(&before), &compiled, Some(&by), now).await?;
        keep_refusals(store, &compiled.catalogue, outcome, now).await?;
        if let Outcome::Applied { sequence } | Outcome::Unchanged { sequence } = outcome {
            report.sequence = Some(sequence);
        }
        report.ended = true;
        store.queues.send(Queue::Slices, &[Evaluate::Start { reason: why }]).await?;
    }
    match order.format {
        Format::Json => terminal::print_json(&report)?,
        Format::Text => print!("{}", report.text()),
    }
    Ok(if report.ended { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

async fn show_status(
    store: &Store,
    catalogue: &Catalogue,
    datasets: &BTreeSet<DatasetName>,
    format: Format,
) -> Result<ExitCode> {
    let remaining = Remaining::of(store, catalogue, datasets).await?;
    match format {
        Format::Json => terminal::print_json(&remaining)?,
        Format::Text => print!("{}", remaining.text()),
    }
    Ok(if remaining.is_nothing() { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

impl Remaining {
    /// Counts over everything that is stored: no index knows it.
    async fn of(store: &Store, catalogue: &Catalogue, datasets: &BTreeSet<DatasetName>) -> Result<Remaining> {
        let uses = |name: &&DataflowName| {
            let dataflow = catalogue.dataflows.get(*name);
            dataflow.is_some_and(|dataflow| {
                lineage(catalogue, dataflow).iter().any(|way| datasets.contains(&way.dataset))
            })
        };
        let dataflows: BTreeSet<&DataflowName> = catalogue.dataflows.keys().filter(uses).collect();
        let mut remaining =
            Remaining { references: store.identities.references_of(datasets).await?, ..Remaining::default() };
        let mut next = None;
        loop {
            let page = store.profiles.scan(0, 1, next.as_ref(), PAGE).await?;
            let said = |(_, stored): &&(_, StoredVisitor)| {
                stored.visitor.signals.keys().any(|name| datasets.contains(name))
            };
            remaining.visitors += u64::try_from(page.visitors.iter().filter(said).count())?;
            let mut profiles = page.profiles;
            profiles.retain(|profile| !page.unsettled.contains(&profile.id));
            for id in &page.unsettled {
                // With what lies there and is another's, or nobody's.
                profiles.extend(store.profiles.load_all(id).await?);
            }
            for profile in &profiles {
                let mut theirs =
                    profile.fragments.keys().filter(|key| datasets.contains(&key.dataset)).peekable();
                remaining.profiles += u64::from(theirs.peek().is_some());
                for key in theirs {
                    *remaining.fragments.entry(key.dataset.clone()).or_default() += 1;
                }
                let standing = profile.deliveries.iter().filter(|(_, delivery)| Delivery::stands(delivery));
                for (name, _) in standing {
                    if dataflows.contains(name) {
                        *remaining.standing.entry(name.clone()).or_default() += 1;
                    }
                }
            }
            next = page.next;
            if next.is_none() {
                return Ok(remaining);
            }
        }
    }

    fn is_nothing(&self) -> bool {
        self.fragments.is_empty() && self.references == 0 && self.visitors == 0
    }

    fn text(&self) -> String {
        let mut text = format!("  profiles    {}\n", number(self.profiles));
        for (dataset, count) in &self.fragments {
            text.push_str(&format!("  fragments   {}  of `{dataset}`\n", number(*count)));
        }
        text.push_str(&format!("  references  {}  of partners' IDs\n", number(self.references)));
        text.push_str(&format!("  visitors    {}  with what scripts said\n", number(self.visitors)));
        for (dataflow, count) in &self.standing {
            text.push_str(&format!("  deliveries  {}  stand by `{dataflow}`\n", number(*count)));
        }
        text
    }
}

impl Report<'_> {
    fn text(&self) -> String {
        let Report { until, sequence, .. } = self;
        let datasets = listed(self.datasets.iter().map(|name| format!("`{name}`")));
        let verdict = match (self.ended, sequence) {
            (true, Some(sequence)) => {
                format!("{GREEN}ended{GREEN:#} with sequence {sequence}: {until} is the last day of")
            }
            _ => format!("{YELLOW}nothing was done{YELLOW:#}: with `--yes`, {until} is the last day of"),
        };
        format!("{verdict} {datasets}. What goes:\n{}", self.remaining.text())
    }
}
