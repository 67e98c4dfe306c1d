//! The body of a request: whatever it is, it is read or refused; what is read keeps to the limits, and no token is kept.

#![no_main]

use domain::edge::datastream::Limits;
use edge::notification::notifications;
use edge::request::{Body, LARGEST_EVENT, MOST_IDENTITIES, MOST_SCOPES};
use edge::route::Action;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    for action in [Action::Interact, Action::AcquireIdentity, Action::SetConsent] {
        match Body::parse(body, action, &Limits::default()) {
            Ok(body) => check(&body),
            Err(problem) => assert!(problem.kind.status().is_client_error()),
        }
    }
});

fn check(body: &Body) {
    assert!(body.identities.len() <= MOST_IDENTITIES);
    for event in &body.events {
        assert!(event.text.len() <= LARGEST_EVENT && !event.text.contains('\n'));
        assert!(event.identities.len() <= MOST_IDENTITIES);
        assert!(event.personalization.iter().all(|asked| asked.scopes.len() <= MOST_SCOPES));
        let kept: Value = serde_json::from_str(&event.text).expect("what is kept is JSON");
        assert!(kept["data"]["tributary"]["token"].is_null(), "a token is kept");
        notifications(event);
    }
}
