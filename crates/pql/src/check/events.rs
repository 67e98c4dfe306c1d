//! Times, windows and chains.

use domain::audience::EVENTS;
use domain::value::Value;
use jiff::Timestamp;

use super::{Checker, Owner, Typed, article, boolean, converted, test, unknown};
use crate::ast::{Node, NodeKind, Step};
use crate::chain::{self, Chain};
use crate::condition::{Condition, Constant, Term, Test, day_of};
use crate::datum::Datum;
use crate::error::{Error, Span};
use crate::types::Type;
use crate::window::{Anchor, Window};

impl<'a> Checker<'a> {
    pub(super) fn occurs(&mut self, instant: &'a Node, window: &'a Window<Node>, span: Span) -> Typed {
        let instant = self.term(instant);
        let instant = self.expect(instant, &Type::DateTime, "`occurs`");
        let window = self.window(window);
        test(Test::Occurs { instant, window }, span)
    }

    fn window(&mut self, window: &'a Window<Node>) -> Window<Anchor> {
        window.map(|node| self.anchor(node))
    }

    /// A value that stands for a time in a window.
    fn anchor(&mut self, node: &'a Node) -> Anchor {
        if let Some(error) = self.refers_to_step(node) {
            self.errors.push(error);
            return Anchor { term: unknown(node.span.clone()).term, is_day: false };
        }
        let value = self.term(node);
        let is_day = value.kind == Type::Date || is_date_literal(&value.term);
        // A number could be milliseconds, and is far more often a unit that is missing.
        let value = if value.kind == Type::Number { value } else { converted(value, &Type::DateTime) };
        if !value.kind.fits(&Type::DateTime) {
            let message = format!("a time is expected, found {}", article(&value.kind));
            let error = Error::wrong_type(message, value.span);
            self.errors.push(
                error.help("write `now`, `today`, `last week`, `date(2026, 1, 31)` or a date-time field"),
            );
        }
        Anchor { term: value.term, is_day }
    }

    /// What to say of a time that is the name of a step.
    fn refers_to_step(&self, node: &Node) -> Option<Error> {
        let NodeKind::Name(name) = &node.kind else { return None };
        let is_step = self.labels.contains(&name.as_str()) && !self.schemas.events.contains_key(name);
        is_step.then(|| Error::not_compiled(&format!("the time of step `{name}`"), node.span.clone()))
    }

    pub(super) fn date(&mut self, parts: &'a [Node], span: Span) -> Typed {
        let mut terms = Vec::with_capacity(parts.len());
        for part in parts {
            let part = converted(self.term(part), &Type::Number);
            terms.push(self.expect(part, &Type::Number, "`date`"));
        }
        // INVARIANT: the function takes three arguments.
        let Ok(parts) = <Box<[Term; 3]>>::try_from(terms) else { return unknown(span) };
        match constant_day(&parts) {
            None => Typed { term: Term::Date(parts), kind: Type::Date, span },
            Some(Some(day)) => Typed { term: Term::Instant(day), kind: Type::Date, span },
            Some(None) => self.fault(
                Error::wrong_type("there is no such day", span)
                    .help("a date has a year, a month from 1 to 12, and a day of that month"),
            ),
        }
    }

    pub(super) fn chain(&mut self, events: &'a Node, time: &'a Node, steps: &'a [Step], span: Span) -> Typed {
        if self.scopes.len() > 1 {
            return self.fault(
                Error::wrong_type("a chain stands in a condition of another chain", span)
                    .help("put chains side by side, joined with `and` or `or`"),
            );
        }
        if matches!(events.kind, NodeKind::Filter { .. } | NodeKind::Call { .. }) {
            self.errors.push(Error::not_compiled("a chain over some of the events", events.span.clone()));
        } else if !self.is_events(events) {
            self.errors.push(
                Error::wrong_type("a chain goes over the events of the profile only", events.span.clone())
                    .help("write `CHAIN(xEvent, timestamp, [...])`"),
            );
        }
        self.scopes.push(Owner::Event);
        self.labels = steps.iter().map(|step| step.label.text.as_str()).collect();
        let time = self.chain_time(time);
        let steps = steps.iter().enumerate().map(|(index, step)| self.step(index, step)).collect();
        self.labels.clear();
        self.scopes.pop();
        boolean(Condition::Chain(Chain { time, steps }), span)
    }

    /// Whether a node names the events of the profile.
    fn is_events(&self, node: &Node) -> bool {
        match &node.kind {
            NodeKind::Name(name) => name == EVENTS && self.profile != Some(name),
            NodeKind::Member { of, name } if name.text == EVENTS => match &of.kind {
                NodeKind::Parameter(position) => *position == 1,
                NodeKind::Name(name) => self.profile == Some(name),
                _ => false,
            },
            _ => false,
        }
    }

    /// The field that says when an event happened.
    fn chain_time(&mut self, node: &'a Node) -> Term {
        let time = self.term(node);
        let is_of_event = matches!(time.term, Term::EventTime | Term::EventField(_));
        if time.kind != Type::Unknown && !(time.kind.is_time() && is_of_event) {
            self.errors.push(
                Error::wrong_type("a chain is ordered by a date-time field of its events", time.span)
                    .help("write `CHAIN(xEvent, timestamp, [...])`"),
            );
        } else {
            self.check_time_at_edge(&time);
        }
        time.term
    }

    fn step(&mut self, index: usize, step: &'a Step) -> chain::Step {
        let label = &step.label;
        if self.labels.iter().take(index).any(|other| *other == label.text) {
            let message = format!("two steps have the name `{label}`");
            self.errors
                .push(Error::wrong_type(message, label.span.clone()).help("give each a name of its own"));
        }
        self.check_step_at_edge(step);
        let window = step.when.as_ref().map(|when| self.window(&when.window));
        let what = self.condition(&step.what);
        let condition = match &step.condition {
            Some(condition) => Condition::All(vec![what, self.condition(condition)]),
            None => what,
        };
        chain::Step { window, condition, count: usize::try_from(step.count).unwrap_or(usize::MAX) }
    }
}

/// Whether a literal is a date and no date-time.
fn is_date_literal(term: &Term) -> bool {
    matches!(term, Term::Constant(Constant(Value::String(text))) if !text.contains(['T', 't', ' ']))
}

/// The first instant of a day that is known already, if there is such a day; nothing, if it is not known yet.
fn constant_day(parts: &[Term; 3]) -> Option<Option<Timestamp>> {
    fn constant(term: &Term) -> Option<Datum<'_>> {
        match term {
            Term::Constant(Constant(value)) => {
                Some(value.into()).filter(|value: &Datum<'_>| value.is_number())
            }
            _ => None,
        }
    }
    let [year, month, day] = parts;
    let (year, month, day) = (constant(year)?, constant(month)?, constant(day)?);
    Some(day_of(year, month, day))
}
