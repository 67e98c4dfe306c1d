//! Values of any type: borrowed from the profile and the expression where they stand there, shared where they are made.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::rc::Rc;

use domain::value::{Object, Value};
use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::Value as Json;

use crate::datum::Datum;
use crate::walk::budget::Budget;
use crate::window::Stretch;

/// Keys with their values.
pub(crate) type Entries<'a> = Vec<(Dynamic<'a>, Dynamic<'a>)>;

/// A value, or null.
#[derive(Debug, Clone)]
pub(crate) enum Dynamic<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(&'a str),
    /// When a step of a chain happened.
    Instant(Timestamp),
    /// What `date` makes: a day, by its first instant.
    Day(Timestamp),
    /// An array of the profile.
    Items(&'a [Value]),
    /// An object of the profile.
    Members(&'a Object),
    /// An array that the expression makes.
    Array(Rc<Vec<Dynamic<'a>>>),
    /// Keys with their values: the groups of an array, or an object that the expression makes.
    Map(Rc<Entries<'a>>),
    /// What `mapEntry` makes.
    Entry(Rc<(Dynamic<'a>, Dynamic<'a>)>),
}

impl<'a> From<&'a Value> for Dynamic<'a> {
    fn from(value: &'a Value) -> Dynamic<'a> {
        match value {
            Value::Boolean(boolean) => Dynamic::Boolean(*boolean),
            Value::Integer(number) => Dynamic::Integer(*number),
            Value::Double(number) => Dynamic::Double(*number),
            Value::String(text) => Dynamic::Text(text),
            Value::Array(items) => Dynamic::Items(items),
            Value::Object(members) => Dynamic::Members(members),
        }
    }
}

/// A number or a time; nothing else becomes a dynamic value again.
impl From<Datum<'_>> for Dynamic<'_> {
    fn from(datum: Datum<'_>) -> Self {
        match datum {
            Datum::Integer(number) => Dynamic::Integer(number),
            Datum::Double(number) => Dynamic::Double(number),
            Datum::Boolean(boolean) => Dynamic::Boolean(boolean),
            Datum::Time(day) => Dynamic::Day(day),
            _ => Dynamic::Null,
        }
    }
}

impl<'a> Dynamic<'a> {
    pub(crate) fn array(items: Vec<Dynamic<'a>>) -> Dynamic<'a> {
        Dynamic::Array(Rc::new(items))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Dynamic::Null)
    }

    /// The value in boolean position.
    pub(crate) fn holds(&self) -> bool {
        match self {
            Dynamic::Null => false,
            Dynamic::Boolean(boolean) => *boolean,
            Dynamic::Items(items) => !items.is_empty(),
            Dynamic::Array(items) => !items.is_empty(),
            _ => true,
        }
    }

    /// The value as what conditions calculate with, if it is a number.
    pub(crate) fn number(&self) -> Option<Datum<'a>> {
        match self {
            Dynamic::Integer(number) => Some(Datum::Integer(*number)),
            Dynamic::Double(number) => Some(Datum::Double(*number)),
            _ => None,
        }
    }

    /// The instant that a time stands for, whichever way it is written.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        match self {
            Dynamic::Instant(instant) | Dynamic::Day(instant) => Some(*instant),
            Dynamic::Integer(_) | Dynamic::Double(_) => Datum::Integer(self.number()?.whole()?).time(),
            Dynamic::Text(text) => Datum::Text(text).time(),
            _ => None,
        }
    }

    /// The time that a window begins or ends with: a date is the whole day.
    pub(crate) fn stretch(&self) -> Option<Stretch> {
        let instant = self.time()?;
        let is_day = match self {
            Dynamic::Day(_) => true,
            Dynamic::Text(text) => !text.contains(['T', 't', ' ']),
            _ => false,
        };
        Some(if is_day { Stretch::day(instant) } else { Stretch::instant(instant) })
    }

    /// A member of an object; of an array, the members of its items, without those that are null and flat. Null, where that
    /// is too much work.
    pub(crate) fn member(&self, name: &str, budget: &Budget) -> Dynamic<'a> {
        match self {
            Dynamic::Members(members) => members.get(name).map_or(Dynamic::Null, Dynamic::from),
            Dynamic::Map(entries) if budget.work(entries.len()) => entries
                .iter()
                .find(|(key, _)| matches!(key, Dynamic::Text(key) if *key == name))
                .map_or(Dynamic::Null, |(_, value)| value.clone()),
            Dynamic::Items(_) | Dynamic::Array(_) => {
                let mut found = Vec::new();
                let is_done = self.gather(name, budget, &mut found);
                if is_done { Dynamic::array(found) } else { Dynamic::Null }
            }
            _ => Dynamic::Null,
        }
    }

    /// Gathers the members of the items of an array, and of those of the arrays in it; says whether that was not too much
    /// work. Arrays are shared: a short text can name one that holds another very often.
    fn gather(&self, name: &str, budget: &Budget, found: &mut Vec<Dynamic<'a>>) -> bool {
        budget.work(self.size())
            && self.items().iter().flat_map(|items| items.iter()).all(|item| match item {
                Dynamic::Items(_) | Dynamic::Array(_) => {
                    budget.within(|| Some(item.gather(name, budget, found))).unwrap_or(false)
                }
                item => match item.member(name, budget) {
                    Dynamic::Null => true,
                    inner @ (Dynamic::Items(_) | Dynamic::Array(_)) => {
                        found.extend(inner.items().iter().flat_map(|items| items.iter().cloned()));
                        budget.work(inner.size())
                    }
                    value => {
                        found.push(value);
                        true
                    }
                },
            })
    }

    /// What it costs to look through a value, in steps: at its text, or at its items without what is in them.
    pub(crate) fn size(&self) -> usize {
        match self {
            Dynamic::Text(text) => cost_of(text),
            other => other.count().unwrap_or(0),
        }
    }

    /// The items of an array.
    pub(crate) fn items(&self) -> Option<Rc<Vec<Dynamic<'a>>>> {
        match self {
            Dynamic::Items(items) => Some(Rc::new(items.iter().map(Dynamic::from).collect())),
            Dynamic::Array(items) => Some(Rc::clone(items)),
            _ => None,
        }
    }

    /// The keys and values of an object or a map.
    pub(crate) fn entries(&self) -> Option<Rc<Entries<'a>>> {
        match self {
            Dynamic::Map(entries) => Some(Rc::clone(entries)),
            Dynamic::Members(members) => {
                let entries = members.iter().map(|(key, value)| (Dynamic::Text(key), value.into()));
                Some(Rc::new(entries.collect()))
            }
            _ => None,
        }
    }

    /// How many items or entries there are.
    pub(crate) fn count(&self) -> Option<usize> {
        match self {
            Dynamic::Items(items) => Some(items.len()),
            Dynamic::Array(items) => Some(items.len()),
            Dynamic::Members(members) => Some(members.len()),
            Dynamic::Map(entries) => Some(entries.len()),
            _ => None,
        }
    }

    /// Whether two values are equal, the other one as a value of this one's type where that is sensible; nothing, if one
    /// is null or they cannot be compared.
    pub(crate) fn equals(&self, other: &Dynamic<'_>, budget: &Budget) -> Option<bool> {
        use Dynamic::*;
        if !budget.work(1 + self.cost_of_text() + other.cost_of_text()) {
            return None;
        }
        match (self, other) {
            (Null, _) | (_, Null) => None,
            (Boolean(left), Boolean(right)) => Some(left == right),
            (Boolean(left), Text(right)) => Some(*left == right.parse::<bool>().ok()?),
            (Text(left), Text(right)) => Some(left == right || is_same_time(left, right)),
            (Text(left), Boolean(right)) => Some(*left == right.to_string()),
            (Text(left), Integer(right)) => Some(*left == right.to_string()),
            (Text(left), Double(right)) => Some(*left == right.to_string()),
            (Instant(_) | Day(_), _) | (_, Instant(_) | Day(_)) => Some(self.time()? == other.time()?),
            (Integer(_) | Double(_), Text(right)) => {
                Some(self.number()?.compare(parsed(right)?)? == Ordering::Equal)
            }
            (Integer(_) | Double(_), _) => Some(self.number()?.compare(other.number()?)? == Ordering::Equal),
            (Items(_) | Array(_), Items(_) | Array(_)) if budget.work(self.size() + other.size()) => {
                let (left, right) = (self.items()?, other.items()?);
                let mut pairs = left.iter().zip(right.iter());
                let are_equal = |(left, right): (&Dynamic<'_>, &Dynamic<'_>)| {
                    (left.is_null() && right.is_null()) || left.equals(right, budget) == Some(true)
                };
                budget.within(|| Some(left.len() == right.len() && pairs.all(are_equal)))
            }
            (Members(_) | Map(_), Members(_) | Map(_)) if budget.work(self.size() + other.size()) => {
                let (left, right) = (self.entries()?, other.entries()?);
                let has_equal = |(key, value): &(Dynamic<'_>, Dynamic<'_>)| {
                    let mut same = right.iter().filter(|(other, _)| key.equals(other, budget) == Some(true));
                    same.next().is_some_and(|(_, other)| {
                        (value.is_null() && other.is_null()) || value.equals(other, budget) == Some(true)
                    })
                };
                budget.within(|| Some(left.len() == right.len() && left.iter().all(has_equal)))
            }
            (Entry(left), Entry(right)) => {
                budget.within(|| Some(left.0.equals(&right.0, budget)? && left.1.equals(&right.1, budget)?))
            }
            _ => None,
        }
    }

    /// The order of two numbers; nothing, if one is null or none.
    pub(crate) fn compare(&self, other: &Dynamic<'_>, budget: &Budget) -> Option<Ordering> {
        let left = self.number()?;
        match other {
            Dynamic::Text(text) if budget.work(cost_of(text)) => left.compare(parsed(text)?),
            other => left.compare(other.number()?),
        }
    }

    /// What a message calls the type of the value.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Dynamic::Null => "null",
            Dynamic::Boolean(_) => "a boolean",
            Dynamic::Integer(_) | Dynamic::Double(_) => "a number",
            Dynamic::Text(_) => "a string",
            Dynamic::Instant(_) => "a date-time",
            Dynamic::Day(_) => "a date",
            Dynamic::Items(_) | Dynamic::Array(_) => "an array",
            Dynamic::Members(_) => "an object",
            Dynamic::Map(_) => "a map",
            Dynamic::Entry(_) => "an entry of a map",
        }
    }

    /// The value as JSON; nothing, if that would be too much work.
    pub(crate) fn to_json(&self, budget: &Budget) -> Option<Json> {
        if !budget.work(COST_OF_JSON + self.cost_of_text()) {
            return None;
        }
        let json = || {
            Some(match self {
                Dynamic::Null => Json::Null,
                Dynamic::Boolean(boolean) => Json::Bool(*boolean),
                Dynamic::Integer(number) => Json::from(*number),
                Dynamic::Double(number) => match Datum::Double(*number).whole() {
                    Some(whole) => Json::from(whole),
                    None => Json::from(*number),
                },
                Dynamic::Text(text) => Json::from(*text),
                Dynamic::Instant(instant) => Json::from(instant.to_string()),
                Dynamic::Day(day) => Json::from(Offset::UTC.to_datetime(*day).date().to_string()),
                Dynamic::Items(_) | Dynamic::Array(_) => {
                    let items = self.items()?;
                    Json::Array(items.iter().map(|item| item.to_json(budget)).collect::<Option<_>>()?)
                }
                Dynamic::Members(_) | Dynamic::Map(_) => {
                    let entries = self.entries()?;
                    let entry = |(key, value): &(Dynamic<'a>, Dynamic<'a>)| {
                        budget.work(key.cost_of_text());
                        Some((key.as_key().into_owned(), value.to_json(budget)?))
                    };
                    Json::Object(entries.iter().map(entry).collect::<Option<_>>()?)
                }
                Dynamic::Entry(entry) => {
                    let (key, value) = &**entry;
                    budget.work(key.cost_of_text());
                    Json::Object([(key.as_key().into_owned(), value.to_json(budget)?)].into_iter().collect())
                }
            })
        };
        budget.within(json)
    }

    fn cost_of_text(&self) -> usize {
        if let Dynamic::Text(text) = self { cost_of(text) } else { 0 }
    }

    /// The value as a key of an object of JSON.
    fn as_key(&self) -> Cow<'a, str> {
        match self {
            Dynamic::Text(text) => Cow::Borrowed(text),
            Dynamic::Boolean(boolean) => Cow::Owned(boolean.to_string()),
            Dynamic::Integer(number) => Cow::Owned(number.to_string()),
            Dynamic::Double(number) => Cow::Owned(number.to_string()),
            Dynamic::Instant(instant) => Cow::Owned(instant.to_string()),
            Dynamic::Day(day) => Cow::Owned(Offset::UTC.to_datetime(*day).date().to_string()),
            other => Cow::Borrowed(other.type_name()),
        }
    }
}

/// What a value of JSON costs, in steps: it takes memory as long as the answer does.
const COST_OF_JSON: usize = 8;

/// What looking through a text costs, in steps.
pub(crate) fn cost_of(text: &str) -> usize {
    text.len() / 8
}

/// Whether two texts are one time, written in two ways.
fn is_same_time(left: &str, right: &str) -> bool {
    let time = |text: &'_ str| {
        let may_be =
            text.len() >= "2026-01-31".len() && text.starts_with(|first: char| first.is_ascii_digit());
        may_be.then(|| Dynamic::Text(text).time()).flatten()
    };
    time(left).is_some_and(|left| time(right) == Some(left))
}

/// The number that a text stands for.
fn parsed(text: &str) -> Option<Datum<'static>> {
    let whole = text.parse().map(Datum::Integer).ok();
    whole.or_else(|| text.parse().ok().filter(|number: &f64| number.is_finite()).map(Datum::Double))
}
