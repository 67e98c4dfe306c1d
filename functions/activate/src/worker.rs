//! The worker of a dataflow: drains its marks, round after round.

use std::collections::BTreeMap;

use aws::{InForce, Mark, Settlement};
use destination::{Destination, Record};
use domain::dataflow::Dataflow;
use domain::delivery::{
    Cells, Delivery, Hold, Intent, Operation, Outcome, OutcomeResult, Sent, SourceHash, Step, Target, Vendor,
    Wanted, may_send, next_step, wanted,
};
use domain::identity::ProfileId;
use domain::name::DataflowName;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use tracing::{info, warn};

use crate::call::{Call, Due};
use crate::handler::{Activate, Failure};

/// How many profiles are read or written at a time.
pub(crate) const AT_ONCE: usize = 16;

/// The most marks of a round: what stands under intents at one time.
const ROUND: usize = 10_000;

/// One dataflow as it is in force in a round.
pub(crate) struct Flow<'a> {
    pub(crate) in_force: &'a InForce,
    pub(crate) dataflow: &'a Dataflow,
    pub(crate) destination: &'a dyn Destination,
    pub(crate) allowed: Result<(), Hold>,
}

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// There may be more to do.
    Progress,
    /// There is nothing to do now.
    Idle,
    /// The vendor cannot be called now.
    Stopped,
}

/// A marked profile and what is to be done about it.
struct Planned {
    profile: ProfileId,
    delivery: Delivery,
    target: Target,
    step: Step,
}

impl Activate {
    /// Drains the marks of a dataflow, until none is due or the deadline is near; then the rest is left to the next
    /// wake-up, which the worker sends itself.
    pub(crate) async fn drain(&self, name: &DataflowName, deadline: Timestamp) -> Result<(), Failure> {
        loop {
            let now = Timestamp::now();
            if now.saturating_add(self.limits.margin)? > deadline {
                info!(dataflow = %name, "A worker's time is up: it wakes itself.");
                return Ok(self.store.queues.wake(name, now).await?);
            }
            // The catalogue is read for every round, so that no request is made on what was allowed before.
            let Some(in_force) = self.store.catalogue().await? else { return Ok(()) };
            let Some(dataflow) = in_force.catalogue.dataflows.get(name) else {
                warn!(dataflow = %name, "A dataflow that is not in the catalogue was woken.");
                return Ok(());
            };
            let allowed = may_send(&in_force.catalogue, dataflow, now);
            let destination = match self.connect(&in_force, dataflow).await {
                Ok(destination) => destination,
                // What may not send needs no credentials yet, as long as there is nothing to withdraw.
                Err(error) if allowed.is_err() && !self.has_sent(name, now).await? => {
                    warn!(dataflow = %name, %error, "A dataflow that may not send cannot be connected either.");
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let flow = Flow { in_force: &in_force, dataflow, destination: destination.as_ref(), allowed };
            match self.round(&flow, now).await? {
                Round::Progress => {}
                Round::Idle | Round::Stopped => return Ok(()),
            }
        }
    }

    /// Whether anything stands at a dataflow's destination, or may stand there, of those that are marked.
    async fn has_sent(&self, name: &DataflowName, now: Timestamp) -> Result<bool, Failure> {
        for mark in self.store.profiles.marked(name, now, u32::MAX).await? {
            let profile = self.store.profiles.load(&mark.profile).await?;
            let delivery = profile.as_ref().and_then(|profile| profile.deliveries.get(name));
            if delivery.is_some_and(|delivery| !delivery.may_stand().is_empty() || delivery.intent.is_some())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn connect(
        &self,
        in_force: &InForce,
        dataflow: &Dataflow,
    ) -> Result<Box<dyn Destination>, Failure> {
        let destination = in_force.catalogue.destinations.get(&dataflow.destination);
        let destination = destination
            .ok_or_else(|| format!("destination `{}` is not in the catalogue", dataflow.destination))?;
        let secret = match &destination.secret {
            None => None,
            Some(name) => Some(self.store.secrets.destination(name).await?),
        };
        let plugin = registry::find(&destination.plugin)?;
        Ok(plugin.connect(&destination.config, secret.as_ref(), &self.context)?)
    }

    async fn round(&self, flow: &Flow<'_>, now: Timestamp) -> Result<Round, Failure> {
        let most = flow.destination.descriptor().max_records.min(ROUND);
        let limit = u32::try_from(most).unwrap_or(u32::MAX);
        let marks = self.store.profiles.marked(&flow.dataflow.name, now, limit).await?;
        let planned: Vec<Option<Planned>> = stream::iter(marks)
            .map(|mark| self.plan(flow, mark, now))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let mut progress = false;
        let (mut removals, mut additions) = (Vec::new(), Vec::new());
        let (mut accepted, mut settled) = (BTreeMap::new(), Vec::new());
        for planned in planned.into_iter().flatten() {
            progress |= planned.delivery.dirty;
            let Planned { profile, delivery, target, step } = planned;
            match step {
                Step::Call(operation, cells, source) => {
                    let done = delivery.also.is_empty() && is_done_by(operation, &cells, &target);
                    let due = Due { profile, delivery, cells, source, done };
                    if operation == Operation::Remove { removals.push(due) } else { additions.push(due) }
                }
                Step::Look(intent) => {
                    let Intent { operation, cells, source, .. } = intent.clone();
                    let done = delivery.also.is_empty() && is_done_by(operation, &cells, &target);
                    let receipt = intent.receipt.clone();
                    let (_, due) = accepted.entry(receipt).or_insert_with(|| (intent, Vec::new()));
                    due.push(Due { profile, delivery, cells, source, done });
                }
                step => settled.push((profile, delivery, step)),
            }
        }
        self.settle_all(flow, settled, now).await?;
        for (intent, due) in accepted.values() {
            Box::pin(self.look(flow, intent, due)).await?;
        }
        // What must go goes before what may come.
        for (operation, due) in [(Operation::Remove, removals), (Operation::Add, additions)] {
            // On the heap: with all that a call may come to, a round would take too much of a small stack.
            if !due.is_empty() && Box::pin(self.call(flow, operation, due)).await? == Call::Stop {
                return Ok(Round::Stopped);
            }
        }
        Ok(if progress { Round::Progress } else { Round::Idle })
    }

    async fn plan(&self, flow: &Flow<'_>, mark: Mark, now: Timestamp) -> Result<Option<Planned>, Failure> {
        let Some(mut profile) = self.store.profiles.load(&mark.profile).await? else { return Ok(None) };
        let delivery = profile.deliveries.remove(&flow.dataflow.name).unwrap_or_default();
        let target = match wanted(&flow.in_force.catalogue, flow.dataflow, &profile, now) {
            Wanted::Absent => Target::Absent,
            Wanted::Undecided if profile.graph.merged_into.is_some() => Target::OfAnother,
            Wanted::Undecided => Target::Undecided,
            Wanted::Present(values) => {
                let source = SourceHash::of(&values);
                match flow.destination.encode(&values) {
                    Ok(encoded) => Target::Present(Cells::from(encoded.record), source),
                    Err(rejection) => Target::Unusable(source, rejection.to_string()),
                }
            }
        };
        let vendor = Vendor {
            idempotent: flow.destination.descriptor().idempotent,
            overwrites: overwrites(flow.destination, &delivery, &target),
        };
        let step = next_step(&delivery, &target, flow.allowed.is_ok(), vendor, now);
        Ok(Some(Planned { profile: profile.id, delivery, target, step }))
    }

    /// Writes the steps down that need no call.
    async fn settle_all(
        &self,
        flow: &Flow<'_>,
        settled: Vec<(ProfileId, Delivery, Step)>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if settled.iter().any(|(_, _, step)| *step == Step::Hold) {
            self.keep_refusals(flow, now).await?;
        }
        stream::iter(settled)
            .map(|(profile, delivery, step)| async move {
                self.settle(flow, &profile, &delivery, step, now).await
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await
    }

    async fn settle(
        &self,
        flow: &Flow<'_>,
        profile: &ProfileId,
        delivery: &Delivery,
        step: Step,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let (profiles, name) = (&self.store.profiles, &flow.dataflow.name);
        let mut sent = delivery.sent.clone();
        let result = match step {
            Step::Wait(until) => {
                profiles.put_off(profile, name, until).await?;
                return Ok(());
            }
            Step::Turn(stands) => {
                profiles.turn(profile, name, delivery, &stands).await?;
                return Ok(());
            }
            Step::HandOver => {
                self.store.hand_over(profile, name, delivery, now).await?;
                return Ok(());
            }
            Step::Keep(source) => {
                sent = sent.map(|sent| Sent { source, ..sent });
                OutcomeResult::Delivered { operation: Operation::Add }
            }
            Step::Hold => {
                let reason = flow.allowed.as_ref().err().map_or_else(String::new, |hold| hold.reason.clone());
                OutcomeResult::Held { reason }
            }
            Step::SetAside(source, reason) => OutcomeResult::SetAside { source, reason },
            Step::Unknown(attempt) => OutcomeResult::Unknown { attempt },
            Step::Done | Step::Call(..) | Step::Look(_) => {
                profiles.clean(profile, name, delivery.generation).await?;
                return Ok(());
            }
        };
        let settlement = Settlement {
            attempt: delivery.intent.as_ref().map(|intent| intent.attempt.as_str()),
            sent: sent.as_ref(),
            outcome: &Outcome { at: now, result },
            failures: 0,
            done: true,
            generation: delivery.generation,
            due: now,
            keep_intent: true,
        };
        profiles.settle(profile, name, &settlement).await?;
        Ok(())
    }

    async fn keep_refusals(&self, flow: &Flow<'_>, now: Timestamp) -> Result<(), Failure> {
        let refusals = flow.allowed.as_ref().err().map(|hold| hold.refusals.as_slice()).unwrap_or_default();
        for refusal in refusals {
            let record = aws::RefusalRecord {
                sequence: flow.in_force.sequence,
                at: now,
                during: "delivery".to_owned(),
                refusal: refusal.clone(),
            };
            self.store.ledger.keep_refusal(&record).await?;
        }
        Ok(())
    }
}

/// Whether sending what is wanted leaves nothing of what stands, or may stand.
fn overwrites(destination: &dyn Destination, delivery: &Delivery, target: &Target) -> bool {
    let sent = delivery.sent.as_ref().map(|sent| &sent.cells);
    let mut stands = delivery.intent.as_ref().map(|intent| &intent.cells).into_iter().chain(sent);
    let record = |cells: &Cells| cells.clone().into_iter().collect::<Record>();
    match target {
        Target::Present(cells, _) => {
            let wanted = record(cells);
            stands.all(|stands| destination.overwrites(&record(stands), &wanted))
        }
        Target::Unusable(..) | Target::Absent | Target::Undecided | Target::OfAnother => false,
    }
}

/// Whether a call that succeeds leaves nothing to do.
fn is_done_by(operation: Operation, cells: &Cells, target: &Target) -> bool {
    match (operation, target) {
        (Operation::Add, Target::Present(wanted, _)) => wanted == cells,
        (Operation::Remove, Target::Absent) => true,
        _ => false,
    }
}
