//! Every answer can be read by the page that asked, whatever became of its request.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

use aws::{Deployment, Store};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use edge::handler::Edge;
use edge::problem::{Kind, Problem};
use edge::reply::{readable, refusal};
use lambda_http::http::{self, HeaderMap, Method};
use lambda_http::{Body, Response};
use serde_json::Value;

const ORIGIN: &str = "https://www.shop.test";

/// An edge whose store cannot be reached.
fn edge() -> Edge {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url("http://127.0.0.1:1")
        .retry_config(RetryConfig::disabled())
        .build();
    let deployment = Deployment {
        profiles: "profiles".into(),
        identities: "identities".into(),
        ledger: "ledger".into(),
        inbox: "inbox".into(),
        control: "control".into(),
        data: "data".into(),
        exports: "exports".into(),
        events: "events".into(),
        events_stream: "events".into(),
        events_queue: "events".into(),
        chunks_queue: "chunks".into(),
        visitors_queue: "visitors".into(),
        slices_queue: "slices".into(),
        wakes_queue: "wakes".into(),
        secrets_prefix: "tributary/".into(),
    };
    Edge::new(Store::of(deployment, &config), "us-east-1")
}

async fn answer(method: Method, uri: &str) -> Response<Body> {
    let request = http::Request::builder().method(method).uri(uri).header("origin", ORIGIN);
    edge().handle(&request.body(Body::Text("{}".to_owned())).unwrap()).await
}

fn header<'a>(answer: &'a Response<Body>, name: &str) -> &'a str {
    answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn a_problem_is_told_in_the_documented_form_with_headers_that_let_the_page_read_it() {
    for (method, uri, status) in [
        (Method::POST, "https://edge.shop.test/", 404),
        (Method::POST, "https://edge.shop.test/ee/va/v1/sessionstart?configId=shop_web", 404),
        (Method::GET, "https://edge.shop.test/ee/v1/interact?configId=shop_web", 405),
        (Method::POST, "https://edge.shop.test/ee/v1/interact", 400),
        (Method::POST, "https://edge.shop.test/ee/v1/interact?configId=shop_web&requestId=r-1", 503),
    ] {
        let answer = answer(method, uri).await;
        assert_eq!(answer.status(), status, "{uri}");
        assert_eq!(header(&answer, "access-control-allow-origin"), ORIGIN);
        assert_eq!(header(&answer, "access-control-allow-credentials"), "true");
        assert_eq!(header(&answer, "access-control-expose-headers"), "Retry-After, X-Adobe-Edge");
        assert_eq!(header(&answer, "vary"), "Origin");
        let problem: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].is_string() && problem["title"].is_string() && problem["detail"].is_string());
        // Who gave no id gets one, by which the request is found in the log.
        let request_id = problem["report"]["requestId"].as_str().unwrap();
        assert!(if status == 503 { request_id == "r-1" } else { request_id.len() == 26 }, "{request_id}");
    }
}

#[test]
fn a_page_that_may_not_ask_is_not_let_in_with_its_visitors_cookies() {
    let mut headers = HeaderMap::new();
    headers.insert("origin", ORIGIN.parse().unwrap());
    for (kind, expected) in [(Kind::Body, "true"), (Kind::Origin, ""), (Kind::Bypass, "")] {
        let answer = readable(refusal(&Problem::new(kind, "why"), "r-1"), &headers);
        assert_eq!(header(&answer, "access-control-allow-origin"), ORIGIN);
        assert_eq!(header(&answer, "access-control-allow-credentials"), expected);
    }
}

#[tokio::test]
async fn a_browser_that_asks_before_it_calls_may_call() {
    let answer = answer(Method::OPTIONS, "https://edge.shop.test/ee/v1/interact").await;
    assert_eq!(answer.status(), 204);
    assert_eq!(header(&answer, "access-control-allow-origin"), ORIGIN);
    assert_eq!(header(&answer, "access-control-allow-methods"), "POST, OPTIONS");
}
