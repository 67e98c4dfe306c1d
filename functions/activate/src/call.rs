//! One call of a vendor: its intent is written before it, its outcome after it, and its line in the delivery log.

use std::time::Duration;

use aws::Settlement;
use destination::{
    AudienceRef, AudienceSpec, DestinationError, ErrorKind, Record, RecordOutcome, Request, RetryClass,
};
use domain::delivery::{
    Cells, Delivery, Intent, Operation, Outcome, OutcomeResult, Sent, SourceHash, back_off,
};
use domain::delivery_log::LogEntry;
use domain::identity::ProfileId;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};
use ulid::Ulid;

use crate::handler::{Activate, Failure};
use crate::parts::{Part, deliver_in_parts};
use crate::worker::{AT_ONCE, Flow};

/// How long a dataflow rests after a failure that only a person can mend.
const STOPPED_FOR: SignedDuration = SignedDuration::from_mins(15);

/// A record that is due for a call.
pub(crate) struct Due {
    pub(crate) profile: ProfileId,
    pub(crate) delivery: Delivery,
    pub(crate) cells: Cells,
    pub(crate) source: SourceHash,
    /// Whether nothing is left to do once the call has succeeded.
    pub(crate) done: bool,
}

/// Whether the worker goes on after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// It does.
    GoOn,
    /// The vendor is better left alone for now.
    Stop,
}

/// An attempt of a call.
pub(crate) struct Attempt<'a> {
    pub(crate) flow: &'a Flow<'a>,
    pub(crate) operation: Operation,
    pub(crate) id: String,
    pub(crate) began: Timestamp,
}

impl Activate {
    /// Makes one call for records that are due.
    pub(crate) async fn call(
        &self,
        flow: &Flow<'_>,
        operation: Operation,
        due: Vec<Due>,
    ) -> Result<Call, Failure> {
        let attempt = Attempt { flow, operation, id: Ulid::generate().to_string(), began: Timestamp::now() };
        let audience = match self.ensure_audience(flow).await {
            Ok(audience) => audience,
            Err(Ensure::Vendor(error)) => return self.settle_failed(&attempt, &due, &error, false).await,
            Err(Ensure::Ours(error)) => return Err(error),
        };
        let deadline = attempt.began.saturating_add(self.limits.lease)?;
        let due = self.intend(&attempt, due, deadline).await?;
        if due.is_empty() {
            return Ok(Call::GoOn);
        }
        if let Err(late) = self.check_time(deadline) {
            return self.settle_failed(&attempt, &due, &late, true).await;
        }
        let records: Vec<Record> = due.iter().map(|due| due.cells.clone().into_iter().collect()).collect();
        if let Some(moved) = self.moved(flow, operation).await? {
            self.settle_failed(&attempt, &due, &moved, true).await?;
            return Ok(Call::GoOn);
        }
        let parts = deliver_in_parts(records.len(), async |number, part| {
            let records = records.get(part).unwrap_or_default();
            Box::pin(self.request(&attempt, &audience, deadline, number, records)).await
        })
        .await;
        let mut next = Call::GoOn;
        for Part { records, answer } in &parts {
            let due = due.get(records.clone()).unwrap_or_default();
            match answer {
                Ok(delivery) => match &delivery.receipt {
                    Some(receipt) => self.keep_receipt(&attempt, due, deadline, receipt).await?,
                    None => self.settle_delivered(&attempt, due, &delivery.outcomes).await?,
                },
                Err(error) => {
                    if self.settle_failed(&attempt, due, error, true).await? == Call::Stop {
                        next = Call::Stop;
                    }
                }
            }
        }
        self.log(&attempt, &due, &parts).await?;
        Ok(next)
    }

    /// Makes one request of a call: the first for all its records, those that follow for some.
    async fn request(
        &self,
        attempt: &Attempt<'_>,
        audience: &AudienceRef,
        deadline: Timestamp,
        number: usize,
        records: &[Record],
    ) -> Result<destination::Delivery, DestinationError> {
        let Attempt { flow, operation, .. } = *attempt;
        let mut id = attempt.id.clone();
        if number > 1 {
            self.check_time(deadline)?;
            let moved = self.moved(flow, operation).await;
            let unread =
                |error| failed(ErrorKind::Unavailable, "the catalogue in force cannot be read", error);
            moved.map_err(unread)?.map_or(Ok(()), Err)?;
            id = format!("{id}-{number}");
        }
        let request = Request { audience, operation, attempt: &id, at: attempt.began, records };
        // A plugin's call may be several requests: together they take no longer than a call may.
        let called = tokio::time::timeout(self.limits.call, flow.destination.deliver(&request)).await;
        let delivery = called
            .unwrap_or_else(|late| Err(failed(ErrorKind::FateUnknown, "the call took too long", late)))?;
        if delivery.outcomes.len() == records.len() {
            return Ok(delivery);
        }
        let message = format!(
            "plugin `{}` answered {} outcomes for {} records",
            flow.destination.descriptor().name,
            delivery.outcomes.len(),
            records.len()
        );
        Err(DestinationError::new(ErrorKind::FateUnknown, "call", message))
    }

    /// Refuses a request that could outlast its intent: a successor would call beside it.
    fn check_time(&self, deadline: Timestamp) -> Result<(), DestinationError> {
        let over = SignedDuration::try_from(self.limits.call)
            .ok()
            .and_then(|call| Timestamp::now().checked_add(call).ok());
        if over.is_some_and(|over| over <= deadline) {
            return Ok(());
        }
        Err(DestinationError::new(ErrorKind::Unavailable, "call", "too little time is left for a request"))
    }

    /// Whether what was allowed may not be any more: the next round sees.
    async fn moved(
        &self,
        flow: &Flow<'_>,
        operation: Operation,
    ) -> Result<Option<DestinationError>, aws::Error> {
        if operation == Operation::Remove {
            return Ok(None);
        }
        let pointer = self.store.ledger.pointer().await?;
        let is_in_force = pointer.is_some_and(|pointer| pointer.sequence == flow.in_force.sequence);
        let moved = || {
            DestinationError::new(ErrorKind::Unavailable, "call", "another catalogue came into force")
                .with_retry_after(Some(Duration::ZERO))
        };
        Ok((!is_in_force).then(moved))
    }

    async fn ensure_audience(&self, flow: &Flow<'_>) -> Result<AudienceRef, Ensure> {
        let name = &flow.dataflow.name;
        let known_id =
            self.store.ledger.vendor_audience(name).await.map_err(|error| Ensure::Ours(error.into()))?;
        let audience = flow.in_force.catalogue.audiences.get(&flow.dataflow.audience);
        let spec = AudienceSpec {
            // With the dataflow's name: two dataflows of one audience must not withdraw each other's members.
            name: audience
                .map_or_else(|| name.to_string(), |audience| format!("{} ({name})", audience.title)),
            description: audience.map_or_else(String::new, |audience| audience.description.clone()),
            known_id,
        };
        let audience = flow.destination.ensure_audience(&spec).await.map_err(Ensure::Vendor)?;
        if spec.known_id.as_ref() != Some(&audience.id) {
            let kept = self.store.ledger.keep_vendor_audience(name, &audience.id).await;
            kept.map_err(|error| Ensure::Ours(error.into()))?;
        }
        Ok(audience)
    }

    /// Writes the intents of a call, and keeps the records on which no other worker has one.
    async fn intend(
        &self,
        attempt: &Attempt<'_>,
        due: Vec<Due>,
        deadline: Timestamp,
    ) -> Result<Vec<Due>, Failure> {
        let intended: Vec<Option<Due>> = stream::iter(due)
            .map(|due| async move {
                let intent = Intent {
                    attempt: attempt.id.clone(),
                    operation: attempt.operation,
                    cells: due.cells.clone(),
                    source: due.source.clone(),
                    deadline,
                    receipt: None,
                };
                let (name, read) = (&attempt.flow.dataflow.name, due.delivery.intent.as_ref());
                let written = self.store.profiles.intend(&due.profile, name, read, &intent).await?;
                Ok::<_, Failure>(written.then_some(due))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(intended.into_iter().flatten().collect())
    }

    pub(crate) async fn settle_delivered(
        &self,
        attempt: &Attempt<'_>,
        due: &[Due],
        outcomes: &[RecordOutcome],
    ) -> Result<(), Failure> {
        let now = Timestamp::now();
        let pairs: Vec<(&Due, &RecordOutcome)> = due.iter().zip(outcomes).collect();
        stream::iter(pairs)
            .map(|(due, outcome)| async move {
                let (sent, result, done) = match (outcome, attempt.operation) {
                    (RecordOutcome::Delivered, Operation::Add) => {
                        let sent = Sent {
                            cells: due.cells.clone(),
                            source: due.source.clone(),
                            at: now,
                            sequence: attempt.flow.in_force.sequence,
                        };
                        (Some(sent), OutcomeResult::Delivered { operation: Operation::Add }, due.done)
                    }
                    (RecordOutcome::Delivered, Operation::Remove) => {
                        (None, OutcomeResult::Delivered { operation: Operation::Remove }, due.done)
                    }
                    (RecordOutcome::Rejected { code, reason }, _) => {
                        let reason = format!("{code}: {reason}");
                        (
                            due.delivery.sent.clone(),
                            OutcomeResult::SetAside { source: due.source.clone(), reason },
                            true,
                        )
                    }
                };
                let settlement = Settlement {
                    attempt: Some(&attempt.id),
                    sent: sent.as_ref(),
                    outcome: &Outcome { at: now, result },
                    failures: 0,
                    done,
                    generation: due.delivery.generation,
                    due: now,
                    keep_intent: false,
                };
                self.store.profiles.settle(&due.profile, &attempt.flow.dataflow.name, &settlement).await?;
                Ok::<_, Failure>(())
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        info!(
            dataflow = %attempt.flow.dataflow.name,
            operation = %attempt.operation,
            attempt = attempt.id,
            records = due.len(),
            "A call is delivered."
        );
        Ok(())
    }

    /// Writes down that a call failed as a whole.
    async fn settle_failed(
        &self,
        attempt: &Attempt<'_>,
        due: &[Due],
        error: &DestinationError,
        intended: bool,
    ) -> Result<Call, Failure> {
        let name = &attempt.flow.dataflow.name;
        warn!(dataflow = %name, operation = %attempt.operation, attempt = attempt.id, records = due.len(), %error, "A call failed.");
        let now = Timestamp::now();
        let wait = match error.retry_class() {
            // Nobody knows what became of it: the intents stay, and whoever comes after their end makes it good.
            RetryClass::Unknown if intended => {
                let deadline = attempt.began.saturating_add(self.limits.lease)?;
                stream::iter(due)
                    .map(|due| self.store.profiles.put_off(&due.profile, name, deadline))
                    .buffer_unordered(AT_ONCE)
                    .try_collect::<Vec<_>>()
                    .await?;
                return Ok(Call::Stop);
            }
            RetryClass::Unknown => None,
            RetryClass::Retry { after } => after.and_then(|after| SignedDuration::try_from(after).ok()),
            RetryClass::Stop | RetryClass::Split => Some(STOPPED_FOR),
        };
        stream::iter(due)
            .map(|due| async move {
                let failures = due.delivery.failures.saturating_add(1);
                let wait = wait.unwrap_or_default().max(back_off(due.delivery.failures));
                let settlement = Settlement {
                    attempt: intended.then_some(attempt.id.as_str()),
                    sent: due.delivery.sent.as_ref(),
                    outcome: &Outcome {
                        at: now,
                        result: OutcomeResult::Failed { reason: error.to_string() },
                    },
                    failures,
                    done: false,
                    generation: due.delivery.generation,
                    due: now.saturating_add(wait)?,
                    keep_intent: false,
                };
                self.store.profiles.settle(&due.profile, name, &settlement).await?;
                Ok::<_, Failure>(())
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(Call::Stop)
    }

    pub(crate) async fn log(
        &self,
        attempt: &Attempt<'_>,
        due: &[Due],
        parts: &[Part],
    ) -> Result<(), Failure> {
        let flow = attempt.flow;
        let deliveries = || parts.iter().filter_map(|part| part.answer.as_ref().ok());
        let rejected = |delivery: &destination::Delivery| {
            delivery.outcomes.iter().filter(|outcome| **outcome != RecordOutcome::Delivered).count()
        };
        let failed = parts.iter().filter(|part| part.answer.is_err());
        let error = parts.iter().find_map(|part| part.answer.as_ref().err());
        let entry = LogEntry {
            attempt: attempt.id.clone(),
            at: attempt.began,
            dataflow: flow.dataflow.name.clone(),
            audience: flow.dataflow.audience.clone(),
            destination: flow.dataflow.destination.clone(),
            operation: attempt.operation,
            sequence: flow.in_force.sequence,
            catalogue: flow.in_force.hash.clone(),
            profiles: due.iter().map(|due| due.profile.clone()).collect(),
            rejected: deliveries().map(rejected).sum(),
            unattributed: deliveries().map(|delivery| delivery.unattributed).sum(),
            unconfirmed: deliveries().map(|delivery| delivery.unconfirmed).sum(),
            failed: failed.map(|part| part.records.len()).sum(),
            error: error.map(ToString::to_string),
        };
        if entry.unattributed > 0 {
            warn!(
                dataflow = %entry.dataflow,
                attempt = entry.attempt,
                unattributed = entry.unattributed,
                "A vendor refused records without saying which."
            );
        }
        let bucket = &self.store.deployment.data;
        let content = serde_json::to_vec(&entry)?;
        Ok(self.store.objects.write(bucket, &entry.key(), content, "application/json").await?)
    }
}

fn failed(
    kind: ErrorKind,
    message: &str,
    cause: impl std::error::Error + Send + Sync + 'static,
) -> DestinationError {
    DestinationError::new(kind, "call", message).with_source(cause)
}

/// Whose fault it is that an audience could not be ensured.
enum Ensure {
    /// The vendor's.
    Vendor(DestinationError),
    /// The store's.
    Ours(Failure),
}
