//! Errors that say where, what was found, what was expected and what to do.

use std::fmt;
use std::ops::Range;

/// A place in an expression: a range of bytes of its text.
pub type Span = Range<usize>;

/// Why an expression was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// Whether the text or its meaning is at fault.
    pub kind: ErrorKind,
    /// What was found and what was expected, on one line.
    pub message: String,
    /// Which part of the text is at fault.
    pub span: Span,
    /// What to do about it, where that is known.
    pub help: Option<String>,
    /// Whether only conditions lack this part of the language, which a walk of the tree has.
    pub(crate) is_walked: bool,
}

/// What is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text is no expression.
    Parse,
    /// The expression does not fit the schema: a name without meaning, or a value of the wrong type.
    Type,
    /// The expression is right, and asks for more than the edge has.
    Edge,
}

impl Error {
    pub(crate) fn parse(message: impl Into<String>, span: Span) -> Error {
        Error { kind: ErrorKind::Parse, message: message.into(), span, help: None, is_walked: false }
    }

    pub(crate) fn wrong_type(message: impl Into<String>, span: Span) -> Error {
        Error { kind: ErrorKind::Type, message: message.into(), span, help: None, is_walked: false }
    }

    pub(crate) fn beyond_edge(message: impl Into<String>, span: Span) -> Error {
        Error { kind: ErrorKind::Edge, message: message.into(), span, help: None, is_walked: false }
    }

    /// A part of the language that conditions do not have, and a walk of the tree has.
    pub(crate) fn not_compiled(what: &str, span: Span) -> Error {
        let message = format!("{what} is evaluated by a walk of the tree only");
        Error { is_walked: true, ..Error::wrong_type(message, span) }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Error {
        Error { help: Some(help.into()), ..self }
    }

    /// Line and column of the beginning of the span in `text`, both counted from 1, the column in characters.
    pub fn position(&self, text: &str) -> (usize, usize) {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// The error on several lines for a person: position and message, the line of `text` with carets under the
    /// span, and the help.
    pub fn render(&self, text: &str) -> String {
        let (line, column) = self.position(text);
        let source = text.lines().nth(line - 1).unwrap_or_default();
        let (shown, indent) = window(source, column - 1);
        let spanned = text.get(self.span.clone()).unwrap_or_default();
        let on_this_line = spanned.lines().next().unwrap_or_default().chars().count();
        let carets = "^".repeat(on_this_line.clamp(1, shown.chars().count().saturating_sub(indent).max(1)));
        let mut rendered =
            format!("{line}:{column}: {}\n  | {shown}\n  | {:indent$}{carets}", self.message, "");
        if let Some(help) = &self.help {
            rendered.push_str("\n  = ");
            rendered.push_str(help);
        }
        rendered
    }
}

/// At most 100 characters of a line around one of them, and where in them that one stands.
///
/// Tabs become spaces, so that a caret below stands where it should.
fn window(line: &str, column: usize) -> (String, usize) {
    let start = column.saturating_sub(60);
    let shown = line.chars().skip(start).take(100).map(|each| if each == '\t' { ' ' } else { each });
    (shown.collect(), column - start)
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(formatter, "; {help}"),
            None => Ok(()),
        }
    }
}
