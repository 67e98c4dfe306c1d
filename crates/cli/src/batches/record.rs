//! One batch with everything that is known of it.

use domain::batch::{Approval, Batch, Counts};
use jiff::Timestamp;
use serde::Serialize;

use super::account::{Account, Document, applied};
use crate::table::{Table, card};
use crate::words::{NOTHING, duration, number, percent, status_cell, time};

/// A batch for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Record<'a> {
    #[serde(flatten)]
    account: Document<'a>,
    chunks: &'a [aws::Chunk],
    quarantine: &'a [String],
}

/// A batch for programs.
pub(crate) fn document<'a>(account: &'a Account, quarantine: &'a [String], now: Timestamp) -> Record<'a> {
    Record { account: account.document(now), chunks: &account.chunks, quarantine }
}

/// A batch for people.
pub(crate) fn text(account: &Account, quarantine: &[String], now: Timestamp) -> String {
    let counts = account.counts();
    let mut text = card(&format!("Batch {}", account.batch.number), "", &facts(account, now));
    let of = if account.is_kept() { "" } else { "as checked: what applying counted is not kept any more" };
    text.push_str(&card("Rows", of, &rows(account, &counts)));
    if !counts.failed.is_empty() {
        let mut table = Table::of(["code", "#rows"]);
        for (code, count) in &counts.failed {
            table.row([code.as_str().into(), number(*count).into()]);
        }
        text.push_str(&card("Failed", "by code", &table.to_string()));
    }
    if !account.chunks.is_empty() {
        text.push_str(&card("Chunks", "", &chunks(account)));
    }
    if !quarantine.is_empty() {
        text.push_str(&card("Quarantine", "rows that were set aside, as JSON lines", &quarantine.join("\n")));
    }
    text
}

fn facts(account: &Account, now: Timestamp) -> String {
    let Batch { dataset, bucket, key, version, bytes, opened, reason, status, .. } = &account.batch;
    let mut table = Table::of(["", ""]);
    let mut fact = |name: &'static str, value: crate::table::Cell| table.row([name.into(), value]);
    fact("status", status_cell(*status));
    if let Some(reason) = reason {
        fact("reason", reason.as_str().into());
    }
    fact("dataset", dataset.as_ref().map_or(NOTHING, |name| name.as_str()).into());
    fact("object", format!("s3://{bucket}/{key}").into());
    fact("version", version.as_str().into());
    fact("bytes", number(*bytes).into());
    fact("stands for", time(account.batch.time).into());
    fact("opened", time(*opened).into());
    if let Some(snapshot) = &account.batch.snapshot {
        fact("is about", format!("{} records", number(snapshot.keys)).into());
        if let Some(lacks) = snapshot.lacks {
            let (missing, of) = (number(lacks.missing), number(lacks.of));
            fact("lacks", format!("{missing} of {of} that stood before").into());
        }
        if let Some(Approval { by, at }) = &snapshot.approved {
            fact("approved", format!("by {by}, {}", time(*at)).into());
        }
    }
    fact("took", duration(account.duration(now)).into());
    table.body()
}

fn rows(account: &Account, counts: &Counts) -> String {
    let mut table = Table::of(["", "#"]);
    let of = [
        ("received", counts.received),
        ("ingested", counts.ingested),
        ("unchanged", counts.unchanged),
        ("older than what is stored", counts.older),
        ("unmatched", counts.unmatched),
        ("failed", counts.all_failed()),
        ("matched", counts.matched),
        ("profiles created", counts.created),
        ("records removed", counts.removed),
    ];
    for (name, count) in of {
        table.row([name.into(), number(count).into()]);
    }
    table.row(["match rate".into(), percent(account.match_rate()).into()]);
    if let Some(each) = account.units_per_row() {
        table.row(["read units for each row".into(), format!("{:.2}", each.read).into()]);
        table.row(["write units for each row".into(), format!("{:.2}", each.write).into()]);
    }
    table.body()
}

fn chunks(account: &Account) -> String {
    let mut table =
        Table::of(["#chunk", "#rows", "#replaced", "#applied", "done", "#read units", "#write units"]);
    for (index, chunk) in account.chunks.iter().enumerate() {
        table.row([
            index.into(),
            number(chunk.rows).into(),
            chunk.skip.len().into(),
            number(applied(&chunk.counts)).into(),
            if chunk.done { "yes" } else { "no" }.into(),
            chunk.units.read.into(),
            chunk.units.write.into(),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::account::sample;
    use super::*;
    use crate::example::plain;

    #[test]
    fn a_batch_with_everything() {
        let quarantine =
            ["s3://data/quarantine/northlight_enrichment/000000000003/check-000000.jsonl".to_owned()];
        let shown = text(&sample::answer(), &quarantine, sample::NOW.parse().unwrap());
        insta::assert_snapshot!(plain(&shown));
    }

    #[test]
    fn a_batch_of_long_ago() {
        let shown = text(&sample::long_ago(), &[], sample::NOW.parse().unwrap());
        insta::assert_snapshot!(plain(&shown));
    }

    #[test]
    fn a_batch_of_a_stray_file() {
        let shown = text(&sample::stray(), &[], sample::NOW.parse().unwrap());
        insta::assert_snapshot!(plain(&shown));
    }
}
