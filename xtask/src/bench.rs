//! `cargo xtask bench`: figures of this machine, which no test asserts.

mod audiences;
mod edge;
mod start;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Subcommand;

use crate::{progress, workspace};

/// What is measured.
#[derive(Subcommand)]
pub enum Bench {
    /// The size of each function, and the time from the start of its process to its first poll for work
    Start(start::Start),
    /// The time, processor time and DynamoDB calls that a page view takes at the edge, and the time to its first answer
    Edge(edge::Edge),
    /// The processor time that 100 audiences take, beside DuckDB, polars, the cel crate and json-rules-engine
    Audiences(audiences::Audiences),
}

/// Measures.
pub fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Start(start) => start::run(start),
        Bench::Edge(edge) => edge::run(edge),
        Bench::Audiences(audiences) => audiences::run(audiences),
    }
}

/// Builds functions in a profile, and says in which folder they are then.
fn built(profile: &str, functions: &[&str]) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace::root()).args(["build", "--locked", "--profile", profile]);
    for function in functions {
        cargo.args(["--package", function]);
    }
    progress::cargo("building the functions", &mut cargo)?;
    Ok(workspace::target().join(if profile == "dev" { "debug" } else { profile }))
}
