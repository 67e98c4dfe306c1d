//! Refusals, kept; what a dataflow's vendor knows of it, and what pages report of offers.

use std::collections::BTreeMap;

use domain::edge::visitor::Notified;
use domain::name::{DataflowName, OfferName};
use domain::refusal::{Activation, Refusal};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Ledger;
use crate::item::{decode, item, text};
use crate::{Error, keys};

/// A refusal as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefusalRecord {
    /// The sequence of the catalogue under which it was refused first.
    pub sequence: u64,
    /// When it was refused first.
    pub at: Timestamp,
    /// Whether at apply or at delivery.
    pub during: String,
    /// The refusal.
    pub refusal: Refusal,
}

#[derive(Serialize, Deserialize)]
struct VendorAudience {
    id: String,
}

impl Ledger {
    /// Keeps a refusal. The same refusal under the same catalogue is kept once.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn keep_refusal(&self, record: &RefusalRecord) -> Result<(), Error> {
        let content =
            serde_json::to_vec(&record.refusal).map_err(|error| Error::of("write a refusal", error))?;
        let digest = hex::encode(Sha256::digest(content));
        let sk = format!(
            "refusal#{:012}#{}#{}",
            record.sequence,
            record.during,
            digest.get(..16).unwrap_or_default()
        );
        self.put_new(item(keys::activation(&record.refusal.activation), sk, record)?).await?;
        Ok(())
    }

    /// The refusals of a dataflow, oldest first.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn refusals(&self, dataflow: &DataflowName) -> Result<Vec<RefusalRecord>, Error> {
        self.list(&keys::dataflow(dataflow), "refusal#").await
    }

    /// The refusals of whatever may be refused, oldest first.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn refusals_of(&self, activation: &Activation) -> Result<Vec<RefusalRecord>, Error> {
        self.list(&keys::activation(activation), "refusal#").await
    }

    /// The refusals of an offer, oldest first.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn offer_refusals(&self, offer: &OfferName) -> Result<Vec<RefusalRecord>, Error> {
        self.list(&keys::offer(offer), "refusal#").await
    }

    /// What pages have reported of an offer, day by day in UTC, oldest first.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn offer_days(&self, offer: &OfferName) -> Result<Vec<(Date, Notified)>, Error> {
        let mut days: BTreeMap<Date, Notified> = BTreeMap::new();
        for item in self.list_items(&keys::offer(offer), keys::DAY).await? {
            let part = text(&item, "sk").and_then(|sk| sk.strip_prefix(keys::DAY)).unwrap_or_default();
            let day = part.split('#').next().unwrap_or_default().parse();
            let day = day.map_err(|error| Error::of("read the day of a count", error))?;
            let Notified { displayed, interacted } = decode(item)?;
            let sum = days.entry(day).or_default();
            sum.displayed = sum.displayed.saturating_add(displayed);
            sum.interacted = sum.interacted.saturating_add(interacted);
        }
        Ok(days.into_iter().collect())
    }

    /// The vendor's id of a dataflow's audience, where it was ensured before.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn vendor_audience(&self, dataflow: &DataflowName) -> Result<Option<String>, Error> {
        let kept: Option<VendorAudience> = self.get(&keys::dataflow(dataflow), "audience").await?;
        Ok(kept.map(|kept| kept.id))
    }

    /// Keeps the vendor's id of a dataflow's audience.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn keep_vendor_audience(&self, dataflow: &DataflowName, id: &str) -> Result<(), Error> {
        self.put(item(keys::dataflow(dataflow), "audience", &VendorAudience { id: id.to_owned() })?).await
    }
}
