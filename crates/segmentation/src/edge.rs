//! The audiences that are evaluated at the edge, on one visitor.

use std::collections::{BTreeMap, BTreeSet};

use domain::audience::{Audience, DefinitionHash, Evaluation};
use domain::catalogue::Catalogue;
use domain::dataset::Dataset;
use domain::edge::datastream::Datastream;
use domain::edge::visitor::{StoredVisitor, Visitor};
use domain::membership::{Finding, Memberships};
use domain::name::{AudienceName, DatasetName};
use domain::profile::{day_number, is_kept, is_under_contract};
use domain::value::{self, FieldPath, Object};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use pql::{Context, Event, Predicate};

use crate::compiled::{NoPredicate, Unions, check, in_order};

/// The edge audiences of a datastream, each after those that it refers to.
#[derive(Debug, Clone)]
pub struct EdgeAudiences {
    sequence: u64,
    compiled: Vec<Compiled>,
    /// The fields of events that any of them reads.
    event_reads: BTreeSet<FieldPath>,
    /// The datasets of signals that no ended contract bars on the day of compiling.
    datasets: BTreeMap<DatasetName, Dataset>,
}

#[derive(Debug, Clone)]
struct Compiled {
    name: AudienceName,
    definition: DefinitionHash,
    predicate: Predicate,
}

impl EdgeAudiences {
    /// Compiles those of a datastream's audiences that are evaluated at the edge, for a day: a contract that has ended
    /// by then puts its partner's signals out of use.
    ///
    /// # Errors
    /// The first audience that is no expression over the catalogue's fields, or that refers to itself.
    pub fn compile(
        catalogue: &Catalogue,
        sequence: u64,
        datastream: &Datastream,
        today: Date,
    ) -> Result<EdgeAudiences, NoPredicate> {
        let unions = Unions::of(catalogue);
        let datasets = catalogue.signals(&datastream.name).map(|(dataset, _)| dataset);
        let datasets = datasets.filter(|dataset| is_under_contract(catalogue, dataset, today));
        let mut audiences = EdgeAudiences {
            sequence,
            compiled: Vec::with_capacity(datastream.audiences.len()),
            event_reads: BTreeSet::new(),
            datasets: datasets.map(|dataset| (dataset.name.clone(), dataset.clone())).collect(),
        };
        let is_wanted = |audience: &Audience| {
            audience.evaluation == Evaluation::Edge && datastream.audiences.contains(&audience.name)
        };
        for audience in in_order(catalogue)?.into_iter().filter(|audience| is_wanted(audience)) {
            let checked = check(audience, &unions.schemas())?;
            audiences.event_reads.extend(checked.event_reads().iter().cloned());
            audiences.compiled.push(Compiled {
                name: audience.name.clone(),
                definition: audience.definition.clone(),
                predicate: checked.compile(),
            });
        }
        Ok(audiences)
    }

    /// What of an event these audiences look back at; nothing, where they look at none of its fields. Only this is
    /// remembered.
    pub fn worth_remembering(&self, event: &Object) -> Option<Object> {
        let mut kept = Object::new();
        for path in &self.event_reads {
            if let Some(found) = value::at(event, path) {
                value::insert(&mut kept, path, found.clone());
            }
        }
        (!kept.is_empty()).then_some(kept)
    }

    /// The visitor's memberships after an evaluation, or nothing where none has changed. Events up to `now` count.
    pub fn evaluate(&self, stored: &StoredVisitor, now: Timestamp) -> Option<Memberships> {
        stored.visitor.memberships.after(&self.find(stored, now), self.sequence, now)
    }

    /// What partners' scripts said of a visitor, as far as it may be used.
    pub fn attributes(&self, visitor: &Visitor, now: Timestamp) -> Object {
        visitor.attributes(|dataset, signal| {
            self.datasets.get(dataset).is_some_and(|dataset| is_kept(dataset, day_number(signal.at), now))
        })
    }

    fn find(&self, stored: &StoredVisitor, now: Timestamp) -> BTreeMap<AudienceName, Finding> {
        let visitor = &stored.visitor;
        let attributes = self.attributes(visitor, now);
        let events: Vec<Event<'_>> =
            visitor.events.iter().map(|event| Event { at: event.at, fields: &event.fields }).collect();
        // What happens at this very instant lies before the instant of evaluation.
        let after = now.saturating_add(SignedDuration::from_millis(1)).unwrap_or(now);
        let mut findings: BTreeMap<AudienceName, Finding> = BTreeMap::new();
        for audience in &self.compiled {
            let is_member = |id: &str| {
                findings.iter().any(|(name, finding)| name.as_str() == id && finding.member)
                    || stored.link.audiences.iter().any(|name| name.as_str() == id)
            };
            let context =
                Context { attributes: &attributes, events: &events, audiences: &is_member, now: after };
            let member = audience.predicate.evaluate(&context);
            findings
                .insert(audience.name.clone(), Finding { member, definition: audience.definition.clone() });
        }
        findings
    }
}
