//! `tributary validate`: checks a project as a whole, and says everything that is wrong with it at once.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use domain::audience::Evaluation;
use domain::catalogue::Catalogue;
use domain::profile::day;
use domain::refusal::Refusal;
use jiff::Timestamp;
use project::{Problem, Problems};
use serde::Serialize;

use crate::apply::refusals;
use crate::refusal::{Blocked, CuresOf};
use crate::terminal::{self, Format, GREEN, RED, count, println};
use crate::{FINDINGS, folder, refusal};

/// Check a project's folder as a whole, without touching anything
///
/// Every error is shown at once, with file, line, what was found and what was expected. A dataflow or an offer that
/// policies or contracts refuse is no error: it is shown, and would be applied BLOCKED.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary validate examples/securfinancial
  tributary validate examples/securfinancial --format json

Exit codes: 0 no errors; 1 errors; 2 the folder cannot be read.")]
pub(crate) struct Args {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// The result, for programs.
#[derive(Serialize)]
struct Report<'a> {
    valid: bool,
    errors: Vec<&'a Problem>,
    warnings: &'a [Problem],
    blocked: Vec<&'a Refusal>,
    /// What would cure each use that is blocked.
    cures: Vec<CuresOf<'a>>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let project = match folder::load(&args.folder) {
        Ok(project) => project,
        Err(error) => return refuse(args, &error.downcast::<Problems>()?),
    };
    let catalogue = folder::catalogue(&project)?;
    let warnings = project.warnings();
    let uses = refusal::blocked(&catalogue, refusals(&catalogue), day(Timestamp::now()));
    match args.format {
        Format::Json => {
            let (blocked, cures) =
                (refusals(&catalogue).collect(), uses.iter().map(Blocked::document).collect());
            terminal::print_json(&Report { valid: true, errors: Vec::new(), warnings, blocked, cures })?;
        }
        Format::Text => {
            let blocked: String = uses.iter().map(Blocked::text).collect();
            let valid = format!("{GREEN}valid{GREEN:#}: {}\n", summary(&catalogue));
            terminal::print_report(warnings, &(blocked + &valid));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn refuse(args: &Args, problems: &Problems) -> Result<ExitCode> {
    match args.format {
        Format::Json => print_invalid(problems)?,
        Format::Text => {
            terminal::print_problems(problems);
            println!("{RED}not valid{RED:#}: {}", count(problems.iter().count(), "error"));
        }
    }
    Ok(ExitCode::from(FINDINGS))
}

/// Prints everything that is wrong with a project for programs, whichever command has found it.
pub(crate) fn print_invalid(problems: &Problems) -> Result<()> {
    let errors = problems.iter().collect();
    let report = Report { valid: false, errors, warnings: &[], blocked: Vec::new(), cures: Vec::new() };
    terminal::print_json(&report)
}

/// How many audiences there are, and how many of them are evaluated while a page waits.
fn audiences(catalogue: &Catalogue) -> String {
    let of_edge = catalogue.audiences.values().filter(|audience| audience.evaluation == Evaluation::Edge);
    match (count(catalogue.audiences.len(), "audience"), of_edge.count()) {
        (all, 0) => all,
        (all, of_edge) => format!("{all} ({of_edge} at the edge)"),
    }
}

fn summary(catalogue: &Catalogue) -> String {
    let mut counts = vec![
        count(catalogue.schemas.len(), "schema"),
        count(catalogue.datasets.len(), "dataset"),
        audiences(catalogue),
        count(catalogue.destinations.len(), "destination"),
        count(catalogue.dataflows.len(), "dataflow"),
    ];
    if !catalogue.datastreams.is_empty() {
        counts.push(count(catalogue.datastreams.len(), "datastream"));
        counts.push(count(catalogue.offers.len(), "offer"));
    }
    counts.join(", ")
}
