//! From bytes on a connection to a call, and back.

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::state::{Fault, Seen, State};
use super::{api, control};

const MAX_BODY_BYTES: usize = 64 << 20;

/// A call, read.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) authorization: Option<String>,
    pub(super) is_json: bool,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An answer, to be written.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Value,
    /// The rows that the call carried.
    pub(super) rows: usize,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body, rows: 0 }
    }
}

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

pub(super) async fn serve(
    listener: std::net::TcpListener,
    state: Arc<Mutex<State>>,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let stream = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        let state = state.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &state));
            // A caller that goes away in the middle is its own affair.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn answer(request: Request<Incoming>, state: &Mutex<State>) -> Result<Response<Full<Bytes>>, Closed> {
    let call = read(request).await?;
    if call.path.first().is_some_and(|first| first == "_control") {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        return Ok(write(&control::answer(&mut state, &call)));
    }
    let (answer, fault) = api_answer(&mut state.lock().unwrap_or_else(PoisonError::into_inner), &call);
    match fault {
        Some(Fault::CloseAfterProcessing) => Err(Closed),
        Some(Fault::HangAfterProcessing) => match pending::<Infallible>().await {},
        _ => Ok(write(&answer)),
    }
}

fn api_answer(state: &mut State, call: &Call) -> (Answer, Option<Fault>) {
    let carries_rows = call.path.last().is_some_and(|part| part == "users");
    let waits = state.faults.front().is_some_and(Fault::waits_for_rows) && !carries_rows;
    let fault = if waits { None } else { state.faults.pop_front() };
    let answer = match &fault {
        Some(Fault::Throttle { minutes }) => api::throttled(&state.settings.account, *minutes),
        Some(Fault::ServerError { status }) => api::server_error(*status),
        _ => api::answer(state, call),
    };
    state.seen.push(Seen {
        method: call.method.to_string(),
        path: format!("/{}", call.path.join("/")),
        rows: answer.rows,
        status: answer.status,
    });
    (answer, fault)
}

async fn read(request: Request<Incoming>) -> Result<Call, Closed> {
    let (head, body) = request.into_parts();
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await.map_err(|_| Closed)?.to_bytes();
    let query = head.uri.query().unwrap_or_default();
    Ok(Call {
        path: head.uri.path().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        authorization: header(AUTHORIZATION).map(str::to_owned),
        is_json: header(CONTENT_TYPE).is_some_and(|value| value.starts_with("application/json")),
        method: head.method,
        body,
    })
}

fn write(answer: &Answer) -> Response<Full<Bytes>> {
    let body = Full::new(Bytes::from(answer.body.to_string()));
    let mut response = Response::builder().status(answer.status).header(CONTENT_TYPE, "application/json");
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    response.body(body).unwrap_or_default()
}
