//! Nothing that a line says takes work or memory without end: what is too much is told, by steps that are counted and not by
//! time.

#![expect(clippy::unwrap_used, reason = "an answer of another form fails the test")]

use jiff::Timestamp;
use pql::line::{Answer, Task, answer};
use serde_json::{Value as Json, json};

/// Each takes more steps than there may be, if all that it looks at is counted.
const TOO_MUCH: [&str; 28] = [
    "exists a from xs, b from xs, c from xs where a + b + c < 0",
    "select a from xs, b from xs, c from xs",
    "xs.map(^xs.map(^^xs.map(^^^xs.distinct())))",
    // The same text is looked through again and again,
    "xs.map(^text.contains(\"b\", false))",
    "xs.map(\"b\".contains(^text, false))",
    "xs.map(^text like \"%b%\")",
    "xs.map(^text.regexGroup(\"(b)\"))",
    "xs.map(^digits = this)",
    "xs.map(this < ^digits)",
    "xs.map(^digits.getYear())",
    // or copied.
    "xs.map(^text)",
    "xs.map(mapEntry(^text, 1))",
    "xs.topN(^text, 1)",
    "xs.min(^text)",
    "max text over x from xs",
    // The same items are looked at again and again.
    "xs.map(^xs.includes(0))",
    "xs.map(0 in ^xs)",
    "xs.map(^xs = [0])",
    "xs.map($1 = ^members)",
    "xs.map(inSegment(\"nobody\"))",
    "let pairs = xs.map(mapEntry(this, 1)) in xs.map(pairs.none)",
    "zeros.intersects(ones)",
    "zeros.intersection(ones)",
    "let some = xs.map(if(this < 1500, this, ^none)) in some.distinct().count() + some.distinct().count()",
    "let a = [xs, xs, xs, xs] in let b = [a, a, a, a] in let c = [b, b, b, b] in let d = [c, c, c, c] in let e = [d, d, d, d] in [e, e, e]",
    "let a = [xs, xs, xs, xs] in let b = [a, a, a, a] in let c = [b, b, b, b] in let d = [c, c, c, c] in let e = [d, d, d, d] in let f = [e, e, e, e] in [f, f, f, f] = [f, f, f, f]",
    "xs.map(CHAIN(^events, timestamp, [A: WHAT(^^xs.count() > 0), B: WHAT(true) WHEN(> 1 days after A)]))",
    "xs.map(^members.keys())",
];

fn asked(expression: &str, task: Task) -> Answer {
    let many = 3_000;
    let members: Vec<(String, Json)> =
        (0..many).map(|number| (format!("m{number}"), json!(number))).collect();
    let profile = json!({
        "xs": (0..many).collect::<Vec<_>>(),
        "zeros": vec![0; 100_000],
        "ones": vec![1; 100_000],
        "text": "a".repeat(100_000),
        "digits": format!("2026-01-31T{}", "1".repeat(100_000)),
        "members": members.into_iter().collect::<serde_json::Map<_, _>>(),
        "events": (0..many).map(|at| json!({ "timestamp": at })).collect::<Vec<_>>(),
        "segmentMembership": { "ups": vec![json!({}); many] },
    });
    let question = json!({ "expression": expression, "profile": profile, "as": "value" });
    answer(1, question.to_string().as_bytes(), task, Timestamp::UNIX_EPOCH)
}

/// What an answer says is wrong, if it says so.
fn fault(answer: Answer) -> Option<String> {
    let error = answer.outcome.err()?;
    Some(error.get("message").unwrap().as_str().unwrap().to_owned())
}

/// `let` upon `let`, each of which holds the one before twice.
fn doubled(first: &str, times: usize, body: &str) -> String {
    let lets: String =
        (1..=times).map(|number| format!("let x{number} = [x{0}, x{0}] in ", number - 1)).collect();
    format!("let x0 = {first} in {lets}{}", body.replace("LAST", &format!("x{times}")))
}

#[test]
fn what_is_too_much_work_is_told() {
    let within: Vec<_> = TOO_MUCH
        .into_iter()
        .filter(|text| {
            !fault(asked(text, Task::Evaluate)).is_some_and(|told| told.contains("takes more than"))
        })
        .collect();
    assert!(within.is_empty(), "answered: {within:#?}");
}

#[test]
fn what_a_text_doubles_is_counted_as_often_as_it_is_there() {
    for (text, task) in [
        (doubled("[{\"n\": 1}]", 40, "LAST.n"), Task::Evaluate),
        (doubled("[{\"n\": 1}]", 40, "LAST.n.count() > 0"), Task::Explain),
        (doubled("members", 40, "LAST.m1"), Task::Evaluate),
        (doubled("xs", 40, "LAST"), Task::Evaluate),
        (doubled("xs", 40, "LAST = LAST"), Task::Evaluate),
    ] {
        let told = fault(asked(&text, task)).unwrap();
        assert!(told.contains("takes more than"), "{text}: {told}");
    }
}

#[test]
fn types_of_what_a_text_doubles_are_found_without_looking_at_it_so_often() {
    for first in ["$1", "[$1]", "members", "xs"] {
        assert_eq!(fault(asked(&doubled(first, 50, "LAST.count() > 0"), Task::Check)), None, "{first}");
    }
    // Two that differ are another one each time that they are joined.
    let lets: String =
        (2..60).map(|number| format!("let x{number} = [x{}, x{}] in ", number - 1, number - 2)).collect();
    let text = format!("let x0 = [$1, members] in let x1 = [members, $1] in {lets}true");
    assert_eq!(fault(asked(&text, Task::Check)), None);
}

#[test]
fn an_explanation_that_says_the_same_again_and_again_is_counted() {
    let lets: String = (0..50).map(|number| format!("let x{number} = 1 in ")).collect();
    let items: String = (0..50).map(|number| format!(", x{number} from [1] where x{number} = 1")).collect();
    for text in [format!("{lets}zeros"), format!("exists x from [zeros]{items}")] {
        let told = fault(asked(&text, Task::Explain)).unwrap();
        assert!(told.contains("takes more than"), "{told}");
    }
}

#[test]
fn tuples_cost_what_is_in_them() {
    let items: String = (0..50).map(|number| format!("x{number} from [1], ")).collect();
    let told = fault(asked(
        &format!(
            "(select {items}a from xs, b from [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]).count()"
        ),
        Task::Evaluate,
    ));
    assert!(told.unwrap().contains("takes more than"));
}

#[test]
fn generators_and_steps_of_chains_are_levels() {
    let generators: Vec<String> = (0..3_000).map(|number| format!("x{number} from [1]")).collect();
    let steps: Vec<String> = (0..3_000).map(|number| format!("s{number}: WHAT(true)")).collect();
    for text in [
        format!("exists {}", generators.join(", ")),
        format!("sum x1 over {}", generators.join(", ")),
        format!("CHAIN(xEvent, timestamp, [{}])", steps.join(", ")),
    ] {
        let told = fault(asked(&text, Task::Evaluate)).unwrap();
        assert!(told.contains("nested more than"), "{told}");
    }
}

#[test]
fn values_are_looked_through_no_deeper_than_a_stack_is() {
    let lets: String = (1..58)
        .map(|number| {
            let depth = 58 - number;
            format!("let x{number} = {}x{}{} in ", "[".repeat(depth), number - 1, "]".repeat(depth))
        })
        .collect();
    for body in ["x57", "x57.n", "x57 = x57", "[x57, x57].distinct()"] {
        let text = format!("let x0 = [{{\"n\": 1}}] in {lets}{body}");
        for task in [Task::Evaluate, Task::Explain] {
            let told = fault(asked(&text, task)).unwrap();
            assert!(told.contains("levels deep"), "{body}: {told}");
        }
        assert_eq!(fault(asked(&text, Task::Check)), None, "{body}");
    }
    assert_eq!(fault(asked(&format!("let x0 = 1 in {lets}x57.count()"), Task::Evaluate)), None);
}

#[test]
fn a_pattern_that_is_asked_for_twice_is_one_pattern() {
    let texts = |count: usize| {
        (0..count).map(|number| format!("text like \"{number}\"")).collect::<Vec<_>>().join(" or ")
    };
    assert_eq!(fault(asked(&format!("{0} or {0}", texts(128)), Task::Evaluate)), None);
    assert!(fault(asked(&texts(129), Task::Evaluate)).unwrap().contains("more than 128 patterns"));
}
