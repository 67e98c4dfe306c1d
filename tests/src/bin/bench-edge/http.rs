//! A server on the loopback interface.

use std::io;
use std::net::Ipv4Addr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Answers whoever calls, for as long as the program runs. Says the address.
pub async fn serve<A>(answer: impl Fn(Request<Bytes>) -> A + Clone + Send + 'static) -> io::Result<String>
where
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // What is measured must not wait for a full packet.
            stream.set_nodelay(true).ok();
            let answer = answer.clone();
            let service = service_fn(move |request| whole(request, answer.clone()));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

async fn whole<A>(
    request: Request<Incoming>,
    answer: impl Fn(Request<Bytes>) -> A,
) -> hyper::Result<Response<Full<Bytes>>>
where
    A: Future<Output = Response<Full<Bytes>>>,
{
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(answer(Request::from_parts(head, body)).await)
}

/// An answer.
pub fn response(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response
}
