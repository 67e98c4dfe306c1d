//! `tributary pql`: expressions of the Profile Query Language, tried on plain files.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use jiff::Timestamp;
use pql::line::{self, Task};

use crate::json_lines::{self, Input};

/// What expressions of the Profile Query Language answer
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Eval(EvalArgs),
    Check(CheckArgs),
}

/// Evaluate expressions, each on a profile of its own
///
/// Reads JSON lines and answers each on a line of its own. Only `expression` must be there. `format` is "pql/text" or
/// "pql/json"; `as` is "bool", for the answer in boolean position, or "value"; `now` is the instant of evaluation (RFC 3339),
/// by default that of the command's start. A profile needs no schema: types come from its values. It holds its events as
/// `xEvent` and its audiences as `segmentMembership`.
#[derive(Debug, Parser)]
#[command(after_help = r#"Examples:
  tributary pql eval cases.jsonl
  echo '{"id": 1, "expression": "orders[total > ^limit].count()", "as": "value",
    "profile": {"limit": 15, "orders": [{"total": 10}, {"total": 20}]}}' | tr -d '\n' | tributary pql eval
  echo '{"id": 2, "expression": "lastSeen occurs <= 3 days before now", "now": "2026-01-31T12:00:00Z",
    "profile": {"lastSeen": "2026-01-30T00:00:00Z"}}' | tr -d '\n' | tributary pql eval

The answers:
  {"id":1,"result":1}
  {"id":2,"result":true}

What cannot be answered is answered {"id": .., "error": {"kind": "parse_error" | "type_error", "message", "span": [from, to]}};
the span counts characters of the expression.

Exit codes: 0 every line is answered; 2 the input cannot be read."#)]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    input: Input,
}

/// Parse expressions and check their types, without evaluating them
///
/// Reads the lines that `tributary pql eval` reads. An expression that is right is answered with `"result": true`. Types come
/// from the expression, and from the values of a profile where the line has one; other fields may be of any type.
#[derive(Debug, Parser)]
#[command(after_help = r#"Examples:
  tributary pql check cases.jsonl
  echo '{"id": 1, "expression": "name.startWith(\"B\")"}' | tributary pql check

The answer to the latter:
  {"id":1,"error":{"kind":"type_error","message":"no function has the name `startWith`; did you mean `startsWith`?","span":[5,14]}}

Exit codes: 0 every line is answered; 2 the input cannot be read."#)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    input: Input,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    let (task, input) = match command {
        Command::Eval(args) => (Task::Evaluate, &args.input),
        Command::Check(args) => (Task::Check, &args.input),
    };
    let now = Timestamp::now();
    json_lines::each(input, |number, line| Ok(line::answer(number, line, task, now).to_string().into_bytes()))
}
