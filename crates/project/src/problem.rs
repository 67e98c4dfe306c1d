//! What is wrong with a project, and where.

use std::fmt;

use serde::Serialize;

use crate::shape::{Members, Shape};

/// A place in a file: line and column, both counted from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    /// Where a problem of a whole file is shown.
    pub(crate) const START: Position = Position { line: 1, column: 1 };

    /// That of a byte of a text.
    pub(crate) fn of(text: &str, byte: usize) -> Position {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Position { line: before.matches('\n').count() + 1, column }
    }
}

/// One thing that is wrong, or that deserves a look, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file, relative to the project's folder, with `/` between its steps.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1 in characters.
    pub column: usize,
    /// What was found and what was expected.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(formatter, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a project, by file, line and column. There is at least one problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Fails if there is any problem.
    pub(crate) fn unless_none(mut problems: Vec<Problem>) -> Result<(), Problems> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort();
        problems.dedup();
        Err(Problems(problems))
    }

    /// The problems in order.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    /// One line for each.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            problem.fmt(formatter)?;
        }
        Ok(())
    }
}

/// Collects the problems of one file.
pub(crate) struct Notes<'a> {
    file: &'a str,
    list: &'a mut Vec<Problem>,
    /// What is asked for, where forms are only listened to.
    heard: Option<&'a mut Option<Shape>>,
}

impl<'a> Notes<'a> {
    pub(crate) fn of(file: &'a str, list: &'a mut Vec<Problem>) -> Notes<'a> {
        Notes { file, list, heard: None }
    }

    /// Listens to what a form asks for.
    pub(crate) fn listening(list: &'a mut Vec<Problem>, heard: &'a mut Option<Shape>) -> Notes<'a> {
        Notes { file: "", list, heard: Some(heard) }
    }

    /// Writes down what would be read here, and answers whether that is all that is wanted.
    pub(crate) fn hear(&mut self, shape: Shape) -> bool {
        let Some(heard) = &mut self.heard else { return false };
        heard.get_or_insert(shape);
        true
    }

    /// The keys that have been asked for, where forms are only listened to.
    pub(crate) fn members(&mut self) -> Option<&mut Members> {
        match self.heard.as_deref_mut()? {
            Some(Shape::Members(members)) => Some(members),
            _ => None,
        }
    }

    /// The same problems, for another file.
    pub(crate) fn of_file<'b>(&'b mut self, file: &'b str) -> Notes<'b> {
        Notes { file, list: self.list, heard: None }
    }

    /// The same problems, for another file if there is one.
    pub(crate) fn of_other<'b>(&'b mut self, file: Option<&'b str>) -> Notes<'b> {
        let file = file.unwrap_or(self.file);
        self.of_file(file)
    }

    /// Notes a problem, and what to do about it.
    pub(crate) fn note(&mut self, at: Position, message: impl Into<String>, help: impl Into<Option<String>>) {
        let Position { line, column } = at;
        let (message, help) = (message.into(), help.into());
        self.list.push(Problem { file: self.file.to_owned(), line, column, message, help });
    }
}
