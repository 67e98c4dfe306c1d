//! Profiles: everything that is stored of one person, and the merged view of it.

pub mod pseudonymous;
mod strays;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::audience::{DefinitionHash, Population};
use crate::catalogue::Catalogue;
use crate::dataset::Dataset;
use crate::delivery::Delivery;
use crate::fragment::{Fragment, FragmentKey};
use crate::graph::Graph;
use crate::identity::{Identity, IdentityKey, ProfileId};
use crate::membership::Memberships;
use crate::merge::{IdentityGraph, MergePolicy, Supplied};
use crate::name::{AudienceName, DataflowName, DatasetName};
use crate::namespace::NamespaceCode;
use crate::value::{self, FieldPath, Object};

/// Everything that is stored of one person.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its id.
    pub id: ProfileId,
    /// Its identity graph.
    pub graph: Graph,
    /// What each dataset says of each of its identities.
    pub fragments: BTreeMap<FragmentKey, Fragment>,
    /// The audiences that it is in, as evaluated on schedule.
    pub memberships: Memberships,
    /// The edge audiences that its visitors are in, by the key of each visitor's ECID.
    pub edge_memberships: BTreeMap<IdentityKey, Memberships>,
    /// What each dataflow has sent of it.
    pub deliveries: BTreeMap<DataflowName, Delivery>,
}

/// One view of a profile under a merge policy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merged {
    /// The attributes.
    pub attributes: Object,
    /// Which dataset each attribute comes from, by the path of the leaf.
    pub sources: BTreeMap<FieldPath, DatasetName>,
}

/// The day of an instant in UTC.
pub fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// The number of a day, counted from 1970-01-01.
pub fn day_number(now: Timestamp) -> i32 {
    i32::try_from(now.as_second().div_euclid(86_400)).unwrap_or(i32::MAX)
}

/// The number of the day of an instant in milliseconds since 1970.
fn day_number_of(milliseconds: u64) -> i32 {
    i32::try_from(milliseconds / 86_400_000).unwrap_or(i32::MAX)
}

impl Profile {
    /// The fragments that may be used at an instant: those whose dataset is in the catalogue, kept long enough, and
    /// under a contract that has not run out. What is swept up later is out of use at once. What is keyed by a partner's
    /// ID counts while another of them holds that ID. Of a pseudonymous profile that has expired none may be used.
    pub fn usable<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'a FragmentKey, &'a Fragment)> {
        let is_current = move |(key, fragment): &(&'a FragmentKey, &'a Fragment)| {
            self.is_current(catalogue, &key.dataset, fragment.confirmed, now)
        };
        let is_held = move |partner_id: &IdentityKey| {
            let mut current = self.fragments.iter().filter(is_current);
            current.any(|(_, fragment)| fragment.holds(partner_id))
        };
        let is_there = !self.has_expired(catalogue, now);
        self.fragments
            .iter()
            .filter(move |_| is_there)
            .filter(is_current)
            .filter(move |(key, fragment)| !fragment.is_keyed_by_partner_id() || is_held(&key.primary))
    }

    /// The fragments that a merge policy looks at: of those that may be used all or, without the identity graph, those
    /// whose records are keyed by the one identity that stands for the person. A prospect has but one.
    pub fn seen<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        policy: &MergePolicy,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'a FragmentKey, &'a Fragment)> {
        let sees_all = policy.identity_graph == IdentityGraph::Private || self.graph.prospect;
        let only = if sees_all { None } else { self.sole_identity(catalogue, now) };
        self.usable(catalogue, now).filter(move |(key, _)| sees_all || only == Some(&key.primary))
    }

    /// Of the identities that what may be used is keyed by, the one of the namespace of the highest priority; of several of
    /// that the one that was linked last.
    fn sole_identity<'a>(&'a self, catalogue: &'a Catalogue, now: Timestamp) -> Option<&'a IdentityKey> {
        let keys = self.usable(catalogue, now).map(|(key, _)| &key.primary);
        let nodes = keys.filter_map(|key| Some((key, self.graph.identities.get(key)?)));
        let first =
            nodes.min_by_key(|(key, node)| (catalogue.priority(&node.namespace), Reverse(node.linked), *key));
        first.map(|(key, _)| key)
    }

    /// The identities that a merge policy sees: those of the person that records which may be used speak for or, without
    /// the identity graph, those that the records name that it looks at.
    pub fn identities_seen<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        policy: &MergePolicy,
        now: Timestamp,
    ) -> BTreeSet<&'a IdentityKey> {
        match policy.identity_graph {
            _ if self.has_expired(catalogue, now) => BTreeSet::new(),
            IdentityGraph::Private => {
                self.graph.identities.keys().filter(|key| self.may_use(catalogue, key, now)).collect()
            }
            IdentityGraph::None => {
                self.seen(catalogue, policy, now).flat_map(|(_, fragment)| &fragment.identities).collect()
            }
        }
    }

    /// Whether what a dataset said of the person on a day, by its number, may be used at an instant.
    fn is_current(
        &self,
        catalogue: &Catalogue,
        dataset: &DatasetName,
        confirmed: i32,
        now: Timestamp,
    ) -> bool {
        catalogue.datasets.get(dataset).is_some_and(|dataset| {
            is_kept_of(dataset, confirmed, self.graph.prospect, now)
                && is_under_contract(catalogue, dataset, day(now))
        })
    }

    /// Whether an identity of the graph may be used at an instant: a record that may be used names it, or linked it. It
    /// stays in the graph all the same, so that whoever comes by it is found.
    fn may_use(&self, catalogue: &Catalogue, key: &IdentityKey, now: Timestamp) -> bool {
        let is_linked = || {
            let mut edges = self.graph.edges.iter();
            edges.any(|edge| {
                (edge.between.0 == *key || edge.between.1 == *key)
                    && self.is_current(catalogue, &edge.source, day_number_of(edge.at), now)
            })
        };
        self.usable(catalogue, now).any(|(_, fragment)| fragment.identities.contains(key)) || is_linked()
    }

    /// Of whom the profile is.
    pub fn population(&self) -> Population {
        if self.graph.prospect { Population::Prospects } else { Population::Customers }
    }

    /// Whether the profile is in an audience as a definition decided it; nothing where it is in as another one did.
    /// It is in an edge audience if one of its visitors is.
    pub fn is_realized_by(&self, audience: &AudienceName, definition: &DefinitionHash) -> Option<bool> {
        let mut all = std::iter::once(&self.memberships).chain(self.edge_memberships.values());
        all.try_fold(false, |is_in, each| Some(is_in | each.is_realized_by(audience, definition)?))
    }

    /// Whether one of the profile's visitors is in an edge audience as a definition decided it.
    pub fn is_in_at_edge(&self, audience: &AudienceName, definition: &DefinitionHash) -> bool {
        let mut all = self.edge_memberships.values();
        all.any(|memberships| memberships.is_realized_by(audience, definition) == Some(true))
    }

    /// The merged view of the profile.
    pub fn merged(&self, catalogue: &Catalogue, policy: &MergePolicy, now: Timestamp) -> Merged {
        let supplied = self.seen(catalogue, policy, now).flat_map(|(key, fragment)| {
            let leaves = value::leaves(&fragment.attributes).into_iter();
            leaves.map(move |(field, value)| {
                // Equal tokens are settled by key.
                let order = (fragment.token_of(&field), Reverse(key));
                Supplied { dataset: &key.dataset, field, value, order }
            })
        });
        policy.attributes.merge(supplied)
    }

    /// The partners' IDs on the profile. They are no part of its graph.
    pub fn partner_ids<'a>(&'a self, catalogue: &'a Catalogue, now: Timestamp) -> BTreeSet<&'a Identity> {
        self.usable(catalogue, now).flat_map(|(_, fragment)| &fragment.partner_ids).collect()
    }

    /// The identity of a namespace that stands for the person, as far as a merge policy sees: the one that was linked last,
    /// or the partner's ID of the newest fragment that has one.
    pub fn newest_identity(
        &self,
        catalogue: &Catalogue,
        policy: &MergePolicy,
        namespace: &NamespaceCode,
        now: Timestamp,
    ) -> Option<Identity> {
        let links = catalogue.namespace(namespace).is_some_and(|known| known.kind.links_people());
        if links {
            let seen = self.identities_seen(catalogue, policy, now);
            return self.graph.newest(namespace, |key| seen.contains(key));
        }
        self.seen(catalogue, policy, now)
            .flat_map(|(_, fragment)| {
                fragment.partner_ids.iter().map(move |identity| (fragment.token, identity))
            })
            .filter(|(_, identity)| identity.namespace == *namespace)
            .max()
            .map(|(_, identity)| identity.clone())
    }
}

/// Whether what a dataset said of a customer on a day, by its number, may still be used as far as the dataset's retention
/// goes.
pub fn is_kept(dataset: &Dataset, confirmed: i32, now: Timestamp) -> bool {
    is_kept_of(dataset, confirmed, false, now)
}

pub(crate) fn is_kept_of(dataset: &Dataset, confirmed: i32, is_prospect: bool, now: Timestamp) -> bool {
    let days = dataset.retention.days_of(is_prospect);
    let kept = days.is_none_or(|days| day_number(now).saturating_sub(confirmed) <= i32::from(days));
    kept && dataset.retention.until.is_none_or(|until| day(now) <= until)
}

/// Whether no contract stands behind a dataset that has run out.
pub fn is_under_contract(catalogue: &Catalogue, dataset: &Dataset, today: Date) -> bool {
    let contract = catalogue.partner_of(dataset).and_then(|partner| partner.contract.as_ref());
    contract.is_none_or(|contract| !contract.has_ended(today))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::WriteMode;
    use crate::fragment::{Change, OrderToken, Record, WriteRules, decide};
    use crate::identity::Keyring;
    use crate::membership::Memberships;
    use crate::namespace::Namespace;

    /// A catalogue with one dataset, `own`, kept as said.
    fn catalogue(retention: &str) -> Catalogue {
        let namespaces = serde_json::to_string(&Namespace::standard()).unwrap();
        let text = format!(
            r#"{{
                "format": 1, "title": "", "namespaces": {namespaces}, "schemas": {{}}, "merge_policies": {{}},
                "policies": {{}}, "audiences": {{}}, "destinations": {{}}, "dataflows": {{}}, "partners": {{}},
                "datasets": {{"own": {{
                    "name": "own", "title": "", "schema": "s", "write_mode": "replace",
                    "source": {{"datastream": "site", "fields": {{"a": "b"}}}},
                    "on_unmatched": "create", "error_threshold": 5.0, "retention": {retention}
                }}}}
            }}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    /// Identities by namespace and value.
    type Names<'a> = &'a [(&'a str, &'a str)];

    /// A profile that a dataset has linked a phone number and an e-mail address for, and of which `own` names the number.
    fn profile(links: &str, own: Names<'_>) -> Profile {
        let keyring = Keyring::new(1, &[7; 32]).unwrap();
        let identity = |(code, value): &(&str, &str)| {
            let namespace = Namespace::standard().into_iter().find(|each| each.code.as_str() == *code);
            keyring.identity(&namespace.unwrap(), value).unwrap()
        };
        let record = |names: Names<'_>| Record {
            token: OrderToken { time: 86_400_000, batch: 1, row: 1 },
            primary: identity(names.first().unwrap()),
            others: names.iter().skip(1).map(identity).collect(),
            partner_ids: BTreeSet::new(),
            attributes: Object::new(),
        };
        let rules = WriteRules {
            mode: WriteMode::Replace,
            keyed_by_partner_id: false,
            row_times: false,
            confirm_after: None,
            today: 1,
        };
        let record_of_own = record(own);
        let Change::Written(fragment) = decide(None, &record_of_own, rules) else { panic!("not written") };
        let key = FragmentKey { dataset: "own".parse().unwrap(), primary: record_of_own.primary.key };
        Profile {
            id: "0".repeat(32).parse().unwrap(),
            graph: Graph::born(&record(&[PHONE, EMAIL]), &links.parse().unwrap()),
            fragments: BTreeMap::from([(key, fragment)]),
            memberships: Memberships::default(),
            edge_memberships: BTreeMap::new(),
            deliveries: BTreeMap::new(),
        }
    }

    /// A merge policy that sees all of a person.
    fn policy() -> MergePolicy {
        let text = r#"{"name": "newest", "attributes": "timestamp_ordered"}"#;
        serde_json::from_str(text).unwrap()
    }

    const PHONE: (&str, &str) = ("Phone_E.164", "+15550100");
    const EMAIL: (&str, &str) = ("Email", "ann@example.com");

    #[test]
    fn an_identity_is_in_use_while_a_record_that_may_be_used_speaks_for_it() {
        let now: Timestamp = "1970-01-10T00:00:00Z".parse().unwrap();
        let cases: [(&str, &str, Names<'_>, &str, bool); 5] = [
            ("a dataset that is there has linked it", "own", &[PHONE], "{}", true),
            ("the dataset that linked it has left the project", "theirs", &[PHONE], "{}", false),
            ("another names it besides", "theirs", &[PHONE, EMAIL], "{}", true),
            ("it has ended", "own", &[PHONE, EMAIL], r#"{"until": "1970-01-09"}"#, false),
            ("it is too long ago", "own", &[PHONE, EMAIL], r#"{"days": 7}"#, false),
        ];
        for (case, links, own, retention, expected) in cases {
            let found = profile(links, own).newest_identity(
                &catalogue(retention),
                &policy(),
                &EMAIL.0.parse().unwrap(),
                now,
            );
            assert_eq!(found.is_some(), expected, "{case}");
        }
    }
}
