//! Changes of what is stored of a profile, and which dataflows they may concern.

use crate::dataflow::{Dataflow, Source, State};
use crate::fragment::Fragment;
use crate::graph::Graph;
use crate::identity::Identity;
use crate::membership::Memberships;
use crate::namespace::NamespaceCode;
use crate::value;

/// A change of one thing that is stored of a profile.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Of its identity graph.
    Graph(Box<Versions<Graph>>),
    /// Of one of its fragments.
    Fragment(Box<Versions<Fragment>>),
    /// Of its memberships.
    Memberships(Versions<Memberships>),
    /// Of the copy of a visitor's memberships. Who copies them marks nothing.
    EdgeMemberships(Versions<Memberships>),
}

/// What was stored before a change, and after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Versions<T> {
    /// Before; nothing, if it is new.
    pub old: Option<T>,
    /// After; nothing, if it is gone.
    pub new: Option<T>,
}

impl<T> Versions<T> {
    /// Whether a part has changed. What is not stored has the part that stands for nothing.
    fn differ<'a, P: PartialEq + Default>(&'a self, part: impl Fn(&'a T) -> P) -> bool {
        let of = |version: &'a Option<T>| version.as_ref().map(&part).unwrap_or_default();
        of(&self.old) != of(&self.new)
    }
}

impl Change {
    /// Whether a dataflow may want something else of the profile than before.
    ///
    /// The change alone tells, without the profile, so that most changes cost no read. What only the whole profile
    /// tells, such as a fragment that now stands above another, is left to the sweep.
    pub fn concerns(&self, dataflow: &Dataflow) -> bool {
        if dataflow.state == State::Retiring || self.is_birth() {
            return false;
        }
        let mut sources = dataflow.mapping.iter().map(|mapping| &mapping.source);
        match self {
            Change::Memberships(memberships) | Change::EdgeMemberships(memberships) => {
                memberships.differ(|each| each.is_realized(&dataflow.audience))
            }
            Change::Graph(graph) => {
                graph.differ(|each| {
                    (each.merged_into.as_ref(), each.arriving.is_empty(), each.ending.is_some())
                }) || sources.any(|source| match source {
                    Source::Identity(namespace) => graph.differ(|each| each.newest(namespace, |_| true)),
                    Source::Field(_) => false,
                })
            }
            Change::Fragment(fragment) => {
                let differs = |path| fragment.differ(|each| value::at(&each.attributes, path));
                dataflow.consents.iter().any(|required| differs(&required.consent.field))
                    || sources.any(|source| match source {
                        Source::Identity(namespace) => fragment.differ(|each| partner_ids(each, namespace)),
                        Source::Field(path) => differs(path),
                    })
            }
        }
    }

    /// Whether the profile is only being made: it is in no audience yet.
    fn is_birth(&self) -> bool {
        match self {
            Change::Graph(graph) => graph.old.is_none(),
            Change::Fragment(fragment) => {
                fragment.old.is_none() && fragment.new.as_ref().is_some_and(|new| new.created_profile)
            }
            Change::Memberships(_) | Change::EdgeMemberships(_) => false,
        }
    }
}

fn partner_ids<'a>(fragment: &'a Fragment, namespace: &NamespaceCode) -> Vec<&'a Identity> {
    fragment.partner_ids.iter().filter(|identity| identity.namespace == *namespace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    use crate::dataflow::Mapping;
    use crate::fragment::OrderToken;
    use crate::governance::consent::{Consent, RequiredConsent};
    use crate::graph::Node;
    use crate::value::{Object, Value};

    fn dataflow(source: Source) -> Dataflow {
        Dataflow {
            name: "flow".parse().unwrap(),
            audience: "a".parse().unwrap(),
            destination: "vendor".parse().unwrap(),
            mapping: vec![Mapping { target: "x".to_owned(), source }],
            consents: Vec::new(),
            state: State::Active,
        }
    }

    fn by_identity(namespace: &str) -> Dataflow {
        dataflow(Source::Identity(namespace.parse().unwrap()))
    }

    fn by_field(path: &str) -> Dataflow {
        dataflow(Source::Field(path.parse().unwrap()))
    }

    fn key(digit: char) -> crate::identity::IdentityKey {
        format!("k1:{}", digit.to_string().repeat(32)).parse().unwrap()
    }

    fn token() -> OrderToken {
        OrderToken { time: 1, batch: 1, row: 1 }
    }

    fn graph(value: &str, linked: u64) -> Graph {
        let node = |namespace: &str, value: &str, linked| Node {
            namespace: namespace.parse().unwrap(),
            value: value.to_owned(),
            linked,
        };
        Graph {
            identities: BTreeMap::from([
                (key('a'), node("Email", "old@example.com", 1)),
                (key('b'), node("Email", value, linked)),
                (key('c'), node("CRMID", "C-1", linked)),
            ]),
            ..Graph::empty(token())
        }
    }

    fn fragment(plan: &str, partner_id: &str) -> Fragment {
        let partner_id =
            Identity { key: key('d'), namespace: "PartnerID".parse().unwrap(), value: partner_id.to_owned() };
        Fragment {
            version: 1,
            token: token(),
            hash: serde_json::from_str("\"h\"").unwrap(),
            identities: BTreeSet::new(),
            partner_ids: BTreeSet::from([partner_id]),
            attributes: Object::from([("plan".to_owned(), Value::String(plan.to_owned()))]),
            older: BTreeMap::new(),
            confirmed: 0,
            created_profile: false,
        }
    }

    fn of_graph(old: Option<Graph>, new: Option<Graph>) -> Change {
        Change::Graph(Box::new(Versions { old, new }))
    }

    fn of_fragment(old: Option<Fragment>, new: Option<Fragment>) -> Change {
        Change::Fragment(Box::new(Versions { old, new }))
    }

    fn of_memberships(old: &str, new: &str) -> Change {
        let read = |status: &str| {
            let text = format!(
                r#"{{"version":1,"sequence":1,"audiences":{{"a":{{"status":"{status}","since":"2026-01-31T12:00:00Z","definition":"d"}}}}}}"#
            );
            (!status.is_empty()).then(|| serde_json::from_str(&text).unwrap())
        };
        Change::Memberships(Versions { old: read(old), new: read(new) })
    }

    #[test]
    fn a_membership_concerns_the_dataflows_of_its_audience_when_its_status_changes() {
        let flow = by_identity("Email");
        assert!(of_memberships("", "realized").concerns(&flow));
        assert!(of_memberships("realized", "exited").concerns(&flow));
        assert!(of_memberships("realized", "").concerns(&flow));
        assert!(!of_memberships("exited", "").concerns(&flow));
        assert!(!of_memberships("realized", "realized").concerns(&flow));
        let other = Dataflow { audience: "b".parse().unwrap(), ..flow.clone() };
        assert!(!of_memberships("", "realized").concerns(&other));
        let retiring = Dataflow { state: State::Retiring, ..flow };
        assert!(!of_memberships("realized", "exited").concerns(&retiring));
    }

    #[test]
    fn a_graph_concerns_those_that_map_a_namespace_whose_newest_identity_changes() {
        let newer = of_graph(Some(graph("new@example.com", 0)), Some(graph("new@example.com", 2)));
        assert!(newer.concerns(&by_identity("Email")));
        assert!(!newer.concerns(&by_identity("CRMID")));
        assert!(!newer.concerns(&by_field("plan")));
        let merged =
            Graph { merged_into: Some("0".repeat(32).parse().unwrap()), ..graph("b@example.com", 2) };
        assert!(of_graph(Some(graph("b@example.com", 2)), Some(merged)).concerns(&by_field("plan")));
    }

    #[test]
    fn a_fragment_concerns_those_that_map_a_value_or_partner_id_that_changes() {
        let change = of_fragment(Some(fragment("basic", "N-1")), Some(fragment("gold", "N-1")));
        assert!(change.concerns(&by_field("plan")));
        assert!(!change.concerns(&by_field("tier")));
        assert!(!change.concerns(&by_identity("PartnerID")));
        let change = of_fragment(Some(fragment("gold", "N-1")), Some(fragment("gold", "N-2")));
        assert!(!change.concerns(&by_field("plan")));
        assert!(change.concerns(&by_identity("PartnerID")));
        assert!(of_fragment(Some(fragment("gold", "N-1")), None).concerns(&by_field("plan")));
    }

    #[test]
    fn a_fragment_concerns_those_that_ask_for_a_consent_that_changes() {
        let required = RequiredConsent {
            policy: "mail".parse().unwrap(),
            consent: Consent { field: "plan".parse().unwrap(), values: vec![Value::String("gold".into())] },
        };
        let flow = Dataflow { consents: vec![required], ..by_field("tier") };
        let change = |new| of_fragment(Some(fragment("gold", "N-1")), new);
        assert!(change(Some(fragment("basic", "N-1"))).concerns(&flow));
        assert!(change(None).concerns(&flow));
        assert!(!change(Some(fragment("gold", "N-2"))).concerns(&flow));
    }

    #[test]
    fn a_profile_that_is_being_made_concerns_none() {
        assert!(!of_graph(None, Some(graph("b@example.com", 2))).concerns(&by_identity("Email")));
        let first = Fragment { created_profile: true, ..fragment("gold", "N-1") };
        assert!(!of_fragment(None, Some(first)).concerns(&by_field("plan")));
        assert!(of_fragment(None, Some(fragment("gold", "N-1"))).concerns(&by_field("plan")));
    }
}
