//! A plain tree-walking evaluator: the semantics once more, as naively as they can be written.
//!
//! It knows expressions without conversions and patterns, which [`properties`](super::properties) makes.

use domain::value::{Object, Value, at};

use crate::ast::{Literal, Node, NodeKind, Operator};

/// The value of a node, or nothing if it is null.
pub(crate) fn value(node: &Node, profile: &Object) -> Option<Value> {
    match &node.kind {
        NodeKind::Literal(literal) => Some(match literal {
            Literal::Boolean(boolean) => Value::Boolean(*boolean),
            Literal::Integer(number) => Value::Integer(*number),
            Literal::Double(number) => Value::Double(*number),
            Literal::Text(text) => Value::String(text.clone()),
        }),
        NodeKind::List(items) => {
            Some(Value::Array(items.iter().filter_map(|item| value(item, profile)).collect()))
        }
        NodeKind::Name(_) | NodeKind::Member { .. } => {
            at(profile, &node.to_string().parse().unwrap()).cloned()
        }
        NodeKind::Not(operand) => Some(Value::Boolean(!holds(operand, profile))),
        NodeKind::And(operands) => Some(Value::Boolean(operands.iter().all(|each| holds(each, profile)))),
        NodeKind::Or(operands) => Some(Value::Boolean(operands.iter().any(|each| holds(each, profile)))),
        NodeKind::Negate(operand) => Some(Value::Double(-number(&value(operand, profile)?)?)),
        NodeKind::Binary { operator, left, right } => {
            binary(*operator, value(left, profile), value(right, profile))
        }
        NodeKind::Call { receiver, function, arguments } => {
            let receiver = receiver.as_ref().and_then(|receiver| value(receiver, profile));
            let arguments: Vec<_> = arguments.iter().map(|argument| value(argument, profile)).collect();
            call(&function.text, receiver, &arguments)
        }
        other => unreachable!("{other:?}"),
    }
}

/// A node in boolean position.
pub(crate) fn holds(node: &Node, profile: &Object) -> bool {
    match value(node, profile) {
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
    let numbers = number(&left).zip(number(&right));
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
        (left, right) => match number(left).zip(number(right)) {
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

fn number(value: &Value) -> Option<f64> {
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
