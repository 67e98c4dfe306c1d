//! What an expression means once it is checked: names are numbers of fields, types are known, patterns are built.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use domain::value::{FieldPath, Object, Value};
use jiff::tz::Offset;
use jiff::{Timestamp, civil};
use regex::Regex;

use crate::Event;
use crate::ast::Operator;
use crate::calendar::first_of_day;
use crate::chain::Chain;
use crate::datum::Datum;
use crate::plan::page::Page;
use crate::text::TextTest;
use crate::walk::Walked;
use crate::window::{Anchor, Window};

/// What a condition is held against.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) page: &'a Page<'a>,
    pub(crate) place: Place<'a>,
    /// The event that a step of a chain is held against.
    pub(crate) event: Option<&'a Event<'a>>,
    /// Whether the profile is a member of the audience of a number.
    pub(crate) audiences: &'a dyn Fn(usize) -> bool,
}

/// Whose fields are read.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// Those of a profile of the page.
    Row(usize),
    /// Of nobody: the only field that is read has this value.
    Value(Option<Datum<'a>>),
}

impl<'a> Scope<'a> {
    /// For conditions that depend on one field at most, and on nothing else of the profile.
    pub(crate) fn of_value(page: &'a Page<'a>, value: Option<Datum<'a>>) -> Scope<'a> {
        Scope { page, place: Place::Value(value), event: None, audiences: &|_| false }
    }

    pub(crate) fn events(self) -> &'a [Event<'a>] {
        match self.place {
            Place::Row(row) => self.page.subject(row).map_or(&[], |subject| subject.events),
            Place::Value(_) => &[],
        }
    }

    /// A view of the profile.
    pub(crate) fn attributes(self, view: usize) -> Option<&'a Object> {
        match self.place {
            Place::Row(row) => self.page.subject(row)?.attributes.get(view),
            Place::Value(_) => None,
        }
    }

    fn field(self, field: usize) -> Option<Datum<'a>> {
        match self.place {
            Place::Row(row) => self.page.value(field, row),
            Place::Value(value) => value,
        }
    }
}

/// Something that holds or does not: nothing is null in boolean position.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    Chain(Chain),
    /// Whether the profile is a member of the audience of a number.
    InSegment(usize),
    /// A whole expression with parts that conditions do not have.
    Walked(Box<Walked>),
}

/// A question on values that are not null.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    Equal(Term, Term),
    Ordered { left: Term, operator: Operator, right: Term },
    Text { test: TextTest, ignore_case: bool, subject: Term, argument: Term },
    Found { pattern: Pattern, subject: Term },
    Occurs { instant: Term, window: Window<Anchor> },
    Among { item: Term, array: Term },
    Overlap(Term, Term),
    Subset { part: Term, whole: Term },
}

/// Something that has a value, or is null.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Term {
    Constant(Constant),
    Instant(Timestamp),
    /// A field of the profile, by its number: among those of the expression first, then among those of the plan.
    Field(usize),
    /// A field of an event.
    EventField(Path),
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CalendarPart {
    Year,
    Month,
    Day,
}

/// A literal. INVARIANT: it is no NaN.
#[derive(Debug, Clone)]
pub(crate) struct Constant(pub(crate) Value);

/// Literals are one if they are written alike: what is equal by value only may calculate otherwise.
impl PartialEq for Constant {
    fn eq(&self, other: &Constant) -> bool {
        match (&self.0, &other.0) {
            (Value::Double(left), Value::Double(right)) => left.to_bits() == right.to_bits(),
            (left, right) => left == right,
        }
    }
}

impl Eq for Constant {}

impl Hash for Constant {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Value::Boolean(boolean) => boolean.hash(state),
            Value::Integer(number) => number.hash(state),
            Value::Double(number) => number.to_bits().hash(state),
            Value::String(text) => text.hash(state),
            // No literal is one.
            Value::Array(_) | Value::Object(_) => {}
        }
    }
}

/// A pattern that is built.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(pub(crate) Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

/// A field's place, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
            Condition::Chain(chain) => chain.holds(scope),
            Condition::InSegment(audience) => (scope.audiences)(*audience),
            Condition::Walked(walked) => {
                walked.holds(scope).unwrap_or_else(|| scope.page.go_without_answer())
            }
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
            Test::Found { pattern, subject } => Some(pattern.0.is_match(subject.evaluate(scope)?.text()?)),
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
            Term::Constant(Constant(value)) => Some(value.into()),
            Term::Instant(instant) => Some(Datum::Time(*instant)),
            Term::Field(field) => scope.field(*field),
            Term::EventField(path) => path.follow(scope.event?.fields).map(Datum::from),
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
            Term::Calendar { part, of: None } => Some(part.of(scope.page.now)),
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
    pub(crate) fn follow<'a>(&self, attributes: &'a Object) -> Option<&'a Value> {
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
