//! The Lambda functions, built for this machine and zipped where the template looks for them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::venv::Venv;
use crate::{process, progress, workspace};

/// Every function: a package in `functions/`, a binary and a resource of the template.
pub const FUNCTIONS: [&str; 5] = ["ingest", "evaluate", "dispatch", "activate", "edge"];

/// Builds all functions in the profile that is quick to build, and with them the command line, the stand-in for Facebook and the example's shop: apart, each would have
/// its dependencies built anew.
/// For AWS itself `cargo lambda build` does it, which knows its machines and its C library; here the functions run where they are built.
pub fn build() -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace::root()).args(["build", "--locked", "--profile", "fast"]);
    for package in FUNCTIONS.into_iter().chain(["cli", "tests"]) {
        cargo.args(["--package", package]);
    }
    progress::cargo("building the functions", &mut cargo)?;
    let tools = Venv::tools()?;
    FUNCTIONS.iter().try_for_each(|function| zip(&tools, function))
}

/// The command line, as [`build`] leaves it.
pub fn command_line() -> PathBuf {
    workspace::target().join("fast/tributary")
}

/// The stand-in for Facebook, as [`build`] leaves it.
pub fn stand_in() -> PathBuf {
    workspace::target().join("fast/graph-api")
}

/// The example's shop, as [`build`] leaves it.
pub fn shop() -> PathBuf {
    workspace::target().join("fast/shop")
}

/// Puts a function into a zip, under the name that Lambda starts.
fn zip(tools: &Venv, function: &str) -> Result<()> {
    let folder = workspace::root().join("target/lambda").join(function);
    fs::create_dir_all(&folder)?;
    fs::copy(workspace::target().join("fast").join(function), folder.join("bootstrap"))?;
    let mut zip = tools.command("python");
    process::run(zip.current_dir(folder).args(["-m", "zipfile", "--create", "bootstrap.zip", "bootstrap"]))
}
