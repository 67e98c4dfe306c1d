//! Sending over HTTP, so that what a failure means is decided in one place.

use std::fmt;
use std::time::Duration;

use reqwest::redirect::Policy;
pub use reqwest::{Method, RequestBuilder, StatusCode, Url, header};
use serde::Deserialize;

use crate::{DestinationError, ErrorKind};

/// How long a call may take, all in all. The lease on what is being sent is longer.
pub const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_IDLE: Duration = Duration::from_secs(15);
const MAX_REPLY_BYTES: usize = 4 << 20;

/// The HTTP client that destinations share: connections are kept, redirects are not followed (a token would follow
/// them), and nothing is sent twice.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
}

impl Http {
    /// Builds the client; do it once per process.
    pub fn new(timeout: Duration) -> Result<Self, DestinationError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("tributary/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            // A function sleeps between its calls, and vendors close what sleeps: better a new connection than a call
            // of unknown fate on a dead one.
            .pool_idle_timeout(MAX_IDLE)
            .build()
            .map_err(|error| {
                DestinationError::new(ErrorKind::ConfigInvalid, "start", "the HTTP client cannot be built")
                    .with_source(error)
            })?;
        Ok(Self { client })
    }

    /// Begins a request.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request and reads the whole reply, whatever its status.
    pub async fn send(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<Reply, DestinationError> {
        let failed = |error: reqwest::Error| failure(operation, error);
        let mut response = request.send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_REPLY_BYTES {
                let message = format!("the reply is longer than {MAX_REPLY_BYTES} bytes");
                return Err(DestinationError::new(ErrorKind::FateUnknown, operation, message)
                    .with_context("status", response.status().as_u16()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status: response.status(), headers: response.headers().clone(), body })
    }
}

/// What a call that brought no reply means: a connection that was never made did nothing, all else may have.
fn failure(operation: &'static str, error: reqwest::Error) -> DestinationError {
    let (kind, message) = if error.is_builder() {
        (ErrorKind::ConfigInvalid, "the request cannot be built")
    } else if error.is_connect() {
        (ErrorKind::Unavailable, "no connection to the vendor")
    } else if error.is_timeout() {
        (ErrorKind::FateUnknown, "the vendor did not answer in time")
    } else {
        (ErrorKind::FateUnknown, "the connection broke before the vendor had answered")
    };
    // URLs may carry proofs of credentials.
    DestinationError::new(kind, operation, message).with_source(error.without_url())
}

/// Lets time pass between two looks at what a vendor makes of a request that it accepted. Not for trying again.
pub async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// What a vendor answered.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: header::HeaderMap,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long `Retry-After` asks to wait, where it is given in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }

    /// What the status alone says of a request that failed, for want of anything better in the body.
    pub fn kind(&self) -> ErrorKind {
        match self.status.as_u16() {
            401 => ErrorKind::Authentication,
            403 => ErrorKind::Permission,
            404 | 410 => ErrorKind::NotFound,
            429 => ErrorKind::Throttled,
            408 | 425 | 503 => ErrorKind::Unavailable,
            // A server that fell over, or a gateway that lost one, may have done it.
            500 | 502 | 504..=599 => ErrorKind::FateUnknown,
            _ => ErrorKind::Rejected,
        }
    }
}

/// The address of an API: `https`, or `http` to this machine for a stand-in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint(Url);

impl Endpoint {
    /// The address of a resource below it; each segment is escaped.
    pub fn join<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}

/// A text that is no address to send personal data to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is no address of an API: expected `https://host/...`, or `http://` to this machine, and no credentials, query or fragment"
)]
pub struct InvalidEndpoint {
    found: String,
}

impl TryFrom<String> for Endpoint {
    type Error = InvalidEndpoint;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match Url::parse(&text) {
            Ok(url) if is_safe(&url) => Ok(Endpoint(url)),
            _ => Err(InvalidEndpoint { found: text }),
        }
    }
}

fn is_safe(url: &Url) -> bool {
    let private = match url.scheme() {
        "https" => url.has_host(),
        "http" => matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")),
        _ => false,
    };
    private
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Result<Endpoint, InvalidEndpoint> {
        Endpoint::try_from(text.to_owned())
    }

    #[test]
    fn personal_data_goes_over_tls_or_stays_on_this_machine() {
        for good in [
            "https://graph.facebook.com",
            "http://127.0.0.1:8080",
            "http://localhost:1/base",
            "http://[::1]:1",
        ] {
            assert!(endpoint(good).is_ok(), "{good}");
        }
        for bad in [
            "http://graph.facebook.com",
            "http://127.0.0.1.example.com",
            "https://user@example.com",
            "https://example.com/?a=b",
            "https://example.com/#a",
            "ftp://127.0.0.1",
            "graph.facebook.com",
            "",
        ] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn segments_are_escaped() {
        let url = endpoint("https://example.com/base/").unwrap().join(["v25.0", "a/b?c"]);
        assert_eq!(url.as_str(), "https://example.com/base/v25.0/a%2Fb%3Fc");
    }
}
