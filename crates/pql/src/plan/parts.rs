//! What a condition depends on.

use std::collections::BTreeSet;

use crate::chain::Chain;
use crate::condition::{Condition, Term, Test};
use crate::plan::Effort;
use crate::walk::Walked;
use crate::window::{Anchor, Time, Window};

/// Something that a condition depends on.
pub(crate) enum Part<'c> {
    /// A field of the profile, by its number.
    Field {
        number: &'c mut usize,
        /// Whether nothing is asked of it but which time it is.
        as_time: bool,
    },
    /// An audience, by its number.
    Audience(&'c mut usize),
    /// The events of the profile. Their parts were seen before.
    Chain(&'c Chain),
    /// The whole profile.
    Walked(&'c mut Walked),
}

/// Sees a part.
pub(crate) type See<'s> = dyn FnMut(Part<'_>) + 's;

/// All that a condition depends on.
pub(crate) struct Depends {
    pub(crate) fields: BTreeSet<usize>,
    /// Whether nothing is asked of the fields but which times they are.
    pub(crate) on_times: bool,
    /// What it takes where it is not settled column by column.
    pub(crate) effort: Effort,
    /// Whether it depends on more than fields.
    pub(crate) on_more: bool,
}

impl Depends {
    pub(crate) fn of(condition: &mut Condition) -> Depends {
        let mut depends =
            Depends { fields: BTreeSet::new(), on_times: true, effort: Effort::Rows, on_more: false };
        condition.parts(&mut |part| {
            let (on_more, effort) = match part {
                Part::Field { number, as_time } => {
                    depends.fields.insert(*number);
                    depends.on_times &= as_time;
                    return;
                }
                Part::Audience(_) => (true, Effort::Rows),
                Part::Chain(_) => (true, Effort::Events),
                Part::Walked(_) => (true, Effort::Walk),
            };
            depends.on_more |= on_more;
            depends.effort = depends.effort.max(effort);
        });
        depends
    }

    /// The only field that it depends on, if there is no more than one, and nothing else.
    pub(crate) fn at_most_one_field(&self) -> Option<Option<usize>> {
        let is_simple = !self.on_more && self.fields.len() <= 1;
        is_simple.then(|| self.fields.first().copied())
    }
}

impl Condition {
    /// Shows all that it depends on.
    pub(crate) fn parts(&mut self, see: &mut See<'_>) {
        match self {
            Condition::Constant(_) => {}
            Condition::All(operands) | Condition::Any(operands) => {
                operands.iter_mut().for_each(|operand| operand.parts(see));
            }
            Condition::Not(operand) => operand.parts(see),
            Condition::Holds(term) | Condition::IsNull { term, .. } => term.parts(false, see),
            Condition::Test { test, .. } => test.parts(see),
            Condition::Chain(chain) => {
                chain.parts(see);
                see(Part::Chain(chain));
            }
            Condition::InSegment(number) => see(Part::Audience(number)),
            Condition::Walked(walked) => see(Part::Walked(walked)),
        }
    }
}

impl Test {
    fn parts(&mut self, see: &mut See<'_>) {
        match self {
            Test::Equal(left, right)
            | Test::Ordered { left, right, .. }
            | Test::Text { subject: left, argument: right, .. }
            | Test::Among { item: left, array: right }
            | Test::Overlap(left, right)
            | Test::Subset { part: left, whole: right } => {
                left.parts(false, see);
                right.parts(false, see);
            }
            Test::Found { subject, .. } => subject.parts(false, see),
            Test::Occurs { instant, window } => {
                instant.parts(true, see);
                window.parts(see);
            }
        }
    }
}

impl Term {
    fn parts(&mut self, as_time: bool, see: &mut See<'_>) {
        match self {
            Term::Constant(_)
            | Term::Instant(_)
            | Term::EventTime
            | Term::EventField(_)
            | Term::Calendar { of: None, .. } => {}
            Term::Field(number) => see(Part::Field { number, as_time }),
            Term::List(items) => items.iter_mut().for_each(|item| item.parts(false, see)),
            Term::Condition(condition) => condition.parts(see),
            Term::Time(of) | Term::Calendar { of: Some(of), .. } => of.parts(true, see),
            Term::Date(parts) => parts.iter_mut().for_each(|part| part.parts(false, see)),
            Term::Negate(of) | Term::Count(of) => of.parts(false, see),
            Term::Arithmetic { left, right, .. } => {
                left.parts(false, see);
                right.parts(false, see);
            }
        }
    }
}

impl Chain {
    fn parts(&mut self, see: &mut See<'_>) {
        self.time.parts(true, see);
        for step in &mut self.steps {
            step.condition.parts(see);
            step.window.iter_mut().for_each(|window| window.parts(see));
        }
    }
}

impl Window<Anchor> {
    /// Shows all that it depends on.
    pub(crate) fn parts(&mut self, see: &mut See<'_>) {
        let (first, second) = match self {
            Window::On(time) | Window::Beside { of: time, .. } | Window::Distance { of: time, .. } => {
                (time, None)
            }
            Window::Between { first, last } => (first, Some(last)),
        };
        for time in [Some(first), second].into_iter().flatten() {
            if let Time::Value(anchor) = time {
                anchor.term.parts(true, see);
            }
        }
    }
}
