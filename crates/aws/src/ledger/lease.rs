//! The lease of a dataset whose rows have no times of their own: its batches are applied one at a time, and none
//! after a newer one.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::name::DatasetName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::item::{attribute, item};
use crate::{Error, keys};

/// Where a batch stands among those of its dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Watermark {
    /// The time that its rows stand for.
    pub time: Timestamp,
    /// Its number.
    pub batch: u64,
}

/// What became of asking for a dataset's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// The batch has it.
    Held,
    /// Another batch has it; the asker is among those that wait.
    Waiting,
    /// A newer batch has had it: the asker comes too late.
    Superseded(Watermark),
}

#[derive(Default, Serialize, Deserialize)]
struct LeaseItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    watermark: Option<Watermark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<u64>,
    version: u64,
}

const LEASE: &str = "lease";

impl Ledger {
    /// Asks for a dataset's lease on behalf of a batch.
    ///
    /// # Errors
    /// Where the ledger cannot be read or written.
    pub async fn acquire(&self, dataset: &DatasetName, batch: Watermark) -> Result<Lease, Error> {
        let pk = keys::dataset(Some(dataset));
        let waiting = keys::waiting(batch.time, batch.batch);
        // Noted before the lease is tried: either whoever releases it sees the note, or we see the lease free.
        self.put(item(pk.as_str(), waiting.as_str(), &batch)?).await?;
        loop {
            let lease: LeaseItem = self.get(&pk, LEASE).await?.unwrap_or_default();
            if lease.holder.is_some_and(|holder| holder != batch.batch) {
                return Ok(Lease::Waiting);
            }
            let newer = lease.watermark.filter(|watermark| *watermark > batch);
            let outcome = match (lease.holder, newer) {
                (None, Some(newer)) => Lease::Superseded(newer),
                _ => Lease::Held,
            };
            let next =
                LeaseItem { watermark: Some(batch), holder: Some(batch.batch), version: lease.version + 1 };
            let taken = match outcome {
                Lease::Held if lease.holder.is_none() => self.put_lease(&pk, &next, lease.version).await?,
                _ => true,
            };
            if taken {
                self.delete(&pk, &waiting).await?;
                return Ok(outcome);
            }
        }
    }

    /// Whether a batch holds its dataset's lease.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn holds_lease(&self, dataset: &DatasetName, batch: u64) -> Result<bool, Error> {
        let lease: Option<LeaseItem> = self.get(&keys::dataset(Some(dataset)), LEASE).await?;
        Ok(lease.is_some_and(|lease| lease.holder == Some(batch)))
    }

    /// Gives a dataset's lease back, if the batch has it.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn release(&self, dataset: &DatasetName, batch: u64) -> Result<(), Error> {
        let update = self
            .update(&keys::dataset(Some(dataset)), LEASE)
            .update_expression("REMOVE #holder ADD #version :one")
            .condition_expression("#holder = :batch")
            .expression_attribute_names("#holder", "holder")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .expression_attribute_values(":batch", attribute(&batch)?);
        self.update_if(update).await?;
        Ok(())
    }

    /// The batches that wait for a dataset's lease, earliest first.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn waiting(&self, dataset: &DatasetName) -> Result<Vec<Watermark>, Error> {
        self.list(&keys::dataset(Some(dataset)), "waiting#").await
    }

    /// Takes a batch from those that wait for a dataset's lease.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn stop_waiting(&self, dataset: &DatasetName, batch: Watermark) -> Result<(), Error> {
        self.delete(&keys::dataset(Some(dataset)), &keys::waiting(batch.time, batch.batch)).await
    }

    async fn put_lease(&self, pk: &str, lease: &LeaseItem, read: u64) -> Result<bool, Error> {
        let content = item(pk, LEASE, lease)?;
        let put = self
            .client
            .put_item()
            .set_item(Some(content))
            .condition_expression("attribute_not_exists(pk) OR #version = :read")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":read", attribute(&read)?);
        self.put_if(put).await
    }
}
