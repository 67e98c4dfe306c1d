//! What hostile callers send: each is told that it is wrong, and nothing of it is stored.

use std::collections::BTreeMap;

use lambda_http::http::{HeaderValue, Method};
use lambda_http::{Body, Request};
use serde_json::{Value, json};

use crate::shop::{Browser, Shop, mover};

/// A page of the shop.
const PAGE: &str = "https://www.shop.test";

/// A request of somebody who means no good.
struct Hostile {
    /// What is wrong with it.
    what: &'static str,
    method: Method,
    path: String,
    origin: Option<&'static str>,
    body: Vec<u8>,
}

impl Hostile {
    fn body(what: &'static str, action: &str, body: impl Into<Vec<u8>>) -> Hostile {
        let path = format!("/ee/v1/{action}?configId=shop_web");
        Hostile { what, method: Method::POST, path, origin: Some(PAGE), body: body.into() }
    }

    /// The request, with a cookie that is none.
    fn request(self, dice: &mut Dice) -> Request {
        let mut request = Request::new(match String::from_utf8(self.body) {
            Ok(text) => Body::Text(text),
            Err(error) => Body::Binary(error.into_bytes()),
        });
        *request.method_mut() = self.method;
        *request.uri_mut() = format!("https://edge.shop.test{}", self.path).parse().unwrap();
        let headers = request.headers_mut();
        headers.insert("cookie", dice.cookie());
        headers.insert("content-type", HeaderValue::from_static("text/plain; charset=UTF-8"));
        if let Some(origin) = self.origin {
            headers.insert("origin", HeaderValue::from_static(origin));
        }
        request
    }
}

/// Numbers that are the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..=self.below(most)).map(|_| self.next() as u8).collect()
    }

    /// A header of cookies of which none says anything that could be true.
    fn cookie(&mut self) -> HeaderValue {
        let name = "kndctr_0A1B2C3D4E5F60718293A4B5_AdobeOrg";
        let visible: Vec<u8> = self.bytes(300).into_iter().map(|byte| byte % 94 + 33).collect();
        let any: Vec<u8> = self.bytes(300).into_iter().map(|byte| byte.max(128)).collect();
        let value = match self.below(6) {
            0 => visible,
            1 => any,
            2 => b"CiYyNDk0MjYwNDI5ODQxNjE3MzkyNjk4MjU0NzI3ODI3NDY0MjYz".to_vec(),
            3 => vec![b'A'; 5000],
            4 => b"\"; kndctr__identity=; =; ;;; FPID".to_vec(),
            _ => Vec::new(),
        };
        let kind = ["identity", "consent", "cluster"][self.below(3)];
        HeaderValue::from_bytes(&[format!("{name}_{kind}=").as_bytes(), &value].concat()).unwrap()
    }
}

/// A page view of a recent mover, which would be stored, with a value at every place that the protocol knows.
fn page_view() -> Value {
    let claim = |id: &str| json!([{"id": id, "authenticatedState": "authenticated"}]);
    let mut xdm = mover();
    xdm["eventType"] = json!("web.webpagedetails.pageViews");
    xdm["identityMap"] = json!({"Email": claim("bobby.bank@example.com")});
    xdm["consents"] = json!({
        "collect": {"val": "y"}, "personalize": {"content": {"val": "y"}},
        "metadata": {"time": "2026-11-22T12:00:00Z"}
    });
    json!({
        "events": [{
            "xdm": xdm,
            "data": {"tributary": {"token": "a.b.c"}},
            "query": {"personalization": {
                "schemas": ["https://ns.adobe.com/personalization/dom-action"],
                "decisionScopes": ["__view__"], "surfaces": ["web://www.shop.test/"]
            }}
        }],
        "query": {"identity": {"fetch": ["ECID"]}},
        "xdm": {"identityMap": {"ECID": claim("24942604298416173926982547278274642631")}},
        "meta": {"state": {
            "domain": "shop.test", "cookiesEnabled": true, "entries": [{"key": "kndctr_A_identity", "value": "CiYz"}]
        }}
    })
}

/// What a visitor allows.
fn consents() -> Value {
    json!({"consent": [{"standard": "Adobe", "version": "2.0", "value": {
        "collect": {"val": "n"}, "metadata": {"time": "2026-11-22T12:00:00Z"}
    }}]})
}

/// Of everything, as the shop's own page view would be with one thing wrong. Together they are a thousand at least.
fn all(dice: &mut Dice) -> Vec<Hostile> {
    let mut all = wrong_types();
    all.extend(not_json(dice));
    all.extend(too_much());
    all.extend(not_for_us());
    for _ in 0..150 {
        all.push(Hostile::body("noise", "interact", dice.bytes(2000)));
    }
    all
}

/// A value of another type at every place at which the protocol reads one.
fn wrong_types() -> Vec<Hostile> {
    // Members of events that are nobody's business may be anything, and so may be what no consent is read from.
    let free = ["/data/", "/xdm/_northlight", "/xdm/eventType", "/cookiesEnabled", "/consent/0/standard"];
    let mut hostile = Vec::new();
    for (valid, actions) in [
        (page_view(), ["interact", "collect", "identity/acquire"].as_slice()),
        (consents(), ["privacy/set-consent"].as_slice()),
    ] {
        for place in places(&valid) {
            if free.iter().any(|free| place.contains(free)) {
                continue;
            }
            for other in [json!(true), json!(-1), json!(1.5), json!("\u{0}"), json!([[]]), json!({"x": [{}]})]
            {
                let mut body = valid.clone();
                let at = body.pointer_mut(&place).unwrap();
                if kind(at) == kind(&other) {
                    continue;
                }
                *at = other;
                for action in actions {
                    hostile.push(Hostile::body("a wrong type", action, body.to_string()));
                }
            }
        }
    }
    hostile
}

/// The pointers of all values of a body, the body itself included.
fn places(value: &Value) -> Vec<String> {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => (0..).map(|index: usize| index.to_string()).zip(items).collect(),
        _ => Vec::new(),
    };
    let below = members
        .into_iter()
        .flat_map(|(name, value)| places(value).into_iter().map(move |place| format!("/{name}{place}")));
    std::iter::once(String::new()).chain(below).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What is no JSON, or no text at all.
fn not_json(dice: &mut Dice) -> Vec<Hostile> {
    let text = page_view().to_string();
    let mut hostile = Vec::new();
    let mut add = |what, body: Vec<u8>| hostile.push(Hostile::body(what, "interact", body));
    for _ in 0..150 {
        add("cut off", text.as_bytes()[..dice.below(text.len())].to_vec());
        let mut broken = text.clone().into_bytes();
        let wrong: &[u8] =
            [b"\xff".as_slice(), b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]
                [dice.below(5)];
        let at = dice.below(broken.len());
        broken.splice(at..at, wrong.iter().copied());
        add("no UTF-8", broken);
    }
    let brackets = text.bytes().enumerate().filter(|(_, byte)| b"{}[]".contains(byte));
    for (at, _) in brackets {
        let mut broken = text.clone().into_bytes();
        broken.remove(at);
        add("a bracket is missing", broken);
    }
    let utf_16 = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    add("UTF-16", utf_16(u16::to_le_bytes));
    add("UTF-16", utf_16(u16::to_be_bytes));
    add("UTF-16 with its mark", [b"\xff\xfe".to_vec(), utf_16(u16::to_le_bytes)].concat());
    add("UTF-32", text.chars().flat_map(|each| u32::from(each).to_le_bytes()).collect());
    add("UTF-8 with a mark", format!("\u{feff}{text}").into_bytes());
    add(
        "Latin-1",
        text.replace("shop.test", "sh\u{f6}p.test").chars().map(|each| u32::from(each) as u8).collect(),
    );
    add("gzip", [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".to_vec(), dice.bytes(500)].concat());
    add("a form", b"events=%5B%7B%7D%5D&configId=shop_web".to_vec());
    add("XML", b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><events>&x;</events>".to_vec());
    add("a script", b"<script>alert(1)</script>".to_vec());
    for number in ["1e999", "NaN", "-Infinity", "0x10", "01", "1.", "+1", "1e"] {
        add("no number", format!("{{\"events\":[{{\"data\":{{\"x\":{number}}}}}]}}").into_bytes());
    }
    for letters in ["\\ud800", "\\udc00\\ud800", "\\x41", "\n", "\0", "\\u00"] {
        add("no string", format!("{{\"events\":[{{\"data\":{{\"x\":\"{letters}\"}}}}]}}").into_bytes());
    }
    for twice in
        [r#"{"events":[{}],"events":[{}]}"#, r#"{"events":[{}]}{"events":[{}]}"#, r#"{"events":[{}],}"#]
    {
        add("said twice", twice.as_bytes().to_vec());
    }
    hostile
}

/// What is larger, deeper or more than the limits.
fn too_much() -> Vec<Hostile> {
    let mut hostile = Vec::new();
    let mut add = |what, body: String| hostile.push(Hostile::body(what, "interact", body));
    for size in [65_537, 100_000, 1_000_000, 6_000_000] {
        add("too large", format!("{{\"events\":[{{}}],\"x\":\"{}\"}}", "a".repeat(size)));
        add("too large", format!("{}{}", " ".repeat(size), page_view()));
        add("too large", "[".repeat(size));
    }
    for depth in [65, 128, 1_000, 30_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            for place in ["xdm", "data", "query"] {
                add("too deep", format!("{{\"events\":[{{\"{place}\":{nested}}}]}}"));
            }
            add("too deep", nested);
            add("too deep, and open", open.repeat(depth));
        }
    }
    for count in [17, 1_000, 20_000] {
        add("too many events", json!({"events": vec![json!({}); count]}).to_string());
    }
    add("an event is too large", json!({"events": [{"data": {"x": "a".repeat(11_000)}}]}).to_string());
    let ids: Vec<Value> = (0..21).map(|id| json!({"id": id.to_string()})).collect();
    add("too many identities", json!({"events": [{"xdm": {"identityMap": {"CRMID": ids}}}]}).to_string());
    let scopes: Vec<String> = (0..101).map(|scope| scope.to_string()).collect();
    let asked = json!({"personalization": {"decisionScopes": scopes}});
    add("too many scopes", json!({"events": [{"query": asked}]}).to_string());
    hostile
}

/// A page view that would be stored, which comes from elsewhere or is for somebody else.
fn not_for_us() -> Vec<Hostile> {
    let valid = |what| Hostile::body(what, "interact", page_view().to_string());
    let mut hostile = Vec::new();
    for origin in [
        None,
        Some(""),
        Some("null"),
        Some("*"),
        Some("http://www.shop.test"),
        Some("https://shop.test"),
        Some("https://www.shop.test:8443"),
        Some("https://www.shop.test/"),
        Some("HTTPS://WWW.SHOP.TEST"),
        Some("https://www.shop.test.example.com"),
        Some("https://evil.example.com, https://www.shop.test"),
        Some("https://user@www.shop.test"),
    ] {
        hostile.push(Hostile { origin, ..valid("a page from elsewhere") });
    }
    for datastream in [
        "",
        "configId=",
        "configId=shop",
        "configId=SHOP_WEB",
        "configId=shop_web%00",
        "configId=..%2F..%2Fshop_web",
        "configId=%FF%FE",
        "configId=shop_web&configId=other",
        "configId=shop_web&requestId=",
        "configId=shop_web&requestId=%22%3Cscript%3E",
    ] {
        hostile.push(Hostile {
            path: format!("/ee/v1/interact?{datastream}"),
            ..valid("an unknown datastream")
        });
    }
    let long = "a".repeat(8_000);
    for path in [
        "/",
        "/v1/interact",
        "/ee/v1/interact/",
        "/ee/v3/interact",
        "/ee/va/v1/interact",
        &long,
        "/ee/v2/interact",
    ] {
        let path = format!("/{}?configId=shop_web", path.trim_start_matches('/'));
        hostile.push(Hostile { path, ..valid("a path that is none, or a server's") });
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
        hostile.push(Hostile { method, ..valid("a method that is none") });
    }
    hostile
}

/// How many items, objects and messages there are.
async fn stored(shop: &Shop) -> BTreeMap<String, usize> {
    let local = &shop.flow.local;
    let deployment = &local.store.deployment;
    let dynamodb = aws_sdk_dynamodb::Client::new(&local.config);
    let mut stored = BTreeMap::new();
    for table in [&deployment.profiles, &deployment.identities, &deployment.ledger] {
        let page = dynamodb.scan().table_name(table).send().await.unwrap();
        stored.insert(table.clone(), page.items().len());
    }
    for bucket in [&deployment.events, &deployment.data, &deployment.control] {
        let objects = local.store.objects.list(bucket, "").await.unwrap();
        stored.insert(format!("s3 {bucket}"), objects.len());
    }
    for queue in [&deployment.events_queue, &deployment.chunks_queue, &deployment.visitors_queue] {
        let sqs = aws_sdk_sqs::Client::new(&local.config);
        let received = sqs.receive_message().queue_url(queue).visibility_timeout(0).send().await.unwrap();
        stored.insert(queue.clone(), received.messages().len());
    }
    stored
}

#[tokio::test]
async fn a_thousand_hostile_requests_are_refused_and_nothing_of_them_is_stored() {
    let shop = Shop::open().await;
    shop.flow.edge.warm().await;
    let before = stored(&shop).await;
    let mut dice = Dice(20_261_122);
    let all = all(&mut dice);
    assert!(all.len() >= 1000, "{} requests are not a thousand", all.len());
    for hostile in all {
        let (what, origin) = (hostile.what, hostile.origin);
        let told = format!("{what}: {} {:.400}", hostile.path, String::from_utf8_lossy(&hostile.body));
        let answer = shop.flow.edge.handle(&hostile.request(&mut dice)).await;
        assert!(answer.status().is_client_error(), "{} for {told}", answer.status());
        let header = |name| answer.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        // Whoever asks can read what is wrong, and is given nothing to keep.
        assert_eq!(header("access-control-allow-origin"), origin, "{told}");
        assert_eq!(header("content-type"), Some("application/problem+json"), "{told}");
        assert_eq!(header("set-cookie"), None, "{told}");
        let Body::Text(problem) = answer.body() else { panic!("no problem is told for {told}") };
        assert!(!problem.contains("bobby") && !problem.contains("249426"), "{problem} for {told}");
        let problem: Value = serde_json::from_str(problem).unwrap();
        assert_eq!(problem["status"], answer.status().as_u16(), "{told}");
    }
    assert_eq!(stored(&shop).await, before);

    // It is not that nothing could be stored: the next mover is served, and remembered.
    let mut browser = Browser::default();
    assert_eq!(browser.view(&shop, mover()).await.offers()[0].1, "diy_coupon");
    assert_ne!(stored(&shop).await, before);
}
