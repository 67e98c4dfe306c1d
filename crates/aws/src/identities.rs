//! The table of identities: which profile an identity links to, and which profiles hold a partner's ID.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnConsumedCapacity, Select, TransactWriteItem,
};
use domain::fragment::FragmentKey;
use domain::graph::Moved;
use domain::identity::{IdentityKey, ProfileId};
use domain::name::DatasetName;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::Error;
use crate::condition::unless_refused;
use crate::item::{decode, item, key};
use crate::keys;
use crate::units::{Meter, Units};

/// The attribute by which one writing of a reference differs from another.
const WRITING: &str = "writing";

/// The table of identities.
#[derive(Debug, Clone)]
pub struct Identities {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) meter: Meter,
}

/// One fragment of one profile that holds a partner's ID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The profile.
    pub profile: ProfileId,
    /// The fragment.
    pub fragment: FragmentKey,
}

/// A reference as it was read, and so may be forgotten, unless it is renewed meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenReference {
    partner_id: IdentityKey,
    sk: String,
    /// Who wrote it; nothing of one that was written before this was noted.
    writing: Option<AttributeValue>,
}

#[derive(Serialize, Deserialize)]
struct Link {
    profile: ProfileId,
    epoch: u32,
}

impl Identities {
    /// The profile that an identity links to, read strongly.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn link(&self, identity: &IdentityKey) -> Result<Option<ProfileId>, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(identity.as_str(), keys::LINK)))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::of("read the link of an identity", error))?;
        self.meter.read(output.consumed_capacity());
        output.item.map(|item| decode::<Link>(item).map(|link| link.profile)).transpose()
    }

    /// Links an identity to a profile, unless it links to one already. Says whether it links to the profile: if not, it is
    /// another's, or somebody is changing that at this moment.
    ///
    /// # Errors
    /// Where the table cannot be written or read.
    pub async fn claim(&self, identity: &IdentityKey, profile: &ProfileId) -> Result<bool, Error> {
        let link = Link { profile: profile.clone(), epoch: 0 };
        let result = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(identity.as_str(), keys::LINK, &link)?))
            .condition_expression("attribute_not_exists(pk)")
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let written = unless_refused("claim an identity", result)?;
        self.meter.write(written.as_ref().and_then(PutItemOutput::consumed_capacity));
        if written.is_some() {
            return Ok(true);
        }
        // Refused is what is held, and what a transaction under way has a hand on: then there may be no link yet, or again.
        Ok(self.link(identity).await?.as_ref() == Some(profile))
    }

    /// The part of a transaction that has an identity change hands, on condition that it links to what was read, or to
    /// nobody, or has changed hands already.
    pub(crate) fn hand_over(&self, moved: &Moved) -> Result<TransactWriteItem, Error> {
        let of = |profile: &ProfileId| AttributeValue::S(profile.to_string());
        let ends = [(":from", &moved.from), (":to", &moved.to)];
        let values: HashMap<String, AttributeValue> =
            ends.iter().filter_map(|(name, end)| Some(((*name).to_owned(), of(end.as_ref()?)))).collect();
        let links =
            ends.iter().filter(|(_, end)| end.is_some()).map(|(name, _)| format!(" OR #profile = {name}"));
        let condition = format!("attribute_not_exists(pk){}", links.collect::<String>());
        let built = |error| Error::of("hand an identity over", error);
        let item = match &moved.to {
            Some(to) => {
                let link = Link { profile: to.clone(), epoch: 0 };
                let put = Put::builder()
                    .table_name(&self.table)
                    .set_item(Some(item(moved.identity.as_str(), keys::LINK, &link)?))
                    .condition_expression(condition)
                    .expression_attribute_names("#profile", "profile")
                    .set_expression_attribute_values(Some(values));
                TransactWriteItem::builder().put(put.build().map_err(built)?)
            }
            None => {
                let delete = Delete::builder()
                    .table_name(&self.table)
                    .set_key(Some(key(moved.identity.as_str(), keys::LINK)))
                    .condition_expression(condition)
                    .expression_attribute_names("#profile", "profile")
                    .set_expression_attribute_values(Some(values));
                TransactWriteItem::builder().delete(delete.build().map_err(built)?)
            }
        };
        Ok(item.build())
    }

    /// Takes the link of an identity to a profile back; one to another profile stays.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn release(&self, identity: &IdentityKey, profile: &ProfileId) -> Result<(), Error> {
        let result = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(identity.as_str(), keys::LINK)))
            .condition_expression("#profile = :profile")
            .expression_attribute_names("#profile", "profile")
            .expression_attribute_values(":profile", AttributeValue::S(profile.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let deleted = unless_refused("release an identity", result)?;
        self.meter.write(deleted.as_ref().and_then(DeleteItemOutput::consumed_capacity));
        Ok(())
    }

    /// How many fragments refer to a partner's ID, counted up to a cap.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn count_references(&self, partner_id: &IdentityKey, cap: u16) -> Result<u16, Error> {
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", AttributeValue::S(partner_id.to_string()))
            .expression_attribute_values(":sk", AttributeValue::S(keys::REFERENCE.into()))
            .select(Select::Count)
            .limit(i32::from(cap))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::of("count the references of a partner ID", error))?;
        self.meter.read(output.consumed_capacity());
        Ok(u16::try_from(output.count()).unwrap_or(cap))
    }

    /// The fragments that refer to a partner's ID. A reference is written before its fragment and deleted after it,
    /// so that some of these may not hold the ID: whoever reads them looks.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn references(&self, partner_id: &IdentityKey) -> Result<Vec<Reference>, Error> {
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", AttributeValue::S(partner_id.to_string()))
            .expression_attribute_values(":sk", AttributeValue::S(keys::REFERENCE.into()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|error| Error::of("read the references of a partner ID", error))?;
        pages.into_iter().map(decode).collect()
    }

    /// How many references there are to fragments of some datasets. No index knows: the whole table is read.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn references_of(&self, datasets: &BTreeSet<DatasetName>) -> Result<u64, Error> {
        let mut items = self
            .client
            .scan()
            .table_name(&self.table)
            .filter_expression("begins_with(sk, :sk)")
            .expression_attribute_values(":sk", AttributeValue::S(keys::REFERENCE.into()))
            .into_paginator()
            .items()
            .send();
        let mut count = 0;
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| Error::of("count the references of partners' IDs", error))?;
            let reference: Reference = decode(item)?;
            count += u64::from(datasets.contains(&reference.fragment.dataset));
        }
        Ok(count)
    }

    /// Notes that a fragment holds a partner's ID. Each writing differs from every other, so that whoever has seen an
    /// earlier one cannot forget this one.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn refer(&self, partner_id: &IdentityKey, reference: &Reference) -> Result<(), Error> {
        let mut content = item(partner_id.as_str(), reference_key(reference), reference)?;
        content.insert(WRITING.into(), AttributeValue::S(Ulid::generate().to_string()));
        let output = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(content))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::of("refer to a partner ID", error))?;
        self.meter.write(output.consumed_capacity());
        Ok(())
    }

    /// The reference of a fragment to a partner's ID, read strongly. Whoever takes the ID off the fragment looks before
    /// writing the fragment, and forgets what was seen after it: a reference that is written in between is of a fragment
    /// that holds the ID again.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn see_reference(
        &self,
        partner_id: &IdentityKey,
        reference: &Reference,
    ) -> Result<Option<SeenReference>, Error> {
        let sk = reference_key(reference);
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(partner_id.as_str(), sk.as_str())))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::of("read a reference of a partner ID", error))?;
        self.meter.read(output.consumed_capacity());
        Ok(output.item.map(|mut item| SeenReference {
            partner_id: partner_id.clone(),
            sk,
            writing: item.remove(WRITING),
        }))
    }

    /// Notes that a fragment does not hold a partner's ID any more, unless the reference was written again since it was
    /// seen.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn forget(&self, seen: &SeenReference) -> Result<(), Error> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(seen.partner_id.as_str(), seen.sk.as_str())))
            .expression_attribute_names("#writing", WRITING)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let delete = match &seen.writing {
            None => delete.condition_expression("attribute_not_exists(#writing)"),
            Some(writing) => delete
                .condition_expression("#writing = :writing")
                .expression_attribute_values(":writing", writing.clone()),
        };
        let deleted = unless_refused("forget a reference of a partner ID", delete.send().await)?;
        self.meter.write(deleted.as_ref().and_then(DeleteItemOutput::consumed_capacity));
        Ok(())
    }

    /// The capacity units that calls consumed since the last asking.
    pub fn take_units(&self) -> Units {
        self.meter.take()
    }
}

fn reference_key(reference: &Reference) -> String {
    format!("{}{}#{}", keys::REFERENCE, reference.profile, reference.fragment)
}
