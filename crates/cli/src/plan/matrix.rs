//! Which audience may go to which destination.

use domain::audience::Audience;
use domain::catalogue::Catalogue;
use domain::dataflow::{Dataflow, Destination, State};
use domain::governance::{check, required_consents};
use domain::name::{AudienceName, DataflowName, DestinationName};
use jiff::civil::Date;
use serde::Serialize;

use crate::table::{Cell, Table};
use crate::terminal::{DIM, GREEN, YELLOW};

/// An audience and a destination.
#[derive(Debug, Serialize)]
pub(super) struct Pair<'a> {
    audience: &'a AudienceName,
    destination: &'a DestinationName,
    /// The dataflows that bring the one to the other. Without any the audience is judged alone, with nothing mapped.
    dataflows: Vec<Way<'a>>,
    /// Whether every one of them may send; or the audience might be sent, where there is none.
    allowed: bool,
    /// Why not.
    causes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Way<'a> {
    name: &'a DataflowName,
    allowed: bool,
    paused: bool,
    /// Whether only members are sent who have consented.
    by_consent: bool,
}

/// Every audience with every destination, those that are only kept for retiring dataflows left out.
pub(super) fn matrix(catalogue: &Catalogue, today: Date) -> Vec<Pair<'_>> {
    let is_alive = |dataflow: &&Dataflow| dataflow.state != State::Retiring;
    let is_needed = |uses: &dyn Fn(&Dataflow) -> bool| {
        let mut all = catalogue.dataflows.values().filter(|dataflow| uses(dataflow)).peekable();
        all.peek().is_none() || all.any(|dataflow| is_alive(&dataflow))
    };
    let audiences =
        catalogue.audiences.values().filter(|audience| is_needed(&|each| each.audience == audience.name));
    let mut pairs = Vec::new();
    for audience in audiences {
        let destinations = catalogue.destinations.values();
        let destinations =
            destinations.filter(|destination| is_needed(&|each| each.destination == destination.name));
        pairs.extend(destinations.map(|destination| pair(catalogue, audience, destination, today)));
    }
    pairs
}

fn pair<'a>(
    catalogue: &'a Catalogue,
    audience: &'a Audience,
    destination: &'a Destination,
    today: Date,
) -> Pair<'a> {
    let mut causes = Vec::new();
    let mut judge = |dataflow: &Dataflow| {
        let refusals = check(catalogue, dataflow, today);
        causes.extend(refusals.iter().map(|refusal| refusal.cause.to_string()));
        refusals.is_empty()
    };
    let brings = |dataflow: &&Dataflow| {
        dataflow.audience == audience.name
            && dataflow.destination == destination.name
            && dataflow.state != State::Retiring
    };
    let dataflows: Vec<Way<'a>> = catalogue
        .dataflows
        .values()
        .filter(brings)
        .map(|dataflow| Way {
            name: &dataflow.name,
            allowed: judge(dataflow),
            paused: dataflow.state == State::Paused,
            by_consent: !required_consents(catalogue, dataflow).is_empty(),
        })
        .collect();
    let allowed = match dataflows.as_slice() {
        [] => alone(audience, destination).is_none_or(|dataflow| judge(&dataflow)),
        ways => ways.iter().all(|way| way.allowed),
    };
    causes.sort();
    causes.dedup();
    Pair { audience: &audience.name, destination: &destination.name, dataflows, allowed, causes }
}

/// A dataflow that would tell of nothing but who is in the audience.
fn alone(audience: &Audience, destination: &Destination) -> Option<Dataflow> {
    Some(Dataflow {
        name: "alone".parse().ok()?,
        audience: audience.name.clone(),
        destination: destination.name.clone(),
        mapping: Vec::new(),
        consents: Vec::new(),
        state: State::Active,
    })
}

/// The pairs as a table, a row for each audience.
pub(super) fn table(pairs: &[Pair<'_>]) -> Table {
    let mut destinations: Vec<&DestinationName> = pairs.iter().map(|pair| pair.destination).collect();
    destinations.sort();
    destinations.dedup();
    let titles = std::iter::once("audience".to_owned()).chain(destinations.iter().map(ToString::to_string));
    let mut table = Table::with_titles(titles);
    for row in pairs.chunk_by(|one, other| one.audience == other.audience) {
        let name = row.first().map(|pair| Cell::from(pair.audience));
        table.row_of(name.into_iter().chain(row.iter().map(Pair::cell)));
    }
    table
}

impl Pair<'_> {
    fn cell(&self) -> Cell {
        if self.dataflows.is_empty() {
            return Cell::styled(if self.allowed { "(allowed)" } else { "(blocked)" }, DIM);
        }
        let words: Vec<&str> = self.dataflows.iter().map(Way::word).collect();
        Cell::styled(words.join(", "), if self.allowed { GREEN } else { YELLOW })
    }
}

impl Way<'_> {
    fn word(&self) -> &'static str {
        match self {
            Way { allowed: false, .. } => "BLOCKED",
            Way { paused: true, .. } => "allowed, paused",
            Way { by_consent: true, .. } => "allowed by consent",
            _ => "allowed",
        }
    }
}
