//! Windows once more, otherwise: times are numbers of units since 1970, or since year 0.

use std::cmp::Ordering;

use domain::value::Object;
use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::ast::{Node, NodeKind, Operator};
use crate::calendar::Unit;
use crate::window::{Relation, Side, Time, Window};

/// An instant, or a unit by its number.
enum Place {
    Instant(Timestamp),
    Unit(Unit, i64),
}

/// Whether an instant lies in a window, for a profile; nothing, if a time of the window is null.
pub(super) fn lies_in(
    instant: Timestamp,
    window: &Window<Node>,
    profile: &Object,
    now: Timestamp,
) -> Option<bool> {
    Some(match window {
        Window::On(time) => place(time, profile, now)?.holds(instant) == Ordering::Equal,
        Window::Beside { side: Side::Before, of } => {
            place(of, profile, now)?.holds(instant) == Ordering::Less
        }
        Window::Beside { side: Side::After, of } => {
            place(of, profile, now)?.holds(instant) == Ordering::Greater
        }
        Window::Between { first, last } => {
            let (first, last) =
                (place(first, profile, now)?.holds(instant), place(last, profile, now)?.holds(instant));
            first != Ordering::Less && last != Ordering::Greater
        }
        Window::Distance { operator, count, unit, side, of } => {
            let of = place(of, profile, now)?;
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

fn place(time: &Time<Node>, profile: &Object, now: Timestamp) -> Option<Place> {
    Some(match time {
        Time::Now => Place::Instant(now),
        Time::Period(Relation::Last, unit) => Place::Unit(*unit, number(*unit, now) - 1),
        Time::Period(Relation::This, unit) => Place::Unit(*unit, number(*unit, now)),
        Time::Period(Relation::Next, unit) => Place::Unit(*unit, number(*unit, now) + 1),
        Time::Value(node) => {
            let NodeKind::Name(name) = &node.kind else { unreachable!("{node:?}") };
            let value = profile.get(name)?.as_str()?;
            let is_date = value.len() == "2026-01-31".len();
            let instant = time_of(value);
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

fn time_of(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| format!("{text}T00:00:00Z").parse().unwrap())
}
