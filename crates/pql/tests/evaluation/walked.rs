//! What expressions answer that have parts which predicates do not: the schema is checked, and the tree is walked.

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
