//! Graphs that were linked anew: they and the links of identities are written in one transaction, so that nobody ever
//! reads half of a merge or of a split. What lies under the profiles follows (`settle.rs`).

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::graph::linking::Rules;
use domain::graph::{Graph, Neighbourhood, Relinked, Split};
use domain::identity::{IdentityKey, Keyring, ProfileId};

use crate::item::item;
use crate::ledger::SplitRecord;
use crate::visitors::is_lost_race;
use crate::{Error, Store, keys};

/// The most graphs and identities that change hands at once: what a transaction takes.
pub const MOST_RELINKED: usize = 100;

/// How often an identity may be taken off the profile that was born with it, and be born again.
const MOST_EPOCHS: u32 = 1_000;

/// The longest way of profiles that became others, one after another.
const LONGEST_WAY: usize = 1_000;

impl Store {
    /// Writes graphs that were linked anew, and what their identities link to, on condition of the versions and links
    /// that were read. At most [`MOST_RELINKED`] of both. Says whether they were written.
    ///
    /// # Errors
    /// Where the tables cannot be written.
    pub async fn relink(&self, relinked: &Relinked) -> Result<bool, Error> {
        self.write_relinked(self.writes_of(relinked)?).await
    }

    /// Writes what a split has made of graphs, together with the record of it. Says whether they were written.
    ///
    /// # Errors
    /// Where the tables cannot be written.
    pub async fn split(&self, relinked: &Relinked, record: &SplitRecord) -> Result<bool, Error> {
        let mut writes = self.writes_of(relinked)?;
        writes.push(self.ledger.keep_split(record)?);
        self.write_relinked(writes).await
    }

    fn writes_of(&self, relinked: &Relinked) -> Result<Vec<TransactWriteItem>, Error> {
        let graphs = relinked.graphs.iter();
        let graphs = graphs.map(|(profile, (read, graph))| self.put_in_transaction(profile, graph, *read));
        let moved = relinked.moved.iter().map(|moved| self.identities.hand_over(moved));
        graphs.chain(moved).collect()
    }

    async fn write_relinked(&self, writes: Vec<TransactWriteItem>) -> Result<bool, Error> {
        let client = &self.profiles.client;
        match client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(is_lost_race) => Ok(false),
            Err(error) => Err(Error::of("link graphs anew", error)),
        }
    }

    /// What a split makes of a profile; nothing where that is more than can be written at once.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn plan_split(
        &self,
        keyring: &Keyring,
        rules: &Rules,
        (profile, graph): (ProfileId, Graph),
        split: Split,
    ) -> Result<Option<Relinked>, Error> {
        let mut around = Neighbourhood::default();
        around.add(profile, graph);
        let mut relinking = around.split(rules, split);
        for part in &mut relinking.parts {
            if part.profile.is_none() {
                part.profile = Some(self.unborn(keyring, &part.first).await?);
            }
        }
        let relinked = relinking.finish();
        // The record of the split is written with it.
        Ok((relinked.writes() < MOST_RELINKED).then_some(relinked))
    }

    /// The id of a profile that is to be born with an identity: one that nobody was ever born under.
    ///
    /// # Errors
    /// Where the table cannot be read, or the identity has changed hands too often.
    pub async fn unborn(&self, keyring: &Keyring, first: &IdentityKey) -> Result<ProfileId, Error> {
        for epoch in 0..MOST_EPOCHS {
            let profile = keyring.profile_id(first, epoch);
            if self.profiles.graph(&profile).await?.is_none() {
                return Ok(profile);
            }
        }
        Err(Error::plain("an identity has changed hands too often to be born again"))
    }

    /// The part of a transaction that writes a graph on condition of the version that was read.
    pub(crate) fn put_in_transaction(
        &self,
        profile: &ProfileId,
        graph: &Graph,
        read: Option<u64>,
    ) -> Result<TransactWriteItem, Error> {
        let put = Put::builder().table_name(&self.profiles.table).set_item(Some(item(
            profile.as_str(),
            keys::GRAPH,
            graph,
        )?));
        let put = match read {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(version) => put
                .condition_expression("#version = :read")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":read", AttributeValue::N(version.to_string())),
        };
        let put = put.build().map_err(|error| Error::of("link graphs anew", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The profile that another has become by now, or that one itself, and its graph, read strongly; nothing where it is
    /// gone.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn live(&self, profile: &ProfileId) -> Result<Option<(ProfileId, Graph)>, Error> {
        let mut seen = BTreeSet::new();
        let mut next = profile.clone();
        while seen.len() < LONGEST_WAY && seen.insert(next.clone()) {
            match self.profiles.graph(&next).await? {
                Some(Graph { merged_into: Some(into), .. }) => next = into,
                Some(graph) => return Ok(Some((next, graph))),
                None => return Ok(None),
            }
        }
        Err(Error::plain(format!("profile `{profile}` has become others without an end")))
    }
}
