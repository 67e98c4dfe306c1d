//! What goes wrong between us and the store.

use std::error::Error as StdError;
use std::fmt;

/// A failure of the store: what was being done, and the cause. It names tables, keys and buckets, never values.
#[derive(Debug)]
pub struct Error {
    doing: String,
    refused: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure that has no cause beyond its text.
    pub fn plain(message: impl Into<String>) -> Error {
        Error { doing: message.into(), refused: false, source: None }
    }

    /// A failure of something that was being done: `could not <doing>: <cause>`.
    pub fn of(doing: &str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error { doing: format!("could not {doing}"), refused: false, source: Some(source.into()) }
    }

    /// The same failure, where the service is known to have refused the request: nothing was done.
    pub(crate) fn refused(self, refused: bool) -> Error {
        Error { refused, ..self }
    }

    /// Whether the service refused the request, so that nothing was done.
    pub fn was_refused(&self) -> bool {
        self.refused
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
