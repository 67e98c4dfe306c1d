//! Units of time: where they begin, and what lies some of them away. All of it in UTC.

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Span, Timestamp};

/// A unit of time, the smallest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Unit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    Decade,
    Century,
    Millennium,
}

/// What a unit is made of: units of the clock are of one length, those of the calendar are not.
enum Length {
    Milliseconds(i64),
    Months(i64),
}

impl Unit {
    /// Every unit, as one and as many.
    pub(crate) const NAMES: [(Unit, &'static str, &'static str); 11] = [
        (Unit::Millisecond, "millisecond", "milliseconds"),
        (Unit::Second, "second", "seconds"),
        (Unit::Minute, "minute", "minutes"),
        (Unit::Hour, "hour", "hours"),
        (Unit::Day, "day", "days"),
        (Unit::Week, "week", "weeks"),
        (Unit::Month, "month", "months"),
        (Unit::Year, "year", "years"),
        (Unit::Decade, "decade", "decades"),
        (Unit::Century, "century", "centuries"),
        (Unit::Millennium, "millennium", "millennia"),
    ];

    /// The unit of a name, whether for one or for many.
    pub(crate) fn named(name: &str) -> Option<Unit> {
        let mut names = Unit::NAMES.into_iter();
        names.find(|(_, one, many)| *one == name || *many == name).map(|(unit, _, _)| unit)
    }

    /// What so many of them are called.
    pub(crate) fn name(self, count: u64) -> &'static str {
        let mut names = Unit::NAMES.into_iter();
        let name = names.find(|(unit, _, _)| *unit == self);
        name.map_or("", |(_, one, many)| if count == 1 { one } else { many })
    }

    fn length(self) -> Length {
        match self {
            Unit::Millisecond => Length::Milliseconds(1),
            Unit::Second => Length::Milliseconds(1_000),
            Unit::Minute => Length::Milliseconds(60_000),
            Unit::Hour => Length::Milliseconds(3_600_000),
            Unit::Day => Length::Milliseconds(DAY),
            Unit::Week => Length::Milliseconds(7 * DAY),
            Unit::Month => Length::Months(1),
            Unit::Year => Length::Months(12),
            Unit::Decade => Length::Months(120),
            Unit::Century => Length::Months(1_200),
            Unit::Millennium => Length::Months(12_000),
        }
    }

    /// The length, where every unit of the kind has the same.
    pub(crate) fn fixed_length(self) -> Option<SignedDuration> {
        match self.length() {
            Length::Milliseconds(milliseconds) => Some(SignedDuration::from_millis(milliseconds)),
            Length::Months(_) => None,
        }
    }

    /// When the unit begins in which an instant lies.
    pub(crate) fn start(self, instant: Timestamp) -> Timestamp {
        let start = match self.length() {
            Length::Milliseconds(length) => {
                // The calendar begins with a Thursday, weeks with a Monday.
                let ahead = if self == Unit::Week { 3 * DAY } else { 0 };
                let since = instant.as_nanosecond() + i128::from(ahead) * NANOSECONDS;
                let into = since.rem_euclid(i128::from(length) * NANOSECONDS);
                Timestamp::from_nanosecond(instant.as_nanosecond() - into).ok()
            }
            Length::Months(length) => {
                let date = Offset::UTC.to_datetime(instant);
                let months = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
                first_of_month(months - months.rem_euclid(length))
            }
        };
        start.unwrap_or(Timestamp::MIN)
    }

    /// The instant that lies so many units after another, or before it, if `count` is negative.
    ///
    /// Where a month lacks the day it is its last; before the first instant that there is lies that one, and so at the end.
    pub(crate) fn shift(self, instant: Timestamp, count: i64) -> Timestamp {
        let shifted = match self.length() {
            Length::Milliseconds(length) => {
                instant.checked_add(SignedDuration::from_millis(length.saturating_mul(count))).ok()
            }
            Length::Months(length) => {
                let shift = Span::new().try_months(length.saturating_mul(count));
                let date = shift.and_then(|shift| Offset::UTC.to_datetime(instant).checked_add(shift));
                date.and_then(|date| Offset::UTC.to_timestamp(date)).ok()
            }
        };
        shifted.unwrap_or(if count < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }
}

/// The first instant of a month, of those that are counted from the beginning of year 0.
fn first_of_month(months: i64) -> Option<Timestamp> {
    let year = i16::try_from(months.div_euclid(12)).ok()?;
    let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
    first_of_day(Date::new(year, month, 1).ok()?)
}

/// The first instant of a day.
pub(crate) fn first_of_day(date: Date) -> Option<Timestamp> {
    Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()
}

const DAY: i64 = 86_400_000;
const NANOSECONDS: i128 = 1_000_000;
