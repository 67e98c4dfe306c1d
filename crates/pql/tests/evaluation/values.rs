//! What expressions on the profile answer.

use crate::all;

#[test]
fn fields_are_reached_by_name_by_position_and_through_the_head_of_the_query() {
    all(
        true,
        &[
            r#"name.first = "Bobby""#,
            r#"$1.name.first = "Bobby""#,
            r#"(P) => P.name.first = "Bobby""#,
            r#"(P) => name.first = P.name.first"#,
            r#"(name) => name.name.first = "Bobby""#,
            r#"_tenant.id = "ID.42+""#,
            r#"name.last = "Bank""#,
            r#"$1.month = 7"#,
            r#"(P) => P.month = 7"#,
            r#"$1.in = "side""#,
            r#"partner.homeOwner"#,
        ],
    );
}

#[test]
fn numbers_are_compared_by_value_whatever_their_type() {
    all(
        true,
        &[
            "age = 42",
            "age = 42.0",
            "42 = age",
            "age != 43",
            "age > 41",
            "age >= 42",
            "age < 42.5",
            "age <= 42",
            "balance > 1999",
            "balance = 1999.5",
            "partner.recentMortgage > .8",
            "balance < 2e3",
            "-age < 0",
            "- 5 < 0",
            "+5 = 5",
            "9223372036854775807 > 9223372036854775806",
            "9223372036854775807 != 9223372036854775808.0",
            "-9223372036854775808 = -9223372036854775808.0",
            "9007199254740993 != 9007199254740992.0",
            "1 < 1.5",
            "-1.5 < -1",
            "0 = -0.0",
            "1e20 > 9223372036854775807",
        ],
    );
    all(false, &["age = 43", "age > 42", "age < 42", "age >= 42.5", "age != 42", "1.5 < 1", "-1 < -1.5"]);
}

#[test]
fn a_literal_takes_the_type_of_what_it_is_compared_with() {
    all(
        true,
        &[
            r#"age = "42""#,
            r#""42" = age"#,
            r#"age >= "41.5""#,
            r#"partner.homeOwner = "true""#,
            r#"name.first != 5"#,
            r#"age in ["41", "42"]"#,
            r#"birthDate = "1984-02-29""#,
            r#"lastSeen = "2026-01-31T08:00:00Z""#,
            r#"lastSeen = 1769846400000"#,
            r#"birthDate in ["1984-02-29"]"#,
            r#"birthDate != lastSeen"#,
        ],
    );
    all(false, &[r#"age = "41""#, r#"birthDate = "1984-02-28""#, r#"hasAdvisor = "true""#]);
}

#[test]
fn boolean_operators_bind_not_then_and_then_or() {
    all(
        true,
        &[
            "true",
            "not false",
            "!false",
            "!(false)",
            "not(false)",
            "not not true",
            "true or false and false",
            "(true or false) and true",
            "not false and true",
            "not false or false",
            "not age = 41",
            "! age = 41",
            "not (age = 41) and name.first = \"Bobby\"",
            "false or false or true",
            "true and true and not false",
            "(age = 42) = true",
            "(age = 41) = hasAdvisor",
        ],
    );
    all(
        false,
        &[
            "false",
            "(true or false) and false",
            "not true or false",
            "not (true or false)",
            "not true and true",
            "hasAdvisor",
            "true and false and true",
        ],
    );
}

#[test]
fn comparisons_with_null_are_false_and_so_are_their_opposites() {
    all(
        false,
        &[
            r#"textMissing = "x""#,
            r#"textMissing != "x""#,
            r#"textMissing = textMissing"#,
            r#"objectMissing.text != "x""#,
            "numberMissing < 1",
            "numberMissing >= 1",
            "numberMissing = 0",
            r#"textMissing in ["x"]"#,
            r#"textMissing notIn ["x"]"#,
            r#""x" in tagsMissing"#,
            r#""x" notIn tagsMissing"#,
            r#"textMissing like "%""#,
            r#"textMissing matches """#,
            r#"textMissing.contains("")"#,
            r#"textMissing.doesNotContain("x")"#,
            r#"textMissing.startsWith("")"#,
            r#"textMissing.doesNotStartWith("x")"#,
            r#"textMissing.endsWith("")"#,
            r#"textMissing.doesNotEndWith("x")"#,
            r#"textMissing.equals("x")"#,
            r#"textMissing.notEqualTo("x")"#,
            r#"name.first.doesNotContain(textMissing)"#,
            r#"name.first.notEqualTo(textMissing, false)"#,
            "booleanMissing",
            "booleanMissing = false",
            "booleanMissing != true",
            "tagsMissing.intersects(tags)",
            "tags.intersects(tagsMissing)",
            "tagsMissing.subsetOf(tags)",
            "tags.supersetOf(tagsMissing)",
            r#"tagsMissing.includes("a")"#,
            "tags.includes(textMissing)",
            "dateMissing = birthDate",
            "dateMissing != birthDate",
            "dateMissing.getYear() != 2000",
        ],
    );
    all(
        true,
        &[
            r#"not (textMissing = "x")"#,
            r#"not (textMissing != "x")"#,
            r#"not textMissing in ["x"]"#,
            "not booleanMissing",
            "booleanMissing or true",
            "tagsMissing.count() = 0",
            r#"name.first notIn [textMissing]"#,
        ],
    );
}

#[test]
fn only_is_null_and_is_not_null_see_null() {
    all(
        true,
        &[
            "textMissing.isNull()",
            "objectMissing.isNull()",
            "objectMissing.text.isNull()",
            "name.first.isNotNull()",
            "name.isNotNull()",
            "noTags.isNotNull()",
            "limits.isNotNull()",
            "(numberMissing + 1).isNull()",
            "name.middle.isNull()",
        ],
    );
    all(
        false,
        &["textMissing.isNotNull()", "name.isNull()", "(textMissing = textMissing).isNull()", "age.isNull()"],
    );
}

#[test]
fn in_boolean_position_an_array_holds_if_it_has_items_and_any_other_value_holds() {
    all(true, &["tags", "name", "age", "limits", "\"\"", "0", "name.first and age", "[1]"]);
    all(false, &["noTags", "tagsMissing", "objectMissing", "numberMissing", "[]", "not age"]);
}

#[test]
fn arithmetic_is_exact_and_null_where_it_has_no_result() {
    all(
        true,
        &[
            "1 + 2 * 3 = 7",
            "(1 + 2) * 3 = 9",
            "10 - 4 - 3 = 3",
            "age / 4 = 10.5",
            "6 / 2 = 3",
            "age % 5 = 2",
            "-7 % 3 = -1",
            "2 - -2 = 4",
            "-(2) * 3 = -6",
            "--2 = 2",
            "age-1 = 41",
            "balance * 2 = 3999",
            "(age / 0).isNull()",
            "(age % 0).isNull()",
            "(1e308 * 10).isNull()",
            "9223372036854775807 + 1 = 9223372036854775808.0",
            "-(-9223372036854775808) = 9223372036854775808.0",
            "not (numberMissing + 1 = 1)",
            "12 / 3 / 2 = 2",
        ],
    );
    all(false, &["numberMissing + 1 != 5", "age / 0 = age / 0", "numberMissing * 0 = 0"]);
}

#[test]
fn membership_takes_lists_in_either_bracket_and_array_fields() {
    all(
        true,
        &[
            r#"name.first in ["Ann", "Bobby"]"#,
            r#"name.first in ("Ann", "Bobby")"#,
            r#"name.first in ("Bobby")"#,
            r#"name.first notIn ["Ann"]"#,
            r#"name.first notIn ("Ann", "bobby")"#,
            r#"name.first notIn []"#,
            r#""a" in tags"#,
            r#""a" in (tags)"#,
            r#""z" notIn tags"#,
            "age in [41, 42]",
            "age in [age]",
            "2 in scores",
            "1.0 in scores",
            r#"partner.netWorthBand in ["high", "very high"] and not hasAdvisor"#,
            r#"tags.includes("b")"#,
            "[1, 2, 3].includes(age - 40)",
        ],
    );
    all(
        false,
        &[
            r#"name.first in ["bobby"]"#,
            r#"name.first notIn ["Bobby"]"#,
            "age in []",
            "3 in scores",
            r#"tags.includes("A")"#,
            r#"name.first in [textMissing]"#,
        ],
    );
}

#[test]
fn arrays_are_compared_as_sets_and_in_order() {
    all(
        true,
        &[
            "tags.intersects(moreTags)",
            r#"tags.intersects(["x", "c"])"#,
            r#"["a"].subsetOf(tags)"#,
            r#"tags.supersetOf(["b", "a"])"#,
            "noTags.subsetOf(tags)",
            "tags.count() = 3",
            "noTags.count() = 0",
            "[1, 2].count() = 2",
            r#"tags = ["a", "b", "c"]"#,
            r#"tags != ["c", "b", "a"]"#,
            "scores = [1, 2]",
            "name = name",
            "[textMissing].count() = 1",
            "[age, 1] = [42, 1]",
        ],
    );
    all(
        false,
        &[
            "tags.intersects(noTags)",
            "tags.subsetOf(moreTags)",
            "moreTags.supersetOf(tags)",
            "tags = moreTags",
            r#"tags = ["a", "b"]"#,
            "name != name",
            "[textMissing] = [textMissing]",
        ],
    );
}

#[test]
fn string_functions_come_in_pairs_and_regard_case_unless_told_otherwise() {
    all(
        true,
        &[
            r#"name.first.startsWith("Bob")"#,
            r#"name.first.startsWith("bOB", false)"#,
            r#"name.first.doesNotStartWith("bob")"#,
            r#"name.first.doesNotStartWith("bob", true)"#,
            r#"name.first.endsWith("by")"#,
            r#"name.first.endsWith("BY", false)"#,
            r#"name.first.doesNotEndWith("BY")"#,
            r#"name.first.contains("obb")"#,
            r#"name.first.contains("OBB", false)"#,
            r#"name.first.doesNotContain("OBB")"#,
            r#"name.first.equals("Bobby")"#,
            r#"name.first.equals("BOBBY", false)"#,
            r#"name.first.notEqualTo("BOBBY")"#,
            r#"name.first.contains("")"#,
            r#""Straße".equals("STRAßE", false)"#,
            r#""ΟΔΟΣ".equals("οδος", false)"#,
            r#""ÀÉ".contains("é", false)"#,
            r#"name.first.startsWith(name.first)"#,
        ],
    );
    all(
        false,
        &[
            r#"name.first.startsWith("bob")"#,
            r#"name.first.doesNotStartWith("bob", false)"#,
            r#"name.first.endsWith("BY")"#,
            r#"name.first.doesNotEndWith("BY", false)"#,
            r#"name.first.contains("OBB", true)"#,
            r#"name.first.doesNotContain("OBB", false)"#,
            r#"name.first.equals("bobby")"#,
            r#"name.first.notEqualTo("bobby", false)"#,
        ],
    );
}

#[test]
fn like_covers_the_whole_text_with_two_wildcards() {
    all(
        true,
        &[
            r#"name.first like "Bobby""#,
            r#"name.first like "B%y""#,
            r#"name.first like "B_bb_""#,
            r#"name.first like "%""#,
            r#"name.first like "%bb%""#,
            r#"_tenant.id like "ID.42+""#,
            r#""a\nb" like "a%b""#,
            r#""é" like "_""#,
            r#""" like "%""#,
        ],
    );
    all(
        false,
        &[
            r#"name.first like "bobby""#,
            r#"name.first like "Bob""#,
            r#"name.first like "B__y""#,
            r#"_tenant.id like "ID_42""#,
            r#""" like "_""#,
            r#"name.first like "%z%""#,
        ],
    );
}

#[test]
fn matches_finds_java_regular_expressions_anywhere() {
    all(
        true,
        &[
            r#"name.first.matches("bb")"#,
            r#"name.first matches "^B""#,
            r#"name.first.matches("(?i)^BOBBY$")"#,
            r#"_tenant.id.matches("\\d{2}")"#,
            r#"_tenant.id.matches("\\Q.42+\\E$")"#,
            r#"_tenant.id.matches("^\\w+[.]")"#,
            r#"name.first.matches("B(?:ob|ill)by")"#,
            r#""x-1".matches("^[\\w-]+$")"#,
            r#""a--b".matches("^[a--b]+$")"#,
            r#""aéb".matches("^a\\W")"#,
            r#""A B".matches("\\S\\s\\S")"#,
        ],
    );
    all(
        false,
        &[
            r#"name.first.matches("^b")"#,
            r#"name.first.matches("\\d")"#,
            r#""é".matches("\\w")"#,
            r#""٣".matches("\\d")"#,
        ],
    );
}

#[test]
fn dates_are_instants_in_utc() {
    all(
        true,
        &[
            "birthDate.getYear() = 1984",
            "birthDate.getMonth() = 2",
            "birthDate.getDayOfMonth() = 29",
            "lastSeen.getDayOfMonth() = 31",
            "currentYear() = 2026",
            "currentMonth() = 1",
            "currentDayOfMonth() = 31",
            "currentYear() - birthDate.getYear() >= 18",
        ],
    );
    all(false, &["birthDate.getMonth() = currentMonth()"]);
}

#[test]
fn segments_are_asked_of_whoever_evaluates() {
    all(
        true,
        &[r#"inSegment("members")"#, r#"not inSegment("others")"#, r#"inSegment("members") and age > 18"#],
    );
    all(false, &[r#"inSegment("others")"#]);
}

#[test]
fn strings_know_two_quotes_and_the_usual_escapes() {
    all(
        true,
        &[
            r#"'Bobby' = name.first"#,
            r#""\u0042obby" = name.first"#,
            r#""😀" = "\uD83D\uDE00""#,
            r#"'"' = "\"""#,
            r#""it's" = 'it\'s'"#,
            r#""\\" = '\\'"#,
            r#""\t\n" != "tn""#,
            "\n name . first\n = \t\"Bobby\" ",
        ],
    );
}
