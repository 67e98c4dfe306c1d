//! What expressions answer that have parts which predicates do not: the schema is checked, and the tree is walked.

use domain::value::Value;
use jiff::Timestamp;
use pql::{Page, Planner, Reference, Subject};

use crate::all;

#[test]
fn the_whole_language_is_evaluated_on_profiles_of_a_schema() {
    all(
        true,
        &[
            "xEvent.count() = 7",
            r#"xEvent[eventType = "view"].count() = 4"#,
            "exists e from xEvent where e.order.total > 100 and e.timestamp occurs yesterday",
            r#"(select e from xEvent where e.eventType = "view").count() > 3"#,
            "xEvent.sum(order.total) = 120.5",
            "xEvent[order.total > ^age].count() = 1",
            "scores[this > 1].count() = 1",
            "scores.sum() = 3",
            "tags.intersection(moreTags).head() = \"c\"",
            "limits.get(\"card\") = 500",
            "limits.card > 400",
            "let x = age in x > 40 and x < 50",
            "if(hasAdvisor, 1, 2) = 2",
            "orders.total.count() = 0",
            "forall o from orders : o.total > 1",
            "inSegment(\"members\") and orders.count() = 0",
            "name.first.regexGroup(\"^(B)\", 1) = \"B\"",
            r#"CHAIN(xEvent, timestamp, [A: WHAT(eventType = "view"), B: WHAT(eventType = "cart") WHEN(<= 5 minutes after A)])"#,
            "CHAIN(xEvent[order.total > 100], timestamp, [A: WHAT(true)])",
        ],
    );
    all(
        false,
        &[
            "xEvent[order.total > 1000]",
            "not (inSegment(\"members\")) or orders.exists()",
            "let x = numberMissing in x = 1 or x != 1",
            "if(hasAdvisor, 1, 2) = 1",
        ],
    );
}

#[test]
fn values_of_maps_have_the_type_that_the_schema_says() {
    for text in [
        "limits.get(\"card\") like \"5%\"",
        "limits.card.contains(\"5\")",
        "limits.values().head().contains(\"5\")",
        "limits.exists(this.contains(\"5\"))",
        "exists limit from limits where limit.contains(\"5\")",
        "tags.groupBy(this).get(\"a\").sum() > 1",
    ] {
        let faults = crate::common::check(&pql::parse(text).unwrap()).unwrap_err();
        assert!(faults.iter().all(|fault| fault.to_string().contains(" takes ")), "{text}: {faults:?}");
    }
}

#[test]
fn nobody_is_in_an_audience_for_not_being_in_one_that_has_no_answer_for_them() {
    let texts = [
        "scores.sum() > 100",
        "not inSegment(\"0\")",
        "age > 1",
        "not inSegment(\"1\")",
        "inSegment(\"2\") and (not inSegment(\"0\") or age > 1)",
        "tags.exists(not inSegment(\"0\"))",
    ];
    let mut planner = Planner::default();
    for text in texts {
        let checked = crate::common::check(&pql::parse(text).unwrap()).unwrap();
        planner.add(&checked, 0, |id| Some(Reference::Expression(id.parse().unwrap())));
    }
    let plan = planner.finish();
    // A list of numbers that holds a text, against the schema.
    let (fine, mut odd) = (crate::common::profile(), crate::common::profile());
    odd.insert("scores".to_owned(), Value::Array(vec![Value::String("many".to_owned())]));
    let (fine, odd) = ([fine], [odd]);
    for size in [2, 100, 600] {
        let of = |place| if place + 1 == size { &odd } else { &fine };
        let people: Vec<_> =
            (0..size).map(|place| Subject { attributes: of(place), events: &[], audiences: &[] }).collect();
        let answers = Page::new(&plan, &people, Timestamp::UNIX_EPOCH).evaluate();
        let found =
            |row: usize| (0..texts.len()).map(|number| answers.holds(number, row)).collect::<Vec<_>>();
        assert_eq!(found(0), [false, true, true, false, true, true], "of {size}");
        assert_eq!(found(size - 1), [false, false, true, false, false, false], "of {size}");
    }
}
