//! The table of identities: which profile an identity links to, and which profiles hold a partner's ID.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnConsumedCapacity, Select, TransactWriteItem,
};
use domain::fragment::FragmentKey;
use domain::graph::Moved;
use domain::identity::{IdentityKey, ProfileId};
use domain::name::DatasetName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::Error;
use crate::condition::unless_refused;
use crate::item::{Kind, attribute, decode, item, key};
use crate::keys;
use crate::units::{Meter, Units};

/// How often an identity is claimed that a transaction has a hand on.
const MOST_CONFLICTS: u64 = 10;

/// The attribute by which one writing of a reference differs from another.
const WRITING: &str = "writing";

/// How often an identity is suppressed where somebody else writes it at the same time.
const MOST_RACES: usize = 20;

/// The table of identities.
#[derive(Debug, Clone)]
pub struct Identities {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) meter: Meter,
}

/// Whom an identity stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// The person of a profile.
    Profile(ProfileId),
    /// Somebody who was deleted: whatever comes of them is refused.
    Suppressed,
}

/// That an identity's person was deleted. It stays when the person is gone, and tells nothing but that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// When.
    pub at: Timestamp,
    /// The receipt of the deletion.
    pub receipt: String,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileId>,
    #[serde(default)]
    epoch: u32,
    /// On the item that is read of every identity anyway, so that obeying it costs no read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suppressed: Option<Suppression>,
}

impl Link {
    fn to(profile: &ProfileId) -> Link {
        Link { profile: Some(profile.clone()), epoch: 0, suppressed: None }
    }
}

impl Identities {
    /// The profile that an identity links to, read strongly; also while its person is being deleted.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn link(&self, identity: &IdentityKey) -> Result<Option<ProfileId>, Error> {
        Ok(self.read_link(identity).await?.and_then(|link| link.profile))
    }

    /// Whom an identity stands for, read strongly.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn holder(&self, identity: &IdentityKey) -> Result<Holder, Error> {
        Ok(match self.read_link(identity).await? {
            Some(Link { suppressed: Some(_), .. }) => Holder::Suppressed,
            Some(Link { profile: Some(profile), .. }) => Holder::Profile(profile),
            _ => Holder::Nobody,
        })
    }

    /// That an identity's person was deleted, if so, read strongly.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn suppression(&self, identity: &IdentityKey) -> Result<Option<Suppression>, Error> {
        Ok(self.read_link(identity).await?.and_then(|link| link.suppressed))
    }

    async fn read_link(&self, identity: &IdentityKey) -> Result<Option<Link>, Error> {
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
        output.item.map(decode).transpose()
    }

    /// Links an identity to a profile, unless it links to one already. Says whether it links to the profile: if not, it is
    /// another's, or somebody goes on changing that.
    ///
    /// # Errors
    /// Where the table cannot be written or read.
    pub async fn claim(&self, identity: &IdentityKey, profile: &ProfileId) -> Result<bool, Error> {
        let link = item(identity.as_str(), keys::LINK, &Link::to(profile))?;
        for conflict in 1..=MOST_CONFLICTS {
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(link.clone()))
                .condition_expression("attribute_not_exists(pk)")
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let written = unless_refused("claim an identity", put.send().await)?;
            self.meter.write(written.as_ref().and_then(PutItemOutput::consumed_capacity));
            if written.is_some() {
                return Ok(true);
            }
            // One whose person was deleted goes on to name the profile for a while, and is held by nobody.
            match self.holder(identity).await? {
                // A transaction under way has a hand on it, and is over in a moment.
                Holder::Nobody => tokio::time::sleep(Duration::from_millis(conflict * 5)).await,
                holder => return Ok(holder == Holder::Profile(profile.clone())),
            }
        }
        Ok(false)
    }

    /// The part of a transaction that has an identity change hands, on condition that it links to what was read, or to
    /// nobody, or has changed hands already. One whose person was deleted stays where it is.
    pub(crate) fn hand_over(&self, moved: &Moved) -> Result<TransactWriteItem, Error> {
        let of = |profile: &ProfileId| AttributeValue::S(profile.to_string());
        let ends = [(":from", &moved.from), (":to", &moved.to)];
        let values: HashMap<String, AttributeValue> =
            ends.iter().filter_map(|(name, end)| Some(((*name).to_owned(), of(end.as_ref()?)))).collect();
        let links =
            ends.iter().filter(|(_, end)| end.is_some()).map(|(name, _)| format!(" OR #profile = {name}"));
        let condition = format!(
            "attribute_not_exists(#suppressed) AND (attribute_not_exists(pk){})",
            links.collect::<String>()
        );
        let mut names = HashMap::from([("#suppressed".to_owned(), "suppressed".to_owned())]);
        if !values.is_empty() {
            names.insert("#profile".to_owned(), "profile".to_owned());
        }
        let built = |error| Error::of("hand an identity over", error);
        let item = match &moved.to {
            Some(to) => {
                let link = Link::to(to);
                let put = Put::builder()
                    .table_name(&self.table)
                    .set_item(Some(item(moved.identity.as_str(), keys::LINK, &link)?))
                    .condition_expression(condition)
                    .set_expression_attribute_names(Some(names))
                    .set_expression_attribute_values(Some(values));
                TransactWriteItem::builder().put(put.build().map_err(built)?)
            }
            None => {
                let delete = Delete::builder()
                    .table_name(&self.table)
                    .set_key(Some(key(moved.identity.as_str(), keys::LINK)))
                    .condition_expression(condition)
                    .set_expression_attribute_names(Some(names))
                    .set_expression_attribute_values(Some(values));
                TransactWriteItem::builder().delete(delete.build().map_err(built)?)
            }
        };
        Ok(item.build())
    }

    /// Suppresses an identity, unless it is another profile's: nothing is linked to it from now on. It goes on to say
    /// which profile it was, until that is erased. Suppressing it again changes nothing. Answers with whom it stands for
    /// after that: somebody who was deleted, by this receipt or another, or the profile whose it is.
    ///
    /// # Errors
    /// Where the table cannot be written or read, or others write the identity again and again.
    pub async fn suppress(
        &self,
        identity: &IdentityKey,
        profile: Option<&ProfileId>,
        suppression: &Suppression,
    ) -> Result<Holder, Error> {
        for _ in 0..MOST_RACES {
            if self.suppress_once(identity, profile, suppression).await? {
                return Ok(Holder::Suppressed);
            }
            match self.holder(identity).await? {
                Holder::Profile(other) if Some(&other) != profile => return Ok(Holder::Profile(other)),
                Holder::Suppressed => return Ok(Holder::Suppressed),
                // A transaction under way had a hand on it.
                Holder::Profile(_) | Holder::Nobody => {}
            }
        }
        Err(Error::plain("too many writers changed an identity that is to be suppressed: try again"))
    }

    /// Suppresses an identity, unless it is another profile's or suppressed already. Says whether that was written.
    async fn suppress_once(
        &self,
        identity: &IdentityKey,
        profile: Option<&ProfileId>,
        suppression: &Suppression,
    ) -> Result<bool, Error> {
        let condition =
            "attribute_not_exists(#suppressed) AND (attribute_not_exists(#profile) OR #profile = :profile)";
        let profile = profile.map_or("", ProfileId::as_str);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(identity.as_str(), keys::LINK)))
            .update_expression("SET #suppressed = :suppressed, #v = :format")
            .condition_expression(condition)
            .expression_attribute_names("#suppressed", "suppressed")
            .expression_attribute_names("#profile", "profile")
            .expression_attribute_names("#v", "v")
            .expression_attribute_values(":profile", AttributeValue::S(profile.to_owned()))
            .expression_attribute_values(":suppressed", attribute(suppression)?)
            .expression_attribute_values(":format", Kind::of(keys::LINK).attribute())
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let written = unless_refused("suppress an identity", update.send().await)?;
        self.meter.write(written.as_ref().and_then(UpdateItemOutput::consumed_capacity));
        Ok(written.is_some())
    }

    /// Has a suppressed identity forget which profile it was: that is being erased. The suppression stays.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn forget_profile(&self, identity: &IdentityKey, profile: &ProfileId) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(identity.as_str(), keys::LINK)))
            .update_expression("REMOVE #profile, #epoch")
            .condition_expression("attribute_exists(#suppressed) AND #profile = :profile")
            .expression_attribute_names("#suppressed", "suppressed")
            .expression_attribute_names("#profile", "profile")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_values(":profile", AttributeValue::S(profile.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let written = unless_refused("forget a deleted profile", update.send().await)?;
        self.meter.write(written.as_ref().and_then(UpdateItemOutput::consumed_capacity));
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

pub(crate) fn reference_key(reference: &Reference) -> String {
    format!("{}{}#{}", keys::REFERENCE, reference.profile, reference.fragment)
}
