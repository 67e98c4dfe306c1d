//! Records that are keyed by a partner's ID: they say something of every profile that holds it, and link nobody. Where
//! nobody holds it, they may make a prospect, who ends when somebody turns out to hold the ID.

use std::collections::BTreeSet;

use aws::{Error, Holder, Reference};
use domain::dataset::OnUnmatched;
use domain::delivery::Delivery;
use domain::fragment::{Fragment, FragmentKey, Record};
use domain::graph::Graph;
use domain::identity::{Identity, IdentityKey, ProfileId};

use super::{Applier, Around, Linked, MOST_EPOCHS, Outcome, Try, suppressed};
use crate::quarantine::code;

/// The profiles that hold a partner's ID.
#[derive(Default)]
struct Holders {
    known: BTreeSet<ProfileId>,
    prospects: BTreeSet<ProfileId>,
}

impl Applier<'_> {
    /// Writes a record to every profile that holds the partner's ID by which it is keyed. A profile that comes to hold
    /// it later is enriched by the next file.
    pub(super) async fn enrich(&self, record: &Record) -> Result<Try, Error> {
        let Holders { known, prospects } = self.holders(&record.primary.key).await?;
        if known.is_empty() {
            // Whoever held the ID and was deleted does not come back as a prospect.
            if self.store.identities.holder(&record.primary.key).await? == Holder::Suppressed {
                return Ok(Try::Settled(suppressed()));
            }
            let tried = match (prospects.first(), self.dataset.on_unmatched) {
                (Some(prospect), _) => self.write(&of_prospect(record), prospect, Around::default()).await?,
                (None, OnUnmatched::Prospect) => self.create_prospect(&of_prospect(record)).await?,
                (None, _) => return Ok(Try::Settled(Outcome::Unmatched)),
            };
            return match tried {
                // Somebody may have come to hold the ID meanwhile, and have seen no prospect: of the two that write, the
                // later one sees the other.
                Try::Settled(Outcome::Ingested { .. })
                    if !self.holders(&record.primary.key).await?.known.is_empty() =>
                {
                    Ok(Try::Raced)
                }
                tried => Ok(tried),
            };
        }
        let mut outcome = Outcome::Unmatched;
        for profile in &known {
            for prospect in &prospects {
                if !self.absorb(prospect, profile).await? {
                    return Ok(Try::Raced);
                }
            }
            match self.write(record, profile, Around::default()).await? {
                Try::Settled(one) => outcome = weightier(outcome, one),
                unsettled => return Ok(unsettled),
            }
        }
        Ok(Try::Settled(outcome))
    }

    /// The profiles that hold a partner's ID. A reference alone says little: it is written before its fragment.
    async fn holders(&self, partner_id: &IdentityKey) -> Result<Holders, Error> {
        let mut holders = Holders::default();
        for Reference { profile, fragment } in self.store.identities.references(partner_id).await? {
            if holders.known.contains(&profile) {
                continue;
            }
            match self.store.profiles.fragment(&profile, &fragment).await? {
                Some(fragment) if !fragment.holds(partner_id) => {}
                // Of a customer other records say which IDs they hold.
                Some(fragment) if fragment.is_keyed_by_partner_id() => {
                    holders.prospects.insert(profile);
                }
                Some(_) => {
                    holders.known.insert(profile);
                }
                None => {}
            }
        }
        Ok(holders)
    }

    /// Creates the prospect of a record whose partner's ID nobody holds.
    async fn create_prospect(&self, record: &Record) -> Result<Try, Error> {
        let graph = Graph::of_prospect(record.token, self.key(record));
        for epoch in 0..MOST_EPOCHS {
            let profile = self.keyring.profile_id(&record.primary.key, epoch);
            if self.store.profiles.put_graph(&profile, &graph, None).await? {
                return self.write(record, &profile, Around::default()).await;
            }
            let stands = self.store.profiles.graph(&profile).await?;
            if stands.as_ref().is_some_and(|stands| stands.receipt().is_some()) {
                return Ok(Try::Settled(suppressed()));
            }
            // An attempt that died has created it, or a row of another dataset; one that has become known is over.
            if stands.is_some_and(|stands| stands.merged_into.is_none() && !stands.is_closed()) {
                return self.write(record, &profile, Around::default()).await;
            }
        }
        Err(Error::plain("a partner's ID has changed hands too often to be a prospect again"))
    }

    /// Puts the record's fragment on the list of a profile, before it is written.
    pub(super) async fn list(&self, record: &Record, profile: &ProfileId) -> Result<Linked, Error> {
        if self.is_closed(profile).await? {
            return Ok(Linked::Refused(Try::Settled(suppressed())));
        }
        match self.put_on_list(&self.key(record), profile).await? {
            Some(graph) => Ok(Linked::Held { created: graph.born == record.token }),
            None => Ok(Linked::Refused(Try::Raced)),
        }
    }

    /// Whether nothing is written to a profile any more.
    pub(super) async fn is_closed(&self, profile: &ProfileId) -> Result<bool, Error> {
        Ok(self.store.profiles.graph(profile).await?.is_some_and(|graph| graph.is_closed()))
    }

    /// Puts a fragment on the list of a profile; nothing, where the profile is gone, is closed, has become another, or
    /// somebody else wrote it: what is written to it then would stay there for good.
    async fn put_on_list(&self, fragment: &FragmentKey, profile: &ProfileId) -> Result<Option<Graph>, Error> {
        let Some(graph) = self.store.profiles.graph(profile).await? else { return Ok(None) };
        if graph.merged_into.is_some() || graph.is_closed() {
            return Ok(None);
        }
        let Some(next) = graph.listing(fragment) else { return Ok(Some(graph)) };
        let written = self.store.profiles.put_graph(profile, &next, Some(graph.version)).await?;
        Ok(written.then_some(next))
    }

    /// Ends the prospects of partners' IDs that a record gives a known profile. Says whether that is done.
    pub(super) async fn absorb_all<'r>(
        &self,
        partner_ids: impl Iterator<Item = &'r Identity>,
        profile: &ProfileId,
    ) -> Result<bool, Error> {
        if !self.intake.has_prospects() || self.intake.is_keyed_by_partner_id() {
            return Ok(true);
        }
        for partner_id in partner_ids {
            for prospect in self.holders(&partner_id.key).await?.prospects {
                if !self.absorb(&prospect, profile).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Hands what is known of a prospect over to the profile that turned out to hold the ID, and ends the prospect. What
    /// was sent of the prospect is withdrawn, as nobody is one any more. Says whether that is done: somebody else may have
    /// written one of the two.
    ///
    /// The profile has everything before the prospect gives anything up: whoever dies in between is repeated.
    async fn absorb(&self, prospect: &ProfileId, known: &ProfileId) -> Result<bool, Error> {
        let profiles = &self.store.profiles;
        // What is said of somebody who was deleted ends with the prospect.
        if self.is_closed(known).await? {
            return Ok(true);
        }
        let Some(stored) = profiles.load(prospect).await? else { return Ok(true) };
        if stored.graph.is_closed() {
            return Ok(true);
        }
        for (key, fragment) in &stored.fragments {
            if !self.hand_over(key, fragment, known).await? {
                return Ok(false);
            }
        }
        if stored.deliveries.values().any(Delivery::stands) && !self.note_owing(prospect, known).await? {
            return Ok(false);
        }
        if stored.graph.merged_into.is_none() {
            let ended = Graph {
                merged_into: Some(known.clone()),
                version: stored.graph.version.saturating_add(1),
                ..stored.graph.clone()
            };
            if !profiles.put_graph(prospect, &ended, Some(stored.graph.version)).await? {
                return Ok(false);
            }
        }
        for (key, fragment) in &stored.fragments {
            // What was written to the prospect meanwhile is handed over first.
            if !self.store.remove_fragment(prospect, key, fragment).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Notes on a profile that a prospect who turned out to be this person still owes a destination something. Says whether
    /// that is noted: somebody else may have written the profile.
    async fn note_owing(&self, prospect: &ProfileId, known: &ProfileId) -> Result<bool, Error> {
        let Some(graph) = self.store.profiles.graph(known).await? else { return Ok(true) };
        let mut next = graph.clone();
        if graph.is_closed() || !next.owing.insert(prospect.clone()) {
            return Ok(true);
        }
        next.version = graph.version.saturating_add(1);
        self.store.profiles.put_graph(known, &next, Some(graph.version)).await
    }

    async fn hand_over(
        &self,
        key: &FragmentKey,
        fragment: &Fragment,
        known: &ProfileId,
    ) -> Result<bool, Error> {
        let stored = self.store.profiles.fragment(known, key).await?;
        if stored.as_ref().is_some_and(|stored| stored.token >= fragment.token) {
            return Ok(true);
        }
        let read = stored.map(|stored| stored.version);
        let fragment = fragment.of_known(read.unwrap_or_default().saturating_add(1));
        Ok(self.put_on_list(key, known).await?.is_some()
            && self.store.profiles.put_fragment(known, key, &fragment, read).await?)
    }
}

/// A record as a prospect's: nothing else says that the prospect holds the ID.
fn of_prospect(record: &Record) -> Record {
    Record { partner_ids: BTreeSet::from([record.primary.clone()]), ..record.clone() }
}

/// Of what a record came to at two profiles, what it came to as a whole: written, if it was anywhere.
fn weightier(one: Outcome, other: Outcome) -> Outcome {
    let weight = |outcome: &Outcome| match outcome {
        Outcome::Unmatched => 0,
        // Of several who hold an ID one may be deleted: all others are as they were.
        Outcome::SetAside(code::SUPPRESSED, _) => 1,
        Outcome::Older => 2,
        Outcome::Unchanged => 3,
        Outcome::Ingested { .. } => 4,
        Outcome::SetAside(..) => 5,
    };
    if weight(&other) > weight(&one) { other } else { one }
}
