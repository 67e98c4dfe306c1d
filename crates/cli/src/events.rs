//! `tributary events`: visitors' events as they were kept.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use aws::{Queue, Store, Work};
use clap::{Parser, Subcommand};
use domain::name::DatastreamName;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::civil::Date;
use serde::Serialize;

use crate::connection::{in_force, with_store};
use crate::terminal::{self, Format, GREEN, count, println};

/// The longest span that is replayed at once, in days: as long as a quarter of a year.
const LONGEST_SPAN: usize = 92;

/// Visitors' events, as they were kept
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Replay(ReplayArgs),
}

/// Hear events again, under the catalogue in force
///
/// What partners' scripts said and who logged in reaches profiles as if it were said again: a field that is mapped only
/// now, for instance. What is newer stands, consent is obeyed, and replaying twice changes nothing.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary events replay --datastream shop_web --from 2026-11-01 --to 2026-11-30
  tributary events replay --datastream shop_web --from 2026-11-22

Exit codes: 0 asked for; 1 there are no events; 2 could not be done.")]
pub(crate) struct ReplayArgs {
    /// The datastream that the events came to
    #[arg(long)]
    datastream: DatastreamName,
    /// The first day, in UTC
    #[arg(long)]
    from: Date,
    /// The last day, in UTC; the first one if none is given
    #[arg(long)]
    to: Option<Date>,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What was asked for, for programs.
#[derive(Debug, Serialize)]
struct Asked<'a> {
    datastream: &'a DatastreamName,
    days: usize,
    objects: usize,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    let Command::Replay(args) = command;
    let days = days(args.from, args.to.unwrap_or(args.from))?;
    with_store(async |store| {
        let catalogue = in_force(store).await?.catalogue;
        if !catalogue.datastreams.contains_key(&args.datastream) {
            let known: Vec<_> = catalogue.datastreams.keys().map(|name| format!("`{name}`")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            bail!("the catalogue in force has no datastream `{}`: it has {known}", args.datastream);
        }
        let objects = replay(store, &args.datastream, &days).await?;
        let asked = Asked { datastream: &args.datastream, days: days.len(), objects };
        match args.format {
            Format::Json => terminal::print_json(&asked)?,
            Format::Text if objects == 0 => {
                println!("there are no events of datastream `{}` on these days", args.datastream);
            }
            Format::Text => {
                println!("{GREEN}asked for{GREEN:#}: {} will be heard again", count(objects, "object"))
            }
        }
        Ok(ExitCode::from(if objects == 0 { crate::FINDINGS } else { 0 }))
    })
}

/// The days of a span, its last one included.
fn days(from: Date, to: Date) -> Result<Vec<Date>> {
    if to < from {
        bail!("the last day, {to}, lies before the first, {from}");
    }
    let days: Vec<Date> =
        from.series(jiff::Span::new().days(1)).take_while(|day| *day <= to).take(LONGEST_SPAN + 1).collect();
    if days.len() > LONGEST_SPAN {
        bail!("{from} to {to} are more than {LONGEST_SPAN} days: replay them in parts");
    }
    Ok(days)
}

async fn replay(store: &Store, datastream: &DatastreamName, days: &[Date]) -> Result<usize> {
    let bar = ProgressBar::new(u64::try_from(days.len()).unwrap_or_default())
        .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} days {msg}")?);
    let mut objects = 0;
    for day in days {
        let prefix = format!("events/datastream={datastream}/date={day}/");
        let keys = store.objects.list(&store.deployment.events, &prefix).await?;
        objects += keys.len();
        let work: Vec<Work> = keys.into_iter().map(|key| Work::Replay { key }).collect();
        store
            .queues
            .send(Queue::Chunks, &work)
            .await
            .context("not all objects were asked for: replay again")?;
        bar.set_message(count(objects, "object"));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_its_last_day_and_an_end() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(days(day("2026-11-01"), day("2026-11-30")).unwrap().len(), 30);
        assert_eq!(days(day("2026-11-01"), day("2026-11-01")).unwrap(), [day("2026-11-01")]);
        assert!(days(day("2026-11-02"), day("2026-11-01")).is_err());
        assert!(days(day("0001-01-01"), day("9999-12-31")).is_err());
    }
}
