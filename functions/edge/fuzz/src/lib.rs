//! What the fuzz targets assert of any bytes. The crate's tests include this file and run it over seeds.

use domain::edge::datastream::Limits;
use edge::cookie::{Cookie, Cookies};
use edge::ecid::Origin;
use edge::identity_cookie::IdentityCookie;
use edge::notification::notifications;
use edge::request::{Body, LARGEST_EVENT, MOST_IDENTITIES, MOST_SCOPES, State};
use edge::route::Action;
use jiff::Timestamp;
use lambda_http::http::header::COOKIE;
use lambda_http::http::{HeaderMap, HeaderValue};
use serde_json::Value;

/// The body of a request: whatever it is, it is read or refused; what is read keeps to the limits, and no token is kept.
/// Answers how many kinds of requests it could be of.
pub fn body(bytes: &[u8]) -> usize {
    let actions = [Action::Interact, Action::AcquireIdentity, Action::SetConsent];
    let read = actions.into_iter().filter(|action| match Body::parse(bytes, *action, &Limits::default()) {
        Ok(body) => {
            check(&body);
            true
        }
        Err(problem) => {
            assert!(problem.kind.status().is_client_error());
            false
        }
    });
    read.count()
}

fn check(body: &Body) {
    assert!(body.identities.len() <= MOST_IDENTITIES);
    for event in &body.events {
        assert!(event.text.len() <= LARGEST_EVENT && !event.text.contains('\n'));
        assert!(event.identities.len() <= MOST_IDENTITIES);
        assert!(event.personalization.iter().all(|asked| asked.scopes.len() <= MOST_SCOPES));
        let kept: Value = serde_json::from_str(&event.text).expect("what is kept is JSON");
        assert!(kept.pointer("/data/tributary/token").is_none_or(Value::is_null), "a token is kept");
        notifications(event);
    }
}

/// The identity cookie: whatever it is, it is read or none, and what was read is read again from what is written. Answers
/// whether the bytes are one.
pub fn cookie(bytes: &[u8]) -> bool {
    if let Ok(header) = HeaderValue::from_bytes(bytes) {
        let headers = HeaderMap::from_iter([(COOKIE, header)]);
        let cookies = Cookies::of(&State::default(), &headers);
        for value in cookies.values(&Cookie::Identity.name("A@AdobeOrg")) {
            is_cookie(value);
        }
    }
    is_cookie(&String::from_utf8_lossy(bytes))
}

fn is_cookie(value: &str) -> bool {
    let Some(cookie) = IdentityCookie::decode(value) else { return false };
    let written = cookie.encode(Origin::Cookie, "or2", Timestamp::UNIX_EPOCH);
    let again = IdentityCookie::decode(&written).expect("what was written is read");
    assert_eq!(again.ecid, cookie.ecid);
    true
}
