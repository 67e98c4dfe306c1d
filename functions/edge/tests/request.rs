//! Bodies of requests: those of the Web SDK are read, and no other one does harm.

use domain::edge::datastream::Limits;
use edge::problem::{Kind, Problem};
use edge::request::{Body, DEEPEST, LARGEST_EVENT, Personalization, State, Stated};
use edge::route::Action;
use proptest::prelude::*;
use serde_json::{Value, json};

const ECID: &str = "24942604298416173926982547278274642631";

fn parse(body: impl AsRef<[u8]>, action: Action) -> Result<Body, Problem> {
    Body::parse(body.as_ref(), action, &Limits::default())
}

fn interact(body: &Value) -> Result<Body, Problem> {
    parse(body.to_string(), Action::Interact)
}

/// The first page view as the Web SDK sends it.
fn page_view() -> Value {
    json!({
        "events": [{
            "xdm": {
                "web": {"webPageDetails": {"URL": "https://www.shop.test/"}, "webReferrer": {"URL": ""}},
                "timestamp": "2026-11-22T00:40:29.811Z",
                "eventType": "web.webpagedetails.pageViews",
                "identityMap": {"Email": [{"id": "a@example.com", "authenticatedState": "authenticated", "primary": true}]},
            },
            "data": {"tributary": {"token": "a.b.c"}},
            "query": {"personalization": {
                "schemas": ["https://ns.adobe.com/personalization/dom-action"],
                "decisionScopes": ["home-promo", "__view__"],
                "surfaces": ["web://www.shop.test/", "__view__"],
            }},
        }],
        "query": {"identity": {"fetch": ["ECID"]}},
        "xdm": {"identityMap": {"ECID": [{"id": ECID}]}},
        "meta": {"queueTimeMillis": 37, "state": {
            "domain": "shop.test", "cookiesEnabled": true, "entries": [{"key": "kndctr_A_identity", "value": "CiYz"}],
        }},
    })
}

#[test]
fn a_consent_says_at_the_top_level_whose_it_is() {
    let consent = json!([{"standard": "Adobe", "version": "1.0", "value": {"general": "out"}}]);
    let body = json!({
        "consent": consent,
        "identityMap": {"FPID": [{"id": "device-1"}]},
        "xdm": {"identityMap": {"ECID": [{"id": ECID}]}},
    });
    let claims = parse(body.to_string(), Action::SetConsent).unwrap().identities;
    let claims: Vec<_> = claims.iter().map(|claim| (claim.namespace.as_str(), claim.id.as_str())).collect();
    assert_eq!(claims, [("ECID", ECID), ("FPID", "device-1")]);
    let broken = json!({"consent": consent, "identityMap": {"FPID": [{"id": 1}]}}).to_string();
    let problem = parse(broken, Action::SetConsent).unwrap_err();
    assert!(problem.detail.contains("`identityMap.FPID[0].id`"), "{problem}");
}

#[test]
fn a_page_view_is_read_as_it_was_sent() {
    let body = interact(&page_view()).unwrap();
    let [event] = body.events.as_slice() else { panic!("one event") };
    assert_eq!(event.xdm["eventType"], "web.webpagedetails.pageViews");
    assert_eq!(event.token, Some(json!("a.b.c")));
    let [claim] = event.identities.as_slice() else { panic!("one claim") };
    assert_eq!((claim.namespace.as_str(), claim.id.as_str()), ("Email", "a@example.com"));
    let asked = event.personalization.as_ref().unwrap();
    assert_eq!(asked.scopes, ["home-promo", "__view__", "web://www.shop.test/"]);
    assert!(asked.accepts("https://ns.adobe.com/personalization/dom-action"));
    assert!(!asked.accepts("https://ns.adobe.com/personalization/html-content-item"));
    assert_eq!(body.identities.first().unwrap().id, ECID);
    let entries = vec![("kndctr_A_identity".to_owned(), "CiYz".to_owned())];
    assert_eq!(body.state, State { domain: Some("shop.test".to_owned()), entries });
}

#[test]
fn an_event_is_kept_whole_on_one_line() {
    let text = "{\"events\":[ {\"xdm\" : {\"b\":1.50,\n\"a\":{\"z\":12345678901234567890123}},\n \"new\":\" x\\n \"} ]}";
    let body = parse(text, Action::Collect).unwrap();
    let expected = r#"{"xdm":{"b":1.50,"a":{"z":12345678901234567890123}},"new":" x\n "}"#;
    assert_eq!(body.events.first().unwrap().text, expected);
}

#[test]
fn nothing_of_an_event_is_changed_but_that_the_token_is_not_kept() {
    for (event, expected, token) in [
        (
            r#"{"xdm":{"b":1.50,"a":12345678901234567890},"data":{"z":1e2,"tributary":{"token":"a.b.c","x":1},"a":0.10}}"#,
            r#"{"xdm":{"b":1.50,"a":12345678901234567890},"data":{"z":1e2,"tributary":{"token":null,"x":1},"a":0.10}}"#,
            Some(json!("a.b.c")),
        ),
        (
            r#"{"data":{"a":"x","tributary":{"tok\u0065n":"x"}}}"#,
            r#"{"data":{"a":"x","tributary":{"tok\u0065n":null}}}"#,
            Some(json!("x")),
        ),
        (
            r#"{"data":{"tributary":{"token":["a.b.c"]}}}"#,
            r#"{"data":{"tributary":{"token":null}}}"#,
            Some(json!(["a.b.c"])),
        ),
        (r#"{"data":{"tributary":{"token":null}}}"#, r#"{"data":{"tributary":{"token":null}}}"#, None),
        (r#"{"data":{"tributary":["token"]}}"#, r#"{"data":{"tributary":["token"]}}"#, None),
        (r#"{"data":{"token":"a"}}"#, r#"{"data":{"token":"a"}}"#, None),
    ] {
        let body = parse(format!("{{\"events\":[{event}]}}"), Action::Interact).unwrap();
        let [read] = body.events.as_slice() else { panic!("one event") };
        assert_eq!((read.text.as_str(), &read.token), (expected, &token));
    }
}

#[test]
fn what_stands_twice_on_the_way_to_the_token_is_refused() {
    for (event, place) in [
        (r#"{"data":{"tributary":{"token":"a.b.c"}},"data":{}}"#, "`events[0]`"),
        (r#"{"data":{"tributary":{"token":"a.b.c"}},"d\u0061ta":null}"#, "`events[0]`"),
        (r#"{"data":{"tributary":{"token":"a.b.c"},"tributary":1}}"#, "`events[0].data`"),
        (r#"{"data":{"tributary":{"token":"a.b.c","token":""}}}"#, "`events[0].data.tributary`"),
    ] {
        let problem = parse(format!("{{\"events\":[{event}]}}"), Action::Interact).unwrap_err();
        assert!(problem.kind == Kind::Body && problem.detail.contains(place), "{problem}");
        assert!(!problem.detail.contains("a.b.c"), "{problem}");
    }
}

#[test]
fn a_server_sends_one_event_and_may_ask_beside_it() {
    let body = json!({"event": {"xdm": {}}, "query": {"personalization": {"decisionScopes": ["__view__"]}}});
    let body = interact(&body).unwrap();
    let [event] = body.events.as_slice() else { panic!("one event") };
    let expected = Personalization { scopes: vec!["__view__".to_owned()], schemas: None };
    assert_eq!(event.personalization.as_ref(), Some(&expected));
}

#[test]
fn a_page_without_a_domain_has_none() {
    let body = json!({"events": [{}], "meta": {"state": {"domain": "", "cookiesEnabled": true}}});
    assert_eq!(interact(&body).unwrap().state, State::default());
}

#[test]
fn consent_is_read_in_both_versions() {
    let time = "2026-11-22T12:00:00Z";
    let stated = |collect, personalize, time: Option<&str>| Stated {
        collect,
        personalize,
        time: time.map(|time| time.parse().unwrap()),
    };
    let adobe =
        |version: &str, value: Value| json!({"standard": "Adobe", "version": version, "value": value});
    let other = json!({"standard": "IAB TCF", "version": "2.0", "value": "CLcVDxRMWfGmWAVAHCENAXCkAKDAADnAABRgA5mdfCKZuYJez"});
    for (consent, expected) in [
        (json!([adobe("1.0", json!({"general": "in"}))]), stated(Some(true), Some(true), None)),
        (json!([adobe("1.0", json!({"general": "out"}))]), stated(Some(false), Some(false), None)),
        (
            json!([adobe("2.0", json!({"collect": {"val": "n"}, "metadata": {"time": time}}))]),
            stated(Some(false), None, Some(time)),
        ),
        (
            json!([
                other,
                adobe("2.0", json!({"collect": {"val": "y"}, "personalize": {"content": {"val": "n"}}}))
            ]),
            stated(Some(true), Some(false), None),
        ),
    ] {
        let body = json!({"consent": consent}).to_string();
        assert_eq!(parse(body, Action::SetConsent).unwrap().consent, Some(expected), "{consent}");
    }
    for consent in [
        json!(null),
        json!([]),
        json!({}),
        json!([other]),
        json!([adobe("3.0", json!({}))]),
        json!([adobe("1.0", json!({"general": "perhaps"}))]),
        json!([adobe("1.0", json!({}))]),
        json!([adobe("2.0", json!({"collect": {"val": "p"}}))]),
        json!([adobe("2.0", json!({"collect": {"val": 1}}))]),
        json!([{"standard": "Adobe", "version": "1.0"}]),
    ] {
        let body = json!({"consent": consent}).to_string();
        let problem = parse(body, Action::SetConsent).unwrap_err();
        assert!(problem.detail.contains("`consent"), "{problem}");
    }
}

#[test]
fn an_event_may_say_what_the_visitor_allows() {
    let body = json!({"events": [{"xdm": {"consents": {"collect": {"val": "n"}}}}]});
    let stated = interact(&body).unwrap().events.first().unwrap().consent.clone();
    assert_eq!(stated, Some(Stated { collect: Some(false), ..Stated::default() }));
}

#[test]
fn whatever_is_wrong_is_told_with_its_place() {
    let identities = |count: usize| {
        let ids: Vec<Value> = (0..count).map(|each| json!({"id": each.to_string()})).collect();
        json!({"events": [{"xdm": {"identityMap": {"CRMID": ids}}}]})
    };
    let claim = |claim: Value| json!({"events": [{"xdm": {"identityMap": {"Email": [claim]}}}]});
    let scopes: Vec<String> = (0..101).map(|each| each.to_string()).collect();
    assert!(interact(&identities(20)).is_ok());
    for (body, place) in [
        (json!({}), "`events`"),
        (json!({"events": null}), "`events`"),
        (json!({"events": []}), "`events`"),
        (json!({"events": {}}), "`events`"),
        (json!({"events": "x"}), "`events`"),
        (json!({"events": [1]}), "`events[0]`"),
        (json!({"events": [null]}), "`events[0]`"),
        (json!({"events": [{"xdm": []}]}), "`events[0].xdm`"),
        (json!({"events": [{}, {"data": "x"}]}), "`events[1].data`"),
        (json!({"event": []}), "`event`"),
        (json!({"events": [{}], "meta": 1}), "`meta`"),
        (json!({"events": [{}], "meta": {"state": []}}), "`meta.state`"),
        (json!({"events": [{}], "meta": {"state": {"domain": 1}}}), "`meta.state.domain`"),
        (json!({"events": [{}], "meta": {"state": {"entries": {}}}}), "`meta.state.entries`"),
        (
            json!({"events": [{}], "meta": {"state": {"entries": [{"key": "a"}]}}}),
            "`meta.state.entries[0].value`",
        ),
        (json!({"events": [{}], "query": []}), "`query`"),
        (json!({"events": [{}], "query": {"identity": {"fetch": "ECID"}}}), "`query.identity.fetch`"),
        (json!({"events": [{}], "query": {"identity": {"fetch": [1]}}}), "`query.identity.fetch[0]`"),
        (json!({"events": [{"query": {"personalization": 1}}]}), "`events[0].query.personalization`"),
        (
            json!({"events": [{"query": {"personalization": {"decisionScopes": [{}]}}}]}),
            "`events[0].query.personalization.decisionScopes[0]`",
        ),
        (
            json!({"events": [{"query": {"personalization": {"decisionScopes": scopes}}}]}),
            "`events[0].query.personalization`",
        ),
        (json!({"events": [{"xdm": {"consents": 1}}]}), "`events[0].xdm.consents`"),
        (
            json!({"events": [{"xdm": {"consents": {"metadata": {"time": "soon"}}}}]}),
            "`events[0].xdm.consents.metadata.time`",
        ),
        (json!({"events": [{"xdm": {"identityMap": []}}]}), "`events[0].xdm.identityMap`"),
        (json!({"events": [{"xdm": {"identityMap": {"E:mail": []}}}]}), "`events[0].xdm.identityMap.E:mail`"),
        (json!({"events": [{"xdm": {"identityMap": {"Email": {}}}}]}), "`events[0].xdm.identityMap.Email`"),
        (claim(json!({})), "`events[0].xdm.identityMap.Email[0].id`"),
        (claim(json!({"id": 1})), "`events[0].xdm.identityMap.Email[0].id`"),
        (claim(json!({"id": ""})), "`events[0].xdm.identityMap.Email[0].id`"),
        (claim(json!({"id": "a".repeat(1025)})), "`events[0].xdm.identityMap.Email[0].id`"),
        (
            claim(json!({"id": "a", "authenticatedState": "surely"})),
            "`events[0].xdm.identityMap.Email[0].authenticatedState`",
        ),
        (
            json!({"events": [{"xdm": {"identityMap": {"ECID": [{"id": "1"}]}}}]}),
            "`events[0].xdm.identityMap.ECID[0].id`",
        ),
        (
            json!({"events": [{}], "xdm": {"identityMap": {"ECID": [{"id": "x"}]}}}),
            "`xdm.identityMap.ECID[0].id`",
        ),
        (identities(21), "`events[0].xdm.identityMap`"),
        (json!({"events": [{"data": "a".repeat(LARGEST_EVENT)}]}), "`events[0]`"),
    ] {
        let problem = interact(&body).unwrap_err();
        assert!(problem.detail.contains(place), "{problem} of {body}");
        assert!(problem.kind.status().is_client_error());
    }
}

#[test]
fn what_is_no_json_or_beyond_every_limit_is_refused() {
    let deep = format!("{{\"events\":[{{\"data\":{}1{}}}]}}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
    let bottomless = "[".repeat(60_000);
    let many = json!({"events": vec![json!({}); 17]}).to_string();
    let large = format!("{{\"events\":[{{}}],\"x\":\"{}\"}}", "a".repeat(64 * 1024));
    for (body, kind) in [
        ("", Kind::Body),
        ("null", Kind::Body),
        ("[]", Kind::Body),
        ("{\"events\":[{}]", Kind::Body),
        ("{\"events\":[{}]} x", Kind::Body),
        ("{\"events\":[{}],\"events\":[{}]}", Kind::Body),
        ("{\"events\":[{\"data\":{\"x\":1e999}}]}", Kind::Body),
        ("{\"events\":[{\"data\":{\"x\":\"\\ud800\"}}]}", Kind::Body),
        ("\u{feff}{\"events\":[{}]}", Kind::Body),
        (&deep, Kind::Body),
        (&bottomless, Kind::Body),
        (&many, Kind::Size),
        (&large, Kind::Size),
    ] {
        assert_eq!(parse(body, Action::Interact).map_err(|problem| problem.kind), Err(kind), "{body:.80}");
    }
    assert_eq!(parse(b"{\"events\":[{\"\xff\":1}]}", Action::Interact).unwrap_err().kind, Kind::Body);
}

#[test]
fn a_problem_repeats_no_more_of_a_name_than_is_needed_to_find_it() {
    let name = "x".repeat(5000);
    let problem = interact(&json!({"events": [{"xdm": {"identityMap": {name: 1}}}]})).unwrap_err();
    let begin = format!("`events[0].xdm.identityMap.{}`", "x".repeat(64));
    assert!(problem.detail.starts_with(&begin) && problem.detail.len() < 250, "{problem}");
}

#[test]
fn a_problem_repeats_no_value() {
    for body in [
        "{\"events\":[{\"xdm\":\"bobby.bank@example.com\"}]}",
        "{\"events\":[{}],\"query\":\"bobby.bank@example.com\"}",
        "{\"events\":bobby.bank@example.com}",
        "{\"events\":\"bobby.bank@example.com\"}",
    ] {
        let problem = parse(body, Action::Interact).unwrap_err();
        assert!(!problem.detail.contains("bobby"), "{problem}");
    }
}

/// JSON of any shape, with the protocol's own names in it more often than chance would have it.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "events",
        "event",
        "xdm",
        "data",
        "query",
        "meta",
        "state",
        "entries",
        "key",
        "value",
        "domain",
        "identity",
        "identityMap",
        "fetch",
        "ECID",
        "Email",
        "id",
        "personalization",
        "decisionScopes",
        "surfaces",
        "schemas",
        "consent",
        "consents",
        "standard",
        "version",
        "general",
        "collect",
        "val",
        "metadata",
        "time",
        "tributary",
        "token",
    ]);
    let name = prop_oneof![4 => names.prop_map(str::to_owned), 1 => "\\PC{0,8}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Quarters, which every parser reads alike.
        any::<i32>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
        prop::sample::select(vec!["Adobe", "1.0", "2.0", "in", "y", ECID]).prop_map(Value::from),
        "\\PC{0,16}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn without_token(event: &Value) -> Value {
    let mut event = event.clone();
    if let Some(token) = event.pointer_mut("/data/tributary/token") {
        *token = Value::Null;
    }
    event
}

fn any_action() -> impl Strategy<Value = Action> {
    prop::sample::select(vec![Action::Interact, Action::Collect, Action::AcquireIdentity, Action::SetConsent])
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>(), action in any_action()) {
        let _ = parse(bytes, action);
    }

    #[test]
    fn no_json_makes_it_panic_and_every_event_is_kept_whole(body in any_json(), action in any_action()) {
        if let Ok(parsed) = parse(body.to_string(), action) {
            let events = body.get("events").and_then(Value::as_array).into_iter().flatten();
            let sent: Vec<&Value> = events.chain(body.get("event").filter(|event| !event.is_null())).collect();
            let kept: Vec<Value> =
                parsed.events.iter().map(|event| serde_json::from_str(&event.text).unwrap()).collect();
            prop_assert_eq!(kept, sent.into_iter().map(without_token).collect::<Vec<_>>());
        }
    }
}
