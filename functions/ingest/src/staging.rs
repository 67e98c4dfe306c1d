//! Accepted rows on their way from the checking pass to the profiles: JSON lines in the data bucket.

use domain::name::DatasetName;
use domain::value::Object;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many rows a chunk has at most.
pub const CHUNK_ROWS: usize = 2_000;

/// An accepted row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StagedRow {
    /// Its number in the file, from 1.
    pub row: u64,
    /// The line on which it begins.
    pub line: u64,
    /// Its own time, where the dataset has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// What it says.
    pub attributes: Object,
}

/// The key of a staged chunk.
pub fn key(dataset: &DatasetName, batch: u64, chunk: u32) -> String {
    format!("staging/{dataset}/{batch:012}/{chunk:06}.jsonl")
}

/// Writes rows as JSON lines.
///
/// # Errors
/// Where a row cannot be written, which no row of a checked file can cause.
pub fn write(rows: &[StagedRow]) -> Result<Vec<u8>, serde_json::Error> {
    let mut lines = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut lines, row)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Reads what [`write`] wrote.
///
/// # Errors
/// Where a line is no row.
pub fn read(lines: &[u8]) -> Result<Vec<StagedRow>, serde_json::Error> {
    serde_json::Deserializer::from_slice(lines).into_iter().collect()
}
