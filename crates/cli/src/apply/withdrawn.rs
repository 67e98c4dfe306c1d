//! Retiring dataflows of which nothing is left at their destinations: the next catalogue is without them.

use anyhow::Result;
use aws::{Slice, Store};
use domain::catalogue::Catalogue;
use domain::dataflow::State;
use domain::name::DataflowName;
use jiff::Timestamp;

use crate::runs::latest_complete;

/// Takes the retiring dataflows out of a catalogue of which nothing is left anywhere, and names them.
///
/// The latest complete run has seen every profile. It must have been started when the dataflow was retiring already:
/// what an earlier one saw may have grown since.
pub(crate) async fn take_out(store: &Store, catalogue: &mut Catalogue) -> Result<Vec<DataflowName>> {
    let retiring = names_of_retiring(catalogue);
    if retiring.is_empty() {
        return Ok(Vec::new());
    }
    let Some((run, slices)) = latest_complete(store).await? else { return Ok(Vec::new()) };
    let applied = store.ledger.applied().await?;
    let Some(then) = applied.iter().find(|applied| applied.pointer.sequence == run.sequence) else {
        return Ok(Vec::new());
    };
    let were_retiring = names_of_retiring(&store.read_catalogue(&then.pointer.catalogue).await?);
    let mut withdrawn = Vec::new();
    for name in retiring.into_iter().filter(|name| were_retiring.contains(name)) {
        // A mark may stand for a call that is being made and whose outcome no run has seen.
        let is_marked = !store.profiles.marked(&name, Timestamp::MAX, 1).await?.is_empty();
        if is_nothing_left(&name, &slices) && !is_marked {
            catalogue.dataflows.remove(&name);
            withdrawn.push(name);
        }
    }
    Ok(withdrawn)
}

fn names_of_retiring(catalogue: &Catalogue) -> Vec<DataflowName> {
    let dataflows = catalogue.dataflows.values();
    dataflows.filter(|dataflow| dataflow.state == State::Retiring).map(|each| each.name.clone()).collect()
}

fn is_nothing_left(name: &DataflowName, slices: &[Slice]) -> bool {
    let left = |slice: &Slice| {
        [&slice.sent, &slice.unknown].into_iter().filter_map(|counts| counts.get(name)).sum::<u64>()
    };
    slices.iter().map(left).sum::<u64>() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_unknown_fate_may_have_left_something() {
        let name: DataflowName = "gone".parse().unwrap();
        let mut slices = vec![Slice::default(), Slice::default()];
        assert!(is_nothing_left(&name, &slices));
        slices[1].unknown.insert(name.clone(), 1);
        assert!(!is_nothing_left(&name, &slices));
        slices[1].unknown.clear();
        slices[0].sent.insert(name.clone(), 2);
        assert!(!is_nothing_left(&name, &slices));
    }
}
