//! Chains: events that follow each other.

use std::collections::BinaryHeap;

use jiff::Timestamp;

use crate::condition::{Condition, Scope, Term};
use crate::window::{Anchor, Window};

/// Events that each step wants, one step after the other in time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Chain {
    /// When an event counts as having happened.
    pub(crate) time: Term,
    pub(crate) steps: Vec<Step>,
}

/// What events a step wants, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Step {
    pub(crate) window: Option<Window<Anchor>>,
    pub(crate) condition: Condition,
    /// INVARIANT: at least 1.
    pub(crate) count: usize,
}

impl Chain {
    /// Whether there are such events.
    ///
    /// Each step takes the earliest events that it can: these leave all to the next step that any others would leave.
    pub(crate) fn holds(&self, scope: Scope<'_>) -> bool {
        let mut before = None;
        self.steps.iter().all(|step| {
            before = step.reached(before, &self.time, scope);
            before.is_some()
        })
    }

    /// Whether one of the steps wants an event, whenever it happened.
    pub(crate) fn wants(&self, scope: Scope<'_>) -> bool {
        self.steps.iter().any(|step| step.condition.evaluate(scope))
    }
}

impl Step {
    /// When the step has all its events, if they must happen after those of the step before; nothing, if it never has.
    fn reached(&self, before: Option<Timestamp>, time: &Term, scope: Scope<'_>) -> Option<Timestamp> {
        // The earliest events that are known, never more than are wanted, the latest of them first.
        let mut earliest = BinaryHeap::new();
        for event in scope.events() {
            let scope = Scope { event: Some(event), ..scope };
            let Some(at) = time.evaluate(scope).and_then(|time| time.time()) else { continue };
            let follows = before.is_none_or(|before| at > before);
            let is_wanted = earliest.len() < self.count || earliest.peek().is_some_and(|latest| at < *latest);
            if follows && is_wanted && self.takes(at, scope) {
                earliest.push(at);
                if earliest.len() > self.count {
                    earliest.pop();
                }
            }
        }
        if earliest.len() == self.count { earliest.pop() } else { None }
    }

    /// Whether an event is one that the step wants.
    fn takes(&self, at: Timestamp, scope: Scope<'_>) -> bool {
        let is_within = self.window.as_ref().is_none_or(|window| window.contains(at, scope) == Some(true));
        is_within && self.condition.evaluate(scope)
    }
}
