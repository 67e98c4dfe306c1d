//! Times, windows and chains.

use jiff::Timestamp;

use super::{Frame, Result, Scope, Walk, wrong};
use crate::ast::{Node, NodeKind, Step, Word};
use crate::error::Error;
use crate::walk::dynamic::Dynamic;
use crate::window::Window;

/// What happened: an event, and when.
pub(super) struct Happened<'a> {
    at: Timestamp,
    event: Dynamic<'a>,
}

impl<'a> Walk<'a> {
    pub(super) fn occurs(
        &self,
        instant: &'a Node,
        window: &'a Window<Node>,
        scope: &Scope<'_, 'a>,
    ) -> Result<Dynamic<'a>> {
        let value = self.value(instant, scope)?;
        let at = self.time(&value, "`occurs`", instant)?;
        // The window's values are looked at whether there is an instant or not, so that their faults are found.
        let is_within = self.is_within(at.unwrap_or(Timestamp::UNIX_EPOCH), window, scope)?;
        Ok(Dynamic::Boolean(at.is_some() && is_within))
    }

    /// The instant that a value stands for; nothing, where it is null or a text that is no time.
    pub(super) fn time(&self, value: &Dynamic<'a>, called: &str, node: &Node) -> Result<Option<Timestamp>> {
        match value {
            Dynamic::Null
            | Dynamic::Text(_)
            | Dynamic::Integer(_)
            | Dynamic::Instant(_)
            | Dynamic::Day(_) => {
                self.charge(value.size(), &node.span)?;
                Ok(value.time())
            }
            other => Err(wrong(called, "a date-time", other, &node.span)),
        }
    }

    fn is_within(&self, at: Timestamp, window: &'a Window<Node>, scope: &Scope<'_, 'a>) -> Result<bool> {
        let mut error: Option<Box<Error>> = None;
        let holds = window.map(|node| node).holds(at, self.now, |node| {
            let value = self.value(node, scope).and_then(|value| {
                self.time(&value, "a window", node)?;
                Ok(value)
            });
            match value {
                Ok(value) => value.stretch(),
                Err(fault) => {
                    error.get_or_insert(fault);
                    None
                }
            }
        });
        match error {
            Some(error) => Err(error),
            None => Ok(holds == Some(true)),
        }
    }

    pub(super) fn chain(
        &self,
        events: &'a Node,
        time: &'a Node,
        steps: &'a [Step],
        scope: &Scope<'_, 'a>,
    ) -> Result<Dynamic<'a>> {
        let happened = self.happened(events, time, scope)?;
        Ok(Dynamic::Boolean(self.follow(steps, &happened, None, scope)?))
    }

    /// The events in order of time; those without one never happened.
    pub(super) fn happened(
        &self,
        events: &'a Node,
        time: &'a Node,
        scope: &Scope<'_, 'a>,
    ) -> Result<Vec<Happened<'a>>> {
        let array = self.value(events, scope)?;
        let mut happened = Vec::new();
        for event in self.items(&array, "`CHAIN`", &events.span)? {
            let scope = scope.within(Frame::Item(event.clone()));
            let at = self.value(time, &scope)?;
            if let Some(at) = self.time(&at, "`CHAIN`", time)? {
                happened.push(Happened { at, event });
            }
        }
        happened.sort_by_key(|happened| happened.at);
        Ok(happened)
    }

    /// Whether there are events for the steps, later ones than that of the step before.
    ///
    /// A step takes the earliest events that it can: these leave all to the next one that any others would leave. Only where
    /// a later step measures from this one it may do better with later ones, and each choice is tried.
    fn follow(
        &self,
        steps: &'a [Step],
        happened: &[Happened<'a>],
        after: Option<Timestamp>,
        scope: &Scope<'_, 'a>,
    ) -> Result<bool> {
        let Some((step, rest)) = steps.split_first() else { return Ok(true) };
        let is_measured_from = self.is_measured_from(&step.label, rest)?;
        let mut left = step.count;
        for each in happened {
            self.charge(1, &step.label.span)?;
            if after.is_some_and(|after| each.at <= after) || !self.takes(step, each, scope)? {
                continue;
            }
            left = left.saturating_sub(1);
            if left > 0 {
                continue;
            }
            let scope = scope.within(Frame::Variable(&step.label.text, Dynamic::Instant(each.at)));
            let is_followed = self.follow(rest, happened, Some(each.at), &scope)?;
            if is_followed || !is_measured_from {
                return Ok(is_followed);
            }
        }
        Ok(false)
    }

    /// Whether an event is one that a step asks for.
    pub(super) fn takes(
        &self,
        step: &'a Step,
        happened: &Happened<'a>,
        scope: &Scope<'_, 'a>,
    ) -> Result<bool> {
        let scope = scope.within(Frame::Item(happened.event.clone()));
        if !self.holds(&step.what, &scope)? {
            return Ok(false);
        }
        if let Some(condition) = &step.condition
            && !self.holds(condition, &scope)?
        {
            return Ok(false);
        }
        match &step.when {
            Some(when) => self.is_within(happened.at, &when.window, &scope),
            None => Ok(true),
        }
    }

    /// Whether one of some steps asks for the time of another.
    pub(super) fn is_measured_from(&self, label: &Word, steps: &[Step]) -> Result<bool> {
        let mut nodes: Vec<&Node> = steps.iter().flat_map(Step::children).collect();
        while let Some(node) = nodes.pop() {
            self.charge(1, &label.span)?;
            if matches!(&node.kind, NodeKind::Name(name) if *name == label.text) {
                return Ok(true);
            }
            nodes.extend(node.kind.children());
        }
        Ok(false)
    }
}
