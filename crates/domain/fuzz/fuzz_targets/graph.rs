//! A line of `tributary graph simulate`: whatever it is, it is read or refused; every identity is in one graph or in none, no
//! graph is smaller or larger than it may be, and the order of the events in the line is of no weight.

#![no_main]

use std::collections::BTreeSet;

use domain::graph::linking::{Event, Rules, link};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;

#[derive(Deserialize)]
struct Simulation {
    #[serde(default)]
    config: Rules,
    events: Vec<Event>,
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(Simulation { config, mut events }) = serde_json::from_slice(bytes) else { return };
    let linked = link(&config, &events);
    let all: Vec<&String> = linked.graphs.iter().flatten().chain(&linked.isolated).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "an identity stands twice");
    assert!(linked.graphs.iter().all(|graph| (2..=50).contains(&graph.len())));
    events.reverse();
    assert_eq!(link(&config, &events), linked);
});
