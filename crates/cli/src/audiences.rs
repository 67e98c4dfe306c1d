//! `tributary audiences`: who many are in each, as of the latest complete run.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use domain::audience::DefinitionHash;
use domain::catalogue::Catalogue;
use domain::name::{AudienceName, MergePolicyName};
use jiff::Timestamp;
use serde::Serialize;

use crate::connection::{in_force, with_store};
use crate::runs::{Found, latest_complete};
use crate::table::Table;
use crate::terminal::{self, DIM, Format, print};
use crate::words::{NOTHING, number, time};

/// List audiences with their sizes, as of the latest complete run
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary audiences
  tributary audiences --format json")]
pub(crate) struct Args {
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let catalogue = in_force(store).await?.catalogue;
        let latest = latest_complete(store).await?;
        match args.format {
            Format::Json => terminal::print_json(&document(&catalogue, latest.as_ref()))?,
            Format::Text => print!("{}", text(&catalogue, latest.as_ref())),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// An audience for programs.
#[derive(Debug, Serialize)]
struct Document<'a> {
    name: &'a AudienceName,
    title: &'a str,
    /// How many are in it; null before the first complete run.
    members: Option<u64>,
    /// How many left it in that run.
    left: Option<u64>,
    evaluated: Option<Timestamp>,
    run: Option<&'a str>,
    definition: DefinitionHash,
    expression: &'a str,
    merge_policy: &'a MergePolicyName,
}

fn document<'a>(catalogue: &'a Catalogue, latest: Option<&'a Found>) -> Vec<Document<'a>> {
    catalogue
        .audiences
        .values()
        .map(|audience| Document {
            name: &audience.name,
            title: &audience.title,
            members: latest.map(|latest| latest.realized.get(&audience.name).copied().unwrap_or_default()),
            left: latest.map(|latest| latest.exited.get(&audience.name).copied().unwrap_or_default()),
            evaluated: latest.and_then(|latest| latest.ended),
            run: latest.map(|latest| latest.run.id.as_str()),
            definition: audience.definition.clone(),
            expression: &audience.expression,
            merge_policy: &audience.merge_policy,
        })
        .collect()
}

/// A table of audiences.
pub(crate) fn text(catalogue: &Catalogue, latest: Option<&Found>) -> String {
    let count = |count: Option<u64>| count.map_or_else(|| NOTHING.to_owned(), number);
    let mut table = Table::of(["audience", "#members", "#left", "evaluated", "definition", "expression"]);
    for audience in document(catalogue, latest) {
        table.row([
            audience.name.into(),
            count(audience.members).into(),
            count(audience.left).into(),
            audience.evaluated.map_or_else(|| NOTHING.to_owned(), time).into(),
            audience.definition.into(),
            audience.expression.into(),
        ]);
    }
    let note = match latest {
        Some(_) => String::new(),
        None => format!("{DIM}no run is complete yet: `tributary evaluate --now --wait` starts one{DIM:#}\n"),
    };
    format!("{table}{note}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{self, plain};
    use crate::runs::sample::run;

    #[test]
    fn audiences_in_a_table() {
        insta::assert_snapshot!(plain(&text(&example::catalogue(), Some(&run(true)))));
    }

    #[test]
    fn sizes_are_unknown_before_the_first_run() {
        insta::assert_json_snapshot!(document(&example::catalogue(), None));
    }
}
