//! `tributary policy`: data usage policies, tried on plain files.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use domain::governance::evaluation::Request;

use crate::json_lines::{self, Input};

/// What data usage policies allow
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Evaluate(EvaluateArgs),
}

/// Show which policies a marketing action on labelled data would violate
///
/// Reads JSON lines and answers each on a line of its own. Policies and datasets are written as the Policy Service API
/// writes them: a deny expression is {"label": ..} or {"operator": "AND" | "OR", "operands": [..]}, and what is asked
/// about is either `labels` or `entities` (datasets with their `dataSetLabels`; `request_fields`, or the dataset's own
/// `entityMeta.fields`, names the only fields that count). Policies count if they are ENABLED, and with `includeDraft`
/// if they are DRAFT. References to actions are compared by their path behind `marketingActions`, case-sensitively.
/// Whatever else policies say is of no weight; elsewhere a key that is not known is an error, since a misspelt one would
/// have the action allowed.
#[derive(Debug, Parser)]
#[command(after_help = r#"Examples:
  tributary policy evaluate cases.jsonl
  echo '{"id": 1, "action": "/marketingActions/custom/combineData", "labels": ["C3", "I1"], "policies": [
    {"id": "p1", "status": "ENABLED", "marketingActionRefs": ["/marketingActions/custom/combineData"],
     "deny": {"operator": "AND", "operands": [{"label": "C3"}, {"label": "I1"}]}}]}' \
    | tr -d '\n' | tributary policy evaluate

The answer to the latter:
  {"id":1,"duleLabels":["C3","I1"],"violatedPolicies":["p1"],"explanations":[{"policy":"p1","text":"..", ..}]}

A line that cannot be read is answered {"id": ..., "error": {"line", "column", "at", "found", "expected", "message"}}.

Exit codes: 0 every line is answered; 2 the input cannot be read."#)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    input: Input,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Evaluate(args) => json_lines::answer(&args.input, |request: Request| request.evaluate()),
    }
}
