//! Events on their way into the bucket of events: through Firehose, or where that fails through a queue.

use std::time::Duration;

use aws_sdk_firehose::config::timeout::TimeoutConfig;
use aws_sdk_firehose::primitives::Blob;
use aws_sdk_firehose::types::Record;
use domain::edge::received::Received;
use domain::name::DatastreamName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::Error;

/// How long Firehose is waited for, all attempts together: a page waits for the answer meanwhile.
const LONGEST_PUT: Duration = Duration::from_secs(2);

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
    /// The datastream that it came to.
    pub datastream: DatastreamName,
    /// When it came.
    pub received: Timestamp,
    /// Its line, as the stream would have kept it.
    pub line: String,
}

impl Events {
    /// Keeps events. What Firehose does not take waits in the queue.
    ///
    /// # Errors
    /// Where neither took them.
    pub async fn keep(&self, events: &[Received]) -> Result<(), Error> {
        if events.is_empty() {
            return Ok(());
        }
        let lines = events.iter().map(line).collect::<Result<Vec<_>, _>>()?;
        let records = lines.iter().map(|line| record(line)).collect::<Result<Vec<_>, _>>()?;
        let all = || events.iter().zip(&lines);
        let put = self.firehose.put_record_batch().delivery_stream_name(&self.stream);
        let timeout = TimeoutConfig::builder().operation_timeout(LONGEST_PUT).build();
        let in_time = aws_sdk_firehose::Config::builder().timeout_config(timeout);
        let put = put.set_records(Some(records)).customize().config_override(in_time);
        let untaken: Vec<(&Received, &String)> = match put.send().await {
            Ok(output) => {
                let failed =
                    output.request_responses().iter().map(|response| response.error_code().is_some());
                all().zip(failed).filter(|(_, failed)| *failed).map(|(event, _)| event).collect()
            }
            Err(error) => {
                warn!(error = %Error::of("put events into the stream", error), "Events wait in the queue.");
                all().collect()
            }
        };
        self.queue(&untaken).await
    }

    /// Each event in a message of its own: together they might be larger than a message may be.
    async fn queue(&self, untaken: &[(&Received, &String)]) -> Result<(), Error> {
        for (event, line) in untaken {
            let untaken = Untaken {
                datastream: event.datastream.clone(),
                received: event.received,
                line: (*line).clone(),
            };
            let body =
                serde_json::to_string(&untaken).map_err(|error| Error::of("write a message", error))?;
            let send = self.sqs.send_message().queue_url(&self.queue).message_body(body);
            send.send().await.map_err(|error| Error::of("queue an event", error))?;
        }
        Ok(())
    }
}

/// An event as a line of JSON.
fn line(event: &Received) -> Result<String, Error> {
    let mut line = serde_json::to_string(event).map_err(|error| Error::of("write an event", error))?;
    line.push('\n');
    Ok(line)
}

fn record(line: &str) -> Result<Record, Error> {
    Record::builder().data(Blob::new(line)).build().map_err(|error| Error::of("write an event", error))
}
