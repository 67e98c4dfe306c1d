//! What an apply has done, for people and for programs.

use anyhow::Result;
use aws::InForce;
use domain::catalogue::{Catalogue, CatalogueHash};
use domain::dataflow::State;
use domain::edge::offer::Offer;
use domain::name::{AudienceName, DataflowName, DestinationName, OfferName};
use domain::refusal::Refusal;
use jiff::civil::Date;
use project::Problem;
use serde::Serialize;

use super::changes::{Change, changes};
use crate::refusal::{self, Blocked, CuresOf};
use crate::table::Table;
use crate::terminal::{self, BOLD, DIM, Format, GREEN, RED};
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
    /// The day of which cures are told.
    pub(crate) today: Date,
}

/// The same for programs.
#[derive(Debug, Serialize)]
struct Document<'a> {
    outcome: &'static str,
    /// The sequence in force after the command.
    sequence: Option<u64>,
    /// The sequence in force before it.
    before: Option<u64>,
    /// The catalogue that the project comes to.
    catalogue: &'a CatalogueHash,
    changes: Vec<Change>,
    dataflows: Vec<Flow<'a>>,
    offers: Vec<Shown<'a>>,
    /// What would cure each use that is blocked.
    cures: Vec<CuresOf<'a>>,
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

#[derive(Debug, Serialize)]
struct Shown<'a> {
    name: &'a OfferName,
    scope: &'a str,
    state: &'static str,
    refusals: &'a [Refusal],
}

/// Why dataflows and offers of a catalogue are blocked, and its datastreams tell Adobe Target less than they name.
pub(crate) fn refusals(catalogue: &Catalogue) -> impl Iterator<Item = &Refusal> {
    let dataflows = catalogue.dataflows.values().flat_map(|dataflow| refusals_of(&dataflow.state));
    let offers = catalogue.offers.values().flat_map(|offer| &offer.refusals);
    let datastreams = catalogue.datastreams.values().flat_map(|datastream| &datastream.refusals);
    dataflows.chain(offers).chain(datastreams)
}

fn refusals_of(state: &State) -> &[Refusal] {
    match state {
        State::Blocked(refusals) => refusals,
        State::Active | State::Paused | State::Retiring => &[],
    }
}

impl Report<'_> {
    /// Prints the report; warnings for people beside it.
    pub(crate) fn print(&self, format: Format) -> Result<()> {
        match format {
            Format::Json => terminal::print_json(&self.document(&self.blocked()))?,
            Format::Text => terminal::print_report(self.warnings, &self.text()),
        }
        Ok(())
    }

    /// The report for programs.
    fn document<'b>(&'b self, blocked: &'b [Blocked<'b>]) -> Document<'b> {
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
            offers: self.offers(),
            cures: blocked.iter().map(Blocked::document).collect(),
            withdrawn: &self.withdrawn,
            warnings: self.warnings,
        }
    }

    /// The report for people.
    fn text(&self) -> String {
        let mut text = String::new();
        for change in self.changes() {
            text.push_str(&change_lines(&change));
        }
        if !self.withdrawn.is_empty() {
            let names = listed(&self.withdrawn);
            text.push_str(&format!("everything is withdrawn that was sent through {names}: gone for good\n"));
        }
        text.push_str(&format!("\n{}\n", self.table()));
        if !self.catalogue.offers.is_empty() {
            text.push_str(&format!("{}\n", self.offers_table()));
        }
        self.blocked().iter().for_each(|blocked| text.push_str(&blocked.text()));
        text.push_str(&self.verdict());
        text.trim_start_matches('\n').to_owned()
    }

    fn blocked(&self) -> Vec<Blocked<'_>> {
        refusal::blocked(self.catalogue, refusals(self.catalogue), self.today)
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

    fn offers(&self) -> Vec<Shown<'_>> {
        let shown = |offer: &'_ Offer| if offer.refusals.is_empty() { "active" } else { "blocked" };
        let offers = self.catalogue.offers.values();
        offers
            .map(|offer| Shown {
                name: &offer.name,
                scope: &offer.scope,
                state: shown(offer),
                refusals: &offer.refusals,
            })
            .collect()
    }

    fn offers_table(&self) -> Table {
        let mut table = Table::of(["offer", "scope", "state"]);
        for offer in self.offers() {
            table.row([offer.name.into(), offer.scope.into(), offer.state.into()]);
        }
        table
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

/// What has changed of one kind, in lines.
pub(crate) fn change_lines(change: &Change) -> String {
    let parts = [(GREEN, '+', &change.added), (BOLD, '~', &change.changed), (RED, '-', &change.removed)];
    parts
        .into_iter()
        .filter(|(_, _, names)| !names.is_empty())
        .map(|(style, sign, names)| {
            format!("{style}{sign}{style:#} {DIM}{:<17}{DIM:#}{}\n", change.kind, listed(names))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::example::{self, plain};

    fn in_force(catalogue: Catalogue) -> InForce {
        let hash = CatalogueHash::of(b"before");
        InForce { sequence: 6, hash, catalogue: Arc::new(catalogue) }
    }

    /// The example, with one policy and one dataflow changed since.
    fn before() -> InForce {
        let mut before = example::catalogue();
        before.policies.remove(&"clear_identifiers_stay".parse().unwrap());
        before.audiences.get_mut(&"all_customers".parse().unwrap()).unwrap().title = "Everyone".to_owned();
        let email = before.dataflows.get_mut(&"prospects_to_email".parse().unwrap()).unwrap();
        email.state = State::Active;
        let gone = domain::dataflow::Dataflow { name: "gone".parse().unwrap(), ..email.clone() };
        before.dataflows.insert(gone.name.clone(), gone);
        in_force(before)
    }

    fn report<'a>(
        outcome: Outcome,
        in_force: Option<&'a InForce>,
        catalogue: &'a Catalogue,
        hash: &'a CatalogueHash,
    ) -> Report<'a> {
        Report {
            outcome,
            in_force,
            hash,
            catalogue,
            withdrawn: Vec::new(),
            warnings: &[],
            today: jiff::civil::date(2026, 1, 31),
        }
    }

    #[test]
    fn an_apply_over_another() {
        let (before, catalogue, hash) = (before(), example::catalogue(), CatalogueHash::of(b"after"));
        let mut report = report(Outcome::Applied { sequence: 7 }, Some(&before), &catalogue, &hash);
        report.withdrawn = vec!["gone".parse().unwrap()];
        insta::assert_snapshot!(plain(&report.text()));
        let blocked = report.blocked();
        insta::assert_json_snapshot!(report.document(&blocked), { ".dataflows[].refusals" => "(refusals)" });
    }

    #[test]
    fn how_an_apply_ends() {
        let (catalogue, hash) = (example::catalogue(), CatalogueHash::of(b"after"));
        let before = in_force(catalogue.clone());
        let verdict = |outcome, in_force| plain(&report(outcome, in_force, &catalogue, &hash).verdict());
        insta::assert_snapshot!(
            [
                verdict(Outcome::Applied { sequence: 1 }, None),
                verdict(Outcome::Unchanged { sequence: 6 }, Some(&before)),
                verdict(Outcome::Refused, Some(&before)),
            ]
            .concat()
        );
    }
}
