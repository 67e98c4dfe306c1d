//! The first page view of a recent mover, as a function URL hands it out, and the answer that it must have.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Result;

/// A page view of a visitor whom nobody knows yet: the site's own device ID names them, so that what is stored has to be
/// looked up. Of whom no cookie tells, nothing is read at all.
pub fn event(visitor: usize) -> Value {
    let path = "/ee/v1/interact";
    let query = format!("configId=shop_web&requestId=view-{visitor}");
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "cookies": [format!("FPID=device-{visitor}")],
        "headers": {
            "accept": "*/*",
            "content-type": "text/plain; charset=UTF-8",
            "host": "edge.shop.test",
            "origin": "https://www.shop.test",
            "referer": "https://www.shop.test/",
            "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "edge",
            "domainName": "edge.shop.test",
            "domainPrefix": "edge",
            "http": {
                "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                "userAgent": "Mozilla/5.0",
            },
            "requestId": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "routeKey": "$default",
            "stage": "$default",
            "time": "22/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1_795_348_800_000_u64,
        },
        "body": body().to_string(),
        "isBase64Encoded": false,
    })
}

fn body() -> Value {
    json!({
        "meta": {
            "state": {"domain": "shop.test", "cookiesEnabled": true, "entries": []},
            "queueTimeMillis": 12,
        },
        "query": {"identity": {"fetch": ["ECID"]}},
        "events": [{
            "xdm": {
                "eventType": "web.webpagedetails.pageViews",
                "timestamp": jiff::Timestamp::now().to_string(),
                "web": {"webPageDetails": {"URL": "https://www.shop.test/"}, "webReferrer": {"URL": ""}},
                "_northlight": {
                    "partner_id": "NL-1", "likely_recent_mover": 0.87, "match_confidence": 0.93,
                    "renovation_budget": "high",
                },
            },
            "query": {"personalization": {
                "schemas": [
                    "https://ns.adobe.com/personalization/default-content-item",
                    "https://ns.adobe.com/personalization/html-content-item",
                    "https://ns.adobe.com/personalization/json-content-item",
                    "https://ns.adobe.com/personalization/redirect-item",
                    "https://ns.adobe.com/personalization/dom-action",
                ],
                "decisionScopes": ["__view__", "home-promo"],
                "surfaces": ["web://www.shop.test/"],
            }},
        }],
    })
}

/// What Lambda makes an answer of.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "statusCode")]
    status: u16,
    body: String,
}

/// Holds an answer to what must be in it.
pub fn check(answer: &[u8]) -> Result<()> {
    let read: Answer = serde_json::from_slice(answer)?;
    let body: Value = serde_json::from_str(&read.body)?;
    let decisions = list(&body, "/handle").filter(|handle| handle.get("type") == Some(&DECISIONS.into()));
    let mut offers = decisions
        .flat_map(|decisions| list(decisions, "/payload"))
        .filter_map(|decision| decision.pointer("/scopeDetails/activity/id"));
    if read.status == 200 && offers.any(|offer| offer == "diy_coupon") {
        return Ok(());
    }
    Err(format!("expected the coupon, found {}", String::from_utf8_lossy(answer)).into())
}

/// The handle that says what is to be shown.
const DECISIONS: &str = "personalization:decisions";

fn list<'a>(value: &'a Value, place: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(place).and_then(Value::as_array).into_iter().flatten()
}
