//! One slice of a run: profiles page by page, memberships that changed, marks on what lags, and a checkpoint.

use std::collections::{BTreeMap, BTreeSet};

use aws::{
    Evaluate, Holder, InForce, Page, Queue, Removed, Run, Settled, Slice, SliceKey, Store, Sweep, Swept,
    Visit,
};
use domain::catalogue::Catalogue;
use domain::delivery::{Delivery, Outcome, OutcomeResult};
use domain::edge::visitor::{StoredVisitor, Visitor};
use domain::governance::consent::withholds;
use domain::identity::IdentityKey;
use domain::membership::{MembershipStatus, Memberships};
use domain::name::{AudienceName, DataflowName, DatastreamName};
use domain::namespace::ECID;
use domain::profile::pseudonymous::without_visits;
use domain::profile::{Profile, day};
use domain::removal::without_what_is_over;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use jiff::civil::Date;
use segmentation::{Audiences, EdgeAudiences, InvalidAudience};
use tracing::info;

use crate::handler::{Evaluator, Failure};

/// How often a profile's memberships are decided where somebody else writes them at the same time. Whoever comes first
/// has seen what we have, or the next run does.
const ATTEMPTS: usize = 2;

impl Evaluator {
    /// Takes a slice up at its checkpoint, and goes on to its end or until shortly before a deadline.
    pub(crate) async fn slice(&self, key: &SliceKey, deadline: Timestamp) -> Result<(), Failure> {
        let Store { ledger, queues, .. } = &self.store;
        let mut slice = ledger.slice(key).await?.ok_or(Failure::NoSlice)?;
        if slice.done {
            return Ok(());
        }
        let run = ledger.run(&key.run).await?.ok_or(Failure::NoSlice)?;
        let in_force = self.store.catalogue().await?.ok_or(Failure::NoCatalogue)?;
        let now = Timestamp::now();
        let pass = Pass {
            store: &self.store,
            catalogue: &in_force.catalogue,
            sequence: in_force.sequence,
            audiences: Audiences::compile(&in_force.catalogue)?,
            edge_audiences: edge_audiences(&in_force, day(now))?,
            sweep: self.store.sweep(&in_force, now),
            run: &run,
            now,
        };
        let mut pending = BTreeSet::new();
        loop {
            let read = slice.version;
            slice = self.page(&pass, key, slice, &mut pending).await?;
            let is_last = slice.done || self.limits.are_reached(deadline, Timestamp::now());
            if is_last {
                // Before the checkpoint: once that is written nobody comes back to these marks.
                for dataflow in slice.marked.keys().chain(&pending).collect::<BTreeSet<_>>() {
                    queues.wake(dataflow, Timestamp::now()).await?;
                }
            }
            if !ledger.checkpoint(key, &slice, read).await? {
                let is_done = ledger.slice(key).await?.is_some_and(|slice| slice.done);
                return if is_done { Ok(()) } else { Err(Failure::Overtaken) };
            }
            if is_last {
                info!(
                    run = key.run,
                    slice = key.slice,
                    done = slice.done,
                    profiles = slice.profiles,
                    changed = slice.changed,
                    "A slice was evaluated up to its checkpoint."
                );
                if slice.done {
                    tell_withheld(key, &slice);
                }
                let rest = (!slice.done).then(|| Evaluate::Slice(key.clone()));
                return Ok(queues.send(Queue::Slices, rest.as_slice()).await?);
            }
        }
    }

    /// Evaluates the next page of a slice, and answers with the checkpoint after it: counts and position move together.
    async fn page(
        &self,
        pass: &Pass<'_>,
        key: &SliceKey,
        mut slice: Slice,
        pending: &mut BTreeSet<DataflowName>,
    ) -> Result<Slice, Failure> {
        let profiles = &self.store.profiles;
        let (segment, segments) = (segment_number(key.slice), segment_number(pass.run.slices));
        let mut page = profiles.scan(segment, segments, slice.next.as_ref(), self.limits.page_size).await?;
        let settled = pass.settle(&mut page).await?;
        pending.extend(settled.marked);
        let after = pass.memberships(&page.profiles);
        let seen: Vec<Option<Seen>> = stream::iter(page.profiles.into_iter().zip(after))
            .map(|(profile, after)| pass.profile(profile, after))
            .buffer_unordered(self.limits.at_once)
            .try_collect()
            .await?;
        stream::iter(page.visitors)
            .map(|(ecid, stored)| pass.visitor(ecid, stored))
            .buffer_unordered(self.limits.at_once)
            .try_collect::<()>()
            .await?;
        for Seen { profile, swept, removed } in seen.into_iter().flatten() {
            count(&mut slice, &profile, &swept, pass.run.started);
            pass.count_withheld(&mut slice, &profile);
            slice.removed = slice.removed.plus(removed);
            pending.extend(swept.pending);
        }
        slice.version = slice.version.saturating_add(1);
        slice.done = page.next.is_none();
        slice.next = page.next;
        slice.ended = slice.done.then(Timestamp::now);
        slice.units = slice.units.plus(profiles.take_units()).plus(self.store.identities.take_units());
        Ok(slice)
    }
}

fn edge_audiences(
    in_force: &InForce,
    today: Date,
) -> Result<BTreeMap<DatastreamName, EdgeAudiences>, InvalidAudience> {
    let compile =
        |datastream| EdgeAudiences::compile(&in_force.catalogue, in_force.sequence, datastream, today);
    let datastreams = in_force.catalogue.datastreams.iter();
    datastreams.map(|(name, datastream)| Ok((name.clone(), compile(datastream)?))).collect()
}

/// Tells the log, of which a metric is made, how many members dataflows leave out.
fn tell_withheld(key: &SliceKey, slice: &Slice) {
    for (dataflow, withheld) in &slice.withheld {
        info!(
            run = key.run,
            slice = key.slice,
            %dataflow,
            withheld,
            "Members were left out of a dataflow, as they have not consented."
        );
    }
}

fn segment_number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// What all profiles of a slice are held against.
pub(crate) struct Pass<'a> {
    pub(crate) store: &'a Store,
    pub(crate) catalogue: &'a Catalogue,
    sequence: u64,
    audiences: Audiences<'a>,
    edge_audiences: BTreeMap<DatastreamName, EdgeAudiences>,
    sweep: Sweep,
    run: &'a Run,
    pub(crate) now: Timestamp,
}

/// A profile as it is left, and what was done to it.
struct Seen {
    profile: Profile,
    swept: Swept,
    removed: Removed,
}

impl Pass<'_> {
    /// Brings what lies under profiles of a page and is another's to where it belongs, as far as nobody has done so since
    /// graphs were linked anew. The profiles are read again.
    async fn settle(&self, page: &mut Page) -> Result<Settled, Failure> {
        let mut all = Settled::default();
        for id in std::mem::take(&mut page.unsettled) {
            let settled = self.store.settle(self.catalogue, &id, self.now).await?;
            all.marked.extend(settled.marked);
            all.visitors.extend(settled.visitors);
            let stored = self.store.profiles.load(&id).await?;
            page.profiles.retain(|profile| profile.id != id);
            page.profiles.extend(stored);
        }
        self.link_again(std::mem::take(&mut all.visitors)).await?;
        Ok(all)
    }

    pub(crate) async fn link_again(&self, visitors: BTreeSet<IdentityKey>) -> Result<(), Failure> {
        let visits: Vec<Visit> = visitors.into_iter().map(Visit::anew).collect();
        Ok(self.store.queues.link(&visits).await?)
    }

    /// Writes the memberships that a profile has `after` its evaluation, if they have changed, marks what lags of it, and
    /// deletes what of it is over; nothing, where it is gone meanwhile.
    async fn profile(&self, profile: Profile, after: Option<Memberships>) -> Result<Option<Seen>, Failure> {
        let Some(profile) = self.write(profile, after).await? else { return Ok(None) };
        let dataflows = self.catalogue.dataflows.values();
        let changed = dataflows
            .filter(|dataflow| has_changed(&profile, &dataflow.audience, self.run.started))
            .map(|dataflow| &dataflow.name)
            .collect();
        let swept = self.sweep.mark(&profile, &changed, Timestamp::now()).await?;
        if !profile.graph.is_closed() {
            self.tell_visitors(&profile).await?;
        }
        let removed = self.remove(&profile).await?;
        Ok(Some(Seen { profile, swept, removed }))
    }

    /// Has those visitors of a profile linked again whose copies are out of date: offers and edge audiences refer to the
    /// profile's audiences by what linking knows, and batch audiences to what it left of visitors on the profile. What
    /// stands on either side is compared, so that no lost message matters. Where the profile has expired, what is
    /// remembered of those who have not come by since goes first.
    async fn tell_visitors(&self, profile: &Profile) -> Result<(), Failure> {
        let nodes = profile.graph.identities.iter().filter(|(_, node)| node.namespace.as_str() == ECID);
        let known: BTreeSet<&IdentityKey> =
            nodes.map(|(ecid, _)| ecid).chain(profile.edge_memberships.keys()).collect();
        let has_expired = profile.has_expired(self.catalogue, self.now);
        let mut visits = Vec::new();
        for ecid in known {
            let stored = self.store.visitors.get(ecid).await?;
            let rest = without_visits(self.catalogue, &stored.visitor, self.now).filter(|_| has_expired);
            let is_forgotten = match rest {
                Some(rest) => self.store.visitors.put(ecid, &rest, stored.version, self.now).await?,
                None => false,
            };
            if is_forgotten || is_out_of_date(profile, ecid, &stored) {
                visits.push(Visit { ecid: ecid.clone(), cause: format!("{}-{}", self.run.id, profile.id) });
            }
        }
        Ok(self.store.queues.link(&visits).await?)
    }

    /// Counts the dataflows that leave a profile out.
    fn count_withheld(&self, slice: &mut Slice, profile: &Profile) {
        for dataflow in self.catalogue.dataflows.values() {
            if withholds(self.catalogue, dataflow, profile, self.now) {
                *slice.withheld.entry(dataflow.name.clone()).or_default() += 1;
            }
        }
    }

    /// Evaluates a visitor again: an event grows old, a contract ends, a definition changes, and no request says so. One
    /// that was not linked as it is, since a message was lost or its worker has died of it, is linked now.
    async fn visitor(&self, ecid: IdentityKey, mut stored: StoredVisitor) -> Result<(), Failure> {
        let Store { visitors, queues, .. } = self.store;
        if !stored.is_linked() || self.remembers_the_deleted(&ecid, &stored).await? {
            queues.link(&[Visit { ecid: ecid.clone(), cause: self.run.id.clone() }]).await?;
        }
        for _ in 0..ATTEMPTS {
            // What a newer catalogue has decided stands, and so does that there is to be nothing.
            if stored.visitor.memberships.sequence > self.sequence || stored.visitor.suppressed.is_some() {
                return Ok(());
            }
            let rest = without_what_is_over(self.catalogue, &stored.visitor, self.now);
            let is_rest = rest.is_some();
            stored.visitor = rest.unwrap_or(stored.visitor);
            let visitor = match self.visitor_memberships(&stored) {
                Some(memberships) => Visitor { memberships, ..stored.visitor },
                None if is_rest => stored.visitor,
                None => return Ok(()),
            };
            if visitors.put(&ecid, &visitor, stored.version, self.now).await? {
                return Ok(());
            }
            // The visitor came by meanwhile.
            stored = visitors.get(&ecid).await?;
        }
        Ok(())
    }

    /// Whether a visitor remembers the login of somebody who was deleted, and their profile does not name it: the login
    /// had no place there, or the visitor gave way to another. Linking forgets it.
    async fn remembers_the_deleted(
        &self,
        ecid: &IdentityKey,
        stored: &StoredVisitor,
    ) -> Result<bool, Failure> {
        let Store { identities, .. } = self.store;
        let Some(login) = &stored.visitor.login else { return Ok(false) };
        let is_placed = !stored.link.login.is_empty() && stored.link.profile.is_some();
        if is_placed && identities.link(ecid).await? == stored.link.profile {
            return Ok(false);
        }
        for identity in &login.identities {
            if identities.holder(&identity.key).await? == Holder::Suppressed {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A visitor's memberships as the audiences of every datastream that knows the visitor decide them now; nothing, where
    /// none has changed. Whoever was in an audience of a datastream that is gone has left it.
    fn visitor_memberships(&self, stored: &StoredVisitor) -> Option<Memberships> {
        let mut after = stored.clone();
        let visited = stored.visitor.datastreams.iter().filter_map(|name| self.edge_audiences.get(name));
        let mut visited = visited.peekable();
        if visited.peek().is_none() {
            return stored.visitor.memberships.after([], self.sequence, self.now);
        }
        for audiences in visited {
            if let Some(memberships) = audiences.evaluate(&after, self.now) {
                after.visitor.memberships = memberships;
            }
        }
        (after != *stored).then_some(after.visitor.memberships)
    }

    /// The memberships of each of some profiles as they are now; nothing, where they have not changed. Whoever was merged
    /// away is evaluated as the survivor, and whoever ends not at all.
    fn memberships(&self, profiles: &[Profile]) -> Vec<Option<Memberships>> {
        let findings = self.audiences.find(profiles, self.run.started, self.now);
        let survivors = profiles.iter().enumerate().map(|(place, profile)| {
            let is_survivor = profile.graph.merged_into.is_none() && profile.graph.ending.is_none();
            is_survivor
                .then(|| profile.memberships.after(findings.of(place), self.sequence, self.run.started))?
        });
        survivors.collect()
    }

    /// The profile with its memberships as they are now, written if they have changed.
    async fn write(
        &self,
        mut profile: Profile,
        mut after: Option<Memberships>,
    ) -> Result<Option<Profile>, Failure> {
        let Store { profiles, .. } = self.store;
        for _ in 0..ATTEMPTS {
            let Some(memberships) = after else { break };
            if profiles.put_memberships(&profile.id, &memberships, profile.memberships.version).await? {
                profile.memberships = memberships;
                break;
            }
            // The scan may be behind what is stored, as it is after a page was evaluated and its checkpoint lost.
            match profiles.load(&profile.id).await? {
                Some(stored) => profile = stored,
                None => return Ok(None),
            }
            after = self.memberships(std::slice::from_ref(&profile)).pop().flatten();
        }
        Ok(Some(profile))
    }
}

/// Whether what linking copied between a profile and one of its visitors differs from what it would copy.
fn is_out_of_date(profile: &Profile, ecid: &IdentityKey, stored: &StoredVisitor) -> bool {
    if stored.version == 0 {
        // The visitor was forgotten, and is in no edge audience any more.
        return profile.edge_memberships.contains_key(ecid);
    }
    let audiences = |memberships: &'_ Memberships| memberships.audiences.clone();
    let copied = profile.edge_memberships.get(ecid).map(audiences);
    stored.link.profile.as_ref() == Some(&profile.id)
        && (stored.link.audiences != profile.memberships.realized()
            || stored.is_linked() && copied != stored.visitor.copied_memberships().map(audiences))
}

/// Whether a membership has changed in a run. The run's start tells, so that a page that is evaluated again counts the
/// same.
fn has_changed(profile: &Profile, audience: &AudienceName, started: Timestamp) -> bool {
    profile.memberships.audiences.get(audience).is_some_and(|membership| membership.since == started)
}

/// Counts a profile in.
fn count(slice: &mut Slice, profile: &Profile, swept: &Swept, started: Timestamp) {
    if profile.graph.merged_into.is_none() && profile.graph.ending.is_none() {
        slice.profiles += 1;
        slice.changed +=
            u64::from(profile.memberships.audiences.keys().any(|name| has_changed(profile, name, started)));
        for (audience, membership) in &profile.memberships.audiences {
            match membership.status {
                MembershipStatus::Realized => *slice.realized.entry(audience.clone()).or_default() += 1,
                MembershipStatus::Exited if membership.since == started => {
                    *slice.exited.entry(audience.clone()).or_default() += 1;
                }
                MembershipStatus::Exited => {}
            }
        }
    }
    for dataflow in &swept.marked {
        *slice.marked.entry(dataflow.clone()).or_default() += 1;
    }
    for (dataflow, delivery) in &profile.deliveries {
        if delivery.sent.is_some() {
            *slice.sent.entry(dataflow.clone()).or_default() += 1;
        }
        if is_unknown(delivery) {
            *slice.unknown.entry(dataflow.clone()).or_default() += 1;
        }
    }
}

fn is_unknown(delivery: &Delivery) -> bool {
    matches!(&delivery.outcome, Some(Outcome { result: OutcomeResult::Unknown { .. }, .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    use domain::delivery::Sent;
    use domain::fragment::OrderToken;
    use domain::graph::Graph;
    use domain::membership::{Membership, Memberships};

    const STARTED: &str = "2026-01-31T12:00:00Z";
    const BEFORE: &str = "2026-01-30T12:00:00Z";

    fn membership(status: MembershipStatus, since: &str) -> Membership {
        let definition = serde_json::from_str("\"d1\"").unwrap();
        Membership { status, since: since.parse().unwrap(), definition }
    }

    fn profile(memberships: &[(&str, MembershipStatus, &str)]) -> Profile {
        let audiences = memberships
            .iter()
            .map(|(name, status, since)| (name.parse().unwrap(), membership(*status, since)))
            .collect();
        let sent = Sent {
            cells: BTreeMap::new(),
            source: serde_json::from_str("\"s1\"").unwrap(),
            at: BEFORE.parse().unwrap(),
            sequence: 1,
        };
        let outcome = Outcome {
            at: BEFORE.parse().unwrap(),
            result: OutcomeResult::Unknown { attempt: "1".to_owned() },
        };
        Profile {
            id: "0123456789abcdef0123456789abcdef".parse().unwrap(),
            graph: Graph::empty(OrderToken { time: 1, batch: 1, row: 1 }),
            fragments: BTreeMap::new(),
            memberships: Memberships { version: 1, sequence: 1, audiences },
            edge_memberships: BTreeMap::new(),
            deliveries: BTreeMap::from([
                ("gone".parse().unwrap(), Delivery { sent: Some(sent), ..Delivery::default() }),
                ("file".parse().unwrap(), Delivery { outcome: Some(outcome), ..Delivery::default() }),
            ]),
        }
    }

    fn counts<K: ToString>(counts: &BTreeMap<K, u64>) -> Vec<(String, u64)> {
        counts.iter().map(|(name, count)| (name.to_string(), *count)).collect()
    }

    #[test]
    fn what_a_run_changed_is_told_by_its_start_and_so_counts_the_same_again() {
        use MembershipStatus::{Exited, Realized};
        let started = STARTED.parse().unwrap();
        let swept = Swept { marked: vec!["file".parse().unwrap()], pending: vec!["gone".parse().unwrap()] };
        let mut slice = Slice::default();
        count(&mut slice, &profile(&[("a", Realized, STARTED), ("b", Exited, BEFORE)]), &swept, started);
        count(&mut slice, &profile(&[("a", Realized, BEFORE), ("b", Exited, STARTED)]), &swept, started);
        count(&mut slice, &profile(&[("a", Realized, BEFORE), ("b", Exited, BEFORE)]), &swept, started);
        assert_eq!((slice.profiles, slice.changed), (3, 2));
        assert_eq!(counts(&slice.realized), [("a".to_owned(), 3)]);
        assert_eq!(counts(&slice.exited), [("b".to_owned(), 1)]);
        assert_eq!(counts(&slice.marked), [("file".to_owned(), 3)]);
        assert_eq!(counts(&slice.sent), [("gone".to_owned(), 3)]);
        assert_eq!(counts(&slice.unknown), [("file".to_owned(), 3)]);
    }

    #[test]
    fn whoever_was_merged_away_is_no_member_but_what_was_sent_of_them_counts() {
        let mut merged = profile(&[("a", MembershipStatus::Realized, STARTED)]);
        merged.graph.merged_into = Some(merged.id.clone());
        let mut slice = Slice::default();
        count(&mut slice, &merged, &Swept::default(), STARTED.parse().unwrap());
        assert_eq!((slice.profiles, slice.changed, slice.realized.len()), (0, 0, 0));
        assert_eq!(counts(&slice.sent), [("gone".to_owned(), 1)]);
    }
}
