//! What a person sees while a step runs.

use std::io::IsTerminal;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::ProgressBar;

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

/// Runs cargo under its own progress bar, or silently where nobody watches, and leaves one line with its time.
pub fn cargo(name: &str, cargo: &mut Command) -> Result<()> {
    if std::io::stderr().is_terminal() {
        timed(name, || process::show(cargo))
    } else {
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
