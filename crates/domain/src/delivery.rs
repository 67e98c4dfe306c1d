//! Delivery: what should stand at a destination, what does stand there, and the next step from the one to the other.
//!
//! Delivery is level-triggered. Nothing depends on having seen an event: whatever changes what is wanted (a
//! membership, a mapped value, a mapping, a policy, a catalogue) changes the difference to what was sent, and the
//! difference is delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::audience::Population;
use crate::catalogue::Catalogue;
use crate::dataflow::{Dataflow, Source, State};
use crate::governance;
use crate::name::DataflowName;
use crate::profile::{Profile, day};
use crate::refusal::Refusal;
use crate::value::{self, Value};

/// The delivery state of one profile and one dataflow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// Goes up by one with every mark. Whoever cleans a mark does so on condition that it has not moved since.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// Whether it is marked: the worker of its dataflow is to look at it.
    #[serde(skip)]
    pub dirty: bool,
    /// What stands at the destination, as far as it was confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<Sent>,
    /// What else stands there of this person, or may: it was sent for profiles that have become part of this one. What
    /// of it is not wanted is withdrawn before anything else happens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Sent>,
    /// A call that was about to be made and whose outcome is not written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// How the last step ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// How many calls in a row have failed for reasons that may pass.
    #[serde(skip_serializing_if = "is_zero")]
    pub failures: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What was sent, exactly as it was sent: only so can it be withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// What the vendor was given, by what it calls it. Identifiers are hashed where the vendor takes hashes.
    pub cells: Cells,
    /// Names the mapped values of which the cells were made.
    pub source: SourceHash,
    /// When it was confirmed.
    pub at: Timestamp,
    /// The sequence of the catalogue under which it was allowed.
    pub sequence: u64,
}

/// What a vendor is given of one person, by what it calls it.
pub type Cells = BTreeMap<String, String>;

/// Names the values that a dataflow maps of a profile: equal values, equal hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceHash(String);

impl SourceHash {
    /// The hash of mapped values.
    pub fn of(values: &Cells) -> SourceHash {
        let mut hasher = Sha256::new();
        for (target, value) in values {
            for part in [target, value] {
                hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                hasher.update(part.as_bytes());
            }
        }
        let mut text = hex::encode(hasher.finalize());
        text.truncate(32);
        SourceHash(text)
    }
}

/// A call that is about to be made. It is written before the call, so that a successor knows what may have happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Names the attempt: all records of one call share it.
    pub attempt: String,
    /// What the call does.
    pub operation: Operation,
    /// What it is given.
    pub cells: Cells,
    /// Names the values of which the cells were made.
    pub source: SourceHash,
    /// When the call is over, one way or the other. A successor waits until then.
    pub deadline: Timestamp,
    /// What the vendor gave for a call that it accepted and works off later: by this it is asked how far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Withdraws what was sent.
    Remove,
    /// Sends.
    Add,
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Operation::Remove => "remove",
            Operation::Add => "add",
        })
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// When.
    pub at: Timestamp,
    /// How.
    #[serde(flatten)]
    pub result: OutcomeResult,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum OutcomeResult {
    /// The vendor confirmed it.
    Delivered {
        /// What was confirmed.
        operation: Operation,
    },
    /// The record was refused, and will be refused again as long as its values are the same.
    SetAside {
        /// The values that were refused.
        source: SourceHash,
        /// Why.
        reason: String,
    },
    /// It may not be sent now.
    Held {
        /// Why.
        reason: String,
    },
    /// The call failed for a reason that may pass; it is made again.
    Failed {
        /// Why.
        reason: String,
    },
    /// The call was made, its answer was never read, and the vendor's call may not be made twice: a person decides.
    Unknown {
        /// The attempt.
        attempt: String,
    },
}

/// What a person has found out of a call whose fate was unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The vendor has done what it was asked for.
    Made,
    /// The vendor has done nothing.
    NotMade,
}

/// A call whose fate was unknown, as a person has decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The attempt.
    pub attempt: String,
    /// What stands at the destination.
    pub sent: Option<Sent>,
    /// How the step ended after all.
    pub outcome: Outcome,
}

impl Delivery {
    /// Everything that stands at the destination, or may: what was confirmed, what came with profiles that have become
    /// part of this one, and what a call that was never answered may have sent. Each once.
    pub fn may_stand(&self) -> Vec<Sent> {
        let added = may_have_added(self).map(|intent| Sent {
            cells: intent.cells.clone(),
            source: intent.source.clone(),
            at: intent.deadline,
            sequence: 0,
        });
        let mut all: Vec<Sent> = Vec::new();
        for sent in self.sent.iter().cloned().chain(self.also.iter().cloned()).chain(added) {
            if all.iter().all(|known| known.cells != sent.cells) {
                all.push(sent);
            }
        }
        all
    }

    /// Whether anything stands at the destination, or may: what was sent, for whomever, or a call that is not over.
    pub fn stands(&self) -> bool {
        self.sent.is_some() || !self.also.is_empty() || self.intent.is_some()
    }

    /// When the vendor confirmed that what was sent is withdrawn; nothing, while something stands, and where the last step
    /// was another: an addition that was held, refused or has failed is no withdrawal.
    pub fn withdrawn(&self) -> Option<Timestamp> {
        match &self.outcome {
            Some(Outcome { at, result: OutcomeResult::Delivered { operation: Operation::Remove } }) => {
                (!self.stands()).then_some(*at)
            }
            _ => None,
        }
    }

    /// The intent of a call whose fate is unknown: what a person is to decide on.
    pub fn unknown(&self) -> Option<&Intent> {
        match &self.outcome {
            Some(Outcome { result: OutcomeResult::Unknown { attempt }, .. }) => {
                self.intent.as_ref().filter(|intent| intent.attempt == *attempt)
            }
            _ => None,
        }
    }

    /// The delivery's call of unknown fate as a person decides it; nothing where there is none.
    ///
    /// `sequence` is that of the catalogue in force: the one under which the call was allowed was not kept.
    pub fn decided(&self, fate: Fate, sequence: u64, now: Timestamp) -> Option<Decided> {
        let intent = self.unknown()?;
        let confirmed =
            || Sent { cells: intent.cells.clone(), source: intent.source.clone(), at: now, sequence };
        let sent = match (fate, intent.operation) {
            (Fate::Made, Operation::Add) => Some(confirmed()),
            (Fate::Made, Operation::Remove) => None,
            (Fate::NotMade, _) => self.sent.clone(),
        };
        let result = match fate {
            Fate::Made => OutcomeResult::Delivered { operation: intent.operation },
            Fate::NotMade => {
                OutcomeResult::Failed { reason: "the vendor did nothing, as a person has found".to_owned() }
            }
        };
        Some(Decided { attempt: intent.attempt.clone(), sent, outcome: Outcome { at: now, result } })
    }
}

/// What should stand at a destination of one profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// These mapped values, by what the vendor calls them; none, where a member has none of what is mapped.
    Present(Cells),
    /// Nothing.
    Absent,
    /// Not known before the next evaluation: the membership was decided by a definition that is not in force any more,
    /// or the profile is becoming part of another, or another part of it. What stands is left as it is.
    Undecided,
}

/// What a dataflow wants of a profile, by memberships, mapping and state as of now.
pub fn wanted(catalogue: &Catalogue, dataflow: &Dataflow, profile: &Profile, now: Timestamp) -> Wanted {
    // Whoever was deleted is withdrawn before they are erased, and so is of whom nothing is known any more, or will be.
    if profile.graph.ending.is_some() || profile.has_expired(catalogue, now) {
        return Wanted::Absent;
    }
    match (&profile.graph.merged_into, profile.population()) {
        // A prospect who has become known is a prospect no more.
        (Some(_), Population::Prospects) => return Wanted::Absent,
        (Some(_), Population::Customers) => return Wanted::Undecided,
        (None, _) if !profile.graph.arriving.is_empty() => return Wanted::Undecided,
        (None, _) => {}
    }
    if dataflow.state == State::Retiring {
        return Wanted::Absent;
    }
    let Some(audience) = catalogue.audiences.get(&dataflow.audience) else { return Wanted::Absent };
    let is_member = profile.is_realized_by(&audience.name, &audience.definition);
    if is_member == Some(false) {
        return Wanted::Absent;
    }
    let Some(policy) = catalogue.merge_policies.get(&audience.merge_policy) else { return Wanted::Absent };
    let maps_fields = dataflow.mapping.iter().any(|mapping| matches!(mapping.source, Source::Field(_)));
    let reads_fields = maps_fields || !dataflow.consents.is_empty();
    let merged =
        if reads_fields { profile.merged(catalogue, policy, now) } else { crate::profile::Merged::default() };
    // Who has withdrawn a consent is withdrawn at once, whatever the next evaluation decides of the membership.
    if !dataflow.consents.iter().all(|required| required.consent.is_given(&merged.attributes)) {
        return Wanted::Absent;
    }
    if is_member.is_none() {
        return Wanted::Undecided;
    }
    let values: Cells = dataflow
        .mapping
        .iter()
        .filter_map(|mapping| {
            let text = match &mapping.source {
                Source::Identity(namespace) => {
                    profile.newest_identity(catalogue, policy, namespace, now)?.value
                }
                Source::Field(path) => value::at(&merged.attributes, path).and_then(as_text)?,
            };
            Some((mapping.target.clone(), text))
        })
        .collect();
    Wanted::Present(values)
}

/// A scalar as text; what is no scalar cannot be mapped.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether a dataflow may send on the day of an instant, and if not, why. Removals pass all the same.
///
/// # Errors
/// The reason that it is held for, and the refusals behind it.
pub fn may_send(catalogue: &Catalogue, dataflow: &Dataflow, now: Timestamp) -> Result<(), Hold> {
    match &dataflow.state {
        State::Paused => return Err(Hold { reason: "the dataflow is paused".into(), refusals: Vec::new() }),
        State::Retiring => {
            return Err(Hold { reason: "the dataflow is retiring".into(), refusals: Vec::new() });
        }
        State::Active | State::Blocked(_) => {}
    }
    let refusals = governance::check(catalogue, dataflow, day(now));
    match refusals.first() {
        None => Ok(()),
        Some(first) => Err(Hold { reason: first.cause.to_string(), refusals }),
    }
}

/// Why a dataflow may not send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// In a few words.
    pub reason: String,
    /// The refusals, where policies or contracts are the reason.
    pub refusals: Vec<Refusal>,
}

/// Whether a delivery state lags behind what is wanted and is not marked yet: then it is to be marked. So is one of
/// somebody who has left while it is put off until the vendor is done with an addition.
pub fn lags(delivery: Option<&Delivery>, wanted: &Wanted, may_send: bool) -> bool {
    let untouched = Delivery::default();
    let delivery = delivery.unwrap_or(&untouched);
    if delivery.dirty {
        let is_accepted = may_have_added(delivery).is_some_and(|intent| intent.receipt.is_some());
        return is_accepted && *wanted == Wanted::Absent;
    }
    match &delivery.outcome {
        _ if *wanted == Wanted::Undecided => return false,
        Some(Outcome { result: OutcomeResult::Unknown { .. }, .. }) => {
            return *wanted == Wanted::Absent && may_have_added(delivery).is_some();
        }
        _ if delivery.intent.is_some() || !delivery.also.is_empty() => return true,
        _ => {}
    }
    match (&delivery.sent, wanted) {
        (None, Wanted::Absent) | (_, Wanted::Undecided) => false,
        (Some(_), Wanted::Absent) => true,
        (sent, Wanted::Present(values)) => {
            let source = SourceHash::of(values);
            let stands = sent.as_ref().is_some_and(|sent| sent.source == source);
            !stands && !is_set_aside(delivery, &source) && (may_send || !is_held(delivery))
        }
    }
}

fn is_set_aside(delivery: &Delivery, source: &SourceHash) -> bool {
    matches!(&delivery.outcome, Some(Outcome { result: OutcomeResult::SetAside { source: refused, .. }, .. }) if refused == source)
}

fn is_held(delivery: &Delivery) -> bool {
    matches!(&delivery.outcome, Some(Outcome { result: OutcomeResult::Held { .. }, .. }))
}

/// What should stand at a destination, as its plugin would send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// These cells, made of values of that hash.
    Present(Cells, SourceHash),
    /// Nothing, because the plugin cannot use the values of that hash.
    Unusable(SourceHash, String),
    /// Nothing.
    Absent,
    /// Not known before the next evaluation.
    Undecided,
    /// Whatever the profile that this one has become wants: what stands is handed over to it.
    OfAnother,
}

/// The next step of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// What stands is what is wanted.
    Done,
    /// Nothing may be done before an instant: a call may still be under way.
    Wait(Timestamp),
    /// Asks the vendor how far it is with a call that it accepted.
    Look(Intent),
    /// Sends or withdraws cells.
    Call(Operation, Cells, SourceHash),
    /// What stands is what is wanted, made of other values.
    Keep(SourceHash),
    /// Writes down anew what stands, or may stand: first what is dealt with next.
    Turn(Vec<Sent>),
    /// Hands what stands over to the profile that this one has become.
    HandOver,
    /// Something should be sent and may not be.
    Hold,
    /// The values cannot be used: nothing stands and nothing is sent.
    SetAside(SourceHash, String),
    /// A call's fate is unknown and it may not be made again: a person decides.
    Unknown(String),
}

/// What a vendor makes of calls that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vendor {
    /// Whether a call may be made twice.
    pub idempotent: bool,
    /// Whether nothing is left of what stands once what is wanted has been sent.
    pub overwrites: bool,
}

/// The next step from what was sent to what is wanted. `may_send` says whether policies and contracts allow it.
pub fn next_step(
    delivery: &Delivery,
    target: &Target,
    may_send: bool,
    vendor: Vendor,
    now: Timestamp,
) -> Step {
    if let Some(intent) = &delivery.intent {
        if intent.receipt.is_none() && now < intent.deadline {
            return Step::Wait(intent.deadline);
        }
        match target {
            Target::Undecided => return Step::Done,
            Target::OfAnother => return honour(delivery, intent, vendor),
            Target::Present(..) | Target::Unusable(..) | Target::Absent => {}
        }
        if intent.receipt.is_some() && is_still_wanted(intent, target, may_send && vendor.overwrites) {
            return Step::Look(intent.clone());
        }
        if vendor.idempotent {
            return make_good(intent, target, may_send, vendor.overwrites);
        }
        // Whoever left is withdrawn even so: the removal is a call of its own, made once.
        return match may_have_added(delivery) {
            Some(intent) if *target == Target::Absent => {
                Step::Call(Operation::Remove, intent.cells.clone(), intent.source.clone())
            }
            _ => Step::Unknown(intent.attempt.clone()),
        };
    }
    if !delivery.also.is_empty() && !matches!(target, Target::Undecided | Target::OfAnother) {
        return join(delivery, target);
    }
    match (&delivery.sent, target) {
        (None, Target::Absent) | (_, Target::Undecided) => Step::Done,
        (_, Target::OfAnother) => Step::HandOver,
        (None, Target::Unusable(source, _)) if is_set_aside(delivery, source) => Step::Done,
        (None, Target::Unusable(source, reason)) => Step::SetAside(source.clone(), reason.clone()),
        (None, Target::Present(_, source)) if is_set_aside(delivery, source) => Step::Done,
        (None, Target::Present(cells, source)) if may_send => {
            Step::Call(Operation::Add, cells.clone(), source.clone())
        }
        (None, Target::Present(..)) => Step::Hold,
        (Some(sent), Target::Present(cells, source)) if sent.cells == *cells => {
            if sent.source == *source {
                Step::Done
            } else {
                Step::Keep(source.clone())
            }
        }
        (Some(_), Target::Present(..)) if !may_send => Step::Hold,
        (Some(_), Target::Present(_, source)) if vendor.overwrites && is_set_aside(delivery, source) => {
            Step::Done
        }
        (Some(_), Target::Present(cells, source)) if vendor.overwrites => {
            Step::Call(Operation::Add, cells.clone(), source.clone())
        }
        // What stands goes first; what is wanted follows in the next step.
        (Some(sent), _) => Step::Call(Operation::Remove, sent.cells.clone(), sent.source.clone()),
    }
}

/// The step after a call that was never answered, where the profile has become another: it is asked after, or counted
/// among what may stand, where withdrawing that does no harm. Else a person decides first.
fn honour(delivery: &Delivery, intent: &Intent, vendor: Vendor) -> Step {
    if intent.receipt.is_some() {
        return Step::Look(intent.clone());
    }
    if !vendor.idempotent {
        return Step::Unknown(intent.attempt.clone());
    }
    Step::Turn(delivery.may_stand())
}

/// The next step where more than one record of a person stands. What is wanted stays, unless it shares a value with what
/// has to go: the vendor may find a person by any of them, and so it is withdrawn first and sent again last.
fn join(delivery: &Delivery, target: &Target) -> Step {
    let wanted = match target {
        Target::Present(cells, _) => Some(cells),
        Target::Unusable(..) | Target::Absent | Target::Undecided | Target::OfAnother => None,
    };
    let (mut wanted, mut others): (Vec<Sent>, Vec<Sent>) =
        delivery.may_stand().into_iter().partition(|sent| Some(&sent.cells) == wanted);
    let shares = |one: &Sent| {
        let values = |sent: &Sent| sent.cells.values().cloned().collect::<BTreeSet<_>>();
        others.iter().any(|other| !values(other).is_disjoint(&values(one)))
    };
    let is_first = wanted.first().is_some_and(shares);
    if is_first || others.is_empty() {
        wanted.append(&mut others);
        others = wanted;
    } else {
        others.append(&mut wanted);
    }
    let is_so = delivery.sent.as_ref() == others.first() && delivery.also.iter().eq(others.iter().skip(1));
    match others.first() {
        Some(first) if is_so => Step::Call(Operation::Remove, first.cells.clone(), first.source.clone()),
        _ => Step::Turn(others),
    }
}

/// The call that was never answered, if it may have sent something.
fn may_have_added(delivery: &Delivery) -> Option<&Intent> {
    delivery.intent.as_ref().filter(|intent| intent.operation == Operation::Add)
}

/// Whether a call that the vendor accepted brings about what is wanted, or has to be over before that.
fn is_still_wanted(intent: &Intent, target: &Target, may_overwrite: bool) -> bool {
    let is_it = matches!(target, Target::Present(cells, _) if *cells == intent.cells);
    match intent.operation {
        Operation::Add => is_it,
        Operation::Remove => !(is_it || may_overwrite && matches!(target, Target::Present(..))),
    }
}

/// The step after a call that was never answered: it is made again where its effect is still wanted, overwritten where
/// that leaves nothing of it, and withdrawn else. Whichever it is, the destination ends in a known state.
fn make_good(intent: &Intent, target: &Target, may_send: bool, overwrites: bool) -> Step {
    match target {
        Target::Present(cells, source) if may_send && (overwrites || *cells == intent.cells) => {
            Step::Call(Operation::Add, cells.clone(), source.clone())
        }
        _ => Step::Call(Operation::Remove, intent.cells.clone(), intent.source.clone()),
    }
}

/// How long a worker waits after a number of failures in a row: 15 s, doubled each time, an hour at most.
pub fn back_off(failures: u32) -> SignedDuration {
    let seconds = 15_i64.saturating_mul(1_i64.checked_shl(failures.min(16)).unwrap_or(i64::MAX));
    SignedDuration::from_secs(seconds.min(3600))
}

/// The number of partitions over which a dataflow's marks are spread in the index.
pub const SHARDS: u8 = 4;

/// Where a mark stands in the index of marks: its dataflow and one of [`SHARDS`] partitions.
pub fn mark_of(dataflow: &DataflowName, shard: u8) -> String {
    format!("{dataflow}#{shard}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(operation: Operation, sent: Option<Sent>) -> Delivery {
        let cells: Cells = [("email".to_owned(), "abc".to_owned())].into();
        let deadline = "2026-01-31T12:02:00Z".parse().unwrap();
        let source = SourceHash::of(&cells);
        let attempt = "01A".to_owned();
        let outcome = OutcomeResult::Unknown { attempt: attempt.clone() };
        Delivery {
            sent,
            intent: Some(Intent { attempt, operation, cells, source, deadline, receipt: None }),
            outcome: Some(Outcome { at: deadline, result: outcome }),
            ..Delivery::default()
        }
    }

    /// The delivery as it stands once a decision is written down.
    fn after(delivery: &Delivery, fate: Fate) -> Delivery {
        let decided = delivery.decided(fate, 4, "2026-02-01T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(decided.attempt, "01A");
        Delivery { sent: decided.sent, intent: None, outcome: Some(decided.outcome), ..Delivery::default() }
    }

    #[test]
    fn an_addition_that_was_made_stands_and_one_that_was_not_is_made_again() {
        let delivery = unknown(Operation::Add, None);
        let intent = delivery.unknown().unwrap();
        let target = Target::Present(intent.cells.clone(), intent.source.clone());
        let vendor = Vendor { idempotent: false, overwrites: false };
        let next = |delivery: &Delivery| next_step(delivery, &target, true, vendor, Timestamp::MAX);
        assert_eq!(next(&delivery), Step::Unknown("01A".to_owned()));

        let made = after(&delivery, Fate::Made);
        assert_eq!(made.sent.as_ref().map(|sent| (&sent.cells, sent.sequence)), Some((&intent.cells, 4)));
        assert_eq!(next(&made), Step::Done);

        let not_made = after(&delivery, Fate::NotMade);
        let again = Step::Call(Operation::Add, intent.cells.clone(), intent.source.clone());
        assert_eq!((not_made.sent.as_ref(), next(&not_made)), (None, again));
    }

    #[test]
    fn a_removal_that_was_made_leaves_nothing_and_one_that_was_not_leaves_what_stood() {
        let stood = after(&unknown(Operation::Add, None), Fate::Made).sent;
        let delivery = unknown(Operation::Remove, stood.clone());
        assert_eq!(after(&delivery, Fate::Made).sent, None);
        assert_eq!(after(&delivery, Fate::NotMade).sent, stood);
    }

    #[test]
    fn only_a_removal_that_was_confirmed_is_a_withdrawal() {
        let at: Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
        let reason = || "it may not leave".to_owned();
        let source = SourceHash::of(&Cells::new());
        let cases = [
            (OutcomeResult::Delivered { operation: Operation::Remove }, Some(at)),
            (OutcomeResult::Delivered { operation: Operation::Add }, None),
            (OutcomeResult::Held { reason: reason() }, None),
            (OutcomeResult::Failed { reason: reason() }, None),
            (OutcomeResult::SetAside { source, reason: reason() }, None),
        ];
        for (result, expected) in cases {
            let outcome = Some(Outcome { at, result });
            let delivery = Delivery { outcome, ..Delivery::default() };
            assert_eq!(delivery.withdrawn(), expected, "{:?}", delivery.outcome);
            let standing = unknown(Operation::Add, None);
            let standing = Delivery { outcome: delivery.outcome, ..standing };
            assert_eq!(standing.withdrawn(), None, "something may stand");
        }
    }

    #[test]
    fn there_is_nothing_to_decide_about_a_call_whose_fate_is_known() {
        let mut delivery = unknown(Operation::Add, None);
        delivery.outcome = None;
        assert_eq!(delivery.decided(Fate::Made, 1, Timestamp::MAX), None);
    }
}
