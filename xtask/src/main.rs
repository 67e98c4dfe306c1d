//! The project's chores: `cargo xtask --help`.

mod bench;
mod browser;
mod demo;
mod deploy;
mod emulator;
mod emulators;
mod functions;
mod http;
mod lint;
mod localstack;
mod ministack;
mod npm;
mod process;
mod progress;
mod stack;
mod style;
mod test;
mod venv;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// The project's chores. They need Rust and Python 3; everything else they install, pinned, into .venv/.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Play the example's story on this machine, against real triggers, and check what came of it
    Demo(demo::Options),
    /// Check formatting, clippy, dependencies (bans, licences, sources) and the template
    Lint,
    /// Start both emulators, deploy, and run every test
    Test(test::Options),
    /// Start both emulators, print how to reach them, and leave them running until Ctrl-C
    Emulators,
    /// Build the functions, deploy them on an emulator that runs already, and print how to reach them
    Deploy(deploy::Options),
    /// Measure, on this machine
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    match process::end_all_on_interrupt().and_then(|()| run(Chore::parse())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The causes, without the backtrace that a debugging variable in the environment would add.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<()> {
    match chore {
        Chore::Demo(options) => demo::run(&options),
        Chore::Lint => lint::run(),
        Chore::Test(options) => test::run(&options),
        Chore::Emulators => emulators::run(),
        Chore::Deploy(options) => deploy::run(options),
        Chore::Bench(bench) => bench::run(&bench),
    }
}
