//! `cargo xtask demo`: the stories of the examples, on this machine, against real triggers; and whether they came out as they should.

mod checks;
mod deployed;
mod edge;
mod outcome;
mod reports;
mod stage;
mod story;
mod times;

use anyhow::{Result, bail};
use clap::Args;

use crate::functions;
use outcome::Outcome;
use stage::Stage;
use times::Times;

/// How large, and for how long.
#[derive(Args)]
pub struct Options {
    /// How many customers the bank has, at least 100
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(100..))]
    rows: u64,
    /// Play the visits to a shop instead, whose pages are personal at once, in a headless Chromium
    #[arg(long, conflicts_with = "rows")]
    edge: bool,
    /// Leave everything running until Ctrl-C, and print how to look around
    #[arg(long)]
    keep: bool,
}

/// Plays the story, shows what came of it, and fails if that is not what was to be expected.
pub fn run(options: &Options) -> Result<()> {
    if options.edge {
        return edge::run(options.keep);
    }
    let mut times = Times::start();
    times.of("building", functions::build)?;
    let mut stage = times.of("starting and deploying", || Stage::set(options.rows))?;
    let expected = story::play(&mut stage, &mut times, options.rows)?;
    let outcome = times.of("looking at what came of it", || Outcome::look(&stage))?;
    outcome.show(&stage)?;
    let wrong = checks::show("Is that what the generator's seed predicts?", &checks::of(&expected, &outcome));
    times.show();
    if options.keep {
        stage.keep()?;
    }
    match wrong {
        0 => Ok(()),
        _ => bail!(
            "the story did not come out as the generator's seed predicts: {wrong} of the checks above failed"
        ),
    }
}
