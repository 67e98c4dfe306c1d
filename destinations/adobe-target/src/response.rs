//! What an answer of Target's means. Pure.

use destination::http::{Reply, Url};
use destination::{DestinationError, ErrorKind, Progress};
use quick_xml::de::from_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The hosts of Target's edges, one of which tells how far a batch is.
const EDGES: &str = ".tt.omtrdc.net";

/// What Target says to a file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Submitted {
    success: bool,
    #[serde(default)]
    batch_status: String,
    #[serde(default)]
    message: String,
}

/// What Target has told of a batch that it took: where its status is, if that is a place of Target's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) status_url: Option<Url>,
}

/// Reads the answer to a file that was sent to `base`.
pub(crate) fn accepted(
    operation: &'static str,
    base: &Url,
    reply: &Reply,
) -> Result<Accepted, DestinationError> {
    if !reply.status.is_success() {
        return Err(failure(operation, reply));
    }
    match xml::<Submitted>(reply) {
        Some(Submitted { success: true, batch_status, .. }) => {
            Ok(Accepted { status_url: status_url(base, &batch_status) })
        }
        Some(Submitted { message, .. }) => Err(refusal(operation, &message)),
        // A proxy's page, or a change of Adobe's: the file may have been taken.
        None => Err(DestinationError::new(
            ErrorKind::FateUnknown,
            operation,
            "the reply is not what Adobe documents",
        )
        .with_context("status", reply.status.as_u16())),
    }
}

fn xml<T: DeserializeOwned>(reply: &Reply) -> Option<T> {
    from_str(std::str::from_utf8(&reply.body).ok()?).ok()
}

/// What a status other than success means.
fn failure(operation: &'static str, reply: &Reply) -> DestinationError {
    let (kind, meaning) = match reply.kind() {
        kind @ (ErrorKind::Authentication | ErrorKind::Permission) => (
            kind,
            "Target does not accept the token: put a new one in the secret store, or see whether the account demands one",
        ),
        kind @ ErrorKind::NotFound => (kind, "there is no such Target: check `client_code` and `base_url`"),
        kind @ (ErrorKind::Throttled | ErrorKind::Unavailable) => {
            (kind, "Target cannot serve this at the moment, or 50 calls were made within a minute")
        }
        kind @ ErrorKind::FateUnknown => (kind, "Target failed, and may have taken the file before"),
        kind => (kind, "Target refuses the request"),
    };
    DestinationError::new(kind, operation, meaning)
        .with_context("status", reply.status.as_u16())
        .with_retry_after(reply.retry_after())
}

/// A file that Target read and did not take. Its words are repeated only where they are known to quote nothing.
fn refusal(operation: &'static str, message: &str) -> DestinationError {
    let refused = DestinationError::new(ErrorKind::Rejected, operation, "Target refuses the file");
    match ["Unexpected error", "Batch is empty"].into_iter().find(|known| message.contains(known)) {
        Some(known) => refused.with_context("message", known),
        None => refused,
    }
}

/// Where the status of a batch is. What is told leads where Target says, but only to a place of
/// Target's, and never without TLS unless files go there without it too: it is called with the account's token.
pub(crate) fn status_url(base: &Url, told: &str) -> Option<Url> {
    let mut url = Url::parse(told.trim()).ok()?;
    let host = url.host_str()?;
    let is_ours = (host, url.port_or_known_default()) == (base.host_str()?, base.port_or_known_default());
    if !is_ours {
        if !host.ends_with(EDGES) {
            return None;
        }
        // Adobe documents `http` addresses; the edges speak both.
        url.set_scheme("https").ok()?;
        url.set_port(None).ok()?;
    } else if url.scheme() != base.scheme() {
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    Some(url)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchStatus {
    status: String,
    batch_size: Option<usize>,
    successful_updates: Option<usize>,
}

/// Reads the status of a batch. Target counts rows, and does not say which are missing. Whatever is no status tells
/// nothing: the batch is accepted all the same.
pub(crate) fn progress(reply: &Reply) -> Progress {
    let status = if reply.status.is_success() { xml::<BatchStatus>(reply) } else { None };
    match status {
        Some(BatchStatus { status, batch_size, successful_updates }) if status == "complete" => {
            let counted = batch_size.zip(successful_updates);
            Progress::Done {
                refused: counted.map_or(0, |(rows, successful)| rows.saturating_sub(successful)),
            }
        }
        Some(BatchStatus { status, .. }) if status == "stuck" => Progress::Stuck,
        _ => Progress::Open,
    }
}

/// A batch that got stuck.
pub(crate) fn stuck(operation: &'static str) -> DestinationError {
    let message = "Target took the file and got stuck with it: part of it may be done";
    DestinationError::new(ErrorKind::FateUnknown, operation, message)
}

#[cfg(test)]
mod tests {
    use destination::RetryClass;
    use destination::http::{StatusCode, header::HeaderMap};

    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn base() -> Url {
        Url::parse("https://northshop.tt.omtrdc.net/").unwrap()
    }

    fn read(status: u16, body: &str) -> Result<Accepted, DestinationError> {
        accepted("add", &base(), &reply(status, body))
    }

    #[test]
    fn the_answer_that_adobe_shows_is_read() {
        let body = "<response>
            <success>true</success>
            <batchStatus>http://mboxedge45.tt.omtrdc.net/m2/demo/profile/batchStatus?batchId=demo-1701473848678-13029383</batchStatus>
            <message>Batch submitted for processing</message>
        </response>";
        let url = read(200, body).unwrap().status_url.unwrap();
        assert_eq!(
            url.as_str(),
            "https://mboxedge45.tt.omtrdc.net/m2/demo/profile/batchStatus?batchId=demo-1701473848678-13029383"
        );
    }

    #[test]
    fn a_token_follows_to_target_only() {
        let url = |told: &str| status_url(&base(), told).map(|url| url.to_string());
        let at_home = "https://northshop.tt.omtrdc.net/s";
        assert_eq!(url("https://northshop.tt.omtrdc.net/s").as_deref(), Some(at_home));
        assert_eq!(url("http://northshop.tt.omtrdc.net/s").as_deref(), Some(at_home));
        for told in [
            "https://tt.omtrdc.net.example.com/s",
            "https://example.com/.tt.omtrdc.net",
            "https://user@mboxedge45.tt.omtrdc.net/s",
            "/m2/demo",
            "",
        ] {
            assert_eq!(url(told), None, "{told}");
        }
        let here = Url::parse("http://127.0.0.1:8080/").unwrap();
        assert!(status_url(&here, "http://127.0.0.1:8080/s").is_some());
        assert!(status_url(&here, "http://127.0.0.1:9090/s").is_none());
    }

    #[test]
    fn what_went_wrong_decides_whether_it_is_tried_again() {
        let retry = RetryClass::Retry { after: None };
        let refused = "<response><success>false</success><message>quotes crm-17</message></response>";
        let cases = [
            (200, refused, ErrorKind::Rejected, RetryClass::Stop),
            (200, "<html>", ErrorKind::FateUnknown, RetryClass::Unknown),
            (
                200,
                "<response><success>maybe</success></response>",
                ErrorKind::FateUnknown,
                RetryClass::Unknown,
            ),
            (200, "\u{0}", ErrorKind::FateUnknown, RetryClass::Unknown),
            (400, refused, ErrorKind::Rejected, RetryClass::Stop),
            (401, "", ErrorKind::Authentication, RetryClass::Stop),
            (403, "", ErrorKind::Permission, RetryClass::Stop),
            (404, "", ErrorKind::NotFound, RetryClass::Stop),
            (413, "", ErrorKind::Rejected, RetryClass::Stop),
            (429, "", ErrorKind::Throttled, retry),
            (503, "", ErrorKind::Unavailable, retry),
            (500, "", ErrorKind::FateUnknown, RetryClass::Unknown),
            (504, "", ErrorKind::FateUnknown, RetryClass::Unknown),
        ];
        for (status, body, kind, class) in cases {
            let error = read(status, body).unwrap_err();
            assert_eq!((error.kind(), error.retry_class()), (kind, class), "{status} {body}");
            assert!(
                !error.to_string().contains("crm-17"),
                "no words of Target's that quote something: {error}"
            );
        }
    }

    #[test]
    fn messages_that_adobe_documents_are_passed_on() {
        let body = "<response><success>false</success><message>Batch is empty.</message></response>";
        assert_eq!(
            read(200, body).unwrap_err().to_string(),
            "add: Target refuses the file (message `Batch is empty`)"
        );
    }

    #[test]
    fn the_status_says_how_far_a_batch_is() {
        let details = "<response><batchId>demo-1</batchId><status>complete</status><batchSize>3</batchSize>\
            <consumedCount>3</consumedCount><successfulUpdates>2</successfulUpdates>\
            <profilesNotFound>0</profilesNotFound><failedUpdates>1</failedUpdates></response>";
        let bare =
            |status: &str| format!("<response><batchId>demo-1</batchId><status>{status}</status></response>");
        for (status, body, expected) in [
            (200, details.to_owned(), Progress::Done { refused: 1 }),
            (200, bare("complete"), Progress::Done { refused: 0 }),
            (200, bare("stuck"), Progress::Stuck),
            (200, bare("incomplete"), Progress::Open),
            (200, bare("done?"), Progress::Open),
            (200, "<html>".to_owned(), Progress::Open),
            (503, bare("complete"), Progress::Open),
        ] {
            assert_eq!(progress(&reply(status, &body)), expected, "{body}");
        }
    }
}
