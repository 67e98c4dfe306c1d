#![doc = include_str!("../README.md")]

use std::fmt;

use domain::schema::Fields;

mod ast;
mod calendar;
mod chain;
mod check;
mod datum;
mod error;
mod functions;
mod parse;
mod predicate;
mod text;
mod token;
mod types;
mod window;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;

pub use check::Checked;
pub use error::{Error, ErrorKind, Span};
pub use predicate::{Context, Event, Predicate};

/// The union schemas that an expression is checked against, one for each class of records.
#[derive(Debug, Clone, Copy)]
pub struct Schemas<'a> {
    /// The fields of the profile.
    pub profile: &'a Fields,
    /// The fields of its events. Every event has a `timestamp` besides, whether it stands here or not.
    pub events: &'a Fields,
}

/// A syntax tree. It prints as canonical text, which parses to the same tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    root: ast::Node,
}

/// Reads the text of an expression.
///
/// # Errors
/// The first place where the text stops being an expression.
pub fn parse(text: &str) -> Result<Expression, Error> {
    parse::tree(text).map(|root| Expression { root: *root }).map_err(|error| *error)
}

impl Expression {
    /// Checks the expression against the fields of the union schemas.
    ///
    /// # Errors
    /// Every name without meaning and every value of a wrong type.
    pub fn check(&self, schemas: &Schemas<'_>) -> Result<Checked, Vec<Error>> {
        check::check(&self.root, schemas)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(formatter)
    }
}
