//! Datasets: where a kind of rows comes from, and how they are written to profiles.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::label::Label;
use crate::name::{DatasetName, DatastreamName, PartnerName, SchemaName};
use crate::value::FieldPath;

/// The share of records that a snapshot may lack where its dataset states none, in percent.
pub const APPROVE_ABOVE: f64 = 10.0;

fn approve_above() -> f64 {
    APPROVE_ABOVE
}

/// A dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its name in the project.
    pub name: DatasetName,
    /// A title for people.
    pub title: String,
    /// The schema of its records.
    pub schema: SchemaName,
    /// The partner that supplies it; a first-party dataset has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerName>,
    /// Labels of the whole dataset: every field of it carries them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<Label>,
    /// Where its records come from.
    pub source: Source,
    /// What a row does to the record that is stored.
    pub write_mode: WriteMode,
    /// What becomes of a row whose identities no profile has.
    pub on_unmatched: OnUnmatched,
    /// The share of failed rows, in percent, above which a batch fails as a whole and touches no profile.
    pub error_threshold: f64,
    /// The share of records that a snapshot may lack, in percent of those of the file before it, above which it waits for
    /// a person's approval. Only of datasets that are snapshots.
    #[serde(default = "approve_above")]
    pub approve_above: f64,
    /// How long its data is kept.
    #[serde(default)]
    pub retention: Retention,
}

impl Dataset {
    /// Where its files arrive, if its records come in files.
    pub fn files(&self) -> Option<&FileSource> {
        match &self.source {
            Source::Files(files) => Some(files),
            Source::Datastream(_) => None,
        }
    }

    /// What it holds of a datastream's events, if its records come from there.
    pub fn events(&self) -> Option<&DatastreamSource> {
        match &self.source {
            Source::Files(_) => None,
            Source::Datastream(events) => Some(events),
        }
    }
}

/// Where a dataset's records come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// Files in the inbox.
    Files(FileSource),
    /// Events that reach a datastream.
    Datastream(DatastreamSource),
}

/// What of a datastream's events a dataset holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatastreamSource {
    /// The datastream.
    pub datastream: DatastreamName,
    /// What a partner's script says of the visitor rides in the event: the schema field that each field of the event's
    /// `xdm` fills. A dataset without any holds the events themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<FieldPath, FieldPath>,
}

/// Where a dataset's files arrive and how they are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSource {
    /// The beginning of the keys of its objects in the inbox.
    pub prefix: String,
    /// How its files are written.
    pub format: Format,
    /// The schema field that each column fills. A column that is not named here is refused.
    pub columns: BTreeMap<String, FieldPath>,
    /// Columns that are accepted and left unread.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ignored_columns: BTreeSet<String>,
    /// The column that holds each row's own time, RFC 3339. Without it all rows have their batch's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_time: Option<String>,
    /// How an object's name tells the time that its rows stand for, in strftime's words: `answer-%Y-%m-%d.csv`.
    /// Without it that time is when the object arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_time: Option<String>,
}

/// How files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma-separated values in UTF-8 with a header.
    Csv,
}

/// What a row does to the record of its primary identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// The row is the whole record: what it lacks is gone.
    Replace,
    /// The row gives some attributes; the others stay. The newest value of each attribute stands.
    Upsert,
    /// The row is the whole record, and the rows of a file are all that there is: a record that the newest file lacks is
    /// gone.
    Snapshot,
}

/// What becomes of a row whose identities no profile has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnmatched {
    /// It is set aside with its reason.
    SetAside,
    /// A profile is created.
    Create,
    /// A prospect is created: a profile of whoever the partner's ID stands for, whom nobody here knows.
    Prospect,
}

/// How many days a prospect's records are kept where nothing is said, as in the documents.
const PROSPECT_DAYS: u16 = 25;

/// How long a dataset's data is kept; for ever where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days after a record was last confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
    /// The last day on which any of it is used, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// Days after a record of a prospect was last confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prospect_days: Option<u16>,
    /// Whether the last day was ordered by a command, and not by the project: a project that knows nothing of it is not to
    /// bring the data back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ordered: bool,
}

impl Retention {
    /// How many days a record is kept after it was last confirmed; for ever where nothing is said.
    pub fn days_of(&self, is_prospect: bool) -> Option<u16> {
        if !is_prospect {
            return self.days;
        }
        let prospect_days = self.prospect_days.unwrap_or(PROSPECT_DAYS);
        Some(self.days.map_or(prospect_days, |days| days.min(prospect_days)))
    }
}
