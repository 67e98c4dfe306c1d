//! The shop of the example, and what its pages send.

use aws::Store;
use domain::identity::{IdentityKey, Keyring};
use domain::namespace::{Namespace, NamespaceType, ValueRule};
use domain::profile::Profile;
use edge::handler::Edge;
use jsonwebtoken::{EncodingKey, Header, encode};
use lambda_http::http::{Method, StatusCode};
use lambda_http::{Body, Request};
use serde_json::{Value, json};
use tests::example::Example;
use tests::flow::{Flow, LOGIN_KEY};
use tests::target_api::TargetApi;

/// The cookie that holds the ECID.
const IDENTITY: &str = "kndctr_0A1B2C3D4E5F60718293A4B5_AdobeOrg_identity";

/// What Northlight's script says of a recent mover.
pub fn mover() -> Value {
    mover_known_as("NL-1")
}

/// What it says of one whom Northlight knows by some ID.
pub fn mover_known_as(partner_id: &str) -> Value {
    json!({"_northlight": {
        "partner_id": partner_id, "likely_recent_mover": 0.87, "match_confidence": 0.93, "renovation_budget": "high"
    }})
}

/// A shop whose edge answers.
pub struct Shop {
    pub flow: Flow,
}

/// A browser that visits the shop.
#[derive(Default)]
pub struct Browser {
    cookie: Option<String>,
    pub ecid: Option<String>,
    requests: u32,
}

/// What the edge answered.
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

impl Shop {
    pub async fn open() -> Shop {
        let flow = Flow::of(Example::shop()).await;
        flow.local.apply().await;
        Shop { flow }
    }

    /// A shop of which Adobe Target decides a place, and is told of two audiences.
    pub async fn with_target(target: &TargetApi) -> Shop {
        let flow = Flow::of(Example::shop()).await;
        let rule = format!(
            "target:\n  client_code: northshop\n  scopes: [home-promo]\n  audiences: [recent_movers, big_renovators]\n  \
             timeout_ms: 2000\n  endpoint: {}\n",
            target.base_url()
        );
        let datastream = "edge/datastreams/shop_web.yaml";
        flow.local.project.edit(datastream, "\nattributes:", &format!("\n{rule}\nattributes:"));
        Shop { flow }
    }

    /// Applies the project as it is now, and starts the edge anew, which knows of it at once.
    pub async fn apply(&mut self) {
        self.flow.local.apply().await;
        let local = &self.flow.local;
        self.flow.edge = Edge::new(Store::of(local.store.deployment.clone(), &local.config), "us-east-1");
    }

    /// Sends a request from one of the shop's pages.
    pub async fn send(&self, action: &str, request: &str, body: &Value) -> Answer {
        let uri = format!("https://edge.shop.test/ee/v1/{action}?configId=shop_web&requestId={request}");
        self.answer(&request_of(&uri, ("origin", "https://www.shop.test"), body)).await
    }

    /// Sends a request from a server that shows a key.
    pub async fn send_as_server(&self, action: &str, key: &str, body: &Value) -> Answer {
        let uri = format!("https://edge.shop.test/ee/v2/{action}?datastreamId=shop_web");
        self.answer(&request_of(&uri, ("authorization", &format!("Bearer {key}")), body)).await
    }

    async fn answer(&self, request: &Request) -> Answer {
        let answer = self.flow.edge.handle(request).await;
        let body = match answer.body() {
            Body::Text(text) => serde_json::from_str(text).unwrap(),
            Body::Binary(bytes) => serde_json::from_slice(bytes).unwrap(),
            _ => Value::Null,
        };
        Answer { status: answer.status(), body }
    }

    /// Lets everything follow that a visit leads to: its visitor is linked, and what the stream did not take is kept.
    pub async fn settle(&self, browser: &Browser) {
        self.flow.link(&self.key(&browser.ecid())).await;
        self.flow.keep_events().await;
    }

    /// The key of an identity.
    pub fn key_of(&self, namespace: &str, value: &str) -> IdentityKey {
        let keyring = Keyring::new(1, b"an invented secret of more than thirty-two bytes").unwrap();
        let namespace = Namespace::standard()
            .into_iter()
            .chain([("CRMID", NamespaceType::CrossDevice), ("NorthlightID", NamespaceType::PartnerId)].map(
                |(code, kind)| Namespace {
                    code: code.parse().unwrap(),
                    title: String::new(),
                    kind,
                    value: ValueRule::Text,
                    hashed: false,
                },
            ))
            .find(|each| each.code.as_str() == namespace);
        keyring.identity(&namespace.unwrap(), value).unwrap().key
    }

    pub fn key(&self, ecid: &str) -> IdentityKey {
        self.key_of("ECID", ecid)
    }

    /// The profile that an identity links to.
    pub async fn profile(&self, namespace: &str, value: &str) -> Option<Profile> {
        let store = &self.flow.local.store;
        let id = store.identities.link(&self.key_of(namespace, value)).await.unwrap()?;
        store.profiles.load(&id).await.unwrap()
    }
}

/// A request, with what lets it in.
fn request_of(uri: &str, (name, value): (&str, &str), body: &Value) -> Request {
    lambda_http::http::Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(name, value)
        .header("content-type", "text/plain; charset=UTF-8")
        .body(Body::from(body.to_string()))
        .unwrap()
}

impl Browser {
    /// The ECID that the edge gave.
    pub fn ecid(&self) -> String {
        self.ecid.clone().expect("the edge has said it")
    }

    /// Tells the edge of an event: a page view that asks for offers, unless the event says otherwise.
    pub async fn tell(&mut self, shop: &Shop, xdm: Value, data: Value) -> Answer {
        self.requests += 1;
        let request = format!("r{}-{}", self.requests, ulid::Ulid::generate());
        let mut event = json!({
            "xdm": {"eventType": "web.webpagedetails.pageViews", "timestamp": jiff::Timestamp::now().to_string()},
            "data": data,
            "query": {"personalization": {
                "schemas": [
                    "https://ns.adobe.com/personalization/default-content-item",
                    "https://ns.adobe.com/personalization/html-content-item",
                    "https://ns.adobe.com/personalization/dom-action"
                ],
                "decisionScopes": ["__view__", "home-promo"]
            }}
        });
        for (name, value) in xdm.as_object().into_iter().flatten() {
            event["xdm"][name] = value.clone();
        }
        self.send(shop, "interact", &request, json!({"events": [event]})).await
    }

    /// Sends a body, with the cookies that the edge gave.
    pub async fn send(&mut self, shop: &Shop, action: &str, request: &str, mut body: Value) -> Answer {
        body["query"] = json!({"identity": {"fetch": ["ECID"]}});
        let entries: Vec<Value> =
            self.cookie.iter().map(|value| json!({"key": IDENTITY, "value": value})).collect();
        body["meta"] = json!({"state": {"domain": "shop.test", "cookiesEnabled": true, "entries": entries}});
        let answer = shop.send(action, request, &body).await;
        for identity in answer.handles("identity:result") {
            self.ecid = identity["payload"][0]["id"].as_str().map(str::to_owned);
        }
        for store in answer.handles("state:store") {
            for each in store["payload"].as_array().unwrap() {
                if each["key"] == IDENTITY {
                    self.cookie = each["value"].as_str().map(str::to_owned);
                }
            }
        }
        answer
    }

    /// A page view of somebody of whom the partner says something, or nothing.
    pub async fn view(&mut self, shop: &Shop, partner: Value) -> Answer {
        self.tell(shop, partner, json!({})).await
    }

    /// A page view of somebody who has logged in.
    pub async fn log_in(&mut self, shop: &Shop, customer: &str) -> Answer {
        self.tell(shop, json!({}), json!({"tributary": {"token": token(customer)}})).await
    }
}

/// What the shop's server signs for a customer.
pub fn token(customer: &str) -> String {
    let expires = jiff::Timestamp::now().as_second() + 600;
    let claims = json!({"iss": "https://www.shop.test", "aud": "shop_web", "sub": customer, "exp": expires});
    encode(&Header::default(), &claims, &EncodingKey::from_secret(LOGIN_KEY.as_bytes())).unwrap()
}

impl Answer {
    /// The handles of a type.
    pub fn handles(&self, kind: &str) -> Vec<&Value> {
        let handles = self.body["handle"].as_array().into_iter().flatten();
        handles.filter(|handle| handle["type"] == kind).collect()
    }

    /// The offers that are to be shown, by scope.
    pub fn offers(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        self.handles("personalization:decisions")
            .into_iter()
            .flat_map(|handle| handle["payload"].as_array().unwrap())
            .map(|each| (text(&each["scope"]), text(&each["scopeDetails"]["activity"]["id"])))
            .collect()
    }
}
