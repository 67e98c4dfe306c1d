//! `tributary audience test`: the example profiles of a project's audiences, tried.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use project::Tried;
use serde_json::{Value, json};

use crate::table::{Cell, Table};
use crate::terminal::{self, DIM, Format, GREEN, RED, count, print};
use crate::{FINDINGS, folder};

use super::reason;

/// Try the example profiles that audiences carry: who is expected to be in one, and who is not
///
/// An audience's file may have `examples`, each with a `profile`, with `in: true` or `in: false`, a `name`, and `now` where
/// the answer depends on the time. `tributary validate` tries them too.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary audience test examples/securfinancial
  tributary audience test examples/securfinancial --format json

Exit codes: 0 every profile is where it is expected; 1 one is not, or the project has errors; 2 the folder cannot be read.")]
pub(crate) struct Args {
    /// The project's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let tried = folder::try_examples(&args.folder)?;
    match args.format {
        Format::Json => terminal::print_json(&tried.iter().map(document).collect::<Vec<_>>())?,
        Format::Text => print!("{}", text(&tried)),
    }
    let is_right = tried.iter().all(Tried::is_as_expected);
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

fn document(tried: &Tried) -> Value {
    let mut document = json!({
        "audience": tried.audience,
        "example": tried.example,
        "file": tried.file,
        "line": tried.line(),
        "expected": tried.expected,
        "result": tried.reason.as_ref().ok().map(|reason| reason.holds),
    });
    let (name, value) = match &tried.reason {
        Ok(reason) => ("reason", reason.to_json()),
        Err(error) => ("error", error.to_string().into()),
    };
    if let Value::Object(members) = &mut document {
        members.insert(name.to_owned(), value);
    }
    document
}

fn text(tried: &[Tried]) -> String {
    let place = |is_in: bool| if is_in { "in" } else { "out" };
    let mut table = Table::of(["audience", "example", "expected", "found"]);
    for each in tried {
        let found = each.reason.as_ref().map_or("no answer", |reason| place(reason.holds));
        let style = if each.is_as_expected() { GREEN } else { RED };
        table.row([
            (&each.audience).into(),
            (&each.example).into(),
            place(each.expected).into(),
            Cell::styled(found, style),
        ]);
    }
    let mut text = table.to_string();
    for each in tried.iter().filter(|each| !each.is_as_expected()) {
        let why = match &each.reason {
            Ok(reason) => reason::tree(reason),
            Err(error) => format!("{error}\n"),
        };
        let Tried { audience, example, file, .. } = each;
        text.push_str(&format!("\n{audience}: {example} {DIM}({file}:{}){DIM:#}\n{why}", each.line()));
    }
    let wrong = tried.iter().filter(|each| !each.is_as_expected()).count();
    text.push_str(&match (tried.len(), wrong) {
        (0, _) => "no audience has examples\n".to_owned(),
        (all, 0) => format!("\n{GREEN}{} as expected{GREEN:#}\n", count(all, "example")),
        (all, wrong) => format!("\n{RED}{wrong} of {} not as expected{RED:#}\n", count(all, "example")),
    });
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::example::{self, plain};

    const AUDIENCE: &str = "audiences/high_earning_homeowner_prospects.yaml";

    #[test]
    fn the_examples_of_the_example_are_as_expected() {
        let tried = folder::try_examples(&example::folder()).unwrap();
        assert!(tried.len() >= 4 && tried.iter().all(Tried::is_as_expected), "{}", plain(&text(&tried)));
    }

    #[test]
    fn what_is_not_as_expected_is_told_with_its_reason() {
        let folder = example::copy();
        let audience = fs::read_to_string(folder.path().join(AUDIENCE)).unwrap();
        fs::write(folder.path().join(AUDIENCE), audience.replace("\"over_1m\"", "\"over_2m\"")).unwrap();
        let schema = folder.path().join("schemas/partner_enrichment.yaml");
        fs::write(&schema, fs::read_to_string(&schema).unwrap().replace("over_1m", "over_1m, over_2m"))
            .unwrap();
        let tried = folder::try_examples(folder.path()).unwrap();
        insta::assert_snapshot!(plain(&text(&tried)));
        insta::assert_json_snapshot!(document(&tried[0]));
    }
}
