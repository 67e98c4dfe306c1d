//! `tributary migrate`: brings what is stored to the forms of this build.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use aws::Migrated;
use clap::Parser;
use serde::Serialize;

use crate::FINDINGS;
use crate::connection::with_store;
use crate::table::Table;
use crate::terminal::{self, Format, GREEN, YELLOW, print};
use crate::words::number;

/// Bring what is stored to the forms of this build
///
/// A build reads what earlier ones have stored, and writes it in its own form whenever it writes it. This reads every table
/// once and brings up the rest, beside whatever else goes on. Run it when the functions of the new build are deployed and
/// those of the former one have ended; a build that reads older forms no more asks for it before it is deployed.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary migrate
  tributary migrate --format json

Exit codes: 0 everything is of today's form; 1 some items changed meanwhile: run it again; 2 could not be done.")]
pub(crate) struct Args {
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// A kind of items for programs.
#[derive(Debug, Serialize)]
struct Document<'a> {
    kind: &'a str,
    /// The number of today's form.
    form: u32,
    items: u64,
    /// How many were of an older form, and are of today's now.
    migrated: u64,
    /// How many changed while they were looked at.
    missed: u64,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let found = store.migrate().await?;
        match args.format {
            Format::Json => terminal::print_json(&documents(&found))?,
            Format::Text => print!("{}", text(&found)),
        }
        let is_done = found.values().all(|kind| kind.missed == 0);
        Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
    })
}

fn documents<'a>(found: &BTreeMap<&'a str, Migrated>) -> Vec<Document<'a>> {
    let document = |(kind, found): (&&'a str, &Migrated)| {
        let Migrated { form, items, lifted, missed } = *found;
        Document { kind, form, items, migrated: lifted, missed }
    };
    found.iter().map(document).collect()
}

fn text(found: &BTreeMap<&str, Migrated>) -> String {
    let mut table = Table::of(["kind", "#form", "#items", "#migrated", "#missed"]);
    for kind in documents(found) {
        let counts = [kind.items, kind.migrated, kind.missed].map(|count| number(count).into());
        let [items, migrated, missed] = counts;
        table.row([kind.kind.into(), kind.form.into(), items, migrated, missed]);
    }
    let missed: u64 = found.values().map(|kind| kind.missed).sum();
    let note = match missed {
        0 => format!("{GREEN}everything is of the forms of this build{GREEN:#}"),
        _ => format!("{YELLOW}some items changed while they were looked at: run it again{YELLOW:#}"),
    };
    format!("{table}{note}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::plain;

    fn found(missed: u64) -> BTreeMap<&'static str, Migrated> {
        BTreeMap::from([
            ("fragment", Migrated { form: 1, items: 31_000, ..Migrated::default() }),
            ("graph", Migrated { form: 2, items: 12_345, lifted: 12_000, missed }),
        ])
    }

    #[test]
    fn each_kind_is_told_with_what_became_of_it() {
        insta::assert_snapshot!(plain(&text(&found(0))));
    }

    #[test]
    fn what_was_missed_asks_for_another_run() {
        assert!(plain(&text(&found(2))).ends_with("run it again\n"));
        insta::assert_json_snapshot!(documents(&found(2)));
    }
}
