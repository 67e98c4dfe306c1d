//! Batches and their chunks.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, TransactWriteItem, Update};
use domain::batch::{Batch, BatchStatus, Counts};
use domain::name::DatasetName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::item::{attribute, item, key};
use crate::units::Units;
use crate::{Error, keys};

/// Which chunk of which batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkKey {
    /// The dataset.
    pub dataset: DatasetName,
    /// The batch's number.
    pub batch: u64,
    /// The chunk's number in the batch, from 0.
    pub chunk: u32,
}

/// A part of a batch's accepted rows, staged, and how far it is applied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// How many rows are staged.
    pub rows: u64,
    /// Rows (by their number in the batch) that a later row of the batch has taken the place of.
    pub skip: BTreeSet<u64>,
    /// How many staged rows are accounted for.
    pub offset: u64,
    /// What became of them.
    pub counts: Counts,
    /// What applying them cost.
    pub units: Units,
    /// Whether all are accounted for.
    pub done: bool,
    /// Whether its rows are keys of records that a snapshot lacks, and that are to be removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removes: bool,
}

/// Rows of a chunk that are accounted for in one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The offset at which the step began.
    pub from: u64,
    /// The chunk as it is after the step.
    pub chunk: Chunk,
}

/// For how long the counts of a batch can be looked at: last year's file of the same month can be compared. Far longer
/// than the message of a chunk may wait, be dead and be redriven.
const DAYS_OF_CHUNKS: i64 = 400;

#[derive(Deserialize)]
struct Number {
    number: u64,
}

impl Ledger {
    /// The number of the batch of an object's version, given once: the same version asks again and gets the same.
    ///
    /// # Errors
    /// Where the ledger cannot be read or written.
    pub async fn batch_number(&self, bucket: &str, key: &str, version: &str) -> Result<u64, Error> {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(format!("{bucket}\0{key}\0{version}").as_bytes());
        let pk = format!("object#{}", hex::encode(digest));
        if let Some(Number { number }) = self.get(&pk, "number").await? {
            return Ok(number);
        }
        let number = self.next_batch_number().await?;
        let content = serde_json::json!({ "number": number });
        if self.put_new(item(pk.as_str(), "number", &content)?).await? {
            return Ok(number);
        }
        // Another worker was first: its number stands, and a gap in the numbers does no harm.
        let stands: Option<Number> = self.get(&pk, "number").await?;
        stands
            .map(|stands| stands.number)
            .ok_or_else(|| Error::plain("a batch's number went away: try again"))
    }

    async fn next_batch_number(&self) -> Result<u64, Error> {
        let output = self
            .update("counter", "batch")
            .update_expression("ADD #number :one")
            .expression_attribute_names("#number", "number")
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(|error| Error::of("count a batch", error))?;
        let number = output.attributes.as_ref().and_then(|attributes| attributes.get("number"));
        number
            .and_then(|number| number.as_n().ok())
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| Error::plain("the counter of batches holds no number"))
    }

    /// Writes a batch that was not there. Says whether it was written.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn open_batch(&self, batch: &Batch) -> Result<bool, Error> {
        self.put_new(item(keys::dataset(batch.dataset.as_ref()), keys::batch(batch.number), batch)?).await
    }

    /// A batch, read strongly.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn batch(&self, dataset: Option<&DatasetName>, number: u64) -> Result<Option<Batch>, Error> {
        self.get(&keys::dataset(dataset), &keys::batch(number)).await
    }

    /// The batches of a dataset, oldest first; without a dataset those of objects that no dataset claims.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn batches(&self, dataset: Option<&DatasetName>) -> Result<Vec<Batch>, Error> {
        self.list(&keys::dataset(dataset), "batch#").await
    }

    /// Replaces a batch on condition of the status that was read. Says whether it was written.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn put_batch(&self, batch: &Batch, read: BatchStatus) -> Result<bool, Error> {
        let content = item(keys::dataset(batch.dataset.as_ref()), keys::batch(batch.number), batch)?;
        let put = self
            .client
            .put_item()
            .set_item(Some(content))
            .condition_expression("#status = :read")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":read", attribute(&read)?);
        self.put_if(put).await
    }

    /// Moves a batch from one status to another, and notes the end where that is one. Says whether it was moved.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn move_batch(
        &self,
        dataset: Option<&DatasetName>,
        number: u64,
        from: BatchStatus,
        to: BatchStatus,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let mut set = vec!["#status = :to"];
        let mut update = self
            .update(&keys::dataset(dataset), &keys::batch(number))
            .condition_expression("#status = :from")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":from", attribute(&from)?)
            .expression_attribute_values(":to", attribute(&to)?);
        if to.has_ended() {
            set.push("#ended = :now");
            update = update
                .expression_attribute_names("#ended", "ended")
                .expression_attribute_values(":now", attribute(&now)?);
        }
        if let Some(reason) = reason {
            set.push("#reason = :reason");
            update = update
                .expression_attribute_names("#reason", "reason")
                .expression_attribute_values(":reason", AttributeValue::S(reason.to_owned()));
        }
        self.update_if(update.update_expression(format!("SET {}", set.join(", ")))).await
    }

    /// Writes a chunk that the checking pass has staged, unless it is being applied already: a second pass over the
    /// same batch must not undo what the first has led to.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn put_chunk(&self, chunk_key: &ChunkKey, chunk: &Chunk) -> Result<(), Error> {
        let (pk, sk) = (batch_partition(chunk_key.batch), keys::chunk(chunk_key.chunk));
        let content = Ledger::leaf(pk, sk, chunk, DAYS_OF_CHUNKS)?;
        let put = self
            .client
            .put_item()
            .set_item(Some(content))
            .condition_expression("attribute_not_exists(pk) OR (#offset = :zero AND #done = :false)")
            .expression_attribute_names("#offset", "offset")
            .expression_attribute_names("#done", "done")
            .expression_attribute_values(":zero", AttributeValue::N("0".into()))
            .expression_attribute_values(":false", AttributeValue::Bool(false));
        self.put_if(put).await?;
        Ok(())
    }

    /// A chunk, read strongly.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn chunk(&self, chunk_key: &ChunkKey) -> Result<Option<Chunk>, Error> {
        self.get(&batch_partition(chunk_key.batch), &keys::chunk(chunk_key.chunk)).await
    }

    /// The chunks of a batch: the sums of their counts are the batch's.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn chunks(&self, batch: u64) -> Result<Vec<Chunk>, Error> {
        self.list(&batch_partition(batch), "chunk#").await
    }

    /// Notes how far a chunk is, on condition that it is where the step began: two workers on one chunk cannot both
    /// count. The step that ends the chunk takes it off its batch's remaining ones, in the same transaction. Says
    /// whether it was noted.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn note_progress(&self, chunk_key: &ChunkKey, progress: &Progress) -> Result<bool, Error> {
        let (pk, sk) = (batch_partition(chunk_key.batch), keys::chunk(chunk_key.chunk));
        let expression = "SET #offset = :offset, #counts = :counts, #units = :units, #done = :done";
        let condition = "#offset = :from AND #done = :false";
        let names = ["offset", "counts", "units", "done"].map(|name| (format!("#{name}"), name.to_owned()));
        let chunk = &progress.chunk;
        let values = [
            (":from", AttributeValue::N(progress.from.to_string())),
            (":false", AttributeValue::Bool(false)),
            (":offset", AttributeValue::N(chunk.offset.to_string())),
            (":counts", attribute(&chunk.counts)?),
            (":units", attribute(&chunk.units)?),
            (":done", AttributeValue::Bool(chunk.done)),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        if !chunk.done {
            let update = self
                .update(&pk, &sk)
                .update_expression(expression)
                .condition_expression(condition)
                .set_expression_attribute_names(Some(names.into()))
                .set_expression_attribute_values(Some(values.into()));
            return self.update_if(update).await;
        }
        let note = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(pk, sk)))
            .update_expression(expression)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names.into()))
            .set_expression_attribute_values(Some(values.into()));
        let batch_key = key(keys::dataset(Some(&chunk_key.dataset)), keys::batch(chunk_key.batch));
        let take_off = Update::builder()
            .table_name(&self.table)
            .set_key(Some(batch_key))
            .update_expression("ADD #remaining :less")
            .condition_expression("#remaining > :none")
            .expression_attribute_names("#remaining", "remaining")
            .expression_attribute_values(":none", AttributeValue::N("0".into()))
            .expression_attribute_values(":less", AttributeValue::N("-1".into()));
        self.transact(vec![note, take_off]).await
    }

    /// Makes several updates or none. Says whether all of their conditions held.
    ///
    /// The last chunks of a batch end at the same time, each with a transaction on the batch: where two meet, one is
    /// cancelled for the other's sake, and tried again here rather than by a message that comes back much later.
    async fn transact(
        &self,
        updates: Vec<aws_sdk_dynamodb::types::builders::UpdateBuilder>,
    ) -> Result<bool, Error> {
        let mut items = Vec::new();
        for update in updates {
            let update = update.build().map_err(|error| Error::of("build a transaction", error))?;
            items.push(TransactWriteItem::builder().update(update).build());
        }
        let mut meetings = 0;
        loop {
            let transaction = self.client.transact_write_items().set_transact_items(Some(items.clone()));
            let Err(error) = transaction.send().await else { return Ok(true) };
            if was_cancelled(&error, "ConditionalCheckFailed") {
                return Ok(false);
            }
            if !was_cancelled(&error, "TransactionConflict") || meetings == MOST_MEETINGS {
                return Err(Error::of("write the ledger", error));
            }
            meetings += 1;
            tokio::time::sleep(std::time::Duration::from_millis(20 * meetings)).await;
        }
    }
}

/// How often a transaction that meets another is tried again.
const MOST_MEETINGS: u64 = 10;

/// Whether a transaction was cancelled for a reason of that code.
fn was_cancelled(error: &SdkError<TransactWriteItemsError>, code: &str) -> bool {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some(code))
        }
        _ => false,
    }
}

fn batch_partition(number: u64) -> String {
    keys::batch(number)
}
