//! Profiles: everything that is stored of one person, and the merged view of it.

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

impl Profile {
    /// The fragments that may be used at an instant: those whose dataset is in the catalogue, kept long enough, and
    /// under a contract that has not run out. What is swept up later is out of use at once. What is keyed by a partner's
    /// ID counts while another of them holds that ID.
    pub fn usable<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'a FragmentKey, &'a Fragment)> {
        let is_current = move |(key, fragment): &(&'a FragmentKey, &'a Fragment)| {
            let dataset = catalogue.datasets.get(&key.dataset);
            dataset.is_some_and(|dataset| {
                is_kept_of(dataset, fragment.confirmed, self.graph.prospect, now)
                    && is_under_contract(catalogue, dataset, day(now))
            })
        };
        let is_held = move |partner_id: &IdentityKey| {
            let mut current = self.fragments.iter().filter(is_current);
            current.any(|(_, fragment)| fragment.holds(partner_id))
        };
        self.fragments
            .iter()
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

    /// The identities that a merge policy sees: those of the person or, without the identity graph, those that the records
    /// name that it looks at.
    pub fn identities_seen<'a>(
        &'a self,
        catalogue: &'a Catalogue,
        policy: &MergePolicy,
        now: Timestamp,
    ) -> BTreeSet<&'a IdentityKey> {
        match policy.identity_graph {
            IdentityGraph::Private => self.graph.identities.keys().collect(),
            IdentityGraph::None => {
                self.seen(catalogue, policy, now).flat_map(|(_, fragment)| &fragment.identities).collect()
            }
        }
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
            return self.graph.newest_of(namespace, |key| seen.contains(key));
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

fn is_kept_of(dataset: &Dataset, confirmed: i32, is_prospect: bool, now: Timestamp) -> bool {
    let days = dataset.retention.days_of(is_prospect);
    let kept = days.is_none_or(|days| day_number(now).saturating_sub(confirmed) <= i32::from(days));
    kept && dataset.retention.until.is_none_or(|until| day(now) <= until)
}

/// Whether no contract stands behind a dataset that has run out.
pub fn is_under_contract(catalogue: &Catalogue, dataset: &Dataset, today: Date) -> bool {
    let contract = catalogue.partner_of(dataset).and_then(|partner| partner.contract.as_ref());
    contract.is_none_or(|contract| !contract.has_ended(today))
}
