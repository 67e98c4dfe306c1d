//! `tributary runs`: the evaluations of all audiences, and what each found.

use anyhow::Result;
use aws::{Run, Slice, Store};

/// How many runs are looked at for one that is complete. Runs are minutes apart, and take minutes.
const LOOKED_AT: u16 = 20;

/// The latest run of which every slice is at its end, with its slices.
pub(crate) async fn latest_complete(store: &Store) -> Result<Option<(Run, Vec<Slice>)>> {
    for run in store.ledger.latest_runs(LOOKED_AT).await? {
        let slices = store.ledger.slices(&run.id).await?;
        if is_complete(&slices) {
            return Ok(Some((run, slices)));
        }
    }
    Ok(None)
}

fn is_complete(slices: &[Slice]) -> bool {
    !slices.is_empty() && slices.iter().all(|slice| slice.done)
}
