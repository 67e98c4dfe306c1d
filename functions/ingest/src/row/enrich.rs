//! Records that are keyed by a partner's ID: they say something of every profile that holds it, and link nobody.

use std::collections::BTreeSet;

use aws::Error;
use domain::fragment::Record;
use domain::identity::{IdentityKey, ProfileId};

use super::{Applier, Linked, Outcome, Try};

impl Applier<'_> {
    /// Writes a record to every profile that holds the partner's ID by which it is keyed. A profile that comes to hold
    /// it later is enriched by the next file.
    pub(super) async fn enrich(&self, record: &Record) -> Result<Try, Error> {
        let mut outcome = Outcome::Unmatched;
        for profile in self.holders(&record.primary.key).await? {
            match self.write(record, &profile, &[]).await? {
                Try::Raced => return Ok(Try::Raced),
                Try::Settled(Outcome::SetAside(code, reason)) => {
                    return Ok(Try::Settled(Outcome::SetAside(code, reason)));
                }
                Try::Settled(one) => outcome = weightier(outcome, one),
            }
        }
        Ok(Try::Settled(outcome))
    }

    /// The profiles that hold a partner's ID. A reference alone says little: it is written before its fragment.
    async fn holders(&self, partner_id: &IdentityKey) -> Result<BTreeSet<ProfileId>, Error> {
        let mut holders = BTreeSet::new();
        for reference in self.store.identities.references(partner_id).await? {
            if holders.contains(&reference.profile) {
                continue;
            }
            let fragment = self.store.profiles.fragment(&reference.profile, &reference.fragment).await?;
            if fragment.is_some_and(|fragment| fragment.holds(partner_id)) {
                holders.insert(reference.profile);
            }
        }
        Ok(holders)
    }

    /// Puts the record's fragment on the list of a profile, before it is written.
    pub(super) async fn list(&self, record: &Record, profile: &ProfileId) -> Result<Linked, Error> {
        let Some(graph) = self.store.profiles.graph(profile).await? else {
            // Gone since it was found to hold the ID.
            return Ok(Linked::Refused(Try::Raced));
        };
        if let Some(next) = graph.listing(&self.key(record))
            && !self.store.profiles.put_graph(profile, &next, Some(graph.version)).await?
        {
            return Ok(Linked::Refused(Try::Raced));
        }
        Ok(Linked::Held { created: false })
    }
}

/// Of what a record came to at two profiles, what it came to as a whole: written, if it was anywhere.
fn weightier(one: Outcome, other: Outcome) -> Outcome {
    let weight = |outcome: &Outcome| match outcome {
        Outcome::Unmatched => 0,
        Outcome::Older => 1,
        Outcome::Unchanged => 2,
        Outcome::Ingested { .. } | Outcome::SetAside(..) => 3,
    };
    if weight(&other) > weight(&one) { other } else { one }
}
