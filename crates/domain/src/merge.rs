//! Merge policies, and the merged view of a profile that they give.

use serde::{Deserialize, Serialize};

use crate::name::{DatasetName, MergePolicyName};

/// How the fragments of a profile become one view of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergePolicy {
    /// Its name in the project.
    pub name: MergePolicyName,
    /// Whether audiences that name none use it. A project has one.
    #[serde(default)]
    pub default: bool,
    /// Which fragment's value of an attribute stands.
    pub attributes: AttributeMerge,
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

impl AttributeMerge {
    /// Whether a dataset can supply attributes under this policy.
    pub fn merges(&self, dataset: &DatasetName) -> bool {
        match self {
            AttributeMerge::TimestampOrdered => true,
            AttributeMerge::DatasetPrecedence(order) => order.contains(dataset),
        }
    }
}
