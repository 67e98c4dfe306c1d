//! What an answer of Meta's means. Pure: a table of codes decides, because rate errors come as HTTP 400.

use std::collections::HashMap;
use std::time::Duration;

use destination::http::Reply;
use destination::{Delivery, DestinationError, ErrorKind, Record, RecordOutcome};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::request;

/// An audience as Meta lists it.
#[derive(Debug, Deserialize)]
pub(crate) struct Audience {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: String,
}

/// A page of audiences.
#[derive(Debug, Deserialize)]
pub(crate) struct Audiences {
    pub(crate) data: Vec<Audience>,
}

/// Reads a reply of success as what it should be, or the failure as an error.
pub(crate) fn read<T: DeserializeOwned>(
    operation: &'static str,
    reply: &Reply,
) -> Result<T, DestinationError> {
    if !reply.status.is_success() {
        return Err(failure(operation, reply));
    }
    serde_json::from_slice(&reply.body).map_err(|_| match serde_json::from_slice::<Failure>(&reply.body) {
        Ok(_) => failure(operation, reply),
        // A proxy's page, or a change of Meta's: what was asked for may be done.
        Err(_) => {
            DestinationError::new(ErrorKind::FateUnknown, operation, "the reply is not what Meta documents")
                .with_context("status", reply.status.as_u16())
        }
    })
}

#[derive(Debug, Deserialize)]
struct Failure {
    error: GraphError,
}

#[derive(Debug, Deserialize)]
struct GraphError {
    code: i64,
    error_subcode: Option<i64>,
    #[serde(default)]
    is_transient: bool,
    fbtrace_id: Option<String>,
}

/// What a refusal means. Meta's own words stay out: they may quote what was sent.
fn failure(operation: &'static str, reply: &Reply) -> DestinationError {
    let status = reply.status;
    let Ok(Failure { error }) = serde_json::from_slice::<Failure>(&reply.body) else {
        // Whoever stands before the Graph API may have lost its answer; only too many calls are turned away unread.
        let kind = match reply.kind() {
            ErrorKind::Throttled => ErrorKind::Throttled,
            _ => ErrorKind::FateUnknown,
        };
        return DestinationError::new(kind, operation, "the answer is not from the Graph API")
            .with_context("status", status.as_u16())
            .with_retry_after(reply.retry_after());
    };
    let (kind, meaning) =
        meaning(error.code, error.error_subcode).unwrap_or_else(|| unexplained(&error, reply));
    let described = DestinationError::new(kind, operation, meaning)
        .with_context("status", status.as_u16())
        .with_context("code", error.code)
        .with_retry_after(regain_access(reply));
    let described = match error.error_subcode {
        Some(subcode) => described.with_context("subcode", subcode),
        None => described,
    };
    match error.fbtrace_id {
        Some(trace) => described.with_context("fbtrace_id", trace),
        None => described,
    }
}

/// What the status says where the code says nothing. Meta marks as transient what fell over halfway too, so that only
/// a status that means "not now" means that nothing was done.
fn unexplained(error: &GraphError, reply: &Reply) -> (ErrorKind, &'static str) {
    match reply.kind() {
        kind @ ErrorKind::Unavailable => (kind, "Meta cannot serve this at the moment"),
        kind @ ErrorKind::Throttled => (kind, "too many calls"),
        kind @ ErrorKind::FateUnknown => (kind, FELL_OVER),
        _ if error.is_transient || matches!(error.code, 1 | 2 | 5000 | 21009) => {
            (ErrorKind::FateUnknown, FELL_OVER)
        }
        _ => (ErrorKind::Rejected, "Meta refuses the request"),
    }
}

const FELL_OVER: &str = "Meta failed, and may have done it before";

/// Meta's codes, as far as they say more than the status does.
fn meaning(code: i64, subcode: Option<i64>) -> Option<(ErrorKind, &'static str)> {
    use ErrorKind::{
        Authentication, ConfigInvalid, NotFound, Permission, RecordsRefused, Rejected, Throttled, Unavailable,
    };
    Some(match (code, subcode) {
        (4 | 17 | 32 | 341 | 613 | 80000..=80014, _) => {
            (Throttled, "too many calls for this ad account or app")
        }
        (100, Some(33)) => (
            NotFound,
            "the object does not exist, or the token may not see it: check the audience and the token's access",
        ),
        (100, Some(1_713_230)) => (
            Rejected,
            "uploads to the audience are blocked: Meta flagged its name or description; rename it there and ask for a review",
        ),
        (100, Some(1_713_098)) => (Rejected, "Meta refuses the request"),
        // An invalid parameter, which a cell is as well.
        (100, _) => (RecordsRefused, "Meta refuses what the request carries"),
        (102 | 104 | 190, _) => {
            (Authentication, "the token is not valid any more: put a new one in the secret store")
        }
        (200, Some(1_870_090)) => (
            Permission,
            "the custom audience terms are not accepted for this ad account: accept them at Meta",
        ),
        (3 | 10 | 200..=299, _) => {
            (Permission, "the token lacks the permission: it needs `ads_management` for this ad account")
        }
        (368, _) => (
            Permission,
            "Meta blocked the account or app for a time over its policies: look there before any retry",
        ),
        (2635, _) => {
            (ConfigInvalid, "this version of the Marketing API is gone: set `api_version` to a current one")
        }
        (2650, Some(1_870_145)) => (Unavailable, "the audience is being replaced: wait until that is done"),
        (105 | 194 | 2650 | 2655 | 1_487_301 | 1_487_366, _) => (Rejected, "Meta refuses the request"),
        _ => return None,
    })
}

/// How long Meta asks to wait: minutes in the use case header, seconds in the ad account's.
fn regain_access(reply: &Reply) -> Option<Duration> {
    #[derive(Deserialize)]
    struct UseCase {
        #[serde(default)]
        estimated_time_to_regain_access: u64,
    }
    #[derive(Deserialize)]
    struct AdAccount {
        #[serde(default)]
        reset_time_duration: u64,
    }
    let minutes = reply
        .header("x-business-use-case-usage")
        .and_then(|text| serde_json::from_str::<HashMap<String, Vec<UseCase>>>(text).ok())
        .and_then(|usage| {
            usage.into_values().flatten().map(|each| each.estimated_time_to_regain_access).max()
        });
    let seconds = reply
        .header("x-ad-account-usage")
        .and_then(|text| serde_json::from_str::<AdAccount>(text).ok())
        .map(|usage| usage.reset_time_duration);
    let longest =
        minutes.map(|minutes| minutes.saturating_mul(60)).max(seconds).filter(|seconds| *seconds > 0);
    longest.map(Duration::from_secs).or_else(|| reply.retry_after())
}

#[derive(Debug, Deserialize)]
pub(crate) struct Received {
    #[serde(default)]
    num_invalid_entries: usize,
    #[serde(default)]
    invalid_entry_samples: Value,
}

impl Received {
    /// One outcome per record. Meta shows up to 100 invalid entries by the text of the row: whoever kept the rows can
    /// tell which they are.
    pub(crate) fn outcomes(&self, records: &[Record]) -> Delivery {
        let mut delivery = Delivery::complete(records.len());
        let samples = self.samples();
        if !samples.is_empty() {
            self.attribute(&samples, records, &mut delivery);
        }
        let attributed = delivery.outcomes.iter().filter(|each| **each != RecordOutcome::Delivered).count();
        delivery.unattributed = self.num_invalid_entries.saturating_sub(attributed);
        delivery
    }

    fn attribute(&self, samples: &[(Vec<String>, &str)], records: &[Record], delivery: &mut Delivery) {
        let schema = request::schema(records);
        for (record, outcome) in records.iter().zip(&mut delivery.outcomes) {
            let sample = samples
                .iter()
                .find(|(cells, _)| cells.iter().map(String::as_str).eq(request::row(record, &schema)));
            if let Some((cells, reason)) = sample {
                *outcome =
                    RecordOutcome::Rejected { code: "invalid_entry", reason: without_cells(reason, cells) };
            }
        }
    }

    /// The rows that Meta shows, each with its reason: a map from row to reason, or a list of rows.
    fn samples(&self) -> Vec<(Vec<String>, &str)> {
        match &self.invalid_entry_samples {
            Value::Object(samples) => samples
                .iter()
                .map(|(row, reason)| (cells(row), reason.as_str().unwrap_or_default()))
                .collect(),
            Value::Array(samples) => {
                samples.iter().filter_map(Value::as_str).map(|row| (cells(row), "")).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A row from its JSON text; a row of one cell may stand for itself.
fn cells(row: &str) -> Vec<String> {
    serde_json::from_str(row).unwrap_or_else(|_| vec![row.to_owned()])
}

/// Meta's reason, unless it quotes the row.
fn without_cells(reason: &str, cells: &[String]) -> String {
    let quotes = cells.iter().any(|cell| !cell.is_empty() && reason.contains(cell.as_str()));
    if reason.is_empty() || reason.len() > 200 || quotes {
        "Meta counts the row as an invalid entry".to_owned()
    } else {
        reason.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use destination::RetryClass;
    use destination::http::{StatusCode, header::HeaderMap};
    use serde_json::json;

    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn refusal(status: u16, code: i64, subcode: Option<i64>) -> DestinationError {
        let body = json!({"error": {
            "message": "quotes mary@example.com", "type": "OAuthException", "code": code, "error_subcode": subcode,
            "is_transient": false, "fbtrace_id": "A1b"
        }});
        failure("add", &reply(status, &body.to_string()))
    }

    #[test]
    fn codes_decide_and_not_the_status() {
        let retry = RetryClass::Retry { after: None };
        let cases = [
            (400, 80003, None, ErrorKind::Throttled, retry),
            (400, 17, Some(2_446_079), ErrorKind::Throttled, retry),
            (400, 613, Some(1_487_742), ErrorKind::Throttled, retry),
            (400, 341, None, ErrorKind::Throttled, retry),
            (500, 1, None, ErrorKind::FateUnknown, RetryClass::Unknown),
            (400, 2, None, ErrorKind::FateUnknown, RetryClass::Unknown),
            (500, 9999, None, ErrorKind::FateUnknown, RetryClass::Unknown),
            (502, 9999, None, ErrorKind::FateUnknown, RetryClass::Unknown),
            (504, 2, None, ErrorKind::FateUnknown, RetryClass::Unknown),
            (503, 2, None, ErrorKind::Unavailable, retry),
            (503, 9999, None, ErrorKind::Unavailable, retry),
            (500, 80003, None, ErrorKind::Throttled, retry),
            (429, 9999, None, ErrorKind::Throttled, retry),
            (400, 2650, Some(1_870_145), ErrorKind::Unavailable, retry),
            (400, 2650, Some(1_870_144), ErrorKind::Rejected, RetryClass::Stop),
            (401, 190, Some(463), ErrorKind::Authentication, RetryClass::Stop),
            (403, 200, Some(1_870_090), ErrorKind::Permission, RetryClass::Stop),
            (400, 368, None, ErrorKind::Permission, RetryClass::Stop),
            (400, 100, Some(33), ErrorKind::NotFound, RetryClass::Stop),
            (400, 100, Some(1_713_230), ErrorKind::Rejected, RetryClass::Stop),
            (400, 100, Some(1_713_098), ErrorKind::Rejected, RetryClass::Stop),
            (400, 100, None, ErrorKind::RecordsRefused, RetryClass::Split),
            (400, 100, Some(9999), ErrorKind::RecordsRefused, RetryClass::Split),
            (400, 2635, None, ErrorKind::ConfigInvalid, RetryClass::Stop),
            (400, 9999, None, ErrorKind::Rejected, RetryClass::Stop),
        ];
        for (status, code, subcode, kind, class) in cases {
            let error = refusal(status, code, subcode);
            assert_eq!((error.kind(), error.retry_class()), (kind, class), "{status} {code} {subcode:?}");
        }
    }

    #[test]
    fn an_error_says_where_to_look_and_quotes_nothing() {
        let text = refusal(400, 100, Some(33)).to_string();
        assert_eq!(
            text,
            "add: the object does not exist, or the token may not see it: check the audience and the token's access \
             (status `400`, code `100`, subcode `33`, fbtrace_id `A1b`)"
        );
    }

    #[test]
    fn a_page_in_place_of_an_answer_says_nothing_of_what_was_done() {
        for status in [200, 400, 403, 500, 502, 503, 504] {
            let error = read::<Received>("add", &reply(status, "<html>")).unwrap_err();
            assert_eq!(error.retry_class(), RetryClass::Unknown, "{status}");
        }
        let error = failure("add", &reply(429, "<html>"));
        assert_eq!(error.retry_class(), RetryClass::Retry { after: None });
    }

    #[test]
    fn what_meta_calls_transient_may_have_been_done() {
        let transient = r#"{"error": {"code": 9999, "is_transient": true}}"#;
        assert_eq!(failure("add", &reply(400, transient)).kind(), ErrorKind::FateUnknown);
        assert_eq!(failure("add", &reply(503, transient)).kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn the_wait_stands_in_the_headers_of_the_error() {
        let mut throttled = reply(400, r#"{"error": {"code": 80003}}"#);
        let usage = r#"{"123": [{"type": "custom_audience", "estimated_time_to_regain_access": 19}, {"call_count": 1}]}"#;
        throttled.headers.insert("x-business-use-case-usage", usage.parse().unwrap());
        let after = Some(Duration::from_secs(19 * 60));
        assert_eq!(failure("add", &throttled).retry_class(), RetryClass::Retry { after });

        let mut throttled = reply(400, r#"{"error": {"code": 17}}"#);
        throttled.headers.insert(
            "x-ad-account-usage",
            r#"{"acc_id_util_pct": 100, "reset_time_duration": 42}"#.parse().unwrap(),
        );
        let after = Some(Duration::from_secs(42));
        assert_eq!(failure("add", &throttled).retry_class(), RetryClass::Retry { after });
    }

    fn records(rows: &[&[(&'static str, &str)]]) -> Vec<Record> {
        rows.iter().map(|row| row.iter().map(|(key, cell)| (*key, (*cell).to_owned())).collect()).collect()
    }

    #[test]
    fn invalid_entries_are_joined_to_the_rows_that_were_sent() {
        let sent = records(&[&[("EMAIL", "aa11"), ("FN", "bb22")], &[("EMAIL", "cc33")], &[("FN", "dd44")]]);
        let received: Received = serde_json::from_value(json!({
            "audience_id": "1", "num_received": 3, "num_invalid_entries": 3,
            "invalid_entry_samples": {"[\"cc33\", \"\"]": "incorrect hashing", "[\"\",\"dd44\"]": "dd44 is no hash"},
        }))
        .unwrap();
        let delivery = received.outcomes(&sent);
        assert_eq!(delivery.outcomes[0], RecordOutcome::Delivered);
        let rejected =
            |reason: &str| RecordOutcome::Rejected { code: "invalid_entry", reason: reason.to_owned() };
        assert_eq!(delivery.outcomes[1], rejected("incorrect hashing"));
        assert_eq!(delivery.outcomes[2], rejected("Meta counts the row as an invalid entry"));
        assert_eq!(delivery.unattributed, 1);
    }

    #[test]
    fn samples_may_be_a_list() {
        let sent = records(&[&[("EMAIL", "a")], &[("EMAIL", "b")]]);
        let received: Received =
            serde_json::from_value(json!({"num_invalid_entries": 1, "invalid_entry_samples": ["[\"b\"]"]}))
                .unwrap();
        assert_ne!(received.outcomes(&sent).outcomes[1], RecordOutcome::Delivered);
        assert_eq!(received.outcomes(&sent).unattributed, 0);
    }
}
