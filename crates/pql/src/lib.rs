#![doc = include_str!("../README.md")]

use std::fmt;

use domain::schema::Fields;
use domain::value::Object;
use jiff::Timestamp;

mod ast;
mod calendar;
mod chain;
mod check;
mod condition;
mod datum;
mod eligibility;
mod error;
mod explain;
mod functions;
mod infer;
mod json;
pub mod line;
mod never;
mod parse;
mod plan;
mod text;
mod token;
mod types;
mod walk;
mod window;

#[cfg(test)]
mod properties;

pub use check::Checked;
pub use eligibility::Eligibility;
pub use error::{Error, ErrorKind, Span};
pub use explain::{Item, Reason, Short};
pub use plan::page::{Event, Page, Subject};
pub use plan::{Answers, Plan, Planner, Reference};

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

/// Reads an expression as `pql/json`: the tree as JSON.
///
/// # Errors
/// What is at fault; its span is empty, as the nodes of a document have no place in a text.
pub fn parse_json(document: &serde_json::Value) -> Result<Expression, Error> {
    json::tree(document).map(|root| Expression { root: *root }).map_err(|error| *error)
}

impl Expression {
    /// The value for a profile without a schema, which holds its events as `xEvent` and its audiences as
    /// `segmentMembership`: null, where there is none.
    ///
    /// # Errors
    /// A name without meaning, a value of the wrong type where it is evaluated, or too much work.
    pub fn value(&self, profile: &Object, now: Timestamp) -> Result<serde_json::Value, Error> {
        self.walked(profile, now, |walk, value| value.to_json(&walk.budget).unwrap_or_default())
    }

    /// Whether the value holds in boolean position, for a profile without a schema.
    ///
    /// # Errors
    /// Those of [`Self::value`].
    pub fn holds(&self, profile: &Object, now: Timestamp) -> Result<bool, Error> {
        self.walked(profile, now, |_, value| value.holds())
    }

    fn walked<T>(
        &self,
        profile: &Object,
        now: Timestamp,
        answer: impl FnOnce(&walk::Walk<'_>, walk::dynamic::Dynamic<'_>) -> T,
    ) -> Result<T, Error> {
        self.check_form()?;
        let walk = walk::Walk::new(profile, now);
        let answer = walk.query(&self.root).map(|value| answer(&walk, value));
        let answer = answer.and_then(|answer| walk.charge(0, &self.root.span).map(|()| answer));
        answer.map_err(|error| *error)
    }

    /// Why the expression answers what it does, for a profile without a schema. Of other audiences `audiences` knows, else the
    /// profile's `segmentMembership`.
    ///
    /// # Errors
    /// Those of [`Self::value`].
    pub fn explain(
        &self,
        profile: &Object,
        now: Timestamp,
        audiences: Option<&dyn Fn(&str) -> bool>,
    ) -> Result<Reason, Error> {
        self.check_form()?;
        let mut walk = walk::Walk::new(profile, now);
        walk.audiences = audiences;
        walk.explain(&self.root).map_err(|error| *error)
    }

    /// Whether the answer may depend on when it is asked for.
    pub fn looks_at_the_clock(&self) -> bool {
        fn looks(node: &ast::Node) -> bool {
            use ast::NodeKind;
            let is_clock = match &node.kind {
                NodeKind::Occurs { .. } => true,
                NodeKind::Chain { steps, .. } => steps.iter().any(|step| step.when.is_some()),
                NodeKind::Call { function, .. } => function.text.starts_with("current"),
                _ => false,
            };
            is_clock || node.kind.children().any(looks)
        }
        looks(&self.root)
    }

    /// What is wrong whatever the values are is wrong in parts too that are not evaluated.
    fn check_form(&self) -> Result<(), Error> {
        match infer::infer(&self.root, &Object::new()).of_form.into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Checks names and types without a schema: types come from the values of a profile, where it has any.
    ///
    /// # Errors
    /// Everything that is known to be wrong.
    pub fn check_against_values(&self, profile: &Object) -> Result<(), Vec<Error>> {
        let faults = infer::infer(&self.root, profile);
        let mut errors = faults.of_form;
        errors.extend(faults.of_type);
        errors.sort_by_key(|error| error.span.start);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

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
