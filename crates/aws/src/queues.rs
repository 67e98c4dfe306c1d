//! Queues: how steps hand work to each other. Messages name what to look at; they carry no personal data.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder;
use domain::identity::IdentityKey;
use domain::name::{DataflowName, DatasetName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::Error;
use crate::ledger::{ChunkKey, SliceKey};

/// The queues.
#[derive(Debug, Clone)]
pub struct Queues {
    pub(crate) client: Client,
    pub(crate) chunks: String,
    pub(crate) visitors: String,
    pub(crate) slices: String,
    pub(crate) wakes: String,
}

/// Which queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Checked batches and their chunks.
    Chunks,
    /// Runs and slices of evaluation.
    Slices,
}

/// Work for evaluation: `{"start": {"reason": ..}}` or `{"slice": {"run": .., "slice": ..}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evaluate {
    /// Starts a run.
    Start {
        /// Why: `schedule`, or who asks.
        reason: String,
    },
    /// Takes up a slice of a run where its checkpoint left it.
    Slice(SliceKey),
}

/// Work of ingest on what it is not told of by S3: `{"start": {"dataset": .., "batch": ..}}`, `{"chunk": {..}}`,
/// `{"visitor": {"ecid": ..}}` or `{"replay": {"key": ..}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A batch is checked and wants its turn.
    Start {
        /// The dataset.
        dataset: DatasetName,
        /// The batch's number.
        batch: u64,
    },
    /// A chunk is to be applied.
    Chunk(ChunkKey),
    /// What a visitor left is to be linked to the visitor's profile.
    Visitor {
        /// The key of the visitor's ECID.
        ecid: IdentityKey,
    },
    /// The events of an object are to be heard again.
    Replay {
        /// The object's key in the bucket of events.
        key: String,
    },
}

/// A visitor who is to be linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The key of the visitor's ECID.
    pub ecid: IdentityKey,
    /// What asks for it, such as a record of the stream. Asked for again by the same within five minutes, it is done once;
    /// whatever else has changed has to be another cause, or it would be swallowed with what came before it.
    pub cause: String,
}

impl Visit {
    /// A visit that nothing else has asked for.
    pub fn anew(ecid: IdentityKey) -> Visit {
        Visit { ecid, cause: Ulid::generate().to_string() }
    }
}

/// Wakes the worker of a dataflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// The dataflow.
    pub wake: DataflowName,
}

/// The most messages that one call may send.
const MOST_MESSAGES: usize = 10;

impl Queues {
    /// Sends messages to a queue.
    ///
    /// # Errors
    /// Where not all of them were taken.
    pub async fn send<M: Serialize>(&self, queue: Queue, messages: &[M]) -> Result<(), Error> {
        let url = match queue {
            Queue::Chunks => &self.chunks,
            Queue::Slices => &self.slices,
        };
        let entries = messages.iter().map(entry).collect::<Result<_, _>>()?;
        self.send_all(url, entries).await
    }

    /// Asks for visitors to be linked: one worker at a time links one, in the order of asking.
    ///
    /// # Errors
    /// Where not all of them were taken.
    pub async fn link(&self, visits: &[Visit]) -> Result<(), Error> {
        let entries = visits.iter().map(|Visit { ecid, cause }| {
            let entry = entry(&Work::Visitor { ecid: ecid.clone() })?;
            Ok(entry.message_group_id(ecid.as_str()).message_deduplication_id(format!("{ecid}-{cause}")))
        });
        self.send_all(&self.visitors, entries.collect::<Result<_, Error>>()?).await
    }

    async fn send_all(
        &self,
        url: &str,
        entries: Vec<SendMessageBatchRequestEntryBuilder>,
    ) -> Result<(), Error> {
        for group in entries.chunks(MOST_MESSAGES) {
            let mut batch = self.client.send_message_batch().queue_url(url);
            for (index, entry) in group.iter().enumerate() {
                let entry = entry.clone().id(index.to_string()).build();
                batch = batch.entries(entry.map_err(|error| Error::of("write a message", error))?);
            }
            let output = batch.send().await.map_err(|error| Error::of("send messages", error))?;
            if let Some(failed) = output.failed().first() {
                return Err(Error::plain(format!("could not send a message: {}", failed.code())));
            }
        }
        Ok(())
    }

    /// Wakes the worker of a dataflow, once in ten seconds however often it is asked. The queue delays it by at least
    /// as long, so that a wake-up never comes before what it is about.
    ///
    /// # Errors
    /// Where the message was not taken.
    pub async fn wake(&self, dataflow: &DataflowName, now: Timestamp) -> Result<(), Error> {
        let body = serde_json::to_string(&Wake { wake: dataflow.clone() });
        self.client
            .send_message()
            .queue_url(&self.wakes)
            .message_body(body.map_err(|error| Error::of("write a message", error))?)
            .message_group_id(dataflow.as_str())
            .message_deduplication_id(format!("{dataflow}-{}", now.as_second().div_euclid(10)))
            .send()
            .await
            .map_err(|error| Error::of("wake a dataflow", error))?;
        Ok(())
    }
}

fn entry(message: &impl Serialize) -> Result<SendMessageBatchRequestEntryBuilder, Error> {
    let body = serde_json::to_string(message).map_err(|error| Error::of("write a message", error))?;
    Ok(SendMessageBatchRequestEntry::builder().message_body(body))
}
