//! The ledger: what was done, and what is under way. Batches and their chunks, runs and their slices, the catalogue in
//! force, refusals, splits.

mod batches;
mod catalogue;
mod lease;
mod receipts;
mod refusals;
mod runs;
mod snapshots;
mod splits;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use batches::{Chunk, ChunkKey, Progress};
pub use catalogue::{Applied, Moved};
pub use lease::{Lease, Watermark};
pub use receipts::{Erasure, Found, Receipt};
pub use refusals::RefusalRecord;
pub use runs::{Removed, Run, Slice, SliceKey};
pub use snapshots::Standing;
pub use splits::SplitRecord;

use crate::Error;
use crate::condition::unless_refused;
use crate::item::{Item, decode, item, key};

/// The table of the ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) client: Client,
    pub(crate) table: String,
}

#[derive(Serialize, Deserialize)]
struct Fingerprint {
    fingerprint: String,
}

impl Ledger {
    async fn get<T: DeserializeOwned>(&self, pk: &str, sk: &str) -> Result<Option<T>, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(pk, sk)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::of("read the ledger", error))?;
        output.item.map(decode).transpose()
    }

    /// The items of a partition whose sort keys begin with a text, in the order of their keys.
    async fn list<T: DeserializeOwned>(&self, pk: &str, prefix: &str) -> Result<Vec<T>, Error> {
        self.list_items(pk, prefix).await?.into_iter().map(decode).collect()
    }

    async fn list_items(&self, pk: &str, prefix: &str) -> Result<Vec<Item>, Error> {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", AttributeValue::S(pk.into()))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix.into()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|error| Error::of("read the ledger", error))
    }

    async fn put(&self, item: Item) -> Result<(), Error> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(|error| Error::of("write the ledger", error))?;
        Ok(())
    }

    /// Keeps the fingerprint of the keyring that the stored keys are made with, if none is kept yet, and answers with
    /// the one that is kept.
    ///
    /// # Errors
    /// Where the ledger cannot be read or written.
    pub async fn keep_fingerprint(&self, fingerprint: &str) -> Result<String, Error> {
        let read = || self.get::<Fingerprint>("keyring", "fingerprint");
        if let Some(kept) = read().await? {
            return Ok(kept.fingerprint);
        }
        let fingerprint = Fingerprint { fingerprint: fingerprint.to_owned() };
        self.put_new(item("keyring", "fingerprint", &fingerprint)?).await?;
        Ok(read().await?.unwrap_or(fingerprint).fingerprint)
    }

    /// Puts an item unless one of its key is there. Says whether it was put.
    async fn put_new(&self, item: Item) -> Result<bool, Error> {
        let put = self.client.put_item().set_item(Some(item));
        self.put_if(put.condition_expression("attribute_not_exists(pk)")).await
    }

    /// Puts an item on its condition. Says whether it held.
    async fn put_if(&self, put: PutItemFluentBuilder) -> Result<bool, Error> {
        let result = put.table_name(&self.table).send().await;
        Ok(unless_refused("write the ledger", result)?.is_some())
    }

    /// An item that goes away by itself so many days after it was put last. Only leaves do: a sum that is made over them
    /// on reading cannot be made any more then.
    fn leaf(
        pk: impl Into<String>,
        sk: impl Into<String>,
        content: &impl Serialize,
        days: i64,
    ) -> Result<Item, Error> {
        let gone = Timestamp::now().as_second().saturating_add(days.saturating_mul(24 * 60 * 60));
        let mut leaf = item(pk, sk, content)?;
        leaf.insert("ttl".into(), AttributeValue::N(gone.to_string()));
        Ok(leaf)
    }

    fn update(&self, pk: &str, sk: &str) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).set_key(Some(key(pk, sk)))
    }

    /// Makes a conditional update. Says whether its condition held.
    async fn update_if(&self, update: UpdateItemFluentBuilder) -> Result<bool, Error> {
        Ok(unless_refused("write the ledger", update.send().await)?.is_some())
    }

    async fn delete(&self, pk: &str, sk: &str) -> Result<(), Error> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key(pk, sk)));
        delete.send().await.map_err(|error| Error::of("delete from the ledger", error))?;
        Ok(())
    }
}
