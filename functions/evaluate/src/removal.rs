//! Removal, profile by profile: what is over is deleted, and whoever ends is erased once nothing that was sent of them
//! stands. What stands is withdrawn by the marks of the same pass, and by the ordinary steps of a delivery.

use aws::{Removed, Store};
use domain::graph::Ending;
use domain::identity::ProfileId;
use domain::profile::Profile;
use domain::removal::{Removal, next};

use crate::handler::Failure;
use crate::slice::Pass;

/// How many steps towards its end a profile is taken in one pass. What is left over is for the next run.
const MOST_STEPS: usize = 10;

impl Pass<'_> {
    /// Takes a profile towards its end, as far as that is due now, and says what was deleted. What is not over costs
    /// nothing: the profile as it was scanned decides whether it is looked at.
    pub(crate) async fn remove(&self, profile: &Profile) -> Result<Removed, Failure> {
        let mut removed = Removed::default();
        if matches!(profile.graph.ending, Some(Ending::Deleted { .. })) {
            // Whoever had the person deleted may have died of it.
            self.store.suppress(&profile.id, self.now).await?;
        }
        if profile.has_become_another() && profile.is_unsettled() {
            self.end_orphan(&profile.id).await?;
            return Ok(removed);
        }
        let mut due = next(self.catalogue, profile, self.now);
        for _ in 0..MOST_STEPS {
            if due == Removal::Nothing {
                break;
            }
            // The scan may be behind what is stored.
            let Some(stored) = self.store.profiles.load_all(&profile.id).await? else { break };
            due = next(self.catalogue, &stored, self.now);
            removed = removed.plus(self.step(&stored, &due).await?);
        }
        Ok(removed)
    }

    /// Takes the step of removal that is due. Where somebody else was faster, nothing is done.
    async fn step(&self, stored: &Profile, due: &Removal) -> Result<Removed, Failure> {
        let Store { profiles, .. } = self.store;
        let put = async |ending| {
            let graph = stored.graph.with_ending(ending);
            profiles.put_graph(&stored.id, &graph, Some(stored.graph.version)).await
        };
        let mut removed = Removed::default();
        match due {
            Removal::Nothing => {}
            Removal::Delete(over) => {
                let fragments: Vec<_> =
                    over.iter().filter_map(|key| stored.fragments.get_key_value(key)).collect();
                if let Some(deleted) = self.store.delete_fragments(stored, &fragments).await? {
                    removed.fragments = u64::try_from(deleted.fragments).unwrap_or(u64::MAX);
                    self.link_again(deleted.visitors).await?;
                }
            }
            Removal::End => _ = put(Some(Ending::Over { since: self.now })).await?,
            Removal::Revive => _ = put(None).await?,
            Removal::Erase => {
                let is_new = !matches!(stored.graph.ending, Some(Ending::Erased { .. }));
                if let Some(settled) = self.store.erase(self.catalogue, stored, self.now).await? {
                    removed.profiles = u64::from(is_new);
                    self.link_again(settled.visitors).await?;
                }
            }
            Removal::Forget => self.store.forget_erased(stored, self.now).await?,
        }
        Ok(removed)
    }

    /// Ends a profile that was merged into one that is gone: what was sent of it is withdrawn, and the rest goes.
    async fn end_orphan(&self, id: &ProfileId) -> Result<(), Failure> {
        let Store { profiles, .. } = self.store;
        if self.store.live(id).await?.is_none()
            && let Some(graph) = profiles.graph(id).await?
        {
            profiles.put_graph(id, &graph.erased(self.now), Some(graph.version)).await?;
        }
        Ok(())
    }
}
