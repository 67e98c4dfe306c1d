//! The functions by name.

use std::ops::RangeInclusive;

use crate::ast::Aggregate;
use crate::condition::CalendarPart;
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
    Text {
        test: TextTest,
        wanted: bool,
    },
    Matches,
    IsNull {
        wanted: bool,
    },
    Includes,
    Intersects,
    SubsetOf,
    SupersetOf,
    Count,
    PartOf(CalendarPart),
    CurrentPart(CalendarPart),
    Date,
    InSegment,
    If,
    MapEntry,
    RegexGroup,
    Intersection,
    Distinct,
    GroupBy,
    Filter,
    Map,
    Exists,
    /// The items with the highest values, or with the lowest.
    Extreme {
        highest: bool,
    },
    Head,
    Get,
    Keys,
    Values,
    Aggregate(Aggregate),
}

const fn either(name: &'static str, least: usize, meaning: Meaning) -> Function {
    Function { name, is_method: true, arguments: least..=least + 1, meaning }
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
pub(crate) static FUNCTIONS: [Function; 43] = [
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
    function("if", 3, Meaning::If),
    function("mapEntry", 2, Meaning::MapEntry),
    either("regexGroup", 1, Meaning::RegexGroup),
    method("intersection", 1, Meaning::Intersection),
    method("distinct", 0, Meaning::Distinct),
    method("groupBy", 1, Meaning::GroupBy),
    method("filter", 1, Meaning::Filter),
    method("map", 1, Meaning::Map),
    either("exists", 0, Meaning::Exists),
    method("topN", 2, Meaning::Extreme { highest: true }),
    method("bottomN", 2, Meaning::Extreme { highest: false }),
    method("head", 0, Meaning::Head),
    method("get", 1, Meaning::Get),
    method("keys", 0, Meaning::Keys),
    method("values", 0, Meaning::Values),
    either("sum", 0, Meaning::Aggregate(Aggregate::Sum)),
    either("average", 0, Meaning::Aggregate(Aggregate::Average)),
    either("min", 0, Meaning::Aggregate(Aggregate::Min)),
    either("max", 0, Meaning::Aggregate(Aggregate::Max)),
];

impl Function {
    /// The function of a name.
    pub(crate) fn named(name: &str) -> Option<&'static Function> {
        FUNCTIONS.iter().find(|function| function.name == name)
    }

    /// Whether an argument is about each item of the receiver: names in it are fields of the item.
    pub(crate) fn is_about_items(&self, argument: usize) -> bool {
        argument == 0
            && matches!(
                self.meaning,
                Meaning::GroupBy
                    | Meaning::Filter
                    | Meaning::Map
                    | Meaning::Exists
                    | Meaning::Extreme { .. }
                    | Meaning::Aggregate(_)
            )
    }
}
