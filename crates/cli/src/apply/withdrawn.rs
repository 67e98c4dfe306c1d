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
/// The latest complete run has seen every profile. The dataflow must have been retiring when it was started and ever
/// since: what it saw may have grown otherwise.
pub(crate) async fn take_out(store: &Store, catalogue: &mut Catalogue) -> Result<Vec<DataflowName>> {
    let mut retiring = names_of_retiring(catalogue);
    if retiring.is_empty() {
        return Ok(Vec::new());
    }
    let Some(latest) = latest_complete(store).await? else { return Ok(Vec::new()) };
    retiring.retain(|name| is_nothing_left(name, &latest));
    for catalogue in catalogues_since(store, latest.run.sequence).await? {
        let were_retiring = names_of_retiring(&catalogue);
        retiring.retain(|name| were_retiring.contains(name));
    }
    let mut withdrawn = Vec::new();
    for name in retiring {
        // A mark may stand for a call that is being made and whose outcome no run has seen.
        if store.profiles.marked(&name, Timestamp::MAX, 1).await?.is_empty() {
            catalogue.dataflows.remove(&name);
            withdrawn.push(name);
        }
    }
    Ok(withdrawn)
}

/// Every catalogue that was in force since a sequence, that of the sequence included.
async fn catalogues_since(store: &Store, sequence: u64) -> Result<Vec<Catalogue>> {
    let applied = store.ledger.applied().await?;
    let since = applied.into_iter().filter(|applied| applied.pointer.sequence >= sequence);
    let mut hashes: Vec<_> = since.map(|applied| applied.pointer.catalogue).collect();
    hashes.dedup();
    let mut catalogues = Vec::new();
    for hash in &hashes {
        catalogues.push(store.read_catalogue(hash).await?);
    }
    Ok(catalogues)
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
