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
    /// The audiences that other datastreams evaluate: what they decided of a visitor who comes to both stands.
    elsewhere: BTreeSet<AudienceName>,
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
            elsewhere: elsewhere(catalogue, datastream),
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

    /// What of an event these audiences look back at; nothing, where none of them asks for such an event. Only this is
    /// remembered.
    pub fn worth_remembering(
        &self,
        fields: &Object,
        at: Timestamp,
        stored: &StoredVisitor,
    ) -> Option<Object> {
        let attributes = self.attributes(&stored.visitor, at);
        let event = Event { at, fields };
        let nobody = |_: &str| false;
        let context = Context { attributes: &attributes, events: &[], audiences: &nobody, now: at };
        if !self.compiled.iter().any(|audience| audience.predicate.wants(&context, &event)) {
            return None;
        }
        let mut kept = Object::new();
        for path in &self.event_reads {
            if let Some(found) = value::at(fields, path) {
                value::insert(&mut kept, path, found.clone());
            }
        }
        Some(kept)
    }

    /// The visitor's memberships after an evaluation, or nothing where none has changed. Events up to `now` count.
    pub fn evaluate(&self, stored: &StoredVisitor, now: Timestamp) -> Option<Memberships> {
        let known = &stored.visitor.memberships;
        let mut findings = self.find(stored, now);
        for (name, membership) in known.audiences.iter().filter(|(name, _)| self.elsewhere.contains(*name)) {
            let finding =
                Finding { member: known.is_realized(name), definition: membership.definition.clone() };
            findings.insert(name.clone(), finding);
        }
        known.after(&findings, self.sequence, now)
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

/// The audiences of other datastreams that a datastream does not evaluate itself.
fn elsewhere(catalogue: &Catalogue, datastream: &Datastream) -> BTreeSet<AudienceName> {
    let others = catalogue.datastreams.values().filter(|other| other.name != datastream.name);
    others
        .flat_map(|other| &other.audiences)
        .filter(|name| !datastream.audiences.contains(*name))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use domain::edge::signal::Signal;
    use domain::edge::visitor::RecentEvent;
    use project::{Fault, Plugins, Project};

    use super::*;

    const NOW: &str = "2026-11-22T12:00:00Z";

    /// The plugins' own checks have tests of their own.
    struct AnyPlugin;

    impl Plugins for AnyPlugin {
        fn names(&self) -> Vec<&str> {
            vec!["s3-file"]
        }

        fn faults(&self, _: &str, _: &serde_json::Value, _: &[&str]) -> Vec<Fault> {
            Vec::new()
        }
    }

    fn catalogue() -> Catalogue {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/home-improvement");
        let project = Project::load(&folder, &AnyPlugin).unwrap_or_else(|problems| panic!("{problems}"));
        let compiled = project.compile(None, "2026-11-22".parse().unwrap());
        compiled.unwrap_or_else(|problems| panic!("{problems}")).catalogue
    }

    fn audiences(catalogue: &Catalogue, today: &str) -> EdgeAudiences {
        let datastream = &catalogue.datastreams[&"shop_web".parse().unwrap()];
        EdgeAudiences::compile(catalogue, 7, datastream, today.parse().unwrap()).unwrap()
    }

    fn object(json: &str) -> Object {
        serde_json::from_str(json).unwrap()
    }

    fn visitor(signals: &str, events: &[(&str, &str)]) -> StoredVisitor {
        let mut stored = StoredVisitor::default();
        let signal = Signal { attributes: object(signals), at: NOW.parse().unwrap() };
        stored.visitor.signals.insert("northlight_onsite".parse().unwrap(), signal);
        stored.visitor.events = events
            .iter()
            .map(|(at, fields)| RecentEvent { at: at.parse().unwrap(), fields: object(fields) })
            .collect();
        stored
    }

    fn members(audiences: &EdgeAudiences, stored: &StoredVisitor, now: &str) -> Vec<String> {
        let memberships = audiences.evaluate(stored, now.parse().unwrap()).unwrap_or_default();
        assert!(memberships.audiences.is_empty() || memberships.sequence == 7);
        let realized = memberships.audiences.keys().filter(|name| memberships.is_realized(name));
        realized.map(ToString::to_string).collect()
    }

    const MOVER: &str = r#"{"northlight": {"likelyRecentMover": 0.9, "matchConfidence": 0.9}}"#;
    const PURCHASE: &str = r#"{"eventType": "commerce.purchases"}"#;

    #[test]
    fn audiences_see_signals_and_the_events_of_a_day_the_present_one_included() {
        let catalogue = catalogue();
        let audiences = audiences(&catalogue, "2026-11-22");
        let doubted = r#"{"northlight": {"likelyRecentMover": 0.9, "matchConfidence": 0.2}}"#;
        for (signals, events, expected) in [
            ("{}", &[][..], &[][..]),
            (MOVER, &[], &["recent_movers"]),
            (doubted, &[], &[]),
            ("{}", &[(NOW, PURCHASE)], &["bought_today"]),
            (MOVER, &[("2026-11-21T12:00:01Z", PURCHASE)], &["bought_today", "recent_movers"]),
            (MOVER, &[("2026-11-21T11:59:59Z", PURCHASE)], &["recent_movers"]),
        ] {
            assert_eq!(members(&audiences, &visitor(signals, events), NOW), expected, "{signals} {events:?}");
        }
    }

    #[test]
    fn signals_are_out_of_use_when_their_retention_or_contract_is_over() {
        let catalogue = catalogue();
        let mover = visitor(MOVER, &[]);
        assert_eq!(
            members(&audiences(&catalogue, "2026-11-22"), &mover, "2026-12-22T12:00:00Z"),
            ["recent_movers"]
        );
        assert!(members(&audiences(&catalogue, "2026-11-22"), &mover, "2026-12-23T12:00:00Z").is_empty());
        assert!(members(&audiences(&catalogue, "2028-01-01"), &mover, NOW).is_empty());
    }

    #[test]
    fn only_events_that_an_audience_asks_for_are_remembered_and_of_those_what_it_reads() {
        let catalogue = catalogue();
        let audiences = audiences(&catalogue, "2026-11-22");
        let now = NOW.parse().unwrap();
        let kept =
            |fields: &str| audiences.worth_remembering(&object(fields), now, &StoredVisitor::default());
        assert_eq!(
            kept(r#"{"eventType": "web.webpagedetails.pageViews", "timestamp": "2026-11-22T12:00:00Z"}"#),
            None
        );
        let purchase = r#"{"eventType": "commerce.purchases", "commerce": {"purchases": {"value": 1}}}"#;
        assert_eq!(kept(purchase), Some(object(PURCHASE)));
    }
}
