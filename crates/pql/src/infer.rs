//! What can be said of an expression of the whole language before it is evaluated: whether its names have a meaning, and
//! whether its values are of the types that they are used as.
//!
//! Types come from literals, from what functions answer, and from a schema or from the values of a profile, where there is
//! one. Without a schema, what is not known is not at fault: a field that is missing is null, and null is a value of any
//! type. With one, every field must be known, and each that is read is noted.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::audience::EVENTS;
use domain::schema::{FieldType, Fields};
use domain::value::{FieldPath, Object, Value};

use crate::Schemas;
use crate::ast::{Aggregate, Generator, Literal, Node, NodeKind, Operator, Quantifier, Step, Word};
use crate::check::{misshapen, nearest, no_condition, unknown_function};
use crate::condition::day_of;
use crate::error::{Error, Span};
use crate::functions::{Function, Meaning};
use crate::text::{Dialect, Patterns};
use crate::walk::dynamic::Dynamic;
use crate::walk::{MAX_STEPS, beyond_profile, misplaced_lambda, no_parameter};
use crate::window::Window;

/// What is wrong with an expression.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Whatever the profile is: a name without meaning, a call of the wrong form, a pattern that is none.
    pub(crate) of_form: Vec<Error>,
    /// A value of the wrong type, where it is evaluated.
    pub(crate) of_type: Vec<Error>,
    /// With a schema, a value where a condition is expected that is certain to be none.
    pub(crate) misplaced: Vec<Error>,
}

/// What an expression reads that fits a schema.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// Fields of the profile: an array or a map as a whole, whatever is asked of its items.
    pub(crate) fields: BTreeSet<FieldPath>,
    /// Fields of events: all of them, where one is read.
    pub(crate) events: BTreeSet<FieldPath>,
    pub(crate) audiences: BTreeSet<String>,
    /// Patterns that are literals, built once for all profiles.
    pub(crate) patterns: Patterns<String>,
}

/// Looks through a whole query, for a profile like `sample`.
pub(crate) fn infer(root: &Node, sample: &Object) -> Faults {
    inferred(root, Kind::Object(Rc::new(vec![sample])), None).faults
}

/// Looks through a whole query, for profiles of a schema.
pub(crate) fn infer_by(root: &Node, schemas: &Schemas<'_>) -> (Faults, Reads) {
    let inference = inferred(root, Kind::Fields(schemas.profile, Some(String::new())), Some(schemas.events));
    (inference.faults, inference.reads)
}

fn inferred<'a>(root: &'a Node, profile: Kind<'a>, events: Option<&'a Fields>) -> Inference<'a> {
    let mut inference = Inference {
        frames: vec![Frame::Item(profile.clone())],
        profile: profile.clone(),
        events,
        looks: MAX_STEPS,
        reads: Reads::default(),
        faults: Faults::default(),
    };
    match &root.kind {
        NodeKind::Lambda { parameters, body } => {
            if let Some(second) = parameters.get(1) {
                let message = format!("query has no second parameter `{second}`");
                let error = Error::wrong_type(message, second.span.clone());
                inference.form(error.help("name the profile only: `(P) => ...`"));
            }
            inference.frames.extend(parameters.first().map(|own| Frame::Variable(&own.text, profile)));
            inference.condition(body);
        }
        _ => inference.condition(root),
    }
    inference
}

/// The type of a value, as far as it is known.
#[derive(Debug, Clone)]
enum Kind<'a> {
    Unknown,
    Boolean,
    Number,
    /// A text, which may be a time.
    Text,
    /// A date or a date-time.
    Time,
    /// An object like these.
    Object(Rc<Vec<&'a Object>>),
    /// An object of a schema, and where in the profile it is, unless it is an item or is read already.
    Fields(&'a Fields, Option<String>),
    /// Keys with values of a type.
    Map(Rc<Kind<'a>>),
    Array(Rc<Kind<'a>>),
    Entry,
}

impl<'a> Kind<'a> {
    /// The type of a field of a schema.
    fn of_field(kind: &'a FieldType) -> Kind<'a> {
        match kind {
            FieldType::String => Kind::Text,
            FieldType::Integer | FieldType::Double => Kind::Number,
            FieldType::Boolean => Kind::Boolean,
            FieldType::Date | FieldType::DateTime => Kind::Time,
            FieldType::Object(members) => Kind::Fields(members, None),
            FieldType::Map(values) => Kind::Map(Rc::new(Kind::of_field(values))),
            FieldType::Array(item) => Kind::Array(Rc::new(Kind::of_field(item))),
        }
    }

    /// The type of the items of an array, or of the values of a map.
    fn item(&self) -> Kind<'a> {
        match self {
            Kind::Array(item) | Kind::Map(item) => (**item).clone(),
            _ => Kind::Unknown,
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Kind::Number | Kind::Unknown)
    }

    fn is_text(&self) -> bool {
        matches!(self, Kind::Text | Kind::Unknown)
    }

    fn is_time(&self) -> bool {
        matches!(self, Kind::Time | Kind::Text | Kind::Number | Kind::Unknown)
    }

    fn is_boolean(&self) -> bool {
        matches!(self, Kind::Boolean | Kind::Unknown)
    }

    fn is_array(&self) -> bool {
        matches!(self, Kind::Array(_) | Kind::Unknown)
    }

    fn is_map(&self) -> bool {
        matches!(self, Kind::Map(_) | Kind::Object(_) | Kind::Fields(..) | Kind::Unknown)
    }

    fn has_items(&self) -> bool {
        self.is_array() || self.is_map()
    }

    fn name(&self) -> &'static str {
        match self {
            Kind::Unknown => "a value",
            Kind::Boolean => "a boolean",
            Kind::Number => "a number",
            Kind::Text => "a string",
            Kind::Time => "a date",
            Kind::Object(_) | Kind::Fields(..) => "an object",
            Kind::Map(_) => "a map",
            Kind::Array(_) => "an array",
            Kind::Entry => "an entry of a map",
        }
    }
}

enum Frame<'a> {
    Item(Kind<'a>),
    Variable(&'a str, Kind<'a>),
}

struct Inference<'a> {
    /// What names mean, innermost last.
    frames: Vec<Frame<'a>>,
    profile: Kind<'a>,
    /// The fields of events, where there is a schema.
    events: Option<&'a Fields>,
    /// How many more of a profile's values may be looked at. What there are no looks left for is of no known type.
    looks: usize,
    reads: Reads,
    faults: Faults,
}

impl<'a> Inference<'a> {
    /// Looks at something with more names than there are around it.
    fn within<T>(
        &mut self,
        frames: impl IntoIterator<Item = Frame<'a>>,
        look: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = self.frames.len();
        self.frames.extend(frames);
        let seen = look(self);
        self.frames.truncate(before);
        seen
    }

    /// Counts looks at values, of which there is an end, and says whether there may be so many.
    fn looks(&mut self, values: usize) -> bool {
        let left = self.looks.checked_sub(values);
        self.looks = left.unwrap_or(0);
        left.is_some()
    }

    /// The type of some values, where they have one.
    fn kind_of(&mut self, samples: &[&'a Value]) -> Kind<'a> {
        if !self.looks(samples.len()) {
            return Kind::Unknown;
        }
        let scalar = |kind: Kind<'a>, is_such: fn(&Value) -> bool| {
            if samples.iter().all(|sample| is_such(sample)) { kind } else { Kind::Unknown }
        };
        match samples.first() {
            None => Kind::Unknown,
            Some(Value::Boolean(_)) => scalar(Kind::Boolean, |value| matches!(value, Value::Boolean(_))),
            Some(Value::Integer(_) | Value::Double(_)) => {
                scalar(Kind::Number, |value| matches!(value, Value::Integer(_) | Value::Double(_)))
            }
            Some(Value::String(_)) => scalar(Kind::Text, |value| matches!(value, Value::String(_))),
            Some(Value::Object(_)) => {
                let object = |sample: &&'a Value| match sample {
                    Value::Object(members) => Some(members),
                    _ => None,
                };
                let objects: Option<Vec<_>> = samples.iter().map(object).collect();
                objects.map_or(Kind::Unknown, |objects| Kind::Object(Rc::new(objects)))
            }
            Some(Value::Array(_)) => {
                let array = |sample: &&'a Value| match sample {
                    Value::Array(items) => Some(items),
                    _ => None,
                };
                let arrays: Option<Vec<_>> = samples.iter().map(array).collect();
                let Some(arrays) = arrays else { return Kind::Unknown };
                let items: Vec<_> = arrays.into_iter().flatten().collect();
                Kind::Array(Rc::new(self.kind_of(&items)))
            }
        }
    }

    /// What is known of a value that is of one of some types.
    fn one_of(&mut self, kinds: impl IntoIterator<Item = Kind<'a>>) -> Kind<'a> {
        kinds.into_iter().reduce(|left, right| self.joined(left, right)).unwrap_or(Kind::Unknown)
    }

    /// What is known of a value that is of one of two types. One that is shared is joined with itself for nothing, as a short
    /// text can double it very often.
    fn joined(&mut self, left: Kind<'a>, right: Kind<'a>) -> Kind<'a> {
        match (left, right) {
            (Kind::Boolean, Kind::Boolean) => Kind::Boolean,
            (Kind::Number, Kind::Number) => Kind::Number,
            (Kind::Text, Kind::Text) => Kind::Text,
            (Kind::Time, Kind::Time) => Kind::Time,
            (Kind::Object(left), Kind::Object(right)) if Rc::ptr_eq(&left, &right) => Kind::Object(left),
            (Kind::Object(left), Kind::Object(right)) if self.looks(left.len() + right.len()) => {
                Kind::Object(Rc::new(left.iter().chain(right.iter()).copied().collect()))
            }
            (Kind::Fields(left, _), Kind::Fields(right, _)) if std::ptr::eq(left, right) => {
                Kind::Fields(left, None)
            }
            (Kind::Map(left), Kind::Map(right)) if Rc::ptr_eq(&left, &right) => Kind::Map(left),
            (Kind::Map(left), Kind::Map(right)) if self.looks(1) => {
                Kind::Map(Rc::new(self.joined((*left).clone(), (*right).clone())))
            }
            (Kind::Array(left), Kind::Array(right)) if Rc::ptr_eq(&left, &right) => Kind::Array(left),
            (Kind::Array(left), Kind::Array(right)) if self.looks(1) => {
                Kind::Array(Rc::new(self.joined((*left).clone(), (*right).clone())))
            }
            _ => Kind::Unknown,
        }
    }

    fn item(&self, levels: usize) -> Option<&Kind<'a>> {
        let items = self.frames.iter().rev().filter_map(|frame| match frame {
            Frame::Item(kind) => Some(kind),
            Frame::Variable(..) => None,
        });
        items.into_iter().nth(levels)
    }

    fn named(&mut self, name: &str, span: &Span) -> Kind<'a> {
        let variable = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Variable(own, kind) if *own == name => Some(kind.clone()),
            _ => None,
        });
        if let Some(kind) = variable {
            return kind;
        }
        let item = self.item(0).cloned().unwrap_or(Kind::Unknown);
        // `this` is the item itself, unless that is an object with such a field.
        let is_item = name == "this"
            && match &item {
                Kind::Object(samples) => {
                    !self.looks(samples.len()) || !samples.iter().any(|sample| sample.contains_key(name))
                }
                Kind::Fields(fields, _) => !fields.contains_key(name),
                _ => true,
            };
        if is_item { item } else { self.member(item, name, span) }
    }

    /// A member of an object; of an array, the members of its items.
    fn member(&mut self, of: Kind<'a>, name: &str, span: &Span) -> Kind<'a> {
        match of {
            Kind::Object(samples) if self.looks(samples.len()) => {
                self.kind_of(&samples.iter().filter_map(|sample| sample.get(name)).collect::<Vec<_>>())
            }
            Kind::Fields(fields, path) => self.field(fields, path, name, span),
            Kind::Map(values) => (*values).clone(),
            Kind::Array(item) => match self.member((*item).clone(), name, span) {
                Kind::Array(inner) => Kind::Array(inner),
                other => Kind::Array(Rc::new(other)),
            },
            _ => Kind::Unknown,
        }
    }

    /// A field of a schema, which is read unless it is an object.
    fn field(&mut self, fields: &'a Fields, path: Option<String>, name: &str, span: &Span) -> Kind<'a> {
        // Whatever a schema calls so, events are no field.
        if let (Some(""), EVENTS, Some(events)) = (path.as_deref(), name, self.events) {
            self.read_events(events);
            return Kind::Array(Rc::new(Kind::Fields(events, None)));
        }
        let Some(field) = fields.get(name) else {
            let error = Error::wrong_type(format!("there is no field `{name}` here"), span.clone());
            return self.form(match nearest(name, fields.keys().map(String::as_str)) {
                Some(known) => error.help(format!("did you mean `{known}`?")),
                None => error,
            });
        };
        let path = path.map(|path| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") });
        match (Kind::of_field(&field.kind), path) {
            (Kind::Fields(members, _), path) => Kind::Fields(members, path),
            (kind, path) => {
                // INVARIANT: a path of the names of a schema's fields is a path.
                self.reads.fields.extend(path.and_then(|path| path.parse::<FieldPath>().ok()));
                kind
            }
        }
    }

    fn read_events(&mut self, events: &'a Fields) {
        for name in events.keys() {
            self.reads.events.extend(name.parse::<FieldPath>());
            self.reads.fields.extend(format!("{EVENTS}.{name}").parse::<FieldPath>());
        }
    }

    /// The type of a value that is used: an object that is not only on the way to a field is read as a whole.
    fn kind(&mut self, node: &'a Node) -> Kind<'a> {
        match self.place(node) {
            Kind::Fields(_, Some(path)) if path.is_empty() => self.form(
                Error::wrong_type("the profile as a whole is no value", node.span.clone())
                    .help("name one of its fields"),
            ),
            Kind::Fields(members, Some(path)) => {
                self.reads.fields.extend(path.parse::<FieldPath>());
                Kind::Fields(members, None)
            }
            kind => kind,
        }
    }

    /// Looks at a value in boolean position.
    fn condition(&mut self, node: &'a Node) {
        let kind = self.kind(node);
        self.expect_condition(&kind, &node.span);
    }

    fn expect_condition(&mut self, kind: &Kind<'a>, span: &Span) {
        if self.events.is_some() && matches!(kind, Kind::Number | Kind::Text | Kind::Time) {
            self.faults.misplaced.push(no_condition(kind.name(), span.clone()));
        }
    }

    /// The type of a value, which may be only on the way to another one.
    fn place(&mut self, node: &'a Node) -> Kind<'a> {
        match &node.kind {
            NodeKind::Literal(literal) => match literal {
                Literal::Boolean(_) => Kind::Boolean,
                Literal::Integer(_) | Literal::Double(_) => Kind::Number,
                Literal::Text(_) => Kind::Text,
            },
            NodeKind::List(items) => {
                let kinds: Vec<_> = items.iter().map(|item| self.kind(item)).collect();
                Kind::Array(Rc::new(self.one_of(kinds)))
            }
            NodeKind::Object(members) => {
                let kinds: Vec<_> = members.iter().map(|(_, value)| self.kind(value)).collect();
                Kind::Map(Rc::new(self.one_of(kinds)))
            }
            NodeKind::Name(name) => self.named(name, &node.span),
            NodeKind::Up { levels, name } => match self.item(*levels).cloned() {
                Some(item) => self.member(item, &name.text, &name.span),
                None => self.form(*beyond_profile(&node.span)),
            },
            NodeKind::Parameter(1) => self.profile.clone(),
            NodeKind::Parameter(position) => self.form(*no_parameter(*position, &node.span)),
            NodeKind::Member { of, name } => {
                let of = self.place(of);
                self.member(of, &name.text, &name.span)
            }
            NodeKind::Call { receiver, function, arguments } => {
                self.call(receiver.as_deref(), function, arguments, node)
            }
            NodeKind::Filter { of, condition } => {
                let kind = self.kind(of);
                self.expect(&kind, Kind::has_items, "a filter", "an array", &of.span);
                let condition_kind = self.each(condition, &kind);
                self.expect_condition(&condition_kind, &condition.span);
                kind
            }
            NodeKind::Negate(operand) => {
                let kind = self.kind(operand);
                self.expect(&kind, Kind::is_number, "`-`", "a number", &operand.span);
                Kind::Number
            }
            NodeKind::Not(operand) => {
                self.condition(operand);
                Kind::Boolean
            }
            NodeKind::And(operands) | NodeKind::Or(operands) => {
                for operand in operands {
                    self.condition(operand);
                }
                Kind::Boolean
            }
            NodeKind::Binary { operator, left, right } => self.binary(*operator, left, right),
            NodeKind::Occurs { instant, window } => {
                self.time(instant, "`occurs`");
                self.window(window);
                Kind::Boolean
            }
            NodeKind::Chain { events, time, steps } => self.chain(events, time, steps),
            NodeKind::Quantified { quantifier, generators } => {
                let before = self.frames.len();
                let items = self.generators(generators);
                self.frames.truncate(before);
                match (quantifier, items.as_slice()) {
                    (Quantifier::Select, [item]) => Kind::Array(Rc::new(item.clone())),
                    (Quantifier::Select, _) => Kind::Array(Rc::new(Kind::Array(Rc::new(Kind::Unknown)))),
                    _ => Kind::Boolean,
                }
            }
            NodeKind::Aggregate { aggregate, item, generators } => {
                let before = self.frames.len();
                self.generators(generators);
                let kind = self.kind(item);
                self.frames.truncate(before);
                self.aggregated(*aggregate, &kind, &item.span)
            }
            NodeKind::Let { name, value, body } => {
                let value = self.kind(value);
                self.within([Frame::Variable(&name.text, value)], |inner| inner.kind(body))
            }
            NodeKind::Lambda { .. } => self.form(*misplaced_lambda(&node.span)),
        }
    }

    /// The variables of generators, which stay.
    fn generators(&mut self, generators: &'a [Generator]) -> Vec<Kind<'a>> {
        let mut items = Vec::new();
        for generator in generators {
            let range = self.kind(&generator.range);
            self.expect(&range, Kind::has_items, "`from`", "an array", &generator.range.span);
            self.frames.push(Frame::Variable(&generator.variable.text, range.item()));
            items.push(range.item());
            if let Some(condition) = &generator.condition {
                self.condition(condition);
            }
        }
        items
    }

    fn binary(&mut self, operator: Operator, left: &'a Node, right: &'a Node) -> Kind<'a> {
        let (left_kind, right_kind) = (self.kind(left), self.kind(right));
        let called = format!("`{}`", operator.symbol());
        match operator {
            Operator::In | Operator::NotIn => {
                self.expect(&right_kind, Kind::is_array, &called, "an array", &right.span);
                Kind::Boolean
            }
            Operator::Like | Operator::Matches => {
                self.expect(&left_kind, Kind::is_text, &called, "a string", &left.span);
                let dialect = if operator == Operator::Like { Dialect::Like } else { Dialect::Java };
                self.pattern(right, &right_kind, &called, dialect);
                Kind::Boolean
            }
            Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Remainder => {
                self.expect(&left_kind, Kind::is_number, &called, "a number", &left.span);
                self.expect(&right_kind, Kind::is_number, &called, "a number", &right.span);
                Kind::Number
            }
            Operator::Equal | Operator::Unequal => {
                self.comparable((left, &left_kind), (right, &right_kind), &called);
                Kind::Boolean
            }
            _ => Kind::Boolean,
        }
    }

    /// With a schema, values must be of types whose values can be equal; a literal takes the type of the other value.
    fn comparable(&mut self, left: (&Node, &Kind<'a>), right: (&Node, &Kind<'a>), called: &str) {
        let is_literal = |node: &Node| matches!(node.kind, NodeKind::Literal(_));
        let (literal, other) = if is_literal(left.0) { (left, right) } else { (right, left) };
        let fits = match (&literal.0.kind, other.1) {
            (NodeKind::Literal(Literal::Text(text)), Kind::Number) => text.parse::<f64>().is_ok(),
            (NodeKind::Literal(Literal::Text(text)), Kind::Boolean) => text.parse::<bool>().is_ok(),
            (NodeKind::Literal(Literal::Text(text)), Kind::Time) => Dynamic::Text(text).time().is_some(),
            (NodeKind::Literal(_), Kind::Text) => true,
            _ => match (left.1, right.1) {
                (Kind::Unknown, _) | (_, Kind::Unknown) => true,
                (Kind::Object(_) | Kind::Fields(..) | Kind::Map(_), right) => right.is_map(),
                (left, right) => std::mem::discriminant(left) == std::mem::discriminant(right),
            },
        };
        if self.events.is_some() && !fits {
            let message = format!("{called} compares {} with {}", left.1.name(), right.1.name());
            self.faults.of_type.push(Error::wrong_type(message, literal.0.span.clone()));
        }
    }

    fn pattern(&mut self, node: &'a Node, kind: &Kind<'a>, called: &str, dialect: Dialect) {
        self.expect(kind, Kind::is_text, called, "a pattern as a string", &node.span);
        let NodeKind::Literal(Literal::Text(text)) = &node.kind else { return };
        if self.reads.patterns.get(dialect, text).is_some() {
            return;
        }
        if !self.reads.patterns.has_room() {
            let message = format!("expression has more than {} patterns", Patterns::<String>::MOST);
            self.form(Error::wrong_type(message, node.span.clone()));
            return;
        }
        match dialect.build(text) {
            Ok(pattern) => self.reads.patterns.keep(dialect, text.clone(), pattern),
            Err(reason) => {
                let message = format!("pattern of {called} cannot be used: {reason}");
                self.form(Error::wrong_type(message, node.span.clone()));
            }
        }
    }

    fn time(&mut self, node: &'a Node, called: &str) {
        let kind = self.kind(node);
        self.expect(&kind, Kind::is_time, called, "a date-time", &node.span);
    }

    fn window(&mut self, window: &'a Window<Node>) {
        for node in window.values() {
            self.time(node, "a window");
        }
    }

    fn chain(&mut self, events: &'a Node, time: &'a Node, steps: &'a [Step]) -> Kind<'a> {
        let array = self.kind(events);
        self.expect(&array, Kind::has_items, "`CHAIN`", "an array", &events.span);
        let event = || [Frame::Item(array.item())];
        self.within(event(), |inner| inner.time(time, "`CHAIN`"));
        let before = self.frames.len();
        for (index, step) in steps.iter().enumerate() {
            let label = &step.label;
            if steps.iter().take(index).any(|other| other.label == *label) {
                let message = format!("two steps have the name `{label}`");
                let error = Error::wrong_type(message, label.span.clone());
                self.form(error.help("give each a name of its own"));
            }
            self.within(event(), |inner| {
                inner.condition(&step.what);
                if let Some(condition) = &step.condition {
                    inner.condition(condition);
                }
                if let Some(when) = &step.when {
                    inner.window(&when.window);
                }
            });
            self.frames.push(Frame::Variable(&label.text, Kind::Time));
        }
        self.frames.truncate(before);
        Kind::Boolean
    }

    /// What an argument is that is asked of each item.
    fn each(&mut self, argument: &'a Node, of: &Kind<'a>) -> Kind<'a> {
        let item = of.item();
        let frame = Frame::Item(item.clone());
        let NodeKind::Lambda { parameters, body } = &argument.kind else {
            return self.within([frame], |inner| inner.kind(argument));
        };
        let variables = match parameters.as_slice() {
            [own] => vec![frame, Frame::Variable(&own.text, item)],
            [first, second] => {
                if let Kind::Array(_) = of {
                    let message = "a lambda of two parameters takes the groups of `groupBy`, or a map";
                    self.faults.of_type.push(Error::wrong_type(message, second.span.clone()));
                }
                vec![frame, Frame::Variable(&first.text, Kind::Unknown), Frame::Variable(&second.text, item)]
            }
            _ => return self.form(*misplaced_lambda(&argument.span)),
        };
        self.within(variables, |inner| inner.kind(body))
    }

    fn call(
        &mut self,
        receiver: Option<&'a Node>,
        name: &'a Word,
        arguments: &'a [Node],
        node: &'a Node,
    ) -> Kind<'a> {
        let of = receiver.map_or(Kind::Unknown, |receiver| self.kind(receiver));
        let Some(function) = Function::named(&name.text) else { return self.form(unknown_function(name)) };
        if let Some(error) = misshapen(function, receiver, name, arguments) {
            return self.form(error);
        }
        let kinds: Vec<_> =
            arguments
                .iter()
                .enumerate()
                .map(|(index, argument)| {
                    if function.is_about_items(index) {
                        self.each(argument, &of)
                    } else {
                        self.kind(argument)
                    }
                })
                .collect();
        let called = format!("`{name}`");
        if let (Meaning::InSegment, Some(id)) = (function.meaning, arguments.first()) {
            self.refer_to(id);
        }
        let span = receiver.map_or(&node.span, |receiver| &receiver.span);
        self.expect_receiver(function.meaning, &of, &called, span);
        for (index, (argument, kind)) in arguments.iter().zip(&kinds).enumerate() {
            self.expect_argument(function.meaning, index, argument, kind, &called);
        }
        self.answer(function.meaning, of, kinds, arguments, span)
    }

    /// With a schema, what an audience refers to must be known.
    fn refer_to(&mut self, id: &'a Node) {
        if let NodeKind::Literal(Literal::Text(id)) = &id.kind {
            self.reads.audiences.insert(id.clone());
        } else if self.events.is_some() {
            let message = "`inSegment` takes the id of an audience as a string literal";
            let error = Error::wrong_type(message, id.span.clone());
            self.form(error.help("write `inSegment(\"id\")`"));
        }
    }

    fn expect_receiver(&mut self, meaning: Meaning, of: &Kind<'a>, called: &str, span: &Span) {
        match meaning {
            Meaning::Text { .. } | Meaning::Matches | Meaning::RegexGroup => {
                self.expect(of, Kind::is_text, called, "a string", span);
            }
            Meaning::Includes
            | Meaning::Intersects
            | Meaning::Intersection
            | Meaning::SubsetOf
            | Meaning::SupersetOf => self.expect(of, Kind::is_array, called, "an array", span),
            Meaning::PartOf(_) => self.expect(of, Kind::is_time, called, "a date-time", span),
            Meaning::Get | Meaning::Keys | Meaning::Values => {
                self.expect(of, Kind::is_map, called, "a map", span);
            }
            Meaning::Count
            | Meaning::Distinct
            | Meaning::GroupBy
            | Meaning::Filter
            | Meaning::Map
            | Meaning::Exists
            | Meaning::Extreme { .. }
            | Meaning::Head
            | Meaning::Aggregate(_) => self.expect(of, Kind::has_items, called, "an array", span),
            _ => {}
        }
    }

    fn expect_argument(
        &mut self,
        meaning: Meaning,
        index: usize,
        argument: &'a Node,
        kind: &Kind<'a>,
        called: &str,
    ) {
        let span = &argument.span;
        match (meaning, index) {
            (Meaning::Text { .. }, 0) => self.expect(kind, Kind::is_text, called, "a string", span),
            (Meaning::Text { .. }, _) => {
                self.expect(kind, Kind::is_boolean, called, "`true` or `false`", span);
            }
            (Meaning::Matches | Meaning::RegexGroup, 0) => {
                self.pattern(argument, kind, called, Dialect::Java)
            }
            (Meaning::RegexGroup, _) => {
                self.expect(kind, Kind::is_number, called, "the number of a group", span)
            }
            (Meaning::Intersects | Meaning::Intersection | Meaning::SubsetOf | Meaning::SupersetOf, _) => {
                self.expect(kind, Kind::is_array, called, "an array", span);
            }
            (Meaning::Date, _) => self.expect(kind, Kind::is_number, called, "whole numbers", span),
            (Meaning::Extreme { .. }, 1) => {
                self.expect(kind, Kind::is_number, called, "a number of items", span)
            }
            (Meaning::InSegment, _) => {
                self.expect(kind, Kind::is_text, called, "the id of an audience as a string", span);
            }
            (Meaning::Filter | Meaning::Exists | Meaning::If, 0) => self.expect_condition(kind, span),
            _ => {}
        }
    }

    /// The type of what a function answers.
    fn answer(
        &mut self,
        meaning: Meaning,
        of: Kind<'a>,
        arguments: Vec<Kind<'a>>,
        nodes: &'a [Node],
        span: &Span,
    ) -> Kind<'a> {
        let first = |arguments: Vec<Kind<'a>>| arguments.into_iter().next();
        match meaning {
            Meaning::If => self.one_of(arguments.into_iter().skip(1)),
            Meaning::MapEntry => Kind::Entry,
            Meaning::RegexGroup => Kind::Text,
            Meaning::Date => self.date(nodes, span),
            Meaning::Count | Meaning::PartOf(_) | Meaning::CurrentPart(_) => Kind::Number,
            Meaning::Distinct | Meaning::Filter | Meaning::Intersection | Meaning::Extreme { .. } => match of
            {
                Kind::Array(_) => of,
                _ => Kind::Unknown,
            },
            Meaning::Head => of.item(),
            Meaning::GroupBy => Kind::Map(Rc::new(Kind::Array(Rc::new(of.item())))),
            Meaning::Map => match first(arguments) {
                None | Some(Kind::Entry | Kind::Unknown) => Kind::Unknown,
                Some(item) => Kind::Array(Rc::new(item)),
            },
            Meaning::Get => match of {
                Kind::Map(values) => (*values).clone(),
                _ => Kind::Unknown,
            },
            Meaning::Keys => Kind::Array(Rc::new(Kind::Unknown)),
            Meaning::Values => Kind::Array(Rc::new(of.item())),
            Meaning::Aggregate(aggregate) => {
                let span = nodes.first().map_or(span, |argument| &argument.span);
                let item = first(arguments).unwrap_or_else(|| of.item());
                self.aggregated(aggregate, &item, span)
            }
            _ => Kind::Boolean,
        }
    }

    fn aggregated(&mut self, aggregate: Aggregate, item: &Kind<'a>, span: &Span) -> Kind<'a> {
        let called = format!("`{}`", aggregate.name());
        match aggregate {
            Aggregate::Sum | Aggregate::Average => {
                self.expect(item, Kind::is_number, &called, "numbers", span);
                Kind::Number
            }
            Aggregate::Min | Aggregate::Max => item.clone(),
        }
    }

    /// A day of literals must exist.
    fn date(&mut self, parts: &'a [Node], span: &Span) -> Kind<'a> {
        let literal = |node: &Node| match &node.kind {
            NodeKind::Literal(Literal::Integer(number)) => Dynamic::Integer(*number).number(),
            _ => None,
        };
        let parts: Option<Vec<_>> = parts.iter().map(literal).collect();
        if let Some([year, month, day]) = parts.as_deref()
            && day_of(*year, *month, *day).is_none()
        {
            let error = Error::wrong_type("there is no such day", span.clone());
            self.form(error.help("a date has a year, a month from 1 to 12, and a day of that month"));
        }
        Kind::Time
    }

    fn expect(
        &mut self,
        kind: &Kind<'a>,
        fits: fn(&Kind<'a>) -> bool,
        called: &str,
        expected: &str,
        span: &Span,
    ) {
        if !fits(kind) {
            let message = format!("{called} takes {expected}, found {}", kind.name());
            self.faults.of_type.push(Error::wrong_type(message, span.clone()));
        }
    }

    fn form(&mut self, error: Error) -> Kind<'a> {
        self.faults.of_form.push(error);
        Kind::Unknown
    }
}
