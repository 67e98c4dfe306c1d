//! Which snapshots of a dataset stand: those whose records may be stored.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::name::DatasetName;
use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::item::item;
use crate::{Error, keys};

/// The batches of a dataset whose records may be stored, oldest first: the one that was applied last, and those after it
/// of which a part was. Noted before the first row is applied: never one less than there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Their numbers.
    pub batches: Vec<u64>,
    /// Goes up by one with every write; a write is made on condition of the version that was read.
    pub version: u64,
}

const SNAPSHOTS: &str = "snapshots";

impl Ledger {
    /// The snapshots of a dataset that stand; none before the first.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn standing(&self, dataset: &DatasetName) -> Result<Standing, Error> {
        Ok(self.get(&keys::dataset(Some(dataset)), SNAPSHOTS).await?.unwrap_or_default())
    }

    /// Replaces the snapshots of a dataset that stand, on condition of the version that was read. Says whether they were.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn put_standing(
        &self,
        dataset: &DatasetName,
        batches: Vec<u64>,
        read: u64,
    ) -> Result<bool, Error> {
        let standing = Standing { batches, version: read.saturating_add(1) };
        let put = self
            .client
            .put_item()
            .set_item(Some(item(keys::dataset(Some(dataset)), SNAPSHOTS, &standing)?))
            .condition_expression("attribute_not_exists(pk) OR #version = :read")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":read", AttributeValue::N(read.to_string()));
        self.put_if(put).await
    }
}
