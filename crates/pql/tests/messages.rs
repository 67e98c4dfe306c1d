//! What is said of texts that are no expressions, and of expressions that do not fit the schema.

#[cfg(test)]
mod common;

use domain::schema::{Field, FieldType, Fields};
use domain::value::Value;
use insta::assert_snapshot;
use pql::Schemas;

/// Every expression with what is said of it.
fn messages(expressions: &[&str]) -> String {
    let mut messages = String::new();
    for text in expressions {
        let errors = match pql::parse(text) {
            Ok(expression) => common::check(&expression).err().unwrap_or_default(),
            Err(error) => vec![error],
        };
        assert!(!errors.is_empty(), "{text}");
        for error in errors {
            messages += &error.render(text);
            messages += "\n\n";
        }
    }
    messages
}

#[test]
fn of_characters_that_form_no_token() {
    assert_snapshot!(messages(&[
        "name = “Bobby”",
        "name = ‘Bobby’",
        "näme = 1",
        "age # 1",
        "age == 42",
        "age = 42 && true",
        "age = 42 || true",
        "age <> 42",
        r#"name.first = "Bobby"#,
        r#"name.first = "Bob\"#,
        r#"name.first.matches("\d")"#,
        r#""\u12""#,
        r#""\uD83D""#,
        "age = 4x",
        "age = 1e999",
        "age = 99999999999999999999",
        "age = 9223372036854775808",
        "$ = 1",
        "$0.age = 1",
        "age = 1.",
    ]));
}

#[test]
fn of_tokens_that_form_no_expression() {
    assert_snapshot!(messages(&[
        "",
        "age =",
        "= 42",
        "(age = 42",
        "age = 42)",
        "age = 42 name",
        "age = 42 AND true",
        "age = 42 and",
        "and age = 42",
        "1 < age < 99",
        "name.first = not true",
        "age in (1, 2",
        "age in ()",
        "age in [1 2]",
        "age in [1,]",
        "name.",
        "name.first.contains(\"b\"",
        "(a, b) = 1",
        "(P) => ",
        "month = 7",
        "in = \"side\"",
        "today.x and today",
        "age @ 1",
        "name\n  .first = 'Bobby'\n  and and",
    ]));
}

#[test]
fn of_parts_of_the_language_that_are_walked() {
    assert_snapshot!(messages(&[
        "exists o from order where o.total > 1",
        "exists o from orders where o.totl > 1",
        "orders[totl > 1]",
        "orders.totl = 1",
        "xEvent.order.totl.sum() > 1",
        "let x = agee in x > 1",
        "sum o.total over o from tag",
        "orders[total = \"much\"]",
        "orders.exists(total.contains(\"a\"))",
        "if(hasAdvisor, name.frst, 2) = 1",
        "(P) => (let x = P in x.age > 1)",
        "if(inSegment(name.first), true, false)",
        "age.map(this)",
    ]));
}

#[test]
fn of_names_without_meaning() {
    assert_snapshot!(messages(&[
        "agee = 42",
        "Age = 42",
        "partner.netWorthBnd = \"high\"",
        "name.first.second = 1",
        "netWorthBand = \"high\"",
        "something = 1",
        "(P) => P",
        "$1 = 1",
        "$2.age = 1",
        "(P, Q) => Q.age = 1",
        "name.first.startWith(\"B\")",
        "name.first.frobnicate()",
        "startsWith(\"B\")",
        "name.inSegment(\"B\")",
        "name.first.contains()",
        "name.first.contains(\"a\", true, 1)",
        "name.first.isNull(1)",
        "name.first.contains(\"a\").x",
        "nme.first = \"a\" and agee = 1 or name.frst = \"b\"",
    ]));
}

#[test]
fn of_values_of_the_wrong_type() {
    assert_snapshot!(messages(&[
        "age = \"old\"",
        "\"old\" = age",
        "age = true",
        "age = name",
        "name.first = age",
        "tags = \"a\"",
        "tags = [birthDate]",
        "birthDate = \"yesterday\"",
        "birthDate < \"2000-01-01\"",
        "name.first < \"C\"",
        "age > hasAdvisor",
        "name.first + 1 = 2",
        "-name.first = 2",
        "age.contains(\"4\")",
        "name.first.contains(4)",
        "name.first.contains(\"a\", 1)",
        "name.first.contains(\"a\", hasAdvisor)",
        "age like \"4%\"",
        "name.first like name.last",
        "name.first.matches(5)",
        "name.first.matches(\"(\")",
        "name.first.matches(\"a(?=b)\")",
        "name.first.matches(\"(a)\\\\1\")",
        "name.first.matches(\"a*+\")",
        "name.first.matches(\"(?U)a\")",
        "name.first.matches(\"a{1000}{1000}\")",
        "name.first in \"Bobby\"",
        "name.first in name",
        "age in tags",
        "[1, \"a\"].count() = 2",
        "tags.intersects(\"a\")",
        "tags.intersects(scores)",
        "age.count() = 1",
        "name.first.getYear() = 1",
        "inSegment(name.first)",
        "inSegment(5)",
        "age = ((x) => x)",
    ]));
}

#[test]
fn of_values_where_a_condition_is_expected() {
    let misplaced = |text: &&str| {
        let checked = common::check(&pql::parse(text).unwrap()).unwrap();
        let errors = checked.misplaced_values().iter().map(|error| error.render(text) + "\n\n");
        errors.collect::<String>()
    };
    let none =
        ["hasAdvisor", "tags", "not objectMissing", "limits and name", "select o from orders where true"];
    assert_eq!(none.iter().map(misplaced).collect::<String>(), "", "what is there or not may be asked of");
    let some = [
        "\"x\"",
        "balance",
        "birthDate",
        "name.first.startsWith(\"B\") and 5",
        "not age",
        "hasAdvisor or tags.count()",
        "CHAIN(xEvent, timestamp, [A: WHAT(\"view\")])",
        "orders[total]",
        "orders.exists(total)",
        "exists o from orders where o.total",
        "if(age, true, false)",
        "let x = age in x",
        "(P) => orders.head().total",
    ];
    assert_snapshot!(some.iter().map(misplaced).collect::<String>());
}

#[test]
fn of_values_that_a_field_never_has() {
    let limited = |kind, allowed: &[&str], minimum, maximum| Field {
        allowed: allowed.iter().map(|text| Value::String((*text).to_owned())).collect(),
        minimum,
        maximum,
        ..Field::of(kind)
    };
    let inner = [("share".to_owned(), limited(FieldType::Double, &[], Some(0.0), Some(1.0)))];
    let profile = Fields::from([
        ("tier".to_owned(), limited(FieldType::String, &["basic", "plus"], None, None)),
        ("level".to_owned(), limited(FieldType::String, &["1", "2"], None, None)),
        ("age".to_owned(), limited(FieldType::Integer, &[], Some(18.0), None)),
        ("partner".to_owned(), Field::of(FieldType::Object(inner.into()))),
    ]);
    let events = Fields::from([("kind".to_owned(), limited(FieldType::String, &["view"], None, None))]);
    let schemas = Schemas { profile: &profile, events: &events };
    let impossible = |text: &&str| {
        let expression = pql::parse(text).unwrap();
        assert!(expression.check(&schemas).is_ok(), "{text} is right all the same");
        let errors = expression.impossible_values(&schemas);
        errors.iter().map(|error| error.render(text) + "\n\n").collect::<String>()
    };
    let none = [
        r#"tier = "plus" and tier in ["basic", "plus"] and level = 2"#,
        "age >= 18 and age <= 18 and age > 18 and 1000 > age",
        "partner.share > 0.99 and partner.share < 1 and partner.share >= 1",
        r#"CHAIN(xEvent, timestamp, [A: WHAT(kind = "view" and ^tier = "plus")])"#,
        r#"tier.contains("gold") or tier = level"#,
    ];
    assert_eq!(none.iter().map(impossible).collect::<String>(), "");
    let some = [
        r#"not (tier = "gold") or tier != "Plus""#,
        r#"tier in ["gold", "plus", "silver"]"#,
        r#""gold" = tier"#,
        "level = 5",
        "age < 18 and age <= 17 and 18 > age",
        "partner.share > 1 and partner.share < -0.5",
        "(P) => P.partner.share = 2 and $1.age = 3",
        r#"CHAIN(xEvent, timestamp, [A: WHAT(kind = "order") WHERE(^tier = "gold")])"#,
    ];
    assert_snapshot!(some.iter().map(impossible).collect::<String>());
}

#[test]
fn of_windows_that_are_none() {
    assert_snapshot!(messages(&[
        "lastSeen occurs",
        "lastSeen occurs on",
        "lastSeen occurs before",
        "lastSeen occurs last",
        "lastSeen occurs last fortnight",
        "lastSeen occurs <= 3",
        "lastSeen occurs <= 3 days",
        "lastSeen occurs <= 3 days ago",
        "lastSeen occurs <= -3 days before now",
        "lastSeen occurs <= 1.5 days before now",
        "lastSeen occurs <= age days before now",
        "lastSeen occurs between yesterday",
        "lastSeen occurs between yesterday, today",
        "lastSeen occurs today = true",
        "age = lastSeen occurs today",
        "lastSeen = today",
        "lastSeen < now",
        "lastSeen < birthDate",
        "name.first occurs today",
        "age occurs today",
        "lastSeen occurs before name.first",
        "lastSeen occurs before \"soon\"",
        "lastSeen occurs before tags",
        "lastSen occurs before birthDte",
        "birthDate = date(2026, 2, 29)",
        "birthDate = date(2026, 13, 1)",
        "birthDate = date(2026, 1.5, 1)",
        "birthDate = date(99999, 1, 1)",
        "birthDate = date(2026, 1)",
        "birthDate = date(\"this year\", 1, 1)",
    ]));
}

#[test]
fn of_chains_that_are_none() {
    assert_snapshot!(messages(&[
        "CHAIN(xEvent, timestamp)",
        "CHAIN(xEvent, [A: WHAT(true)])",
        "CHAIN(xEvent, timestamp, [])",
        "CHAIN(xEvent, timestamp, [WHAT(true)])",
        "CHAIN(xEvent, timestamp, [A: what(true)])",
        "CHAIN(xEvent, timestamp, [A: WHEN(today)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(true) AND(true)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(true) WHEN(today) WHEN(now)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(true) WHEN(3)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(true) WHEN()])",
        "CHAIN(xEvent, timestamp, [A: WHAT(true) COUNT(0)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(true) COUNT(-1)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(true) COUNT(many)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(true), A: WHAT(true)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(CHAIN(^xEvent, timestamp, [B: WHAT(true)]))])",
        "CHAIN(orders, timestamp, [A: WHAT(true)])",
        "CHAIN(5, timestamp, [A: WHAT(true)])",
        "CHAIN(xEvent, eventType, [A: WHAT(true)])",
        "CHAIN(xEvent, ^lastSeen, [A: WHAT(true)])",
        "CHAIN(xEvent, date(2026, 1, 1), [A: WHAT(true)])",
        "CHAIN(xEvent, timestmp, [A: WHAT(true)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(evntType = 1)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(order.totl = 1)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(total = 1)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(balance = 1)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(in = 1 and month = 1)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(month = 1)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(^agee = 1)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(^eventType = 1)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(something = ^something)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(timestamp.hour = 1)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(^^age = 1)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(order.total = \"much\")])",
        "CHAIN(xEvent, timestamp, [A: WHAT(true)]) and lastSeen occurs after A",
        "CHAIN(xEvent, timestamp, [A: WHAT(true)]) and month = 7",
        "eventType = \"view\"",
        "timestamp occurs today",
        "^age = 42",
        "^",
        "^^.5",
    ]));
}

#[test]
fn of_what_the_edge_has_not() {
    let mut messages = String::new();
    for text in [
        "CHAIN(xEvent, timestamp, [A: WHAT(true), B: WHAT(true) WHEN(today)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(true) WHEN(<= 8 days before now)])",
        "CHAIN(xEvent, timestamp, [A: WHAT(true) WHEN(today)]) and inSegment(\"members\")",
        "CHAIN(xEvent, order.paidAt, [A: WHAT(true) WHEN(today)])",
    ] {
        let checked = common::check(&pql::parse(text).unwrap()).unwrap();
        for error in checked.edge_eligibility().unwrap_err() {
            assert_eq!(error.kind, pql::ErrorKind::Edge);
            messages += &error.render(text);
            messages += "\n\n";
        }
    }
    assert_snapshot!(messages);
}

#[test]
fn of_what_is_too_much() {
    let deep = format!("{}true{}", "(".repeat(1000), ")".repeat(1000));
    let negated = format!("{}true", "!".repeat(50_000));
    let negative = format!("{}1", "- ".repeat(30_000));
    let chained = format!("1{} = 1", " + 1".repeat(10_000));
    let path = format!("a{} = 1", ".a".repeat(30_000));
    let lists = format!("age in {}", "[".repeat(60_000));
    let nested = "age in (".repeat(8_000);
    let lambdas = "(a) => ".repeat(9_000);
    let patterns = vec!["name.first.matches(\"a\")"; 129].join(" or ");
    let long = " ".repeat(64 * 1024 + 1);
    let windows = format!("{}true", "age occurs before (".repeat(3_000));
    let times = format!("age occurs {}", "date(".repeat(9_000));
    let chains = "CHAIN(".repeat(9_000);
    let steps = "CHAIN(a, b, [A: WHAT(true) WHERE(".repeat(1_500);
    for text in [&deep, &negated, &negative, &chained, &path, &lists, &nested, &lambdas] {
        let error = pql::parse(text).unwrap_err();
        assert!(error.message.contains("more than 64 levels deep"), "{}: {error}", &text[..20]);
    }
    for text in [&windows, &times, &chains, &steps] {
        let error = pql::parse(text).unwrap_err();
        assert!(error.message.contains("more than 64 levels deep"), "{}: {error}", &text[..20]);
    }
    let error = pql::parse(&long).unwrap_err();
    assert_snapshot!(error, @"expression has 65537 bytes, and at most 65536 are allowed; split the audience into several and join them with `inSegment`");
    let errors = common::check(&pql::parse(&patterns).unwrap()).unwrap_err();
    assert_snapshot!(errors[0], @"expression has more than 128 patterns; use `contains` or `startsWith` where no pattern is needed, or split the audience");
}

#[test]
fn the_deepest_expressions_need_little_stack() {
    let deep = |times, open: &str, close: &str| format!("{}true{}", open.repeat(times), close.repeat(times));
    let texts = [
        deep(120, "(", ")"),
        deep(62, "not ", ""),
        deep(31, "not (false or ", ")"),
        deep(62, "true = (", ")"),
        deep(61, "[", "]"),
        deep(61, "lastSeen occurs before (", ")"),
        deep(61, "CHAIN(a, b, [A: WHAT(true) WHERE(", ")])"),
        deep(61, "CHAIN(a, b, [A: WHAT(true) WHEN(before (", "))])"),
    ];
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let thread = small.spawn(move || {
        for text in texts {
            let tree = pql::parse(&text).unwrap_or_else(|error| panic!("{}", error.render(&text)));
            // Not all of them mean something.
            let _ = common::check(&tree).map(|checked| pql::Planner::default().add(&checked, 0, |_| None));
            assert_eq!(pql::parse(&tree.to_string()), Ok(tree), "{text}");
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn a_long_chain_of_conditions_is_not_deep() {
    let text = vec!["age = 42"; 4_000].join(" and ");
    assert_eq!(common::evaluate(&text), Ok(true));
}
