//! Why an expression answers what it does: what decided, and what it read.

use domain::value::Object;
use pql::{Reason, parse};

const NOW: &str = "2026-01-31T12:00:00Z";

const PROFILE: &str = r#"{
    "age": 40, "plan": "gold", "optIn": false, "limit": 15,
    "orders": [{"total": 10, "lines": []}, {"total": 20, "lines": [{"n": 1}]}, {"total": 30, "lines": [{"n": 2}]}],
    "xEvent": [
        {"timestamp": "2026-01-31T10:00:00Z", "eventType": "view"},
        {"timestamp": "2026-01-31T09:00:00Z", "eventType": "order"}
    ],
    "segmentMembership": {"ups": {"movers": {"status": "realized"}}}
}"#;

#[cfg(test)]
fn reason(text: &str) -> Reason {
    let profile: Object = serde_json::from_str(PROFILE).unwrap();
    let expression = parse(text).unwrap();
    let reason = expression.explain(&profile, NOW.parse().unwrap(), None).unwrap();
    assert_eq!(expression.holds(&profile, NOW.parse().unwrap()), Ok(reason.holds), "{text}");
    reason
}

#[test]
fn what_decided_is_told_and_nothing_else() {
    let cases: &[(&str, bool, &[&str])] = &[
        ("age > 30", true, &["age > 30"]),
        ("age > 30 and plan = \"gold\"", true, &["age > 30", "plan = \"gold\""]),
        ("age > 50 and plan = \"gold\"", false, &["age > 50"]),
        ("age > 50 and optIn and plan = \"gold\"", false, &["age > 50", "optIn"]),
        ("age > 50 or plan = \"gold\" or limit > 1", true, &["plan = \"gold\"", "limit > 1"]),
        ("age > 50 or optIn", false, &["age > 50", "optIn"]),
        ("not (age > 50 or optIn)", true, &["age > 50", "optIn"]),
        ("not (age > 30 and (optIn or plan = \"gold\"))", false, &["age > 30", "plan = \"gold\""]),
        ("(P) => P.age > 30 or P.optIn", true, &["P.age > 30"]),
        ("let A = (age + 1) in A > 50 or A = 41", true, &["A = 41"]),
        ("if(optIn, age > 30, age > 50)", false, &["optIn", "age > 50"]),
        ("inSegment(\"movers\") and inSegment(\"rich\")", false, &["inSegment(\"rich\")"]),
        // What stands behind the operand that settles it is not evaluated, though it is at fault.
        ("age > 50 and age.startsWith(\"4\")", false, &["age > 50"]),
        ("exists O from orders where O.total > 15 and O.total < 25", true, &["O.total > 15", "O.total < 25"]),
        (
            "exists O from orders where O.total > 25 and O.total < 25",
            false,
            &["O.total > 25", "O.total > 25", "O.total < 25"],
        ),
        ("forall O from orders where O.total > 15 or O.total = 5", false, &["O.total > 15", "O.total = 5"]),
        ("forall O from orders where O.total > 5", true, &["O.total > 5", "O.total > 5", "O.total > 5"]),
        (
            "exists O from orders where O.total > 15, L from O.lines where L.n = 2",
            true,
            &["O.total > 15", "L.n = 2"],
        ),
        (
            "exists O from orders where O.total < 15, L from O.lines where L.n = 2",
            false,
            &["O.lines", "O.total < 15", "O.total < 15"],
        ),
        ("exists R from refunds where R.total > 1", false, &["refunds"]),
        ("orders[total > ^limit and total < 25]", true, &["total > ^limit", "total < 25"]),
        ("orders.exists((O) => O.total > 25)", true, &["O.total > 25"]),
        ("orders[total > 15].count() > 2", false, &["orders[total > 15].count() > 2"]),
        (
            "chain(xEvent, timestamp, [o: WHAT(eventType = \"order\"), v: WHAT(eventType = \"view\")])",
            true,
            &["o: WHAT(eventType = \"order\")", "v: WHAT(eventType = \"view\")"],
        ),
        (
            "chain(xEvent, timestamp, [o: WHAT(eventType = \"order\"), r: WHAT(eventType = \"refund\")])",
            false,
            &["r: WHAT(eventType = \"refund\")"],
        ),
    ];
    for (text, answer, deciding) in cases {
        let reason = reason(text);
        assert_eq!(reason.holds, *answer, "{text}");
        let told: Vec<&str> = reason.deciding().iter().map(|part| part.expression.as_str()).collect();
        assert_eq!(told, *deciding, "{text}");
    }
}

#[test]
fn what_was_read_is_told_with_its_value() {
    let cases = [
        ("age > 30", r#"{"age":40}"#),
        ("age + limit * 2 = 70", r#"{"age":40,"age + limit * 2":70,"limit":15,"limit * 2":30}"#),
        ("plan in [\"gold\", vip]", r#"{"plan":"gold","vip":null}"#),
        ("optIn", "{}"),
        ("orders.sum(total) > ^limit", "error"),
        ("orders[total > 15].count() = 2", ""),
        ("inSegment(\"movers\")", "{}"),
        ("registered occurs before now", r#"{"registered":null}"#),
    ];
    for (text, expected) in cases {
        let Ok(expression) = parse(text) else { panic!("{text}") };
        let profile: Object = serde_json::from_str(PROFILE).unwrap();
        match expression.explain(&profile, NOW.parse().unwrap(), None) {
            Ok(reason) if !expected.is_empty() => {
                let read: serde_json::Map<_, _> = reason.read.into_iter().collect();
                assert_eq!(serde_json::to_string(&read).unwrap(), expected, "{text}");
            }
            Ok(reason) => {
                assert_eq!(reason.read[0], ("orders[total > 15].count()".to_owned(), 2.into()), "{text}");
            }
            Err(_) => assert_eq!(expected, "error", "{text}"),
        }
    }
}

#[test]
fn the_item_that_decided_is_told_and_of_many_only_some() {
    let found = reason("exists O from orders where O.total > 15");
    let item = &found.because[0].items[0];
    assert_eq!((item.name.as_deref(), item.index, &item.value["total"]), (Some("O"), 1, &20.into()));
    let many = format!(r#"{{"n": [{}]}}"#, ["1"; 50].join(","));
    let profile: Object = serde_json::from_str(&many).unwrap();
    let none = parse("exists N from n where N > 5").unwrap();
    let reason = none.explain(&profile, NOW.parse().unwrap(), None).unwrap();
    assert_eq!((reason.because.len(), reason.more), (3, 47));
}

#[test]
fn as_a_document_it_leaves_out_what_is_empty_and_counts_characters() {
    let text = "\"ü\" = \"ü\" and (age > 50 or optIn)";
    let document = reason(text).in_characters(text).to_json();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn on_one_line_it_is_what_decided_and_what_that_read() {
    let told = |text: &str| reason(text).to_string();
    assert_eq!(told("age > 50 and optIn"), "`age > 50` is false, where `age` is 40; `optIn` is false");
    assert_eq!(told("plan = vip"), "`plan = vip` is false, where `plan` is \"gold\" and `vip` is null");
    assert_eq!(told("vip"), "`vip` is null");
    let all = "`orders.count() > 5` is false, where `orders.count()` is 3 and `orders` is [3 items]";
    assert_eq!(told("orders.count() > 5"), all);
}

#[test]
fn an_explanation_has_an_end_whatever_it_explains() {
    let numbers = vec!["1"; 3000].join(",");
    let profile: Object = serde_json::from_str(&format!("{{\"a\": [{numbers}]}}")).unwrap();
    let all = parse("forall A from a, B from a where A = B").unwrap();
    assert!(all.explain(&profile, NOW.parse().unwrap(), None).is_err());
}
