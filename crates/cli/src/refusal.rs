//! A refusal as a small tree: the rule, what would leave where, and what would cure it.

use std::collections::BTreeMap;

use domain::name::DatasetName;
use domain::refusal::{Activation, Cause, Lineage, Refusal};

use crate::terminal::{BOLD, DIM, YELLOW};
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

/// Why an activation may not be made. Each line ends.
pub(crate) fn tree(refusal: &Refusal) -> String {
    let Refusal { activation, cause, .. } = refusal;
    let what = match activation {
        Activation::Dataflow { dataflow, .. } => format!("dataflow `{dataflow}`"),
        Activation::Offer { offer } => format!("offer `{offer}`"),
        Activation::Datastream { datastream } => format!("datastream `{datastream}`"),
    };
    let mut text = format!("{YELLOW}blocked{YELLOW:#}: {BOLD}{what}{BOLD:#}: {cause}\n");
    print(&branches(refusal), "", &mut text);
    text
}

fn branches(refusal: &Refusal) -> Vec<Branch> {
    let Refusal { activation, audience, cause, actions, labels, lineage, cures } = refusal;
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
    branches.push(Branch { text: "what would leave".to_owned(), below: by_dataset(lineage) });
    let cures = cures.iter().map(Branch::leaf).collect();
    branches.push(Branch { text: "each of these would cure it".to_owned(), below: cures });
    branches
}

fn by_dataset(lineage: &[Lineage]) -> Vec<Branch> {
    let mut datasets: BTreeMap<&DatasetName, Vec<Branch>> = BTreeMap::new();
    for Lineage { dataset, field, labels, through } in lineage {
        let labels = listed(labels);
        let text = format!("{BOLD}{field}{BOLD:#} ({labels}) {DIM}through{DIM:#} {through}");
        datasets.entry(dataset).or_default().push(Branch::leaf(text));
    }
    let branch = |(dataset, below)| Branch { text: format!("of dataset {BOLD}{dataset}{BOLD:#}"), below };
    datasets.into_iter().map(branch).collect()
}

fn print(branches: &[Branch], indent: &str, text: &mut String) {
    for (index, branch) in branches.iter().enumerate() {
        let is_last = index + 1 == branches.len();
        let (fork, line) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        text.push_str(&format!("{DIM}{indent}{fork}{DIM:#}{}\n", branch.text));
        print(&branch.below, &format!("{indent}{line}"), text);
    }
}
