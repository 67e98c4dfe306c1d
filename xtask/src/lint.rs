//! `cargo xtask lint`: everything that can be said of the code without running it.

use std::process::Command;

use anyhow::Result;

use crate::venv::Venv;
use crate::{process, progress, workspace};

/// Formatting, clippy, what may be depended on, and the templates.
pub fn run() -> Result<()> {
    let tools = Venv::tools()?;
    check("formatting", cargo().args(["fmt", "--all", "--check"]))?;
    check(
        "clippy",
        cargo()
            .args(["clippy", "--workspace", "--all-targets", "--all-features", "--locked", "--quiet"])
            .args(["--", "--deny", "warnings"]),
    )?;
    // It is no part of the workspace, and would not be heard of when what it measures changes.
    check(
        "clippy of the bench",
        cargo()
            .args(["clippy", "--manifest-path", "bench/audiences/Cargo.toml", "--locked", "--quiet"])
            .arg("--target-dir")
            .arg(workspace::target().join("bench"))
            .args(["--", "--deny", "warnings"]),
    )?;
    // The advisory database is not asked here: it must be fetched, and changes under the same commit.
    check(
        "dependencies",
        tools
            .command("cargo-deny")
            .args(["--all-features", "--locked", "check", "--hide-inclusion-graph"])
            .args(["bans", "licenses", "sources"]),
    )?;
    check("templates", tools.command("cfn-lint").args(["infra/template.yaml", "infra/firewall.yaml"]))
}

fn cargo() -> Command {
    Command::new("cargo")
}

fn check(name: &str, command: &mut Command) -> Result<()> {
    progress::step(name, || process::run(command.current_dir(workspace::root())))
}
