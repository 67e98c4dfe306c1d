//! The list of batches, for people.

use jiff::Timestamp;

use super::account::Account;
use crate::table::{Cell, Table};
use crate::words::{NOTHING, duration, number, percent, status_cell};

/// A table of batches.
pub(crate) fn text(accounts: &[Account], now: Timestamp) -> String {
    if accounts.is_empty() {
        return "no file has arrived yet\n".to_owned();
    }
    let mut table = Table::of([
        "#batch",
        "dataset",
        "object",
        "status",
        "#received",
        "#ingested",
        "#unchanged",
        "#failed",
        "#unmatched",
        "#removed",
        "#match rate",
        "#read/row",
        "#write/row",
        "#took",
    ]);
    for account in accounts {
        let (batch, counts) = (&account.batch, account.counts());
        let each = account.units_per_row();
        let units =
            |units: Option<f64>| units.map_or_else(|| NOTHING.to_owned(), |units| format!("{units:.2}"));
        let applied =
            |count: u64| -> Cell { if account.is_kept() { number(count).into() } else { NOTHING.into() } };
        table.row([
            batch.number.into(),
            batch.dataset.as_ref().map_or_else(|| NOTHING.to_owned(), ToString::to_string).into(),
            batch.key.as_str().into(),
            status_cell(batch.status),
            number(counts.received).into(),
            applied(counts.ingested),
            applied(counts.unchanged),
            applied(counts.all_failed()),
            applied(counts.unmatched),
            applied(counts.removed),
            percent(account.match_rate()).into(),
            units(each.map(|each| each.read)).into(),
            units(each.map(|each| each.write)).into(),
            duration(account.duration(now)).into(),
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
    fn batches_in_a_table() {
        let accounts = [sample::long_ago(), sample::answer(), sample::stray(), sample::under_way()];
        let shown = text(&accounts, sample::NOW.parse().unwrap());
        insta::assert_snapshot!(plain(&shown));
    }

    #[test]
    fn batches_for_programs() {
        let now = sample::NOW.parse().unwrap();
        insta::assert_json_snapshot!(
            [sample::answer(), sample::stray()].each_ref().map(|each| each.document(now))
        );
    }
}
