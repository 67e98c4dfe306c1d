//! What holds for every expression and every text.

use domain::schema::{Field, FieldType, Fields};
use domain::value::{Object, Value};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::ast::{Aggregate, Generator, Literal, Node, NodeKind, Operator, Quantifier, Step, When, Word};
use crate::calendar::Unit;
use crate::parse::{KEYWORDS, TIME_WORDS};
use crate::window::{Relation, Side, Time, Window};
use crate::{Checked, Event, Expression, Page, Planner, Reference, Schemas, Subject, parse};

mod windows;

mod explained;

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
    fn no_steps_make_the_parser_panic(condition in vec(select(TOKENS), 0..12), window in vec(select(TOKENS), 0..8)) {
        let (condition, window) = (condition.join(" "), window.join(" "));
        check_any(&format!("CHAIN(xEvent, timestamp, [A: WHAT({condition}) WHEN({window}), B: WHAT(b) COUNT(2)])"));
        check_any(&format!("t occurs {window}"));
    }

    #[test]
    fn a_plan_agrees_with_a_walk_of_each_tree(
        trees in vec(prop_oneof![6 => conditions(), 1 => walked()], 1..4),
        people in vec((profiles(), vec((instants(), profiles()), 0..3), any::<bool>()), 1..6),
        size in select(&[1_usize, 1, 1, 2, 8, 8, 9, 63, 64, 65, 200, 513][..]),
        now in instants(),
    ) {
        let people: Vec<Person> = people.into_iter().map(Person::from).collect();
        agrees(&related(trees), &people, size, now)?;
    }

    #[test]
    fn a_chain_finds_events_if_there_are_any(
        tree in chains(0.2, select(&["n = 0", "n != 1", "n <= 1 and ^b", "true"][..]).prop_map(parsed)),
        events in vec((crowded_instants(), 0_i64..3), 0..9),
        now in crowded_instants(),
    ) {
        let profile = object([("b", Some(Value::Boolean(true)))]);
        let events = events.into_iter().map(|(at, n)| (at, object([("n", Some(Value::Integer(n)))]))).collect();
        agrees(&[tree], &[Person { profile, events, is_known: false }], 1, now)?;
    }

    #[test]
    fn windows_lie_where_the_calendar_says(
        window in windows(times()),
        profile in profiles(),
        instants in vec(prop_oneof![instants(), edges()], 1..9),
        now in prop_oneof![instants(), edges()],
    ) {
        let people: Vec<Person> = instants.iter().map(|instant| {
            let mut profile = profile.clone();
            profile.insert("t".to_owned(), Value::String(instant.to_string()));
            Person { profile, events: Vec::new(), is_known: false }
        }).collect();
        let tree = occurs(window.clone());
        for size in [1, people.len()] {
            let answers = answers(std::slice::from_ref(&tree), &people, size, now)?;
            for ((instant, person), answers) in instants.iter().zip(&people).zip(answers) {
                let expected = windows::lies_in(*instant, &window, &person.profile, now).unwrap_or(false);
                prop_assert_eq!(&answers, &[expected], "{} {}", tree, instant);
            }
        }
    }

    #[test]
    fn no_time_is_too_far_away(window in windows(times()), now in any_instants(), instant in any_instants(), count in any::<u64>()) {
        let window = match window {
            Window::Distance { operator, unit, side, of, .. } => Window::Distance { operator, count, unit, side, of },
            other => other,
        };
        let profile = object([("t", Some(Value::String(instant.to_string())))]);
        answers(&[occurs(window)], &[Person { profile, events: Vec::new(), is_known: false }], 1, now)?;
    }

    #[test]
    fn a_step_that_the_edge_takes_looks_back_no_further_than_24_hours(
        window in windows(times()),
        now in prop_oneof![instants(), edges()],
        ago in 86_400_001_i64..1_000_000_000,
    ) {
        let step = Step {
            label: word("A"),
            what: Box::new(parsed("true")),
            when: Some(Box::new(When { window, span: 0..0 })),
            condition: None,
            count: 1,
        };
        let tree = chain(vec![step]);
        let is_taken = checked(&tree)?.edge_eligibility().is_ok();
        let events = vec![(now - jiff::SignedDuration::from_millis(ago), Object::new())];
        let person = Person { profile: Object::new(), events, is_known: false };
        prop_assert!(!is_taken || answers(&[tree], &[person], 1, now)? == [[false]]);
    }

    #[test]
    fn case_is_ignored_in_one_way_by_all_functions(text in "[a-zA-ZäÄßςσΣéÉ]{0,4}", part in "[a-zA-ZäÄßςσΣéÉ]{0,2}") {
        use crate::text::TextTest::*;
        let passes = |test: crate::text::TextTest| test.passes(&text, &part, true);
        prop_assert!(!passes(Equals) || (passes(StartsWith) && passes(EndsWith)));
        prop_assert!(!(passes(StartsWith) || passes(EndsWith)) || passes(Contains));
    }
}

/// Checks the printed tree.
fn checked(tree: &Node) -> Result<Checked, TestCaseError> {
    let text = tree.to_string();
    let expression = parse(&text).map_err(|error| TestCaseError::fail(error.render(&text)))?;
    check(&expression).map_err(|errors| TestCaseError::fail(errors[0].render(&text)))
}

/// Somebody, with what they did, and whether they are a member of the audience `known`.
struct Person {
    profile: Object,
    events: Vec<(Timestamp, Object)>,
    is_known: bool,
}

impl From<(Object, Vec<(Timestamp, Object)>, bool)> for Person {
    fn from((profile, events, is_known): (Object, Vec<(Timestamp, Object)>, bool)) -> Person {
        Person { profile, events, is_known }
    }
}

/// The trees, and others that share parts with them and refer to them: `inSegment("0")` is the first one.
fn related(mut trees: Vec<Node>) -> Vec<Node> {
    let (first, last) = (trees[0].clone(), trees[trees.len() - 1].clone());
    let not = |operand: &Node| node(NodeKind::Not(Box::new(operand.clone())));
    let either = node(NodeKind::Or(vec![not(&first), last.clone()]));
    trees.push(node(NodeKind::And(vec![either.clone(), parsed("inSegment(\"known\")")])));
    trees.push(node(NodeKind::And(vec![parsed("inSegment(\"0\") = b or inSegment(\"nobody\")"), last])));
    trees.push(node(NodeKind::Or(vec![parsed("inSegment(\"0\") and not inSegment(\"1\")"), either])));
    trees
}

/// What a plan of the printed trees answers for each of the people, on pages of so many: who there is, again and again.
fn answers(
    trees: &[Node],
    people: &[Person],
    size: usize,
    now: Timestamp,
) -> Result<Vec<Vec<bool>>, TestCaseError> {
    let mut planner = Planner::default();
    for (number, tree) in trees.iter().enumerate() {
        planner.add(&checked(tree)?, 0, |id| match id {
            "known" => Some(Reference::Known(0)),
            id => id.parse().ok().filter(|earlier| *earlier < number).map(Reference::Expression),
        });
    }
    let plan = planner.finish();
    let events: Vec<Vec<Event<'_>>> = people
        .iter()
        .map(|person| person.events.iter().map(|(at, fields)| Event { at: *at, fields }).collect())
        .collect();
    let subject = |row: usize| {
        let person = &people[row % people.len()];
        Subject {
            attributes: std::slice::from_ref(&person.profile),
            events: &events[row % people.len()],
            audiences: std::slice::from_ref(&person.is_known),
        }
    };
    let mut found = vec![None; people.len()];
    let rows: Vec<usize> = (0..size.max(people.len())).collect();
    for rows in rows.chunks(size) {
        let subjects: Vec<Subject<'_>> = rows.iter().map(|row| subject(*row)).collect();
        let answers = Page::new(&plan, &subjects, now).evaluate();
        for (place, row) in rows.iter().enumerate() {
            let all: Vec<bool> = (0..trees.len()).map(|tree| answers.holds(tree, place)).collect();
            let known = found[row % people.len()].get_or_insert_with(|| all.clone());
            prop_assert_eq!(&all, known, "row {} of {}", place, rows.len());
        }
    }
    Ok(found.into_iter().flatten().collect())
}

/// Evaluates the printed trees by a plan, on pages of so many, and by a walk.
fn agrees(trees: &[Node], people: &[Person], size: usize, now: Timestamp) -> Result<(), TestCaseError> {
    let found = answers(trees, people, size, now)?;
    for (person, found) in people.iter().zip(found) {
        for (number, (tree, found_of_tree)) in trees.iter().zip(&found).enumerate() {
            let walked = Expression { root: parsed(&tree.to_string()) };
            let walked = walked.holds(&whole_profile(person, &found[..number]), now);
            prop_assert_eq!(Ok(*found_of_tree), walked, "{}", tree);
        }
    }
    Ok(())
}

/// The profile with its events and its audiences in it: those of the trees before.
fn whole_profile(person: &Person, earlier: &[bool]) -> Object {
    let event = |(at, fields): &(Timestamp, Object)| {
        let mut fields = fields.clone();
        fields.insert("timestamp".to_owned(), Value::String(at.to_string()));
        Value::Object(fields)
    };
    let realized = || Value::Object(object([("status", Some(Value::String("realized".to_owned())))]));
    let earlier = earlier.iter().enumerate().filter(|(_, holds)| **holds);
    let mut audiences: Object = earlier.map(|(number, _)| (number.to_string(), realized())).collect();
    audiences.extend(person.is_known.then(|| ("known".to_owned(), realized())));
    let mut profile = person.profile.clone();
    profile.insert("xEvent".to_owned(), Value::Array(person.events.iter().map(event).collect()));
    let namespace = Object::from([("ups".to_owned(), Value::Object(audiences))]);
    profile.insert("segmentMembership".to_owned(), Value::Object(namespace));
    profile
}

/// Events have the fields of profiles.
fn check(expression: &Expression) -> Result<Checked, Vec<crate::Error>> {
    let fields = schema();
    expression.check(&Schemas { profile: &fields, events: &fields })
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
            let profile = object([("a", Some(Value::Array(vec![Value::Integer(1), Value::Integer(2)])))]);
            let refused = expression.value(&profile, Timestamp::UNIX_EPOCH).err();
            let refusals = expression.check_against_values(&profile).err().unwrap_or_default();
            for error in refused.iter().chain(&refusals) {
                assert!(text.get(error.span.clone()).is_some(), "{text}: {error:?}");
            }
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
    "CHAIN",
    "xEvent",
    "timestamp",
    "A",
    ":",
    "WHAT",
    "WHEN",
    "WHERE",
    "COUNT",
    "t",
    "y",
    "now",
    "today",
    "this",
    "week",
    "24",
    "hours",
    "before",
    "after",
    "from",
    "between",
    "on",
    "<=",
    "date",
    "date(2026, 1, 31)",
    "select",
    "exists",
    "forall",
    "over",
    "where",
    "let",
    "{",
    "}",
    "a",
    "map",
    "groupBy",
    "topN",
    "mapEntry",
    "if",
    "x from a",
    "^n",
    "(x) => x",
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
        ("t", FieldType::DateTime),
        ("y", FieldType::Date),
        ("a", FieldType::Array(Box::new(FieldType::String))),
        ("o", FieldType::Object(of(&[("s", FieldType::String), ("n", FieldType::Integer)]))),
    ])
}

/// Profiles that lack any field at random, with values from so small a range that conditions often hold.
fn profiles() -> impl Strategy<Value = Object> {
    let strings = || option::of(texts().prop_map(Value::String));
    // Some beyond what a double has.
    let whole = || prop_oneof![9 => -4_i64..5, 1 => (1_i64 << 53) - 1..(1 << 53) + 3];
    let integers = || option::of(whole().prop_map(Value::Integer));
    let doubles = option::of((-8_i32..9).prop_map(|number| Value::Double(f64::from(number) / 2.0)));
    let booleans = option::of(any::<bool>().prop_map(Value::Boolean));
    let arrays = option::of(vec(texts().prop_map(Value::String), 0..3).prop_map(Value::Array));
    let objects =
        option::of((strings(), integers()).prop_map(|(s, n)| Value::Object(object([("s", s), ("n", n)]))));
    let instants = option::of(instants().prop_map(|instant| Value::String(instant.to_string())));
    let dates =
        option::of(instants_of_days().prop_map(|instant| {
            Value::String(jiff::tz::Offset::UTC.to_datetime(instant).date().to_string())
        }));
    (strings(), integers(), doubles, booleans, arrays, objects, instants, dates).prop_map(
        |(s, n, d, b, a, o, t, y)| {
            object([("s", s), ("n", n), ("d", d), ("b", b), ("a", a), ("o", o), ("t", t), ("y", y)])
        },
    )
}

/// Instants of the weeks around a leap day, so that windows often hold some.
fn instants() -> impl Strategy<Value = Timestamp> + Clone {
    prop_oneof![seconds(1_709_000_000..1_709_400_000), seconds(1_700_000_000..1_720_000_000)]
}

/// So few instants that events often happen at once.
fn crowded_instants() -> impl Strategy<Value = Timestamp> + Clone {
    (0_i64..8).prop_map(|hours| Timestamp::from_second(1_709_200_000 + hours * 3_600).unwrap())
}

/// Instants at which units begin, and those before them.
fn edges() -> impl Strategy<Value = Timestamp> + Clone {
    let units = select(&Unit::NAMES[1..]).prop_map(|(unit, ..)| unit);
    (instants(), units, -1_i64..1)
        .prop_map(|(instant, unit, seconds)| unit.start(instant) + jiff::SignedDuration::from_secs(seconds))
}

fn instants_of_days() -> impl Strategy<Value = Timestamp> + Clone {
    seconds(1_700_000_000..1_720_000_000)
}

fn any_instants() -> impl Strategy<Value = Timestamp> + Clone {
    let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    prop_oneof![seconds(first..last), Just(Timestamp::MIN), Just(Timestamp::MAX)]
}

fn seconds(range: std::ops::Range<i64>) -> impl Strategy<Value = Timestamp> + Clone {
    range.prop_map(|seconds| Timestamp::from_second(seconds).unwrap())
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
        select(&SIMPLE[..]).prop_map(parsed),
        equalities(numbers()),
        equalities(strings()),
        equalities(arrays()),
        equalities(select(&["t", "y"][..]).prop_map(name)),
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
        (select(&["t", "y"][..]), windows(times())).prop_map(|(instant, window)| {
            node(NodeKind::Occurs { instant: Box::new(name(instant)), window: Box::new(window) })
        }),
    ];
    let leaf = leaf.boxed();
    let leaf = prop_oneof![4 => leaf.clone(), 1 => chains(0.5, leaf)];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|operand| node(NodeKind::Not(Box::new(operand)))),
            vec(inner.clone(), 2..4).prop_map(|operands| node(NodeKind::And(operands))),
            vec(inner, 2..4).prop_map(|operands| node(NodeKind::Or(operands))),
        ]
    })
}

/// Conditions on one field, as most are.
const SIMPLE: [&str; 14] = [
    "s = \"a\"",
    "s != \"a\"",
    "s in [\"a\", \"b\"]",
    "s.isNull()",
    "n > 1",
    "2 >= n",
    "d != 0.5",
    "n = 9007199254740992",
    "n in [1, 2, 2.5]",
    "d notIn [0, 1]",
    "b",
    "b = false",
    "t occurs <= 30 days before now",
    "y.getMonth() = 2",
];

/// Conditions that only a walk can answer.
fn walked() -> impl Strategy<Value = Node> {
    let texts = ["not (exists x from a where x = s)", "a[this = ^s].count() > 1", "not (let x = n in x > d)"];
    (select(texts.to_vec()), conditions())
        .prop_map(|(text, other)| node(NodeKind::And(vec![other, parsed(text)])))
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

/// Chains of a few steps with such conditions.
fn chains(
    limited: f64,
    conditions: impl Strategy<Value = Node> + Clone + 'static,
) -> impl Strategy<Value = Node> {
    let when = option::weighted(limited, windows(times()))
        .prop_map(|window| window.map(|window| Box::new(When { window, span: 0..0 })));
    let optional = option::weighted(0.3, conditions.clone());
    let steps = (conditions, when, optional, 1_u64..4).prop_map(|(what, when, condition, count)| Step {
        label: word("A"),
        what: Box::new(what),
        when,
        condition: condition.map(Box::new),
        count,
    });
    vec(steps, 1..4).prop_map(|mut steps| {
        for (index, step) in steps.iter_mut().enumerate() {
            step.label = word(&format!("A{index}"));
        }
        chain(steps)
    })
}

fn occurs(window: Window<Node>) -> Node {
    node(NodeKind::Occurs { instant: Box::new(name("t")), window: Box::new(window) })
}

fn chain(steps: Vec<Step>) -> Node {
    let (events, time) = (Box::new(name("xEvent")), Box::new(name("timestamp")));
    node(NodeKind::Chain { events, time, steps })
}

fn windows(times: impl Strategy<Value = Time<Node>> + Clone) -> impl Strategy<Value = Window<Node>> {
    let sides = select(&[Side::Before, Side::After][..]);
    let units = select(&Unit::NAMES[1..]).prop_map(|(unit, ..)| unit);
    prop_oneof![
        times.clone().prop_map(Window::On),
        (sides.clone(), times.clone()).prop_map(|(side, of)| Window::Beside { side, of }),
        (times.clone(), times.clone()).prop_map(|(first, last)| Window::Between { first, last }),
        (select(&Operator::DISTANCES[..]), 0_u64..30, units, sides, times).prop_map(
            |(operator, count, unit, side, of)| {
                // No further than the reference can calculate.
                let count = if unit > Unit::Year { count % 3 } else { count };
                Window::Distance { operator, count, unit, side, of }
            }
        ),
    ]
}

/// Times that the reference can calculate.
fn times() -> impl Strategy<Value = Time<Node>> + Clone {
    let relations = select(&[Relation::Last, Relation::This, Relation::Next][..]);
    let units = select(&Unit::NAMES[1..]).prop_map(|(unit, ..)| unit);
    prop_oneof![
        Just(Time::Now),
        (relations, units).prop_map(|(relation, unit)| Time::Period(relation, unit)),
        select(&["t", "y"][..]).prop_map(|field| Time::Value(name(field))),
    ]
}

fn parsed(text: &str) -> Node {
    *crate::parse::tree(text).unwrap()
}

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
        (1_usize..4, words())
            .prop_map(|(levels, name)| NodeKind::Up { levels, name: word(&name) })
            .prop_map(node),
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
            (boxed(), windows(any_times(inner.clone())))
                .prop_map(|(instant, window)| NodeKind::Occurs { instant, window: Box::new(window) }),
            (boxed(), boxed(), vec(steps(inner.clone()), 1..3))
                .prop_map(|(events, time, steps)| { NodeKind::Chain { events, time, steps } }),
            vec((any::<String>(), inner.clone()), 0..3).prop_map(NodeKind::Object),
            (boxed(), boxed()).prop_map(|(of, condition)| NodeKind::Filter { of, condition }),
            (select(&Quantifier::ALL[..]), vec(generators(inner.clone()), 1..3))
                .prop_map(|(quantifier, generators)| NodeKind::Quantified { quantifier, generators }),
            (select(&Aggregate::ALL[..]), boxed(), vec(generators(inner.clone()), 1..3)).prop_map(
                |(aggregate, item, generators)| NodeKind::Aggregate { aggregate, item, generators }
            ),
            (words(), boxed(), boxed()).prop_map(|(name, value, body)| NodeKind::Let {
                name: word(&name),
                value,
                body
            }),
            (vec(names(), 1..3), boxed()).prop_map(|(parameters, body)| NodeKind::Lambda {
                parameters: parameters.iter().map(|name| word(name)).collect(),
                body
            }),
        ];
        kinds.prop_map(node)
    })
}

fn generators(values: impl Strategy<Value = Node> + Clone + 'static) -> impl Strategy<Value = Generator> {
    let condition = option::of(values.clone().prop_map(Box::new));
    (words(), values.prop_map(Box::new), condition).prop_map(|(variable, range, condition)| Generator {
        variable: word(&variable),
        range,
        condition,
    })
}

fn any_times(
    values: impl Strategy<Value = Node> + Clone + 'static,
) -> impl Strategy<Value = Time<Node>> + Clone {
    prop_oneof![times(), values.prop_map(Time::Value)]
}

fn steps(values: impl Strategy<Value = Node> + Clone + 'static) -> impl Strategy<Value = Step> {
    let when = option::of(windows(any_times(values.clone())));
    let when = when.prop_map(|window| window.map(|window| Box::new(When { window, span: 0..0 })));
    let condition = option::of(values.clone().prop_map(Box::new));
    (words(), values, when, condition, 1..=u64::MAX).prop_map(|(label, what, when, condition, count)| Step {
        label: word(&label),
        what: Box::new(what),
        when,
        condition,
        count,
    })
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z_][a-zA-Z0-9_]{0,5}",
        select(&KEYWORDS[..]).prop_map(str::to_owned),
        select(&TIME_WORDS[..]).prop_map(str::to_owned),
        select(&["on", "between", "WHAT", "WHEN", "date"][..]).prop_map(str::to_owned)
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
