//! The table of profiles: graphs, fragments, memberships and delivery states, one partition a profile.

mod deliveries;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure};
use domain::delivery::Delivery;
use domain::edge::visitor::StoredVisitor;
use domain::fragment::{Fragment, FragmentKey};
use domain::graph::Graph;
use domain::identity::{IdentityKey, ProfileId};
use domain::membership::Memberships;
use domain::name::DataflowName;
use domain::profile::Profile;
use serde::{Deserialize, Serialize};

pub use deliveries::{Mark, Settlement};

use crate::Error;
use crate::condition::unless_refused;
use crate::item::{Item, decode, item, key, text};
use crate::keys;
use crate::units::{Meter, Units};
use crate::visitors;

/// The table of profiles.
#[derive(Debug, Clone)]
pub struct Profiles {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) meter: Meter,
}

/// Where a scan goes on: after this item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanPosition {
    pk: String,
    sk: String,
}

/// Whole profiles and visitors out of a scan, and where it goes on.
#[derive(Debug)]
pub struct Page {
    /// The profiles.
    pub profiles: Vec<Profile>,
    /// The visitors, by the keys of their ECIDs.
    pub visitors: Vec<(IdentityKey, StoredVisitor)>,
    /// Those of the profiles under which something lies that is another's, or of which something may lie under another.
    pub unsettled: BTreeSet<ProfileId>,
    /// Where the scan goes on; nothing at its end. It stands between profiles, so that it can be kept and taken up.
    pub next: Option<ScanPosition>,
}

impl Profiles {
    /// The graph of a profile, read strongly.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn graph(&self, profile: &ProfileId) -> Result<Option<Graph>, Error> {
        self.get(profile, keys::GRAPH).await?.map(decode).transpose()
    }

    /// Writes a graph on condition of the version that was read; nothing was read of a new one. Says whether it was
    /// written. A write of which no answer came is repeated by the client, and then refused for what it has written
    /// itself: an identity would be named that nobody goes on to claim.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn put_graph(
        &self,
        profile: &ProfileId,
        graph: &Graph,
        read: Option<u64>,
    ) -> Result<bool, Error> {
        let content = item(profile.as_str(), keys::GRAPH, graph)?;
        let put = self
            .put_over(content.clone(), read)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let answer = put.send().await;
        if let Err(error) = &answer
            && let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error()
            && refused.item() == Some(&content)
        {
            return Ok(true);
        }
        self.was_put(answer)
    }

    /// A fragment, read strongly.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn fragment(
        &self,
        profile: &ProfileId,
        fragment: &FragmentKey,
    ) -> Result<Option<Fragment>, Error> {
        self.get(profile, &keys::fragment(fragment)).await?.map(decode).transpose()
    }

    /// Writes a fragment on condition of the version that was read; nothing was read of a new one. Says whether it was
    /// written.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn put_fragment(
        &self,
        profile: &ProfileId,
        key: &FragmentKey,
        fragment: &Fragment,
        read: Option<u64>,
    ) -> Result<bool, Error> {
        let content = item(profile.as_str(), keys::fragment(key), fragment)?;
        self.was_put(self.put_over(content, read).send().await)
    }

    /// Writes memberships on condition of the version that was read and of a catalogue that does not go back. Says
    /// whether they were written.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn put_memberships(
        &self,
        profile: &ProfileId,
        memberships: &Memberships,
        read: u64,
    ) -> Result<bool, Error> {
        let content = item(profile.as_str(), keys::BATCH_MEMBERSHIPS, memberships)?;
        let put = self.put(content);
        let put = if read == 0 {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("#version = :read AND #sequence <= :sequence")
                .expression_attribute_names("#version", "version")
                .expression_attribute_names("#sequence", "sequence")
                .expression_attribute_values(":read", AttributeValue::N(read.to_string()))
                .expression_attribute_values(":sequence", AttributeValue::N(memberships.sequence.to_string()))
        };
        self.was_put(put.send().await)
    }

    /// The memberships of a profile as evaluated on schedule, read strongly.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn memberships(&self, profile: &ProfileId) -> Result<Memberships, Error> {
        let item = self.get(profile, keys::BATCH_MEMBERSHIPS).await?;
        item.map_or_else(|| Ok(Memberships::default()), decode)
    }

    /// Writes the edge memberships of one of a profile's visitors, or deletes them. What stands there is a copy: the
    /// visitor's own item decides, and whoever copies has just read it.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn copy_edge_memberships(
        &self,
        profile: &ProfileId,
        ecid: &IdentityKey,
        memberships: Option<&Memberships>,
    ) -> Result<(), Error> {
        let sk = keys::edge_memberships(ecid);
        let Some(memberships) = memberships else {
            return self.delete(profile, &sk).await;
        };
        let output = self
            .put(item(profile.as_str(), sk, memberships)?)
            .send()
            .await
            .map_err(|error| Error::of("copy the memberships of a visitor", error))?;
        self.meter.write(output.consumed_capacity());
        Ok(())
    }

    /// Deletes a fragment on condition of the version that was read. Says whether it was deleted.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn delete_fragment_of(
        &self,
        profile: &ProfileId,
        fragment: &FragmentKey,
        read: u64,
    ) -> Result<bool, Error> {
        self.delete_version(profile, &keys::fragment(fragment), read).await
    }

    /// Deletes memberships on condition of the version that was read. Says whether they were deleted.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn delete_memberships(&self, profile: &ProfileId, read: u64) -> Result<bool, Error> {
        self.delete_version(profile, keys::BATCH_MEMBERSHIPS, read).await
    }

    /// Deletes a graph on condition of the version that was read. Says whether it was deleted.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub(crate) async fn delete_graph(&self, profile: &ProfileId, read: u64) -> Result<bool, Error> {
        self.delete_version(profile, keys::GRAPH, read).await
    }

    async fn delete_version(&self, profile: &ProfileId, sk: &str, read: u64) -> Result<bool, Error> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(profile.as_str(), sk)))
            .condition_expression("#version = :read")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":read", AttributeValue::N(read.to_string()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let deleted = unless_refused("delete an item of a profile", delete.send().await)?;
        self.meter.write(deleted.as_ref().and_then(DeleteItemOutput::consumed_capacity));
        Ok(deleted.is_some())
    }

    pub(crate) async fn delete(&self, profile: &ProfileId, sk: &str) -> Result<(), Error> {
        let output = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(profile.as_str(), sk)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::of("delete an item of a profile", error))?;
        self.meter.write(output.consumed_capacity());
        Ok(())
    }

    /// Everything that is stored of a profile, read strongly, without what lies there and is another's.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn load(&self, profile: &ProfileId) -> Result<Option<Profile>, Error> {
        Ok(self.load_all(profile).await?.map(Profile::without_strays))
    }

    /// Everything that lies under a profile, read strongly.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn load_all(&self, profile: &ProfileId) -> Result<Option<Profile>, Error> {
        let mut items = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let output = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S(profile.to_string()))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| Error::of("read a profile", error))?;
            self.meter.read(output.consumed_capacity());
            items.extend(output.items.unwrap_or_default());
            start = output.last_evaluated_key;
            if start.is_none() {
                return assemble(profile.clone(), items);
            }
        }
    }

    /// A page of one of the segments of a scan over all profiles. Profiles that straddle two pages are read whole.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn scan(
        &self,
        segment: i32,
        segments: i32,
        after: Option<&ScanPosition>,
        page_size: i32,
    ) -> Result<Page, Error> {
        let mut items: Vec<Item> = Vec::new();
        let mut start = after.map(|position| key(&position.pk, &position.sk));
        loop {
            let output = self
                .client
                .scan()
                .table_name(&self.table)
                .segment(segment)
                .total_segments(segments)
                .limit(page_size)
                .set_exclusive_start_key(start.take())
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| Error::of("scan the profiles", error))?;
            self.meter.read(output.consumed_capacity());
            items.extend(output.items.unwrap_or_default());
            if output.last_evaluated_key.is_none() {
                return page(items, None);
            }
            // The last profile may go on in the next page: it is left for then, unless it fills this page alone.
            let last = items.last().and_then(|item| text(item, "pk")).unwrap_or_default().to_owned();
            let whole = items.iter().take_while(|item| text(item, "pk") != Some(&last)).count();
            if whole > 0 {
                items.truncate(whole);
                let next = items.last().and_then(position);
                return page(items, next);
            }
            start = output.last_evaluated_key;
        }
    }

    /// The capacity units that calls consumed since the last asking.
    pub fn take_units(&self) -> Units {
        self.meter.take()
    }

    async fn get(&self, profile: &ProfileId, sk: &str) -> Result<Option<Item>, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(profile.as_str(), sk)))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::of("read an item of a profile", error))?;
        self.meter.read(output.consumed_capacity());
        Ok(output.item)
    }

    /// Puts an item over the version that was read, or where there is none.
    fn put_over(&self, content: Item, read: Option<u64>) -> PutItemFluentBuilder {
        let put = self.put(content);
        match read {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(version) => put
                .condition_expression("#version = :read")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":read", AttributeValue::N(version.to_string())),
        }
    }

    fn put(&self, content: Item) -> PutItemFluentBuilder {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(content));
        put.return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// Whether a conditional put was made.
    fn was_put(&self, answer: Result<PutItemOutput, SdkError<PutItemError>>) -> Result<bool, Error> {
        let written = unless_refused("write an item of a profile", answer)?;
        self.meter.write(written.as_ref().and_then(PutItemOutput::consumed_capacity));
        Ok(written.is_some())
    }
}

fn position(item: &Item) -> Option<ScanPosition> {
    Some(ScanPosition { pk: text(item, "pk")?.to_owned(), sk: text(item, "sk")?.to_owned() })
}

/// The profiles and visitors that items come to. The items of a profile stand together, as a scan gives them.
fn page(items: Vec<Item>, next: Option<ScanPosition>) -> Result<Page, Error> {
    let mut order: Vec<String> = Vec::new();
    let mut grouped: HashMap<String, Vec<Item>> = HashMap::new();
    for item in items {
        let pk = text(&item, "pk").unwrap_or_default().to_owned();
        let group = grouped.entry(pk.clone()).or_default();
        if group.is_empty() {
            order.push(pk);
        }
        group.push(item);
    }
    let (profiles, unsettled) = (Vec::with_capacity(order.len()), BTreeSet::new());
    let mut page = Page { profiles, visitors: Vec::new(), unsettled, next };
    for pk in order {
        let items = grouped.remove(&pk).unwrap_or_default();
        if let Ok(id) = pk.parse::<ProfileId>() {
            let Some(profile) = assemble(id, items)? else { continue };
            if profile.is_unsettled() {
                page.unsettled.insert(profile.id.clone());
            }
            page.profiles.push(profile.without_strays());
        } else if let Some(key) = keys::visitor_of(&pk) {
            for item in items {
                page.visitors.push((key.clone(), visitors::read(item)?));
            }
        }
    }
    Ok(page)
}

/// The profile that its items come to; nothing where it has no graph, and so does not exist.
fn assemble(id: ProfileId, items: Vec<Item>) -> Result<Option<Profile>, Error> {
    let mut graph = None;
    let mut fragments = BTreeMap::new();
    let mut memberships = Memberships::default();
    let mut edge_memberships = BTreeMap::new();
    let mut deliveries = BTreeMap::new();
    for item in items {
        let sk = text(&item, "sk").unwrap_or_default().to_owned();
        if sk == keys::GRAPH {
            graph = Some(decode::<Graph>(item)?);
        } else if sk == keys::BATCH_MEMBERSHIPS {
            memberships = decode(item)?;
        } else if let Some(key) = sk.strip_prefix(keys::EDGE_MEMBERSHIPS) {
            let key: IdentityKey = key.parse().map_err(|error| Error::of("read a visitor's key", error))?;
            edge_memberships.insert(key, decode::<Memberships>(item)?);
        } else if let Some(key) = sk.strip_prefix(keys::FRAGMENT) {
            let key: FragmentKey = key.parse().map_err(|error| Error::of("read a fragment's key", error))?;
            fragments.insert(key, decode::<Fragment>(item)?);
        } else if let Some(dataflow) = sk.strip_prefix(keys::DELIVERY) {
            let dataflow: DataflowName =
                dataflow.parse().map_err(|error| Error::of("read a delivery's key", error))?;
            let dirty = item.contains_key("dirty");
            deliveries.insert(dataflow, Delivery { dirty, ..decode::<Delivery>(item)? });
        }
    }
    Ok(graph.map(|graph| Profile { id, graph, fragments, memberships, edge_memberships, deliveries }))
}
