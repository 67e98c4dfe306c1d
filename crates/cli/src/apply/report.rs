//! What an apply has done, for people and for programs.

use aws::InForce;
use domain::catalogue::{Catalogue, CatalogueHash};
use domain::dataflow::State;
use domain::name::{AudienceName, DataflowName, DestinationName};
use domain::refusal::Refusal;
use project::Problem;
use serde::Serialize;

use super::changes::{Change, changes};
use crate::refusal;
use crate::table::Table;
use crate::terminal::{BOLD, DIM, GREEN, RED};
use crate::words::{NOTHING, listed, state, state_cell};

/// How an apply ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The catalogue came into force.
    Applied { sequence: u64 },
    /// It was in force before: nothing was moved.
    Unchanged { sequence: u64 },
    /// A dataflow would have been blocked, and the command was strict: nothing was moved.
    Refused,
}

/// What an apply has done.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) in_force: Option<&'a InForce>,
    pub(crate) hash: &'a CatalogueHash,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) withdrawn: Vec<DataflowName>,
    pub(crate) warnings: &'a [Problem],
}

/// The same for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    outcome: &'static str,
    /// The sequence in force after the command.
    sequence: Option<u64>,
    /// The sequence in force before it.
    before: Option<u64>,
    /// The catalogue that the project comes to.
    catalogue: &'a CatalogueHash,
    changes: Vec<Change>,
    dataflows: Vec<Flow<'a>>,
    withdrawn: &'a [DataflowName],
    warnings: &'a [Problem],
}

#[derive(Debug, Serialize)]
struct Flow<'a> {
    name: &'a DataflowName,
    audience: &'a AudienceName,
    destination: &'a DestinationName,
    state: &'static str,
    before: Option<&'static str>,
    refusals: &'a [Refusal],
}

/// Why dataflows of a catalogue are blocked.
pub(crate) fn refusals(catalogue: &Catalogue) -> impl Iterator<Item = &Refusal> {
    catalogue.dataflows.values().flat_map(|dataflow| refusals_of(&dataflow.state))
}

fn refusals_of(state: &State) -> &[Refusal] {
    match state {
        State::Blocked(refusals) => refusals,
        State::Active | State::Paused | State::Retiring => &[],
    }
}

impl Report<'_> {
    /// The report for programs.
    pub(crate) fn document(&self) -> Document<'_> {
        let before = self.in_force.map(|in_force| in_force.sequence);
        let (outcome, sequence) = match self.outcome {
            Outcome::Applied { sequence } => ("applied", Some(sequence)),
            Outcome::Unchanged { sequence } => ("unchanged", Some(sequence)),
            Outcome::Refused => ("refused", before),
        };
        Document {
            outcome,
            sequence,
            before,
            catalogue: self.hash,
            changes: self.changes(),
            dataflows: self.dataflows(),
            withdrawn: &self.withdrawn,
            warnings: self.warnings,
        }
    }

    /// The report for people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for change in self.changes() {
            text.push_str(&change_lines(&change));
        }
        if !self.withdrawn.is_empty() {
            let names = listed(&self.withdrawn);
            text.push_str(&format!("everything is withdrawn that was sent through {names}: gone for good\n"));
        }
        text.push_str(&format!("\n{}\n", self.table()));
        for refusal in refusals(self.catalogue) {
            text.push_str(&format!("{}\n", refusal::tree(refusal)));
        }
        text.push_str(&self.verdict());
        text.trim_start_matches('\n').to_owned()
    }

    fn changes(&self) -> Vec<Change> {
        changes(self.in_force.map(|in_force| in_force.catalogue.as_ref()), self.catalogue)
    }

    fn dataflows(&self) -> Vec<Flow<'_>> {
        let before = self.in_force.map(|in_force| &in_force.catalogue.dataflows);
        let flow = |dataflow: &domain::dataflow::Dataflow| {
            before.and_then(|before| before.get(&dataflow.name)).map(|before| state(&before.state))
        };
        self.catalogue
            .dataflows
            .values()
            .map(|dataflow| Flow {
                name: &dataflow.name,
                audience: &dataflow.audience,
                destination: &dataflow.destination,
                state: state(&dataflow.state),
                before: flow(dataflow),
                refusals: refusals_of(&dataflow.state),
            })
            .collect()
    }

    fn table(&self) -> Table {
        let mut table = Table::of(["dataflow", "audience", "destination", "state", "before"]);
        for (flow, dataflow) in self.dataflows().iter().zip(self.catalogue.dataflows.values()) {
            table.row([
                flow.name.into(),
                flow.audience.into(),
                flow.destination.into(),
                state_cell(&dataflow.state),
                flow.before.unwrap_or(NOTHING).into(),
            ]);
        }
        table
    }

    fn verdict(&self) -> String {
        let hash = short(self.hash);
        match (self.outcome, self.in_force) {
            (Outcome::Applied { sequence }, Some(before)) => format!(
                "{GREEN}applied{GREEN:#}: sequence {sequence} is in force, catalogue {hash} (before: sequence {})\n",
                before.sequence
            ),
            (Outcome::Applied { sequence }, None) => format!(
                "{GREEN}applied{GREEN:#}: sequence {sequence} is in force, catalogue {hash}, the first one\n"
            ),
            (Outcome::Unchanged { sequence }, _) => format!(
                "{GREEN}unchanged{GREEN:#}: catalogue {hash} is in force already, as sequence {sequence}; nothing was moved\n"
            ),
            (Outcome::Refused, _) => {
                format!(
                    "{RED}not applied{RED:#}: a dataflow would be blocked, and --strict applies nothing then\n"
                )
            }
        }
    }
}

/// The beginning of a hash, enough for people.
pub(crate) fn short(hash: &CatalogueHash) -> &str {
    hash.as_str().get(..12).unwrap_or_default()
}

fn change_lines(change: &Change) -> String {
    let parts = [(GREEN, '+', &change.added), (BOLD, '~', &change.changed), (RED, '-', &change.removed)];
    parts
        .into_iter()
        .filter(|(_, _, names)| !names.is_empty())
        .map(|(style, sign, names)| {
            format!("{style}{sign}{style:#} {DIM}{:<16}{DIM:#}{}\n", change.kind, listed(names))
        })
        .collect()
}
