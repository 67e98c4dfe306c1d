//! The audiences that are evaluated at the edge, on one visitor.

use std::collections::{BTreeMap, BTreeSet};

use domain::audience::{Audience, Evaluation};
use domain::catalogue::Catalogue;
use domain::dataset::Dataset;
use domain::edge::datastream::Datastream;
use domain::edge::signal::Signal;
use domain::edge::visitor::{StoredVisitor, Visitor};
use domain::membership::{Finding, Memberships};
use domain::merge::{AttributeMerge, MergePolicy};
use domain::name::{AudienceName, DatasetName};
use domain::profile::{day_number, is_kept, is_under_contract};
use domain::schema::{self, Field, FieldType};
use domain::value::{self, FieldPath, Object, Value};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use pql::{Answers, Checked, Event, Page, Subject};

use crate::compiled::{InvalidAudience, Together, Unions};

/// The longest text that is remembered of an event, in characters.
const LONGEST_TEXT: usize = 1024;

/// The edge audiences of a datastream.
#[derive(Debug, Clone)]
pub struct EdgeAudiences {
    sequence: u64,
    together: Together,
    /// The merge policies that they name: what of a visitor's signals each makes is one of the plan's views.
    merge_policies: Vec<MergePolicy>,
    /// What the merge policy of the edge does, for those who are told attributes.
    told: Option<AttributeMerge>,
    /// The fields of events that any of them reads.
    event_reads: BTreeMap<FieldPath, Field>,
    /// The audiences that other datastreams evaluate: what they decided of a visitor who comes to both stands.
    elsewhere: BTreeSet<AudienceName>,
    /// The datasets of signals, of whichever datastream, that no ended contract bars on the day of compiling: an audience
    /// says the same of a visitor wherever it is asked.
    datasets: BTreeMap<DatasetName, Dataset>,
    /// Those that are heard through the datastream itself: of others nobody is told here.
    own: BTreeSet<DatasetName>,
}

/// A visitor as a datastream's audiences see it at an instant, with what partners' scripts said merged once.
#[derive(Debug)]
pub struct View<'a> {
    audiences: &'a EdgeAudiences,
    attributes: Vec<Object>,
    now: Timestamp,
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
    ) -> Result<EdgeAudiences, InvalidAudience> {
        let unions = Unions::of(catalogue);
        let schemas = unions.schemas();
        let mut merge_policies: Vec<MergePolicy> = Vec::new();
        let mut event_reads = BTreeMap::new();
        let view = |checked: &Checked, policy: &MergePolicy| {
            let field = |path: &FieldPath| Some((path.clone(), schema::field(schemas.events, path)?.clone()));
            event_reads.extend(checked.event_reads().iter().filter_map(field));
            let known = merge_policies.iter().position(|known| known.name == policy.name);
            known.unwrap_or_else(|| {
                merge_policies.push(policy.clone());
                merge_policies.len() - 1
            })
        };
        let is_wanted = |audience: &Audience| datastream.audiences.contains(&audience.name);
        let together = Together::plan(catalogue, &schemas, Evaluation::Edge, is_wanted, view)?;
        let own = catalogue.signals(&datastream.name).map(|(dataset, _)| dataset.name.clone());
        let heard = catalogue.datastreams.keys().flat_map(|name| catalogue.signals(name));
        let datasets = heard.map(|(dataset, _)| dataset);
        let datasets = datasets.filter(|dataset| is_under_contract(catalogue, dataset, today));
        Ok(EdgeAudiences {
            sequence,
            together,
            merge_policies,
            told: catalogue.edge_merge_policy().map(|policy| policy.attributes.clone()),
            event_reads,
            elsewhere: elsewhere(catalogue, datastream),
            datasets: datasets.map(|dataset| (dataset.name.clone(), dataset.clone())).collect(),
            own: own.collect(),
        })
    }

    /// A visitor as these audiences see it now.
    pub fn view(&self, visitor: &Visitor, now: Timestamp) -> View<'_> {
        let attributes =
            self.merge_policies.iter().map(|policy| self.merged(visitor, &policy.attributes, now));
        View { audiences: self, attributes: attributes.collect(), now }
    }

    /// The visitor's memberships after an evaluation, or nothing where none has changed. Events up to `now` count.
    pub fn evaluate(&self, stored: &StoredVisitor, now: Timestamp) -> Option<Memberships> {
        self.view(&stored.visitor, now).evaluate(stored)
    }

    /// What partners' scripts said of a visitor through the datastream, as the merge policy of the edge has it, and as
    /// far as it may be used.
    pub fn attributes(&self, visitor: &Visitor, now: Timestamp) -> Object {
        let may_be_told = |dataset: &DatasetName, signal: &Signal| {
            self.own.contains(dataset) && self.may_be_used(dataset, signal, now)
        };
        self.told.as_ref().map(|merge| visitor.merged(merge, may_be_told)).unwrap_or_default()
    }

    fn may_be_used(&self, dataset: &DatasetName, signal: &Signal, now: Timestamp) -> bool {
        self.datasets.get(dataset).is_some_and(|dataset| is_kept(dataset, day_number(signal.at), now))
    }

    /// What partners' scripts said of a visitor, merged: an audience sees no dataset that its policy does not merge,
    /// since governance has not judged it on that.
    fn merged(&self, visitor: &Visitor, merge: &AttributeMerge, now: Timestamp) -> Object {
        visitor.merged(merge, |dataset, signal| self.may_be_used(dataset, signal, now))
    }
}

impl View<'_> {
    /// What of an event the audiences look back at; nothing, where none of them asks for such an event. Only this is
    /// remembered, and of it what fits the schema: a page may send anything.
    pub fn worth_remembering(&self, fields: &Object, at: Timestamp) -> Option<Object> {
        let subject = Subject { attributes: &self.attributes, events: &[], audiences: &[] };
        if !self.audiences.together.plan.wants(&subject, &Event { at, fields }, at) {
            return None;
        }
        let mut kept = Object::new();
        for (path, field) in &self.audiences.event_reads {
            let found = value::at(fields, path).filter(|found| field.check(found).is_ok());
            if let Some(found) = found.and_then(|found| described(&field.kind, found)) {
                value::insert(&mut kept, path, found);
            }
        }
        Some(kept)
    }

    /// The visitor's memberships after an evaluation, or nothing where none has changed. What was remembered since the
    /// view was made counts.
    pub fn evaluate(&self, stored: &StoredVisitor) -> Option<Memberships> {
        let known = &stored.visitor.memberships;
        let elsewhere = known.audiences.iter().filter(|(name, _)| self.audiences.elsewhere.contains(*name));
        let elsewhere = elsewhere.map(|(name, membership)| Finding {
            audience: name,
            member: known.is_realized(name),
            definition: &membership.definition,
        });
        let answers = self.answers(stored);
        let own = self.audiences.together.findings(&answers, Some(0)).map(|(finding, _)| finding);
        let findings = own.chain(elsewhere);
        known.after(findings, self.audiences.sequence, self.now)
    }

    fn answers(&self, stored: &StoredVisitor) -> Answers {
        let together = &self.audiences.together;
        let events = stored.visitor.events.iter();
        let events: Vec<Event<'_>> =
            events.map(|event| Event { at: event.at, fields: &event.fields }).collect();
        let audiences = together.known(|name, definition| stored.is_in_by_profile(name, definition));
        let page = [Subject { attributes: &self.attributes, events: &events, audiences: &audiences }];
        // What happens at this very instant lies before the instant of evaluation.
        let after = self.now.saturating_add(SignedDuration::from_millis(1)).unwrap_or(self.now);
        Page::new(&together.plan, &page, after).evaluate()
    }
}

/// As much of a value as its type describes, so that its depth is the schema's; nothing, where a text is too long.
fn described(kind: &FieldType, value: &Value) -> Option<Value> {
    match (kind, value) {
        (FieldType::Object(fields), Value::Object(members)) => {
            let known = members.iter().filter_map(|(name, each)| Some((name, &fields.get(name)?.kind, each)));
            let described =
                known.filter_map(|(name, kind, each)| Some((name.clone(), described(kind, each)?)));
            Some(Value::Object(described.collect()))
        }
        (FieldType::Map(kind), Value::Object(members)) => {
            let described = members.iter().map(|(key, each)| {
                Some((key.clone(), described(kind, each)?)).filter(|_| key.chars().count() <= LONGEST_TEXT)
            });
            Some(Value::Object(described.collect::<Option<_>>()?))
        }
        (FieldType::Array(kind), Value::Array(items)) => {
            Some(Value::Array(items.iter().map(|each| described(kind, each)).collect::<Option<_>>()?))
        }
        (_, Value::String(text)) if text.chars().count() > LONGEST_TEXT => None,
        _ => Some(value.clone()),
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

    use domain::edge::visitor::RecentEvent;
    use domain::merge::IdentityGraph;
    use domain::name::MergePolicyName;
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
        let signal = Signal::new(object(signals), NOW.parse().unwrap());
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
        let view = audiences.view(&Visitor::default(), now);
        let kept = |fields: &str| view.worth_remembering(&object(fields), now);
        assert_eq!(
            kept(r#"{"eventType": "web.webpagedetails.pageViews", "timestamp": "2026-11-22T12:00:00Z"}"#),
            None
        );
        let purchase = r#"{"eventType": "commerce.purchases", "commerce": {"purchases": {"value": 1}}}"#;
        assert_eq!(kept(purchase), Some(object(PURCHASE)));
    }

    #[test]
    fn an_audience_sees_only_the_datasets_that_its_merge_policy_merges() {
        let mut catalogue = catalogue();
        let dataset = |name: &str| name.parse::<DatasetName>().unwrap();
        for (order, expected) in [
            (vec![dataset("crm")], &[][..]),
            (vec![dataset("crm"), dataset("northlight_onsite")], &["recent_movers"]),
        ] {
            let name: MergePolicyName = "named_only".parse().unwrap();
            let attributes = AttributeMerge::DatasetPrecedence(order.clone());
            let policy = MergePolicy {
                name: name.clone(),
                default: false,
                identity_graph: IdentityGraph::Private,
                active_on_edge: false,
                attributes,
            };
            catalogue.merge_policies.insert(name.clone(), policy);
            let movers = catalogue.audiences.get_mut(&"recent_movers".parse().unwrap()).unwrap();
            movers.merge_policy = name;
            let audiences = audiences(&catalogue, "2026-11-22");
            assert_eq!(members(&audiences, &visitor(MOVER, &[]), NOW), expected, "{order:?}");
        }
    }

    #[test]
    fn of_two_datasets_the_one_named_first_stands_however_old() {
        let catalogue = catalogue();
        let mut audiences = audiences(&catalogue, "2026-11-22");
        let [first, second] = ["northlight_onsite", "other"].map(|name| name.parse::<DatasetName>().unwrap());
        audiences.datasets.insert(second.clone(), audiences.datasets[&first].clone());
        let mut stored = visitor(r#"{"plan": "gold"}"#, &[]);
        let newer = "2026-11-22T13:00:00Z".parse().unwrap();
        let signal = Signal::new(object(r#"{"plan": "basic", "age": 3}"#), newer);
        stored.visitor.signals.insert(second.clone(), signal);
        let by_rank = |order: &[&DatasetName]| {
            AttributeMerge::DatasetPrecedence(order.iter().map(|name| (*name).clone()).collect())
        };
        for (merge, expected) in [
            (AttributeMerge::TimestampOrdered, r#"{"plan": "basic", "age": 3}"#),
            (by_rank(&[&first, &second]), r#"{"plan": "gold", "age": 3}"#),
            (by_rank(&[&second, &first]), r#"{"plan": "basic", "age": 3}"#),
            (by_rank(&[&first]), r#"{"plan": "gold"}"#),
        ] {
            let merged = audiences.merged(&stored.visitor, &merge, newer);
            assert_eq!(merged, object(expected), "{merge:?}");
        }
    }

    #[test]
    fn attributes_are_told_as_the_merge_policy_of_the_edge_has_them() {
        let mut catalogue = catalogue();
        let dataset: DatasetName = "northlight_onsite".parse().unwrap();
        let mover = visitor(MOVER, &[]);
        for (order, expected) in [(vec![], "{}"), (vec![dataset], MOVER)] {
            let default = catalogue.merge_policies.values_mut().find(|policy| policy.default).unwrap();
            default.attributes = AttributeMerge::DatasetPrecedence(order);
            let audiences = audiences(&catalogue, "2026-11-22");
            assert_eq!(audiences.attributes(&mover.visitor, NOW.parse().unwrap()), object(expected));
        }
    }

    #[test]
    fn an_audience_says_the_same_at_every_site_and_each_tells_what_its_own_pages_said() {
        let mut catalogue = catalogue();
        let mut other = catalogue.datastreams[&"shop_web".parse().unwrap()].clone();
        other.name = "app".parse().unwrap();
        catalogue.datastreams.insert(other.name.clone(), other.clone());
        let today = "2026-11-22".parse().unwrap();
        let audiences = EdgeAudiences::compile(&catalogue, 7, &other, today).unwrap();
        let mover = visitor(MOVER, &[]);
        assert_eq!(members(&audiences, &mover, NOW), ["recent_movers"]);
        assert!(audiences.attributes(&mover.visitor, NOW.parse().unwrap()).is_empty());
    }

    #[test]
    fn what_does_not_fit_the_schema_is_not_remembered() {
        let catalogue = catalogue();
        let audiences = audiences(&catalogue, "2026-11-22");
        let long = "x".repeat(LONGEST_TEXT + 1);
        let kinds = [
            (r#""string""#, format!("\"{}\"", &long[1..]), true),
            (r#""string""#, format!("\"{long}\""), false),
            (r#""string""#, r#"{"a": {"b": 1}}"#.to_owned(), false),
            (r#""double""#, "1e200".to_owned(), false),
            (r#""double""#, "1e100".to_owned(), true),
            (r#"{"array": "string"}"#, format!("[\"{long}\"]"), false),
            (r#"{"map": "string"}"#, format!("{{\"{long}\": \"a\"}}"), false),
        ];
        let looked_at: FieldPath = "looked_at".parse().unwrap();
        for (kind, sent, is_kept) in kinds {
            let mut audiences = audiences.clone();
            audiences.event_reads.insert(looked_at.clone(), Field::of(serde_json::from_str(kind).unwrap()));
            let mut event = object(PURCHASE);
            event.insert("looked_at".to_owned(), serde_json::from_str(&sent).unwrap());
            let now = NOW.parse().unwrap();
            let kept = audiences.view(&Visitor::default(), now).worth_remembering(&event, now);
            assert_eq!(kept.unwrap().contains_key("looked_at"), is_kept, "{kind} {:.20}", sent);
        }
        let fields = r#"{"object": {"name": {"type": "string"}}}"#;
        let sent = serde_json::from_str(r#"{"name": "a", "unknown": {"deep": [1]}}"#).unwrap();
        let kept = described(&serde_json::from_str(fields).unwrap(), &sent);
        assert_eq!(kept, Some(serde_json::from_str(r#"{"name": "a"}"#).unwrap()));
    }
}
