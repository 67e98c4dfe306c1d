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
use serde_json::Value;

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
struct Answer<A> {
    id: Value,
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

/// The `id` of a line, as far as it can be read; else `null`.
fn id(line: &[u8]) -> Value {
    #[derive(Deserialize)]
    struct Named {
        id: Value,
    }
    match serde_json::from_slice(line) {
        Ok(Named { id }) if line.starts_with(b"{") => id,
        _ => Value::Null,
    }
}

impl Problem {
    fn of(line: u64, error: &Unreadable) -> Problem {
        let path = error.path().to_string();
        let column = Some(error.inner().column()).filter(|column| *column > 0);
        let text = error.inner().to_string();
        let told = text.split(" at line ").next().unwrap_or(&text);
        let (found, expected) =
            match told.split_once(", expected ").or_else(|| told.split_once(": expected ")) {
                Some((found, expected)) => (without_value(found), in_words(expected).to_owned()),
                None if error.inner().is_data() => match told.strip_prefix("missing field ") {
                    Some(field) => (format!("no field {field}"), format!("field {field}")),
                    None => (told.to_owned(), "what `--help` shows".to_owned()),
                },
                None => (told.to_owned(), "one JSON object on the line".to_owned()),
            };
        let at = Some(path).filter(|path| path != "." && path != "?");
        let mut place = column.map_or_else(String::new, |column| format!(", column {column}"));
        if let Some(at) = &at {
            place += &format!(" at `{at}`");
        }
        let message = format!("line {line}{place}: found {found}, expected {expected}");
        Problem { line, column, at, found, expected, message }
    }
}

/// What was found, in words that are not Rust's, and without its value where that is a text or a number: it may be
/// somebody's.
fn without_value(found: &str) -> String {
    let kind = ["invalid type: ", "invalid value: ", "invalid length "]
        .iter()
        .find_map(|each| found.strip_prefix(each));
    match kind {
        Some(text) if text.starts_with("string ") => "a string".to_owned(),
        Some(number) if number.starts_with("integer ") || number.starts_with("floating point ") => {
            "a number".to_owned()
        }
        Some("map") => "an object".to_owned(),
        Some("sequence") => "a list".to_owned(),
        Some(kind) => kind.to_owned(),
        None => found.to_owned(),
    }
}

/// What was expected, in words that are not Rust's.
fn in_words(expected: &str) -> &str {
    match expected {
        "a sequence" => "a list",
        "a map" => "an object",
        "i64" | "u64" => "a whole number",
        each if each.starts_with("struct ") => "an object",
        each => each,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Question {
        #[expect(dead_code, reason = "only whether it can be read is asked")]
        ids: BTreeMap<String, Vec<String>>,
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
        ] {
            assert_eq!(of(line), expected);
        }
    }

    #[test]
    fn a_line_keeps_its_id_even_where_the_rest_cannot_be_read() {
        assert_eq!(id(br#"{"ids": 5, "id": "a"}"#), json!("a"));
        assert_eq!(id(br#"{"id": {"n": 1}}"#), json!({"n": 1}));
        assert_eq!(id(br#"{"id": "a""#), Value::Null);
        assert_eq!(id(b"[1]"), Value::Null);
    }
}
