//! `tributary audience list` and `tributary audience show`: the audiences of a project, and in which ways each can be
//! evaluated.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use domain::audience::{Audience, Evaluation};
use domain::catalogue::Catalogue;
use domain::name::AudienceName;
use pql::{Eligibility, Error};
use project::eligibility;
use serde_json::{Value, json};

use crate::folder;
use crate::table::{Cell, Table, card};
use crate::terminal::{self, DIM, Format, GREEN, YELLOW, print};
use crate::words::listed;

use super::named;

/// List a project's audiences, and in which ways each can be evaluated
///
/// `batch` is on schedule, `edge` while a visitor's page waits, both as an audience's `evaluation` says; `streaming` is on
/// arrival, by the documented rules, and no audience is evaluated so yet.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary audience list examples/home-improvement
  tributary audience list examples/home-improvement --format json

Exit codes: 0 listed; 1 the project has errors; 2 the folder cannot be read.")]
pub(crate) struct ListArgs {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Show one of a project's audiences: what it reads, and why it cannot be evaluated in some way
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary audience show movers_without_order examples/home-improvement

Exit codes: 0 shown; 1 the project has errors; 2 there is no such audience, or the folder cannot be read.")]
pub(crate) struct ShowArgs {
    /// The audience's name
    name: AudienceName,
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn list(args: &ListArgs) -> Result<ExitCode> {
    let catalogue = folder::catalogue(&folder::load(&args.folder)?)?;
    match args.format {
        Format::Json => {
            let documents = catalogue.audiences.values().map(|audience| document(&catalogue, audience));
            terminal::print_json(&documents.collect::<Result<Vec<_>>>()?)?;
        }
        Format::Text => print!("{}", table(&catalogue)?),
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn show(args: &ShowArgs) -> Result<ExitCode> {
    let catalogue = folder::catalogue(&folder::load(&args.folder)?)?;
    let audience = named(&catalogue, &args.name)?;
    match args.format {
        Format::Json => terminal::print_json(&document(&catalogue, audience)?)?,
        Format::Text => print!("{}", text(&catalogue, audience)?),
    }
    Ok(ExitCode::SUCCESS)
}

/// The ways of evaluation, and what stands against each.
fn ways(eligibility: &Eligibility) -> [(&'static str, &[Error]); 3] {
    let Eligibility { batch, streaming, edge } = eligibility;
    [("batch", batch), ("streaming", streaming), ("edge", edge)]
}

fn evaluation(audience: &Audience) -> &'static str {
    match audience.evaluation {
        Evaluation::Batch => "batch",
        Evaluation::Edge => "edge",
    }
}

fn document(catalogue: &Catalogue, audience: &Audience) -> Result<Value> {
    let eligibility = eligibility(catalogue, audience)?;
    let way = |(way, reasons): (&str, &[Error])| {
        let reasons: Vec<_> = reasons.iter().map(|reason| json!(reason.to_string())).collect();
        (way.to_owned(), json!({ "eligible": reasons.is_empty(), "reasons": reasons }))
    };
    let ways: serde_json::Map<_, _> = ways(&eligibility).into_iter().map(way).collect();
    Ok(json!({
        "name": audience.name,
        "title": audience.title,
        "evaluation": evaluation(audience),
        "expression": audience.expression,
        "merge_policy": audience.merge_policy,
        "reads": audience.reads,
        "refers_to": audience.refers_to,
        "eligibility": ways,
    }))
}

fn table(catalogue: &Catalogue) -> Result<String> {
    let mut table = Table::of(["audience", "evaluation", "batch", "streaming", "edge", "refers to"]);
    for audience in catalogue.audiences.values() {
        let eligibility = eligibility(catalogue, audience)?;
        let [batch, streaming, edge] = ways(&eligibility).map(|(_, reasons)| word(reasons));
        let refers_to = listed(&audience.refers_to);
        table.row([
            (&audience.name).into(),
            evaluation(audience).into(),
            batch,
            streaming,
            edge,
            refers_to.into(),
        ]);
    }
    Ok(table.to_string())
}

fn word(reasons: &[Error]) -> Cell {
    if reasons.is_empty() { Cell::styled("yes", GREEN) } else { Cell::styled("no", YELLOW) }
}

fn text(catalogue: &Catalogue, audience: &Audience) -> Result<String> {
    let eligibility = eligibility(catalogue, audience)?;
    let mut facts = Table::of(["what", "value"]);
    if !audience.description.is_empty() {
        facts.row(["for".into(), (&audience.description).into()]);
    }
    facts.row(["evaluation".into(), evaluation(audience).into()]);
    facts.row(["merge policy".into(), (&audience.merge_policy).into()]);
    facts.row(["reads".into(), listed(&audience.reads).into()]);
    facts.row(["refers to".into(), listed(&audience.refers_to).into()]);
    for (way, reasons) in ways(&eligibility) {
        facts.row([way.into(), word(reasons)]);
        for reason in reasons {
            facts.row(["".into(), Cell::styled(reason.to_string(), DIM)]);
        }
    }
    let body = format!("{}\n{}", audience.expression, facts.body());
    Ok(card(audience.name.as_str(), &audience.title, &body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{self, plain};

    /// Whether each audience of the shop can be evaluated on schedule, on arrival and at the edge.
    #[test]
    fn audiences_are_listed_with_the_ways_in_which_they_can_be_evaluated() {
        let shop = example::shop();
        let table = plain(&table(&shop).unwrap());
        for (name, ways) in [
            ("big_renovators", ["edge", "yes", "yes", "yes"]),
            ("bought_today", ["edge", "no", "yes", "yes"]),
            ("movers_without_order", ["batch", "yes", "yes", "yes"]),
        ] {
            let line = table.lines().find(|line| line.starts_with(name)).unwrap();
            let words: Vec<&str> = line.split_whitespace().skip(1).take(4).collect();
            assert_eq!(words, ways, "{table}");
        }
    }

    #[test]
    fn an_audience_is_shown_with_what_stands_against_a_way() {
        let shop = example::shop();
        let audience = named(&shop, &"bought_today".parse().unwrap()).unwrap();
        let against = "batch audiences do not look at events yet";
        assert!(plain(&text(&shop, audience).unwrap()).contains(against));
        let document = document(&shop, audience).unwrap();
        let batch = &document["eligibility"]["batch"];
        assert_eq!(batch["eligible"], false);
        assert!(batch["reasons"][0].as_str().unwrap().starts_with(against), "{batch}");
        assert_eq!(document["eligibility"]["edge"]["eligible"], true);
    }
}
