//! What an expression compiles to, and its evaluation: names are steps, types are known, patterns are built.

use std::cmp::Ordering;
use std::sync::Arc;

use domain::value::{FieldPath, Object, Value};
use jiff::tz::Offset;
use jiff::{Timestamp, civil};
use regex::Regex;

use crate::ast::Operator;
use crate::calendar::first_of_day;
use crate::chain::Chain;
use crate::datum::Datum;
use crate::text::TextTest;
use crate::walk::Walked;
use crate::window::{Anchor, Window};

/// An expression that is ready to be evaluated, for any number of profiles.
#[derive(Debug, Clone)]
pub struct Predicate {
    pub(crate) condition: Arc<Condition>,
    /// Every chain in it.
    pub(crate) chains: Arc<[Arc<Chain>]>,
}

/// What a predicate is evaluated on.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The profile's merged attributes.
    pub attributes: &'a Object,
    /// The profile's events that are known, in any order.
    pub events: &'a [Event<'a>],
    /// Whether the profile is a member of the audience of an id.
    pub audiences: &'a dyn Fn(&str) -> bool,
    /// The instant of evaluation, one and the same for a whole run. What happened at this very instant does not lie
    /// before it.
    pub now: Timestamp,
}

/// Something that the profile did.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// When: what the expression calls its `timestamp`.
    pub at: Timestamp,
    /// Its other fields, of which only those that the expression reads are asked for.
    pub fields: &'a Object,
}

impl Predicate {
    /// Whether the profile belongs to the audience.
    pub fn evaluate(&self, context: &Context<'_>) -> bool {
        self.condition.evaluate(Scope { context, event: None })
    }

    /// Whether an event is one that a chain of the expression asks for, whenever it happened. Others need not be kept
    /// to evaluate the expression.
    pub fn wants(&self, context: &Context<'_>, event: &Event<'_>) -> bool {
        let scope = Scope { context, event: Some(event) };
        self.chains.iter().any(|chain| chain.wants(scope))
    }
}

/// What names mean during evaluation.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) context: &'a Context<'a>,
    /// The event that a step of a chain is held against.
    pub(crate) event: Option<&'a Event<'a>>,
}

/// Whose field a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Profile,
    Event,
}

impl<'a> Scope<'a> {
    fn fields(self, owner: Owner) -> Option<&'a Object> {
        match owner {
            Owner::Profile => Some(self.context.attributes),
            Owner::Event => self.event.map(|event| event.fields),
        }
    }
}

/// Something that holds or does not: nothing is null in boolean position.
#[derive(Debug)]
pub(crate) enum Condition {
    Constant(bool),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    /// A term in boolean position.
    Holds(Term),
    /// Whether there is no value, if `wanted`, or one, if not.
    IsNull {
        term: Term,
        wanted: bool,
    },
    /// Whether the test answers what is wanted. It answers neither where an operand is null.
    Test {
        test: Test,
        wanted: bool,
    },
    Chain(Arc<Chain>),
    InSegment(String),
    /// A whole expression with parts that conditions do not have.
    Walked(Box<Walked>),
}

/// A question on values that are not null.
#[derive(Debug)]
pub(crate) enum Test {
    Equal(Term, Term),
    Ordered { left: Term, operator: Operator, right: Term },
    Text { test: TextTest, ignore_case: bool, subject: Term, argument: Term },
    Found { pattern: Regex, subject: Term },
    Occurs { instant: Term, window: Window<Anchor> },
    Among { item: Term, array: Term },
    Overlap(Term, Term),
    Subset { part: Term, whole: Term },
}

/// Something that has a value, or is null.
#[derive(Debug)]
pub(crate) enum Term {
    Constant(Value),
    Instant(Timestamp),
    Field {
        owner: Owner,
        path: Path,
    },
    /// When an event happened.
    EventTime,
    List(Vec<Term>),
    Condition(Box<Condition>),
    /// The instant that a date or a date-time stands for.
    Time(Box<Term>),
    /// The day of a year, a month and a day; null, where there is none.
    Date(Box<[Term; 3]>),
    Negate(Box<Term>),
    Arithmetic {
        operator: Operator,
        left: Box<Term>,
        right: Box<Term>,
    },
    /// How many items an array has; none, where it is null.
    Count(Box<Term>),
    /// A part of a date; of the instant of evaluation, where there is none.
    Calendar {
        part: CalendarPart,
        of: Option<Box<Term>>,
    },
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum CalendarPart {
    Year,
    Month,
    Day,
}

/// A field's place, taken apart once.
#[derive(Debug)]
pub(crate) struct Path {
    parents: Box<[Box<str>]>,
    name: Box<str>,
}

impl Condition {
    pub(crate) fn evaluate(&self, scope: Scope<'_>) -> bool {
        match self {
            Condition::Constant(constant) => *constant,
            Condition::All(conditions) => conditions.iter().all(|condition| condition.evaluate(scope)),
            Condition::Any(conditions) => conditions.iter().any(|condition| condition.evaluate(scope)),
            Condition::Not(condition) => !condition.evaluate(scope),
            Condition::Holds(term) => term.evaluate(scope).is_some_and(Datum::holds),
            Condition::IsNull { term, wanted } => term.evaluate(scope).is_none() == *wanted,
            Condition::Test { test, wanted } => test.answer(scope) == Some(*wanted),
            Condition::Chain(chain) => chain.holds(scope.context),
            Condition::InSegment(id) => (scope.context.audiences)(id),
            Condition::Walked(walked) => walked.holds(scope.context),
        }
    }
}

impl Test {
    /// The answer, where no operand is null.
    fn answer(&self, scope: Scope<'_>) -> Option<bool> {
        match self {
            Test::Equal(left, right) => Some(left.evaluate(scope)?.equals(right.evaluate(scope)?, scope)),
            Test::Ordered { left, operator, right } => {
                let order = left.evaluate(scope)?.compare(right.evaluate(scope)?)?;
                Some(match operator {
                    Operator::Less => order == Ordering::Less,
                    Operator::LessOrEqual => order != Ordering::Greater,
                    Operator::Greater => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                })
            }
            Test::Text { test, ignore_case, subject, argument } => {
                let (subject, argument) =
                    (subject.evaluate(scope)?.text()?, argument.evaluate(scope)?.text()?);
                Some(test.passes(subject, argument, *ignore_case))
            }
            Test::Found { pattern, subject } => Some(pattern.is_match(subject.evaluate(scope)?.text()?)),
            Test::Occurs { instant, window } => window.contains(instant.evaluate(scope)?.time()?, scope),
            Test::Among { item, array } => item.evaluate(scope)?.is_among(array.evaluate(scope)?, scope),
            Test::Overlap(left, right) => {
                let (left, right) = (left.evaluate(scope)?, right.evaluate(scope)?);
                right.count()?;
                left.any(scope, &mut |item| item.is_among(right, scope) == Some(true))
            }
            Test::Subset { part, whole } => {
                let (part, whole) = (part.evaluate(scope)?, whole.evaluate(scope)?);
                whole.count()?;
                Some(!part.any(scope, &mut |item| item.is_among(whole, scope) == Some(false))?)
            }
        }
    }
}

impl Term {
    /// The value, or nothing if it is null.
    pub(crate) fn evaluate<'a>(&'a self, scope: Scope<'a>) -> Option<Datum<'a>> {
        match self {
            Term::Constant(value) => Some(value.into()),
            Term::Instant(instant) => Some(Datum::Time(*instant)),
            Term::Field { owner, path } => path.follow(scope.fields(*owner)?).map(Datum::from),
            Term::EventTime => scope.event.map(|event| Datum::Time(event.at)),
            Term::List(items) => Some(Datum::Terms(items)),
            Term::Condition(condition) => Some(Datum::Boolean(condition.evaluate(scope))),
            Term::Time(term) => term.evaluate(scope)?.time().map(Datum::Time),
            Term::Date(parts) => date(parts, scope),
            Term::Negate(term) => negate(term.evaluate(scope)?),
            Term::Arithmetic { operator, left, right } => {
                calculate(*operator, left.evaluate(scope)?, right.evaluate(scope)?)
            }
            Term::Count(array) => {
                let count = array.evaluate(scope).and_then(Datum::count).unwrap_or(0);
                i64::try_from(count).ok().map(Datum::Integer)
            }
            Term::Calendar { part, of: None } => Some(part.of(scope.context.now)),
            Term::Calendar { part, of: Some(term) } => Some(part.of(term.evaluate(scope)?.time()?)),
        }
    }
}

impl CalendarPart {
    pub(crate) fn of<'a>(self, instant: Timestamp) -> Datum<'a> {
        let date: civil::DateTime = Offset::UTC.to_datetime(instant);
        Datum::Integer(match self {
            CalendarPart::Year => date.year().into(),
            CalendarPart::Month => date.month().into(),
            CalendarPart::Day => date.day().into(),
        })
    }
}

impl Path {
    fn follow<'a>(&self, attributes: &'a Object) -> Option<&'a Value> {
        let parent = self.parents.iter().try_fold(attributes, |object, step| match object.get(&**step) {
            Some(Value::Object(members)) => Some(members),
            _ => None,
        });
        parent?.get(&*self.name)
    }
}

impl From<&FieldPath> for Path {
    fn from(path: &FieldPath) -> Path {
        let mut parents: Vec<Box<str>> = path.steps().map(Box::from).collect();
        let name = parents.pop().unwrap_or_default();
        Path { parents: parents.into(), name }
    }
}

fn date<'a>(parts: &'a [Term; 3], scope: Scope<'a>) -> Option<Datum<'a>> {
    let [year, month, day] = parts;
    day_of(year.evaluate(scope)?, month.evaluate(scope)?, day.evaluate(scope)?).map(Datum::Time)
}

/// The first instant of a day, if there is such a day.
pub(crate) fn day_of(year: Datum<'_>, month: Datum<'_>, day: Datum<'_>) -> Option<Timestamp> {
    let (year, month, day) = (year.whole()?, month.whole()?, day.whole()?);
    let date = civil::Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?);
    first_of_day(date.ok()?)
}

pub(crate) fn negate(operand: Datum<'_>) -> Option<Datum<'_>> {
    match operand {
        Datum::Integer(number) => {
            Some(number.checked_neg().map_or(Datum::Double(-(number as f64)), Datum::Integer))
        }
        Datum::Double(number) => Some(Datum::Double(-number)),
        _ => None,
    }
}

/// Integers stay integers as long as they can; a result that is no finite number is null.
pub(crate) fn calculate<'a>(operator: Operator, left: Datum<'a>, right: Datum<'a>) -> Option<Datum<'a>> {
    if let (Datum::Integer(left), Datum::Integer(right)) = (left, right) {
        let exact = match operator {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::Remainder => left.checked_rem(right),
            _ => None,
        };
        if let Some(exact) = exact {
            return Some(Datum::Integer(exact));
        }
    }
    let (left, right) = (double(left)?, double(right)?);
    let result = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        _ => left % right,
    };
    result.is_finite().then_some(Datum::Double(result))
}

fn double(number: Datum<'_>) -> Option<f64> {
    match number {
        Datum::Integer(number) => Some(number as f64),
        Datum::Double(number) => Some(number),
        _ => None,
    }
}
