//! A refusal as a small tree: the rule, every path by which data would leave, and what would cure it.

use domain::catalogue::Catalogue;
use domain::governance::cure::{self, Change, Cures};
use domain::refusal::{Activation, Cause, Lineage, Refusal, Through};
use jiff::civil::Date;
use serde::Serialize;

use crate::terminal::{BOLD, DIM, GREEN, YELLOW, count};
use crate::words::listed;

/// A line, and lines below it.
struct Branch {
    text: String,
    below: Vec<Branch>,
}

impl Branch {
    fn leaf(text: impl Into<String>) -> Branch {
        Branch { text: text.into(), below: Vec::new() }
    }
}

/// Everything that is refused of one use, and what would cure all of it.
#[derive(Debug)]
pub(crate) struct Blocked<'a> {
    activation: &'a Activation,
    refusals: Vec<&'a Refusal>,
    cures: Cures,
}

/// What would cure a use, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct CuresOf<'a> {
    #[serde(flatten)]
    activation: &'a Activation,
    /// Each of these would do, with all of its changes.
    cures: Vec<Vec<Step<'a>>>,
    /// Whether these are all of up to three changes.
    complete: bool,
}

#[derive(Debug, Serialize)]
struct Step<'a> {
    #[serde(flatten)]
    change: &'a Change,
    text: String,
}

/// Refusals by what they refuse, with what would cure it on a day.
pub(crate) fn blocked<'a>(
    catalogue: &Catalogue,
    refusals: impl IntoIterator<Item = &'a Refusal>,
    today: Date,
) -> Vec<Blocked<'a>> {
    let mut all: Vec<Blocked<'a>> = Vec::new();
    for refusal in refusals {
        match all.iter_mut().find(|each| *each.activation == refusal.activation) {
            Some(known) => known.refusals.push(refusal),
            None => {
                let activation = &refusal.activation;
                let cures = cure::cures(catalogue, activation, today);
                all.push(Blocked { activation, refusals: vec![refusal], cures });
            }
        }
    }
    all
}

impl Blocked<'_> {
    /// A tree for each refusal, and one of cures below them.
    pub(crate) fn text(&self) -> String {
        let mut text: String = self.refusals.iter().map(|refusal| format!("{}\n", tree(refusal))).collect();
        let cures = self.cures_text();
        if !cures.is_empty() {
            text.push_str(&format!("{cures}\n"));
        }
        text
    }

    /// What would cure it, as a tree.
    pub(crate) fn cures_text(&self) -> String {
        let Cures { cures, complete } = &self.cures;
        if cures.is_empty() {
            return String::new();
        }
        let mut text = format!(
            "{GREEN}cures{GREEN:#}: {BOLD}{}{BOLD:#}: each of these would let it go\n",
            named(self.activation)
        );
        let mut branches: Vec<Branch> = cures
            .iter()
            .map(|cure| match cure.iter().collect::<Vec<_>>().as_slice() {
                [only] => Branch::leaf(only.to_string()),
                all => Branch {
                    text: format!("{} together", count(all.len(), "change")),
                    below: all.iter().map(|change| Branch::leaf(change.to_string())).collect(),
                },
            })
            .collect();
        if !complete {
            branches
                .push(Branch::leaf(format!("{DIM}and others: there are too many to try them all{DIM:#}")));
        }
        print(&branches, "", &mut text);
        text
    }

    /// What would cure it, for programs.
    pub(crate) fn document(&self) -> CuresOf<'_> {
        let step = |change| Step { change, text: Change::to_string(change) };
        let cures = self.cures.cures.iter().map(|cure| cure.iter().map(step).collect()).collect();
        CuresOf { activation: self.activation, cures, complete: self.cures.complete }
    }
}

/// What is done with an audience, in words.
pub(crate) fn named(activation: &Activation) -> String {
    match activation {
        Activation::Dataflow { dataflow, .. } => format!("dataflow `{dataflow}`"),
        Activation::Offer { offer } => format!("offer `{offer}`"),
        Activation::Datastream { datastream } => format!("datastream `{datastream}`"),
    }
}

/// Why an activation may not be made. Each line ends.
pub(crate) fn tree(refusal: &Refusal) -> String {
    let Refusal { activation, cause, .. } = refusal;
    let mut text = format!("{YELLOW}blocked{YELLOW:#}: {BOLD}{}{BOLD:#}: {cause}\n", named(activation));
    print(&branches(refusal), "", &mut text);
    text
}

fn branches(refusal: &Refusal) -> Vec<Branch> {
    let Refusal { activation, audience, cause, actions, labels, lineage } = refusal;
    let fact = |name: &str, value: String| Branch::leaf(format!("{DIM}{name:<12}{DIM:#}{value}"));
    let mut branches = vec![fact("audience", audience.to_string())];
    if let Activation::Dataflow { destination, .. } = activation {
        branches.push(fact("destination", destination.to_string()));
    }
    branches.push(fact("for", listed(actions)));
    if let Cause::ContractForbids { allows, .. } = cause {
        branches.push(fact("allowed", listed(allows)));
    }
    branches.push(fact("labels", listed(labels)));
    let below = lineage.iter().map(|way| Branch::leaf(path(way, refusal))).collect();
    branches.push(Branch { text: "every path by which it would leave".to_owned(), below });
    branches
}

/// A path from a dataset's field to where it would end, each step with what it is.
fn path(way: &Lineage, refusal: &Refusal) -> String {
    let Lineage { dataset, field, labels, merge_policy, through, via } = way;
    let mut steps = vec![format!("{BOLD}{dataset}.{field}{BOLD:#} ({})", listed(labels))];
    let mut step = |what: &str, name: &dyn std::fmt::Display| {
        steps.push(format!("{DIM}{what}{DIM:#} {name}"));
    };
    if let Some(policy) = merge_policy {
        step("merge policy", policy);
    }
    match through {
        Through::Definition(audience) => step("audience", audience),
        Through::Mapping(target) => step("mapped to", target),
        Through::Identity(namespace, target) => {
            step("identity", namespace);
            step("mapped to", target);
        }
    }
    for audience in via {
        step("inSegment of audience", audience);
    }
    match &refusal.activation {
        Activation::Dataflow { dataflow, destination } => {
            step("dataflow", dataflow);
            step("destination", destination);
        }
        Activation::Offer { offer } => step("offer", offer),
        Activation::Datastream { datastream } => step("datastream", datastream),
    }
    steps.join(&format!(" {DIM}->{DIM:#} "))
}

fn print(branches: &[Branch], indent: &str, text: &mut String) {
    for (index, branch) in branches.iter().enumerate() {
        let is_last = index + 1 == branches.len();
        let (fork, line) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        text.push_str(&format!("{DIM}{indent}{fork}{DIM:#}{}\n", branch.text));
        print(&branch.below, &format!("{indent}{line}"), text);
    }
}
