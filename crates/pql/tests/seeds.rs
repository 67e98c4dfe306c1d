//! What the fuzz targets assert, over seeds: so it is compiled, and holds, wherever the tests run.

use serde_json::json;

#[expect(clippy::expect_used, reason = "a fuzz target fails by panicking")]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

/// Expressions that fit the fuzz targets' schema, of every kind of node that a plan has.
const FITTING: [&str; 25] = [
    "a > 2 and i != 7",
    "6 != s or 6 != t or true != s or \"7.0\" = i or \"2\" < a",
    "i = 9007199254740993 or i = 7.0",
    "not b or s.contains(\"AB\", false)",
    "s like \"%b\" and s matches \"^[a-z]+$\"",
    "s in (\"ab\", \"cd\") and p.q.s.isNotNull()",
    "l.includes(\"a\") and l.intersects([\"b\", \"z\"])",
    "k.subsetOf([1, 2, 3]) or k.count() = 1",
    "t occurs < 2 days before now",
    "d.getYear() = 2026 and t occurs this month",
    "p.q.t occurs between t and now",
    "p.n * 2 + 1 >= a / 2",
    "inSegment(\"known\") and not inSegment(\"nobody\")",
    "CHAIN(xEvent, timestamp, [A: WHAT(s = \"view\"), B: WHAT(s = \"order\" and n > 1) WHEN(<= 1 hours after A)])",
    "CHAIN(xEvent, timestamp, [A: WHAT(p.l.includes(\"a\")) COUNT(2)])",
    "CHAIN(xEvent, timestamp, [A: WHAT(true) WHEN(today) WHERE(n = 1 or ^b)])",
    "o.exists(n = 2) or o.n.sum() > 2",
    "exists x from o, y from x.o where y.n > x.n",
    "forall x from o where x.n.isNull() or x.n > 0",
    "o[l.includes(\"c\")].count() = 1",
    "o.o.n.max() = 3",
    "(select x from xEvent where x.p.n > 1).count() = 1",
    "let x = o[n > 0] in x.s.head() = \"a\"",
    "m.get(\"x\") = 1 and m.keys().includes(\"y\")",
    "k.map(this * 2).distinct().intersects([4])",
];

#[test]
fn expressions_that_fit_the_schema_are_planned_as_they_are_walked() {
    for text in FITTING {
        assert!(fuzz::check(&pql::parse(text).unwrap()), "{text} does not fit");
    }
}

#[test]
fn cases_and_halves_of_them_are_read_or_refused() {
    for text in cases() {
        let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(place, _)| place);
        let (left, right) = text.split_at(middle);
        [text, left, right].into_iter().for_each(fuzz::text);
    }
}

#[test]
fn lines_and_trees_are_answered() {
    for text in cases() {
        let profile = json!({ "o": [{"n": 1}, {"n": [1, null, "a"]}], "tags": ["a", 1], "x": { "y": true } });
        fuzz::json(json!({ "expression": text, "profile": profile, "as": "value" }).to_string().as_bytes());
    }
    let tree = json!({ "nodeType": "fnApply", "fnName": ">", "params": [
        { "nodeType": "fieldLookup", "fieldName": "a" },
        { "nodeType": "literal", "literalType": "Integer", "value": 2 },
    ] });
    let line = json!({ "expression": tree, "format": "pql/json", "profile": { "a": 3 } });
    for bytes in [tree.to_string().as_bytes(), line.to_string().as_bytes(), b"", b"[]", b"{}", b"\xff"] {
        fuzz::json(bytes);
    }
}

/// The expressions of the table of cases.
fn cases() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("corpus.txt").lines();
    lines.filter_map(|line| Some(line.split_once(" ==> ").or_else(|| line.split_once(" ~~> "))?.0))
}
