//! HTTP on this machine: a call in, an answer out.

use std::convert::Infallible;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::oneshot;

const MAX_BODY_BYTES: usize = 64 << 20;

/// A call, read.
#[derive(Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The host that it was made to.
    pub host: String,
    /// The path, in its parts.
    pub path: Vec<String>,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// What it says of who calls.
    pub authorization: Option<String>,
    /// What its body is.
    pub content_type: Option<String>,
    /// The body, whole.
    pub body: Bytes,
}

impl Call {
    /// The first value of a name in the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The token that it carries.
    pub fn bearer(&self) -> Option<&str> {
        self.authorization.as_deref()?.strip_prefix("Bearer ")
    }

    /// Whether its body is said to be JSON.
    pub fn is_json(&self) -> bool {
        self.content_type.as_deref().is_some_and(|value| value.starts_with("application/json"))
    }
}

/// An answer, to be written.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What the body is.
    pub content_type: &'static str,
    /// Headers besides.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
    /// The rows that the call carried, where the vendor counts them.
    pub rows: usize,
}

impl Answer {
    /// Text of a kind.
    pub fn text(status: u16, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, headers: Vec::new(), body, rows: 0 }
    }

    /// JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    /// JSON of success.
    pub fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    /// What the door says to a call that it cannot serve.
    pub fn refused(status: u16, message: &str) -> Self {
        Self::json(status, &json!({"error": message}))
    }
}

/// What a caller gets.
#[derive(Debug)]
pub enum Reply {
    /// An answer.
    Now(Answer),
    /// An answer that takes its time.
    After(Duration, Answer),
    /// The connection stays open, and nothing comes.
    Never,
    /// The connection closes without an answer.
    Closed,
}

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

/// A running server. It ends when this is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Server {
    /// Starts one on a port of this machine; 0 takes a free one.
    pub(crate) fn start(
        port: u16,
        respond: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let respond: Arc<Respond> = Arc::new(respond);
        let thread = thread::spawn(move || runtime.block_on(serve(listener, respond, stopped)));
        Ok(Self { address, running: Some((stop, thread)) })
    }

    /// What stands before the path in its URLs.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until it ends by itself, which it does not.
    pub(crate) fn wait(mut self) {
        if let Some((_stop, thread)) = self.running.take() {
            thread.join().ok();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            stop.send(()).ok();
            thread.join().ok();
        }
    }
}

type Respond = dyn Fn(&Call) -> Reply + Send + Sync;

async fn serve(listener: TcpListener, respond: Arc<Respond>, mut stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    loop {
        let stream = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        let respond = respond.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &*respond));
            // A caller that goes away in the middle is its own affair.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn answer(request: Request<Incoming>, respond: &Respond) -> Result<Response<Full<Bytes>>, Closed> {
    let call = read(request).await?;
    match respond(&call) {
        Reply::Now(answer) => Ok(write(answer)),
        Reply::After(time, answer) => {
            tokio::time::sleep(time).await;
            Ok(write(answer))
        }
        Reply::Never => match pending::<Infallible>().await {},
        Reply::Closed => Err(Closed),
    }
}

async fn read(request: Request<Incoming>) -> Result<Call, Closed> {
    let (head, body) = request.into_parts();
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await.map_err(|_| Closed)?.to_bytes();
    let query = head.uri.query().unwrap_or_default();
    Ok(Call {
        host: header(HOST).unwrap_or_default(),
        path: head.uri.path().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        authorization: header(AUTHORIZATION),
        content_type: header(CONTENT_TYPE),
        method: head.method,
        body,
    })
}

fn write(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(answer.status).header(CONTENT_TYPE, answer.content_type);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(Bytes::from(answer.body))).unwrap_or_default()
}
