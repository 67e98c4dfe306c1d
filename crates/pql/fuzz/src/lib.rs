//! What the fuzz targets assert of any text and any bytes. The crate's tests include this file and run it over seeds.

use std::sync::LazyLock;

use domain::schema::Fields;
use domain::value::{Object, Value};
use jiff::Timestamp;
use pql::line::{Task, answer};
use pql::{Event, Expression, Page, Planner, Reference, Schemas, Subject};

/// The text of an expression: whatever it is, it is read or refused at a place of the text; what is read prints as text that
/// means the same, and is evaluated alike by plan and walk.
pub fn text(text: &str) {
    match pql::parse(text) {
        Ok(expression) => {
            check(&expression);
        }
        Err(error) => {
            assert!(text.get(error.span.clone()).is_some(), "{:?}", error.span);
            assert!(!error.render(text).is_empty());
        }
    }
}

/// An expression as JSON, and a whole line of `tributary pql eval`: whatever it is, it is answered.
pub fn json(bytes: &[u8]) {
    if let Ok(document) = serde_json::from_slice(bytes)
        && let Ok(expression) = pql::parse_json(&document)
    {
        check(&expression);
    }
    for task in [Task::Evaluate, Task::Check, Task::Explain] {
        let answer = answer(1, bytes, task, Timestamp::UNIX_EPOCH).to_string();
        assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok(), "{answer}");
    }
}

/// Prints, reads again, evaluates, explains and plans an expression: all of it agrees, and has an end. Answers whether there
/// was a plan of it.
pub fn check(expression: &Expression) -> bool {
    let printed = expression.to_string();
    // Parentheses may bring it over the limits of a text.
    if let Ok(again) = pql::parse(&printed) {
        assert!(again == *expression, "another tree: {printed}");
    } else {
        assert!(printed.len() > 32 * 1024, "not read again: {printed}");
    }
    let walked: Vec<_> = PEOPLE.iter().map(|person| expression.holds(&person.whole, *NOW)).collect();
    for (person, walked) in PEOPLE.iter().zip(&walked) {
        if let Ok(reason) = expression.explain(&person.whole, *NOW, None) {
            assert_eq!(walked.as_ref(), Ok(&reason.holds), "explained otherwise: {printed}");
            assert!(!reason.deciding().is_empty() && reason.to_json().is_object());
        }
    }
    let Ok(checked) = expression.check(&Schemas { profile: &PROFILE, events: &EVENT }) else { return false };
    let mut planner = Planner::default();
    planner.add(&checked, 0, |id| (id == KNOWN).then_some(Reference::Known(0)));
    let plan = planner.finish();
    let events: Vec<Vec<Event<'_>>> = PEOPLE
        .iter()
        .map(|person| person.events.iter().map(|(at, fields)| Event { at: *at, fields }).collect())
        .collect();
    let subjects = PEOPLE.iter().zip(&events).map(|(person, events)| Subject {
        attributes: std::slice::from_ref(&person.attributes),
        events,
        audiences: std::slice::from_ref(&person.is_known),
    });
    // A page of a few is evaluated row by row, one of more by columns.
    let subjects: Vec<Subject<'_>> = subjects.cycle().take(9).collect();
    for size in [1, subjects.len()] {
        for (number, page) in subjects.chunks(size).enumerate() {
            let answers = Page::new(&plan, page, *NOW).evaluate();
            for row in 0..page.len() {
                if let Some(Ok(walked)) = walked.iter().cycle().nth(number * size + row) {
                    assert_eq!(
                        answers.holds(0, row),
                        *walked,
                        "plan and walk, row {row} of {size}: {printed}"
                    );
                }
            }
        }
    }
    true
}

/// An audience whose members are known before.
const KNOWN: &str = "known";

struct Person {
    attributes: Object,
    events: Vec<(Timestamp, Object)>,
    is_known: bool,
    /// All of it, as a walk reads it.
    whole: Object,
}

static NOW: LazyLock<Timestamp> = LazyLock::new(|| instant("2026-01-31T12:00:00Z"));

/// Fields of every type, some of them deep.
static PROFILE: LazyLock<Fields> = LazyLock::new(|| {
    fields(
        r#"{
        "a": {"type": "double"}, "i": {"type": "integer"}, "b": {"type": "boolean"}, "s": {"type": "string"},
        "t": {"type": "date_time"}, "d": {"type": "date"},
        "l": {"type": {"array": "string"}}, "k": {"type": {"array": "integer"}}, "m": {"type": {"map": "double"}},
        "p": {"type": {"object": {"n": {"type": "integer"}, "q": {"type": {"object": {
            "s": {"type": "string"}, "t": {"type": "date_time"}, "l": {"type": {"array": "string"}}}}}}}},
        "o": {"type": {"array": {"object": {"n": {"type": "double"}, "s": {"type": "string"},
            "l": {"type": {"array": "string"}},
            "o": {"type": {"array": {"object": {"n": {"type": "integer"}, "t": {"type": "date_time"}}}}}}}}}}"#,
    )
});

static EVENT: LazyLock<Fields> = LazyLock::new(|| {
    fields(
        r#"{"n": {"type": "double"}, "s": {"type": "string"}, "p": {"type": {"object": {
        "n": {"type": "integer"}, "l": {"type": {"array": "string"}}}}}}"#,
    )
});

/// Somebody who has everything, somebody else who has other things and less, and somebody of whom nothing is known.
static PEOPLE: LazyLock<[Person; 3]> = LazyLock::new(|| {
    [
        person(
            r#"{"a": 3, "i": 7, "b": true, "s": "ab", "t": "2026-01-30T12:00:00Z", "d": "2026-01-01",
            "l": ["a", "b"], "k": [1, 2, 2], "m": {"x": 1, "y": 2.5},
            "p": {"n": 2, "q": {"s": "deep", "t": "2026-01-31T11:59:00Z", "l": ["c"]}},
            "o": [{"n": 1, "s": "a", "l": ["a"], "o": [{"n": 1, "t": "2026-01-29T00:00:00Z"}, {"n": 2}]},
                {"n": 2, "o": []}, {"s": "c", "l": ["b", "c"], "o": [{"n": 3}]}]}"#,
            &[
                ("2026-01-31T11:00:00Z", r#"{"n": 1, "s": "view", "p": {"n": 1, "l": ["a"]}}"#),
                ("2026-01-31T11:30:00Z", r#"{"n": 2, "s": "order", "p": {"n": 2}}"#),
                ("2026-01-31T11:30:00Z", r#"{"s": "view"}"#),
                ("2025-12-24T18:00:00Z", r#"{"n": 20.5, "s": "order", "p": {"l": ["a", "b"]}}"#),
            ],
            true,
        ),
        person(
            r#"{"a": -0.5, "i": 9007199254740993, "b": false, "s": "Äb%_", "t": "2024-02-29T23:59:59.999Z",
            "d": "2026-01-31", "l": [], "k": [2], "m": {}, "p": {"q": {"s": ""}}, "o": []}"#,
            &[("2026-01-31T12:00:00Z", r#"{"n": 1, "s": "order"}"#)],
            false,
        ),
        person("{}", &[], false),
    ]
});

fn person(attributes: &str, events: &[(&str, &str)], is_known: bool) -> Person {
    let attributes: Object = object(attributes);
    let events: Vec<(Timestamp, Object)> =
        events.iter().map(|(at, fields)| (instant(at), object(fields))).collect();
    let with_time = |(at, fields): &(Timestamp, Object)| {
        let mut fields = fields.clone();
        fields.insert("timestamp".to_owned(), Value::String(at.to_string()));
        Value::Object(fields)
    };
    let mut whole = attributes.clone();
    whole.insert("xEvent".to_owned(), Value::Array(events.iter().map(with_time).collect()));
    if is_known {
        let membership = format!(r#"{{"ups": {{"{KNOWN}": {{"status": "realized"}}}}}}"#);
        whole.insert("segmentMembership".to_owned(), Value::Object(object(&membership)));
    }
    Person { attributes, events, is_known, whole }
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn fields(text: &str) -> Fields {
    serde_json::from_str(text).expect("fields")
}

fn object(text: &str) -> Object {
    serde_json::from_str(text).expect("an object")
}
