//! JSON lines in, JSON lines out: commands that answer questions one by one, offline.
//!
//! One answer per line, in the input's order, and each as soon as its line is read. A line that cannot be read costs
//! itself only: its answer says what was found and what was expected.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_path_to_error::{Path, Segment};

/// Where the lines come from.
#[derive(Debug, Args)]
pub(crate) struct Input {
    /// The file of JSON lines; standard input without it, or with `-`
    file: Option<PathBuf>,
}

impl Input {
    /// That of a file, or standard input.
    pub(crate) fn of(file: Option<PathBuf>) -> Input {
        Input { file }
    }

    fn open(&self) -> Result<Box<dyn BufRead>> {
        match &self.file {
            Some(file) if file.as_os_str() != "-" => {
                let opened =
                    File::open(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
                Ok(Box::new(BufReader::new(opened)))
            }
            _ => Ok(Box::new(io::stdin().lock())),
        }
    }
}

/// Answers every line; empty ones ask nothing. A question is a JSON object, whose `id` comes back with its answer.
pub(crate) fn answer<Q: DeserializeOwned, A: Serialize>(
    input: &Input,
    mut answer: impl FnMut(Q) -> A,
) -> Result<ExitCode> {
    each(input, |number, line| {
        let id = id(line);
        match read(line) {
            Ok(question) => serde_json::to_vec(&Answer { id, answer: answer(question) }),
            Err(error) => {
                serde_json::to_vec(&Answer { id, answer: Unread { error: Problem::of(number, &error) } })
            }
        }
    })
}

/// Answers every line by its number and its bytes with a document; empty ones ask nothing.
pub(crate) fn each(
    input: &Input,
    mut answer: impl FnMut(u64, &[u8]) -> serde_json::Result<Vec<u8>>,
) -> Result<ExitCode> {
    let mut lines = input.open()?;
    let mut out = io::stdout().lock();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if lines.read_until(b'\n', &mut line).context("the input cannot be read")? == 0 {
            break;
        }
        // Some programs begin a file with a byte order mark.
        let marked = if number == 1 { line.strip_prefix(b"\xEF\xBB\xBF") } else { None };
        let line = marked.unwrap_or(&line).trim_ascii();
        if line.is_empty() {
            continue;
        }
        let written = out.write_all(&answer(number, line)?).and_then(|()| out.write_all(b"\n"));
        match written {
            // Whoever reads no further wants no more answers.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Answer<'l, A> {
    id: Option<&'l RawValue>,
    #[serde(flatten)]
    answer: A,
}

#[derive(Serialize)]
struct Unread {
    error: Problem,
}

/// Why a line could not be read.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Problem {
    line: u64,
    /// Where on the line, if it is one place.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    /// Where in the document, such as `config.unique[0]`; nothing where it is no JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    found: String,
    expected: String,
    message: String,
}

type Unreadable = serde_path_to_error::Error<serde_json::Error>;

fn read<Q: DeserializeOwned>(line: &[u8]) -> Result<Q, Unreadable> {
    // A fault of the line as a whole has no place in its document.
    let of_the_whole =
        |error| serde_path_to_error::Error::new(serde_path_to_error::Track::new().path(), error);
    if !line.starts_with(b"{") {
        // Lists could be read as objects without names.
        return Err(of_the_whole(serde_json::Error::custom(
            "no JSON object, expected one JSON object on the line",
        )));
    }
    let mut document = serde_json::Deserializer::from_slice(line);
    let question = serde_path_to_error::deserialize(&mut document)?;
    document.end().map_err(of_the_whole)?;
    Ok(question)
}

/// The `id` of a line exactly as it is written there, as far as it can be read.
fn id(line: &[u8]) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Named<'l> {
        #[serde(borrow)]
        id: &'l RawValue,
    }
    let named: Option<Named<'_>> = serde_json::from_slice(line).ok();
    named.filter(|_| line.starts_with(b"{")).map(|Named { id }| id)
}

impl Problem {
    fn of(line: u64, error: &Unreadable) -> Problem {
        let column = Some(error.inner().column()).filter(|column| *column > 0);
        let text = error.inner().to_string();
        let told = text.split(" at line ").next().unwrap_or(&text);
        let of_the_line = "one JSON object on the line";
        let (found, expected) = match split_at_expected(told) {
            Some((found, expected)) => (in_words(found), in_words(expected)),
            None if error.inner().is_data() => match told.split_once(" field ") {
                Some(("missing", field)) => (format!("no field {field}"), format!("field {field}")),
                Some(("duplicate", field)) => (format!("field {field} twice"), "it once".to_owned()),
                _ => (told.to_owned(), "what `--help` shows".to_owned()),
            },
            None => (told.to_owned(), of_the_line.to_owned()),
        };
        let help = help(&found, &expected).unwrap_or_else(|| format!(", expected {expected}"));
        let found = without_values(&found);
        let at = place(error.path());
        let mut place = column.map_or_else(String::new, |column| format!(", column {column}"));
        if let Some(at) = &at {
            place += &format!(" at `{at}`");
        }
        let message = format!("line {line}{place}: found {found}{help}");
        Problem { line, column, at, found, expected, message }
    }
}

/// What a parser found, and what it expected.
fn split_at_expected(told: &str) -> Option<(&str, &str)> {
    // The last of them: what was found may be any text.
    let splits = [", expected ", ": expected "].map(|words| told.rfind(words).map(|at| (at, words.len())));
    let (at, length) = splits.into_iter().flatten().max()?;
    Some((told.get(..at)?, told.get(at + length..)?))
}

/// What to write instead of a field that nobody knows, where it is a known one but for a slip.
fn help(found: &str, expected: &str) -> Option<String> {
    let field = found.strip_prefix("unknown field `")?.strip_suffix('`')?;
    let known = expected.split('`').skip(1).step_by(2);
    let help = project::instead_of(field, known).filter(|help| help.starts_with("did you mean"))?;
    Some(format!("; {help}"))
}

/// Where in the document something is.
fn place(path: &Path) -> Option<String> {
    let mut place = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => {
                place += &format!("[{index}]");
                continue;
            }
            Segment::Map { key: name } | Segment::Enum { variant: name } if is_word(name) => name,
            Segment::Map { .. } | Segment::Enum { .. } => "*",
            Segment::Unknown => continue,
        };
        place += if place.is_empty() { "" } else { "." };
        place += name;
    }
    Some(place).filter(|place| !place.is_empty())
}

/// What was found, without texts and numbers that may be somebody's.
fn without_values(found: &str) -> String {
    let kind = ["invalid type: ", "invalid value: ", "invalid length "]
        .iter()
        .find_map(|each| found.strip_prefix(each));
    match kind {
        Some(text) if text.starts_with("string ") => return "a string".to_owned(),
        Some(number) if number.starts_with("integer ") || number.starts_with("floating point ") => {
            return "a number".to_owned();
        }
        Some("map") => return "an object".to_owned(),
        Some("sequence") => return "a list".to_owned(),
        Some(kind) => return kind.to_owned(),
        None => {}
    }
    let pieces: Vec<&str> = found.split('`').collect();
    let mut quoted = pieces.iter().skip(1).step_by(2);
    if pieces.len() % 2 == 1 && quoted.all(|text| is_word(text)) {
        return found.to_owned();
    }
    let (before, after) = (found.split('`').next(), found.rsplit('`').next());
    format!("{}`*`{}", before.unwrap_or_default(), after.unwrap_or_default())
}

/// Whether a text is one that keys and words of ours are made of, as against somebody's name, address or number.
fn is_word(text: &str) -> bool {
    let is_made_of = |each: char| each.is_ascii_alphanumeric() || matches!(each, '_' | '-' | '.');
    let digits = text.chars().filter(char::is_ascii_digit).count();
    text.len() <= 64 && text.chars().all(is_made_of) && digits < 4
}

/// What was found or expected, in words that are not Rust's.
fn in_words(told: &str) -> String {
    match told {
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        "i64" | "u64" => "a whole number".to_owned(),
        each if each.starts_with("struct ") => "an object".to_owned(),
        each => each.replacen("unknown variant ", "unknown word ", 1),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::namespace::NamespaceCode;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read is asked")]
    struct Question {
        ids: BTreeMap<NamespaceCode, Vec<String>>,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Anon,
        Known,
    }

    #[test]
    fn what_cannot_be_read_says_where_what_was_found_and_what_was_expected() {
        let of = |line: &str| Problem::of(3, &read::<Question>(line.as_bytes()).unwrap_err()).message;
        for (line, expected) in [
            (
                r#"{"ids": {"Email": "bobby@example.com"}}"#,
                "line 3, column 37 at `ids.Email`: found a string, expected a list",
            ),
            (
                r#"{"ids": {"Email": [5]}}"#,
                "line 3, column 20 at `ids.Email[0]`: found a number, expected a string",
            ),
            ("{}", "line 3, column 2: found no field `ids`, expected field `ids`"),
            ("nonsense", "line 3: found no JSON object, expected one JSON object on the line"),
            ("[{}]", "line 3: found no JSON object, expected one JSON object on the line"),
            (
                r#"{"ids""#,
                "line 3, column 6: found EOF while parsing an object, expected one JSON object on the line",
            ),
            (
                r#"{"ids": {}} x"#,
                "line 3, column 13: found trailing characters, expected one JSON object on the line",
            ),
            (r#"{"ids": {}, "ids": {}}"#, "line 3, column 17: found field `ids` twice, expected it once"),
            (
                r#"{"ids": {}, "who": "anon"}"#,
                "line 3, column 17 at `who`: found unknown field `who`, expected `ids` or `kind`",
            ),
            (
                r#"{"ids": {}, "kidn": "anon"}"#,
                "line 3, column 18 at `kidn`: found unknown field `kidn`; did you mean `kind`?",
            ),
            (
                r#"{"ids": {}, "kind": "anonymous"}"#,
                "line 3, column 31 at `kind`: found unknown word `anonymous`, expected `anon` or `known`",
            ),
        ] {
            assert_eq!(of(line), expected);
        }
    }

    #[test]
    fn nothing_that_may_be_somebodys_is_repeated_wherever_it_stands() {
        for line in [
            r#"{"ids": {"Email": "bobby@example.com"}}"#,
            r#"{"ids": {"bobby@example.com": ["x"]}}"#,
            r#"{"ids": {"bobby@example.com, expected `x": ["x"]}}"#,
            r#"{"ids": {"+4915112345678": 5}}"#,
            r#"{"ids": {"4915112345678": 5}}"#,
            r#"{"ids": {"Email": [4915112345678]}}"#,
            r#"{"ids": {"Email": 4915112345678.5}}"#,
            r#"{"ids": {}, "bobby@example.com": 5}"#,
            r#"{"ids": {}, "a`bobby@example.com": 5}"#,
            r#"{"ids": {}, "kind": "bobby@example.com"}"#,
            r#"{"ids": {}, "kind": "4915112345678"}"#,
        ] {
            let problem = Problem::of(3, &read::<Question>(line.as_bytes()).unwrap_err());
            let told = serde_json::to_string(&problem).unwrap();
            assert!(!told.contains("bobby") && !told.contains("12345"), "{line}: {told}");
        }
    }

    #[test]
    fn a_line_keeps_its_id_even_where_the_rest_cannot_be_read() {
        for (line, expected) in [
            (r#"{"ids": 5, "id": "a"}"#, Some(r#""a""#)),
            (r#"{"id": {"n": 1}}"#, Some(r#"{"n": 1}"#)),
            (r#"{"id": 123456789012345678901234567890}"#, Some("123456789012345678901234567890")),
            (r#"{"id": 1e400}"#, Some("1e400")),
            (r#"{"id": "a""#, None),
            ("[1]", None),
        ] {
            assert_eq!(id(line.as_bytes()).map(RawValue::get), expected, "{line}");
        }
    }
}
