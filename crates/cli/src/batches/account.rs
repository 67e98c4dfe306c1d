//! A batch and its chunks, and the sums of them. Sums are made on reading: nothing that is stored counts twice.

use aws::{Chunk, Units};
use domain::batch::{Batch, Counts};
use domain::name::DatasetName;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::words::ratio;

/// A batch with its chunks.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) batch: Batch,
    pub(crate) chunks: Vec<Chunk>,
}

/// The same for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    number: u64,
    dataset: Option<&'a DatasetName>,
    key: &'a str,
    version: &'a str,
    bytes: u64,
    status: domain::batch::BatchStatus,
    reason: Option<&'a str>,
    time: Timestamp,
    opened: Timestamp,
    ended: Option<Timestamp>,
    seconds: f64,
    /// Whether what applying counted is still kept; without it the counts are those of the checking pass alone.
    chunks_kept: bool,
    #[serde(flatten)]
    counts: Counts,
    failed_rows: u64,
    match_rate: Option<f64>,
    applied_rows: u64,
    units: Units,
    read_units_per_row: Option<f64>,
    write_units_per_row: Option<f64>,
}

impl Account {
    /// The account of a batch. Chunks go away after a year or so, one after the other: what is left of them adds up to
    /// nothing that is true.
    pub(crate) fn of(batch: Batch, mut chunks: Vec<Chunk>) -> Account {
        if !has_all(&batch, &chunks) {
            chunks.clear();
        }
        Account { batch, chunks }
    }

    /// Whether its chunks are still kept. Without them only what the checking pass counted is known.
    pub(crate) fn is_kept(&self) -> bool {
        has_all(&self.batch, &self.chunks)
    }

    /// What became of the batch's rows: what the checking pass counted, and what applying its chunks did.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = self.batch.checked.clone();
        self.chunks.iter().for_each(|chunk| counts.add(&chunk.counts));
        counts
    }

    /// How many rows were applied, whatever came of it.
    pub(crate) fn applied(&self) -> u64 {
        self.chunks.iter().map(|chunk| applied(&chunk.counts)).sum()
    }

    /// The share of applied rows about people who had a profile.
    pub(crate) fn match_rate(&self) -> Option<f64> {
        let counts = self.counts();
        ratio(counts.matched, counts.matched + counts.unmatched + counts.created)
    }

    /// What applying its rows cost.
    pub(crate) fn units(&self) -> Units {
        self.chunks.iter().fold(Units::default(), |sum, chunk| sum.plus(chunk.units))
    }

    /// What applying cost for each row; nothing where none was applied.
    pub(crate) fn units_per_row(&self) -> Option<Units> {
        let (rows, Units { read, write }) = (self.applied(), self.units());
        #[expect(clippy::cast_precision_loss, reason = "counts of rows stay far below 2^53")]
        let of_each = |units: f64| units / rows as f64;
        (rows > 0).then(|| Units { read: of_each(read), write: of_each(write) })
    }

    /// How long it took, or has taken up to now.
    pub(crate) fn duration(&self, now: Timestamp) -> SignedDuration {
        self.batch.ended.unwrap_or(now).duration_since(self.batch.opened)
    }

    /// The account for programs.
    pub(crate) fn document(&self, now: Timestamp) -> Document<'_> {
        let Batch { number, dataset, key, version, bytes, status, reason, time, opened, ended, .. } =
            &self.batch;
        let counts = self.counts();
        let each = self.units_per_row();
        Document {
            number: *number,
            dataset: dataset.as_ref(),
            key,
            version,
            bytes: *bytes,
            status: *status,
            reason: reason.as_deref(),
            time: *time,
            opened: *opened,
            ended: *ended,
            seconds: self.duration(now).as_secs_f64(),
            chunks_kept: self.is_kept(),
            failed_rows: counts.all_failed(),
            counts,
            match_rate: self.match_rate(),
            applied_rows: self.applied(),
            units: self.units(),
            read_units_per_row: each.map(|each| each.read),
            write_units_per_row: each.map(|each| each.write),
        }
    }
}

/// Whether the chunks are all that a batch was cut into. They are written before the batch says how many there are.
fn has_all(batch: &Batch, chunks: &[Chunk]) -> bool {
    usize::try_from(batch.chunks).is_ok_and(|written| chunks.len() >= written)
}

/// How many rows of a chunk are accounted for.
pub(crate) fn applied(counts: &Counts) -> u64 {
    counts.ingested + counts.unchanged + counts.older + counts.unmatched + counts.all_failed()
}

#[cfg(test)]
pub(crate) mod sample {
    //! An invented batch.

    use super::*;
    use domain::batch::BatchStatus;

    pub(crate) const NOW: &str = "2026-01-31T12:01:00Z";

    pub(crate) fn answer() -> Account {
        let failed =
            |code: &str, count| Counts { failed: [(code.to_owned(), count)].into(), ..Counts::default() };
        let batch = Batch {
            number: 3,
            dataset: Some("northlight_enrichment".parse().unwrap()),
            bucket: "inbox".to_owned(),
            key: "partners/northlight/answer-2026-01-31.csv".to_owned(),
            version: "v1".to_owned(),
            bytes: 98_304,
            time: "2026-01-31T00:00:00Z".parse().unwrap(),
            opened: "2026-01-31T12:00:00Z".parse().unwrap(),
            ended: Some("2026-01-31T12:00:04.2Z".parse().unwrap()),
            status: BatchStatus::Success,
            reason: None,
            checked: Counts { received: 1_800, ..failed("invalid_number", 12) },
            chunks: 2,
            remaining: 0,
            snapshot: None,
        };
        let first = Counts {
            ingested: 900,
            unchanged: 40,
            older: 1,
            unmatched: 59,
            matched: 941,
            ..Counts::default()
        };
        let second = Counts { ingested: 700, unmatched: 85, matched: 700, ..failed("identity_conflict", 3) };
        let chunk = |counts: Counts, read, write| Chunk {
            rows: applied(&counts),
            offset: applied(&counts),
            done: true,
            units: Units { read, write },
            counts,
            ..Chunk::default()
        };
        Account { batch, chunks: vec![chunk(first, 2_000.0, 900.0), chunk(second, 1_500.5, 701.0)] }
    }

    /// A file that no dataset claims.
    pub(crate) fn stray() -> Account {
        let reason = "no dataset's prefix begins the key of the object: put it under one, or add a dataset";
        let Account { batch, .. } = answer();
        let batch = Batch {
            number: 4,
            dataset: None,
            key: "lost+found.csv".to_owned(),
            bytes: 12,
            ended: Some(batch.opened),
            status: BatchStatus::Failed,
            reason: Some(reason.to_owned()),
            checked: Counts::default(),
            chunks: 0,
            ..batch
        };
        Account { batch, chunks: Vec::new() }
    }

    /// A file of long ago, of which a chunk is gone.
    pub(crate) fn long_ago() -> Account {
        let Account { batch, mut chunks } = answer();
        chunks.truncate(1);
        Account::of(Batch { number: 2, ..batch }, chunks)
    }

    /// A file whose rows are being applied.
    pub(crate) fn under_way() -> Account {
        let Account { batch, mut chunks } = answer();
        let batch = Batch { number: 5, status: BatchStatus::Applying, ended: None, remaining: 1, ..batch };
        chunks[1] = Chunk { rows: 788, ..Chunk::default() };
        Account { batch, chunks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_chunks_that_go_away_counts_as_nothing() {
        let account = sample::long_ago();
        assert!(!account.is_kept() && sample::answer().is_kept() && sample::stray().is_kept());
        assert_eq!((account.counts(), account.units()), (account.batch.checked.clone(), Units::default()));
    }

    #[test]
    fn every_row_is_in_one_count() {
        let account = sample::answer();
        let counts = account.counts();
        assert_eq!(applied(&counts), counts.received);
        assert_eq!(account.applied(), counts.received - 12);
    }

    #[test]
    fn rates_and_costs_are_of_the_rows_that_were_applied() {
        let account = sample::answer();
        assert_eq!(account.match_rate(), ratio(1_641, 1_785));
        let each = account.units_per_row().unwrap();
        assert!((each.read - 3_500.5 / 1_788.0).abs() < 1e-9);
        assert_eq!(sample::stray().units_per_row(), None);
        assert_eq!(sample::stray().match_rate(), None);
    }
}
