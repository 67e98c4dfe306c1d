//! The `tributary` command: works on project files, reads the store, and starts flows only by the same messages as
//! everyone else.
//!
//! One module per command: its arguments, and a `run` that answers the exit code.

mod apply;
mod audience;
mod audiences;
mod audit;
mod batches;
mod catalogue;
mod connection;
mod dataflows;
mod deliveries;
mod ending;
mod evaluate;
mod events;
#[cfg(test)]
mod example;
mod expression;
mod folder;
mod generate;
mod graph;
mod json_lines;
mod migrate;
mod offers;
mod plan;
mod policy;
mod privacy;
mod profile;
mod refusal;
mod runs;
mod schema;
mod schemas;
mod table;
mod terminal;
mod validate;
mod words;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use terminal::Format;

/// The work was done, and something is wrong with what it looked at.
const FINDINGS: u8 = 1;
/// The work could not be done: wrong arguments, or a file or a service that cannot be reached.
const FAILED: u8 = 2;

/// Partner data for known customers, governed by contracts and policies, brought to where it may go.
#[derive(Debug, Parser)]
#[command(
    name = "tributary",
    version,
    after_help = "Exit codes: 0 done; 1 done, and something is wrong with what was looked at; 2 could not be done."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(validate::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Rollback(catalogue::RollbackArgs),
    Catalogue(catalogue::Args),
    Audit(audit::Args),
    Batches(batches::ListArgs),
    #[command(subcommand)]
    Batch(batches::BatchCommand),
    #[command(subcommand)]
    Profile(profile::Command),
    Evaluate(evaluate::Args),
    Runs(runs::Args),
    Audiences(audiences::Args),
    #[command(subcommand)]
    Audience(audience::Command),
    Dataflows(dataflows::ListArgs),
    #[command(subcommand)]
    Dataflow(dataflows::DataflowCommand),
    #[command(subcommand)]
    Deliveries(deliveries::ListCommand),
    #[command(subcommand)]
    Delivery(deliveries::DecideCommand),
    #[command(subcommand)]
    Dataset(ending::DatasetCommand),
    #[command(subcommand)]
    Partner(ending::PartnerCommand),
    Generate(generate::Args),
    Migrate(migrate::Args),
    Offers(offers::Args),
    #[command(subcommand)]
    Events(events::Command),
    #[command(subcommand)]
    Graph(graph::Command),
    #[command(subcommand)]
    Policy(policy::Command),
    #[command(subcommand)]
    Privacy(privacy::Command),
    #[command(subcommand)]
    Schema(schema::Command),
    #[command(subcommand)]
    Pql(expression::Command),
    #[command(subcommand)]
    Project(schemas::Command),
}

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let outcome = match cli.command {
        Command::Validate(args) => validate::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Apply(args) => apply::run(&args),
        Command::Rollback(args) => catalogue::rollback(&args),
        Command::Catalogue(args) => catalogue::list(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Batches(args) => batches::list(&args),
        Command::Batch(command) => batches::one(&command),
        Command::Profile(command) => profile::run(&command),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Audiences(args) => audiences::run(&args),
        Command::Audience(command) => audience::run(&command),
        Command::Dataflows(args) => dataflows::list(&args),
        Command::Dataflow(command) => dataflows::show(&command),
        Command::Deliveries(command) => deliveries::unknown(&command),
        Command::Delivery(command) => deliveries::decide(&command),
        Command::Dataset(command) => ending::dataset(&command),
        Command::Partner(command) => ending::partner(&command),
        Command::Generate(args) => generate::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Offers(args) => offers::run(&args),
        Command::Events(command) => events::run(&command),
        Command::Graph(command) => graph::run(&command),
        Command::Policy(command) => policy::run(&command),
        Command::Privacy(command) => privacy::run(&command),
        Command::Schema(command) => schema::run(&command),
        Command::Pql(command) => expression::run(&command),
        Command::Project(command) => schemas::run(&command),
    };
    let outcome = outcome.or_else(|error| {
        let problems = error.downcast::<project::Problems>()?;
        match format(&matches) {
            Format::Json => validate::print_invalid(&problems)?,
            Format::Text => terminal::print_problems(&problems),
        }
        Ok(ExitCode::from(FINDINGS))
    });
    outcome.unwrap_or_else(|error: anyhow::Error| {
        terminal::print_error(&error);
        ExitCode::from(FAILED)
    })
}

/// How the result of the command is printed that was asked for.
fn format(matches: &ArgMatches) -> Format {
    let mut command = matches;
    while let Some((_, sub)) = command.subcommand() {
        command = sub;
    }
    let format = command.try_get_one::<Format>("format").ok().flatten();
    format.copied().unwrap_or(Format::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_hold_together() {
        Cli::command().debug_assert();
    }
}
