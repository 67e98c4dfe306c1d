//! Questions on text: parts of it with or without regard to case, and patterns.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

/// What the string functions ask, the positive of each pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
    Equals,
}

impl TextTest {
    pub(crate) fn passes(self, subject: &str, argument: &str, ignore_case: bool) -> bool {
        match (self, ignore_case) {
            (TextTest::StartsWith, false) => subject.starts_with(argument),
            (TextTest::EndsWith, false) => subject.ends_with(argument),
            (TextTest::Contains, false) => subject.contains(argument),
            (TextTest::Equals, false) => subject == argument,
            (TextTest::StartsWith, true) => begins(folded(subject), folded(argument)),
            (TextTest::EndsWith, true) => begins(folded(subject).rev(), folded(argument).rev()),
            // The only allocation of an evaluation: searching in linear time wants both in one piece.
            (TextTest::Contains, true) => {
                folded(subject).collect::<String>().contains(&folded(argument).collect::<String>())
            }
            (TextTest::Equals, true) => folded(subject).eq(folded(argument)),
        }
    }
}

fn begins(mut subject: impl Iterator<Item = char>, mut argument: impl Iterator<Item = char>) -> bool {
    argument.all(|each| subject.next() == Some(each))
}

/// The characters without their case: upper, then lower, one for one, as Java's `equalsIgnoreCase` does.
fn folded(text: &str) -> impl DoubleEndedIterator<Item = char> {
    text.chars().map(|each| if each.is_ascii() { each.to_ascii_lowercase() } else { lower(upper(each)) })
}

fn upper(each: char) -> char {
    single(each.to_uppercase()).unwrap_or(each)
}

fn lower(each: char) -> char {
    single(each.to_lowercase()).unwrap_or(each)
}

fn single(mut mapped: impl Iterator<Item = char>) -> Option<char> {
    let first = mapped.next();
    if mapped.next().is_none() { first } else { None }
}

/// The two languages of patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Of `like`.
    Like,
    /// Of `matches` and `regexGroup`.
    Java,
}

impl Dialect {
    pub(crate) fn build(self, pattern: &str) -> Result<Regex, String> {
        match self {
            Dialect::Like => like(pattern),
            Dialect::Java => java(pattern),
        }
    }
}

/// Patterns that are built, by their texts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patterns<T> {
    like: HashMap<T, Regex>,
    java: HashMap<T, Regex>,
}

impl<T: std::hash::Hash + Eq + std::borrow::Borrow<str>> Patterns<T> {
    /// How many there may be: each takes memory of its own.
    pub(crate) const MOST: usize = 128;

    pub(crate) fn get(&self, dialect: Dialect, text: &str) -> Option<&Regex> {
        match dialect {
            Dialect::Like => self.like.get(text),
            Dialect::Java => self.java.get(text),
        }
    }

    /// Whether there may be another one.
    pub(crate) fn has_room(&self) -> bool {
        self.like.len() + self.java.len() < Self::MOST
    }

    pub(crate) fn keep(&mut self, dialect: Dialect, text: T, pattern: Regex) {
        match dialect {
            Dialect::Like => self.like.insert(text, pattern),
            Dialect::Java => self.java.insert(text, pattern),
        };
    }
}

/// The pattern of `like`: `%` is any text, `_` is one character, and both together are the whole text.
pub(crate) fn like(pattern: &str) -> Result<Regex, String> {
    let mut expression = String::from(r"(?s)\A");
    let mut buffer = [0; 4];
    for each in pattern.chars() {
        match each {
            '%' => expression.push_str(".*"),
            '_' => expression.push('.'),
            plain => expression.push_str(&regex::escape(plain.encode_utf8(&mut buffer))),
        }
    }
    expression.push_str(r"\z");
    build(&expression)
}

/// The pattern of `matches`: a Java regular expression, found anywhere.
///
/// The engine runs in linear time, and so has no look-around and no back-references.
/// Where it would read a pattern otherwise than Java does, the pattern is rewritten or refused.
pub(crate) fn java(pattern: &str) -> Result<Regex, String> {
    build(&rewritten(pattern)?)
}

fn build(expression: &str) -> Result<Regex, String> {
    /// Bounds what one pattern may take, compiled and while it runs.
    const MOST_BYTES: usize = 1 << 20;
    RegexBuilder::new(expression)
        .size_limit(MOST_BYTES)
        .dfa_size_limit(MOST_BYTES)
        .nest_limit(64)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too large once it is compiled".to_owned(),
            // The last line of a syntax error says what is wrong; those before it draw a picture of where.
            other => {
                let message = other.to_string();
                let last = message.lines().last().unwrap_or_default();
                last.strip_prefix("error: ").unwrap_or(last).to_owned()
            }
        })
}

/// Where Java and the engine read one syntax in two ways, the syntax that the engine reads as Java does.
fn rewritten(pattern: &str) -> Result<String, String> {
    let mut expression = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut classes = 0_usize;
    while let Some(each) = rest.chars().next() {
        rest = rest.get(each.len_utf8()..).unwrap_or_default();
        match each {
            '\\' => rest = escape(rest, &mut expression),
            '[' => {
                classes += 1;
                expression.push('[');
            }
            ']' => {
                classes = classes.saturating_sub(1);
                expression.push(']');
            }
            // The engine's class operators beside `&&` are plain characters in Java.
            '-' | '~' if classes > 0 && rest.starts_with(each) => expression.extend(['\\', each]),
            '*' | '+' | '?' | '}' if classes == 0 && rest.starts_with('+') => {
                return Err(format!("possessive quantifier `{each}+` is not supported"));
            }
            '(' if classes == 0 => {
                refuse_flags(rest)?;
                expression.push('(');
            }
            plain => expression.push(plain),
        }
    }
    Ok(expression)
}

/// Rewrites one escape, and says what follows it. Java's classes are ASCII.
fn escape<'a>(rest: &'a str, expression: &mut String) -> &'a str {
    let Some(name) = rest.chars().next() else {
        expression.push('\\');
        return rest;
    };
    let after = rest.get(name.len_utf8()..).unwrap_or_default();
    let written = match name {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[a-zA-Z0-9_]",
        'W' => "[^a-zA-Z0-9_]",
        's' => r"[ \t\n\x0B\f\r]",
        'S' => r"[^ \t\n\x0B\f\r]",
        'h' => r"[ \t\xA0\u1680\u180E\u2000-\u200A\u202F\u205F\u3000]",
        'H' => r"[^ \t\xA0\u1680\u180E\u2000-\u200A\u202F\u205F\u3000]",
        'v' => r"[\n\x0B\f\r\x85\u2028\u2029]",
        'V' => r"[^\n\x0B\f\r\x85\u2028\u2029]",
        'R' => r"(?:\r\n|[\n\x0B\f\r\x85\u2028\u2029])",
        'Z' => r"(?:\r\n|[\n\r\x85\u2028\u2029])?\z",
        'p' | 'P' | 'x' => return of_name(name, after, expression),
        'Q' => {
            let (quoted, after) = after.split_once(r"\E").unwrap_or((after, ""));
            expression.push_str(&regex::escape(quoted));
            return after;
        }
        other => {
            // What is no letter and no digit stands for itself, while `\<` is a boundary to the engine.
            if other.is_ascii_alphanumeric() {
                expression.extend(['\\', other]);
            } else {
                expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4])));
            }
            return after;
        }
    };
    expression.push_str(written);
    after
}

/// Rewrites a class by its name, `\p{Alpha}` or `\pL`, or a character by its number, `\x{E9}`. The names that Java has
/// from POSIX are of ASCII; the engine has them in brackets.
fn of_name<'a>(kind: char, rest: &'a str, expression: &mut String) -> &'a str {
    let Some((name, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
        expression.extend(['\\', kind]);
        return rest;
    };
    let is_posix = matches!(
        name,
        "Lower"
            | "Upper"
            | "ASCII"
            | "Alpha"
            | "Digit"
            | "Alnum"
            | "Punct"
            | "Graph"
            | "Print"
            | "Blank"
            | "Cntrl"
            | "XDigit"
            | "Space"
    );
    if is_posix && kind != 'x' {
        let negation = if kind == 'P' { "^" } else { "" };
        expression.push_str(&format!("[[:{negation}{}:]]", name.to_ascii_lowercase()));
    } else {
        expression.push_str(&format!("\\{kind}{{{name}}}"));
    }
    after
}

/// Refuses flags that Java and the engine give two meanings.
fn refuse_flags(group: &str) -> Result<(), String> {
    let flags = group.strip_prefix('?').and_then(|group| group.split([')', ':']).next()).unwrap_or_default();
    let are_flags = flags.chars().all(|each| each.is_ascii_alphabetic() || each == '-');
    match flags.chars().find(|each| matches!(each, 'U' | 'R')) {
        Some(flag) if are_flags => Err(format!("flag `{flag}` is not supported")),
        _ => Ok(()),
    }
}
