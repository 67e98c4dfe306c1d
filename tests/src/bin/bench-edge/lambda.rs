//! Lambda's runtime interface, for one function.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use crate::Result;
use crate::http::{response, serve};

/// How long an answer may take before something is wrong.
const LIMIT: Duration = Duration::from_secs(10);

/// A function's side of Lambda.
pub struct Lambda {
    /// Where the function asks for events.
    pub address: String,
    events: mpsc::Sender<Bytes>,
    answers: mpsc::Receiver<Told>,
}

/// A function's answer.
pub struct Answered {
    /// When its event was handed out.
    pub handed: Instant,
    /// When it came.
    pub arrived: Instant,
    /// What it is.
    pub body: Bytes,
}

type Told = std::result::Result<Answered, String>;

struct Desk {
    events: Mutex<(mpsc::Receiver<Bytes>, Instant)>,
    answers: mpsc::Sender<Told>,
}

impl Lambda {
    /// Opens it.
    pub async fn open() -> io::Result<Lambda> {
        let (events, handed_out) = mpsc::channel(1);
        let (answered, answers) = mpsc::channel(1);
        let desk = Arc::new(Desk { events: Mutex::new((handed_out, Instant::now())), answers: answered });
        let answer = move |request| {
            let desk = Arc::clone(&desk);
            async move { desk.answer(request).await }
        };
        Ok(Lambda { address: serve(answer).await?, events, answers })
    }

    /// Hands an event to the function, and waits for its answer.
    pub async fn invoke(&mut self, event: &Value) -> Result<Answered> {
        self.events.send(event.to_string().into()).await?;
        let told = tokio::time::timeout(LIMIT, self.answers.recv());
        let told = told.await.map_err(|_| format!("no answer came within {} s", LIMIT.as_secs()))?;
        Ok(told.ok_or("nobody takes answers")??)
    }
}

impl Desk {
    async fn answer(&self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if request.method() == Method::GET && path.ends_with("/invocation/next") {
            return self.next().await;
        }
        let arrived = Instant::now();
        let told = if path.ends_with("/response") {
            Ok(Answered { handed: self.events.lock().await.1, arrived, body: request.into_body() })
        } else {
            Err(format!("`{path}` was told: {}", String::from_utf8_lossy(request.body())))
        };
        // Where nobody waits any more, the measuring has ended.
        self.answers.send(told).await.ok();
        response(202, "")
    }

    /// The next event, once there is one. Only then is there anything to answer.
    async fn next(&self) -> Response<Full<Bytes>> {
        let mut events = self.events.lock().await;
        let Some(event) = events.0.recv().await else { return response(500, "") };
        let mut response = response(200, event);
        for (name, value) in [
            ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
            ("lambda-runtime-deadline-ms", "4102444800000"),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:edge"),
            (
                "lambda-runtime-trace-id",
                "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            ),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        events.1 = Instant::now();
        response
    }
}
