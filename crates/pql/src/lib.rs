#![doc = include_str!("../README.md")]

use std::fmt;

use domain::schema::Fields;

mod ast;
mod check;
mod datum;
mod error;
mod functions;
mod parse;
mod predicate;
mod text;
mod token;
mod types;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;

pub use check::Checked;
pub use error::{Error, ErrorKind, Span};
pub use predicate::{Context, Predicate};

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
    /// Checks the expression against the fields of the union schema.
    ///
    /// # Errors
    /// Every name without meaning and every value of a wrong type.
    pub fn check(&self, schema: &Fields) -> Result<Checked, Vec<Error>> {
        check::check(&self.root, schema)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(formatter)
    }
}
