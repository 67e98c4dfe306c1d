//! The functions by name.

use std::ops::RangeInclusive;

use crate::predicate::CalendarPart;
use crate::text::TextTest;

/// A function that can be called.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// Whether it is called on a receiver: `field.count()`, unlike `inSegment("id")`.
    pub(crate) is_method: bool,
    pub(crate) arguments: RangeInclusive<usize>,
    pub(crate) meaning: Meaning,
}

/// What a call means; of pairs of functions, `wanted` tells the positive one.
#[derive(Clone, Copy)]
pub(crate) enum Meaning {
    Text { test: TextTest, wanted: bool },
    Matches,
    IsNull { wanted: bool },
    Includes,
    Intersects,
    SubsetOf,
    SupersetOf,
    Count,
    PartOf(CalendarPart),
    CurrentPart(CalendarPart),
    Date,
    InSegment,
}

const fn text(name: &'static str, test: TextTest, wanted: bool) -> Function {
    Function { name, is_method: true, arguments: 1..=2, meaning: Meaning::Text { test, wanted } }
}

const fn method(name: &'static str, arguments: usize, meaning: Meaning) -> Function {
    Function { name, is_method: true, arguments: arguments..=arguments, meaning }
}

const fn function(name: &'static str, arguments: usize, meaning: Meaning) -> Function {
    Function { name, is_method: false, arguments: arguments..=arguments, meaning }
}

/// Every function that can be called.
pub(crate) const FUNCTIONS: [Function; 24] = [
    text("startsWith", TextTest::StartsWith, true),
    text("doesNotStartWith", TextTest::StartsWith, false),
    text("endsWith", TextTest::EndsWith, true),
    text("doesNotEndWith", TextTest::EndsWith, false),
    text("contains", TextTest::Contains, true),
    text("doesNotContain", TextTest::Contains, false),
    text("equals", TextTest::Equals, true),
    text("notEqualTo", TextTest::Equals, false),
    method("matches", 1, Meaning::Matches),
    method("isNull", 0, Meaning::IsNull { wanted: true }),
    method("isNotNull", 0, Meaning::IsNull { wanted: false }),
    method("includes", 1, Meaning::Includes),
    method("intersects", 1, Meaning::Intersects),
    method("subsetOf", 1, Meaning::SubsetOf),
    method("supersetOf", 1, Meaning::SupersetOf),
    method("count", 0, Meaning::Count),
    method("getYear", 0, Meaning::PartOf(CalendarPart::Year)),
    method("getMonth", 0, Meaning::PartOf(CalendarPart::Month)),
    method("getDayOfMonth", 0, Meaning::PartOf(CalendarPart::Day)),
    function("currentYear", 0, Meaning::CurrentPart(CalendarPart::Year)),
    function("currentMonth", 0, Meaning::CurrentPart(CalendarPart::Month)),
    function("currentDayOfMonth", 0, Meaning::CurrentPart(CalendarPart::Day)),
    function("date", 3, Meaning::Date),
    function("inSegment", 1, Meaning::InSegment),
];

/// Functions of the language that are not supported yet.
pub(crate) const LATER: [&str; 19] = [
    "average",
    "bottomN",
    "distinct",
    "exists",
    "filter",
    "get",
    "groupBy",
    "head",
    "if",
    "intersection",
    "keys",
    "map",
    "mapEntry",
    "max",
    "min",
    "regexGroup",
    "sum",
    "topN",
    "values",
];
