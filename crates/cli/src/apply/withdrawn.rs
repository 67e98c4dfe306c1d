//! Retiring dataflows of which nothing is left at their destinations: the next catalogue is without them.

use anyhow::Result;
use aws::Store;
use domain::catalogue::Catalogue;
use domain::dataflow::State;
use domain::name::DataflowName;
use jiff::Timestamp;

use crate::runs::{Found, latest_complete};

/// Takes the retiring dataflows out of a catalogue of which nothing is left anywhere, and names them.
///
/// The latest complete run has seen every profile. It must have been started when the dataflow was retiring already:
/// what an earlier one saw may have grown since.
pub(crate) async fn take_out(store: &Store, catalogue: &mut Catalogue) -> Result<Vec<DataflowName>> {
    let retiring = names_of_retiring(catalogue);
    if retiring.is_empty() {
        return Ok(Vec::new());
    }
    let Some(latest) = latest_complete(store).await? else { return Ok(Vec::new()) };
    let applied = store.ledger.applied().await?;
    let Some(then) = applied.iter().find(|applied| applied.pointer.sequence == latest.run.sequence) else {
        return Ok(Vec::new());
    };
    let were_retiring = names_of_retiring(&store.read_catalogue(&then.pointer.catalogue).await?);
    let mut withdrawn = Vec::new();
    for name in retiring.into_iter().filter(|name| were_retiring.contains(name)) {
        // A mark may stand for a call that is being made and whose outcome no run has seen.
        let is_marked = !store.profiles.marked(&name, Timestamp::MAX, 1).await?.is_empty();
        if is_nothing_left(&name, &latest) && !is_marked {
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

/// Whether nothing of a dataflow stands, or may stand, at its destination.
fn is_nothing_left(name: &DataflowName, latest: &Found) -> bool {
    let counts = [&latest.sent, &latest.unknown];
    counts.into_iter().filter_map(|counts| counts.get(name)).sum::<u64>() == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::sample;

    #[test]
    fn a_call_of_unknown_fate_may_have_left_something() {
        let name: DataflowName = "gone".parse().unwrap();
        let mut latest = sample::run(true);
        assert!(is_nothing_left(&name, &latest));
        latest.unknown.insert(name.clone(), 1);
        assert!(!is_nothing_left(&name, &latest));
        latest.unknown.clear();
        latest.sent.insert(name.clone(), 2);
        assert!(!is_nothing_left(&name, &latest));
    }
}
