//! Rows that were set aside, with their reasons: JSON lines in the data bucket.

use domain::name::DatasetName;
use domain::value::Object;
use records::Rejected;
use serde::{Deserialize, Serialize};

use crate::staging::StagedRow;

/// The codes that this function adds to those of the reader. They never change.
pub mod code {
    use domain::ingest::InvalidRecord;

    /// The code of a row that comes to no record.
    pub fn of(error: &InvalidRecord) -> &'static str {
        match error {
            InvalidRecord::NoPrimary(_) | InvalidRecord::NoIdentityField | InvalidRecord::Identity { .. } => {
                INVALID_IDENTITY
            }
            InvalidRecord::TooLarge(_) => RECORD_TOO_LARGE,
            InvalidRecord::TooManyElements(_) => TOO_MANY_ELEMENTS,
            InvalidRecord::TooManyIdentities(_) => TOO_MANY_RECORD_IDENTITIES,
        }
    }

    /// The record takes more bytes than one may.
    pub const RECORD_TOO_LARGE: &str = "record_too_large";
    /// An array of the record has more elements than one may.
    pub const TOO_MANY_ELEMENTS: &str = "too_many_elements";
    /// The record has more identities than one may.
    pub const TOO_MANY_RECORD_IDENTITIES: &str = "too_many_record_identities";
    /// An identity breaks the rule of its namespace.
    pub const INVALID_IDENTITY: &str = "invalid_identity";
    /// A later row of the same batch is about the same primary identity.
    pub const DUPLICATE: &str = "duplicate";
    /// No profile has any of the row's identities.
    pub const UNMATCHED: &str = "unmatched";
    /// The row names two identities of a namespace of which everybody has one.
    pub const IDENTITY_CONFLICT: &str = "identity_conflict";
    /// The row names more identities than a record may, or would change more of them than can be changed at once.
    pub const TOO_MANY_IDENTITIES: &str = "too_many_identities";
    /// More profiles hold the partner's ID than one ID may refer to.
    pub const TOO_MANY_REFERENCES: &str = "too_many_references";
    /// The dataset's last day, or its partner's contract, has passed since the file was accepted.
    pub const OVER: &str = "over";
    /// An identity of the row is of a person who was deleted. What the row says is not kept.
    pub const SUPPRESSED: &str = "suppressed";
}

/// A row that was set aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The line on which it begins in its file.
    pub line: u64,
    /// Its number in the file, from 1.
    pub row: u64,
    /// What is wrong, for counting.
    pub code: String,
    /// What is wrong, for people.
    pub reason: String,
    /// The row as it was written, where it could not be taken apart or checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// What the row says, where it passed the checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Object>,
}

impl Line {
    /// A row that the reader rejected.
    pub fn rejected(rejected: Rejected) -> Line {
        Line {
            line: rejected.line,
            row: rejected.number,
            code: rejected.code.as_str().to_owned(),
            reason: rejected.reason,
            raw: Some(rejected.raw),
            attributes: None,
        }
    }

    /// A row that passed the reader and cannot be used all the same. Of who was deleted nothing is kept but where the row
    /// stands in its file.
    pub fn of(row: StagedRow, code: &str, reason: String) -> Line {
        Line {
            line: row.line,
            row: row.row,
            code: code.to_owned(),
            reason,
            raw: None,
            attributes: (code != code::SUPPRESSED).then_some(row.attributes),
        }
    }
}

/// The key of a part of a batch's quarantine. The same part has the same key, so that a retry writes it over.
pub fn key(dataset: &DatasetName, batch: u64, part: &str) -> String {
    format!("quarantine/{dataset}/{batch:012}/{part}.jsonl")
}

/// Writes rows as JSON lines.
///
/// # Errors
/// Where a row cannot be written, which no row that was read can cause.
pub fn write(rows: &[Line]) -> Result<Vec<u8>, serde_json::Error> {
    let mut lines = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut lines, row)?;
        lines.push(b'\n');
    }
    Ok(lines)
}
