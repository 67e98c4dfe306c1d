//! What holds for every expression and every text.

use domain::schema::{Field, FieldType, Fields};
use domain::value::{Object, Value};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::ast::{Literal, Node, NodeKind, Operator, Word};
use crate::parse::{KEYWORDS, TIME_WORDS};
use crate::{Context, Schemas, parse, reference};

proptest! {
    #[test]
    fn a_printed_tree_parses_to_the_same_tree(tree in trees()) {
        let text = tree.to_string();
        let parsed = parse(&text).map_err(|error| TestCaseError::fail(error.render(&text)))?;
        prop_assert_eq!(parsed.root, tree, "{}", text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,60}") {
        check_any(&text);
    }

    #[test]
    fn no_tokens_make_the_parser_panic(tokens in vec(select(TOKENS), 0..30)) {
        check_any(&tokens.join(" "));
        check_any(&tokens.concat());
    }

    #[test]
    fn the_predicate_agrees_with_a_walk_of_the_tree(tree in conditions(), profile in profiles()) {
        let text = tree.to_string();
        let expression = parse(&text).map_err(|error| TestCaseError::fail(error.render(&text)))?;
        let checked = expression.check(&Schemas { profile: &schema(), events: &Fields::new() });
        let checked = checked.map_err(|errors| TestCaseError::fail(errors[0].render(&text)))?;
        let context = Context { attributes: &profile, events: &[], audiences: &|_| false, now: jiff::Timestamp::UNIX_EPOCH };
        let expected = reference::holds(&expression.root, &profile);
        prop_assert_eq!(checked.compile().evaluate(&context), expected, "{}", text);
    }

    #[test]
    fn case_is_ignored_in_one_way_by_all_functions(text in "[a-zA-ZäÄßςσΣéÉ]{0,4}", part in "[a-zA-ZäÄßςσΣéÉ]{0,2}") {
        use crate::text::TextTest::*;
        let passes = |test: crate::text::TextTest| test.passes(&text, &part, true);
        prop_assert!(!passes(Equals) || (passes(StartsWith) && passes(EndsWith)));
        prop_assert!(!(passes(StartsWith) || passes(EndsWith)) || passes(Contains));
    }
}

/// Parses a text, checks it if it is an expression, and shows the errors if it is none.
fn check_any(text: &str) {
    match parse(text) {
        Ok(expression) => {
            for error in expression
                .check(&Schemas { profile: &schema(), events: &Fields::new() })
                .err()
                .unwrap_or_default()
            {
                assert!(text.get(error.span.clone()).is_some(), "{text}: {error:?}");
                error.render(text);
            }
            assert_eq!(parse(&expression.to_string()), Ok(expression.clone()), "{text}");
        }
        Err(error) => {
            assert!(text.get(error.span.clone()).is_some(), "{text}: {error:?}");
            error.render(text);
        }
    }
}

const TOKENS: &[&str] = &[
    "and",
    "or",
    "not",
    "in",
    "notIn",
    "like",
    "matches",
    "occurs",
    "true",
    "s",
    "n",
    "b",
    "o",
    "o.s",
    ".",
    ",",
    "(",
    ")",
    "[",
    "]",
    "=",
    "!=",
    "<",
    "-",
    "+",
    "*",
    "!",
    "=>",
    "1",
    "0.5",
    "$1",
    "'x'",
    "contains",
    "isNull",
    "count",
    "sum",
    "last",
    "inSegment",
    "^",
    "\\",
    "\"",
    "é",
    "(n)",
];

fn schema() -> Fields {
    let of = |fields: &[(&str, FieldType)]| -> Fields {
        fields.iter().map(|(name, kind)| ((*name).to_owned(), Field::of(kind.clone()))).collect()
    };
    of(&[
        ("s", FieldType::String),
        ("n", FieldType::Integer),
        ("d", FieldType::Double),
        ("b", FieldType::Boolean),
        ("a", FieldType::Array(Box::new(FieldType::String))),
        ("o", FieldType::Object(of(&[("s", FieldType::String), ("n", FieldType::Integer)]))),
    ])
}

/// Profiles that lack any field at random, with values from so small a range that conditions often hold.
fn profiles() -> impl Strategy<Value = Object> {
    let strings = || option::of(texts().prop_map(Value::String));
    let integers = || option::of((-4_i64..5).prop_map(Value::Integer));
    let doubles = option::of((-8_i32..9).prop_map(|number| Value::Double(f64::from(number) / 2.0)));
    let booleans = option::of(any::<bool>().prop_map(Value::Boolean));
    let arrays = option::of(vec(texts().prop_map(Value::String), 0..3).prop_map(Value::Array));
    let objects =
        option::of((strings(), integers()).prop_map(|(s, n)| Value::Object(object([("s", s), ("n", n)]))));
    (strings(), integers(), doubles, booleans, arrays, objects)
        .prop_map(|(s, n, d, b, a, o)| object([("s", s), ("n", n), ("d", d), ("b", b), ("a", a), ("o", o)]))
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Object {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn texts() -> impl Strategy<Value = String> + Clone {
    "[aAb_%]{0,3}"
}

/// Conditions on the fields of [`schema`] that pass the check.
fn conditions() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        literals(any::<bool>().prop_map(Literal::Boolean)),
        select(&["s", "n", "d", "b", "a", "o"][..]).prop_map(name),
        equalities(numbers()),
        equalities(strings()),
        equalities(arrays()),
        binary(&ORDERS, numbers(), numbers()),
        binary(&[Operator::Like], strings(), literals(texts().prop_map(Literal::Text))),
        binary(&[Operator::In, Operator::NotIn], strings(), arrays()),
        binary(
            &[Operator::In, Operator::NotIn],
            numbers(),
            vec(numbers(), 0..3).prop_map(NodeKind::List).prop_map(node)
        ),
        calls(&TEXT_FUNCTIONS, strings(), strings().prop_map(|text| vec![text])),
        calls(
            &TEXT_FUNCTIONS,
            strings(),
            (strings(), literals(any::<bool>().prop_map(Literal::Boolean)))
                .prop_map(|(text, case)| vec![text, case])
        ),
        calls(&["intersects", "subsetOf", "supersetOf"], arrays(), arrays().prop_map(|array| vec![array])),
        calls(&["includes"], arrays(), strings().prop_map(|text| vec![text])),
        calls(&["isNull", "isNotNull"], prop_oneof![strings(), numbers(), arrays()], Just(Vec::new())),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|operand| node(NodeKind::Not(Box::new(operand)))),
            vec(inner.clone(), 2..4).prop_map(|operands| node(NodeKind::And(operands))),
            vec(inner, 2..4).prop_map(|operands| node(NodeKind::Or(operands))),
        ]
    })
}

const ORDERS: [Operator; 4] =
    [Operator::Less, Operator::LessOrEqual, Operator::Greater, Operator::GreaterOrEqual];

const TEXT_FUNCTIONS: [&str; 8] = [
    "startsWith",
    "doesNotStartWith",
    "endsWith",
    "doesNotEndWith",
    "contains",
    "doesNotContain",
    "equals",
    "notEqualTo",
];

fn numbers() -> impl Strategy<Value = Node> + Clone {
    let leaf = prop_oneof![
        select(&["n", "d", "o.n"][..]).prop_map(name),
        literals((-4_i64..5).prop_map(Literal::Integer)),
        literals((-8_i32..9).prop_map(|number| Literal::Double(f64::from(number) / 2.0))),
        calls(&["count"], arrays(), Just(Vec::new())),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        let operators = [Operator::SUMS.as_slice(), &Operator::PRODUCTS].concat();
        prop_oneof![
            inner.clone().prop_map(|operand| node(NodeKind::Negate(Box::new(operand)))),
            (select(operators), inner.clone(), inner)
                .prop_map(|(operator, left, right)| pair(operator, left, right)),
        ]
    })
}

fn strings() -> impl Strategy<Value = Node> + Clone {
    prop_oneof![select(&["s", "o.s"][..]).prop_map(name), literals(texts().prop_map(Literal::Text))]
}

fn arrays() -> impl Strategy<Value = Node> + Clone {
    let items = literals(texts().prop_map(Literal::Text));
    prop_oneof![Just(name("a")), vec(items, 0..3).prop_map(NodeKind::List).prop_map(node)]
}

fn equalities(operands: impl Strategy<Value = Node> + Clone) -> impl Strategy<Value = Node> {
    binary(&[Operator::Equal, Operator::Unequal], operands.clone(), operands)
}

fn binary(
    operators: &'static [Operator],
    left: impl Strategy<Value = Node>,
    right: impl Strategy<Value = Node>,
) -> impl Strategy<Value = Node> {
    (select(operators), left, right).prop_map(|(operator, left, right)| pair(operator, left, right))
}

fn calls(
    functions: &'static [&'static str],
    receiver: impl Strategy<Value = Node> + Clone,
    arguments: impl Strategy<Value = Vec<Node>> + Clone,
) -> impl Strategy<Value = Node> + Clone {
    (select(functions), receiver, arguments).prop_map(|(function, receiver, arguments)| {
        node(NodeKind::Call { receiver: Some(Box::new(receiver)), function: word(function), arguments })
    })
}

fn literals(literals: impl Strategy<Value = Literal> + Clone) -> impl Strategy<Value = Node> + Clone {
    literals.prop_map(NodeKind::Literal).prop_map(node)
}

fn pair(operator: Operator, left: Node, right: Node) -> Node {
    node(NodeKind::Binary { operator, left: Box::new(left), right: Box::new(right) })
}

fn name(path: &str) -> Node {
    let mut steps = path.split('.');
    let root = node(NodeKind::Name(steps.next().unwrap().to_owned()));
    steps.fold(root, |of, step| node(NodeKind::Member { of: Box::new(of), name: word(step) }))
}

/// Trees of any form that the grammar allows, whatever they mean.
fn trees() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        literals(any::<bool>().prop_map(Literal::Boolean)),
        literals(any::<i64>().prop_map(Literal::Integer)),
        literals((proptest::num::f64::NORMAL | proptest::num::f64::ZERO).prop_map(Literal::Double)),
        literals(any::<String>().prop_map(Literal::Text)),
        names().prop_map(NodeKind::Name).prop_map(node),
        (1_u32..9).prop_map(NodeKind::Parameter).prop_map(node),
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        let operators = [Operator::COMPARISONS.as_slice(), &Operator::SUMS, &Operator::PRODUCTS].concat();
        let kinds = prop_oneof![
            vec(inner.clone(), 0..4).prop_map(NodeKind::List),
            vec(inner.clone(), 2..4).prop_map(NodeKind::And),
            vec(inner.clone(), 2..4).prop_map(NodeKind::Or),
            boxed().prop_map(NodeKind::Not),
            boxed().prop_map(NodeKind::Negate),
            (boxed(), words()).prop_map(|(of, name)| NodeKind::Member { of, name: word(&name) }),
            (boxed(), words(), vec(inner.clone(), 0..3)).prop_map(|(receiver, function, arguments)| {
                NodeKind::Call { receiver: Some(receiver), function: word(&function), arguments }
            }),
            (names(), vec(inner.clone(), 0..3)).prop_map(|(function, arguments)| NodeKind::Call {
                receiver: None,
                function: word(&function),
                arguments
            }),
            (select(operators), boxed(), boxed()).prop_map(|(operator, left, right)| NodeKind::Binary {
                operator,
                left,
                right
            }),
            (vec(names(), 1..3), boxed()).prop_map(|(parameters, body)| NodeKind::Lambda {
                parameters: parameters.iter().map(|name| word(name)).collect(),
                body
            }),
        ];
        kinds.prop_map(node)
    })
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z_][a-zA-Z0-9_]{0,5}",
        select(&KEYWORDS[..]).prop_map(str::to_owned),
        select(&TIME_WORDS[..]).prop_map(str::to_owned)
    ]
}

fn names() -> impl Strategy<Value = String> {
    let is_free = |word: &String| {
        !KEYWORDS.contains(&word.as_str())
            && !TIME_WORDS.contains(&word.as_str())
            && !word.eq_ignore_ascii_case("chain")
    };
    words().prop_filter("reserved", is_free)
}

fn node(kind: NodeKind) -> Node {
    Node::new(kind, 0..0)
}

fn word(text: &str) -> Word {
    Word { text: text.to_owned(), span: 0..0 }
}
