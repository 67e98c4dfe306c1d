//! Windows of time: what `occurs` and `WHEN` hold an instant against.

use std::fmt;
use std::ops::{Bound, RangeBounds};

use jiff::{SignedDuration, Timestamp};

use crate::ast::Operator;
use crate::calendar::Unit;
use crate::condition::{Scope, Term};

/// A window of time. `V` is a value in it: a node while it is read, an anchor once it is checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Window<V> {
    /// `today`, `on date(2026, 1, 31)`.
    On(Time<V>),
    /// `before today`.
    Beside { side: Side, of: Time<V> },
    /// `<= 24 hours before now`.
    Distance { operator: Operator, count: u64, unit: Unit, side: Side, of: Time<V> },
    /// `between yesterday and today`, both included.
    Between { first: Time<V>, last: Time<V> },
}

/// An instant or an interval.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Time<V> {
    Now,
    /// `this week`. The days have names of their own: `yesterday`, `today` and `tomorrow`.
    Period(Relation, Unit),
    Value(V),
}

/// How a period lies to the instant of evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Relation {
    Last,
    This,
    Next,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Before,
    After,
}

/// A value as a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Anchor {
    pub(crate) term: Term,
    /// Whether it is a date, which stands for the whole day, and no instant.
    pub(crate) is_day: bool,
}

/// The instants between two bounds, or all others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Range {
    bounds: (Bound<Timestamp>, Bound<Timestamp>),
    inside: bool,
}

/// A time on the line: from its start to its end, which is no part of it; an instant has no end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    start: Timestamp,
    end: Option<Timestamp>,
}

impl<V> Window<V> {
    /// The same window with other values.
    pub(crate) fn map<'a, T>(&'a self, mut value: impl FnMut(&'a V) -> T) -> Window<T> {
        let mut time = |time: &'a Time<V>| match time {
            Time::Now => Time::Now,
            Time::Period(relation, unit) => Time::Period(*relation, *unit),
            Time::Value(given) => Time::Value(value(given)),
        };
        match self {
            Window::On(on) => Window::On(time(on)),
            Window::Beside { side, of } => Window::Beside { side: *side, of: time(of) },
            Window::Distance { operator, count, unit, side, of } => Window::Distance {
                operator: *operator,
                count: *count,
                unit: *unit,
                side: *side,
                of: time(of),
            },
            Window::Between { first, last } => Window::Between { first: time(first), last: time(last) },
        }
    }

    /// The values in it.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        let (first, second) = match self {
            Window::On(time) | Window::Beside { of: time, .. } | Window::Distance { of: time, .. } => {
                (time, None)
            }
            Window::Between { first, last } => (first, Some(last)),
        };
        [Some(first), second].into_iter().flatten().filter_map(|time| match time {
            Time::Value(value) => Some(value),
            _ => None,
        })
    }

    /// How long before the instant of evaluation it begins at most, where that has a limit.
    ///
    /// The limit may be greater than need be.
    pub(crate) fn reach(&self) -> Option<SignedDuration> {
        match self {
            Window::On(first) | Window::Between { first, .. } => first.reach(),
            Window::Beside { side: Side::Before, .. } => None,
            Window::Beside { side: Side::After, of } => of.reach_of_end(),
            Window::Distance { operator: Operator::Unequal, .. } => None,
            Window::Distance { side: Side::After, of, .. } => of.reach(),
            Window::Distance { operator: Operator::Greater | Operator::GreaterOrEqual, .. } => None,
            Window::Distance { count, unit, of, .. } => {
                let distance = unit.fixed_length()?.checked_mul(i32::try_from(*count).ok()?)?;
                of.reach()?.checked_add(distance)
            }
        }
    }
}

impl<V> Time<V> {
    /// How long before the instant of evaluation it begins at most.
    fn reach(&self) -> Option<SignedDuration> {
        match self {
            Time::Now | Time::Period(Relation::Next, _) => Some(SignedDuration::ZERO),
            Time::Period(Relation::This, unit) => unit.fixed_length(),
            Time::Period(Relation::Last, unit) => unit.fixed_length()?.checked_mul(2),
            Time::Value(_) => None,
        }
    }

    /// How long before the instant of evaluation it ends at most.
    fn reach_of_end(&self) -> Option<SignedDuration> {
        match self {
            Time::Period(Relation::Last, unit) => unit.fixed_length(),
            Time::Period(..) => Some(SignedDuration::ZERO),
            other => other.reach(),
        }
    }
}

impl<V> Window<V> {
    /// Whether an instant lies in it; nothing, if one of its times is null.
    pub(crate) fn holds(
        &self,
        instant: Timestamp,
        now: Timestamp,
        value: impl FnMut(&V) -> Option<Stretch>,
    ) -> Option<bool> {
        Some(self.range(now, value)?.contains(instant))
    }

    /// The instants that lie in it; nothing, if one of its times is null.
    pub(crate) fn range(
        &self,
        now: Timestamp,
        mut value: impl FnMut(&V) -> Option<Stretch>,
    ) -> Option<Range> {
        let mut stretch = |time: &Time<V>| time.stretch(now, &mut value);
        Some(match self {
            Window::On(time) => stretch(time)?.range(),
            Window::Beside { side: Side::Before, of } => {
                Range::between(Bound::Unbounded, Bound::Excluded(stretch(of)?.start))
            }
            Window::Beside { side: Side::After, of } => {
                Range::between(stretch(of)?.when_over(), Bound::Unbounded)
            }
            Window::Between { first, last } => {
                let (first, last) = (stretch(first)?, stretch(last)?);
                Range::between(Bound::Included(first.start), last.until())
            }
            Window::Distance { operator, count, unit, side, of } => {
                let of = stretch(of)?;
                let count = i64::try_from(*count).unwrap_or(i64::MAX);
                let count = if *side == Side::Before { -count } else { count };
                of.at_distance(*operator, *unit, count, *side)
            }
        })
    }
}

impl Range {
    fn between(from: Bound<Timestamp>, until: Bound<Timestamp>) -> Range {
        Range { bounds: (from, until), inside: true }
    }

    pub(crate) fn contains(self, instant: Timestamp) -> bool {
        self.bounds.contains(&instant) == self.inside
    }

    /// The nanoseconds since 1970 between the bounds, and whether these are the ones, or all others.
    pub(crate) fn nanoseconds(self) -> (std::ops::Range<i128>, bool) {
        let start = match self.bounds.0 {
            Bound::Included(first) => first.as_nanosecond(),
            Bound::Excluded(before) => before.as_nanosecond() + 1,
            Bound::Unbounded => i128::MIN,
        };
        let end = match self.bounds.1 {
            Bound::Included(last) => last.as_nanosecond() + 1,
            Bound::Excluded(end) => end.as_nanosecond(),
            Bound::Unbounded => i128::MAX,
        };
        (start..end, self.inside)
    }
}

impl<V> Time<V> {
    fn stretch(&self, now: Timestamp, value: impl FnOnce(&V) -> Option<Stretch>) -> Option<Stretch> {
        match self {
            Time::Now => Some(Stretch::instant(now)),
            Time::Period(relation, unit) => {
                let places = match relation {
                    Relation::Last => -1,
                    Relation::This => 0,
                    Relation::Next => 1,
                };
                Some(Stretch::of(*unit, unit.shift(unit.start(now), places)))
            }
            Time::Value(given) => value(given),
        }
    }
}

impl Window<Anchor> {
    /// Whether an instant lies in it; nothing, if one of its times is null.
    pub(crate) fn contains(&self, instant: Timestamp, scope: Scope<'_>) -> Option<bool> {
        Some(self.range_in(scope)?.contains(instant))
    }

    /// The instants that lie in it; nothing, if one of its times is null.
    pub(crate) fn range_in(&self, scope: Scope<'_>) -> Option<Range> {
        self.range(scope.page.now, |anchor| anchor.stretch(scope))
    }
}

impl Anchor {
    fn stretch(&self, scope: Scope<'_>) -> Option<Stretch> {
        let instant = self.term.evaluate(scope)?.time()?;
        Some(if self.is_day { Stretch::day(instant) } else { Stretch::instant(instant) })
    }
}

impl Stretch {
    pub(crate) fn instant(start: Timestamp) -> Stretch {
        Stretch { start, end: None }
    }

    /// The day in which an instant lies.
    pub(crate) fn day(instant: Timestamp) -> Stretch {
        Stretch::of(Unit::Day, Unit::Day.start(instant))
    }

    /// One unit, from its start.
    fn of(unit: Unit, start: Timestamp) -> Stretch {
        Stretch { start, end: Some(unit.shift(start, 1)) }
    }

    fn range(self) -> Range {
        Range::between(Bound::Included(self.start), self.until())
    }

    /// What its instants lie before.
    fn until(self) -> Bound<Timestamp> {
        self.end.map_or(Bound::Included(self.start), Bound::Excluded)
    }

    /// What the instants after it begin with.
    fn when_over(self) -> Bound<Timestamp> {
        self.end.map_or(Bound::Excluded(self.start), Bound::Included)
    }

    /// The instants that lie as far from the start as they should, on the side that they should.
    fn at_distance(self, operator: Operator, unit: Unit, count: i64, side: Side) -> Range {
        let (start, there) = (self.start, unit.shift(self.start, count));
        let from_there = |there: Bound<Timestamp>| match side {
            Side::Before => Range::between(there, Bound::Excluded(start)),
            Side::After => Range::between(Bound::Excluded(start), there),
        };
        let beyond = |there: Bound<Timestamp>| match side {
            Side::Before => Range::between(Bound::Unbounded, there),
            Side::After => Range::between(there, Bound::Unbounded),
        };
        match operator {
            Operator::Less => from_there(Bound::Excluded(there)),
            Operator::LessOrEqual => from_there(Bound::Included(there)),
            Operator::Greater => beyond(Bound::Excluded(there)),
            Operator::GreaterOrEqual => beyond(Bound::Included(there)),
            _ => {
                // So many days from a day, or from a longer period, are a day, and no instant of it.
                let is_day = unit >= Unit::Day && self.end >= Stretch::of(Unit::Day, start).end;
                let there = if is_day { Stretch::of(Unit::Day, there) } else { Stretch::instant(there) };
                Range { inside: operator != Operator::Unequal, ..there.range() }
            }
        }
    }
}

/// The canonical text.
impl<V: fmt::Display> fmt::Display for Window<V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::On(time) => write!(formatter, "{time}"),
            Window::Beside { side, of } => write!(formatter, "{side} {of}"),
            Window::Distance { operator, count, unit, side, of } => {
                write!(formatter, "{} {count} {} {side} {of}", operator.symbol(), unit.name(*count))
            }
            Window::Between { first, last } => write!(formatter, "between {first} and {last}"),
        }
    }
}

impl<V: fmt::Display> fmt::Display for Time<V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Time::Now => formatter.write_str("now"),
            Time::Period(Relation::Last, Unit::Day) => formatter.write_str("yesterday"),
            Time::Period(Relation::This, Unit::Day) => formatter.write_str("today"),
            Time::Period(Relation::Next, Unit::Day) => formatter.write_str("tomorrow"),
            Time::Period(relation, unit) => write!(formatter, "{relation} {}", unit.name(1)),
            Time::Value(value) => value.fmt(formatter),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Relation::Last => "last",
            Relation::This => "this",
            Relation::Next => "next",
        })
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Side::Before => "before",
            Side::After => "after",
        })
    }
}
