//! Windows of time. Now is noon of Saturday, 31 January 2026.

use crate::all;

/// Checks windows that a day in January 2026, or an instant of it, does or does not lie in.
#[track_caller]
fn lies(expected: bool, instant: &str, windows: &[&str]) {
    let expressions: Vec<String> =
        windows.iter().map(|window| format!("{instant} occurs {window}")).collect();
    all(expected, &expressions.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_day_is_whole_and_an_instant_is_a_point() {
    // `lastSeen` is 08:00 of today, `birthDate` the first instant of 29 February 1984.
    lies(
        true,
        "lastSeen",
        &[
            "today",
            "on today",
            "on date(2026, 1, 31)",
            "date(2026, 1, 31)",
            "\"2026-01-31\"",
            "\"2026-01-31T08:00:00Z\"",
            "lastSeen",
            "this week",
            "this month",
            "this year",
            "this decade",
            "this century",
            "this millennium",
        ],
    );
    lies(
        false,
        "lastSeen",
        &[
            "now",
            "yesterday",
            "tomorrow",
            "this hour",
            "this minute",
            "last hour",
            "last week",
            "next month",
            "last year",
            "date(2026, 1, 30)",
            "\"2026-01-31T00:00:00Z\"",
            "birthDate",
        ],
    );
    lies(
        true,
        "birthDate",
        &["birthDate", "date(1984, 2, 29)", "\"1984-02-29\"", "\"1984-02-29T00:00:00Z\""],
    );
    lies(false, "birthDate", &["date(1984, 3, 1)", "date(1984, 2, 28)", "this century"]);
}

#[test]
fn periods_are_those_of_the_calendar_and_weeks_begin_on_monday() {
    let days = |month: i8, days: &[i8]| -> Vec<String> {
        days.iter().map(|day| format!("date(2026, {month}, {day})")).collect()
    };
    for day in days(1, &[26, 31]) {
        lies(true, &day, &["this week", "this month", "before next week", "after last week"]);
    }
    lies(false, "date(2026, 1, 25)", &["this week"]);
    lies(false, "date(2026, 2, 1)", &["this month", "next week"]);
    lies(true, "date(2026, 2, 1)", &["this week", "tomorrow", "next day", "next month"]);
    lies(true, "date(2026, 2, 2)", &["next week"]);
    lies(true, "date(2026, 1, 30)", &["yesterday", "last day"]);
    lies(true, "date(2025, 12, 1)", &["last month", "last year"]);
    lies(true, "date(2025, 12, 31)", &["last month"]);
    lies(false, "date(2025, 12, 31)", &["last week", "this year"]);
    lies(true, "date(2026, 1, 19)", &["last week"]);
    lies(true, "date(2020, 1, 1)", &["this decade"]);
    lies(true, "date(2019, 12, 31)", &["last decade"]);
    lies(true, "date(2000, 1, 1)", &["this century", "this millennium"]);
    lies(true, "date(1999, 12, 31)", &["last century", "last millennium"]);
    lies(true, "date(3000, 1, 1)", &["next millennium"]);
}

#[test]
fn before_and_after_leave_out_the_time_itself() {
    lies(true, "lastSeen", &["before now", "after yesterday", "from yesterday", "before tomorrow"]);
    lies(true, "lastSeen", &["after birthDate", "before \"2026-01-31T08:00:01Z\"", "before next hour"]);
    lies(
        false,
        "lastSeen",
        &["after now", "before today", "after today", "before lastSeen", "after lastSeen"],
    );
    lies(false, "birthDate", &["before birthDate", "after birthDate", "after date(1984, 2, 29)"]);
    lies(true, "birthDate", &["before date(1984, 3, 1)", "after date(1984, 2, 28)", "before \"2000-01-01\""]);
}

#[test]
fn between_takes_in_both_ends_and_all_of_the_last_day() {
    lies(
        true,
        "lastSeen",
        &["between today and today", "between yesterday and now", "between lastSeen and now"],
    );
    lies(true, "lastSeen", &["between lastSeen and lastSeen", "between this week and next week"]);
    lies(true, "lastSeen", &["between date(2026, 1, 1) and date(2026, 1, 31)"]);
    lies(
        false,
        "lastSeen",
        &["between now and tomorrow", "between tomorrow and today", "between now and today"],
    );
    lies(false, "lastSeen", &["between date(2026, 1, 1) and date(2026, 1, 30)"]);
    all(true, &["lastSeen occurs between yesterday and today and age = 42"]);
    all(false, &["lastSeen occurs between yesterday and today and age = 41"]);
}

#[test]
fn a_distance_is_measured_from_its_start_on_the_stated_side() {
    // Four hours lie between `lastSeen` and now, and eight between its day's beginning and it.
    lies(
        true,
        "lastSeen",
        &[
            "< 5 hours before now",
            "<= 4 hours before now",
            "= 4 hours before now",
            "4 hours before now",
            ">= 4 hours before now",
            "> 3 hours before now",
            "!= 3 hours before now",
            "<= 240 minutes before now",
            "< 1 day before now",
            "<= 1 week before now",
            "<= 8 hours after today",
            "8 hours from today",
            ">= 8 hours after today",
            "> 7 hours from today",
            "< 9 hours after today",
            "<= 1 millennium before tomorrow",
            "> 0 hours before now",
            "<= 28800 seconds after today",
            "14400000 milliseconds before now",
        ],
    );
    lies(
        false,
        "lastSeen",
        &[
            "< 4 hours before now",
            "<= 3 hours before now",
            "> 4 hours before now",
            ">= 5 hours before now",
            "!= 4 hours before now",
            "= 3 hours before now",
            "<= 9 hours after now",
            "< 8 hours after today",
            "> 8 hours after today",
            "<= 7 hours after today",
            "<= 1 hour before today",
            "<= 9 hours before lastSeen",
            "<= 9 hours after lastSeen",
            "<= 0 hours before now",
        ],
    );
}

#[test]
fn so_many_days_from_a_day_are_a_whole_day() {
    lies(
        true,
        "lastSeen",
        &["= 1 day after yesterday", "1 day before tomorrow", "= 1 month after date(2025, 12, 31)"],
    );
    lies(true, "lastSeen", &["!= 1 day before today", "= 0 days before today"]);
    lies(
        false,
        "lastSeen",
        &["!= 1 day after yesterday", "= 1 day before now", "= 24 hours after yesterday"],
    );
    lies(
        false,
        "lastSeen",
        &["= 0 days before this hour", "= 1 day after last hour", "= 1 day before next hour"],
    );
    lies(true, "date(2026, 1, 24)", &["= 2 days before this week", "= 1 month before date(2026, 2, 24)"]);
    lies(true, "date(2025, 1, 31)", &["= 1 year before today", "= 12 months before today"]);
}

#[test]
fn shifts_by_months_end_with_the_month() {
    lies(true, "date(2026, 2, 28)", &["= 1 month after date(2026, 1, 31)", "<= 1 month after today"]);
    lies(true, "date(2024, 2, 29)", &["= 1 month before date(2024, 3, 31)"]);
    lies(true, "date(1985, 2, 28)", &["= 1 year after birthDate"]);
    lies(true, "date(1994, 2, 28)", &["= 1 decade after birthDate"]);
    lies(true, "date(2084, 2, 29)", &["= 1 century after birthDate"]);
    lies(false, "date(2026, 3, 1)", &["<= 1 month after today"]);
}

#[test]
fn what_lies_beyond_all_time_is_as_far_as_time_goes() {
    lies(
        true,
        "lastSeen",
        &["<= 18446744073709551615 millennia before now", "< 999999999999 days before now"],
    );
    lies(
        false,
        "lastSeen",
        &["> 18446744073709551615 milliseconds before now", ">= 99999 centuries before now"],
    );
    lies(false, "lastSeen", &["<= 99999 centuries after now"]);
    lies(true, "date(9999, 12, 30)", &["<= 99999 centuries after now", "after next millennium"]);
}

#[test]
fn a_window_with_null_holds_nothing_and_so_does_an_instant_that_is_null() {
    lies(
        false,
        "dateMissing",
        &["today", "before today", "after today", "between birthDate and now", "!= 1 day before now"],
    );
    lies(
        false,
        "lastSeen",
        &["dateMissing", "before dateMissing", "after dateMissing", "!= 1 day before dateMissing"],
    );
    lies(false, "lastSeen", &["between dateMissing and now", "between birthDate and dateMissing"]);
    lies(false, "lastSeen", &["before date(numberMissing, 1, 1)", "before date(age / 0, 1, 1)"]);
    all(true, &["not (dateMissing occurs today)", "not dateMissing occurs before now"]);
}

#[test]
fn dates_are_calculated_from_whole_numbers() {
    all(
        true,
        &[
            "birthDate = date(1984, 2, 29)",
            "birthDate = date(\"1984\", 2, 29)",
            "date(1984, 2, 29) = birthDate",
            "birthDate != date(1984, 2, 28)",
            "birthDate in [date(1984, 2, 29)]",
            "date(currentYear(), currentMonth(), currentDayOfMonth()) occurs today",
            "date(currentYear() - 18, 1, 31).getYear() = 2008",
            "birthDate occurs before date(currentYear() - 18, currentMonth(), 1)",
            "date(2026, 6 / 2, 1).getMonth() = 3",
            "date(2026, age, 1).isNull()",
            "date(2026, $1.month - 5, 30).isNull()",
            "date(age * 1e10, 1, 1).isNull()",
            "date(2026, $1.month / 2, 1).isNull()",
            "(lastSeen occurs today) = partner.homeOwner",
        ],
    );
    all(false, &["birthDate = date(1984, 3, 1)", "date(2026, age, 1) = date(2026, age, 1)"]);
}
