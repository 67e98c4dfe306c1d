//! What can go wrong between us and a vendor, and what to do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration, the mapping or the shape of the credentials cannot work.
    ConfigInvalid,
    /// The vendor does not accept the credentials.
    Authentication,
    /// The credentials are good, but not for this.
    Permission,
    /// What the request names does not exist at the vendor.
    NotFound,
    /// The vendor asks for patience.
    Throttled,
    /// The vendor could not be reached, or said that it could not serve.
    Unavailable,
    /// The vendor refuses the request as such, and would refuse it again.
    Rejected,
    /// The vendor refuses the request, and it may be for one of its records: without that it may be taken.
    RecordsRefused,
    /// The request left, and what became of it is not known.
    FateUnknown,
}

/// What the sender does next. It decides by this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryClass {
    /// Nothing was done: try again, not before that time has passed if the vendor named one.
    Retry {
        /// How long the vendor asks to wait.
        after: Option<Duration>,
    },
    /// Nothing was done, and fewer records may be taken: make the request in parts. With one record it is `Stop`.
    Split,
    /// Trying again changes nothing until a person acts.
    Stop,
    /// It may have been done. Try again only where that does no harm.
    Unknown,
}

/// A call that failed as a whole: kind, operation, context and source.
///
/// Its text never carries personal data or credentials: not a cell, not a vendor's message that may quote one.
#[derive(Debug)]
pub struct DestinationError {
    kind: ErrorKind,
    operation: &'static str,
    message: String,
    retry_after: Option<Duration>,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl DestinationError {
    /// A failure of an operation (`create audience`, `add`) and what was found, expected, and to be done.
    pub fn new(kind: ErrorKind, operation: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            operation,
            message: message.into(),
            retry_after: None,
            context: Vec::new(),
            source: None,
        }
    }

    /// Adds a detail that helps to find the place: a code, an account, a trace id. Never personal data.
    #[must_use]
    pub fn with_context(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.context.push((key, value.to_string()));
        self
    }

    /// Says how long the vendor asks to wait.
    #[must_use]
    pub fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was being done.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// What was found, expected and is to be done, without the operation before it and the details after it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details, in the order in which they were added.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.context.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// What to do next.
    pub fn retry_class(&self) -> RetryClass {
        match self.kind {
            ErrorKind::Throttled | ErrorKind::Unavailable => RetryClass::Retry { after: self.retry_after },
            ErrorKind::FateUnknown => RetryClass::Unknown,
            ErrorKind::RecordsRefused => RetryClass::Split,
            ErrorKind::ConfigInvalid
            | ErrorKind::Authentication
            | ErrorKind::Permission
            | ErrorKind::NotFound
            | ErrorKind::Rejected => RetryClass::Stop,
        }
    }
}

impl fmt::Display for DestinationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.message)?;
        for (index, (key, value)) in self.context.iter().enumerate() {
            write!(f, "{}{key} `{value}`", if index == 0 { " (" } else { ", " })?;
        }
        if self.context.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl Error for DestinationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_operation_message_context() {
        let error = DestinationError::new(ErrorKind::Throttled, "add", "too many calls")
            .with_context("code", 80003)
            .with_context("account", "123")
            .with_retry_after(Some(Duration::from_secs(60)));
        assert_eq!(error.to_string(), "add: too many calls (code `80003`, account `123`)");
        assert_eq!(error.retry_class(), RetryClass::Retry { after: Some(Duration::from_secs(60)) });
    }

    #[test]
    fn only_what_was_certainly_not_done_is_retried() {
        let class = |kind| DestinationError::new(kind, "add", "").retry_class();
        assert_eq!(class(ErrorKind::Unavailable), RetryClass::Retry { after: None });
        assert_eq!(class(ErrorKind::FateUnknown), RetryClass::Unknown);
        assert_eq!(class(ErrorKind::RecordsRefused), RetryClass::Split);
        assert_eq!(class(ErrorKind::Authentication), RetryClass::Stop);
    }
}
