//! Evaluation of the whole language: a walk of the tree, on values of any type.
//!
//! What has no type before it is read is held to one when it is: arithmetic on a string is an error, a comparison with one
//! does not hold. The work of a walk is counted, and has an end whatever the text and the profile are.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use domain::audience::EVENTS;
use domain::value::{Object, Value};
use jiff::Timestamp;
use regex::Regex;

use crate::Event;
use crate::ast::{Generator, Literal, Node, NodeKind, Operator, Quantifier};
use crate::condition::{Scope as Here, calculate, negate};
use crate::error::{Error, Span};
use crate::text::{Dialect, Patterns};
use crate::walk::budget::Budget;
pub(crate) use crate::walk::budget::MAX_STEPS;
use crate::walk::dynamic::Dynamic;

mod budget;
mod calls;
mod chain;
pub(crate) mod dynamic;
mod explain;

/// What a tuple costs that is kept, in steps, beside its items: it takes memory.
const COST_OF_TUPLE: usize = 8;

/// Errors are boxed, so that the frames of the walk, which recurses, stay small.
type Result<T> = std::result::Result<T, Box<Error>>;

/// Looks at a tuple of items and at whether it satisfies the conditions, and says whether to go on.
type Visit<'v, 'a> = dyn FnMut(&Scope<'_, 'a>, &[Dynamic<'a>], bool) -> Result<bool> + 'v;

/// What an expression is evaluated on.
pub(crate) struct Walk<'a> {
    pub(crate) profile: &'a Object,
    pub(crate) now: Timestamp,
    /// Whether the profile is a member of an audience, where that does not stand in the profile.
    pub(crate) audiences: Option<&'a dyn Fn(&str) -> bool>,
    pub(crate) budget: Budget,
    /// Patterns that were built before the walk, and those that it builds itself.
    built: Option<&'a Patterns<String>>,
    patterns: RefCell<Patterns<&'a str>>,
}

/// What names mean: innermost first.
struct Scope<'s, 'a> {
    frame: Frame<'a>,
    outer: Option<&'s Scope<'s, 'a>>,
}

enum Frame<'a> {
    /// What a condition is about: bare names are its fields.
    Item(Dynamic<'a>),
    Variable(&'a str, Dynamic<'a>),
}

impl<'s, 'a> Scope<'s, 'a> {
    fn within(&'s self, frame: Frame<'a>) -> Scope<'s, 'a> {
        Scope { frame, outer: Some(self) }
    }

    fn frames(&self) -> impl Iterator<Item = &Frame<'a>> {
        let mut next = Some(self);
        std::iter::from_fn(move || {
            let scope = next?;
            next = scope.outer;
            Some(&scope.frame)
        })
    }

    fn variable(&self, name: &str) -> Option<Dynamic<'a>> {
        self.frames().find_map(|frame| match frame {
            Frame::Variable(own, value) if *own == name => Some(value.clone()),
            _ => None,
        })
    }

    /// What the condition so many levels further out is about.
    fn item(&self, levels: usize) -> Option<&Dynamic<'a>> {
        let items = self.frames().filter_map(|frame| match frame {
            Frame::Item(item) => Some(item),
            Frame::Variable(..) => None,
        });
        items.into_iter().nth(levels)
    }
}

/// An expression that fits a schema, for any number of profiles.
#[derive(Debug, Clone)]
pub(crate) struct Walked {
    pub(crate) root: Node,
    pub(crate) patterns: Patterns<String>,
    /// The numbers of the audiences that it refers to, by their ids.
    pub(crate) audiences: BTreeMap<String, usize>,
    /// Which of a profile's views it is about.
    pub(crate) view: usize,
}

/// Patterns follow from the tree.
impl PartialEq for Walked {
    fn eq(&self, other: &Walked) -> bool {
        self.view == other.view && self.audiences == other.audiences && self.root == other.root
    }
}

// INVARIANT: no literal of a tree is a NaN.
impl Eq for Walked {}

impl Hash for Walked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.root.to_string().hash(state);
    }
}

impl Walked {
    /// Whether the expression holds; nothing where it has no answer, as the schema leaves that open: the profile's values
    /// are of other types than the schema says, or it is too much work.
    pub(crate) fn holds(&self, here: Here<'_>) -> Option<bool> {
        let attributes = here.attributes(self.view)?;
        let with_events;
        let profile = if here.events().is_empty() {
            attributes
        } else {
            with_events = whole(attributes, here.events());
            &with_events
        };
        let is_member = |id: &str| self.audiences.get(id).is_some_and(|number| (here.audiences)(*number));
        let walk = Walk {
            audiences: Some(&is_member),
            built: Some(&self.patterns),
            ..Walk::new(profile, here.page.now)
        };
        walk.query(&self.root).ok().map(|value| value.holds())
    }
}

/// The profile with its events in it.
fn whole(attributes: &Object, events: &[Event<'_>]) -> Object {
    let event = |event: &Event<'_>| {
        let mut fields = event.fields.clone();
        fields.insert("timestamp".to_owned(), Value::String(event.at.to_string()));
        Value::Object(fields)
    };
    let mut profile = attributes.clone();
    profile.insert(EVENTS.to_owned(), Value::Array(events.iter().map(event).collect()));
    profile
}

impl<'a> Walk<'a> {
    pub(crate) fn new(profile: &'a Object, now: Timestamp) -> Walk<'a> {
        Walk {
            profile,
            now,
            audiences: None,
            budget: Budget::default(),
            built: None,
            patterns: RefCell::default(),
        }
    }

    /// The value of a whole query.
    pub(crate) fn query(&self, root: &'a Node) -> Result<Dynamic<'a>> {
        let value = self.of_profile(root, |body, scope| self.value(body, scope))?;
        self.charge(1, &root.span)?;
        Ok(value)
    }

    /// What is said of the body of a query, whose names are the profile's.
    fn of_profile<T>(
        &self,
        root: &'a Node,
        say: impl FnOnce(&'a Node, &Scope<'_, 'a>) -> Result<T>,
    ) -> Result<T> {
        let profile = Dynamic::Members(self.profile);
        let scope = Scope { frame: Frame::Item(profile.clone()), outer: None };
        match &root.kind {
            NodeKind::Lambda { parameters, body } => match parameters.as_slice() {
                [own] => say(body, &scope.within(Frame::Variable(&own.text, profile))),
                _ => Err(fault("a query has one parameter, the profile", root.span.clone())),
            },
            _ => say(root, &scope),
        }
    }

    /// Counts steps of work, of which there is an end.
    pub(crate) fn charge(&self, steps: usize, span: &Span) -> Result<()> {
        self.budget.work(steps);
        let Some(message) = self.budget.exceeded() else { return Ok(()) };
        let error = Error::wrong_type(message, span.clone());
        Err(error.help("ask fewer questions about each pair of items").into())
    }

    fn holds(&self, node: &'a Node, scope: &Scope<'_, 'a>) -> Result<bool> {
        Ok(self.value(node, scope)?.holds())
    }

    fn value(&self, node: &'a Node, scope: &Scope<'_, 'a>) -> Result<Dynamic<'a>> {
        self.charge(1, &node.span)?;
        Ok(match &node.kind {
            NodeKind::Literal(literal) => match literal {
                Literal::Boolean(boolean) => Dynamic::Boolean(*boolean),
                Literal::Integer(number) => Dynamic::Integer(*number),
                Literal::Double(number) => Dynamic::Double(*number),
                Literal::Text(text) => Dynamic::Text(text),
            },
            NodeKind::List(items) => {
                Dynamic::array(items.iter().map(|item| self.value(item, scope)).collect::<Result<_>>()?)
            }
            NodeKind::Object(members) => {
                let entry =
                    |(key, value): &'a (String, Node)| Ok((Dynamic::Text(key), self.value(value, scope)?));
                Dynamic::Map(members.iter().map(entry).collect::<Result<Vec<_>>>()?.into())
            }
            NodeKind::Name(name) => self.named(name, &node.span, scope)?,
            NodeKind::Up { levels, name } => match scope.item(*levels) {
                Some(item) => self.member(item, &name.text, &node.span)?,
                None => return Err(beyond_profile(&node.span)),
            },
            NodeKind::Parameter(1) => Dynamic::Members(self.profile),
            NodeKind::Parameter(position) => return Err(no_parameter(*position, &node.span)),
            NodeKind::Member { of, name } => {
                let of = self.value(of, scope)?;
                self.member(&of, &name.text, &node.span)?
            }
            NodeKind::Call { receiver, function, arguments } => {
                self.call(receiver.as_deref(), function, arguments, node, scope)?
            }
            NodeKind::Filter { of, condition } => {
                let of = self.value(of, scope)?;
                self.filter(of, condition, &node.span, scope)?
            }
            NodeKind::Negate(operand) => {
                let value = self.value(operand, scope)?;
                if value.is_null() {
                    return Ok(value);
                }
                let number = value.number().ok_or_else(|| wrong("`-`", "a number", &value, &operand.span))?;
                negate(number).map_or(Dynamic::Null, Dynamic::from)
            }
            NodeKind::Not(operand) => Dynamic::Boolean(!self.holds(operand, scope)?),
            NodeKind::And(operands) => Dynamic::Boolean(self.all(operands, true, scope)?),
            NodeKind::Or(operands) => Dynamic::Boolean(!self.all(operands, false, scope)?),
            NodeKind::Binary { operator, left, right } => self.binary(*operator, left, right, scope)?,
            NodeKind::Occurs { instant, window } => self.occurs(instant, window, scope)?,
            NodeKind::Chain { events, time, steps } => self.chain(events, time, steps, scope)?,
            NodeKind::Quantified { quantifier, generators } => {
                self.quantified(*quantifier, generators, scope)?
            }
            NodeKind::Aggregate { aggregate, item, generators } => {
                let mut values = Vec::new();
                self.tuples(generators, true, true, scope, &mut Vec::new(), &mut |scope, _, _| {
                    values.push(self.value(item, scope)?);
                    Ok(true)
                })?;
                self.aggregated(*aggregate, &values, &item.span)?
            }
            NodeKind::Let { name, value, body } => {
                let value = self.value(value, scope)?;
                self.value(body, &scope.within(Frame::Variable(&name.text, value)))?
            }
            NodeKind::Lambda { .. } => return Err(misplaced_lambda(&node.span)),
        })
    }

    /// What a bare name means: a variable, else a field of what the condition around is about.
    fn named(&self, name: &str, span: &Span, scope: &Scope<'_, 'a>) -> Result<Dynamic<'a>> {
        if let Some(value) = scope.variable(name) {
            return Ok(value);
        }
        let Some(item) = scope.item(0) else { return Ok(Dynamic::Null) };
        let field = self.member(item, name, span)?;
        // `this` is the item itself, unless that is an object with such a field.
        let is_item = name == "this" && (field.is_null() || item.items().is_some());
        Ok(if is_item { item.clone() } else { field })
    }

    /// Whether all operands hold, or none does.
    fn all(&self, operands: &'a [Node], wanted: bool, scope: &Scope<'_, 'a>) -> Result<bool> {
        for operand in operands {
            if self.holds(operand, scope)? != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A member, for the work that its items are.
    fn member(&self, of: &Dynamic<'a>, name: &str, span: &Span) -> Result<Dynamic<'a>> {
        let member = of.member(name, &self.budget);
        self.charge(0, span).map(|()| member)
    }

    /// Counts the steps that it takes to look through a value.
    fn charge_for(&self, value: &Dynamic<'a>, span: &Span) -> Result<()> {
        self.charge(value.size(), span)
    }

    fn binary(
        &self,
        operator: Operator,
        left_node: &'a Node,
        right_node: &'a Node,
        scope: &Scope<'_, 'a>,
    ) -> Result<Dynamic<'a>> {
        let (left, right) = (self.value(left_node, scope)?, self.value(right_node, scope)?);
        // A literal takes the type of what it is compared with, on whichever side it stands.
        let gives_way = left_node.is_literal() && !right_node.is_literal();
        let are_equal = || match gives_way {
            true => right.equals(&left, &self.budget),
            false => left.equals(&right, &self.budget),
        };
        let order = || match gives_way && matches!(left, Dynamic::Text(_)) {
            true => right.compare(&left, &self.budget).map(Ordering::reverse),
            false => left.compare(&right, &self.budget),
        };
        Ok(Dynamic::Boolean(match operator {
            Operator::Equal => are_equal() == Some(true),
            Operator::Unequal => are_equal() == Some(false),
            Operator::Less => order().is_some_and(|order| order.is_lt()),
            Operator::LessOrEqual => order().is_some_and(|order| order.is_le()),
            Operator::Greater => order().is_some_and(|order| order.is_gt()),
            Operator::GreaterOrEqual => order().is_some_and(|order| order.is_ge()),
            Operator::Like | Operator::Matches => {
                let dialect = if operator == Operator::Like { Dialect::Like } else { Dialect::Java };
                return self.found(dialect, (left, &left_node.span), (right, &right_node.span));
            }
            Operator::In | Operator::NotIn => {
                let wanted = operator == Operator::In;
                if left.is_null() || right.is_null() {
                    return Ok(Dynamic::Boolean(false));
                }
                let called = format!("`{}`", operator.symbol());
                self.charge_for(&right, &right_node.span)?;
                let items =
                    right.items().ok_or_else(|| wrong(&called, "an array", &right, &right_node.span))?;
                self.is_among(&left, &items, &right_node.span)? == wanted
            }
            _ => {
                if left.is_null() || right.is_null() {
                    return Ok(Dynamic::Null);
                }
                let called = format!("`{}`", operator.symbol());
                let number = |value: &Dynamic<'a>, node: &Node| {
                    value.number().ok_or_else(|| wrong(&called, "a number", value, &node.span))
                };
                let (left, right) = (number(&left, left_node)?, number(&right, right_node)?);
                return Ok(calculate(operator, left, right).map_or(Dynamic::Null, Dynamic::from));
            }
        }))
    }

    fn is_among(&self, item: &Dynamic<'a>, items: &[Dynamic<'a>], span: &Span) -> Result<bool> {
        for each in items {
            let is_equal = item.equals(each, &self.budget) == Some(true);
            self.charge(0, span)?;
            if is_equal {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a pattern is found in a text; a text of any pattern is built once.
    fn found(
        &self,
        dialect: Dialect,
        (subject, subject_span): (Dynamic<'a>, &Span),
        (pattern, pattern_span): (Dynamic<'a>, &Span),
    ) -> Result<Dynamic<'a>> {
        let called = if dialect == Dialect::Java { "`matches`" } else { "`like`" };
        self.charge(subject.size().saturating_add(pattern.size()), subject_span)?;
        let (subject, pattern) = match (&subject, &pattern) {
            (Dynamic::Null, _) | (_, Dynamic::Null) => return Ok(Dynamic::Boolean(false)),
            (Dynamic::Text(subject), Dynamic::Text(pattern)) => (*subject, *pattern),
            (Dynamic::Text(_), other) => {
                return Err(wrong(called, "a pattern as a string", other, pattern_span));
            }
            (other, _) => return Err(wrong(called, "a string", other, subject_span)),
        };
        let pattern = self.pattern(dialect, pattern, called, pattern_span)?;
        Ok(Dynamic::Boolean(pattern.is_match(subject)))
    }

    fn pattern(&self, dialect: Dialect, text: &'a str, called: &str, span: &Span) -> Result<Regex> {
        let known = self.built.and_then(|built| built.get(dialect, text).cloned());
        if let Some(pattern) = known.or_else(|| self.patterns.borrow().get(dialect, text).cloned()) {
            return Ok(pattern);
        }
        if !self.patterns.borrow().has_room() {
            let message = format!("evaluation builds more than {} patterns", Patterns::<&str>::MOST);
            return Err(fault(message, span.clone()));
        }
        let pattern = dialect
            .build(text)
            .map_err(|reason| fault(format!("pattern of {called} cannot be used: {reason}"), span.clone()))?;
        self.patterns.borrow_mut().keep(dialect, text, pattern.clone());
        Ok(pattern)
    }

    fn quantified(
        &self,
        quantifier: Quantifier,
        generators: &'a [Generator],
        scope: &Scope<'_, 'a>,
    ) -> Result<Dynamic<'a>> {
        let mut selected = Vec::new();
        let is_for_all = quantifier == Quantifier::ForAll;
        let went_through =
            self.tuples(generators, !is_for_all, true, scope, &mut Vec::new(), &mut |_, tuple, holds| {
                if let (Quantifier::Select, [items @ .., last]) = (quantifier, tuple) {
                    self.budget.work(COST_OF_TUPLE + tuple.len());
                    let is_tuple = !items.is_empty();
                    selected.push(if is_tuple { Dynamic::array(tuple.to_vec()) } else { last.clone() });
                }
                Ok(if is_for_all { holds } else { quantifier == Quantifier::Select })
            })?;
        Ok(match quantifier {
            Quantifier::Select => Dynamic::array(selected),
            Quantifier::Exists => Dynamic::Boolean(!went_through),
            Quantifier::ForAll => Dynamic::Boolean(went_through),
        })
    }

    /// Visits every tuple of items until a visit says no: those that satisfy the conditions only, or all of them with
    /// whether they do, as far as it is `satisfied` already. Answers whether no visit said no.
    fn tuples(
        &self,
        generators: &'a [Generator],
        only_satisfying: bool,
        satisfied: bool,
        scope: &Scope<'_, 'a>,
        tuple: &mut Vec<Dynamic<'a>>,
        visit: &mut Visit<'_, 'a>,
    ) -> Result<bool> {
        let Some((generator, rest)) = generators.split_first() else {
            return visit(scope, tuple, satisfied);
        };
        let range = self.value(&generator.range, scope)?;
        for item in self.items(&range, "`from`", &generator.range.span)? {
            self.charge(1, &generator.range.span)?;
            let scope = scope.within(Frame::Variable(&generator.variable.text, item.clone()));
            let holds = match &generator.condition {
                Some(condition) => self.holds(condition, &scope)?,
                None => true,
            };
            if only_satisfying && !holds {
                continue;
            }
            tuple.push(item);
            let goes_on = self.tuples(rest, only_satisfying, satisfied && holds, &scope, tuple, visit)?;
            tuple.pop();
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The items of an array, or the values of a map; none, where it is null.
    fn items(&self, value: &Dynamic<'a>, called: &str, span: &Span) -> Result<Vec<Dynamic<'a>>> {
        if value.is_null() {
            return Ok(Vec::new());
        }
        self.charge_for(value, span)?;
        let items = value.items().map(|items| items.to_vec());
        let items = items.or_else(|| Some(value.entries()?.iter().map(|(_, value)| value.clone()).collect()));
        items.ok_or_else(|| wrong(called, "an array", value, span))
    }
}

fn fault(message: impl Into<String>, span: Span) -> Box<Error> {
    Error::wrong_type(message, span).into()
}

/// What is said of a value of the wrong type.
fn wrong(called: &str, expected: &str, found: &Dynamic<'_>, span: &Span) -> Box<Error> {
    fault(format!("{called} takes {expected}, found {}", found.type_name()), span.clone())
}

pub(crate) fn beyond_profile(span: &Span) -> Box<Error> {
    let error = Error::wrong_type("`^` leads further out than the profile", span.clone());
    error
        .help("a bare name is a field of what the condition is about, and each `^` leads one condition out")
        .into()
}

pub(crate) fn no_parameter(position: u32, span: &Span) -> Box<Error> {
    let error = Error::wrong_type(format!("query has no parameter `${position}`"), span.clone());
    error.help("write `$1` for the profile").into()
}

pub(crate) fn misplaced_lambda(span: &Span) -> Box<Error> {
    let error = Error::wrong_type("a lambda stands where a value is expected", span.clone());
    error.help("a lambda may stand at the head of a query, or say what a function asks of each item").into()
}
