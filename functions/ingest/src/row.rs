//! Applying one record: finding its profile, linking its identities, writing its fragment.
//!
//! The order of writes is what makes a crash harmless. The graph names an identity before the identity links to the
//! profile, and a fragment before it is written; a partner's ID refers to a fragment before the fragment holds it. What
//! a crash leaves is thus always too much on the list, never something that no list knows.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use aws::{Error, Holder, Reference, Store};
use domain::dataset::{Dataset, OnUnmatched};
use domain::fragment::{Change, Fragment, FragmentKey, Record, WriteRules, decide};
use domain::graph::linking::Rules;
use domain::graph::{Contradiction, Graph};
use domain::identity::{Identity, IdentityKey, Keyring, ProfileId};
use domain::ingest::{Intake, InvalidRecord, LARGEST_RECORD};
use domain::value;
use jiff::Timestamp;

use crate::quarantine::code;

mod enrich;
mod relink;

/// How many fragments one partner ID may refer to.
pub const MOST_REFERENCES: u16 = 100;

/// How many of these may come from browsers, which can claim any ID: a partner's files find room all the same.
const MOST_CLAIMED_REFERENCES: u16 = 50;

/// How often an identity may be taken off the profile that was born with it, and be born again.
const MOST_EPOCHS: u32 = 1_000;

/// How often a record is tried again when somebody else writes at the same moment.
const MOST_RACES: u32 = 20;

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its fragment is written.
    Ingested {
        /// Whether its profile was created for it.
        created: bool,
    },
    /// It says what was stored already.
    Unchanged,
    /// Something newer is stored.
    Older,
    /// No profile has any of its identities.
    Unmatched,
    /// It cannot be used: code and reason.
    SetAside(&'static str, String),
}

/// Where one try ended.
enum Try {
    /// With an outcome.
    Settled(Outcome),
    /// Somebody else wrote in between: what was read is out of date.
    Raced,
    /// The record names somebody who was deleted beside somebody who is known: this is what is left of it without them.
    Without(Box<Record>),
}

/// Applies the records of one dataset.
pub struct Applier<'a> {
    store: &'a Store,
    intake: &'a Intake<'a>,
    dataset: &'a Dataset,
    keyring: &'a Keyring,
    rules: WriteRules,
    linking: Rules,
}

impl<'a> Applier<'a> {
    /// An applier of a dataset's records.
    pub fn new(
        store: &'a Store,
        intake: &'a Intake<'a>,
        dataset: &'a Dataset,
        keyring: &'a Keyring,
        now: Timestamp,
    ) -> Applier<'a> {
        Applier { store, intake, dataset, keyring, rules: intake.rules(now), linking: intake.linking() }
    }

    /// Applies a record. Applying it again has the same outcome and writes nothing.
    ///
    /// # Errors
    /// Where the store fails, or too many others write to the same profile at once.
    pub async fn apply(&self, record: &Record) -> Result<Outcome, Error> {
        if let Err(contradiction) = Contradiction::check(&self.linking, record) {
            return Ok(contradictory(&contradiction));
        }
        let mut record = Cow::Borrowed(record);
        for race in 0..MOST_RACES {
            match self.attempt(&record, race).await? {
                Try::Without(rest) => record = Cow::Owned(*rest),
                Try::Settled(outcome) => return Ok(outcome),
                // Whoever was faster gets ahead first, so that not everybody meets again.
                Try::Raced => tokio::time::sleep(Duration::from_millis(u64::from(race) * 7)).await,
            }
        }
        Err(Error::plain("too many writers changed one profile at once: the record is tried again later"))
    }

    /// The profiles that a record may be written to, as its identities link now.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn homes(&self, record: &Record) -> Result<BTreeSet<ProfileId>, Error> {
        let Store { identities, profiles, .. } = self.store;
        let mut homes = BTreeSet::new();
        for identity in record.identities() {
            if let Some(named) = identities.link(&identity.key).await? {
                homes.extend(self.store.live(&named).await?.map(|(profile, _)| profile));
            }
        }
        let first = &self.first(record).key;
        for epoch in 0..=MOST_EPOCHS {
            if !homes.is_empty() || self.dataset.on_unmatched == OnUnmatched::SetAside {
                break;
            }
            let profile = self.keyring.profile_id(first, epoch);
            let stands = profiles.graph(&profile).await?;
            if stands.is_none_or(|stands| stands.identities.contains_key(first)) {
                homes.insert(profile);
            }
        }
        Ok(homes)
    }

    /// The identity that a profile is born of.
    fn first<'r>(&self, record: &'r Record) -> &'r Identity {
        record.identities().min_by_key(|identity| self.intake.rank(identity)).unwrap_or(&record.primary)
    }

    async fn attempt(&self, record: &Record, race: u32) -> Result<Try, Error> {
        if self.intake.is_keyed_by_partner_id() {
            return self.enrich(record).await;
        }
        for identity in record.identities() {
            match self.store.identities.holder(&identity.key).await? {
                Holder::Profile(profile) => {
                    // The fragment of one that is found by another identity may say the same there: it was written before
                    // the primary identity went.
                    let anew = identity.key != record.primary.key;
                    return self.write(record, &profile, Around { anew, ..Around::of(race) }).await;
                }
                Holder::Suppressed => return Ok(Try::Settled(suppressed())),
                Holder::Nobody => {}
            }
        }
        match self.dataset.on_unmatched {
            OnUnmatched::SetAside => Ok(Try::Settled(Outcome::Unmatched)),
            _ => self.create(record, race).await,
        }
    }

    /// Creates the profile of a record whose identities nobody has.
    async fn create(&self, record: &Record, race: u32) -> Result<Try, Error> {
        let first = &self.first(record).key;
        let graph = Graph::born(record, &self.dataset.name);
        let mut epoch = 0;
        let profile = loop {
            let profile = self.keyring.profile_id(first, epoch);
            if self.store.profiles.put_graph(&profile, &graph, None).await? {
                break profile;
            }
            let stands = self.store.profiles.graph(&profile).await?;
            if let Some(stands) = stands.filter(|stands| stands.identities.contains_key(first)) {
                if stands.is_closed() {
                    return Ok(Try::Settled(suppressed()));
                }
                // It was born before: by an attempt that died, or by a row that shares the first identity.
                let around = Around { born: Some((profile.clone(), stands)), ..Around::of(race) };
                return self.write(record, &profile, around).await;
            }
            // The profile that was born with this identity has lost it, and may be somebody else's by now.
            epoch += 1;
            if epoch > MOST_EPOCHS {
                return Err(Error::plain("an identity has changed hands too often to be born again"));
            }
        };
        if let Some(refused) = self.claim(record.identities().collect(), &profile, &graph).await? {
            return Ok(refused);
        }
        let Change::Written(fragment) = decide(None, record, self.rules) else { return Ok(Try::Raced) };
        self.put(record, &profile, None, Fragment { created_profile: true, ..fragment }).await
    }

    /// Writes a record to the profile that it belongs to.
    async fn write(&self, record: &Record, profile: &ProfileId, around: Around) -> Result<Try, Error> {
        let stored = self.store.profiles.fragment(profile, &self.key(record)).await?;
        let mut fragment = match decide(stored.as_ref(), record, self.rules) {
            Change::Unchanged => return Ok(Try::Settled(Outcome::Unchanged)),
            Change::Older => return Ok(Try::Settled(Outcome::Older)),
            Change::AlreadyWritten { created_profile } => {
                // Whoever wrote it may have died before the prospects were looked at.
                if !self.absorb_all(record.partner_ids.iter(), profile).await? {
                    return Ok(Try::Raced);
                }
                return Ok(Try::Settled(Outcome::Ingested { created: created_profile }));
            }
            Change::Confirmed(fragment) => {
                let version = stored.as_ref().map(|stored| stored.version);
                let written =
                    self.store.profiles.put_fragment(profile, &self.key(record), &fragment, version).await?;
                return Ok(if written { Try::Settled(Outcome::Unchanged) } else { Try::Raced });
            }
            Change::Written(fragment) => fragment,
        };
        // What several records add up to is one.
        let bytes = value::stored_bytes(&fragment.attributes);
        if bytes > LARGEST_RECORD {
            let reason = InvalidRecord::TooLarge(bytes).to_string();
            return Ok(Try::Settled(Outcome::SetAside(code::RECORD_TOO_LARGE, reason)));
        }
        // A fragment of the same identities was linked when it was written: only others need the graph.
        if around.anew || stored.as_ref().is_none_or(|stored| stored.identities != fragment.identities) {
            match self.link(record, profile, around).await? {
                Linked::Held { created } => fragment.created_profile = created,
                Linked::Refused(refused) => return Ok(refused),
            }
        } else if self.intake.is_keyed_by_partner_id() && self.is_closed(profile).await? {
            return Ok(Try::Settled(suppressed()));
        }
        self.put(record, profile, stored.as_ref(), fragment).await
    }

    /// Claims identities that the profile's graph names already. What another profile has claimed in the meantime, or
    /// whose person was deleted, the graph gives up, and the record is looked at anew.
    async fn claim(
        &self,
        mut identities: Vec<&Identity>,
        profile: &ProfileId,
        graph: &Graph,
    ) -> Result<Option<Try>, Error> {
        identities.sort_by_key(|identity| self.intake.rank(identity));
        let mut others = BTreeSet::new();
        for identity in identities {
            if !self.store.identities.claim(&identity.key, profile).await? {
                others.insert(&identity.key);
            }
        }
        if others.is_empty() {
            return Ok(None);
        }
        self.give_up(others, profile, graph.clone()).await?;
        Ok(Some(Try::Raced))
    }

    /// Has a graph that was read give up what is others'. Whoever brings an identity to a profile writes the profile's
    /// graph too, so that what is another's is so until the graph is written, or read again.
    async fn give_up(
        &self,
        mut others: BTreeSet<&IdentityKey>,
        profile: &ProfileId,
        mut graph: Graph,
    ) -> Result<(), Error> {
        let Store { profiles, identities, .. } = self.store;
        loop {
            others.retain(|key| graph.identities.contains_key(*key));
            let read = Some(graph.version);
            // Of somebody who was deleted it says what is to be forgotten.
            if graph.is_closed()
                || others.is_empty()
                || profiles.put_graph(profile, &graph.without(&others), read).await?
            {
                return Ok(());
            }
            let Some(newer) = profiles.graph(profile).await? else { return Ok(()) };
            graph = newer;
            for key in others.clone() {
                if identities.holder(key).await? == Holder::Profile(profile.clone()) {
                    others.remove(key);
                }
            }
        }
    }

    /// Writes a fragment, the references of its partner IDs before it, and takes back those that it does not hold any
    /// more after it.
    async fn put(
        &self,
        record: &Record,
        profile: &ProfileId,
        stored: Option<&Fragment>,
        fragment: Fragment,
    ) -> Result<Try, Error> {
        let key = self.key(record);
        let reference = Reference { profile: profile.clone(), fragment: key.clone() };
        let most = if self.dataset.events().is_some() { MOST_CLAIMED_REFERENCES } else { MOST_REFERENCES };
        let empty = BTreeSet::new();
        let held = stored.map_or(&empty, |stored| &stored.partner_ids);
        for partner_id in fragment.partner_ids.difference(held) {
            let count = self.store.identities.count_references(&partner_id.key, most).await?;
            if count >= most && !self.refers(&partner_id.key, &reference).await? {
                let reason = format!(
                    "{most} records hold this partner ID of namespace `{}` already",
                    partner_id.namespace
                );
                return Ok(Try::Settled(Outcome::SetAside(code::TOO_MANY_REFERENCES, reason)));
            }
            self.store.identities.refer(&partner_id.key, &reference).await?;
        }
        let mut dropped = Vec::new();
        for partner_id in held.difference(&fragment.partner_ids) {
            dropped.extend(self.store.identities.see_reference(&partner_id.key, &reference).await?);
        }
        let read = stored.map(|stored| stored.version);
        if !self.store.profiles.put_fragment(profile, &key, &fragment, read).await? {
            return Ok(Try::Raced);
        }
        for seen in &dropped {
            self.store.identities.forget(seen).await?;
        }
        if !held.is_subset(&fragment.partner_ids) {
            self.store.let_go(profile).await?;
        }
        // Only now: whoever makes a prospect of one of the IDs from here on sees that somebody holds it.
        if !self.absorb_all(fragment.partner_ids.difference(held), profile).await? {
            return Ok(Try::Raced);
        }
        Ok(Try::Settled(Outcome::Ingested { created: fragment.created_profile }))
    }

    async fn refers(&self, partner_id: &IdentityKey, reference: &Reference) -> Result<bool, Error> {
        Ok(self.store.identities.references(partner_id).await?.contains(reference))
    }

    fn key(&self, record: &Record) -> FragmentKey {
        FragmentKey { dataset: self.dataset.name.clone(), primary: record.primary.key.clone() }
    }
}

/// What became of linking a record's identities.
enum Linked {
    /// They are the profile's.
    Held {
        /// Whether the profile was born of this very record.
        created: bool,
    },
    /// They are not, and the try ends so.
    Refused(Try),
}

/// What is known of the profiles around a record before they are read.
#[derive(Default)]
struct Around {
    /// A profile that was born with the record's first identity, and that nothing may link to yet.
    born: Option<(ProfileId, Graph)>,
    /// Whether every identity around is looked up: what a graph says of one was not so.
    thoroughly: bool,
    /// Whether the identities are linked though the stored fragment names the same: the primary one is nobody's.
    anew: bool,
}

impl Around {
    fn of(race: u32) -> Around {
        Around { thoroughly: race > 0, ..Around::default() }
    }
}

fn suppressed() -> Outcome {
    let reason = "the person was deleted: whoever sent the row is to take them out of the file";
    Outcome::SetAside(code::SUPPRESSED, reason.to_owned())
}

fn contradictory(contradiction: &Contradiction) -> Outcome {
    let code = match contradiction {
        Contradiction::TooMany(_) => code::TOO_MANY_IDENTITIES,
        Contradiction::Unique(_) => code::IDENTITY_CONFLICT,
    };
    Outcome::SetAside(code, contradiction.to_string())
}
