//! `tributary plan`: what an apply would change, before anybody applies it.

mod flips;
mod matrix;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Parser;
use domain::catalogue::{Catalogue, FORMAT, OLDEST_FORMAT};
use domain::profile::day;
use jiff::Timestamp;
use jiff::civil::Date;
use project::Project;

use crate::apply::take_out_withdrawn;
use crate::connection::with_store;
use crate::terminal::Format;
use crate::{FINDINGS, folder};
pub(crate) use report::{Against, Plan};

/// Show what an apply would change, and change nothing
///
/// The project is held against the catalogue in force, or against another folder or a catalogue's file, so that it
/// works without a deployment. Every audience is judged for every destination as of today, whether a dataflow brings it
/// there or not, and what the change of labels, contracts and policies would block or free is told with its reasons.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary plan examples/securfinancial
  tributary plan . --against ../as-it-is-now
  tributary plan . --against catalogue.json --strict --format json

Exit codes: 0 nothing that is allowed now would be blocked; 1 something would be, or (with --strict) anything is, or errors in the project; 2 could not be done.")]
pub(crate) struct Args {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// What to hold it against instead of the catalogue in force: a project's folder, or the file of a catalogue, such
    /// as `tributary catalogue show` prints it
    #[arg(long, value_name = "FOLDER OR FILE")]
    against: Option<PathBuf>,
    /// Exit with 1 if anything is blocked, not only if something is that is allowed now
    #[arg(long)]
    strict: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let project = folder::load(&args.folder)?;
    let today = day(Timestamp::now());
    if let Some(path) = &args.against {
        let before = read(path, today)?;
        return show(args, &project, Some(&before), Against::Path(path), today);
    }
    with_store(async |store| {
        let Some(in_force) = store.catalogue().await? else {
            return show(args, &project, None, Against::Nothing, today);
        };
        let mut before = Catalogue::clone(&in_force.catalogue);
        take_out_withdrawn(store, &mut before).await?;
        show(args, &project, Some(&before), Against::InForce(in_force.sequence), today)
    })
}

fn show(
    args: &Args,
    project: &Project,
    before: Option<&Catalogue>,
    against: Against<'_>,
    today: Date,
) -> Result<ExitCode> {
    let after = project.compile(before, today)?.catalogue;
    let plan = Plan::of(against, before, &after, project.warnings(), today);
    plan.print(args.format)?;
    let is_found = plan.blocks_what_is_allowed() || (args.strict && plan.blocks_anything());
    Ok(if is_found { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
}

/// The catalogue of a project's folder, or of a file.
fn read(path: &Path, today: Date) -> Result<Catalogue> {
    if path.is_dir() {
        // What is wrong with that one is no error of the project that is planned.
        let compiled = folder::load(path)
            .and_then(|project| Ok(project.compile(None, today)?))
            .map_err(|error| anyhow!("`{}` cannot be held against: {error:#}", path.display()))?;
        return Ok(compiled.catalogue);
    }
    let bytes = fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let catalogue: Catalogue = serde_json::from_slice(&bytes)
        .with_context(|| format!("`{}` is neither a project's folder nor a catalogue", path.display()))?;
    ensure!(
        catalogue.is_of_known_form(),
        "`{}` is a catalogue of form {}, and this build reads forms {OLDEST_FORMAT} to {FORMAT}",
        path.display(),
        catalogue.format
    );
    Ok(catalogue)
}
