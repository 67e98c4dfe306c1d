//! What the fuzz targets assert, over seeds: so it is compiled, and holds, wherever the tests run.

#[expect(clippy::expect_used, reason = "a fuzz target fails by panicking")]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

const BODY: &str = r#"{
    "events": [{
        "xdm": {
            "web": {"webPageDetails": {"URL": "https://www.shop.test/"}}, "timestamp": "2026-11-22T00:40:29.811Z",
            "eventType": "decisioning.propositionDisplay",
            "identityMap": {"Email": [{"id": "a@example.com", "authenticatedState": "authenticated"}]},
            "_experience": {"decisioning": {"propositions": [{"id": "p", "scope": "home-promo", "scopeDetails": {}}]}}
        },
        "data": {"tributary": {"token": "a.b.c"}},
        "query": {"personalization": {"decisionScopes": ["home-promo", "__view__"], "surfaces": ["web://www.shop.test/"]}}
    }],
    "query": {"identity": {"fetch": ["ECID"]}},
    "xdm": {"identityMap": {"ECID": [{"id": "24942604298416173926982547278274642631"}]}},
    "consent": [{"standard": "Adobe", "version": "1.0", "value": {"general": "out"}}],
    "meta": {"state": {"cookiesEnabled": true, "entries": [{"key": "kndctr_A_identity", "value": "CiYz"}]}}
}"#;

/// A cookie with nothing but an ECID, as the Web SDK keeps it.
const COOKIE: &str = "CiYyNDk0MjYwNDI5ODQxNjE3MzkyNjk4MjU0NzI3ODI3NDY0MjYzMQ";

#[test]
fn a_body_is_read_and_refused_where_it_is_cut() {
    assert_eq!(fuzz::body(BODY.as_bytes()), 3);
    for end in 0..BODY.len() {
        assert_eq!(fuzz::body(&BODY.as_bytes()[..end]), 0);
    }
}

#[test]
fn a_cookie_is_read_and_none_where_it_is_cut() {
    assert!(fuzz::cookie(COOKIE.as_bytes()));
    assert!(fuzz::cookie(format!("{COOKIE}==").as_bytes()));
    for bytes in [&COOKIE.as_bytes()[..40], b"", b"kndctr_A_AdobeOrg_identity=CiYz", b"%", b"\xff\0"] {
        assert!(!fuzz::cookie(bytes), "{bytes:?}");
    }
    // In a header.
    fuzz::cookie(format!("kndctr_A_AdobeOrg_identity={COOKIE}; b").as_bytes());
}
