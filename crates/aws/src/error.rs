//! What goes wrong between us and the store.

use std::error::Error as StdError;
use std::fmt;

/// A failure of the store: what was being done, and the cause. It names tables, keys and buckets, never values.
#[derive(Debug)]
pub struct Error {
    doing: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure that has no cause beyond its text.
    pub fn plain(message: impl Into<String>) -> Error {
        Error { doing: message.into(), source: None }
    }

    /// A failure of something that was being done: `could not <doing>: <cause>`.
    pub fn of(doing: &str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error { doing: format!("could not {doing}"), source: Some(source.into()) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.doing)?;
        // The SDK's errors say little by themselves and much by their causes, so the whole chain is printed.
        let mut cause = self.source.as_deref().map(|source| source as &dyn StdError);
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {}
