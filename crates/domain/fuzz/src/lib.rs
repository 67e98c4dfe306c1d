//! What the fuzz targets assert of any bytes. The crate's tests include this file and run it over seeds.

use std::collections::BTreeSet;

use domain::governance::evaluation::Request;
use domain::graph::linking::{Event, Rules, link};
use serde::Deserialize;

#[derive(Deserialize)]
struct Simulation {
    #[serde(default)]
    config: Rules,
    events: Vec<Event>,
}

/// A line of `tributary graph simulate`: whatever it is, it is read or refused; every identity is in one graph or in none, no
/// graph is smaller or larger than it may be, and the order of the events in the line is of no weight. Answers whether it was
/// read.
pub fn graph(bytes: &[u8]) -> bool {
    let Ok(Simulation { config, mut events }) = serde_json::from_slice(bytes) else { return false };
    let linked = link(&config, &events);
    let all: Vec<&String> = linked.graphs.iter().flatten().chain(&linked.isolated).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "an identity stands twice");
    assert!(linked.graphs.iter().all(|graph| (2..=50).contains(&graph.len())));
    events.reverse();
    assert_eq!(link(&config, &events), linked);
    true
}

/// A line of `tributary policy evaluate`: whatever it is, it is read or refused; only policies that were given are violated,
/// each with an explanation, and only by labels that were found. Answers whether it was read.
pub fn policy(bytes: &[u8]) -> bool {
    let Ok(request) = serde_json::from_slice::<Request>(bytes) else { return false };
    let evaluation = request.evaluate();
    let violated = &evaluation.violated_policies;
    for explanation in &evaluation.explanations {
        assert!(violated.contains(&explanation.policy));
        assert!(explanation.found.iter().all(|found| evaluation.dule_labels.contains(&found.label)));
    }
    for policy in violated {
        assert!(evaluation.explanations.iter().any(|explanation| explanation.policy == *policy));
    }
    assert!(serde_json::to_vec(&evaluation).is_ok());
    true
}
