//! Messages in, failures out.

use aws::{Evaluate, SliceKey, Store};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::Timestamp;
use tracing::error;

use crate::limits::Limits;
use segmentation::InvalidAudience;

/// The function: the store, and how much of it is worked on at once.
#[derive(Debug)]
pub struct Evaluator {
    pub(crate) store: Store,
    pub(crate) limits: Limits,
}

/// Why a message was not dealt with: it comes again, and ends in the dead-letter queue if that does not help.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It is no message of this function. It is not repeated: nobody knows what stands in it.
    #[error("the message neither starts a run nor names a slice")]
    Form(#[source] serde_json::Error),
    /// The ledger has no such slice.
    #[error("the ledger has no such run or slice")]
    NoSlice,
    /// There is a run, and no catalogue.
    #[error("no catalogue is in force: apply the project")]
    NoCatalogue,
    /// An audience of the catalogue cannot be evaluated.
    #[error(transparent)]
    Audience(#[from] InvalidAudience),
    /// Another worker has the same slice and is ahead.
    #[error("another worker is ahead on this slice")]
    Overtaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] aws::Error),
}

impl Evaluator {
    /// The function on a store.
    pub fn new(store: Store, limits: Limits) -> Evaluator {
        Evaluator { store, limits }
    }

    /// Deals with messages until shortly before a deadline, and answers with those that are to come again.
    pub async fn handle(&self, event: SqsEvent, deadline: Timestamp) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in event.records {
            let work = work(&message);
            let slice = work.as_ref().ok().and_then(slice_of).cloned();
            let done = match work {
                Ok(Evaluate::Start { reason }) => self.start(&message, reason).await,
                Ok(Evaluate::Slice(slice)) => self.slice(&slice, deadline).await,
                Err(failure) => Err(failure),
            };
            if let Err(failure) = done {
                let message_id = message.message_id.unwrap_or_default();
                error!(
                    message.id = message_id,
                    run = slice.as_ref().map(|slice| slice.run.as_str()),
                    slice = slice.as_ref().map(|slice| slice.slice),
                    error = %failure,
                    "A message was not dealt with and comes again."
                );
                let mut failed = BatchItemFailure::default();
                failed.item_identifier = message_id;
                response.batch_item_failures.push(failed);
            }
        }
        response
    }
}

/// The work that a message asks for.
fn work(message: &SqsMessage) -> Result<Evaluate, Failure> {
    serde_json::from_str(message.body.as_deref().unwrap_or_default()).map_err(Failure::Form)
}

fn slice_of(work: &Evaluate) -> Option<&SliceKey> {
    match work {
        Evaluate::Start { .. } => None,
        Evaluate::Slice(slice) => Some(slice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn works(event: &str) -> Vec<Evaluate> {
        let event: SqsEvent = serde_json::from_str(event).unwrap();
        event.records.iter().map(|message| work(message).unwrap()).collect()
    }

    #[test]
    fn the_sample_events_are_understood() {
        let start = works(include_str!("../../../tests/events/evaluate-start.json"));
        assert_eq!(start, [Evaluate::Start { reason: "schedule".into() }]);
        let slice = works(include_str!("../../../tests/events/evaluate-slice.json"));
        assert_eq!(slice, [Evaluate::Slice(SliceKey { run: "01KEXAMPLERVN0000000000000".into(), slice: 2 })]);
    }

    #[test]
    fn a_message_of_another_form_is_refused_and_not_repeated() {
        for body in ["", "{}", "bobby.bank@example.com", r#"{"bobby.bank@example.com":1}"#, r#"{"start":{}}"#]
        {
            let mut message = SqsMessage::default();
            message.body = Some(body.to_owned());
            let failure = work(&message).unwrap_err().to_string();
            assert!(!failure.contains("bobby"), "{failure}");
        }
    }
}
