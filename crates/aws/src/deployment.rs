//! Where a deployment's parts are: what the template hands to functions and to the command line as environment
//! variables.

use crate::Error;

/// The names and addresses of a deployment's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The table of profiles (`TRIBUTARY_PROFILES`).
    pub profiles: String,
    /// The table of identities (`TRIBUTARY_IDENTITIES`).
    pub identities: String,
    /// The table of the ledger (`TRIBUTARY_LEDGER`).
    pub ledger: String,
    /// The bucket in which files arrive (`TRIBUTARY_INBOX`).
    pub inbox: String,
    /// The bucket of catalogues (`TRIBUTARY_CONTROL`).
    pub control: String,
    /// The bucket of staging, quarantine and delivery log (`TRIBUTARY_DATA`).
    pub data: String,
    /// The bucket of the files that go out (`TRIBUTARY_EXPORTS`).
    pub exports: String,
    /// The bucket of visitors' events (`TRIBUTARY_EVENTS`).
    pub events: String,
    /// The stream that gathers events into objects of that bucket (`TRIBUTARY_EVENTS_STREAM`).
    pub events_stream: String,
    /// The queue of events that the stream did not take (`TRIBUTARY_EVENTS_QUEUE`).
    pub events_queue: String,
    /// The queue of checked batches and their chunks (`TRIBUTARY_CHUNKS_QUEUE`).
    pub chunks_queue: String,
    /// The queue of visitors that are to be linked (`TRIBUTARY_VISITORS_QUEUE`).
    pub visitors_queue: String,
    /// The queue of evaluation slices (`TRIBUTARY_SLICES_QUEUE`).
    pub slices_queue: String,
    /// The queue that wakes delivery workers (`TRIBUTARY_WAKES_QUEUE`).
    pub wakes_queue: String,
    /// What the names of secrets begin with (`TRIBUTARY_SECRETS_PREFIX`).
    pub secrets_prefix: String,
}

impl Deployment {
    /// The deployment that the environment names.
    ///
    /// # Errors
    /// The first variable that is missing or empty.
    pub fn from_env() -> Result<Deployment, Error> {
        Deployment::from(|name| std::env::var(name).ok())
    }

    fn from(read: impl Fn(&str) -> Option<String>) -> Result<Deployment, Error> {
        let required = |name: &'static str| {
            read(name).filter(|value| !value.is_empty()).ok_or_else(|| {
                Error::plain(format!(
                    "environment variable `{name}` is not set: take it from the output `Environment` of the deployed stack"
                ))
            })
        };
        Ok(Deployment {
            profiles: required("TRIBUTARY_PROFILES")?,
            identities: required("TRIBUTARY_IDENTITIES")?,
            ledger: required("TRIBUTARY_LEDGER")?,
            inbox: required("TRIBUTARY_INBOX")?,
            control: required("TRIBUTARY_CONTROL")?,
            data: required("TRIBUTARY_DATA")?,
            exports: required("TRIBUTARY_EXPORTS")?,
            events: required("TRIBUTARY_EVENTS")?,
            events_stream: required("TRIBUTARY_EVENTS_STREAM")?,
            events_queue: required("TRIBUTARY_EVENTS_QUEUE")?,
            chunks_queue: required("TRIBUTARY_CHUNKS_QUEUE")?,
            visitors_queue: required("TRIBUTARY_VISITORS_QUEUE")?,
            slices_queue: required("TRIBUTARY_SLICES_QUEUE")?,
            wakes_queue: required("TRIBUTARY_WAKES_QUEUE")?,
            secrets_prefix: required("TRIBUTARY_SECRETS_PREFIX")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let error =
            Deployment::from(|name| (name != "TRIBUTARY_CONTROL").then(|| "x".to_owned())).unwrap_err();
        assert!(error.to_string().contains("`TRIBUTARY_CONTROL`"), "{error}");
    }
}
