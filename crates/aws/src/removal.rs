//! Removal: deleting what is over of a profile, and whole profiles once nothing that was sent of them stands.
//!
//! A fragment, its partner IDs' references and its place on the graph's list go in one transaction, so that no writer
//! sees one without the others. Whoever deletes a person closes the graph first: from then on nobody writes to the
//! profile. Everything after that can be repeated, and what a crash leaves is found by the graph, which goes last.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, ReturnConsumedCapacity, TransactWriteItem};
use domain::catalogue::Catalogue;
use domain::fragment::{Fragment, FragmentKey};
use domain::graph::Ending;
use domain::identity::{IdentityKey, ProfileId};
use domain::namespace::ECID;
use domain::profile::Profile;
use domain::removal::{is_bare, unfounded};
use jiff::Timestamp;

use crate::identities::{Reference, Suppression, reference_key};
use crate::item::key;
use crate::ledger::Erasure;
use crate::visitors::is_lost_race;
use crate::{Error, Holder, Settled, Store, keys};

/// The most fragments and references that a transaction deletes. DynamoDB takes 100 writes; the others are for the graph
/// and its identities, of which there are 50 at most.
const MOST_WRITES: usize = 49;

/// How often a profile's end is noted where somebody else writes its graph at the same time.
const MOST_RACES: usize = 20;

/// What of a profile was over and is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// How many fragments.
    pub fragments: usize,
    /// Visitors who were taken off the profile: they are to be linked again, since they know its audiences.
    pub visitors: BTreeSet<IdentityKey>,
}

/// A person whose profile is closed, so that it is withdrawn and erased.
#[derive(Debug, Clone, PartialEq)]
pub struct Closed {
    /// The profile that was theirs by then.
    pub profile: Profile,
    /// The receipt that has it: the one that was asked for, or that of an earlier deletion.
    pub receipt: String,
    /// Visitors who are to be linked again.
    pub visitors: BTreeSet<IdentityKey>,
}

impl Store {
    /// Has a person deleted: closes the profile that theirs is by now, with all that is on its way there, and suppresses
    /// every identity. What was sent is withdrawn from then on, and the sweep erases the rest. Where another receipt has
    /// the profile already, that one stays. Doing it again changes nothing. Answers with what was closed; nothing, where
    /// the profile is gone, or was erased since nothing was known of the person.
    ///
    /// # Errors
    /// Where the tables cannot be written.
    pub async fn delete_person(
        &self,
        catalogue: &Catalogue,
        profile: &ProfileId,
        receipt: &str,
        now: Timestamp,
    ) -> Result<Option<Closed>, Error> {
        let mut visitors = BTreeSet::new();
        for _ in 0..MOST_RACES {
            let Some((id, graph)) = self.live(profile).await? else { return Ok(None) };
            if graph.is_closed() {
                let Some(receipt) = graph.receipt().map(str::to_owned) else { return Ok(None) };
                self.suppress(&id, now).await?;
                let closed = self.profiles.load(&id).await?;
                return Ok(closed.map(|profile| Closed { profile, receipt, visitors }));
            }
            // A profile that is closed takes nothing any more.
            if !graph.arriving.is_empty() {
                visitors.extend(self.settle(catalogue, &id, now).await?.visitors);
                continue;
            }
            let next = graph.with_ending(Some(Ending::Deleted { receipt: receipt.to_owned() }));
            self.profiles.put_graph(&id, &next, Some(graph.version)).await?;
        }
        Err(Error::plain("too many writers changed a profile that is to be deleted: try again"))
    }

    /// Suppresses every identity of a person whose profile is closed.
    ///
    /// # Errors
    /// Where the tables cannot be written.
    pub async fn suppress(&self, profile: &ProfileId, now: Timestamp) -> Result<(), Error> {
        let Some(profile) = self.profiles.load_all(profile).await? else { return Ok(()) };
        let Some(receipt) = profile.graph.receipt() else { return Ok(()) };
        let suppression = Suppression { at: now, receipt: receipt.to_owned() };
        self.suppress_identities(&profile, &suppression).await
    }

    /// Suppresses the identities of a profile as it was read, the partners' IDs on it and its visitors, as far as they
    /// are nobody else's by now. Of a partner's ID that others hold too this means nothing: only, nobody is a prospect by
    /// it.
    ///
    /// # Errors
    /// Where the tables cannot be written.
    pub async fn suppress_identities(
        &self,
        profile: &Profile,
        suppression: &Suppression,
    ) -> Result<(), Error> {
        for (identity, node) in &profile.graph.identities {
            let holder = self.identities.suppress(identity, Some(&profile.id), suppression).await?;
            // What the graph names may be somebody else's by now: whoever wrote it died before that was noticed.
            if node.namespace.as_str() == ECID && holder == Holder::Suppressed {
                self.visitors.suppress(identity, suppression.at).await?;
            }
        }
        let partner_ids = profile.fragments.values().flat_map(|fragment| &fragment.partner_ids);
        for partner_id in partner_ids.collect::<BTreeSet<_>>() {
            self.identities.suppress(&partner_id.key, None, suppression).await?;
        }
        Ok(())
    }

    /// Erases a profile that ends, all of which was read, if nothing that was sent of it stands: first the states of its
    /// deliveries, each only while nothing stands, so that no call begins that nobody would withdraw; then its graph says
    /// that it is erased, and what lies under it goes. Nothing, where somebody else was faster.
    ///
    /// # Errors
    /// Where the tables cannot be written.
    pub async fn erase(
        &self,
        catalogue: &Catalogue,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<Option<Settled>, Error> {
        if let Some(receipt) = profile.graph.receipt() {
            let deliveries = profile.deliveries.iter();
            let withdrawn = deliveries.filter_map(|(name, each)| Some((name.clone(), each.withdrawn()?)));
            let withdrawn = withdrawn.collect();
            let erasure = Erasure { profile: profile.id.clone(), began: now, withdrawn, ended: None };
            self.ledger.begin_erasure(receipt, &erasure).await?;
        }
        for dataflow in profile.deliveries.keys() {
            if !self.profiles.delete_delivery(&profile.id, dataflow).await? {
                return Ok(None);
            }
        }
        let is_erased = match &profile.graph.ending {
            Some(Ending::Over { .. }) => self.dissolve(profile, now).await?,
            Some(Ending::Deleted { .. }) => {
                self.suppress(&profile.id, now).await?;
                for identity in profile.graph.identities.keys() {
                    self.identities.forget_profile(identity, &profile.id).await?;
                }
                let read = Some(profile.graph.version);
                self.profiles.put_graph(&profile.id, &profile.graph.erased(now), read).await?
            }
            Some(Ending::Erased { .. }) => true,
            None => false,
        };
        if !is_erased {
            return Ok(None);
        }
        let mut settled = self.settle(catalogue, &profile.id, now).await?;
        // What they know of the profile is to go too, whatever was copied of them.
        settled.visitors.extend(profile.graph.visitors().cloned());
        let left = self.profiles.load_all(&profile.id).await?;
        if let Some(receipt) = profile.graph.receipt().filter(|_| left.as_ref().is_none_or(is_bare)) {
            self.ledger.end_erasure(receipt, &profile.id, now).await?;
        }
        Ok(Some(settled))
    }

    /// Forgets that a profile was erased, unless somebody has written to it again. Whoever erased it may have died before
    /// the receipt said so.
    ///
    /// # Errors
    /// Where the tables cannot be written.
    pub async fn forget_erased(&self, profile: &Profile, now: Timestamp) -> Result<(), Error> {
        if let Some(receipt) = profile.graph.receipt() {
            self.ledger.end_erasure(receipt, &profile.id, now).await?;
        }
        self.profiles.delete_graph(&profile.id, profile.graph.version).await?;
        Ok(())
    }

    /// Erases the graph of a profile of which nothing is known, and lets go of its identities, together or not at all.
    async fn dissolve(&self, profile: &Profile, now: Timestamp) -> Result<bool, Error> {
        let id = &profile.id;
        let mut writes = self.unlinks(id, profile.graph.identities.keys()).await?;
        let erased = profile.graph.erased(now);
        writes.push(self.put_in_transaction(id, &erased, Some(profile.graph.version))?);
        self.transact(writes).await
    }

    /// Deletes fragments of a profile with their references and their places on the graph's list, and the identities that
    /// nothing speaks for then, on condition that nothing of that has changed since it was read: as many as a transaction
    /// takes, at least one. Answers with what is gone; nothing, where somebody else was faster.
    ///
    /// # Errors
    /// Where the tables cannot be written.
    pub async fn delete_fragments(
        &self,
        profile: &Profile,
        fragments: &[(&FragmentKey, &Fragment)],
    ) -> Result<Option<Deleted>, Error> {
        let id = &profile.id;
        let mut writes = Vec::new();
        let (mut gone, mut left_over) = (BTreeSet::new(), Vec::new());
        for (key, fragment) in fragments {
            let needed = fragment.partner_ids.len().saturating_add(1);
            if !gone.is_empty() && writes.len().saturating_add(needed) > MOST_WRITES {
                break;
            }
            writes.push(self.deletion(id, key, fragment)?);
            let reference = Reference { profile: id.clone(), fragment: (*key).clone() };
            for partner_id in &fragment.partner_ids {
                if writes.len() < MOST_WRITES {
                    writes.push(self.unreference(&partner_id.key, &reference)?);
                } else {
                    left_over.extend(self.identities.see_reference(&partner_id.key, &reference).await?);
                }
            }
            gone.insert(*key);
        }
        let identities = unfounded(profile, &gone);
        writes.extend(self.unlinks(id, identities.iter().copied()).await?);
        let next = profile.graph.without_fragments(&gone, &identities);
        writes.push(self.put_in_transaction(id, &next, Some(profile.graph.version))?);
        if !self.transact(writes).await? {
            return Ok(None);
        }
        for seen in &left_over {
            self.identities.forget(seen).await?;
        }
        let visitors = profile.graph.visitors().filter(|ecid| identities.contains(ecid)).cloned().collect();
        Ok(Some(Deleted { fragments: gone.len(), visitors }))
    }

    /// Writes a transaction of removal. Says whether it was written: somebody else may have been faster.
    async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<bool, Error> {
        let transaction = self.profiles.client.transact_write_items().set_transact_items(Some(writes));
        match transaction.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
            Ok(output) => {
                for consumed in output.consumed_capacity() {
                    self.profiles.meter.write(Some(consumed));
                }
                Ok(true)
            }
            Err(error) if error.as_service_error().is_some_and(is_lost_race) => Ok(false),
            Err(error) => Err(Error::of("delete what is over of a profile", error)),
        }
    }

    fn deletion(
        &self,
        profile: &ProfileId,
        fragment: &FragmentKey,
        read: &Fragment,
    ) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder()
            .table_name(&self.profiles.table)
            .set_key(Some(key(profile.as_str(), keys::fragment(fragment))))
            .condition_expression("#version = :read")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":read", AttributeValue::N(read.version.to_string()));
        Ok(TransactWriteItem::builder().delete(built(delete.build())?).build())
    }

    fn unreference(
        &self,
        partner_id: &IdentityKey,
        reference: &Reference,
    ) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder()
            .table_name(&self.identities.table)
            .set_key(Some(key(partner_id.as_str(), reference_key(reference))));
        Ok(TransactWriteItem::builder().delete(built(delete.build())?).build())
    }

    /// What takes the links of those identities back that are a profile's.
    async fn unlinks(
        &self,
        profile: &ProfileId,
        identities: impl Iterator<Item = &IdentityKey>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let mut unlinks = Vec::new();
        for identity in identities {
            if self.identities.link(identity).await?.as_ref() == Some(profile) {
                let delete = Delete::builder()
                    .table_name(&self.identities.table)
                    .set_key(Some(key(identity.as_str(), keys::LINK)))
                    .condition_expression("#profile = :profile AND attribute_not_exists(#suppressed)")
                    .expression_attribute_names("#profile", "profile")
                    .expression_attribute_names("#suppressed", "suppressed")
                    .expression_attribute_values(":profile", AttributeValue::S(profile.to_string()));
                unlinks.push(TransactWriteItem::builder().delete(built(delete.build())?).build());
            }
        }
        Ok(unlinks)
    }
}

fn built<T>(part: Result<T, BuildError>) -> Result<T, Error> {
    part.map_err(|error| Error::of("build a transaction", error))
}
