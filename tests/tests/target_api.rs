//! The stand-in for Adobe Target is as strict as Adobe's documentation.

#![expect(clippy::unwrap_used, reason = "a test's helpers may panic as the test may")]

use std::time::{Duration, Instant};

use destination::http::{Http, Method, Reply, header};
use serde_json::{Value, json};
use tests::target_api::{Fault, Notification, Offer, Parameters, Settings, TargetApi};

fn start() -> TargetApi {
    TargetApi::start(Settings::default()).unwrap()
}

async fn post(target_api: &TargetApi, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
    let http = Http::new(Duration::from_secs(60)).unwrap();
    let url = format!("{}{path}", target_api.base_url()).parse().unwrap();
    let call = http.request(Method::POST, url).header(header::CONTENT_TYPE, content_type).body(body.into());
    http.send("test", call).await.unwrap()
}

async fn upload(target_api: &TargetApi, file: &str) -> String {
    let path = "/m2/northshop/v2/profile/batchUpdate";
    let reply = post(target_api, path, "application/x-www-form-urlencoded", file).await;
    assert_eq!(reply.status, 200);
    String::from_utf8(reply.body).unwrap()
}

fn says(values: &[(&str, &str)]) -> Parameters {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn files_that_adobe_does_not_document_are_refused() {
    let target_api = start();
    let too_many = format!("batch=thirdPartyId,a{}", "\n1,x".repeat(500_001));
    let too_big = format!("batch=thirdPartyId,a\n1,{}", "x".repeat(50_000_000));
    for (file, message) in [
        ("thirdPartyId,a\n1,x", "has to begin with batch="),
        ("batch=ecid,a\n1,x", "first column"),
        ("batch=thirdPartyId\n1", "format paramName"),
        ("batch=thirdPartyId,profile.a\n1,x", "format paramName"),
        ("batch=thirdPartyId,a,a\n1,x,y", "stands there twice"),
        ("batch=thirdPartyId,a\n1,x,y", "more values than parameters"),
        ("batch=thirdPartyId,a\n1,x=y", "not URL-encoded"),
        ("batch=thirdPartyId,a\n1,x&amp", "not URL-encoded"),
        ("batch=thirdPartyId,a\n1,x+y", "not URL-encoded"),
        ("batch=thirdPartyId,a\n1,ü", "not URL-encoded"),
        ("batch=thirdPartyId,a\n1,50%", "Unexpected error"),
        ("batch=thirdPartyId,a\n1,%FF", "not UTF-8"),
        ("batch=thirdPartyId,a", "Batch is empty"),
        ("batch=thirdPartyId,a\n1,", "Batch is empty"),
        (&too_many, "more than 500000 rows"),
        (&too_big, "smaller than 50 MB"),
    ] {
        let answer = upload(&target_api, file).await;
        let start: String = file.chars().take(40).collect();
        assert!(answer.contains("<success>false</success>") && answer.contains(message), "{start}: {answer}");
    }
    assert!(target_api.batches().is_empty());
    let path = "/m2/northshop/v2/profile/batchUpdate";
    let reply = post(&target_api, path, "text/csv", "batch=thirdPartyId,a\n1,x").await;
    assert!(String::from_utf8(reply.body).unwrap().contains("Content-Type"));
}

#[tokio::test]
async fn empty_values_change_nothing_and_later_files_override_earlier_ones() {
    let target_api = start();
    upload(&target_api, "batch=thirdPartyId,a,b\n1,x,y\n2,z").await;
    visit(&target_api, "1").await;
    upload(&target_api, "batch=thirdPartyId,a,b\n1,,v").await;
    assert_eq!(target_api.profile("1"), Some(says(&[("a", "x"), ("b", "v")])));
    upload(&target_api, "batch=thirdPartyId,a\n1,w").await;
    assert_eq!(
        target_api.profile("1"),
        Some(says(&[("a", "w"), ("b", "y")])),
        "no page was called in between"
    );
    assert_eq!(target_api.profile("2"), Some(says(&[("a", "z")])));
    assert_eq!(target_api.batches().iter().map(|batch| batch.empty_values).collect::<Vec<_>>(), [1, 1, 0]);
}

async fn deliver(target_api: &TargetApi, query: &str, body: &Value) -> (u16, Value) {
    let path = format!("/rest/v1/delivery?{query}");
    let reply = post(target_api, &path, "application/json", body.to_string()).await;
    (reply.status.as_u16(), serde_json::from_slice(&reply.body).unwrap())
}

const QUERY: &str = "client=northshop&sessionId=s-1";

fn call(more: &Value) -> Value {
    let mut call = json!({"context": {"channel": "web", "address": {"url": "https://shop.example.com/"}}});
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    call
}

async fn visit(target_api: &TargetApi, id: &str) {
    let body = call(&json!({"id": {"thirdPartyId": id}, "execute": {"pageLoad": {}}}));
    assert_eq!(deliver(target_api, QUERY, &body).await.0, 200);
}

fn coupon() -> Offer {
    Offer {
        mbox: "home-promo".to_owned(),
        when: says(&[("recent_mover", "true")]),
        kind: "html".to_owned(),
        content: json!("<b>10 %</b>"),
    }
}

#[tokio::test]
async fn an_offer_is_shown_to_those_whose_profile_says_so() {
    let target_api = start();
    target_api.offer(coupon());
    upload(&target_api, "batch=thirdPartyId,recent_mover\ncrm-1,true\ncrm-2,false").await;
    let options = async |mbox: Value, id: Value| {
        let body = call(&json!({"id": id, "execute": {"mboxes": [mbox]}}));
        let (status, answer) = deliver(&target_api, QUERY, &body).await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer["id"]["tntId"].is_string() && answer["requestId"].is_string());
        answer["execute"]["mboxes"][0].clone()
    };
    let mbox = json!({"index": 1, "name": "home-promo"});
    let shown = json!([{"type": "html", "content": "<b>10 %</b>"}]);
    let known = options(mbox.clone(), json!({"thirdPartyId": "crm-1"})).await;
    assert_eq!(known, json!({"index": 1, "name": "home-promo", "options": shown}));
    assert_eq!(options(mbox.clone(), json!({"thirdPartyId": "crm-2"})).await, mbox);
    assert_eq!(options(mbox.clone(), json!({"tntId": "a.28_0"})).await, mbox);
    let said = json!({"index": 1, "name": "home-promo", "profileParameters": {"recent_mover": "true"}});
    assert_eq!(options(said, json!({"marketingCloudVisitorId": "123"})).await["options"], shown);
    assert_eq!(target_api.deliveries().len(), 4);
}

#[tokio::test]
async fn what_is_prefetched_is_reported_by_its_token() {
    let target_api = start();
    target_api.offer(Offer { when: Parameters::new(), ..coupon() });
    let body = call(&json!({"prefetch": {"mboxes": [{"index": 0, "name": "home-promo"}]}}));
    let (_, answer) = deliver(&target_api, QUERY, &body).await;
    let token = answer["prefetch"]["mboxes"][0]["options"][0]["eventToken"].as_str().unwrap();
    let notified = json!({"id": "n1", "type": "display", "timestamp": 1, "tokens": [token], "mbox": {"name": "home-promo"}});
    let (status, answer) = deliver(&target_api, QUERY, &call(&json!({"notifications": [notified]}))).await;
    assert_eq!((status, &answer["notifications"]), (200, &json!([{"id": "n1"}])));
    let expected = Notification {
        kind: "display".to_owned(),
        mbox: Some("home-promo".to_owned()),
        tokens: vec![token.to_owned()],
    };
    assert_eq!(target_api.notifications(), [expected]);
}

#[tokio::test]
async fn delivery_calls_that_adobe_does_not_document_are_refused() {
    let target_api = start();
    let good = call(&json!({"execute": {"mboxes": [{"index": 1, "name": "a"}]}}));
    for query in
        ["sessionId=s", "client=another&sessionId=s", "client=northshop", "client=northshop&sessionId=a%20b"]
    {
        assert!(deliver(&target_api, query, &good).await.0 >= 400, "{query}");
    }
    let mboxes: Vec<_> = (0..51).map(|index| json!({"index": index, "name": "a"})).collect();
    let one = |mbox: Value| json!({"execute": {"mboxes": [mbox]}});
    for bad in [
        json!({"mboxes": []}),
        json!({"execute": {"mboxes": mboxes}}),
        json!({"execute": {"mboxes": [{"index": 1, "name": "a"}, {"index": 1, "name": "b"}]}}),
        json!({"execute": {"views": [{}]}}),
        one(json!({"name": "a"})),
        one(json!({"index": 1, "name": ""})),
        one(json!({"index": 1, "name": "a", "profileParameters": {"profile.a": "x"}})),
        one(json!({"index": 1, "name": "a", "profileParameters": {"a": null}})),
        one(json!({"index": 1, "name": "a", "profileParameters": {"a": true}})),
        one(json!({"index": 1, "name": "a", "parameters": {"a": "x".repeat(5_001)}})),
        json!({"id": {"thirdPartyId": "a/b"}}),
        json!({"id": {"thirdPartyId": "a+b"}}),
        json!({"id": {"ecid": "1"}}),
        json!({"id": {"customerIds": [{"id": "1", "integrationCode": "crm", "authenticatedState": "authenticated"}]}}),
        json!({"context": {"channel": "tv"}}),
        json!({"context": {"channel": "web"}}),
        json!({"notifications": [{"id": "1", "type": "seen", "timestamp": 1}]}),
    ] {
        let (status, answer) = deliver(&target_api, QUERY, &call(&bad)).await;
        assert_eq!(status, 400, "{bad} {answer}");
    }
    assert!(target_api.deliveries().is_empty());
}

#[tokio::test]
async fn offers_belong_to_a_property() {
    let settings = Settings { property: Some("08b62abd".to_owned()), ..Settings::default() };
    let target_api = TargetApi::start(settings).unwrap();
    target_api.offer(Offer { when: Parameters::new(), ..coupon() });
    for (property, count) in [("08b62abd", 1), ("another", 0)] {
        let body = call(&json!({
            "property": {"token": property}, "execute": {"mboxes": [{"index": 1, "name": "home-promo"}]},
        }));
        let (_, answer) = deliver(&target_api, QUERY, &body).await;
        let options = answer["execute"]["mboxes"][0]["options"].as_array().map_or(0, Vec::len);
        assert_eq!(options, count, "{property}");
    }
}

#[tokio::test]
async fn a_delivery_call_can_be_slow_or_fail() {
    let target_api = start();
    target_api.inject(Fault::Slow { milliseconds: 300 });
    target_api.inject(Fault::ServerError { status: 503 });
    let body = call(&json!({"execute": {"pageLoad": {}}}));
    let began = Instant::now();
    assert_eq!(deliver(&target_api, QUERY, &body).await.0, 200);
    assert!(began.elapsed() >= Duration::from_millis(300));
    let reply =
        post(&target_api, &format!("/rest/v1/delivery?{QUERY}"), "application/json", body.to_string()).await;
    assert_eq!(reply.status, 503);
}
