//! `tributary audience`: audiences, tried on plain files.

mod explain;
mod reason;
mod show;
mod test;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;
use domain::audience::Audience;
use domain::catalogue::Catalogue;
use domain::name::AudienceName;

/// Try audiences, and see why somebody is in one
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Explain(explain::Args),
    List(show::ListArgs),
    Show(show::ShowArgs),
    Test(test::Args),
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Explain(args) => explain::run(args),
        Command::List(args) => show::list(args),
        Command::Show(args) => show::show(args),
        Command::Test(args) => test::run(args),
    }
}

fn named<'a>(catalogue: &'a Catalogue, name: &AudienceName) -> Result<&'a Audience> {
    catalogue.audiences.get(name).with_context(|| {
        let known: Vec<_> = catalogue.audiences.keys().map(|name| format!("`{name}`")).collect();
        format!("there is no audience `{name}`: expected one of {}", known.join(", "))
    })
}
