//! Comparisons with values that a field never has, as its schema lists and limits them: they are no error, and decide
//! nothing.

use domain::schema::{Field, FieldType, Fields};
use domain::value::Value;

use crate::ast::{Literal, Node, NodeKind, Operator};
use crate::condition::{Constant, Term};
use crate::error::Error;
use crate::types::Type;
use crate::{Expression, Schemas};

impl Expression {
    /// Every value that a field is compared with and never has: what is asked of it is the same of everybody who has the
    /// field. It is looked for where conditions are joined, and in the steps of chains.
    pub fn impossible_values(&self, schemas: &Schemas<'_>) -> Vec<Error> {
        let mut search = Search { schemas: *schemas, profile: None, found: Vec::new() };
        match &self.root.kind {
            NodeKind::Lambda { parameters, body } => {
                search.profile = parameters.first().map(|own| own.text.as_str());
                search.look(body, false);
            }
            _ => search.look(&self.root, false),
        }
        search.found
    }
}

struct Search<'a> {
    schemas: Schemas<'a>,
    /// What the head of the query calls the profile.
    profile: Option<&'a str>,
    found: Vec<Error>,
}

impl<'a> Search<'a> {
    fn look(&mut self, node: &Node, is_of_event: bool) {
        match &node.kind {
            NodeKind::Not(operand) => self.look(operand, is_of_event),
            NodeKind::And(operands) | NodeKind::Or(operands) => {
                operands.iter().for_each(|operand| self.look(operand, is_of_event));
            }
            NodeKind::Chain { steps, .. } => {
                for step in steps {
                    self.look(&step.what, true);
                    step.condition.iter().for_each(|condition| self.look(condition, true));
                }
            }
            NodeKind::Binary { operator, left, right } => {
                if let Some(field) = self.field(left, is_of_event) {
                    self.compare(field, left, *operator, right);
                } else if let Some(field) = self.field(right, is_of_event) {
                    self.compare(field, right, operator.mirrored(), left);
                }
            }
            _ => {}
        }
    }

    /// The field that a part of the text names.
    fn field(&self, node: &Node, is_of_event: bool) -> Option<&'a Field> {
        let Schemas { profile, events } = self.schemas;
        let is_profile = |node: &Node| match &node.kind {
            NodeKind::Name(name) => self.profile == Some(name),
            NodeKind::Parameter(position) => *position == 1,
            _ => false,
        };
        match &node.kind {
            NodeKind::Name(_) if is_profile(node) => None,
            NodeKind::Name(name) => if is_of_event { events } else { profile }.get(name),
            NodeKind::Up { levels: 1, name } if is_of_event => profile.get(&name.text),
            NodeKind::Member { of, name } if is_profile(of) => profile.get(&name.text),
            NodeKind::Member { of, name } => members(self.field(of, is_of_event)?)?.get(&name.text),
            _ => None,
        }
    }

    fn compare(&mut self, field: &Field, name: &Node, operator: Operator, other: &Node) {
        let literals = match &other.kind {
            NodeKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(other),
        };
        for literal in literals {
            let Some(value) = value(literal, field) else { continue };
            if is_never(field, operator, &value) {
                let what = match operator {
                    Operator::Equal | Operator::Unequal | Operator::In | Operator::NotIn => {
                        format!("`{name}` is never `{literal}`")
                    }
                    _ => format!("`{name} {} {literal}` is the same for everybody", operator.symbol()),
                };
                let message = format!("{what}: it {}", described(field));
                let help = "take the comparison out, or let the schema allow what it asks for";
                self.found.push(Error::wrong_type(message, literal.span.clone()).help(help));
            }
        }
    }
}

fn members(field: &Field) -> Option<&Fields> {
    match &field.kind {
        FieldType::Object(members) => Some(members),
        _ => None,
    }
}

/// A literal as a value of the field's type.
fn value(node: &Node, field: &Field) -> Option<Value> {
    let literal = match &node.kind {
        NodeKind::Literal(Literal::Boolean(boolean)) => Value::Boolean(*boolean),
        NodeKind::Literal(Literal::Integer(number)) => Value::Integer(*number),
        NodeKind::Literal(Literal::Double(number)) => Value::Double(*number),
        NodeKind::Literal(Literal::Text(text)) => Value::String(text.clone()),
        _ => return None,
    };
    let kind = Type::from(&field.kind);
    match (&kind, &literal) {
        (Type::Number, Value::Integer(_) | Value::Double(_)) | (Type::String, Value::String(_)) => {
            Some(literal)
        }
        (Type::Number | Type::String, _) => match kind.convert(&literal)? {
            Term::Constant(Constant(value)) => Some(value),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a comparison comes out the same for everybody who has the field.
fn is_never(field: &Field, operator: Operator, value: &Value) -> bool {
    match operator {
        Operator::Equal | Operator::Unequal | Operator::In | Operator::NotIn => {
            field.violation(value).is_some()
        }
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            let Some(number) = value.as_number() else { return false };
            // At the limit itself some of them still ask something.
            let is_below = |least: f64| number < least || (number == least && operator == Operator::Less);
            let is_above = |most: f64| number > most || (number == most && operator == Operator::Greater);
            field.minimum.is_some_and(is_below) || field.maximum.is_some_and(is_above)
        }
        _ => false,
    }
}

/// The values that a field has.
fn described(field: &Field) -> String {
    let listed: Vec<String> = field.allowed.iter().map(|value| format!("`{}`", shown(value))).collect();
    match (listed.as_slice(), field.minimum, field.maximum) {
        ([], Some(least), Some(most)) => format!("is from {least} to {most}"),
        ([], Some(least), None) => format!("is {least} at least"),
        ([], None, Some(most)) => format!("is {most} at most"),
        ([], None, None) => "has other values by its format, pattern or length".to_owned(),
        (listed, ..) => format!("is one of {}", listed.join(", ")),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Array(_) | Value::Object(_) => String::new(),
    }
}
