//! Documents of `pql/json`, and the texts that mean the same.

use pql::{ErrorKind, parse, parse_json};
use serde_json::{Value as Json, json};

fn field(name: &str) -> Json {
    json!({"nodeType": "fieldLookup", "fieldName": name})
}

fn of(object: Json, name: &str) -> Json {
    json!({"nodeType": "fieldLookup", "fieldName": name, "object": object})
}

fn apply(function: &str, params: &[Json]) -> Json {
    json!({"nodeType": "fnApply", "fnName": function, "params": params})
}

fn literal(kind: &str, value: Json) -> Json {
    json!({"nodeType": "literal", "literalType": kind, "value": value})
}

fn profile() -> Json {
    json!({"nodeType": "parameterReference", "position": 1})
}

#[test]
fn a_document_is_the_tree_of_a_text() {
    let us = literal("String", json!("US"));
    let x = json!({"nodeType": "varRef", "varName": "x"});
    let is_order = apply("equals", &[of(x.clone(), "eventType"), literal("string", json!("order"))]);
    let of_events = |condition: &Json| {
        json!([{
            "nodeType": "varDecl",
            "varName": "x",
            "from": of(literal("XDMObject", json!("profile")), "xEvent"),
            "where": condition,
        }])
    };
    for (document, text) in [
        (
            apply("=", &[of(of(profile(), "workAddress"), "country"), us.clone()]),
            r#"$1.workAddress.country = "US""#,
        ),
        (
            apply("=", &[of(field("xdm:homeAddress"), "xdm:country"), us.clone()]),
            r#"homeAddress.country = "US""#,
        ),
        (
            apply("in", &[field("gender"), literal("List", json!(["female", "other"]))]),
            r#"gender in ["female", "other"]"#,
        ),
        (apply("and", &[field("a"), field("b"), field("c")]), "a and b and c"),
        (apply("or", &[field("a"), apply("not", &[field("b")])]), "a or not b"),
        (apply(">", &[field("age"), literal("Integer", json!("42"))]), "age > 42"),
        (apply("<=", &[field("age"), literal("integer", json!(42))]), "age <= 42"),
        (apply("<", &[field("rate"), literal("Double", json!("1.5"))]), "rate < 1.5"),
        (apply("=", &[field("b"), literal("Boolean", json!("true"))]), "b = true"),
        (
            apply("contains", &[field("s"), literal("String", json!("x")), literal("Boolean", json!(false))]),
            r#"s.contains("x", false)"#,
        ),
        (apply("isNotNull", &[field("s")]), "s.isNotNull()"),
        (apply("inSegment", &[literal("String", json!("id"))]), r#"inSegment("id")"#),
        (apply("count", &[field("orders")]), "orders.count()"),
        (apply("+", &[field("n"), apply("*", &[field("m"), literal("Integer", json!(2))])]), "n + m * 2"),
        (
            json!({"nodeType": "select", "variables": of_events(&is_order)}),
            r#"select x from $1.xEvent where x.eventType.equals("order")"#,
        ),
        (
            json!({"nodeType": "quantification", "quantifier": "some", "variables": of_events(&is_order)}),
            r#"exists x from $1.xEvent where x.eventType.equals("order")"#,
        ),
        (
            json!({"nodeType": "forall", "variables": of_events(&is_order)}),
            r#"forall x from $1.xEvent where x.eventType.equals("order")"#,
        ),
        (
            apply(
                "map",
                &[
                    field("orders"),
                    json!({"nodeType": "function", "fnCreate": {"params": ["x"], "body": of(x.clone(), "id")}}),
                ],
            ),
            "orders.map((x) => x.id)",
        ),
        (
            apply(
                "map",
                &[
                    field("orders"),
                    json!({"nodeType": "function", "params": ["x"], "fnCreate": of(x.clone(), "id")}),
                ],
            ),
            "orders.map((x) => x.id)",
        ),
        (
            apply("map", &[field("orders"), json!({"nodeType": "function", "fnCreate": field("id")})]),
            "orders.map(id)",
        ),
        (
            apply("exists", &[json!({"nodeType": "set", "variables": of_events(&is_order)})]),
            r#"exists x from $1.xEvent where x.eventType.equals("order")"#,
        ),
        (
            apply(
                "forall",
                &[
                    json!({"nodeType": "set", "variables": [{"varName": "x", "range": field("xs")}]}),
                    apply(">", &[x.clone(), literal("Integer", json!(1))]),
                ],
            ),
            "forall x from xs where x > 1",
        ),
        (
            apply(
                "sum",
                &[
                    json!({"nodeType": "set", "variables": [{"varName": "x", "range": field("orders")}]}),
                    of(x.clone(), "total"),
                ],
            ),
            "sum x.total over x from orders",
        ),
    ] {
        let read = parse_json(&document).map_err(|error| error.message);
        assert_eq!(read, Ok(parse(text).unwrap()), "{text}");
    }
}

#[test]
fn a_variable_is_known_where_it_is_declared_and_inside() {
    let x = json!({"nodeType": "varRef", "varName": "x"});
    let declared = json!({"nodeType": "varDecl", "varName": "x", "range": field("xs")});
    let some = json!({"nodeType": "exists", "variables": [declared]});
    for document in [x.clone(), apply("and", &[some, x.clone()])] {
        let error = parse_json(&document).unwrap_err();
        let message = "no variable has the name `x`";
        assert_eq!((error.kind, error.to_string().as_str()), (ErrorKind::Type, message));
    }
    let items = json!({"nodeType": "varRef", "varName": "this"});
    assert!(parse_json(&apply("filter", &[field("xs"), items])).is_ok());
}

#[test]
fn what_is_no_document_says_why() {
    let mut deep = field("a");
    for _ in 0..100 {
        deep = apply("not", &[deep]);
    }
    for (document, message) in [
        (json!(1), "expected a node with a `nodeType`, found a number"),
        (json!({"nodeType": "fnAply"}), "unknown `nodeType` `fnAply`; did you mean `fnApply`?"),
        (json!({"nodeType": "fieldLookup"}), "expected `fieldName` in a node"),
        (field("a b"), "`a b` is no name"),
        (apply("=", &[field("a")]), "`=` takes 2 parameters, found 1"),
        (literal("Integer", json!("x")), "literal of type `Integer` has a string as its value"),
        (literal("String", Json::Null), "literal of type `String` has null as its value"),
        (json!({"nodeType": "select", "variables": []}), "expected at least one variable"),
        (
            json!({"nodeType": "parameterReference", "position": 0}),
            "expected `position` as a number from 1 on",
        ),
        (deep, "expression is nested more than 64 levels deep"),
    ] {
        let error = parse_json(&document).unwrap_err();
        assert_eq!((error.kind, error.to_string().as_str()), (ErrorKind::Parse, message));
    }
}
