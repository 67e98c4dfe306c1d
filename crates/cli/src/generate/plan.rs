//! What becomes of each row of a file: written as it should be, changed since the last file, twice, or broken.

use clap::Parser;

use super::draw::Draw;
use super::share::Share;

/// How the rows of a file turn out, in shares of the people that it is about.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Shares {
    /// Which of a series of files to write; each differs from the one before in `--changed` of its rows
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) round: u32,
    /// How many rows differ from the round before
    #[arg(long, value_name = "SHARE", default_value = "10%")]
    changed: Share,
    /// How many people have a second, outdated row before their own
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    duplicate: Share,
    /// How many rows cannot be used, for one of several reasons
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    broken: Share,
}

/// What becomes of one person's row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is good.
    Good {
        /// The rounds that changed it, the first one included.
        versions: Vec<u32>,
        /// Whether an outdated row precedes it.
        is_duplicated: bool,
    },
    /// It cannot be used. The same people have broken rows in every round.
    Broken,
}

impl Fate {
    /// A row that is written once and never changes.
    pub(crate) fn plain() -> Fate {
        Fate::Good { versions: vec![1], is_duplicated: false }
    }
}

impl Shares {
    /// The fate of the row of a person, counted from 0.
    pub(crate) fn fate(&self, index: u64, draw: Draw) -> Fate {
        if self.broken.includes(index, draw.word("broken")) {
            return Fate::Broken;
        }
        let is_changed =
            |round: &u32| self.changed.includes(index, draw.word("changed").number(u64::from(*round)));
        let versions = std::iter::once(1).chain((2..=self.round).filter(is_changed)).collect();
        Fate::Good { versions, is_duplicated: self.duplicate.includes(index, draw.word("duplicate")) }
    }
}
