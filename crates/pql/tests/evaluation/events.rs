//! Chains. What Bobby did stands at [`common::events`](crate::common::events).

use crate::all;

/// Checks the steps of chains over the events by their time.
#[track_caller]
fn happened(expected: bool, steps: &[&str]) {
    let chains: Vec<String> =
        steps.iter().map(|steps| format!("CHAIN(xEvent, timestamp, [{steps}])")).collect();
    all(expected, &chains.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_step_asks_for_an_event() {
    happened(
        true,
        &[
            r#"A: WHAT(eventType = "order")"#,
            r#"A: WHAT(eventType.equals("VIEW", false))"#,
            r#"A: WHAT(web.page.URL like "/p%")"#,
            "A: WHAT(order.total > 100 and order.total < 200)",
            "A: WHAT(true)",
            "A: WHAT(order)",
            r#"A: WHAT(tags.includes("a"))"#,
            "WHEN: WHAT(true)",
            "and: WHAT(true)",
            "A: WHAT(order.currency.isNull() and order.isNotNull())",
            "A: WHAT(order.shipOn occurs after now)",
            "A: WHAT(order.paidAt occurs today) WHEN(yesterday)",
        ],
    );
    happened(
        false,
        &[
            r#"A: WHAT(eventType = "refund")"#,
            "A: WHAT(false)",
            "A: WHAT(order.currency)",
            "A: WHAT(order.total > 200)",
            // Both hold, but not of one event.
            r#"A: WHAT(eventType = "view" and order.total > 0)"#,
        ],
    );
    all(true, &["chain(xEvent, timestamp, [A: WHAT(true)])", "CHAIN($1.xEvent, timestamp, [A: WHAT(true)])"]);
    all(true, &["(P) => CHAIN(P.xEvent, timestamp, [A: WHAT(P.age = 42)]) and P.age = 42"]);
}

#[test]
fn in_a_chain_bare_names_are_of_the_event_and_a_caret_leads_to_the_profile() {
    happened(
        true,
        &[
            "A: WHAT(^age = 42)",
            "A: WHAT(^.age = 42)",
            "A: WHAT(tags != ^tags)",
            r#"A: WHAT(eventType = "view") WHERE(^partner.netWorthBand = "very high")"#,
            "A: WHAT($1.age = 42)",
            "A: WHAT(order.total > ^age)",
            "A: WHAT(age.isNull() and ^age = 42)",
            "A: WHAT(order.paidAt occurs before ^lastSeen)",
            r#"A: WHAT(inSegment("members"))"#,
            "A: WHAT(timestamp occurs <= 10 minutes before now)",
            "A: WHAT(timestamp.getDayOfMonth() = 25)",
            "A: WHAT(timestamp = \"2026-01-30T09:00:00Z\")",
        ],
    );
    happened(false, &["A: WHAT(^age = 41)", r#"A: WHAT(inSegment("others"))"#, "A: WHAT(age = ^age)"]);
    all(true, &["CHAIN(xEvent, timestamp, [A: WHAT(tags)]) and tags.count() = 3"]);
}

#[test]
fn steps_follow_each_other_in_time_whatever_the_order_of_the_events() {
    happened(
        true,
        &[
            r#"A: WHAT(eventType = "view"), B: WHAT(eventType = "cart")"#,
            r#"A: WHAT(eventType = "order"), B: WHAT(eventType = "view"), C: WHAT(eventType = "cart")"#,
            r#"A: WHAT(eventType = "cart"), B: WHAT(eventType = "view")"#,
            r#"A: WHAT(web.page.URL = "/"), B: WHAT(web.page.URL = "/paint"), C: WHAT(web.page.URL = "/now")"#,
            "A: WHAT(true), B: WHAT(true), C: WHAT(true), D: WHAT(true), E: WHAT(true), F: WHAT(true)",
        ],
    );
    happened(
        false,
        &[
            r#"A: WHAT(eventType = "cart"), B: WHAT(eventType = "order")"#,
            r#"A: WHAT(web.page.URL = "/paint"), B: WHAT(web.page.URL = "/")"#,
            r#"A: WHAT(eventType = "order"), B: WHAT(eventType = "order")"#,
            // Seven events, two of which happened at once.
            "A: WHAT(true), B: WHAT(true), C: WHAT(true), D: WHAT(true), E: WHAT(true), F: WHAT(true), G: WHAT(true)",
        ],
    );
    // What happens at the same time is in no order.
    happened(
        false,
        &[
            r#"A: WHAT(eventType = "cart"), B: WHAT(eventType = "search")"#,
            r#"A: WHAT(eventType = "search"), B: WHAT(eventType = "cart")"#,
        ],
    );
}

#[test]
fn chains_side_by_side_are_in_no_order() {
    let cart = r#"CHAIN(xEvent, timestamp, [A: WHAT(eventType = "cart")])"#;
    let order = r#"CHAIN(xEvent, timestamp, [A: WHAT(eventType = "order")])"#;
    let refund = r#"CHAIN(xEvent, timestamp, [A: WHAT(eventType = "refund")])"#;
    all(true, &[&format!("{cart} and {order}"), &format!("{order} and {cart}"), &format!("not ({refund})")]);
    all(
        true,
        &[&format!("{cart} and not {refund}"), &format!("{refund} or {order}"), &format!("{cart} = true")],
    );
    all(false, &[&format!("{cart} and {refund}"), &format!("not {cart}")]);
}

#[test]
fn a_window_says_when_the_event_of_a_step_happened() {
    happened(
        true,
        &[
            r#"A: WHAT(eventType = "view") WHEN(today)"#,
            r#"A: WHAT(eventType = "order") WHEN(on yesterday)"#,
            r#"A: WHAT(eventType = "order") WHEN(>= 24 hours before now)"#,
            r#"A: WHAT(eventType = "view") WHEN(last week)"#,
            r#"A: WHAT(eventType = "view") WHEN(< 30 minutes before now), B: WHAT(eventType = "cart") WHEN(<= 5 minutes before now)"#,
            r#"A: WHAT(eventType = "view") WHEN(between date(2026, 1, 25) and date(2026, 1, 25))"#,
            r#"A: WHAT(eventType = "order") WHEN(before ^lastSeen)"#,
            r#"A: WHAT(eventType = "order") WHEN(<= 1 day before order.paidAt)"#,
            "A: WHAT(true) WHEN(now)",
        ],
    );
    happened(
        false,
        &[
            r#"A: WHAT(eventType = "order") WHEN(today)"#,
            r#"A: WHAT(eventType = "order") WHEN(<= 24 hours before now)"#,
            r#"A: WHAT(web.page.URL = "/") WHEN(< 30 minutes before now)"#,
            r#"A: WHAT(eventType = "view") WHEN(<= 5 minutes before now)"#,
            // What happens at this very instant does not lie before it.
            r#"A: WHAT(web.page.URL = "/now") WHEN(<= 24 hours before now)"#,
            "A: WHAT(true) WHEN(after now)",
            r#"A: WHAT(eventType = "cart") WHEN(today), B: WHAT(true) WHEN(yesterday)"#,
            // Only an order has been paid.
            r#"A: WHAT(eventType = "view") WHEN(before order.paidAt)"#,
        ],
    );
}

#[test]
fn a_count_asks_for_so_many_events_at_least_and_the_next_step_follows_the_last_of_them() {
    happened(
        true,
        &[
            r#"A: WHAT(eventType = "view") COUNT(4)"#,
            r#"A: WHAT(eventType = "view") COUNT(3), B: WHAT(eventType = "cart")"#,
            r#"A: WHAT(eventType = "view") COUNT(3), B: WHAT(eventType = "cart"), C: WHAT(eventType = "view")"#,
            r#"A: WHAT(eventType = "view") COUNT(1)"#,
            // Those of one step may happen at once.
            r#"A: WHAT(eventType in ["cart", "search"]) COUNT(2), B: WHAT(true)"#,
            "A: WHAT(true) COUNT(7)",
            r#"A: WHAT(eventType = "view") WHEN(today) WHERE(web.page.views = 1) COUNT(3)"#,
            r#"A: WHAT(eventType = "view") COUNT(3) WHERE(web.page.views = 1) WHEN(today)"#,
        ],
    );
    happened(
        false,
        &[
            r#"A: WHAT(eventType = "view") COUNT(5)"#,
            r#"A: WHAT(eventType = "view") COUNT(4), B: WHAT(true)"#,
            r#"A: WHAT(eventType = "view") COUNT(3), B: WHAT(eventType = "order")"#,
            r#"A: WHAT(eventType = "view") WHEN(today) COUNT(4)"#,
            "A: WHAT(true) COUNT(8)",
            "A: WHAT(true) COUNT(18446744073709551615)",
            "A: WHAT(true) COUNT(4), B: WHAT(true) COUNT(4)",
        ],
    );
}

#[test]
fn a_chain_may_be_ordered_by_another_time_of_its_events() {
    let by = |time: &str, steps: &str| format!("CHAIN(xEvent, {time}, [{steps}])");
    all(
        true,
        &[
            &by("order.paidAt", r#"A: WHAT(eventType = "order") WHEN(today)"#),
            &by("order.shipOn", r#"A: WHAT(eventType = "order") WHEN(next week)"#),
        ],
    );
    // Events without that time are none of the chain.
    all(
        false,
        &[
            &by("order.paidAt", r#"A: WHAT(eventType = "view")"#),
            &by("order.paidAt", "A: WHAT(true) COUNT(2)"),
        ],
    );
}
