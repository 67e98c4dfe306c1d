//! What a person sees while a step runs.

use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::ProgressBar;

/// Runs a step under a spinner, and leaves one line with its time.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let spinner = ProgressBar::new_spinner().with_message(name.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(100));
    let done = work();
    spinner.finish_and_clear();
    let mark = if done.is_ok() { "done" } else { "FAILED" };
    eprintln!("{mark:>6} {name} ({:.1} s)", started.elapsed().as_secs_f64());
    done
}
