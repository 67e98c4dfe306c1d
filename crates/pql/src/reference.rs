//! A plain tree-walking evaluator: the semantics once more, as naively as they can be written.
//!
//! It knows expressions without conversions and patterns, which [`properties`](super::properties) makes. Times are numbers
//! of units since 1970, or since year 0; chains are tried with every choice of events.

use std::cmp::Ordering;

use domain::value::Value;
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::ast::{Literal, Node, NodeKind, Operator, Step};
use crate::calendar::Unit;
use crate::predicate::Scope as Here;
use crate::window::{Relation, Side, Time, Window};

/// The value of a node, or nothing if it is null.
pub(crate) fn value(node: &Node, here: Here<'_>) -> Option<Value> {
    match &node.kind {
        NodeKind::Literal(literal) => Some(match literal {
            Literal::Boolean(boolean) => Value::Boolean(*boolean),
            Literal::Integer(number) => Value::Integer(*number),
            Literal::Double(number) => Value::Double(*number),
            Literal::Text(text) => Value::String(text.clone()),
        }),
        NodeKind::List(items) => {
            Some(Value::Array(items.iter().filter_map(|item| value(item, here)).collect()))
        }
        NodeKind::Name(name) => match here.event {
            Some(event) if name == "timestamp" => Some(Value::String(event.at.to_string())),
            Some(event) => event.fields.get(name).cloned(),
            None => here.context.attributes.get(name).cloned(),
        },
        NodeKind::Up { name, .. } => here.context.attributes.get(&name.text).cloned(),
        NodeKind::Member { of, name } => match value(of, here)? {
            Value::Object(members) => members.get(&name.text).cloned(),
            _ => None,
        },
        NodeKind::Occurs { instant, window } => Some(Value::Boolean(
            value(instant, here)
                .and_then(|instant| lies_in(time_of(&instant), window, here))
                .unwrap_or(false),
        )),
        NodeKind::Chain { time, steps, .. } => Some(Value::Boolean(follow(steps, None, time, here))),
        NodeKind::Not(operand) => Some(Value::Boolean(!holds(operand, here))),
        NodeKind::And(operands) => Some(Value::Boolean(operands.iter().all(|each| holds(each, here)))),
        NodeKind::Or(operands) => Some(Value::Boolean(operands.iter().any(|each| holds(each, here)))),
        NodeKind::Negate(operand) => Some(Value::Double(-numeric(&value(operand, here)?)?)),
        NodeKind::Binary { operator, left, right } => {
            binary(*operator, value(left, here), value(right, here))
        }
        NodeKind::Call { receiver, function, arguments } => {
            let receiver = receiver.as_ref().and_then(|receiver| value(receiver, here));
            let arguments: Vec<_> = arguments.iter().map(|argument| value(argument, here)).collect();
            call(&function.text, receiver, &arguments)
        }
        other => unreachable!("{other:?}"),
    }
}

/// A node in boolean position.
pub(crate) fn holds(node: &Node, here: Here<'_>) -> bool {
    match value(node, here) {
        None => false,
        Some(Value::Boolean(boolean)) => boolean,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    }
}

fn binary(operator: Operator, left: Option<Value>, right: Option<Value>) -> Option<Value> {
    use Operator::*;
    let arithmetic = matches!(operator, Add | Subtract | Multiply | Divide | Remainder);
    let (Some(left), Some(right)) = (left, right) else {
        return if arithmetic { None } else { Some(Value::Boolean(false)) };
    };
    let numbers = numeric(&left).zip(numeric(&right));
    let ordered = |order: fn(f64, f64) -> bool| numbers.is_some_and(|(left, right)| order(left, right));
    let calculated = |result: fn(f64, f64) -> f64| {
        numbers
            .map(|(left, right)| result(left, right))
            .filter(|result| result.is_finite())
            .map(Value::Double)
    };
    Some(Value::Boolean(match operator {
        Equal => equal(&left, &right),
        Unequal => !equal(&left, &right),
        Less => ordered(|left, right| left < right),
        LessOrEqual => ordered(|left, right| left <= right),
        Greater => ordered(|left, right| left > right),
        GreaterOrEqual => ordered(|left, right| left >= right),
        In => among(&left, &right),
        NotIn => !among(&left, &right),
        Add => return calculated(|left, right| left + right),
        Subtract => return calculated(|left, right| left - right),
        Multiply => return calculated(|left, right| left * right),
        Divide => return calculated(|left, right| left / right),
        Remainder => return calculated(|left, right| left % right),
        Like => like(&characters(&left), &characters(&right)),
        Matches => unreachable!("patterns are not made"),
    }))
}

fn call(function: &str, receiver: Option<Value>, arguments: &[Option<Value>]) -> Option<Value> {
    match function {
        "isNull" => return Some(Value::Boolean(receiver.is_none())),
        "isNotNull" => return Some(Value::Boolean(receiver.is_some())),
        "count" => return Some(Value::Integer(receiver.map_or(0, |array| items(&array).len() as i64))),
        _ => {}
    }
    let (Some(receiver), Some(Some(argument))) = (receiver, arguments.first()) else {
        return Some(Value::Boolean(false));
    };
    let ignore_case = arguments.get(1) == Some(&Some(Value::Boolean(false)));
    let text = |value: &Value| {
        let text: String = characters(value).into_iter().collect();
        if ignore_case { text.to_lowercase() } else { text }
    };
    Some(Value::Boolean(match function {
        "startsWith" => text(&receiver).starts_with(&text(argument)),
        "doesNotStartWith" => !text(&receiver).starts_with(&text(argument)),
        "endsWith" => text(&receiver).ends_with(&text(argument)),
        "doesNotEndWith" => !text(&receiver).ends_with(&text(argument)),
        "contains" => text(&receiver).contains(&text(argument)),
        "doesNotContain" => !text(&receiver).contains(&text(argument)),
        "equals" => text(&receiver) == text(argument),
        "notEqualTo" => text(&receiver) != text(argument),
        "includes" => among(argument, &receiver),
        "intersects" => items(&receiver).iter().any(|item| among(item, argument)),
        "subsetOf" => items(&receiver).iter().all(|item| among(item, argument)),
        "supersetOf" => items(argument).iter().all(|item| among(item, &receiver)),
        other => unreachable!("{other}"),
    }))
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (left, right) => match numeric(left).zip(numeric(right)) {
            Some((left, right)) => left == right,
            None => left == right,
        },
    }
}

fn among(item: &Value, array: &Value) -> bool {
    items(array).iter().any(|each| equal(each, item))
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        other => unreachable!("{other:?}"),
    }
}

fn numeric(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        _ => None,
    }
}

fn characters(value: &Value) -> Vec<char> {
    value.as_str().unwrap().chars().collect()
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        Some(('_', rest)) => !text.is_empty() && like(&text[1..], rest),
        Some((each, rest)) => text.first() == Some(each) && like(&text[1..], rest),
    }
}

/// Whether some events satisfy the steps, tried one choice after the other.
fn follow(steps: &[Step], after: Option<Timestamp>, time: &Node, here: Here<'_>) -> bool {
    let Some((step, rest)) = steps.split_first() else { return true };
    let matching: Vec<Timestamp> = here
        .context
        .events
        .iter()
        .filter_map(|event| {
            let here = Here { event: Some(event), ..here };
            let at = time_of(&value(time, here)?);
            let is_within = |window| lies_in(at, window, here) == Some(true);
            let matches = step.when.as_ref().is_none_or(|when| is_within(&when.window))
                && holds(&step.what, here)
                && step.condition.as_ref().is_none_or(|condition| holds(condition, here));
            (matches && after.is_none_or(|after| at > after)).then_some(at)
        })
        .collect();
    choices(&matching, step.count as usize)
        .iter()
        .any(|choice| follow(rest, choice.iter().max().copied(), time, here))
}

/// Every choice of so many of the times.
fn choices(times: &[Timestamp], count: usize) -> Vec<Vec<Timestamp>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let Some((first, rest)) = times.split_first() else { return Vec::new() };
    let with_first = choices(rest, count - 1).into_iter().map(|choice| [vec![*first], choice].concat());
    with_first.chain(choices(rest, count)).collect()
}

/// An instant, or a unit by its number.
enum Place {
    Instant(Timestamp),
    Unit(Unit, i64),
}

fn lies_in(instant: Timestamp, window: &Window<Node>, here: Here<'_>) -> Option<bool> {
    Some(match window {
        Window::On(time) => place(time, here)?.holds(instant) == Ordering::Equal,
        Window::Beside { side: Side::Before, of } => place(of, here)?.holds(instant) == Ordering::Less,
        Window::Beside { side: Side::After, of } => place(of, here)?.holds(instant) == Ordering::Greater,
        Window::Between { first, last } => {
            let (first, last) = (place(first, here)?.holds(instant), place(last, here)?.holds(instant));
            first != Ordering::Less && last != Ordering::Greater
        }
        Window::Distance { operator, count, unit, side, of } => {
            let of = place(of, here)?;
            let (t, a) = (instant, of.start());
            let p = shifted(a, *unit, if *side == Side::Before { -(*count as i64) } else { *count as i64 });
            let is_day = matches!(of, Place::Unit(of, _) if of >= Unit::Day) && *unit >= Unit::Day;
            let is_there = if is_day { number(Unit::Day, t) == number(Unit::Day, p) } else { t == p };
            match (operator, side) {
                (Operator::Less, Side::Before) => p < t && t < a,
                (Operator::LessOrEqual, Side::Before) => p <= t && t < a,
                (Operator::Greater, Side::Before) => t < p,
                (Operator::GreaterOrEqual, Side::Before) => t <= p,
                (Operator::Less, Side::After) => a < t && t < p,
                (Operator::LessOrEqual, Side::After) => a < t && t <= p,
                (Operator::Greater, Side::After) => t > p,
                (Operator::GreaterOrEqual, Side::After) => t >= p,
                (Operator::Equal, _) => is_there,
                (Operator::Unequal, _) => !is_there,
                (other, _) => unreachable!("{other:?}"),
            }
        }
    })
}

fn place(time: &Time<Node>, here: Here<'_>) -> Option<Place> {
    let now = here.context.now;
    Some(match time {
        Time::Now => Place::Instant(now),
        Time::Period(Relation::Last, unit) => Place::Unit(*unit, number(*unit, now) - 1),
        Time::Period(Relation::This, unit) => Place::Unit(*unit, number(*unit, now)),
        Time::Period(Relation::Next, unit) => Place::Unit(*unit, number(*unit, now) + 1),
        Time::Value(node) => {
            let value = value(node, here)?;
            let is_date = value.as_str().unwrap().len() == "2026-01-31".len();
            let instant = time_of(&value);
            if is_date { Place::Unit(Unit::Day, number(Unit::Day, instant)) } else { Place::Instant(instant) }
        }
    })
}

impl Place {
    /// How an instant lies to it.
    fn holds(&self, instant: Timestamp) -> Ordering {
        match self {
            Place::Instant(own) => instant.cmp(own),
            Place::Unit(unit, own) => number(*unit, instant).cmp(own),
        }
    }

    fn start(&self) -> Timestamp {
        match self {
            Place::Instant(instant) => *instant,
            Place::Unit(unit, number) => match clock(*unit) {
                Some((length, phase)) => Timestamp::from_second(number * length - phase).unwrap(),
                None => first_of_month(number * months(*unit)),
            },
        }
    }
}

/// The seconds of a unit of the clock, and how many before 1970 one began.
fn clock(unit: Unit) -> Option<(i64, i64)> {
    match unit {
        Unit::Second => Some((1, 0)),
        Unit::Minute => Some((60, 0)),
        Unit::Hour => Some((3_600, 0)),
        Unit::Day => Some((86_400, 0)),
        Unit::Week => Some((7 * 86_400, 3 * 86_400)),
        _ => None,
    }
}

fn months(unit: Unit) -> i64 {
    match unit {
        Unit::Month => 1,
        Unit::Year => 12,
        Unit::Decade => 120,
        Unit::Century => 1_200,
        Unit::Millennium => 12_000,
        other => unreachable!("{other:?}"),
    }
}

/// Which unit of its kind an instant lies in.
fn number(unit: Unit, instant: Timestamp) -> i64 {
    match clock(unit) {
        Some((length, phase)) => (instant.as_second() + phase).div_euclid(length),
        None => {
            let date = Offset::UTC.to_datetime(instant);
            (i64::from(date.year()) * 12 + i64::from(date.month()) - 1).div_euclid(months(unit))
        }
    }
}

fn shifted(instant: Timestamp, unit: Unit, count: i64) -> Timestamp {
    if let Some((length, _)) = clock(unit) {
        return instant + SignedDuration::from_secs(length * count);
    }
    let date = Offset::UTC.to_datetime(instant);
    let month =
        first_of_month(i64::from(date.year()) * 12 + i64::from(date.month()) - 1 + months(unit) * count);
    let month = Offset::UTC.to_datetime(month).date();
    let day = (1..=date.day()).rev().find_map(|day| Date::new(month.year(), month.month(), day).ok());
    Offset::UTC.to_timestamp(day.unwrap().to_datetime(date.time())).unwrap()
}

fn first_of_month(months: i64) -> Timestamp {
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let date = Date::new(year as i16, month as i8, 1).unwrap();
    Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap()
}

fn time_of(value: &Value) -> Timestamp {
    let text = value.as_str().unwrap();
    text.parse().unwrap_or_else(|_| format!("{text}T00:00:00Z").parse().unwrap())
}
