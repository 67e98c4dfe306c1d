//! What a person sees while a step runs.

use std::io::IsTerminal;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use crate::process;

/// Runs a step under a spinner, and leaves one line with its time.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let spinner = ProgressBar::new_spinner().with_message(name.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(100));
    timed(name, || {
        let done = work();
        spinner.finish_and_clear();
        done
    })
}

/// Runs a step that says how far it is, under a bar, and leaves one line with its time.
pub fn watch<T>(name: &str, total: u64, work: impl FnOnce(&ProgressBar) -> Result<T>) -> Result<T> {
    let style = ProgressStyle::with_template("{spinner} {msg} [{bar:30}] {human_pos} of {human_len}")?;
    let bar = ProgressBar::new(total).with_style(style).with_message(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    timed(name, || {
        let done = work(&bar);
        bar.finish_and_clear();
        done
    })
}

/// Runs cargo under its own progress bar, or silently where nobody watches, between a line that says what is going on
/// for minutes and one with its time.
pub fn cargo(name: &str, cargo: &mut Command) -> Result<()> {
    if std::io::stderr().is_terminal() {
        timed(name, || process::show(cargo))
    } else {
        eprintln!("{:>6} {name}", "...");
        timed(name, || process::run(cargo.arg("--quiet")))
    }
}

fn timed<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let done = work();
    let mark = if done.is_ok() { "done" } else { "FAILED" };
    eprintln!("{mark:>6} {name} ({:.1} s)", started.elapsed().as_secs_f64());
    done
}
