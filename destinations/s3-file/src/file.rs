//! The file and its manifest. Pure: bytes from records.

use destination::{DestinationError, ErrorKind, Record, Request, hash};
use serde::Serialize;

use crate::config::{Column, Config};

/// What tells a reader that a file is complete, and what it is.
#[derive(Debug, Serialize)]
pub(crate) struct Manifest<'a> {
    file: &'a str,
    rows: usize,
    bytes: usize,
    sha256: String,
    columns: &'a [&'a str],
    operation: &'static str,
    audience: &'a str,
    attempt: &'a str,
    created_at: String,
}

impl<'a> Manifest<'a> {
    pub(crate) fn new(key: &'a str, bytes: &[u8], columns: &'a [&'a str], request: &Request<'a>) -> Self {
        Self {
            file: key,
            rows: request.records.len(),
            bytes: bytes.len(),
            sha256: hash::hex(&hash::sha256(bytes)),
            columns,
            operation: request.verb(),
            audience: &request.audience.id,
            attempt: request.attempt,
            created_at: request.at.to_string(),
        }
    }

    pub(crate) fn to_json(&self, operation: &'static str) -> Result<Vec<u8>, DestinationError> {
        serde_json::to_vec_pretty(self).map_err(|error| unwritable(operation, error))
    }
}

/// The columns of the configuration, then those that only records sent under an earlier one have.
pub(crate) fn columns<'a>(config: &'a Config, records: &'a [Record]) -> Vec<&'a str> {
    let mut columns: Vec<&str> = config.columns.0.iter().map(|Column { name, .. }| name.as_str()).collect();
    for (key, _) in records.iter().flat_map(Record::iter) {
        if !columns.contains(&key) {
            columns.push(key);
        }
    }
    columns
}

/// The records as CSV with a header, quoted where needed, lines ending in `\n`.
pub(crate) fn csv(
    operation: &'static str,
    columns: &[&str],
    records: &[Record],
) -> Result<Vec<u8>, DestinationError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns).map_err(|error| unwritable(operation, error))?;
    for record in records {
        let row = columns.iter().map(|column| record.get(column).unwrap_or_default());
        writer.write_record(row).map_err(|error| unwritable(operation, error))?;
    }
    writer.into_inner().map_err(|error| unwritable(operation, error.into_error()))
}

fn unwritable(
    operation: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> DestinationError {
    DestinationError::new(ErrorKind::Rejected, operation, "the file cannot be written").with_source(error)
}
