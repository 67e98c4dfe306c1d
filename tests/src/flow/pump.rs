//! Feeds messages to handlers until the queues are empty.

use std::time::Duration;

use activate::handler::Activate;
use aws::{Store, Visit};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use domain::identity::IdentityKey;
use edge::handler::Edge;
use evaluate::handler::Evaluator;
use evaluate::limits::Limits;
use ingest::handler::Ingest;
use jiff::{SignedDuration, Timestamp};

use super::Local;
use crate::example::Example;

/// How often a message is delivered before it counts as poison.
const MOST_DELIVERIES: u32 = 5;

/// How long a call of a vendor may take: shorter than in production, as is the lease, so that tests need not wait.
const CALL: Duration = Duration::from_secs(1);

/// The functions over one deployment.
pub struct Flow {
    /// The deployment.
    pub local: Local,
    /// The ingest function.
    pub ingest: Ingest,
    /// The evaluate function.
    pub evaluator: Evaluator,
    /// The activate function.
    pub activate: Activate,
    /// The edge function.
    pub edge: Edge,
    /// Whether every message is delivered twice, to two workers at once, as SQS may.
    pub twice: bool,
    /// How long a function may take, as its deadline says.
    pub timeout: SignedDuration,
    sqs: aws_sdk_sqs::Client,
}

/// Which function a queue triggers.
#[derive(Clone, Copy)]
enum Trigger {
    Ingest,
    Evaluate,
    Activate,
}

impl Flow {
    /// The functions over a new deployment.
    ///
    /// # Panics
    /// Where they cannot be made.
    pub async fn start() -> Flow {
        Flow::of(Example::copy()).await
    }

    /// The functions over a new deployment for a project.
    ///
    /// # Panics
    /// Where they cannot be made.
    pub async fn of(project: Example) -> Flow {
        let local = Local::start(project).await;
        let sqs = aws_sdk_sqs::Client::new(&local.config);
        let limits = activate::handler::Limits {
            lease: SignedDuration::from_secs(3),
            call: CALL,
            ..Default::default()
        };
        // A store each, as each function has: each counts its own units.
        let store = || Store::of(local.store.deployment.clone(), &local.config);
        Flow {
            ingest: Ingest::new(store()),
            evaluator: Evaluator::new(store(), Limits::default()),
            activate: Activate::new(store(), limits).expect("activate is made"),
            edge: Edge::new(store(), "us-east-1"),
            twice: false,
            timeout: SignedDuration::from_mins(5),
            local,
            sqs,
        }
    }

    /// Puts a message on the queue of S3's notifications.
    ///
    /// # Panics
    /// Where the queue does not take it.
    pub async fn notify(&self, body: &str) {
        let send = self.sqs.send_message().queue_url(&self.local.inbox_queue).message_body(body);
        send.send().await.expect("a notification is sent");
    }

    /// Uploads a file and lets everything that follows from it happen, up to the profiles.
    pub async fn bring(&self, key: &str, content: impl AsRef<[u8]>) {
        self.local.upload(key, content).await;
        self.ingest().await;
    }

    /// Lets the files that have arrived be checked, and nothing of them be applied.
    pub async fn check(&self) {
        self.pump(&[(self.local.inbox_queue.as_str(), Trigger::Ingest)]).await;
    }

    /// Lets the files that have arrived be ingested.
    pub async fn ingest(&self) {
        let deployment = &self.local.store.deployment;
        let queues = [&self.local.inbox_queue, &deployment.chunks_queue, &deployment.visitors_queue];
        self.pump(&queues.map(|queue| (queue.as_str(), Trigger::Ingest))).await;
    }

    /// Has a visitor linked, as dispatch does when the visitor's item has changed.
    ///
    /// # Panics
    /// Where the queue does not take the message.
    pub async fn link(&self, ecid: &IdentityKey) {
        let visit = Visit { ecid: ecid.clone(), cause: ulid::Ulid::generate().to_string() };
        self.local.store.queues.link(&[visit]).await.expect("linking is asked for");
        self.ingest().await;
    }

    /// Lets the events that the stream did not take be kept.
    pub async fn keep_events(&self) {
        self.pump(&[(self.local.store.deployment.events_queue.as_str(), Trigger::Ingest)]).await;
    }

    /// Starts a run and lets it end.
    ///
    /// # Panics
    /// Where the queue does not take the message.
    pub async fn evaluate(&self) {
        let queue = &self.local.store.deployment.slices_queue;
        let body = r#"{"start":{"reason":"a test"}}"#;
        self.sqs.send_message().queue_url(queue).message_body(body).send().await.expect("a run is asked for");
        self.pump(&[(queue.as_str(), Trigger::Evaluate)]).await;
    }

    /// Lets every dataflow that was woken deliver.
    pub async fn deliver(&self) {
        let queue = &self.local.store.deployment.wakes_queue;
        self.pump(&[(queue.as_str(), Trigger::Activate)]).await;
    }

    /// Wakes a dataflow and lets it deliver.
    ///
    /// # Panics
    /// Where the name is none.
    pub async fn wake(&self, dataflow: &str) {
        let event = event(serde_json::json!({ "wake": dataflow }).to_string());
        let response = Box::pin(self.activate.handle(event, self.deadline())).await;
        assert!(response.batch_item_failures.is_empty(), "{dataflow} failed");
    }

    /// Hands a message to its function; says whether it was dealt with, by either worker where there are two.
    async fn deal_with(&self, trigger: Trigger, message: &Message) -> bool {
        let work = || async { self.handle(trigger, event_of(message)).await.batch_item_failures.is_empty() };
        if !self.twice {
            return work().await;
        }
        let (one, other) = tokio::join!(work(), work());
        one || other
    }

    /// Hands a message of one queue to its function.
    async fn handle(&self, trigger: Trigger, event: SqsEvent) -> SqsBatchResponse {
        // On the heap: a test that brings much would hold them all on its small stack.
        match trigger {
            Trigger::Ingest => Box::pin(self.ingest.handle(event)).await,
            Trigger::Evaluate => Box::pin(self.evaluator.handle(event, self.deadline())).await,
            Trigger::Activate => Box::pin(self.activate.handle(event, self.deadline())).await,
        }
    }

    fn deadline(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.timeout).unwrap_or(Timestamp::MAX)
    }

    /// Feeds the messages of queues to functions until all of them are empty. A message that fails comes again, as
    /// with Lambda.
    async fn pump(&self, queues: &[(&str, Trigger)]) {
        let mut idle = 0;
        while idle < 2 {
            let mut seen = false;
            for (queue, trigger) in queues {
                for message in self.receive(queue).await {
                    seen = true;
                    let done = self.deal_with(*trigger, &message).await;
                    self.finish(queue, &message, done).await;
                }
            }
            idle = if seen { 0 } else { idle + 1 };
        }
    }

    async fn receive(&self, queue: &str) -> Vec<Message> {
        // Of a group one at a time, as the template has it: what follows one that fails waits for it.
        let most = if queue.ends_with(".fifo") { 1 } else { 10 };
        let receive = self
            .sqs
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(most)
            .wait_time_seconds(0)
            .message_system_attribute_names(MessageSystemAttributeName::All);
        let received = receive.send().await.expect("a queue is read").messages.unwrap_or_default();
        if received.is_empty() {
            // Notifications of S3 take a moment.
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        received
    }

    async fn finish(&self, queue: &str, message: &Message, done: bool) {
        let handle = message.receipt_handle().expect("a message has a handle");
        if done {
            let delete = self.sqs.delete_message().queue_url(queue).receipt_handle(handle);
            delete.send().await.expect("a message is deleted");
            return;
        }
        let count = message
            .attributes()
            .and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount));
        let deliveries: u32 = count.and_then(|count| count.parse().ok()).unwrap_or(1);
        assert!(deliveries < MOST_DELIVERIES, "a message is poison: {}", message.body().unwrap_or_default());
        let again = self
            .sqs
            .change_message_visibility()
            .queue_url(queue)
            .receipt_handle(handle)
            .visibility_timeout(0);
        again.send().await.expect("a message comes again");
    }
}

/// A message as Lambda hands it to a function.
pub fn event(body: impl Into<String>) -> SqsEvent {
    event_of(&Message::builder().message_id("1").body(body).build())
}

fn event_of(message: &Message) -> SqsEvent {
    let mut record = SqsMessage::default();
    record.message_id = message.message_id().map(str::to_owned);
    record.body = message.body().map(str::to_owned);
    for (name, value) in message.attributes().into_iter().flatten() {
        record.attributes.insert(name.as_str().to_owned(), value.clone());
    }
    let mut event = SqsEvent::default();
    event.records.push(record);
    event
}
