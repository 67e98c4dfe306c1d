//! What an expression asks for that the edge does not have.
//!
//! The edge has the profile, as far as it knows it, and the events of a visitor's last 24 hours.

use jiff::SignedDuration;

use super::{Checker, Typed};
use crate::ast::Step;
use crate::condition::Term;
use crate::error::Error;

/// For how long the edge keeps events.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

impl Checker<'_> {
    /// A step must look at events that are kept.
    pub(super) fn check_step_at_edge(&mut self, step: &Step) {
        let label = &step.label;
        let (message, span) = match &step.when {
            None => (format!("step `{label}` has no time limit"), &label.span),
            Some(when) if when.window.reach().is_none_or(|reach| reach > KEPT) => {
                (format!("step `{label}` may look further back than 24 hours"), &when.span)
            }
            Some(_) => return,
        };
        let help = "the edge knows events of the last 24 hours: write `WHEN(today)` or `WHEN(<= 24 hours before now)`";
        self.beyond_edge.push(Error::beyond_edge(message, span.clone()).help(help));
    }

    /// Events are kept by when they happened, and by no other time.
    pub(super) fn check_time_at_edge(&mut self, time: &Typed) {
        if !matches!(time.term, Term::EventTime) {
            let message = "the edge keeps events by their `timestamp`, and by no other time";
            let error = Error::beyond_edge(message, time.span.clone());
            self.beyond_edge.push(error.help("write `CHAIN(xEvent, timestamp, [...])`"));
        }
    }

    /// Where an audience looks at events, it refers to no other audiences.
    pub(super) fn check_references_at_edge(&mut self) {
        if self.event_reads.is_empty() {
            return;
        }
        let help = "ask for events in one audience, and refer to it and to the other from a third";
        self.beyond_edge.extend(self.references.drain(..).map(|span| {
            Error::beyond_edge("`inSegment` stands beside a condition on events", span).help(help)
        }));
    }
}
