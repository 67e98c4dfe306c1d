//! In which ways an expression can be evaluated, and what stands against each.

use domain::schema::Fields;
use pql::{Error, Schemas, parse};

/// The reasons against batch, streaming and edge evaluation.
#[cfg(test)]
fn reasons(text: &str) -> [Vec<String>; 3] {
    let profile: Fields = serde_json::from_str(r#"{"age": {"type": "integer"}}"#).unwrap();
    let events: Fields = serde_json::from_str(r#"{"page": {"type": "string"}}"#).unwrap();
    let expression = parse(text).unwrap();
    let checked = expression.check(&Schemas { profile: &profile, events: &events }).unwrap();
    let eligibility = expression.eligibility(&checked);
    [eligibility.batch, eligibility.streaming, eligibility.edge]
        .map(|reasons: Vec<Error>| reasons.into_iter().map(|reason| reason.message).collect())
}

#[test]
fn streaming_takes_profiles_and_events_of_a_day_unless_they_are_only_missed() {
    let unlimited = "events are looked at without a time limit";
    let missed = "all that it asks of events is that they did not happen";
    let step = |what: &str| format!("CHAIN(xEvent, timestamp, [A: WHAT(page = \"a\"){what}])");
    let cases: &[(String, &[&str])] = &[
        ("age > 3".to_owned(), &[]),
        ("not (age > 3)".to_owned(), &[]),
        ("inSegment(\"a\") and not inSegment(\"b\")".to_owned(), &[]),
        (step(" WHEN(today)"), &[]),
        (format!("inSegment(\"a\") and {}", step(" WHEN(<= 24 hours before now)")), &[]),
        (step(" WHEN(<= 25 hours before now)"), &["step `A` may look further back than 24 hours"]),
        (step(""), &["step `A` has no time limit"]),
        (format!("not {}", step(" WHEN(today)")), &[missed]),
        (format!("not {0} and not {0}", step(" WHEN(today)")), &[missed]),
        (format!("age > 3 and not {}", step(" WHEN(today)")), &[missed]),
        (format!("{0} and not {0}", step(" WHEN(today)")), &[]),
        ("exists E from xEvent where E.page = \"a\"".to_owned(), &[unlimited]),
        ("xEvent.count() > 3".to_owned(), &[unlimited]),
    ];
    for (text, expected) in cases {
        let [_, streaming, _] = reasons(text);
        assert_eq!(streaming, *expected, "{text}");
    }
}

#[test]
fn batch_takes_everything_but_events_and_the_edge_says_why_not() {
    let [batch, streaming, edge] = reasons("age > 3");
    assert!(batch.is_empty() && streaming.is_empty() && edge.is_empty());
    let [batch, _, edge] = reasons("CHAIN(xEvent, timestamp, [A: WHAT(page = \"a\")])");
    assert_eq!(batch, ["batch audiences do not look at events yet"]);
    assert_eq!(edge, ["step `A` has no time limit"]);
}
