//! How much is done at once, and when to stop.

use jiff::{SignedDuration, Timestamp};

/// How much is done at once, and when to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How many slices a run has (`TRIBUTARY_SLICES`).
    pub slices: u32,
    /// The most items that a page of the scan has. A checkpoint is written after each page.
    pub page_size: i32,
    /// The most profiles of a page that are written at the same time.
    pub at_once: usize,
    /// How long before its deadline a slice stops and hands the rest on. It is longer than a page takes.
    pub margin: SignedDuration,
}

/// A number of slices that is none.
#[derive(Debug, thiserror::Error)]
#[error("environment variable `TRIBUTARY_SLICES` is `{0}`: expected a whole number from 1 to 10000")]
pub struct InvalidSlices(String);

impl Default for Limits {
    fn default() -> Limits {
        Limits { slices: 4, page_size: 1000, at_once: 16, margin: SignedDuration::from_secs(15) }
    }
}

impl Limits {
    /// The limits that the environment sets.
    ///
    /// # Errors
    /// Where it sets what is no limit.
    pub fn from_env() -> Result<Limits, InvalidSlices> {
        Limits::from(std::env::var("TRIBUTARY_SLICES").ok())
    }

    fn from(slices: Option<String>) -> Result<Limits, InvalidSlices> {
        let mut limits = Limits::default();
        if let Some(text) = slices.filter(|text| !text.is_empty()) {
            let slices = text.parse().ok().filter(|slices| (1..=10_000).contains(slices));
            limits.slices = slices.ok_or(InvalidSlices(text))?;
        }
        Ok(limits)
    }

    /// Whether the time that is left before a deadline is too short for another page.
    pub fn are_reached(&self, deadline: Timestamp, now: Timestamp) -> bool {
        deadline.duration_since(now) <= self.margin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_sets_the_number_of_slices() {
        assert_eq!(Limits::from(None).unwrap(), Limits::default());
        assert_eq!(Limits::from(Some(String::new())).unwrap(), Limits::default());
        assert_eq!(Limits::from(Some("32".into())).unwrap().slices, 32);
        for text in ["0", "-1", "many", "10001"] {
            let error = Limits::from(Some(text.into())).unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }

    #[test]
    fn a_slice_stops_a_margin_before_its_deadline() {
        let limits = Limits { margin: SignedDuration::from_secs(4), ..Limits::default() };
        let deadline: Timestamp = "2026-01-31T12:00:05Z".parse().unwrap();
        assert!(!limits.are_reached(deadline, "2026-01-31T12:00:00Z".parse().unwrap()));
        assert!(limits.are_reached(deadline, "2026-01-31T12:00:01Z".parse().unwrap()));
        assert!(limits.are_reached(deadline, "2026-01-31T12:00:09Z".parse().unwrap()));
    }
}
