//! In which ways an audience can be evaluated, and why not in the others.

use domain::audience::EVENTS;
use jiff::SignedDuration;

use crate::ast::{Node, NodeKind};
use crate::error::Error;
use crate::{Checked, Expression};

/// For how long what is evaluated on arrival looks back.
const STREAMED: SignedDuration = SignedDuration::from_hours(24);

/// In which ways an expression can be evaluated: in each for which there is no reason against it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Eligibility {
    /// On schedule, over all profiles.
    pub batch: Vec<Error>,
    /// When something of a profile arrives, by the documented rules: an expression on the profile, or on events of the last 24
    /// hours that is more than that something did not happen.
    pub streaming: Vec<Error>,
    /// While a visitor's page waits.
    pub edge: Vec<Error>,
}

impl Expression {
    /// In which ways the expression can be evaluated.
    pub fn eligibility(&self, checked: &Checked) -> Eligibility {
        let mut batch = Vec::new();
        if checked.reads_events() {
            let message = "batch audiences do not look at events yet";
            let help = "give it `evaluation: edge`: batch audiences refer to it with `inSegment`";
            batch.push(Error::wrong_type(message, self.root.span.clone()).help(help));
        }
        let edge = checked.edge_eligibility().err().unwrap_or_default().to_vec();
        let mut streaming = Vec::new();
        beyond_streaming(&self.root, &mut streaming);
        if checked.reads_events() && is_negated(&self.root) {
            let message = "all that it asks of events is that they did not happen";
            let error = Error::beyond_edge(message, self.root.span.clone());
            streaming.push(error.help("only the schedule notices what does not happen"));
        }
        Eligibility { batch, streaming, edge }
    }
}

/// Notes every part that looks at more than what arrives.
fn beyond_streaming(node: &Node, reasons: &mut Vec<Error>) {
    let help = "streaming looks at events of the last 24 hours: write `WHEN(today)` or `WHEN(<= 24 hours before now)`";
    let mut refuse = |message: String, span: &crate::Span| {
        reasons.push(Error::beyond_edge(message, span.clone()).help(help));
    };
    match &node.kind {
        NodeKind::Chain { events, steps, .. } => {
            for step in steps {
                let label = &step.label;
                match step.when.as_ref().map(|when| (when, when.window.reach())) {
                    None => refuse(format!("step `{label}` has no time limit"), &label.span),
                    Some((_, Some(reach))) if reach <= STREAMED => {}
                    Some((when, _)) => {
                        refuse(format!("step `{label}` may look further back than 24 hours"), &when.span);
                    }
                }
            }
            if !is_events(events) {
                beyond_streaming(events, reasons);
            }
            steps.iter().flat_map(|step| step.children()).for_each(|part| beyond_streaming(part, reasons));
        }
        _ if is_events(node) => refuse("events are looked at without a time limit".to_owned(), &node.span),
        kind => kind.children().for_each(|part| beyond_streaming(part, reasons)),
    }
}

/// Whether a part is the profile's events, whatever the profile is called.
fn is_events(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Name(name) => name == EVENTS,
        NodeKind::Member { name, .. } | NodeKind::Up { name, .. } => name.text == EVENTS,
        _ => false,
    }
}

/// Whether every part of it that looks at events stands under `not`.
fn is_negated(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Lambda { body, .. } => is_negated(body),
        NodeKind::Not(_) => true,
        NodeKind::And(operands) | NodeKind::Or(operands) => operands.iter().all(is_negated),
        kind => {
            !is_events(node) && !matches!(kind, NodeKind::Chain { .. }) && kind.children().all(is_negated)
        }
    }
}
