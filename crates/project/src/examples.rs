//! The example profiles of audiences, tried.

use domain::catalogue::Catalogue;
use domain::name::AudienceName;
use jiff::Timestamp;
use pql::Reason;

use crate::explain::{Unexplained, explain};
use crate::forms::Forms;
use crate::problem::{Notes, Position, Problem};

/// An example profile of an audience, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// The audience.
    pub audience: AudienceName,
    /// The example's name; where it has none, which one it is.
    pub example: String,
    /// The audience's file, relative to the project's folder.
    pub file: String,
    at: Position,
    /// Whether the profile is expected to be in the audience.
    pub expected: bool,
    /// Why it is in it, or is not.
    pub reason: Result<Reason, Unexplained>,
}

impl Tried {
    /// Whether the profile is where it is expected.
    pub fn is_as_expected(&self) -> bool {
        self.reason.as_ref().is_ok_and(|reason| reason.holds == self.expected)
    }

    /// The line of the example, counted from 1.
    pub fn line(&self) -> usize {
        self.at.line
    }

    /// What is wrong, if anything is.
    fn note(&self, problems: &mut Vec<Problem>) {
        let message = match &self.reason {
            Ok(reason) if reason.holds == self.expected => return,
            Ok(reason) => {
                let (expected, found) = if self.expected { ("in", "out") } else { ("out", "in") };
                format!("{} is expected to be {expected}, and is {found}: {reason}", self.called())
            }
            Err(error) => format!("{} has no answer: {error}", self.called()),
        };
        Notes::of(&self.file, problems).note(self.at, message, None);
    }

    fn called(&self) -> String {
        format!("example `{}`", self.example)
    }
}

/// Tries every example of the audiences that compiled.
pub(crate) fn tried(forms: &Forms, catalogue: &Catalogue) -> Vec<Tried> {
    let mut tried = Vec::new();
    for (name, part) in &forms.audiences.parts {
        let (Some(form), Some(audience)) = (&part.form, catalogue.audiences.get(name)) else { continue };
        for (index, example) in form.examples().iter().enumerate() {
            let form = &example.value;
            // Without an instant nothing looks at the clock, or that has been noted.
            let now = form.now.unwrap_or(Timestamp::UNIX_EPOCH);
            tried.push(Tried {
                audience: name.clone(),
                example: form.name.clone().unwrap_or_else(|| format!("{}", index + 1)),
                file: part.file.clone(),
                at: example.at,
                expected: form.is_in,
                reason: explain(catalogue, audience, &form.profile(), now),
            });
        }
    }
    tried
}

/// Notes every example that looks at the clock and is not told what it shows.
pub(crate) fn check_clocks(forms: &Forms, catalogue: &Catalogue, problems: &mut Vec<Problem>) {
    let looks_at_the_clock = |name: &AudienceName| {
        let expressions = catalogue.with_references(name).into_iter().map(|audience| &audience.expression);
        expressions
            .map(|text| pql::parse(text))
            .any(|parsed| parsed.is_ok_and(|each| each.looks_at_the_clock()))
    };
    for (name, part) in &forms.audiences.parts {
        let examples = part.form.iter().flat_map(|form| form.examples());
        let mut without = examples.filter(|example| example.value.now.is_none()).peekable();
        if without.peek().is_none() || !looks_at_the_clock(name) {
            continue;
        }
        let mut notes = Notes::of(&part.file, problems);
        for example in without {
            let help = "write the instant of evaluation, as `now: 2026-01-31T12:00:00Z`".to_owned();
            notes.note(example.at, "`now` is missing: the answer depends on when it is asked for", help);
        }
    }
}

/// Notes every example that is not where it is expected. What else is wrong with its file comes first.
pub(crate) fn check(forms: &Forms, catalogue: &Catalogue, problems: &mut Vec<Problem>) {
    for tried in tried(forms, catalogue) {
        if !problems.iter().any(|problem| problem.file == tried.file) {
            tried.note(problems);
        }
    }
}
