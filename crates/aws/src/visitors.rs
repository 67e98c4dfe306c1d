//! Visitors in the table of profiles: one item each, in a partition of its own.
//!
//! The edge writes `state`, linking writes `link`, each on condition of its own version: neither has to wait for the
//! other, and a request costs one read and at most one write. Either writes onto today's form alone, so that no item is
//! ever of two: one that is read of an older form is brought up where it lies first.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, TransactWriteItem, Update};
use domain::edge::visitor::{Notified, StoredVisitor, Visitor, VisitorLink};
use domain::identity::IdentityKey;
use domain::name::OfferName;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use crate::condition::unless_refused;
use crate::item::{Item, Kind, attribute, decode, key, lift, lift_where_it_lies};
use crate::units::{Meter, Units};
use crate::{Error, keys};

/// The most offers whose reports are counted at once: a transaction takes 100 items.
pub const MOST_REPORTED: usize = 90;

/// The visitors.
#[derive(Debug, Clone)]
pub struct Visitors {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) ledger: String,
    pub(crate) meter: Meter,
}

/// A visitor's item.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    version: u64,
    #[serde(default)]
    state: Visitor,
    #[serde(default)]
    link: VisitorLink,
}

/// The visitor that an item holds.
pub(crate) fn read(item: Item) -> Result<StoredVisitor, Error> {
    let Stored { version, state, link } = decode(item)?;
    Ok(StoredVisitor { version, visitor: state, link })
}

impl Visitors {
    /// What is stored of a visitor, read strongly.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn get(&self, ecid: &IdentityKey) -> Result<StoredVisitor, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(keys::visitor(ecid), keys::VISITOR)))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::of("read a visitor", error))?;
        self.meter.read(output.consumed_capacity());
        let Some(item) = output.item else { return Ok(StoredVisitor::default()) };
        let mut lifted = item.clone();
        if lift(&mut lifted)? {
            lift_where_it_lies(&self.client, &self.table, &item, &lifted).await?;
        }
        read(lifted)
    }

    /// Writes the edge's part of a visitor on condition of the version that was read, 0 where nothing was. Says whether
    /// it was written.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn put(
        &self,
        ecid: &IdentityKey,
        visitor: &Visitor,
        read: u64,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let gone = now.saturating_add(visitor.kept()).map_err(|error| Error::of("date a visitor", error))?;
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(keys::visitor(ecid), keys::VISITOR)))
            .update_expression("SET #state = :state, #version = :next, #ttl = :gone, #v = :format")
            .condition_expression(if read == 0 {
                "attribute_not_exists(#version)"
            } else {
                "#version = :read AND #v = :format"
            })
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#v", "v")
            .expression_attribute_values(":state", attribute(visitor)?)
            .expression_attribute_values(":next", AttributeValue::N(read.saturating_add(1).to_string()))
            .expression_attribute_values(":gone", AttributeValue::N(gone.as_second().to_string()))
            .expression_attribute_values(":format", Kind::of(keys::VISITOR).attribute())
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if read != 0 {
            update = update.expression_attribute_values(":read", AttributeValue::N(read.to_string()));
        }
        let written = unless_refused("write a visitor", update.send().await)?;
        self.meter.write(written.as_ref().and_then(UpdateItemOutput::consumed_capacity));
        Ok(written.is_some())
    }

    /// Forgets what is stored of the visitor of somebody who was deleted, and remembers for good that nothing is to be
    /// stored again. The part of linking stays: whoever links next takes the visitor off all profiles.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn suppress(&self, ecid: &IdentityKey, at: Timestamp) -> Result<(), Error> {
        let visitor = Visitor { suppressed: Some(at), ..Visitor::default() };
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(keys::visitor(ecid), keys::VISITOR)))
            .update_expression("SET #state = :state, #v = :format REMOVE #ttl ADD #version :one")
            .condition_expression("attribute_not_exists(#state.#suppressed)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#suppressed", "suppressed")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#v", "v")
            .expression_attribute_values(":state", attribute(&visitor)?)
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .expression_attribute_values(":format", Kind::of(keys::VISITOR).attribute())
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let written = unless_refused("suppress a visitor", update.send().await)?;
        self.meter.write(written.as_ref().and_then(UpdateItemOutput::consumed_capacity));
        Ok(())
    }

    /// Writes the part of linking on condition of its version and of the edge's that was read, and counts what pages
    /// have reported of at most [`MOST_REPORTED`] offers since the last time, in one transaction: so it counts once. Says
    /// whether it was written.
    ///
    /// # Errors
    /// Where the tables cannot be written.
    pub async fn link(
        &self,
        ecid: &IdentityKey,
        link: &VisitorLink,
        read: &StoredVisitor,
        reported: &BTreeMap<OfferName, Notified>,
        day: Date,
    ) -> Result<bool, Error> {
        let condition = if read.link.version == 0 {
            "#v = :format AND #version = :seen AND attribute_not_exists(#link)"
        } else {
            "#v = :format AND #version = :seen AND #link.#version = :read"
        };
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(keys::visitor(ecid), keys::VISITOR)))
            .update_expression("SET #link = :link")
            .condition_expression(condition)
            .expression_attribute_names("#link", "link")
            .expression_attribute_names("#v", "v")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":format", Kind::of(keys::VISITOR).attribute())
            .expression_attribute_values(":seen", AttributeValue::N(read.version.to_string()))
            .expression_attribute_values(":link", attribute(link)?);
        if read.link.version != 0 {
            let read = AttributeValue::N(read.link.version.to_string());
            update = update.expression_attribute_values(":read", read);
        }
        let mut writes = vec![transact(update.build())?];
        for (offer, notified) in reported {
            writes.push(transact(self.count(ecid, offer, notified, day).build())?);
        }
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(is_lost_race) => Ok(false),
            Err(error) => Err(Error::of("link a visitor", error)),
        }
    }

    fn count(
        &self,
        ecid: &IdentityKey,
        offer: &OfferName,
        notified: &Notified,
        day: Date,
    ) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
        let number = |count: u64| AttributeValue::N(count.to_string());
        Update::builder()
            .table_name(&self.ledger)
            .set_key(Some(key(keys::offer(offer), keys::day(day, shard(ecid)))))
            .update_expression("ADD #displayed :displayed, #interacted :interacted SET #v = :format")
            .expression_attribute_names("#displayed", "displayed")
            .expression_attribute_names("#interacted", "interacted")
            .expression_attribute_names("#v", "v")
            .expression_attribute_values(":displayed", number(notified.displayed))
            .expression_attribute_values(":interacted", number(notified.interacted))
            .expression_attribute_values(":format", Kind::of(keys::DAY).attribute())
    }

    /// The capacity units that calls consumed since the last asking.
    pub fn take_units(&self) -> Units {
        self.meter.take()
    }
}

/// Whether a transaction was given up because somebody else wrote one of its items: it is decided anew.
pub(crate) fn is_lost_race(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    let mut reasons = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    reasons.any(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict"))
}

/// The shard of a day's count that a visitor's reports go to: one item for everybody would be written one at a time.
fn shard(ecid: &IdentityKey) -> u8 {
    ecid.as_str().bytes().fold(0_u8, u8::wrapping_add) % keys::DAY_SHARDS
}

fn transact(update: Result<Update, aws_sdk_dynamodb::error::BuildError>) -> Result<TransactWriteItem, Error> {
    let update = update.map_err(|error| Error::of("write a transaction", error))?;
    Ok(TransactWriteItem::builder().update(update).build())
}
