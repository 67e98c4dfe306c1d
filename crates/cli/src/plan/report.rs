//! A plan, for people and for programs.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use domain::catalogue::Catalogue;
use domain::dataflow::State;
use domain::profile::pseudonymous::Pseudonymous;
use domain::refusal::Refusal;
use jiff::civil::Date;
use project::Problem;
use serde::{Serialize, Serializer};

use super::flips::{Asked, Direction, Flip, asked, flips};
use super::matrix::{Pair, matrix, table};
use crate::apply::{Change, DATAFLOWS, change_lines, changes, refusals};
use crate::refusal::{self, Blocked, CuresOf, named};
use crate::terminal::{self, BOLD, DIM, Format, GREEN, YELLOW, count};
use crate::words::{consent, listed};

/// What a plan is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Against<'a> {
    /// A project's folder, or the file of a catalogue.
    Path(&'a Path),
    /// The catalogue in force, by its sequence.
    InForce(u64),
    /// No catalogue is in force yet.
    Nothing,
}

impl fmt::Display for Against<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Against::Path(path) => path.display().fmt(formatter),
            Against::InForce(sequence) => write!(formatter, "sequence {sequence}, which is in force"),
            Against::Nothing => formatter.write_str("nothing, as no catalogue is in force yet"),
        }
    }
}

impl Serialize for Against<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What would change if one catalogue came into force in the place of another.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    against: Against<'a>,
    changes: Vec<Change>,
    after: &'a Catalogue,
    flips: Vec<Flip>,
    asked: Vec<Asked>,
    expiring: Option<&'a Pseudonymous>,
    warnings: &'a [Problem],
    today: Date,
}

/// The same for programs.
#[derive(Debug, Serialize)]
struct Document<'a> {
    against: Against<'a>,
    changes: &'a [Change],
    matrix: Vec<Pair<'a>>,
    flips: &'a [Flip],
    /// Dataflows that would ask for other consents.
    consents: &'a [Asked],
    /// The rule by which pseudonymous profiles expire, where it is stricter than the one in force.
    expiring: Option<&'a Pseudonymous>,
    /// Everything that would be blocked, what is blocked now included.
    blocked: Vec<&'a Refusal>,
    cures: Vec<CuresOf<'a>>,
    warnings: &'a [Problem],
}

impl<'a> Plan<'a> {
    /// Holds a catalogue against another, as of a day.
    pub(crate) fn of(
        against: Against<'a>,
        before: Option<&Catalogue>,
        after: &'a Catalogue,
        warnings: &'a [Problem],
        today: Date,
    ) -> Plan<'a> {
        Plan {
            against,
            changes: changes(before, after),
            after,
            flips: flips(before, after, today),
            asked: asked(before, after),
            expiring: after
                .pseudonymous
                .as_ref()
                .filter(|rule| rule.is_stricter_than(before.and_then(|before| before.pseudonymous.as_ref()))),
            warnings,
            today,
        }
    }

    /// Whether something is allowed now and would be blocked.
    pub(crate) fn blocks_what_is_allowed(&self) -> bool {
        self.flips.iter().any(|flip| flip.flip == Direction::Blocked)
    }

    /// Whether anything would be blocked.
    pub(super) fn blocks_anything(&self) -> bool {
        refusals(self.after).next().is_some()
    }

    /// Prints the plan; warnings for people beside it.
    pub(crate) fn print(&self, format: Format) -> Result<()> {
        match format {
            Format::Json => terminal::print_json(&self.document(&self.blocked()))?,
            Format::Text => terminal::print_report(self.warnings, &self.text()),
        }
        Ok(())
    }

    fn blocked(&self) -> Vec<Blocked<'_>> {
        refusal::blocked(self.after, refusals(self.after), self.today)
    }

    fn document<'b>(&'b self, blocked: &'b [Blocked<'b>]) -> Document<'b> {
        Document {
            against: self.against,
            changes: &self.changes,
            matrix: matrix(self.after, self.today),
            flips: &self.flips,
            consents: &self.asked,
            expiring: self.expiring,
            blocked: refusals(self.after).collect(),
            cures: blocked.iter().map(Blocked::document).collect(),
            warnings: self.warnings,
        }
    }

    /// The dataflows that are taken out and stay until what they sent is withdrawn. One that a rollback takes out does not.
    fn retiring(&self) -> Vec<String> {
        let removed = self.changes.iter().filter(|change| change.kind == DATAFLOWS);
        let removed = removed.flat_map(|change| &change.removed);
        let stays = |name: &&String| {
            let mut after = self.after.dataflows.values();
            after.any(|dataflow| dataflow.name.as_str() == name.as_str() && dataflow.state == State::Retiring)
        };
        removed.filter(stays).cloned().collect()
    }

    /// The plan for people.
    fn text(&self) -> String {
        let mut text: String = self.changes.iter().map(change_lines).collect();
        let retiring = self.retiring();
        if !retiring.is_empty() {
            text.push_str(&format!("RETIRING until what was sent is withdrawn: {}\n", listed(&retiring)));
        }
        if let Some(Pseudonymous { days, namespaces }) = self.expiring {
            text.push_str(&format!(
                "EXPIRING at once: whoever is known by {} alone, with no record confirmed for {}; until now records were confirmed less often, also of people who came by: begin with more days\n",
                listed(namespaces.iter().map(ToString::to_string).collect::<Vec<_>>()),
                count(usize::from(*days), "day"),
            ));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        let pairs = matrix(self.after, self.today);
        if !pairs.is_empty() {
            let note = "in parentheses: no dataflow, judged by who is in the audience alone";
            text.push_str(&format!("{}{DIM}{note}{DIM:#}\n\n", table(&pairs)));
        }
        for flip in &self.flips {
            text.push_str(&flip_text(flip));
        }
        for blocked in refusal::blocked(self.after, self.newly_refused(), self.today) {
            let cures = blocked.cures_text();
            if !cures.is_empty() {
                text.push_str(&format!("{cures}\n"));
            }
        }
        self.asked.iter().for_each(|asked| text.push_str(&asked_text(asked)));
        text.push_str(&self.verdict());
        text
    }

    fn newly_refused(&self) -> impl Iterator<Item = &Refusal> {
        let newly = self.flips.iter().filter(|flip| flip.flip != Direction::Freed);
        newly.flat_map(|flip| &flip.refusals)
    }

    fn verdict(&self) -> String {
        let number = |direction| self.flips.iter().filter(|flip| flip.flip == direction).count();
        let (blocked, freed) = (number(Direction::Blocked), number(Direction::Freed));
        let new = number(Direction::NewAndBlocked);
        let style = if blocked > 0 { YELLOW } else { GREEN };
        let what = if self.changes.is_empty() {
            "nothing would change".to_owned()
        } else {
            let parts: usize = self.changes.iter().map(Change::parts).sum();
            let differ = if parts == 1 { "differs" } else { "differ" };
            format!(
                "{} would be blocked, {freed} freed, {new} new and blocked; {} {differ}",
                count(blocked, "use"),
                count(parts, "part")
            )
        };
        let against = match self.against {
            Against::Path(path) => format!("`{}`", path.display()),
            other => other.to_string(),
        };
        format!("{style}plan{style:#}: {what}; held against {against}; nothing was applied\n")
    }
}

fn flip_text(flip: &Flip) -> String {
    let what = match &flip.audience {
        Some(audience) => format!("{} with audience `{audience}`", named(&flip.activation)),
        None => named(&flip.activation),
    };
    let trees = || flip.refusals.iter().map(|refusal| format!("{}\n", refusal::tree(refusal)));
    match flip.flip {
        Direction::Blocked => {
            format!(
                "{YELLOW}allowed -> blocked{YELLOW:#}: {BOLD}{what}{BOLD:#}\n{}",
                trees().collect::<String>()
            )
        }
        Direction::NewAndBlocked => {
            format!("{YELLOW}new -> blocked{YELLOW:#}: {BOLD}{what}{BOLD:#}\n{}", trees().collect::<String>())
        }
        Direction::Freed => {
            let causes = flip.refusals.iter().map(|refusal| format!("no longer: {}\n", refusal.cause));
            let causes: String = causes.collect();
            format!("{GREEN}blocked -> allowed{GREEN:#}: {BOLD}{what}{BOLD:#}\n{causes}\n")
        }
    }
}

fn asked_text(asked: &Asked) -> String {
    let Asked { dataflow, before, after } = asked;
    let is_tighter = after.iter().any(|required| !before.contains(required));
    let is_looser = before.iter().any(|required| !after.contains(required));
    let tighter = is_tighter.then_some("members who have not given what is asked for now are withdrawn");
    let looser =
        is_looser.then_some("members who were held back for what is not asked for any more are sent");
    let effects: Vec<&str> = tighter.into_iter().chain(looser).collect();
    format!(
        "{YELLOW}consent{YELLOW:#}: {BOLD}dataflow `{dataflow}`{BOLD:#} asks for {}, before {}: {}\n\n",
        listed(after.iter().map(consent)),
        listed(before.iter().map(consent)),
        effects.join("; ")
    )
}
