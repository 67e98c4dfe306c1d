//! Batches: what became of a file, as counts and reasons.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::DatasetName;

/// One version of one object in the inbox, from its arrival on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Its number: given once per bucket, key and version, and going up.
    pub number: u64,
    /// Its dataset; none where its key has no dataset's prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetName>,
    /// The bucket of the object.
    pub bucket: String,
    /// The key of the object.
    pub key: String,
    /// The version of the object.
    pub version: String,
    /// The size of the object in bytes.
    pub bytes: u64,
    /// The time that its rows stand for where they have none of their own.
    pub time: Timestamp,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// How far it is.
    pub status: BatchStatus,
    /// Why it ended as it did, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the checking pass counted.
    pub checked: Counts,
    /// How many chunks its accepted rows were cut into.
    pub chunks: u32,
    /// How many of them are not applied yet.
    pub remaining: u32,
}

impl Batch {
    /// What the keys of its rows that were set aside begin with, in the bucket of data; nothing for an object that no
    /// dataset claims, of which no row was read.
    pub fn quarantine(&self) -> Option<String> {
        self.dataset.as_ref().map(|dataset| format!("quarantine/{dataset}/{:012}/", self.number))
    }
}

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchStatus {
    /// Its rows are being checked.
    Checking,
    /// It is checked, and waits for an earlier batch of its dataset to end.
    Waiting,
    /// Its rows are being applied.
    Applying,
    /// All of its rows are accounted for.
    Success,
    /// It was refused as a whole, and no profile was touched; or a person gave it up while it was being applied, as its
    /// reason says.
    Failed,
    /// A newer batch of its dataset was applied before it; no profile was touched.
    Superseded,
}

impl BatchStatus {
    /// Whether nothing more will happen to the batch.
    pub fn has_ended(self) -> bool {
        matches!(self, BatchStatus::Success | BatchStatus::Failed | BatchStatus::Superseded)
    }
}

impl fmt::Display for BatchStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            BatchStatus::Checking => "checking",
            BatchStatus::Waiting => "waiting",
            BatchStatus::Applying => "applying",
            BatchStatus::Success => "success",
            BatchStatus::Failed => "failed",
            BatchStatus::Superseded => "superseded",
        })
    }
}

/// What became of rows. Every row that was received is in exactly one of the others, `created` and `matched` apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Rows seen.
    pub received: u64,
    /// Rows of which a fragment was written.
    pub ingested: u64,
    /// Rows that said what was stored already.
    pub unchanged: u64,
    /// Rows that something newer stood against.
    pub older: u64,
    /// Rows whose identities no profile had.
    pub unmatched: u64,
    /// Rows that were set aside, by code.
    pub failed: BTreeMap<String, u64>,
    /// Rows whose identities a profile had.
    pub matched: u64,
    /// Profiles that were created.
    pub created: u64,
}

impl Counts {
    /// Adds the counts of other rows.
    pub fn add(&mut self, other: &Counts) {
        self.received += other.received;
        self.ingested += other.ingested;
        self.unchanged += other.unchanged;
        self.older += other.older;
        self.unmatched += other.unmatched;
        self.matched += other.matched;
        self.created += other.created;
        for (code, count) in &other.failed {
            *self.failed.entry(code.clone()).or_default() += count;
        }
    }

    /// Rows that were set aside for whatever reason.
    pub fn all_failed(&self) -> u64 {
        self.failed.values().sum()
    }
}
