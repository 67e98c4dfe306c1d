//! How numbers, times and states read in every command.

use anstyle::Style;
use domain::batch::BatchStatus;
use domain::dataflow::State;
use domain::governance::consent::{Consent, RequiredConsent};
use domain::value::Value;
use jiff::{SignedDuration, Timestamp};

use crate::table::Cell;
use crate::terminal::{DIM, GREEN, RED, YELLOW};

/// What stands where there is nothing to say.
pub(crate) const NOTHING: &str = "-";

/// An instant, in UTC to the second.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A length of time, as exactly as people want it: `850 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0 => format!("{} ms", duration.as_millis().max(0)),
        1..=59 => format!("{:.1} s", duration.as_secs_f64()),
        60..=3_599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A number with its thousands apart: `12,345`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole in percent; nothing of nothing.
pub(crate) fn percent(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| NOTHING.to_owned(), |ratio| format!("{:.1} %", ratio * 100.0))
}

/// A ratio of two counts; nothing where there is nothing to divide by.
#[expect(clippy::cast_precision_loss, reason = "counts of rows stay far below 2^53")]
pub(crate) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A consent that members are asked for.
pub(crate) fn consent(required: &RequiredConsent) -> String {
    let Consent { field, values } = &required.consent;
    let values: Vec<String> = values.iter().map(value).collect();
    format!("{field} {} (policy {})", values.join(" or "), required.policy)
}

/// A scalar as people write it.
fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

/// The state of a dataflow in a word.
pub(crate) fn state(state: &State) -> &'static str {
    match state {
        State::Active => "ACTIVE",
        State::Paused => "PAUSED",
        State::Blocked(_) => "BLOCKED",
        State::Retiring => "RETIRING",
    }
}

/// The state of a dataflow in a cell.
pub(crate) fn state_cell(of: &State) -> Cell {
    let style = match of {
        State::Active => GREEN,
        State::Paused | State::Blocked(_) => YELLOW,
        State::Retiring => DIM,
    };
    Cell::styled(state(of), style)
}

/// The status of a batch in a cell.
pub(crate) fn status_cell(status: BatchStatus) -> Cell {
    let style = match status {
        BatchStatus::Success => GREEN,
        BatchStatus::Failed => RED,
        BatchStatus::Superseded | BatchStatus::NeedsApproval => YELLOW,
        BatchStatus::Checking | BatchStatus::Waiting | BatchStatus::Applying => Style::new(),
    };
    Cell::styled(status.to_string(), style)
}

/// Names in a row: `a, b`; nothing of none.
pub(crate) fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { NOTHING.to_owned() } else { items.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        let read = |milliseconds| duration(SignedDuration::from_millis(milliseconds));
        assert_eq!(
            [850, 4_230, 200_000, 7_500_000].map(read),
            ["850 ms", "4.2 s", "3 min 20 s", "2 h 5 min"]
        );
        assert_eq!(percent(ratio(1, 3)), "33.3 %");
        assert_eq!(percent(ratio(1, 0)), NOTHING);
        assert_eq!(time("2026-01-31T12:00:05.7Z".parse().unwrap()), "2026-01-31 12:00:05Z");
    }
}
