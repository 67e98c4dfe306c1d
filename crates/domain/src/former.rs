//! What has left a project while what it brought is still stored: whoever takes one of its names again is held to what was
//! said of it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::name::{DatasetName, PartnerName};
use crate::schema::Schema;

/// What has left a project, be it long ago.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Former {
    /// Datasets, whose fragments are stored.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub datasets: BTreeMap<DatasetName, FormerDataset>,
    /// Partners whom a command has offboarded, and the last day of their contract.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partners: BTreeMap<PartnerName, Date>,
}

/// What is known of a dataset that has left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerDataset {
    /// The schema by which its records are stored.
    pub schema: Schema,
    /// The last day of its use, where a command has ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Date>,
}

impl Former {
    /// Whether nothing has left.
    pub fn is_empty(&self) -> bool {
        *self == Former::default()
    }

    /// What has left by the next catalogue.
    pub fn of(previous: &Catalogue, next: &Catalogue) -> Former {
        let mut former = previous.former.clone();
        former.datasets.extend(previous.datasets.keys().filter_map(|name| {
            let schema = previous.schema_of(name)?.clone();
            Some((name.clone(), FormerDataset { schema, ended: previous.ordered_end(name) }))
        }));
        former.partners.extend(previous.partners.keys().filter_map(|name| {
            let ended = previous.ordered_contract_end(name)?;
            Some((name.clone(), ended))
        }));
        former.datasets.retain(|name, _| !next.datasets.contains_key(name));
        former.partners.retain(|name, _| !next.partners.contains_key(name));
        former
    }
}
