//! Linking a record's identities: the graphs that it touches are read, linked anew by the rules, and written together.

use std::collections::BTreeSet;

use aws::{Error, Holder, MOST_RELINKED, Visit};
use domain::dataset::OnUnmatched;
use domain::fragment::Record;
use domain::graph::{Neighbourhood, Relinked};
use domain::identity::{Identity, IdentityKey, ProfileId};
use jiff::Timestamp;
use tracing::info;

use super::{Applier, Around, Linked, Outcome, Try, suppressed};
use crate::quarantine::code;

impl Applier<'_> {
    /// Links a record's identities. What it comes to where others are concerned than the record's profile is written, and
    /// the record looked at anew.
    pub(super) async fn link(
        &self,
        record: &Record,
        profile: &ProfileId,
        around: Around,
    ) -> Result<Linked, Error> {
        if self.intake.is_keyed_by_partner_id() {
            return self.list(record, profile).await;
        }
        let Some(neighbourhood) = self.look_around(record, around).await? else {
            return Ok(Linked::Refused(Try::Raced));
        };
        if neighbourhood.bars(record) {
            return Ok(Linked::Refused(self.leave_out(record).await?));
        }
        let mut relinking = neighbourhood.hear(&self.linking, record, &self.dataset.name);
        let home = relinking.part_of(&record.primary.key).and_then(|part| part.profile.as_ref());
        if home.is_none() && self.dataset.on_unmatched == OnUnmatched::SetAside {
            return Ok(Linked::Refused(Try::Settled(Outcome::Unmatched)));
        }
        for part in &mut relinking.parts {
            if part.profile.is_none() {
                part.profile = Some(self.store.unborn(self.keyring, &part.first).await?);
            }
        }
        let relinked = relinking.finish();
        if relinked.home.as_ref() != Some(profile) || !relinked.is_growth() {
            return Ok(Linked::Refused(self.rewire(&relinked).await?));
        }
        self.grow(record, profile, &neighbourhood, &relinked).await
    }

    /// What is left of a record of somebody who is known, where it names somebody who was deleted; nothing, where it is
    /// about the latter: by its primary identity, or by the one of the highest priority.
    async fn leave_out(&self, record: &Record) -> Result<Try, Error> {
        let mut deleted = BTreeSet::new();
        for identity in &record.others {
            if self.store.identities.holder(&identity.key).await? == Holder::Suppressed {
                deleted.insert(identity.key.clone());
            }
        }
        if deleted.is_empty() || deleted.contains(&self.first(record).key) {
            return Ok(Try::Settled(suppressed()));
        }
        info!(
            identities = deleted.len(),
            "Identities of somebody who was deleted were left out of a record."
        );
        Ok(Try::Without(Box::new(self.intake.without(record, &deleted))))
    }

    /// Reads the graphs that a record touches; nothing where somebody changed them meanwhile.
    async fn look_around(&self, record: &Record, around: Around) -> Result<Option<Neighbourhood>, Error> {
        let mut neighbourhood = Neighbourhood::default();
        if let Some((profile, graph)) = around.born {
            neighbourhood.add(profile, graph);
        }
        loop {
            let unread = neighbourhood.unread(record);
            if unread.is_empty() {
                break;
            }
            for identity in unread {
                self.look_up(&identity, &mut neighbourhood).await?;
            }
        }
        if around.thoroughly {
            for identity in neighbourhood.unlooked() {
                self.look_up(&identity, &mut neighbourhood).await?;
            }
        }
        for (identity, named) in neighbourhood.astray() {
            if self.store.identities.holder(identity).await? != Holder::Profile(named.clone()) {
                return Ok(None);
            }
        }
        Ok(Some(neighbourhood))
    }

    async fn look_up(&self, identity: &IdentityKey, around: &mut Neighbourhood) -> Result<(), Error> {
        let named = match self.store.identities.holder(identity).await? {
            Holder::Profile(named) => named,
            Holder::Suppressed => {
                around.bar(identity);
                return Ok(());
            }
            Holder::Nobody => {
                around.note(identity, None);
                return Ok(());
            }
        };
        let mut live = named.clone();
        if !around.has(&named)
            && let Some((found, graph)) = self.store.live(&named).await?
        {
            // A person is deleted by their graph first, and the word on each identity follows.
            if graph.receipt().is_some() {
                around.bar(identity);
                return Ok(());
            }
            live = found.clone();
            if !graph.is_closed() {
                around.add(found, graph);
            }
        }
        around.note(identity, Some((named, live)));
        Ok(())
    }

    /// Lets the record's profile grow by what nobody else has.
    async fn grow(
        &self,
        record: &Record,
        profile: &ProfileId,
        read: &Neighbourhood,
        relinked: &Relinked,
    ) -> Result<Linked, Error> {
        let changed = relinked.graphs.get(profile);
        if let Some((version, next)) = changed
            && !self.store.profiles.put_graph(profile, next, *version).await?
        {
            return Ok(Linked::Refused(Try::Raced));
        }
        let Some(stands) = changed.map(|(_, graph)| graph).or_else(|| read.graph(profile)) else {
            return Ok(Linked::Refused(Try::Raced));
        };
        let is_new = |identity: &&Identity| relinked.moved.iter().any(|moved| moved.identity == identity.key);
        if let Some(refused) =
            self.claim(record.identities().filter(is_new).collect(), profile, stands).await?
        {
            return Ok(Linked::Refused(refused));
        }
        if !stands.arriving.is_empty() {
            // Whoever had it arrive may have died.
            self.settle(profile).await?;
        }
        Ok(Linked::Held { created: stands.born == record.token })
    }

    /// Writes graphs that were linked anew, all together, and brings what lies under profiles to where it belongs.
    async fn rewire(&self, relinked: &Relinked) -> Result<Try, Error> {
        let writes = relinked.writes();
        if writes > MOST_RELINKED {
            let reason = format!(
                "the row would change the links of {writes} identities and profiles: expected at most {MOST_RELINKED}"
            );
            return Ok(Try::Settled(Outcome::SetAside(code::TOO_MANY_IDENTITIES, reason)));
        }
        if relinked.is_empty() || !self.store.relink(relinked).await? {
            return Ok(Try::Raced);
        }
        info!(
            profiles = relinked.graphs.len(),
            identities = relinked.moved.len(),
            "Graphs were linked anew."
        );
        for profile in relinked.awaiting() {
            self.settle(profile).await?;
        }
        Ok(Try::Raced)
    }

    /// Brings to a profile what lies under others. Workers of dataflows are woken by dispatch, which sees the graph.
    async fn settle(&self, profile: &ProfileId) -> Result<(), Error> {
        let settled = self.store.settle(self.intake.catalogue(), profile, Timestamp::now()).await?;
        let visits: Vec<Visit> = settled.visitors.into_iter().map(Visit::anew).collect();
        self.store.queues.link(&visits).await
    }
}
