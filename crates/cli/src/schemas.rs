//! `tributary project`: what the files of a project may say.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::table::Table;
use crate::terminal::print;

/// What the files of a project may say
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Schemas(Args),
}

/// Write the JSON Schemas of all kinds of files, by which editors complete keys and underline mistakes
///
/// They are made from what reads the files. An editor is told once which schema is for which files, as the table has it; for
/// VS Code that is `"yaml.schemas": {"<dir>/audience.json": "audiences/*.yaml", ...}` in its settings.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary project schemas --out .schemas

Exit codes: 0 written; 2 the folder cannot be written to.")]
pub(crate) struct Args {
    /// The folder that they are written to
    #[arg(long)]
    out: PathBuf,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    let Command::Schemas(Args { out }) = command;
    fs::create_dir_all(out).with_context(|| format!("`{}` cannot be made", out.display()))?;
    let mut table = Table::of(["schema", "files"]);
    for schema in project::schemas() {
        let file = out.join(format!("{}.json", schema.name));
        let text = format!("{}\n", serde_json::to_string_pretty(&schema.document)?);
        fs::write(&file, text).with_context(|| format!("`{}` cannot be written", file.display()))?;
        table.row([file.display().into(), schema.files.into()]);
    }
    print!("{table}");
    Ok(ExitCode::SUCCESS)
}
