//! What stands before the edge function: it hands calls on, under the function's own host, with the secret header, and
//! says which host was called.

use std::io;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use hyper::{Request, Response};
use reqwest::redirect::Policy;

use super::Function;
use super::server::text;

const FORWARDED_HOST: &str = "x-forwarded-host";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

#[derive(Debug)]
pub(super) struct Edge {
    function: Function,
    client: reqwest::Client,
}

impl Edge {
    pub(super) fn new(function: Function) -> io::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build();
        Ok(Self { function, client: client.map_err(io::Error::other)? })
    }

    /// Hands a call on; where nothing answers, the browser is told so as it would be by a real front.
    pub(super) async fn hand_on(&self, request: Request<Bytes>) -> Response<Full<Bytes>> {
        match self.ask(request).await {
            Ok(answer) => answer,
            Err(error) => text(502, format!("the edge function does not answer: {error}")),
        }
    }

    async fn ask(&self, request: Request<Bytes>) -> reqwest::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let mut address = self.function.address.clone();
        address.set_path(head.uri.path());
        address.set_query(head.uri.query());
        let called = head.headers.get(HOST).cloned();
        let mut call = self.client.request(head.method, address).body(body).headers(passed(head.headers));
        // TLS ends here.
        call = call.header(FORWARDED_PROTO, "https");
        if let Some(called) = called {
            call = call.header(FORWARDED_HOST, called);
        }
        if let Some(host) = &self.function.host {
            call = call.header(HOST, host);
        }
        if let Some((name, value)) = &self.function.origin_header {
            call = call.header(name, value);
        }
        let answer = call.send().await?;
        let (status, headers) = (answer.status(), passed(answer.headers().clone()));
        let mut response = Response::new(Full::new(answer.bytes().await?));
        *response.status_mut() = status;
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
