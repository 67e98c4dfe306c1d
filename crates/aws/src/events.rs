//! Events on their way into the bucket of events: through Firehose, or where that fails through a queue.

use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;
use domain::edge::received::Received;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::Error;

/// The way into the bucket of events.
#[derive(Debug, Clone)]
pub struct Events {
    pub(crate) firehose: aws_sdk_firehose::Client,
    pub(crate) stream: String,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) queue: String,
}

/// An event that Firehose did not take, as the queue of events carries it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Untaken {
    /// The event.
    pub event: Received,
}

impl Events {
    /// Keeps events. What Firehose does not take waits in the queue.
    ///
    /// # Errors
    /// Where neither took them.
    pub async fn keep(&self, events: &[Received]) -> Result<(), Error> {
        let mut records = Vec::with_capacity(events.len());
        for event in events {
            records.push(record(event)?);
        }
        if records.is_empty() {
            return Ok(());
        }
        let put = self.firehose.put_record_batch().delivery_stream_name(&self.stream);
        let untaken: Vec<&Received> = match put.set_records(Some(records)).send().await {
            Ok(output) => {
                let failed =
                    output.request_responses().iter().map(|response| response.error_code().is_some());
                events.iter().zip(failed).filter(|(_, failed)| *failed).map(|(event, _)| event).collect()
            }
            Err(error) => {
                warn!(error = %Error::of("put events into the stream", error), "Events wait in the queue.");
                events.iter().collect()
            }
        };
        self.queue(&untaken).await
    }

    /// Each event in a message of its own: together they might be larger than a message may be.
    async fn queue(&self, untaken: &[&Received]) -> Result<(), Error> {
        for event in untaken {
            let body = serde_json::to_string(&Untaken { event: (*event).clone() })
                .map_err(|error| Error::of("write a message", error))?;
            let send = self.sqs.send_message().queue_url(&self.queue).message_body(body);
            send.send().await.map_err(|error| Error::of("queue an event", error))?;
        }
        Ok(())
    }
}

/// An event as a line of JSON.
fn record(event: &Received) -> Result<Record, Error> {
    let mut line = serde_json::to_vec(event).map_err(|error| Error::of("write an event", error))?;
    line.push(b'\n');
    Record::builder().data(Blob::new(line)).build().map_err(|error| Error::of("write an event", error))
}
