//! Leaving: taking a visitor off a profile that holds copies of it.

use std::collections::BTreeSet;

use aws::Store;
use domain::fragment::FragmentKey;
use domain::graph::Graph;
use domain::identity::{IdentityKey, ProfileId};
use domain::name::DatasetName;

use super::Linking;
use crate::handler::Failure;

impl Linking<'_> {
    /// Takes the visitor off profiles, but one.
    pub(super) async fn leave_all_but(
        &self,
        stays: Option<&ProfileId>,
        holders: &BTreeSet<ProfileId>,
    ) -> Result<(), Failure> {
        for holder in holders.iter().filter(|holder| stays != Some(*holder)) {
            self.detach(holder, self.ecid).await?;
        }
        Ok(())
    }

    /// Takes a visitor off a profile: memberships first, so that what was delivered because of them is withdrawn,
    /// then what scripts said, then the ECID itself. Its link goes last: what a crash leaves is found by it.
    pub(super) async fn detach(&self, profile: &ProfileId, ecid: &IdentityKey) -> Result<(), Failure> {
        let Store { profiles, identities, .. } = self.store;
        profiles.copy_edge_memberships(profile, ecid, None).await?;
        let Some(graph) = profiles.graph(profile).await? else { return Ok(()) };
        // Also such as are not on the list: a copy that was made late may have come after its place there was given up.
        for dataset in self.catalogue().datasets.values().filter(|dataset| dataset.events().is_some()) {
            self.delete_copy(profile, FragmentKey { dataset: dataset.name.clone(), primary: ecid.clone() })
                .await?;
        }
        self.drop_from_graph(profile, ecid, graph).await?;
        Ok(identities.release(ecid, profile).await?)
    }

    async fn delete_copy(&self, profile: &ProfileId, key: FragmentKey) -> Result<(), Failure> {
        // Whoever writes to it meanwhile is a late worker, whose copy goes as well.
        while let Some(fragment) = self.store.profiles.fragment(profile, &key).await? {
            if self.store.remove_fragment(profile, &key, &fragment).await? {
                break;
            }
        }
        Ok(())
    }

    async fn drop_from_graph(
        &self,
        profile: &ProfileId,
        ecid: &IdentityKey,
        graph: Graph,
    ) -> Result<(), Failure> {
        let is_copy =
            |fragment: &FragmentKey| fragment.primary == *ecid && self.is_of_datastream(&fragment.dataset);
        let mut graph = Some(graph);
        while let Some(stands) =
            graph.filter(|graph| graph.identities.contains_key(ecid) || graph.fragments.iter().any(is_copy))
        {
            let mut next = stands.without(&BTreeSet::from([ecid]));
            next.fragments.retain(|fragment| !is_copy(fragment));
            if self.store.profiles.put_graph(profile, &next, Some(stands.version)).await? {
                return Ok(());
            }
            graph = self.store.profiles.graph(profile).await?;
        }
        Ok(())
    }

    /// Whether a dataset holds what datastreams say: a file's record of an ECID goes where the ECID goes.
    fn is_of_datastream(&self, dataset: &DatasetName) -> bool {
        self.catalogue().datasets.get(dataset).is_some_and(|dataset| dataset.events().is_some())
    }
}
