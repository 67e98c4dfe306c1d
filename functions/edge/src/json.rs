//! JSON as text: what has to be known of it before it is parsed, or is lost by parsing.

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
}
