//! Messages in, failures out.

use aws::Store;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::identity::Keyring;
use tokio::sync::OnceCell;
use tracing::{error, info};

use crate::message::{Message, Work};

/// The function: the store, and what is read from it once.
#[derive(Debug)]
pub struct Ingest {
    pub(crate) store: Store,
    keyring: OnceCell<Keyring>,
}

/// Why a message was not dealt with: it comes again, and ends in the dead-letter queue if that does not help.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Ingest {
    /// The function on a store.
    pub fn new(store: Store) -> Ingest {
        Ingest { store, keyring: OnceCell::new() }
    }

    /// Deals with messages, and answers with those that are to come again.
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in event.records {
            if let Err(failure) = self.deal_with(&message).await {
                let message_id = message.message_id.unwrap_or_default();
                error!(message.id = message_id, error = %failure, "A message was not dealt with and comes again.");
                let mut failed = BatchItemFailure::default();
                failed.item_identifier = message_id;
                response.batch_item_failures.push(failed);
            }
        }
        response
    }

    async fn deal_with(&self, message: &SqsMessage) -> Result<(), Failure> {
        match Message::parse(message.body.as_deref().unwrap_or_default())? {
            Message::Test => {
                info!("S3 tried the notifications of the inbox out.");
                Ok(())
            }
            Message::Arrived(arrivals) => {
                for arrival in &arrivals {
                    self.check(arrival).await?;
                }
                Ok(())
            }
            Message::Work(Work::Start { dataset, batch }) => self.take_turn(&dataset, batch).await,
            Message::Work(Work::Chunk(chunk)) => self.apply(&chunk).await,
            Message::Work(Work::Visitor { ecid }) => self.link_visitor(&ecid).await,
            Message::Work(Work::Replay { key }) => self.replay(&key).await,
            Message::Event(untaken) => self.keep_event(&untaken).await,
        }
    }

    /// The deployment's keyring, read when it is needed first.
    pub(crate) async fn keyring(&self) -> Result<&Keyring, Failure> {
        Ok(self.keyring.get_or_try_init(|| self.store.keyring()).await?)
    }
}
