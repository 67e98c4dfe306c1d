//! `tributary offers`: what pages may show, what they have shown, and what they may not.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use domain::edge::offer::Offer;
use domain::edge::visitor::Notified;
use domain::name::{AudienceName, OfferName};
use domain::refusal::Refusal;
use jiff::civil::Date;
use serde::Serialize;

use crate::connection::{in_force, with_store};
use crate::refusal;
use crate::table::Table;
use crate::terminal::{self, Format, print};
use crate::words::number;

/// Offers of the catalogue in force, with displays and clicks, and why some are refused
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary offers
  tributary offers --format json

Displays and clicks are those that pages reported; a report that comes twice counts once.

Exit codes: 0 done; 2 could not be done.")]
pub(crate) struct Args {
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// An offer, for programs.
#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'a OfferName,
    title: &'a str,
    scope: &'a str,
    state: &'static str,
    audiences: Vec<&'a AudienceName>,
    displayed: u64,
    interacted: u64,
    days: Vec<Day>,
    refusals: &'a [Refusal],
}

#[derive(Debug, Serialize)]
struct Day {
    day: Date,
    displayed: u64,
    interacted: u64,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let catalogue = in_force(store).await?.catalogue;
        let mut lines = Vec::new();
        for offer in catalogue.offers.values() {
            lines.push(line(offer, store.ledger.offer_days(&offer.name).await?));
        }
        match args.format {
            Format::Json => terminal::print_json(&lines)?,
            Format::Text => print!("{}", text(&lines)),
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn line(offer: &Offer, days: Vec<(Date, Notified)>) -> Line<'_> {
    let days: Vec<Day> = days
        .into_iter()
        .map(|(day, Notified { displayed, interacted })| Day { day, displayed, interacted })
        .collect();
    Line {
        name: &offer.name,
        title: &offer.title,
        scope: &offer.scope,
        state: if offer.refusals.is_empty() { "active" } else { "blocked" },
        audiences: offer.audiences().collect(),
        displayed: days.iter().map(|day| day.displayed).sum(),
        interacted: days.iter().map(|day| day.interacted).sum(),
        days,
        refusals: &offer.refusals,
    }
}

fn text(lines: &[Line<'_>]) -> String {
    if lines.is_empty() {
        return "the catalogue in force has no offers\n".to_owned();
    }
    let mut table = Table::of(["offer", "scope", "state", "displayed", "clicked"]);
    for line in lines {
        table.row([
            line.name.into(),
            line.scope.into(),
            line.state.into(),
            number(line.displayed).into(),
            number(line.interacted).into(),
        ]);
    }
    let refusals: String = lines
        .iter()
        .flat_map(|line| line.refusals)
        .map(|each| format!("\n{}", refusal::tree(each)))
        .collect();
    format!("{table}\n{refusals}")
}
