//! The delivery log: what was sent where, when, of whom, and under which catalogue. It holds no value that was sent.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::catalogue::CatalogueHash;
use crate::delivery::Operation;
use crate::identity::ProfileId;
use crate::name::{AudienceName, DataflowName, DestinationName};
use crate::profile::day;

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The attempt that the call was.
    pub attempt: String,
    /// When it began.
    pub at: Timestamp,
    /// The dataflow.
    pub dataflow: DataflowName,
    /// The audience.
    pub audience: AudienceName,
    /// The destination.
    pub destination: DestinationName,
    /// What was done.
    pub operation: Operation,
    /// The sequence of the catalogue under which it was allowed.
    pub sequence: u64,
    /// That catalogue.
    pub catalogue: CatalogueHash,
    /// Of whom, in the order of the call's records.
    pub profiles: Vec<ProfileId>,
    /// How many records the vendor refused, as far as it said which.
    pub rejected: usize,
    /// How many it refused without saying which.
    pub unattributed: usize,
    /// How many it accepted without saying, in the time of the call, that it was done with them.
    #[serde(default)]
    pub unconfirmed: usize,
    /// How many the call failed for.
    #[serde(default)]
    pub failed: usize,
    /// Why it failed, where it did, for all records or for those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl LogEntry {
    /// Where it is kept: by day and dataflow.
    pub fn key(&self) -> String {
        format!("{}{}.json", prefix(day(self.at), Some(&self.dataflow)), self.attempt)
    }
}

/// What the keys begin with of a day's calls, or of those of one dataflow.
pub fn prefix(day: Date, dataflow: Option<&DataflowName>) -> String {
    match dataflow {
        Some(dataflow) => format!("deliveries/{day}/{dataflow}/"),
        None => format!("deliveries/{day}/"),
    }
}
