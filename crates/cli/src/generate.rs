//! `tributary generate`: synthetic customers, and a partner's answers, for any dataset of a project.
//!
//! Every value is a function of the seed and of whom it is about, so that equal commands write equal files, and the
//! second answer can differ from the first in exactly the rows that it should. Nobody in them exists.

mod answer;
mod audiences;
mod breakage;
mod customers;
mod draw;
mod file;
mod person;
mod plan;
mod record;
mod share;
mod sink;
mod star;
mod summary;
#[cfg(test)]
mod tests;
mod values;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use domain::catalogue::Catalogue;
use domain::dataset::Dataset;
use domain::schema::Schema;

use crate::folder;
use crate::terminal::Format;
use audiences::Audiences;
use draw::Draw;
use plan::Shares;

/// Write synthetic data for a dataset of a project, as many rows as you like
///
/// Equal seeds write equal files. One person is always there: Bobby Bank, bobby.bank@example.com, whose data makes him
/// a member of the project's audiences.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Customers(customers::Args),
    Answer(answer::Args),
}

/// What both kinds of files ask for.
#[derive(Debug, Parser)]
struct Common {
    /// The project's folder
    #[arg(long, default_value = ".")]
    project: PathBuf,
    /// The dataset that the file is for
    #[arg(long)]
    dataset: String,
    /// Chooses everything that is left to chance
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// The file to write, in place of what is there; `-` for standard output
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    shares: Shares,
    /// How the summary is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let (summary, common) = match &args.what {
        What::Customers(args) => (customers::write(args)?, &args.common),
        What::Answer(args) => (answer::write(args)?, &args.common),
    };
    summary.print(&common.out, common.format)?;
    Ok(ExitCode::SUCCESS)
}

/// What a file is written from.
struct Setting<'a> {
    catalogue: &'a Catalogue,
    dataset: &'a Dataset,
    schema: &'a Schema,
    audiences: Audiences<'a>,
    draw: Draw,
}

impl Common {
    fn catalogue(&self) -> Result<Catalogue> {
        folder::catalogue(&folder::load(&self.project)?)
    }

    fn setting<'a>(&self, catalogue: &'a Catalogue) -> Result<Setting<'a>> {
        let known: Vec<_> = catalogue.datasets.keys().map(|name| format!("`{name}`")).collect();
        let name = self.dataset.parse()?;
        let dataset = catalogue.datasets.get(&name).with_context(|| {
            format!("`{name}` is no dataset of the project: expected one of {}", known.join(", "))
        })?;
        let schema = catalogue.schemas.get(&dataset.schema).context("a dataset has a schema")?;
        let audiences = Audiences::of(catalogue)?;
        Ok(Setting { catalogue, dataset, schema, audiences, draw: Draw::of(self.seed) })
    }
}
