//! Starting a run: it is opened once, however often its message comes, and its slices are handed out.

use aws::{Evaluate, InForce, Queue, Run, Slice, SliceKey};
use aws_lambda_events::sqs::SqsMessage;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use tracing::{info, warn};
use ulid::Ulid;

use crate::handler::{Evaluator, Failure};

/// The reason of the runs that the schedule starts.
const SCHEDULE: &str = "schedule";

/// How long the schedule waits for a run that is not done. Who waited for ever would be held up by one stuck slice.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

impl Evaluator {
    /// Starts the run that a message asks for; not the schedule's, while the latest run is still going on.
    pub(crate) async fn start(&self, message: &SqsMessage, reason: String) -> Result<(), Failure> {
        let now = Timestamp::now();
        let Some(in_force) = self.store.catalogue().await? else {
            warn!(reason, "No catalogue is in force: there is nothing to evaluate.");
            return Ok(());
        };
        let id = run_id(message, now);
        if reason == SCHEDULE
            && let Some(latest) = self.going_on(&id, now).await?
        {
            info!(run = latest.id, started = %latest.started, "No run was started: the latest is not done yet.");
            return self.wake_marked(&in_force, now).await;
        }
        let run = self.open(id, reason, in_force.sequence, now).await?;
        let slices: Vec<Evaluate> =
            (0..run.slices).map(|slice| Evaluate::Slice(SliceKey { run: run.id.clone(), slice })).collect();
        self.store.queues.send(Queue::Slices, &slices).await?;
        info!(run = run.id, reason = run.reason, slices = run.slices, "A run of evaluation was started.");
        self.wake_marked(&in_force, now).await
    }

    /// The latest run, if another one would pile up on it. A run that is open already, by the same message, goes on.
    async fn going_on(&self, id: &str, now: Timestamp) -> Result<Option<Run>, Failure> {
        let ledger = &self.store.ledger;
        if ledger.run(id).await?.is_some() {
            return Ok(None);
        }
        let Some(latest) = ledger.latest_runs(1).await?.pop() else { return Ok(None) };
        let slices = ledger.slices(&latest.id).await?;
        Ok(is_going_on(&latest, &slices, now).then_some(latest))
    }

    /// The run of an id, as it was opened first.
    async fn open(&self, id: String, reason: String, sequence: u64, now: Timestamp) -> Result<Run, Failure> {
        let run = Run { id, reason, started: now, sequence, slices: self.limits.slices };
        if self.store.ledger.open_run(&run).await? {
            return Ok(run);
        }
        self.store.ledger.run(&run.id).await?.ok_or(Failure::NoSlice)
    }

    /// Wakes every dataflow that has something to look at: a wake-up that was lost costs the time until the next run.
    async fn wake_marked(&self, in_force: &InForce, now: Timestamp) -> Result<(), Failure> {
        for dataflow in in_force.catalogue.dataflows.keys() {
            if !self.store.profiles.marked(dataflow, now, 1).await?.is_empty() {
                self.store.queues.wake(dataflow, now).await?;
            }
        }
        Ok(())
    }
}

/// Whether a run is to be waited for: it is not done, and was started lately.
fn is_going_on(run: &Run, slices: &[Slice], now: Timestamp) -> bool {
    now.duration_since(run.started) < PATIENCE && slices.iter().any(|slice| !slice.done)
}

/// The id of the run that a message starts: the same however often the message comes. Later runs have greater ids.
fn run_id(message: &SqsMessage, now: Timestamp) -> String {
    let sent = message.attributes.get("SentTimestamp").and_then(|text| text.parse().ok());
    let milliseconds = sent.or_else(|| u64::try_from(now.as_millisecond()).ok()).unwrap_or_default();
    let digest: [u8; 32] = Sha256::digest(message.message_id.as_deref().unwrap_or_default()).into();
    let (random, _) = digest.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    Ulid::from_parts(milliseconds, u128::from_be_bytes(*random)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, sent: Option<&str>) -> SqsMessage {
        let mut message = SqsMessage::default();
        message.message_id = Some(id.to_owned());
        message.attributes.extend(sent.map(|sent| ("SentTimestamp".to_owned(), sent.to_owned())));
        message
    }

    #[test]
    fn a_message_that_comes_again_has_the_same_run() {
        let first = run_id(&message("a", Some("1767225600000")), "2026-01-01T00:00:01Z".parse().unwrap());
        let again = run_id(&message("a", Some("1767225600000")), "2026-01-01T00:09:00Z".parse().unwrap());
        assert_eq!(first, again);
        let other = run_id(&message("b", Some("1767225600000")), "2026-01-01T00:00:01Z".parse().unwrap());
        assert_ne!(first, other);
    }

    #[test]
    fn the_schedule_waits_for_a_run_that_is_not_done_but_not_for_ever() {
        let started = "2026-01-01T00:00:00Z".parse().unwrap();
        let run = Run { id: "1".to_owned(), reason: SCHEDULE.to_owned(), started, sequence: 1, slices: 2 };
        let (open, done) = (Slice::default(), Slice { done: true, ..Slice::default() });
        let cases = [
            ([done.clone(), open.clone()], "2026-01-01T00:15:00Z", true),
            ([open.clone(), open.clone()], "2026-01-01T00:59:59Z", true),
            ([done.clone(), done], "2026-01-01T00:15:00Z", false),
            ([open.clone(), open], "2026-01-01T01:00:00Z", false),
        ];
        for (slices, now, expected) in cases {
            assert_eq!(is_going_on(&run, &slices, now.parse().unwrap()), expected, "{slices:?} at {now}");
        }
    }

    #[test]
    fn runs_sort_by_the_time_at_which_they_were_asked_for() {
        let now = "2026-01-01T00:00:01Z".parse().unwrap();
        let earlier = run_id(&message("z", Some("1767225600000")), now);
        let later = run_id(&message("a", Some("1767225600001")), now);
        assert!(earlier < later);
        let without = run_id(&message("a", None), now);
        assert!(later < without, "{later} {without}");
    }
}
