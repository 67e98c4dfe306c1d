//! `tributary audience explain`: which parts of an expression decided for one profile.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use domain::audience::{Audience, Evaluation};
use domain::catalogue::Catalogue;
use domain::name::AudienceName;
use domain::namespace::NamespaceCode;
use domain::profile::Profile;
use domain::value::Object;
use jiff::Timestamp;
use pql::line::{self, Task};
use project::{Somebody, explain};
use serde_json::json;

use crate::connection::{in_force, with_store};
use crate::json_lines::{self, Input};
use crate::terminal::{self, BOLD, Format, count, print, println};
use crate::{FINDINGS, folder, profile};

use super::{named, reason};

/// Show why somebody is in an audience, or is not: which parts of its expression decided
///
/// Of `and` and `or` those operands are shown that settle the answer, and all where none does; of a quantifier the item that
/// it found, or those that it tried. What is not shown could come to anything, and the answer would be the same.
///
/// With `--profile`, an audience of a project is asked about a profile in a file: one JSON object of attributes, which may hold
/// events as `xEvent` and memberships as `segmentMembership`; without memberships, audiences that are referred to are
/// evaluated too. Fields and values that no schema has are errors, as in an audience's `examples`. With `--namespace` and `--value`, a batch audience of the catalogue in force is asked about a stored profile.
/// Without any of these, JSON lines are read as `tributary pql eval` reads them, and each is answered on a line.
#[derive(Debug, Parser)]
#[command(after_help = r#"Examples:
  tributary audience explain high_earning_homeowner_prospects examples/securfinancial --profile bobby.json
  tributary audience explain high_earning_homeowner_prospects --namespace Email --value bobby.bank@example.com
  tributary audience explain cases.jsonl
  echo '{"id": 1, "expression": "age > 30 and (optIn or plan = \"gold\")", "profile": {"age": 40}}' |
    tributary audience explain

The answer to the last one:
  {"id":1,"reason":{"because":[{"because":[{"expression":"optIn","span":[14,19],"value":null},
   {"expression":"plan = \"gold\"","read":{"plan":null},"span":[23,36],"value":false}],"expression":"optIn or plan = \"gold\"",
   "span":[13,37],"value":false}],"expression":"age > 30 and (optIn or plan = \"gold\")","span":[0,37],"value":false},"result":false}

Exit codes: 0 answered, whatever the answer is; 1 no profile has this identity, or errors in the project or the profile; 2 could not be done."#)]
pub(crate) struct Args {
    /// The audience's name; or the file of JSON lines, standard input without it or with `-`
    #[arg(value_name = "NAME|FILE")]
    subject: Option<String>,
    /// The project's folder, with `--profile`
    #[arg(requires = "profile", default_value = ".")]
    folder: PathBuf,
    /// The file of a profile: one JSON object; standard input with `-`
    #[arg(long, conflicts_with_all = ["namespace", "value"])]
    profile: Option<PathBuf>,
    /// The namespace of an identity of a stored profile
    #[arg(long, requires = "value")]
    namespace: Option<NamespaceCode>,
    /// The identity
    #[arg(long, requires = "namespace")]
    value: Option<String>,
    /// The instant of evaluation (RFC 3339); by default that of the command's start
    #[arg(long)]
    now: Option<Timestamp>,
    /// How the result is printed; lines are always answered in JSON
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let now = args.now.unwrap_or_else(Timestamp::now);
    match (&args.profile, &args.namespace, &args.value) {
        (Some(file), ..) => of_file(args, file, now),
        (None, Some(namespace), Some(value)) => of_store(args, namespace, value, now),
        _ => of_lines(args, now),
    }
}

fn of_lines(args: &Args, now: Timestamp) -> Result<ExitCode> {
    let subject = args.subject.as_deref();
    let is_name = |subject: &str| subject.parse::<AudienceName>().is_ok() && !Path::new(subject).exists();
    if let Some(name) = subject.filter(|subject| is_name(subject)) {
        bail!(
            "there is no file `{name}`: to ask about an audience of that name, say about whom, with `--profile`, or \
             with `--namespace` and `--value`"
        );
    }
    json_lines::each(&Input::of(subject.map(PathBuf::from)), |number, line| {
        Ok(line::answer(number, line, Task::Explain, now).to_string().into_bytes())
    })
}

impl Args {
    fn audience(&self) -> Result<AudienceName> {
        let name = self.subject.as_deref().context("the name of an audience is missing")?;
        Ok(name.parse()?)
    }
}

fn of_file(args: &Args, file: &Path, now: Timestamp) -> Result<ExitCode> {
    let text = read(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    // Some programs begin a file with a byte order mark.
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text);
    let profile: serde_json::Value =
        serde_json::from_slice(text).with_context(|| format!("`{}` is no JSON", file.display()))?;
    let serde_json::Value::Object(members) = &profile else {
        bail!("`{}` is no profile: expected one JSON object of attributes", file.display());
    };
    let project = folder::load(&args.folder)?;
    project.check_profile(&file.display().to_string(), &profile)?;
    let catalogue = folder::catalogue(&project)?;
    tell(args, &catalogue, &[&domain::value::object_from_json(members)], now)
}

/// A file, or standard input as `-`.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return fs::read(file);
    }
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text)?;
    Ok(text)
}

fn of_store(args: &Args, namespace: &NamespaceCode, value: &str, now: Timestamp) -> Result<ExitCode> {
    with_store(async |store| {
        let catalogue = in_force(store).await?.catalogue;
        let profiles = profile::find(store, &catalogue, namespace, value, now).await?;
        if profiles.is_empty() {
            let error = anyhow::anyhow!("no profile has this identity of namespace `{namespace}`");
            terminal::print_error(&error);
            return Ok(ExitCode::from(FINDINGS));
        }
        let evaluation = named(&catalogue, &args.audience()?)?.evaluation;
        ensure!(
            evaluation == Evaluation::Batch,
            "edge audiences look at what a visitor did, which no stored profile tells: use `--profile`"
        );
        let stored: Vec<_> =
            profiles.iter().map(|profile| Stored { profile, catalogue: &catalogue, now }).collect();
        let somebodies: Vec<&dyn Somebody> = stored.iter().map(|each| each as &dyn Somebody).collect();
        tell(args, &catalogue, &somebodies, now)
    })
}

/// A stored profile, as evaluate sees it.
struct Stored<'a> {
    profile: &'a Profile,
    catalogue: &'a Catalogue,
    now: Timestamp,
}

impl Somebody for Stored<'_> {
    fn profile(&self, audience: &Audience) -> Object {
        let policy = self.catalogue.merge_policies.get(&audience.merge_policy);
        policy.map_or_else(Object::new, |policy| {
            self.profile.merged(self.catalogue, policy, self.now).attributes
        })
    }

    fn is_member(&self, audience: &AudienceName) -> Option<bool> {
        let audience = self.catalogue.audiences.get(audience)?;
        (audience.evaluation == Evaluation::Edge)
            .then(|| self.profile.is_in_at_edge(&audience.name, &audience.definition))
    }
}

fn tell(
    args: &Args,
    catalogue: &Catalogue,
    somebodies: &[&dyn Somebody],
    now: Timestamp,
) -> Result<ExitCode> {
    let audience = named(catalogue, &args.audience()?)?;
    if somebodies.len() > 1 && args.format == Format::Text {
        println!("{} have this identity, which links nobody:\n", count(somebodies.len(), "profile"));
    }
    let mut documents = Vec::new();
    for somebody in somebodies {
        let reason = explain(catalogue, audience, *somebody, now)?;
        match args.format {
            Format::Json => documents.push(
                json!({ "audience": audience.name, "result": reason.holds, "reason": reason.to_json() }),
            ),
            Format::Text => {
                let place = if reason.holds { "in" } else { "not in" };
                print!("{place} {BOLD}{}{BOLD:#}\n{}", audience.name, reason::tree(&reason));
            }
        }
    }
    match (args.format, documents.as_slice()) {
        (Format::Text, _) => {}
        (Format::Json, [only]) => terminal::print_json(only)?,
        (Format::Json, several) => terminal::print_json(&several)?,
    }
    Ok(ExitCode::SUCCESS)
}
