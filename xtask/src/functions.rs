//! The Lambda functions, built and zipped where the template looks for them.

use std::io::IsTerminal;

use anyhow::Result;

use crate::venv::Venv;
use crate::{process, progress, workspace};

/// Every function: a package in `functions/`, a binary and a resource of the template.
const FUNCTIONS: [&str; 4] = ["ingest", "evaluate", "dispatch", "activate"];

/// Builds all functions for this machine, in the profile that is quick to build.
pub fn build() -> Result<()> {
    let tools = Venv::tools()?;
    let mut cargo = tools.command("cargo-lambda");
    cargo
        .current_dir(workspace::root())
        .args(["lambda", "build", "--locked", "--profile", "fast", "--output-format", "zip"])
        // The machine's own compiler: the functions run here, and need no older C library than the one that is here.
        .args(["--compiler", "cargo", "--lambda-dir"])
        .arg(workspace::root().join("target/lambda"));
    for function in FUNCTIONS {
        cargo.args(["--package", function]);
    }
    if std::io::stderr().is_terminal() {
        return process::show(&mut cargo);
    }
    progress::step("building the functions", || process::run(cargo.arg("--quiet")))
}
