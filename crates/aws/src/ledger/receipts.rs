//! Receipts of deletions: what was found of a person, what was withdrawn where, and when the rest goes. They hold keys
//! and numbers, and nothing of the person.

use std::collections::BTreeMap;

use domain::identity::ProfileId;
use domain::name::DataflowName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::Error;
use crate::item::{attribute, item};

/// A person's deletion, as it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its id, which sorts by time.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// By whom, as the machine that asked says.
    pub by: String,
    /// Why, as whoever asked says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many identities link nobody from now on.
    pub suppressed: u64,
    /// What was found, by profile.
    pub found: BTreeMap<ProfileId, Found>,
    /// Profiles of the person that an earlier deletion has closed already, and its receipt: that tells of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub earlier: BTreeMap<ProfileId, String>,
    /// What else may hold something of the person, and when the last of it goes by itself.
    pub goes: BTreeMap<String, Timestamp>,
}

/// What was found of a person.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Items of the profile, by kind.
    pub items: BTreeMap<String, u64>,
    /// Where something of the person stands, or may stand: since when, where that is known.
    pub delivered: BTreeMap<DataflowName, Option<Timestamp>>,
}

/// The erasure of a profile, after everything that was sent of it was withdrawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Erasure {
    /// The profile.
    pub profile: ProfileId,
    /// When it began: nothing of the profile stood anywhere by then.
    pub began: Timestamp,
    /// When each dataflow's withdrawal was confirmed, of those that had sent something.
    pub withdrawn: BTreeMap<DataflowName, Timestamp>,
    /// When nothing was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
}

const RECEIPTS: &str = "receipts";
const PROFILE: &str = "profile#";

fn erasures(receipt: &str) -> String {
    format!("receipt#{receipt}")
}

impl Ledger {
    /// Keeps a receipt.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn keep_receipt(&self, receipt: &Receipt) -> Result<(), Error> {
        self.put(item(RECEIPTS, receipt.id.as_str(), receipt)?).await
    }

    /// A receipt.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn receipt(&self, id: &str) -> Result<Option<Receipt>, Error> {
        self.get(RECEIPTS, id).await
    }

    /// The erasures of a receipt's profiles, as far as they have begun.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn erasures(&self, receipt: &str) -> Result<Vec<Erasure>, Error> {
        self.list(&erasures(receipt), PROFILE).await
    }

    /// Notes that a profile's erasure begins, unless that is noted: the first who began knew the most.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn begin_erasure(&self, receipt: &str, erasure: &Erasure) -> Result<(), Error> {
        self.put_new(item(erasures(receipt), format!("{PROFILE}{}", erasure.profile), erasure)?).await?;
        Ok(())
    }

    /// Notes that nothing is left of a profile, unless that is noted.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn end_erasure(&self, receipt: &str, profile: &ProfileId, now: Timestamp) -> Result<(), Error> {
        let update = self
            .update(&erasures(receipt), &format!("{PROFILE}{profile}"))
            .update_expression("SET #ended = :now")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(#ended)")
            .expression_attribute_names("#ended", "ended")
            .expression_attribute_values(":now", attribute(&now)?);
        self.update_if(update).await?;
        Ok(())
    }
}
