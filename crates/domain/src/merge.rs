//! Merge policies, and the merged view of a profile that they give.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

use crate::name::{DatasetName, MergePolicyName};
use crate::profile::Merged;
use crate::value::{self, FieldPath, Value};

/// How the fragments of a profile become one view of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergePolicy {
    /// Its name in the project.
    pub name: MergePolicyName,
    /// Whether audiences that name none use it. A project has one.
    #[serde(default)]
    pub default: bool,
    /// Whether what lies with several identities of a person is seen as one.
    #[serde(default, skip_serializing_if = "IdentityGraph::is_private")]
    pub identity_graph: IdentityGraph,
    /// Whether edge audiences use it. One of a project's does at most; where none is, the default one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub active_on_edge: bool,
    /// Which fragment's value of an attribute stands.
    pub attributes: AttributeMerge,
}

/// Whose records a merge policy looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityGraph {
    /// Those of all identities that the company's own graph links: a stitched identity.
    #[default]
    Private,
    /// Those of one identity alone.
    None,
}

impl IdentityGraph {
    fn is_private(&self) -> bool {
        *self == IdentityGraph::Private
    }
}

/// Which fragment's value of an attribute stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeMerge {
    /// The newest.
    TimestampOrdered,
    /// That of the dataset named first; within a dataset the newest. Datasets that are not named are not merged at all.
    DatasetPrecedence(Vec<DatasetName>),
}

/// A value that a dataset has for a field. Of several of a dataset, or of datasets that have no precedence, the one of the
/// greatest order stands: it must tell them apart, so that the order of reading does not matter.
#[derive(Debug)]
pub struct Supplied<'a, Order> {
    /// The dataset.
    pub dataset: &'a DatasetName,
    /// The field.
    pub field: FieldPath,
    /// The value.
    pub value: &'a Value,
    /// When it was said, and by what.
    pub order: Order,
}

impl AttributeMerge {
    /// Whether a dataset can supply attributes under this policy.
    pub fn merges(&self, dataset: &DatasetName) -> bool {
        self.rank(dataset).is_some()
    }

    /// The rank of a dataset, of which the least stands; none, where it is not merged.
    fn rank(&self, dataset: &DatasetName) -> Option<usize> {
        match self {
            AttributeMerge::TimestampOrdered => Some(0),
            AttributeMerge::DatasetPrecedence(order) => order.iter().position(|each| each == dataset),
        }
    }

    /// What stands of all that is supplied.
    pub fn merge<'a, Order: Ord>(&self, all: impl IntoIterator<Item = Supplied<'a, Order>>) -> Merged {
        let mut standing: BTreeMap<FieldPath, (usize, Supplied<'a, Order>)> = BTreeMap::new();
        for supplied in all {
            let Some(rank) = self.rank(supplied.dataset) else { continue };
            match standing.entry(supplied.field.clone()) {
                Entry::Vacant(entry) => {
                    entry.insert((rank, supplied));
                }
                Entry::Occupied(mut entry) => {
                    let (known_rank, known) = entry.get();
                    if rank < *known_rank || (rank == *known_rank && supplied.order > known.order) {
                        entry.insert((rank, supplied));
                    }
                }
            }
        }
        let mut merged = Merged::default();
        for (field, (_, Supplied { dataset, value, .. })) in standing {
            value::insert(&mut merged.attributes, &field, value.clone());
            merged.sources.insert(field, dataset.clone());
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dataset(name: &str) -> DatasetName {
        name.parse().unwrap()
    }

    fn merged(merge: &AttributeMerge, all: &[(&str, i64)]) -> Option<(Value, DatasetName)> {
        let datasets: Vec<DatasetName> = all.iter().map(|(name, _)| dataset(name)).collect();
        let values: Vec<Value> = all.iter().map(|(_, time)| Value::Integer(*time)).collect();
        let field: FieldPath = "plan".parse().unwrap();
        let supplied = datasets.iter().zip(&values).zip(all).map(|((dataset, value), (name, time))| {
            Supplied { dataset, field: field.clone(), value, order: (*time, *name) }
        });
        let merged = merge.merge(supplied);
        Some((value::at(&merged.attributes, &field)?.clone(), merged.sources[&field].clone()))
    }

    #[test]
    fn the_newest_stands_or_the_dataset_that_is_named_first() {
        let ranked = |order: &[&str]| {
            AttributeMerge::DatasetPrecedence(order.iter().map(|name| dataset(name)).collect())
        };
        let said = [("crm", 1), ("shop", 3), ("crm", 2)];
        for (merge, expected) in [
            (AttributeMerge::TimestampOrdered, Some((3, "shop"))),
            (ranked(&["crm", "shop"]), Some((2, "crm"))),
            (ranked(&["shop", "crm"]), Some((3, "shop"))),
            (ranked(&["crm"]), Some((2, "crm"))),
            (ranked(&["elsewhere"]), None),
        ] {
            let expected = expected.map(|(value, name)| (Value::Integer(value), dataset(name)));
            assert_eq!(merged(&merge, &said), expected, "{merge:?}");
        }
    }

    proptest! {
        #[test]
        fn the_order_of_reading_does_not_matter(
            said in prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), 0_i64..4), 0..8),
            order in prop::sample::subsequence(vec!["a", "b", "c"], 0..=3).prop_shuffle(),
        ) {
            let reversed: Vec<_> = said.iter().rev().copied().collect();
            let ranked = AttributeMerge::DatasetPrecedence(order.iter().map(|name| dataset(name)).collect());
            for merge in [AttributeMerge::TimestampOrdered, ranked] {
                prop_assert_eq!(merged(&merge, &said), merged(&merge, &reversed));
            }
        }
    }
}
