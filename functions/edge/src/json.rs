//! JSON as text: what has to be known of it before it is parsed, or is lost by parsing.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The characters of a JSON text, each with whether it lies within a string.
fn characters(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut in_string = false;
    let mut is_escaped = false;
    text.chars().map(move |each| {
        let is_text = in_string;
        match each {
            _ if is_escaped => is_escaped = false,
            '\\' if in_string => is_escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        (each, is_text)
    })
}

/// How deeply arrays and objects lie in each other.
pub(crate) fn depth(text: &str) -> usize {
    let mut deepest = 0_usize;
    let mut open = 0_usize;
    for (each, is_text) in characters(text) {
        match each {
            '[' | '{' if !is_text => {
                open += 1;
                deepest = deepest.max(open);
            }
            ']' | '}' if !is_text => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The same JSON without white space between its parts, and so on one line. Unlike parsing and writing it again, this
/// keeps numbers, escapes and the order of members as they are.
pub(crate) fn on_one_line(text: &str) -> String {
    characters(text)
        .filter(|(each, is_text)| *is_text || !each.is_ascii_whitespace())
        .map(|(each, _)| each)
        .collect()
}

/// The members of an object, each as it came; none, where it is no object.
///
/// # Errors
/// Where a name stands twice: one reader takes the first value, and another the last.
pub(crate) fn members(text: &str) -> Result<BTreeMap<String, &RawValue>, serde_json::Error> {
    if !text.starts_with('{') {
        return Ok(BTreeMap::new());
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Members)
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = BTreeMap<String, &'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object that has every name once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(members)
    }
}

/// A text with `null` in the place of a part that was borrowed from it.
pub(crate) fn without(text: &str, part: &RawValue) -> String {
    let begin = part.get().as_ptr().addr().saturating_sub(text.as_ptr().addr());
    let before = text.get(..begin).unwrap_or_default();
    let after = text.get(begin.saturating_add(part.get().len())..).unwrap_or_default();
    format!("{before}null{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_and_not_what_strings_hold() {
        for (text, expected) in
            [("1", 0), ("{}", 1), (r#"{"a":[{}],"b":[]}"#, 3), (r#"["[[[","\"[",[]]"#, 2), ("]]]]", 0)]
        {
            assert_eq!(depth(text), expected, "{text}");
        }
    }

    #[test]
    fn on_one_line_nothing_is_lost_but_white_space() {
        let text = "{ \"b\" : 1.50,\r\n\t\"a\":\"x  \\\" y\\n\" ,\"n\":12345678901234567890123 }";
        let expected = r#"{"b":1.50,"a":"x  \" y\n","n":12345678901234567890123}"#;
        assert_eq!(on_one_line(text), expected);
    }

    #[test]
    fn members_come_as_they_are_and_each_name_once() {
        let members = members(r#"{"a":1.50,"b":{"a":1,"a":2}}"#).unwrap();
        let members: Vec<_> = members.iter().map(|(name, value)| (name.as_str(), value.get())).collect();
        assert_eq!(members, [("a", "1.50"), ("b", r#"{"a":1,"a":2}"#)]);
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(super::members(text).is_err(), "{text}");
        }
        for text in ["null", "[1]", "\"{\""] {
            assert!(super::members(text).unwrap().is_empty(), "{text}");
        }
    }

    #[test]
    fn a_part_is_cut_where_it_stands_and_nowhere_else() {
        let text = r#"{"a":"x","b":"x","c":1.50}"#;
        assert_eq!(without(text, members(text).unwrap()["b"]), r#"{"a":"x","b":null,"c":1.50}"#);
    }
}
