//! Which catalogue is in force, and which were.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::catalogue::Pointer;
use domain::name::DataflowName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::Error;
use crate::item::{attribute, item};

/// One apply: which catalogue came into force, when and by whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// What came into force.
    #[serde(flatten)]
    pub pointer: Pointer,
    /// When.
    pub at: Timestamp,
    /// By whom, as whoever applied it says, or the machine.
    pub by: String,
    /// The dataflows that might send then.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allowed: BTreeSet<DataflowName>,
    /// The dataflows that policies or contracts refused then.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub blocked: BTreeSet<DataflowName>,
}

/// What became of moving the pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It points to the new catalogue.
    Moved,
    /// Somebody else has moved it since it was read.
    Raced,
}

const CATALOGUE: &str = "catalogue";
const POINTER: &str = "pointer";

impl Ledger {
    /// The catalogue in force, read strongly; none before the first apply.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn pointer(&self) -> Result<Option<Pointer>, Error> {
        self.get(CATALOGUE, POINTER).await
    }

    /// Moves the pointer on condition of what was read, and notes the apply beside it.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn move_pointer(&self, read: Option<&Pointer>, applied: &Applied) -> Result<Moved, Error> {
        let pointer = Put::builder().table_name(&self.table).set_item(Some(item(
            CATALOGUE,
            POINTER,
            &applied.pointer,
        )?));
        let pointer = match read {
            None => pointer.condition_expression("attribute_not_exists(pk)"),
            Some(read) => pointer
                .condition_expression("#sequence = :read")
                .expression_attribute_names("#sequence", "sequence")
                .expression_attribute_values(":read", attribute(&read.sequence)?),
        };
        let sk = format!("applied#{:012}", applied.pointer.sequence);
        let note = Put::builder().table_name(&self.table).set_item(Some(item(CATALOGUE, sk, applied)?));
        let mut transaction = self.client.transact_write_items();
        for put in [pointer, note] {
            let put = put.build().map_err(|error| Error::of("build a transaction", error))?;
            transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
        }
        match transaction.send().await {
            Ok(_) => Ok(Moved::Moved),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(TransactWriteItemsError::is_transaction_canceled_exception) =>
            {
                Ok(Moved::Raced)
            }
            Err(error) => Err(Error::of("move the catalogue's pointer", error)),
        }
    }

    /// Every apply, oldest first.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn applied(&self) -> Result<Vec<Applied>, Error> {
        self.list(CATALOGUE, "applied#").await
    }
}
