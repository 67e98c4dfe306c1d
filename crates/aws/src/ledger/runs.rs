//! Runs of evaluation and their slices.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::name::{AudienceName, DataflowName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::item::{Item, decode, item};
use crate::profiles::ScanPosition;
use crate::units::Units;
use crate::{Error, keys};

/// One evaluation of all audiences over all profiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Why it was started: `schedule`, or who asked.
    pub reason: String,
    /// When it was started.
    pub started: Timestamp,
    /// The sequence of the catalogue that was in force then.
    pub sequence: u64,
    /// How many slices it has.
    pub slices: u32,
}

/// Which slice of which run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceKey {
    /// The run.
    pub run: String,
    /// The slice's number, from 0.
    pub slice: u32,
}

/// One segment of a run's scan: how far it is, and what it has found so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Slice {
    /// Goes up by one with every checkpoint; a checkpoint is written on condition of the version that was read.
    pub version: u64,
    /// Where the scan goes on; nothing at its beginning and at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<ScanPosition>,
    /// Whether the scan is at its end.
    pub done: bool,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Profiles seen.
    pub profiles: u64,
    /// Profiles whose memberships have changed.
    pub changed: u64,
    /// Members of each audience.
    pub realized: BTreeMap<AudienceName, u64>,
    /// Those who left each audience in this run.
    pub exited: BTreeMap<AudienceName, u64>,
    /// Delivery states that were marked, by dataflow.
    pub marked: BTreeMap<DataflowName, u64>,
    /// Profiles of which something stands at the destination, by dataflow.
    pub sent: BTreeMap<DataflowName, u64>,
    /// Members whom a dataflow leaves out, as they have not consented, by dataflow.
    pub withheld: BTreeMap<DataflowName, u64>,
    /// Calls whose fate is unknown, by dataflow.
    pub unknown: BTreeMap<DataflowName, u64>,
    /// What was deleted because it is over. What a lost checkpoint has repeated is not counted.
    #[serde(skip_serializing_if = "Removed::is_nothing")]
    pub removed: Removed,
    /// What it cost.
    pub units: Units,
}

/// What a run has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Removed {
    /// Fragments past their dataset's retention or last day, or their partner's contract.
    pub fragments: u64,
    /// Whole profiles: of people who were deleted, or of whom nothing was known any more.
    pub profiles: u64,
}

impl Removed {
    /// Whether nothing was deleted.
    pub fn is_nothing(&self) -> bool {
        *self == Removed::default()
    }

    /// Both together.
    pub fn plus(self, other: Removed) -> Removed {
        Removed {
            fragments: self.fragments.saturating_add(other.fragments),
            profiles: self.profiles.saturating_add(other.profiles),
        }
    }
}

const RUNS: &str = "runs";

/// For how long what a run found can be looked at: longer than the message of a slice may wait, be dead and be redriven.
const DAYS_OF_SLICES: i64 = 30;

impl Ledger {
    /// Writes a run and its slices. Says whether it is new.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn open_run(&self, run: &Run) -> Result<bool, Error> {
        // Slices first: whoever sees the run sees its slices.
        for slice in 0..run.slices {
            self.put_new(leaf(&run.id, slice, &Slice::default())?).await?;
        }
        self.put_new(item(RUNS, run.id.as_str(), run)?).await
    }

    /// A run.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn run(&self, id: &str) -> Result<Option<Run>, Error> {
        self.get(RUNS, id).await
    }

    /// The latest runs, newest first, up to a limit.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn latest_runs(&self, limit: u16) -> Result<Vec<Run>, Error> {
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(RUNS.into()))
            .scan_index_forward(false)
            .limit(i32::from(limit))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::of("read the ledger", error))?;
        output.items.unwrap_or_default().into_iter().map(decode).collect()
    }

    /// The slices of a run: the sums of what they found are the run's.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn slices(&self, run: &str) -> Result<Vec<Slice>, Error> {
        self.list(&keys::run(run), "slice#").await
    }

    /// A slice, read strongly.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn slice(&self, key: &SliceKey) -> Result<Option<Slice>, Error> {
        self.get(&keys::run(&key.run), &keys::slice(key.slice)).await
    }

    /// Writes a slice's checkpoint, on condition of the version that was read. Says whether it was written.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn checkpoint(&self, key: &SliceKey, slice: &Slice, read: u64) -> Result<bool, Error> {
        let put = self
            .client
            .put_item()
            .set_item(Some(leaf(&key.run, key.slice, slice)?))
            .condition_expression("#version = :read")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":read", AttributeValue::N(read.to_string()));
        self.put_if(put).await
    }
}

fn leaf(run: &str, number: u32, slice: &Slice) -> Result<Item, Error> {
    Ledger::leaf(keys::run(run), keys::slice(number), slice, DAYS_OF_SLICES)
}
