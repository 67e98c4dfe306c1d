//! Where the time goes.

use std::time::{Duration, Instant};

use anstream::println;
use anyhow::Result;

use crate::style::{BOLD, heading};

/// What is waited for is not what takes time: the summary states it apart.
pub const SCHEDULE: &str = "waiting for the schedule";

/// How long each part took.
pub struct Times {
    started: Instant,
    parts: Vec<(&'static str, Duration)>,
}

impl Times {
    /// Begins to count.
    pub fn start() -> Self {
        Self { started: Instant::now(), parts: Vec::new() }
    }

    /// Does a part of the work, and counts it.
    pub fn of<T>(&mut self, part: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let done = work();
        self.parts.push((part, started.elapsed()));
        done
    }

    /// Prints each part, and all of them.
    pub fn show(&self) {
        heading("Where the time went");
        for (part, time) in &self.parts {
            println!("  {part:<44}{:>8.1} s", time.as_secs_f64());
        }
        let waited: Duration =
            self.parts.iter().filter(|(part, _)| *part == SCHEDULE).map(|(_, time)| *time).sum();
        let total = self.started.elapsed().as_secs_f64();
        let (all, waited) = ("in all", waited.as_secs_f64());
        let of_which =
            if waited > 0.0 { format!(", of which {waited:.1} s {SCHEDULE}") } else { String::new() };
        println!("  {BOLD}{all:<44}{total:>8.1} s{BOLD:#}{of_which}");
    }
}
