//! What stands between the function and LocalStack: it counts, hands on, and answers by itself what a page view needs
//! where it is to be a fake.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING,
};
use hyper::{Request, Response};
use serde::Deserialize;

use crate::http::{response, serve};

/// The way to storage.
pub struct Storage {
    /// Where the function finds it.
    pub address: String,
    counter: Arc<Counter>,
}

/// Calls of DynamoDB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Calls {
    /// That read.
    pub reads: u32,
    /// That write.
    pub writes: u32,
}

/// A call of DynamoDB, as far as it says what it is about.
#[derive(Deserialize)]
struct Call {
    #[serde(rename = "TableName")]
    table: String,
}

struct Counter {
    localstack: String,
    visitors: String,
    client: reqwest::Client,
    is_fake: AtomicBool,
    reads: AtomicU32,
    writes: AtomicU32,
}

impl Storage {
    /// Opens a way to a LocalStack; visitors are in a table.
    pub async fn open(localstack: &str, visitors: &str) -> io::Result<Storage> {
        let client = reqwest::Client::builder().no_proxy().build().map_err(io::Error::other)?;
        let counter = Arc::new(Counter {
            localstack: localstack.to_owned(),
            visitors: visitors.to_owned(),
            client,
            is_fake: AtomicBool::default(),
            reads: AtomicU32::default(),
            writes: AtomicU32::default(),
        });
        let shared = Arc::clone(&counter);
        let answer = move |request| {
            let counter = Arc::clone(&shared);
            async move { counter.answer(request).await }
        };
        Ok(Storage { address: serve(answer).await?, counter })
    }

    /// Whether it answers by itself what a page view needs.
    pub fn fake(&self, is_fake: bool) {
        self.counter.is_fake.store(is_fake, Ordering::Relaxed);
    }

    /// The calls since the last asking.
    pub fn take_calls(&self) -> Calls {
        let Counter { reads, writes, .. } = self.counter.as_ref();
        Calls { reads: reads.swap(0, Ordering::Relaxed), writes: writes.swap(0, Ordering::Relaxed) }
    }
}

impl Calls {
    /// Both together.
    pub fn and(self, other: Calls) -> Calls {
        Calls { reads: self.reads + other.reads, writes: self.writes + other.writes }
    }

    /// Of each kind the more.
    pub fn or(self, other: Calls) -> Calls {
        Calls { reads: self.reads.max(other.reads), writes: self.writes.max(other.writes) }
    }
}

impl Counter {
    async fn answer(&self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        let (service, operation) = target.and_then(|target| target.split_once('.')).unwrap_or_default();
        if service.starts_with("DynamoDB") {
            let is_read =
                ["GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"].contains(&operation);
            let calls = if is_read { &self.reads } else { &self.writes };
            calls.fetch_add(1, Ordering::Relaxed);
        }
        let own = self.is_fake.load(Ordering::Relaxed).then(|| self.own(operation, request.body()));
        match own.flatten() {
            Some(answer) => answer,
            None => self.hand_on(request).await.unwrap_or_else(|error| response(502, error.to_string())),
        }
    }

    /// What the fake answers: nobody is known, everything is kept.
    fn own(&self, operation: &str, body: &[u8]) -> Option<Response<Full<Bytes>>> {
        let is_of_visitor =
            || serde_json::from_slice(body).is_ok_and(|call: Call| call.table == self.visitors);
        let (kind, body) = match operation {
            "GetItem" | "UpdateItem" if is_of_visitor() => ("application/x-amz-json-1.0", "{}"),
            "PutRecordBatch" => (
                "application/x-amz-json-1.1",
                r#"{"FailedPutCount":0,"RequestResponses":[{"RecordId":"1"}]}"#,
            ),
            _ => return None,
        };
        let mut response = response(200, body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        Some(response)
    }

    async fn hand_on(&self, request: Request<Bytes>) -> reqwest::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let call = self.client.request(head.method, format!("{}{path}", self.localstack));
        let answer = call.headers(passed(head.headers)).body(body).send().await?;
        let (status, headers) = (answer.status(), passed(answer.headers().clone()));
        let mut response = response(status.as_u16(), answer.bytes().await?);
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// The headers that are about the call, and not about its connection.
fn passed(mut headers: HeaderMap) -> HeaderMap {
    for name in [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}
