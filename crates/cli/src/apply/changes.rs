//! What one catalogue says and another does not.

use std::collections::BTreeMap;

use domain::catalogue::Catalogue;
use domain::dataflow::{Dataflow, State};
use domain::namespace::Namespace;
use domain::profile::pseudonymous::Pseudonymous;
use serde::Serialize;

/// The kind of which parts that are taken out stay for a while.
pub(crate) const DATAFLOWS: &str = "dataflows";

/// The parts of a kind that differ between two catalogues.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Change {
    pub(crate) kind: &'static str,
    pub(crate) added: Vec<String>,
    pub(crate) changed: Vec<String>,
    pub(crate) removed: Vec<String>,
}

impl Change {
    /// How many parts differ.
    pub(crate) fn parts(&self) -> usize {
        self.added.len() + self.changed.len() + self.removed.len()
    }
}

/// Every kind of which parts differ.
pub(crate) fn changes(before: Option<&Catalogue>, after: &Catalogue) -> Vec<Change> {
    macro_rules! of_kinds {
        ($($kind:literal = $field:ident;)*) => {
            vec![
                of_kind("namespaces", before.map(namespaces).as_ref(), &namespaces(after)),
                of_kind("retention", before.map(retention).as_ref(), &retention(after)),
                $(of_kind($kind, before.map(|before| &before.$field), &after.$field),)*
                of_kind(DATAFLOWS, before.map(dataflows).as_ref(), &dataflows(after)),
            ]
        };
    }
    let mut changes = of_kinds! {
        "partners" = partners;
        "schemas" = schemas;
        "datasets" = datasets;
        "merge policies" = merge_policies;
        "policies" = policies;
        "consent policies" = consent_policies;
        "audiences" = audiences;
        "destinations" = destinations;
        "datastreams" = datastreams;
        "offers" = offers;
    };
    changes.retain(|change| change.parts() > 0);
    changes
}

/// The namespaces with their priority, which is a part of what is said of them.
fn namespaces(catalogue: &Catalogue) -> BTreeMap<&str, (usize, &Namespace)> {
    let ranked = catalogue.namespaces.iter().enumerate();
    ranked.map(|(rank, namespace)| (namespace.code.as_str(), (rank, namespace))).collect()
}

/// The dataflows without those that are taken out: these stay, as retiring ones, until what they sent is withdrawn.
fn dataflows(catalogue: &Catalogue) -> BTreeMap<&str, &Dataflow> {
    let all = catalogue.dataflows.values();
    let run = all.filter(|dataflow| dataflow.state != State::Retiring);
    run.map(|dataflow| (dataflow.name.as_str(), dataflow)).collect()
}

/// How long profiles are kept.
fn retention(catalogue: &Catalogue) -> BTreeMap<&str, &Pseudonymous> {
    catalogue.pseudonymous.iter().map(|rule| ("pseudonymous profiles", rule)).collect()
}

fn of_kind<K: Ord + ToString, V: PartialEq>(
    kind: &'static str,
    before: Option<&BTreeMap<K, V>>,
    after: &BTreeMap<K, V>,
) -> Change {
    let none = BTreeMap::new();
    let before = before.unwrap_or(&none);
    let mut change = Change { kind, ..Change::default() };
    for (name, part) in after {
        match before.get(name) {
            None => change.added.push(name.to_string()),
            Some(known) if known != part => change.changed.push(name.to_string()),
            Some(_) => {}
        }
    }
    change.removed =
        before.keys().filter(|name| !after.contains_key(name)).map(ToString::to_string).collect();
    change
}
