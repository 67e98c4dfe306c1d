//! What an expression reads: labels are inherited through this, and the edge keeps no more of events.

use pql::Checked;

use crate::common;

fn checked(text: &str) -> Checked {
    let expression = pql::parse(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
    common::check(&expression).unwrap_or_else(|errors| panic!("{}", errors[0].render(text)))
}

fn reads(text: &str) -> Vec<String> {
    checked(text).reads().iter().map(|path| path.as_str().to_owned()).collect()
}

#[test]
fn every_part_of_an_expression_lists_what_it_reads() {
    let chain = |steps: &str| format!("CHAIN(xEvent, timestamp, [{steps}])");
    for (text, expected) in [
        ("age = 42 or partner.homeOwner", vec!["age", "partner.homeOwner"]),
        ("not (tags.isNull())", vec!["tags"]),
        ("name.isNotNull()", vec!["name"]),
        ("(P) => P.age = $1.month", vec!["age", "month"]),
        ("lastSeen occurs today", vec!["lastSeen"]),
        ("lastSeen occurs before birthDate", vec!["birthDate", "lastSeen"]),
        ("lastSeen occurs <= 3 days after birthDate", vec!["birthDate", "lastSeen"]),
        ("lastSeen occurs between birthDate and dateMissing", vec!["birthDate", "dateMissing", "lastSeen"]),
        ("lastSeen occurs on date(age, $1.month, 1)", vec!["age", "lastSeen", "month"]),
        (&chain("A: WHAT(true)"), vec!["xEvent.timestamp"]),
        (&chain("A: WHAT(false and order.total > 1)"), vec!["xEvent.order.total", "xEvent.timestamp"]),
        (&chain("A: WHAT(order)"), vec!["xEvent.order", "xEvent.timestamp"]),
        (&chain("A: WHAT(^age = 1) WHERE(age = 2)"), vec!["age", "xEvent.age", "xEvent.timestamp"]),
        (
            &chain(
                "A: WHAT(true) WHEN(before order.paidAt), B: WHAT(true) WHEN(between order.shipOn and ^lastSeen)",
            ),
            vec!["lastSeen", "xEvent.order.paidAt", "xEvent.order.shipOn", "xEvent.timestamp"],
        ),
        (
            &chain("A: WHAT(true) WHEN(= 1 day before date(^age, 1, age))"),
            vec!["age", "xEvent.age", "xEvent.timestamp"],
        ),
        (
            "CHAIN(xEvent, order.paidAt, [A: WHAT(eventType)])",
            vec!["xEvent.eventType", "xEvent.order.paidAt"],
        ),
        (&format!("tags and {}", chain("A: WHAT(tags)")), vec!["tags", "xEvent.tags", "xEvent.timestamp"]),
    ] {
        assert_eq!(reads(text), expected, "{text}");
    }
}

#[test]
fn what_is_walked_reads_arrays_and_maps_as_a_whole() {
    let events =
        ["age", "eventType", "order", "tags", "timestamp", "web"].map(|name| format!("xEvent.{name}"));
    for (text, expected) in [
        ("let x = name.first in x = \"a\" and age = 1", vec!["age", "name.first"]),
        ("orders.total.sum() > 1", vec!["orders"]),
        ("orders[total > ^balance and ^^.age = 1]", vec![]),
        ("orders[total > ^balance and tags = 1]", vec![]),
        ("orders[total > ^balance]", vec!["balance", "orders"]),
        (
            "exists o from orders where o.total > partner.recentMortgage",
            vec!["orders", "partner.recentMortgage"],
        ),
        ("if(hasAdvisor, name, name).isNull()", vec!["hasAdvisor", "name"]),
        ("limits.get(name.first) = 1", vec!["limits", "name.first"]),
        ("(P) => P.orders.exists(total = P.age)", vec!["age", "orders"]),
        ("let n = name in n.first = \"a\"", vec!["name"]),
        ("if(true, xEvent, xEvent).count() = 1", events.iter().map(String::as_str).collect()),
        ("inSegment(\"a\") and orders[total > 1]", vec!["orders"]),
    ] {
        match expected.as_slice() {
            [] => assert!(common::check(&pql::parse(text).unwrap()).is_err(), "{text}"),
            expected => assert_eq!(reads(text), expected, "{text}"),
        }
    }
    let walked = checked("inSegment(\"a\") and orders[total > 1]");
    assert!(
        walked.audiences().any(|id| id == "a")
            && !walked.reads_events()
            && walked.edge_eligibility().is_err()
    );
    assert!(checked("xEvent.count() = 1").reads_events());
}

#[test]
fn what_is_read_of_events_is_told_apart() {
    let events =
        checked("age = 42 and CHAIN(xEvent, timestamp, [A: WHAT(order.total > ^balance and age = 1)])");
    let paths: Vec<&str> = events.event_reads().iter().map(|path| path.as_str()).collect();
    assert_eq!(paths, ["age", "order.total", "timestamp"]);
    assert!(events.reads_events());
    let profile = checked("age = 42 and lastSeen occurs today");
    assert!(profile.event_reads().is_empty() && !profile.reads_events());
}

#[test]
fn the_edge_takes_what_needs_the_profile_and_a_day_of_events() {
    for text in [
        "age = 42",
        "lastSeen occurs <= 7 days before now",
        "inSegment(\"members\") and age = 42",
        "CHAIN(xEvent, timestamp, [A: WHAT(true) WHEN(today)]) and age = 42",
        "not CHAIN(xEvent, timestamp, [A: WHAT(true) WHEN(today), B: WHAT(true) WHEN(<= 24 hours before now) COUNT(3)])",
    ] {
        assert_eq!(checked(text).edge_eligibility(), Ok(()), "{text}");
    }
}

#[test]
fn the_edge_takes_steps_whose_window_begins_within_24_hours_before_now() {
    let is_eligible = |window: &str| {
        let text = format!("CHAIN(xEvent, timestamp, [A: WHAT(true) WHEN({window})])");
        checked(&text).edge_eligibility().is_ok()
    };
    for window in [
        "today",
        "on today",
        "now",
        "tomorrow",
        "this hour",
        "this minute",
        "last hour",
        "next week",
        "after yesterday",
        "after today",
        "after last hour",
        "after now",
        "<= 24 hours before now",
        "< 30 minutes before now",
        "<= 1 day before now",
        "= 1 hour before now",
        "<= 86400 seconds before now",
        "<= 86400000 milliseconds before now",
        "<= 23 hours before this hour",
        "<= 12 hours after today",
        "> 12 hours after today",
        "< 3 months after now",
        "between today and now",
        "between today and tomorrow",
        "between last hour and now",
    ] {
        assert!(is_eligible(window), "{window}");
    }
    for window in [
        "yesterday",
        "this week",
        "last week",
        "this month",
        "last month",
        "before now",
        "before today",
        "after last week",
        "after last month",
        "date(2026, 1, 31)",
        "after date(2026, 1, 31)",
        "^lastSeen",
        "before ^lastSeen",
        "<= 25 hours before now",
        "<= 1441 minutes before now",
        "<= 2 days before now",
        "<= 1 week before now",
        "<= 1 month before now",
        "<= 18446744073709551615 milliseconds before now",
        "> 1 hour before now",
        ">= 24 hours before now",
        "!= 1 hour before now",
        "!= 1 hour after now",
        "<= 24 hours before this hour",
        "<= 1 hour before today",
        "<= 1 hour after yesterday",
        "<= 1 hour before ^lastSeen",
        "<= 1 hour after timestamp",
        "between yesterday and now",
        "between ^lastSeen and now",
    ] {
        assert!(!is_eligible(window), "{window}");
    }
}
