//! Stated shares, held to the row.

use std::fmt;
use std::str::FromStr;

use super::draw::Draw;

/// A whole, in hundredths of a percent.
const WHOLE: u64 = 10_000;

/// A share, in steps of a hundredth of a percent: `5%`, `0.25%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share(u64);

impl Share {
    /// Whether an item, counted from 0, is among the share.
    ///
    /// Items are cut into runs of such a length that one of each is chosen. Of any number of items the share is exact
    /// to one, and yet nobody can tell which of a run it is without knowing the draw.
    pub(crate) fn includes(self, index: u64, draw: Draw) -> bool {
        let share = u128::from(self.0);
        let Some(run) = (u128::from(index) * share).checked_div(u128::from(WHOLE)).filter(|_| share > 0)
        else {
            return false;
        };
        let begin = (run * u128::from(WHOLE)).div_ceil(share);
        let end = ((run + 1) * u128::from(WHOLE)).div_ceil(share);
        let run = u64::try_from(run).unwrap_or(u64::MAX);
        let chosen = draw.number(run).below(u64::try_from(end - begin).unwrap_or(1));
        begin + u128::from(chosen) == u128::from(index)
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let refuse = || format!("`{text}` is no share: expected 0% to 100%, such as `5%` or `0.25%`");
        let number: f64 = text.strip_suffix('%').unwrap_or(text).trim().parse().map_err(|_| refuse())?;
        if !(0.0..=100.0).contains(&number) {
            return Err(refuse());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10,000")]
        let hundredths = (number * 100.0).round() as u64;
        Ok(Share(hundredths))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}%", self.0 as f64 / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exact_to_one() {
        for text in ["0%", "0.01%", "1%", "5%", "33.33%", "50%", "70%", "99.9%", "100%"] {
            let share: Share = text.parse().unwrap();
            for count in [0, 1, 10, 999, 10_000] {
                let included = (0..count).filter(|index| share.includes(*index, Draw::of(3))).count();
                let expected = count as f64 * share.0 as f64 / WHOLE as f64;
                assert!((included as f64 - expected).abs() < 1.0, "{text} of {count}: {included}");
            }
        }
    }

    #[test]
    fn shares_are_read_in_percent() {
        assert_eq!("5".parse(), "5%".parse::<Share>());
        assert_eq!("0.25%".parse::<Share>().unwrap().to_string(), "0.25%");
        for text in ["", "-1%", "101%", "x", "NaN"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
