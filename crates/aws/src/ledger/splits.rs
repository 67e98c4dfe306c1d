//! Splits of graphs, as people made them: for the audit, which names nobody.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::identity::ProfileId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::item::item;
use crate::{Error, keys};

/// A split that a person made. Which identities went out stands on the graphs, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitRecord {
    /// When.
    pub at: Timestamp,
    /// By whom, as the machine that did it says.
    pub by: String,
    /// The sequence of the catalogue in force.
    pub sequence: u64,
    /// The profile from which identities were taken.
    pub from: ProfileId,
    /// The profile that they are from then on; none where nothing is known of them but their links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ProfileId>,
    /// How many identities changed hands.
    pub identities: u64,
}

impl Ledger {
    /// The splits that people made, oldest first.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn splits(&self) -> Result<Vec<SplitRecord>, Error> {
        self.list(keys::SPLITS, keys::SPLIT).await
    }

    /// The part of a transaction that keeps a split.
    pub(crate) fn keep_split(&self, record: &SplitRecord) -> Result<TransactWriteItem, Error> {
        let content = item(keys::SPLITS, keys::split(record.at, &record.from), record)?;
        let put = Put::builder().table_name(&self.table).set_item(Some(content)).build();
        let put = put.map_err(|error| Error::of("keep a split", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}
