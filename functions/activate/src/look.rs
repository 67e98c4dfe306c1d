//! What a vendor has accepted and works off later: it is asked how far it is, until it is done.

use destination::{Delivery, Progress};
use domain::delivery::Intent;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tracing::warn;
use ulid::Ulid;

use crate::call::{Attempt, Due};
use crate::handler::{Activate, Failure};
use crate::parts::Part;
use crate::worker::{AT_ONCE, Flow};

/// How long after its call a vendor is asked at the earliest. Each time it is left alone for as long again, at most
/// for [`LONGEST`].
const FIRST: SignedDuration = SignedDuration::from_mins(1);
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// When a vendor that is not done counts as one that never will be.
const GIVEN_UP: SignedDuration = SignedDuration::from_hours(48);

impl Activate {
    /// Keeps what the vendor gave for the records that it accepted with their intents, which stay.
    pub(crate) async fn keep_receipt(
        &self,
        attempt: &Attempt<'_>,
        due: &[Due],
        deadline: Timestamp,
        receipt: &str,
    ) -> Result<(), Failure> {
        let intent = |due: &Due| Intent {
            attempt: attempt.id.clone(),
            operation: attempt.operation,
            cells: due.cells.clone(),
            source: due.source.clone(),
            deadline,
            receipt: Some(receipt.to_owned()),
        };
        self.rewrite(attempt.flow, due, intent).await?;
        self.ask_later(attempt.flow, due, attempt.began).await
    }

    /// Asks the vendor how far it is with an attempt that it accepted, and writes down what that means for its records.
    pub(crate) async fn look(&self, flow: &Flow<'_>, intent: &Intent, due: &[Due]) -> Result<(), Failure> {
        let receipt = intent.receipt.as_deref().unwrap_or_default();
        let began = intent.deadline.checked_sub(self.limits.lease)?;
        let progress = match tokio::time::timeout(self.limits.call, flow.destination.look(receipt)).await {
            Ok(Ok(progress)) => progress,
            // A look that fails says nothing of what was accepted.
            Ok(Err(error)) => {
                warn!(dataflow = %flow.dataflow.name, attempt = intent.attempt, %error, "A look failed.");
                Progress::Open
            }
            Err(_) => Progress::Open,
        };
        let age = Timestamp::now().duration_since(began);
        match progress {
            Progress::Done { refused } => self.confirm(flow, intent, due, refused).await,
            Progress::Open if age < GIVEN_UP => self.ask_later(flow, due, began).await,
            // Without its receipt it is a call of unknown fate, and made good as such.
            Progress::Open | Progress::Stuck => {
                warn!(dataflow = %flow.dataflow.name, attempt = intent.attempt, "What a vendor accepted is stuck.");
                let forgotten = |due: &Due| Intent {
                    cells: due.cells.clone(),
                    source: due.source.clone(),
                    receipt: None,
                    ..intent.clone()
                };
                self.rewrite(flow, due, forgotten).await
            }
        }
    }

    async fn confirm(
        &self,
        flow: &Flow<'_>,
        intent: &Intent,
        due: &[Due],
        refused: usize,
    ) -> Result<(), Failure> {
        let delivery = Delivery { unattributed: refused, ..Delivery::complete(due.len()) };
        let attempt = |id| Attempt { flow, operation: intent.operation, id, began: Timestamp::now() };
        self.settle_delivered(&attempt(intent.attempt.clone()), due, &delivery.outcomes).await?;
        // A line of its own in the delivery log: the attempt's says what was accepted, and of whom.
        let confirmed = attempt(format!("{}-{}", intent.attempt, Ulid::generate()));
        self.log(&confirmed, due, &[Part { records: 0..due.len(), answer: Ok(delivery) }]).await
    }

    async fn rewrite(
        &self,
        flow: &Flow<'_>,
        due: &[Due],
        intent: impl Fn(&Due) -> Intent,
    ) -> Result<(), Failure> {
        let intents: Vec<(&Due, Intent)> = due.iter().map(|due| (due, intent(due))).collect();
        stream::iter(&intents)
            .map(|(due, intent)| async move {
                let profiles = &self.store.profiles;
                profiles.intend(&due.profile, &flow.dataflow.name, Some(intent), intent).await
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<bool>>()
            .await?;
        Ok(())
    }

    /// Puts records off for as long as the vendor has been at it.
    async fn ask_later(&self, flow: &Flow<'_>, due: &[Due], began: Timestamp) -> Result<(), Failure> {
        let now = Timestamp::now();
        let wait = now.duration_since(began).clamp(FIRST, LONGEST);
        let next = now.checked_add(wait)?;
        stream::iter(due)
            .map(|due| self.store.profiles.put_off(&due.profile, &flow.dataflow.name, next))
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<bool>>()
            .await?;
        Ok(())
    }
}
