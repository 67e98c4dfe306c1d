//! The project's chores: `cargo xtask --help`.

mod emulator;
mod emulators;
mod http;
mod localstack;
mod ministack;
mod process;
mod progress;
mod venv;
mod workspace;

use anyhow::Result;
use clap::Parser;

/// The project's chores. They need Rust and Python 3; everything else they install, pinned, into .venv/.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Start LocalStack and MiniStack, print how to reach them, and leave them running until Ctrl-C
    Emulators,
}

fn main() -> Result<()> {
    process::end_servers_on_interrupt()?;
    match Chore::parse() {
        Chore::Emulators => emulators::run(),
    }
}
