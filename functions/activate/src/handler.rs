//! Wake-ups in, failures out.

use std::sync::Arc;
use std::time::Duration;

use aws::{Store, Wake};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use destination::{Context, DestinationError, http};
use jiff::{SignedDuration, Timestamp};
use tracing::error;

use crate::exports::Exports;

/// The function: the store, and what plugins are given.
#[derive(Clone)]
pub struct Activate {
    pub(crate) store: Store,
    pub(crate) context: Context,
    pub(crate) limits: Limits,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long an intent stands: writing it, the call, and writing its outcome. Longer than a call may take, so that a
    /// successor who waits for its end never calls beside it.
    pub lease: SignedDuration,
    /// How long a call may take.
    pub call: Duration,
    /// How long before its deadline a worker begins no further round.
    pub margin: SignedDuration,
    /// How long a worker goes on at most; then it wakes itself.
    pub shift: SignedDuration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            lease: SignedDuration::from_secs(120),
            call: http::TIMEOUT,
            margin: SignedDuration::from_secs(60),
            shift: SignedDuration::from_secs(150),
        }
    }
}

/// Why a wake-up was not dealt with: it comes again, and ends in the dead-letter queue if that does not help. The
/// marks stay either way, and the schedule wakes their dataflow again.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Activate {
    /// The function on a store.
    ///
    /// # Errors
    /// Where no HTTP client can be made.
    pub fn new(store: Store, limits: Limits) -> Result<Activate, DestinationError> {
        let context =
            Context { http: http::Http::new(limits.call)?, files: Arc::new(Exports::new(store.clone())) };
        Ok(Activate { store, context, limits })
    }

    /// Deals with wake-ups, and answers with those that are to come again.
    pub async fn handle(&self, event: SqsEvent, deadline: Timestamp) -> SqsBatchResponse {
        let latest = Timestamp::now().saturating_add(self.limits.shift).unwrap_or(Timestamp::MAX);
        let deadline = deadline.min(latest);
        let mut response = SqsBatchResponse::default();
        for message in event.records {
            if let Err(failure) = self.deal_with(&message, deadline).await {
                let message_id = message.message_id.unwrap_or_default();
                error!(message.id = message_id, error = %failure, "A wake-up was not dealt with and comes again.");
                let mut failed = BatchItemFailure::default();
                failed.item_identifier = message_id;
                response.batch_item_failures.push(failed);
            }
        }
        response
    }

    async fn deal_with(&self, message: &SqsMessage, deadline: Timestamp) -> Result<(), Failure> {
        let wake: Wake = serde_json::from_str(message.body.as_deref().unwrap_or_default())?;
        self.drain(&wake.wake, deadline).await
    }
}
