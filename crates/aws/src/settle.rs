//! Settling: what lies under a profile and is another's is brought there.
//!
//! Graphs say whose an identity is, and they have said so before anything moves. Everything here can be repeated, and be
//! broken off after any write: what is brought is put down before it is taken away, and whoever finds it in both places
//! brings it again.

use std::collections::BTreeSet;

use domain::catalogue::Catalogue;
use domain::dataset::WriteMode;
use domain::delivery::{Delivery, OutcomeResult};
use domain::fragment::{Fragment, FragmentKey};
use domain::graph::{Ending, Graph};
use domain::identity::{IdentityKey, ProfileId};
use domain::membership::Memberships;
use domain::name::DataflowName;
use domain::profile::Profile;
use jiff::Timestamp;

use crate::{Error, Holder, Reference, Store};

/// What settling came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Dataflows whose workers have something to look at.
    pub marked: BTreeSet<DataflowName>,
    /// Visitors who are to be linked again: the profile that holds them is another than it was, or may be.
    pub visitors: BTreeSet<IdentityKey>,
}

impl Store {
    /// Brings to a profile what is its own and lies under others, and takes away from it what is others'.
    ///
    /// # Errors
    /// Where a table cannot be read or written.
    pub async fn settle(
        &self,
        catalogue: &Catalogue,
        profile: &ProfileId,
        now: Timestamp,
    ) -> Result<Settled, Error> {
        let mut settled = Settled::default();
        let Some(whole) = self.profiles.load_all(profile).await? else { return Ok(settled) };
        let settling = Settling { store: self, catalogue, now };
        settling.clear(&whole, &mut settled).await?;
        for source in &whole.graph.arriving {
            if let Some(source) = self.profiles.load_all(source).await? {
                settling.clear(&source, &mut settled).await?;
            }
        }
        if !whole.graph.arriving.is_empty() {
            settled.visitors.extend(whole.graph.visitors().cloned());
        }
        settling.note_arrived(profile, &whole.graph).await?;
        Ok(settled)
    }

    /// Hands what stands at a destination over from a profile to the one that it has become, where no call is under way.
    /// Says whether it was handed over.
    ///
    /// # Errors
    /// Where the table cannot be read or written.
    pub async fn hand_over(
        &self,
        profile: &ProfileId,
        dataflow: &DataflowName,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let Some((survivor, _)) = self.live(profile).await? else { return Ok(false) };
        if delivery.intent.is_some() || survivor == *profile {
            return Ok(false);
        }
        let stands = delivery.may_stand();
        if !stands.is_empty() {
            self.profiles.take_over(&survivor, dataflow, &stands, now).await?;
        }
        self.profiles.give_over(profile, dataflow, delivery).await
    }
}

/// What is known while settling.
struct Settling<'a> {
    store: &'a Store,
    catalogue: &'a Catalogue,
    now: Timestamp,
}

/// Whose a fragment is that lies with somebody else.
enum Heir {
    /// A profile's.
    Profile(ProfileId),
    /// Nobody's any more: the person was deleted, or it lies under a profile that is erased.
    Gone,
    /// Nobody knows: it stays where it is.
    Unknown,
}

impl Settling<'_> {
    /// Brings away from a profile what is not its own, and takes away what is nobody's any more.
    async fn clear(&self, source: &Profile, settled: &mut Settled) -> Result<(), Error> {
        let is_erased = matches!(source.graph.ending, Some(Ending::Erased { .. }));
        let survivor = match source.has_become_another() {
            true => self.store.live(&source.id).await?,
            false => None,
        };
        for (key, fragment) in &source.fragments {
            if survivor.is_some() || is_erased || source.is_stray(key, fragment) {
                match self.heir(source, key, fragment, survivor.as_ref()).await? {
                    Heir::Profile(to) => self.bring(source, key, fragment, &to).await?,
                    Heir::Gone => self.take_away(source, key, fragment).await?,
                    Heir::Unknown => {}
                }
            }
        }
        for (ecid, memberships) in source.edge_memberships.iter().filter(|(ecid, _)| !source.has(ecid)) {
            let to = match self.store.identities.holder(ecid).await? {
                Holder::Profile(named) => self.store.live(&named).await?,
                Holder::Nobody | Holder::Suppressed => None,
            };
            let to = to.filter(|(_, graph)| !graph.is_closed()).map(|(id, _)| id);
            if to.as_ref() != Some(&source.id) {
                self.bring_edge(source, ecid, memberships, to.as_ref()).await?;
                settled.visitors.insert(ecid.clone());
            }
        }
        let is_gone = is_erased || survivor.as_ref().is_some_and(|(_, graph)| graph.is_closed());
        if is_gone && source.memberships.version > 0 {
            self.store.profiles.delete_memberships(&source.id, source.memberships.version).await?;
        }
        if let Some((survivor, _)) = survivor {
            if !is_gone {
                self.join_memberships(source, &survivor).await?;
            }
            self.join_deliveries(source, settled).await?;
        }
        Ok(())
    }

    /// Whose a fragment is by now: who holds the identity that it is about, else whoever its profile has become.
    async fn heir(
        &self,
        source: &Profile,
        key: &FragmentKey,
        fragment: &Fragment,
        survivor: Option<&(ProfileId, Graph)>,
    ) -> Result<Heir, Error> {
        let mut heir = None;
        if !fragment.is_keyed_by_partner_id() {
            heir = match self.store.identities.holder(&key.primary).await? {
                Holder::Suppressed => return Ok(Heir::Gone),
                Holder::Profile(named) => self.store.live(&named).await?,
                Holder::Nobody => None,
            };
        }
        Ok(match heir.as_ref().or(survivor) {
            Some((_, graph)) if graph.is_closed() => Heir::Gone,
            Some((id, _)) if *id != source.id => Heir::Profile(id.clone()),
            Some(_) => Heir::Unknown,
            None if source.graph.is_closed() => Heir::Gone,
            None => Heir::Unknown,
        })
    }

    /// Deletes a fragment, and what refers to it before it: nobody refers to it anew, and what a crash leaves is found by
    /// the fragment. One that somebody writes meanwhile is left for the next time.
    async fn take_away(&self, source: &Profile, key: &FragmentKey, fragment: &Fragment) -> Result<(), Error> {
        let Store { profiles, identities, .. } = self.store;
        let reference = Reference { profile: source.id.clone(), fragment: key.clone() };
        for partner_id in &fragment.partner_ids {
            if let Some(seen) = identities.see_reference(&partner_id.key, &reference).await? {
                identities.forget(&seen).await?;
            }
        }
        profiles.delete_fragment_of(&source.id, key, fragment.version).await?;
        Ok(())
    }

    /// Brings a fragment to a profile, with what refers to it, and what is said of its partner's IDs.
    async fn bring(
        &self,
        source: &Profile,
        key: &FragmentKey,
        fragment: &Fragment,
        to: &ProfileId,
    ) -> Result<(), Error> {
        for (about, said) in &source.fragments {
            if said.is_keyed_by_partner_id() && fragment.holds(&about.primary) {
                self.put(about, said, to).await?;
            }
        }
        let mut fragment = fragment.clone();
        loop {
            if !self.put(key, &fragment, to).await? {
                // It is merged or gone by now: whoever looks next sees where to.
                return Ok(());
            }
            if self.store.remove_fragment(&source.id, key, &fragment).await? {
                return Ok(());
            }
            match self.store.profiles.fragment(&source.id, key).await? {
                Some(newer) => fragment = newer,
                None => return Ok(()),
            }
        }
    }

    /// Puts a fragment down under a profile, joined with what is there, after its key and what refers to it. Says whether
    /// the profile takes it.
    async fn put(&self, key: &FragmentKey, fragment: &Fragment, to: &ProfileId) -> Result<bool, Error> {
        let Store { profiles, identities, .. } = self.store;
        loop {
            let Some(graph) = profiles.graph(to).await? else { return Ok(false) };
            if graph.merged_into.is_some() || graph.is_closed() {
                return Ok(false);
            }
            let Some(next) = graph.listing(key) else { break };
            if profiles.put_graph(to, &next, Some(graph.version)).await? {
                break;
            }
        }
        let reference = Reference { profile: to.clone(), fragment: key.clone() };
        for partner_id in &fragment.partner_ids {
            identities.refer(&partner_id.key, &reference).await?;
        }
        let mode = self
            .catalogue
            .datasets
            .get(&key.dataset)
            .map_or(WriteMode::Replace, |dataset| dataset.write_mode);
        loop {
            let stored = profiles.fragment(to, key).await?;
            let next = match &stored {
                Some(stored) => stored.joined(fragment, mode),
                None => Some(fragment.clone()),
            };
            let Some(next) = next else { return Ok(true) };
            if profiles.put_fragment(to, key, &next, stored.map(|stored| stored.version)).await? {
                return Ok(true);
            }
        }
    }

    async fn bring_edge(
        &self,
        source: &Profile,
        ecid: &IdentityKey,
        memberships: &Memberships,
        to: Option<&ProfileId>,
    ) -> Result<(), Error> {
        let profiles = &self.store.profiles;
        if let Some(to) = to {
            profiles.copy_edge_memberships(to, ecid, Some(memberships)).await?;
        }
        profiles.copy_edge_memberships(&source.id, ecid, None).await
    }

    /// Has the survivor be in whatever audience either was in, until it is evaluated.
    async fn join_memberships(&self, source: &Profile, survivor: &ProfileId) -> Result<(), Error> {
        let profiles = &self.store.profiles;
        if source.memberships.version == 0 {
            return Ok(());
        }
        loop {
            let stands = profiles.memberships(survivor).await?;
            let Some(joined) = stands.joined(&source.memberships) else { break };
            if profiles.put_memberships(survivor, &joined, stands.version).await? {
                break;
            }
        }
        profiles.delete_memberships(&source.id, source.memberships.version).await?;
        Ok(())
    }

    /// Hands deliveries over to the survivor. Where a call is under way, the worker of the dataflow sees it to its end
    /// first.
    async fn join_deliveries(&self, source: &Profile, settled: &mut Settled) -> Result<(), Error> {
        for (dataflow, delivery) in &source.deliveries {
            let is_unknown = delivery
                .outcome
                .as_ref()
                .is_some_and(|outcome| matches!(outcome.result, OutcomeResult::Unknown { .. }));
            if delivery.intent.is_none() {
                self.store.hand_over(&source.id, dataflow, delivery, self.now).await?;
            } else if !delivery.dirty && !is_unknown {
                self.store.profiles.mark(&source.id, dataflow, self.now).await?;
            }
            settled.marked.insert(dataflow.clone());
        }
        Ok(())
    }

    /// Notes that everything has arrived that was on its way when a graph was read, and which of the profiles that are
    /// part of this one still owe a destination something.
    async fn note_arrived(&self, profile: &ProfileId, read: &Graph) -> Result<(), Error> {
        let profiles = &self.store.profiles;
        let (mut owing, mut done) = (BTreeSet::new(), BTreeSet::new());
        for source in read.arriving.union(&read.owing) {
            (if self.owes(source, profile).await? { &mut owing } else { &mut done }).insert(source.clone());
        }
        let mut graph = Some(read.clone());
        while let Some(stands) = graph {
            let mut next = stands.clone();
            next.arriving.retain(|each| !read.arriving.contains(each));
            next.owing.retain(|each| !done.contains(each));
            next.owing.extend(owing.iter().cloned());
            // Nothing stands of an erased one, and whoever is part of another by now owes there.
            if next == stands || matches!(stands.ending, Some(Ending::Erased { .. })) {
                break;
            }
            next.version = stands.version.saturating_add(1);
            if profiles.put_graph(profile, &next, Some(stands.version)).await? {
                break;
            }
            graph = profiles.graph(profile).await?;
        }
        Ok(())
    }

    /// Whether something of a profile that has become part of another stands at a destination, or may.
    async fn owes(&self, source: &ProfileId, profile: &ProfileId) -> Result<bool, Error> {
        let Some(stored) = self.store.profiles.load_all(source).await? else { return Ok(false) };
        Ok(stored.deliveries.values().any(Delivery::stands)
            && self.store.live(source).await?.is_some_and(|(live, _)| live == *profile))
    }
}
