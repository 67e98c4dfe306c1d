//! What stands in a file, and what is expected of it.

use std::collections::BTreeMap;
use std::path::Path;

use anstream::eprintln;
use anyhow::Result;
use domain::name::{AudienceName, DatasetName};
use serde::Serialize;

use super::sink::is_standard_output;
use crate::terminal::{BOLD, Format, println};

/// What stands in a file, and what is expected of it.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) file: String,
    pub(crate) dataset: DatasetName,
    pub(crate) seed: u64,
    pub(crate) round: u32,
    /// Data rows in the file.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Rows that can be used and are about people that the company knows.
    pub(crate) matched: u64,
    /// Rows that can be used and are about people that it does not know.
    pub(crate) unmatched: u64,
    /// Rows that a later row of the same person replaces.
    pub(crate) duplicates: u64,
    /// Rows that cannot be used, by the code of the reader.
    pub(crate) broken: BTreeMap<&'static str, u64>,
    /// Of the matched rows, those that differ from the round before.
    pub(crate) changed: u64,
    /// Of whom the seed file asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<u64>,
    /// Members of each audience once this file is ingested and evaluated; absent where the customers are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expected: Option<BTreeMap<AudienceName, u64>>,
}

impl Summary {
    /// Prints the summary where the rows are not.
    pub(crate) fn print(&self, out: &Path, format: Format) -> Result<()> {
        let text = match format {
            Format::Json => serde_json::to_string_pretty(self)?,
            Format::Text => self.table(),
        };
        if is_standard_output(out) {
            eprintln!("{text}");
        } else {
            println!("{text}");
        }
        Ok(())
    }

    fn table(&self) -> String {
        let Summary { file, dataset, seed, round, rows, bytes, .. } = self;
        let mut lines = vec![
            format!("{BOLD}{file}{BOLD:#}: dataset `{dataset}`, seed {seed}, round {round}"),
            line("rows", *rows),
            line("bytes", *bytes),
        ];
        lines.extend(self.asked.map(|asked| line("people asked for", asked)));
        lines.push(line("matched", self.matched));
        lines.push(line("  of them changed", self.changed));
        lines.push(line("unmatched", self.unmatched));
        lines.push(line("duplicates", self.duplicates));
        lines.push(line("broken", self.broken.values().sum()));
        lines.extend(self.broken.iter().map(|(code, count)| line(&format!("  {code}"), *count)));
        if let Some(expected) = &self.expected {
            lines.push("expected members".to_owned());
            lines.extend(expected.iter().map(|(name, count)| line(&format!("  {name}"), *count)));
        }
        lines.join("\n")
    }
}

fn line(label: &str, number: u64) -> String {
    format!("{label:<40}{number:>12}")
}
