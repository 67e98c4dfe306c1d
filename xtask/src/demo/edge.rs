//! `cargo xtask demo --edge`: two visitors come to a shop, one of whom a partner recognises as somebody who has just moved; and what each of them sees.

mod expected;
mod outcome;
mod stage;
mod visits;

use anyhow::{Result, bail};

use super::checks;
use super::times::Times;
use crate::browser::Browser;
use crate::functions;
use outcome::Outcome;
use stage::Stage;
use visits::Visits;

/// Plays the visits, shows what came of them, and fails if that is not what was to be expected.
pub fn run(keep: bool) -> Result<()> {
    let mut times = Times::start();
    let browser = times.of("installing the browser", Browser::ready)?;
    times.of("building", functions::build)?;
    let mut stage = times.of("starting and deploying", || Stage::set(&browser))?;
    times.of("validating and applying the project", || stage.apply())?;
    let visits = times.of("two visitors come", || Visits::play(&stage, &browser))?;
    let outcome = times.of("looking at what came of it", || Outcome::look(&mut stage, &visits))?;
    visits.show();
    outcome.show(&stage)?;
    let wrong = checks::show("Is that what was to be expected?", &expected::of(&visits, &outcome));
    times.show();
    if keep {
        stage.keep(&browser)?;
    }
    match wrong {
        0 => Ok(()),
        _ => bail!("the visits did not come out as expected: {wrong} of the checks above failed"),
    }
}
