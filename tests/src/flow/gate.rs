//! A way to the emulator with a gate, which holds calls up: as if the caller were slow or dead, or a service hung.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aws::Store;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

use super::Local;

/// How long a worker may take up to the call that is held up, or its end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The way with the gate.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    way: Arc<Way>,
}

#[derive(Debug)]
struct Way {
    /// Whether calls are held up, by the names that services give them (`x-amz-target`).
    holds: fn(&str) -> bool,
    /// A permit for each of them that may pass all the same.
    passes: Semaphore,
    held: Notify,
    emulator: String,
    client: reqwest::Client,
}

impl Gate {
    /// A way to a deployment's emulator that holds up some calls, after so many of them. It goes on the test's own runtime.
    ///
    /// # Panics
    /// Where there is no port for it.
    pub async fn on(local: &Local, holds: fn(&str) -> bool, after: usize) -> Gate {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let emulator = local.config.endpoint_url().expect("the deployment is on an emulator").to_owned();
        let client = reqwest::Client::builder().no_proxy().build().expect("a client is made");
        let way = Way { holds, passes: Semaphore::new(after), held: Notify::new(), emulator, client };
        let way = Arc::new(way);
        tokio::spawn(serve(listener, way.clone()));
        Gate { address, way }
    }

    /// The deployment's store as it is reached through the gate.
    pub fn store(&self, local: &Local) -> Store {
        let config = local.config.to_builder().endpoint_url(format!("http://{}", self.address)).build();
        Store::of(local.store.deployment.clone(), &config)
    }

    /// Lets work go on up to the call that is held up. Says what the work came to, if it ends before that.
    ///
    /// # Panics
    /// Where it neither ends nor calls.
    pub async fn hold<W: Future + Unpin>(&self, work: &mut W) -> Option<W::Output> {
        tokio::select! {
            done = work => Some(done),
            () = self.way.held.notified() => None,
            () = tokio::time::sleep(PATIENCE) => panic!("the work neither ends nor calls"),
        }
    }

    /// Lets everything pass from now on.
    pub fn open(&self) {
        self.way.passes.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

async fn serve(listener: TcpListener, way: Arc<Way>) {
    while let Ok((stream, _)) = listener.accept().await {
        let way = way.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| async { Ok::<_, Infallible>(way.pass(request).await) });
            // A caller that goes away while it is held up has not called.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

impl Way {
    async fn pass(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let call = request.headers().get("x-amz-target").and_then(|call| call.to_str().ok());
        if (self.holds)(call.unwrap_or_default()) {
            let pass = match self.passes.try_acquire() {
                Ok(pass) => Ok(pass),
                Err(_) => {
                    self.held.notify_one();
                    self.passes.acquire().await
                }
            };
            pass.expect("the gate is never taken away").forget();
        }
        self.hand_on(request).await.unwrap_or_else(|error| {
            let mut response = Response::new(Full::from(error.to_string()));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        })
    }

    async fn hand_on(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        for name in [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING] {
            head.headers.remove(name);
        }
        let call = self.client.request(head.method, format!("{}{}", self.emulator, head.uri));
        let answer = call.headers(head.headers).body(body).send().await.map_err(io::Error::other)?;
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name) {
                response = response.header(name, value);
            }
        }
        let body = answer.bytes().await.map_err(io::Error::other)?;
        response.body(Full::new(body)).map_err(io::Error::other)
    }
}
