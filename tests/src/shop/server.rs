//! From bytes on a connection to a request of the shop or of its edge, and back.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::edge::Edge;
use super::sign_in::SignIn;
use super::site::Site;
use super::{SITE, Settings};

/// Far above what the edge takes, so that it is the edge that refuses.
const MAX_BODY_BYTES: usize = 16 << 20;

/// Everything behind the front.
#[derive(Debug)]
pub(super) struct Front {
    site: Site,
    sign_in: SignIn,
    edge: Edge,
}

impl Front {
    pub(super) fn new(settings: Settings) -> io::Result<Self> {
        Ok(Self {
            site: Site::new(settings.pages, settings.web_sdk, settings.datastream),
            sign_in: SignIn::new(settings.sign_in_key),
            edge: Edge::new(settings.function)?,
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
            return text(400, "the body cannot be read, or is too large");
        };
        let request = Request::from_parts(head, body.to_bytes());
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if host.split(':').next() != Some(SITE) {
            return self.edge.hand_on(request).await;
        }
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/login") => self.sign_in.answer(request.body()),
            (&Method::GET, path) => self.site.answer(path),
            _ => text(405, "pages are read, and `/login` is posted to"),
        }
    }
}

/// Serves until it is told to stop.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    tls: TlsAcceptor,
    front: Arc<Front>,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        if let Ok((stream, _)) = accepted {
            tokio::spawn(connection(stream, tls.clone(), front.clone()));
        }
    }
}

/// A caller that goes away in the middle is its own affair.
async fn connection(stream: TcpStream, tls: TlsAcceptor, front: Arc<Front>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(|request| async { Ok::<_, Infallible>(front.answer(request).await) });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

/// An answer in words.
pub(super) fn text(status: u16, words: impl Into<Bytes>) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", words)
}

/// An answer of some type.
pub(super) fn response(status: u16, kind: &str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header(CONTENT_TYPE, kind);
    response.body(Full::new(body.into())).unwrap_or_default()
}
