//! What people see: colours on a terminal only, and one way to print each kind of thing.

use std::fmt::Arguments;
use std::io::Write;
use std::process;

use anstream::eprintln;
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use project::{Problem, Problems};
use serde::Serialize;

pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const GREEN: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// Writes to standard output. Where that takes no more, nobody reads what would follow: the command ends, as one that
/// cannot do its work.
pub(crate) fn write_out(text: Arguments<'_>) {
    if let Err(error) = anstream::stdout().write_fmt(text) {
        eprintln!("{RED}error{RED:#}: standard output cannot be written: {error}");
        process::exit(2);
    }
}

macro_rules! print_out {
    ($($text:tt)*) => { $crate::terminal::write_out(format_args!($($text)*)) };
}

macro_rules! print_line {
    ($($text:tt)*) => { $crate::terminal::write_out(format_args!("{}\n", format_args!($($text)*))) };
}

pub(crate) use {print_line as println, print_out as print};

/// How a command's result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON document on standard output, for programs.
    Json,
}

/// Prints a document for programs.
pub(crate) fn print_json(document: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(document)?);
    Ok(())
}

/// Prints why a command could not do its work.
pub(crate) fn print_error(error: &anyhow::Error) {
    eprintln!("{RED}error{RED:#}: {error:#}");
}

/// Prints everything that is wrong with a project.
pub(crate) fn print_problems(problems: &Problems) {
    for problem in problems.iter() {
        print_problem("error", RED, problem);
    }
}

/// Prints one thing that is wrong or deserves a look, and below it what to do.
pub(crate) fn print_problem(kind: &str, style: Style, problem: &Problem) {
    let Problem { file, line, column, message, help } = problem;
    eprintln!("{style}{kind}{style:#}: {BOLD}{file}:{line}:{column}{BOLD:#}: {message}");
    if let Some(help) = help {
        eprintln!("  {DIM}help:{DIM:#} {help}");
    }
}

/// Prints a report for people; what deserves a look stands beside it.
pub(crate) fn print_report(warnings: &[Problem], text: &str) {
    for warning in warnings {
        print_problem("warning", YELLOW, warning);
    }
    print!("{text}");
}

/// `1 row`, `2 rows`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
