//! What the fuzz targets have in common: somebody to evaluate expressions on, and what holds for every expression.

use std::sync::LazyLock;

use domain::schema::Fields;
use domain::value::{Object, Value};
use jiff::Timestamp;
use pql::{Context, Event, Expression, Schemas};

struct Somebody {
    profile: Fields,
    events: Fields,
    attributes: Object,
    happened: Vec<(Timestamp, Object)>,
    whole: Object,
    now: Timestamp,
}

/// Everything that has a field of every type, with events and one membership.
static SOMEBODY: LazyLock<Somebody> = LazyLock::new(|| {
    let field = |kind: &str| format!(r#"{{"type": {kind}}}"#);
    let fields = |members: &[(&str, String)]| -> Fields {
        let members: Vec<String> =
            members.iter().map(|(name, kind)| format!("{name:?}: {}", field(kind))).collect();
        serde_json::from_str(&format!("{{{}}}", members.join(","))).expect("fields")
    };
    let text = || r#""string""#.to_owned();
    let number = || r#""double""#.to_owned();
    let profile = fields(&[
        ("a", number()),
        ("b", r#""boolean""#.to_owned()),
        ("s", text()),
        ("t", r#""date_time""#.to_owned()),
        ("d", r#""date""#.to_owned()),
        ("l", r#"{"array": "string"}"#.to_owned()),
        ("m", r#"{"map": "double"}"#.to_owned()),
        (
            "o",
            format!(r#"{{"array": {{"object": {{"n": {}, "s": {}}}}}}}"#, field(&number()), field(&text())),
        ),
    ]);
    let events = fields(&[("n", number()), ("s", text())]);
    let attributes = r#"{"a": 3, "b": true, "s": "ab", "t": "2026-01-30T12:00:00Z", "d": "2026-01-01",
        "l": ["a", "b"], "m": {"x": 1, "y": 2.5}, "o": [{"n": 1, "s": "a"}, {"n": 2}, {"s": "c"}]}"#;
    let attributes: Object = serde_json::from_str(attributes).expect("a profile");
    let event = |at: &str, fields: &str| {
        (at.parse().expect("an instant"), serde_json::from_str::<Object>(fields).expect("an event"))
    };
    let happened = vec![
        event("2026-01-31T11:00:00Z", r#"{"n": 1, "s": "view"}"#),
        event("2026-01-31T11:30:00Z", r#"{"n": 2, "s": "order"}"#),
    ];
    let with_time = |(at, fields): &(Timestamp, Object)| {
        let mut fields = fields.clone();
        fields.insert("timestamp".to_owned(), Value::String(at.to_string()));
        Value::Object(fields)
    };
    let mut whole = attributes.clone();
    whole.insert("xEvent".to_owned(), Value::Array(happened.iter().map(with_time).collect()));
    let now = "2026-01-31T12:00:00Z".parse().expect("an instant");
    Somebody { profile, events, attributes, happened, whole, now }
});

/// Prints, reads again, checks, evaluates in both ways and explains an expression: all of it agrees, and has an end.
pub fn check(expression: &Expression) {
    let printed = expression.to_string();
    // Parentheses may bring it over the limits of a text.
    if let Ok(again) = pql::parse(&printed) {
        assert!(again == *expression, "another tree: {printed}");
    } else {
        assert!(printed.len() > 32 * 1024, "not read again: {printed}");
    }
    let Somebody { profile, events, attributes, happened, whole, now } = &*SOMEBODY;
    let walked = expression.holds(whole, *now);
    if let Ok(reason) = expression.explain(whole, *now, None) {
        assert_eq!(walked.as_ref(), Ok(&reason.holds), "explained otherwise: {printed}");
        assert!(!reason.deciding().is_empty() && reason.to_json().is_object());
    }
    let Ok(checked) = expression.check(&Schemas { profile, events }) else { return };
    let happened: Vec<Event<'_>> = happened.iter().map(|(at, fields)| Event { at: *at, fields }).collect();
    let context = Context { attributes, events: &happened, audiences: &|_| false, now: *now };
    let found = checked.compile().evaluate(&context);
    if let Ok(walked) = walked {
        assert_eq!(found, walked, "predicate and walk: {printed}");
    }
}
