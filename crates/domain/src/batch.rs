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
    /// What it says of its dataset as a whole, where that is one of snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
}

/// A batch as the whole of its dataset: whom it is about, and whom it lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// How many primary identities its rows are about, of those that were set aside too: a person whose row is broken is
    /// not missing.
    pub keys: u64,
    /// How many rows were set aside of which nobody can say whom they are about.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unread: u64,
    /// Into how many parts the sorted list of their keys was cut.
    pub parts: u32,
    /// Of how many records it was held against those that stood, and how many of these it lacks; nothing, before it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<Lacks>,
    /// Who approved that these are removed, where that had to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approval>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it skips by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Snapshot {
    /// Why a person has to approve what it lacks, where somebody has to: more is missing than its dataset allows, in
    /// percent, or what seems to be missing may be in rows that nobody could read.
    pub fn asks_for_approval(&self, allowed: f64) -> Option<String> {
        let lacks = self.lacks.filter(|lacks| self.approved.is_none() && lacks.missing > 0)?;
        let Lacks { of, missing } = lacks;
        let lacks_them =
            format!("it lacks {missing} of the {of} records that stand, {:.1} %", lacks.percent());
        if lacks.percent() > allowed {
            return Some(format!("{lacks_them}: the dataset allows {allowed} %"));
        }
        let unread = self.unread;
        (unread > 0).then(|| {
            format!("{lacks_them}, and these may be in the {unread} rows that do not say whom they are about")
        })
    }
}

/// What a snapshot lacks of what stood before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacks {
    /// How many primary identities the snapshots before it are about.
    pub of: u64,
    /// How many of these it lacks.
    pub missing: u64,
}

impl Lacks {
    /// The share that is missing, in percent.
    #[expect(clippy::cast_precision_loss, reason = "a share of records needs no more than 2^53 of them")]
    pub fn percent(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.missing as f64 * 100.0 / self.of as f64 }
    }
}

/// A person's word that a snapshot may be applied, whatever it lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
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
    /// It is a snapshot that lacks so much that a person has to approve it. No profile was touched, and later batches of
    /// its dataset wait.
    NeedsApproval,
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
            BatchStatus::NeedsApproval => "needs_approval",
            BatchStatus::Applying => "applying",
            BatchStatus::Success => "success",
            BatchStatus::Failed => "failed",
            BatchStatus::Superseded => "superseded",
        })
    }
}

/// What became of rows. Every row that was received is in exactly one of the others, `created`, `matched` and `removed`
/// apart.
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
    /// Records that a snapshot lacked, and that are gone.
    pub removed: u64,
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
        self.removed += other.removed;
        for (code, count) in &other.failed {
            *self.failed.entry(code.clone()).or_default() += count;
        }
    }

    /// Rows that were set aside for whatever reason.
    pub fn all_failed(&self) -> u64 {
        self.failed.values().sum()
    }
}
