//! Replies: handles for the Web SDK, and the headers that let a page read them.

use domain::edge::offer::{DomAction, Item, Offer};
use domain::name::{AudienceName, DatastreamName};
use domain::value::{Object, Value as DomainValue};
use lambda_http::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL,
    CONTENT_TYPE, ORIGIN, RETRY_AFTER, SET_COOKIE, VARY,
};
use lambda_http::http::{HeaderMap, HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cookie::Kept;
use crate::ecid::Ecid;
use crate::problem::{Kind, Problem};
use crate::request::Personalization;

/// The schemas of the items that an offer may have.
const DEFAULT_CONTENT: &str = "https://ns.adobe.com/personalization/default-content-item";
pub(crate) const HTML_CONTENT: &str = "https://ns.adobe.com/personalization/html-content-item";
pub(crate) const JSON_CONTENT: &str = "https://ns.adobe.com/personalization/json-content-item";
pub(crate) const DOM_ACTION: &str = "https://ns.adobe.com/personalization/dom-action";

/// How long a page may rely on the region that it was told, in seconds.
const HINT_KEPT: u32 = 1800;

/// How long a browser may remember what was allowed, in seconds.
const PREFLIGHT_KEPT: &str = "3600";

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Handle {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "eventIndex", skip_serializing_if = "Option::is_none")]
    event: Option<usize>,
    payload: Vec<Value>,
}

impl Handle {
    /// Who the visitor is.
    pub fn identity(ecid: &Ecid) -> Handle {
        let identity = json!({"id": ecid.as_str(), "namespace": {"code": "ECID"}});
        Handle { kind: "identity:result", event: None, payload: vec![identity] }
    }

    /// Cookies that the page is to keep.
    pub fn state(cookies: &[Kept], is_secure: bool) -> Handle {
        let payload = cookies.iter().map(|cookie| cookie.to_entry(is_secure)).collect();
        Handle { kind: "state:store", event: None, payload }
    }

    /// Which region serves the visitor.
    pub fn location(region: &str) -> Handle {
        let hint = json!({"scope": "EdgeNetwork", "hint": region, "ttlSeconds": HINT_KEPT});
        Handle { kind: "locationHint:result", event: None, payload: vec![hint] }
    }

    /// What an event's page is to show.
    pub fn decisions(event: usize, propositions: Vec<Value>) -> Handle {
        Handle { kind: "personalization:decisions", event: Some(event), payload: propositions }
    }

    /// The audiences that a visitor is in; with attributes where they are given, which is for servers only.
    pub fn audiences<'a>(
        event: usize,
        datastream: &DatastreamName,
        audiences: impl Iterator<Item = &'a AudienceName>,
        attributes: Option<&Object>,
    ) -> Handle {
        let segments: Vec<Value> = audiences.map(|audience| json!({"id": audience})).collect();
        let mut payload =
            json!({"type": "profile", "id": datastream, "alias": datastream, "segments": segments});
        if let (Some(attributes), Some(payload)) = (attributes, payload.as_object_mut()) {
            let value = |(path, value): (_, &DomainValue)| (format!("{path}"), json!({"value": value}));
            let attributes: Map<String, Value> =
                domain::value::leaves(attributes).into_iter().map(value).collect();
            payload.insert("type".to_owned(), "profileLookup".into());
            payload.insert("destinationId".to_owned(), json!(datastream));
            payload.insert("attributes".to_owned(), attributes.into());
        }
        Handle { kind: "activation:pull", event: Some(event), payload: vec![payload] }
    }
}

/// Who has decided, as the Web SDK has to be told: of the providers that it knows, this is the one whose offers' clicks it
/// reports as it comes (`autoCollectPropositionInteractions`); of one that it does not know it reports none.
const PROVIDER: &str = "AJO";

/// An offer as the page is told it: of its items those that the page can render.
pub fn proposition(offer: &Offer, asked: &Personalization) -> Value {
    let items = offer.items.iter().enumerate().filter(|(_, item)| asked.accepts(schema(item)));
    let items: Vec<Value> =
        items.map(|(index, item)| item_of(item, &format!("{}-{index}", offer.name))).collect();
    // The page echoes the details unchanged when it reports a display or a click: there they name the offer.
    let details = json!({"decisionProvider": PROVIDER, "activity": {"id": offer.name}});
    json!({"id": offer.name, "scope": offer.scope, "scopeDetails": details, "items": items})
}

/// Whether a page can render any item of an offer.
pub fn is_renderable(offer: &Offer, asked: &Personalization) -> bool {
    offer.items.iter().any(|item| asked.accepts(schema(item)))
}

fn schema(item: &Item) -> &'static str {
    match item {
        Item::Default => DEFAULT_CONTENT,
        Item::Html(_) => HTML_CONTENT,
        Item::Json(_) => JSON_CONTENT,
        Item::Dom(_) => DOM_ACTION,
    }
}

fn item_of(item: &Item, id: &str) -> Value {
    let schema = schema(item);
    let data = match item {
        Item::Default => return json!({"id": id, "schema": schema, "meta": {}}),
        Item::Html(html) => json!({"id": id, "format": "text/html", "content": html}),
        Item::Json(value) => json!({"id": id, "format": "application/json", "content": value}),
        Item::Dom(action) => dom_action(action),
    };
    match item {
        Item::Dom(DomAction { label: Some(label), .. }) => {
            let characteristics = json!({"trackingLabel": label});
            json!({"id": id, "schema": schema, "data": data, "characteristics": characteristics})
        }
        _ => json!({"id": id, "schema": schema, "data": data}),
    }
}

fn dom_action(action: &DomAction) -> Value {
    let DomAction { action, selector, content, label: _ } = action;
    match content {
        // What is replaced is hidden until it is, so that nobody sees the page change.
        Some(content) => json!({
            "type": action, "format": "application/vnd.adobe.target.dom-action", "selector": selector,
            "prehidingSelector": selector, "content": content,
        }),
        None => json!({
            "type": action, "format": "application/vnd.adobe.target.dom-action", "selector": selector,
        }),
    }
}

/// An answer.
#[derive(Debug, Default)]
pub struct Reply {
    /// Its pieces.
    pub handles: Vec<Handle>,
    /// What the page should know though it was served.
    pub warnings: Vec<Value>,
    /// The cookies that this host sets by itself, as headers.
    pub cookies: Vec<String>,
}

impl Reply {
    /// The answer to a page that waits for it.
    pub fn into_response(self, request_id: &str) -> Response<Body> {
        let mut body = json!({"requestId": request_id, "handle": self.handles});
        if let (false, Some(body)) = (self.warnings.is_empty(), body.as_object_mut()) {
            body.insert("warnings".to_owned(), self.warnings.into());
        }
        with_cookies(with_json(StatusCode::OK, &body, "application/json"), &self.cookies)
    }

    /// The answer to a page that is gone: cookies at most.
    pub fn into_empty(self) -> Response<Body> {
        with_cookies(empty(StatusCode::NO_CONTENT), &self.cookies)
    }
}

/// A warning beside what was served.
pub fn warning(code: &str, title: &str, detail: &str) -> Value {
    json!({"type": format!("urn:tributary:edge:{code}"), "status": 200, "title": title, "detail": detail})
}

/// The answer to a request that was not served.
pub fn refusal(problem: &Problem, request_id: &str) -> Response<Body> {
    let body = problem.to_json(request_id);
    let mut response = with_json(problem.kind.status(), &body, "application/problem+json");
    match problem.kind {
        Kind::Method => put(&mut response, ALLOW, "POST, OPTIONS"),
        Kind::Unavailable => put(&mut response, RETRY_AFTER, "1"),
        _ => {}
    }
    response
}

/// The answer to a browser that asks before it calls. The Web SDK's requests never need it; those of others may.
pub fn preflight() -> Response<Body> {
    let mut response = empty(StatusCode::NO_CONTENT);
    put(&mut response, ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS");
    put(&mut response, ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type");
    put(&mut response, ACCESS_CONTROL_MAX_AGE, PREFLIGHT_KEPT);
    response
}

/// Lets the page that asked read the answer, whatever it is: without these headers not even an error's status shows. A
/// page that may not ask is not let in with its visitor's cookies.
pub fn readable(mut response: Response<Body>, request: &HeaderMap) -> Response<Body> {
    put(&mut response, VARY, "Origin");
    put(&mut response, CACHE_CONTROL, "no-cache, no-store, max-age=0");
    if let Some(origin) = request.get(ORIGIN) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if response.status() != StatusCode::FORBIDDEN {
            put(&mut response, ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        put(&mut response, ACCESS_CONTROL_EXPOSE_HEADERS, "Retry-After, X-Adobe-Edge");
    }
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

fn with_json(status: StatusCode, body: &Value, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Text(body.to_string()));
    *response.status_mut() = status;
    put(&mut response, CONTENT_TYPE, content_type);
    response
}

fn with_cookies(mut response: Response<Body>, cookies: &[String]) -> Response<Body> {
    let cookies = cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok());
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

fn put(response: &mut Response<Body>, name: lambda_http::http::HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}
