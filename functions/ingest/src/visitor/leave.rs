//! Leaving: taking a visitor off a profile that holds copies of it.

use std::collections::{BTreeMap, BTreeSet};

use aws::{Holder, Store};
use domain::fragment::FragmentKey;
use domain::graph::{Moved, Relinked};
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
        let profiles = &self.store.profiles;
        profiles.copy_edge_memberships(profile, ecid, None).await?;
        if profiles.graph(profile).await?.is_none() {
            return Ok(());
        }
        // Also such as are not on the list: a copy that was made late may have come after its place there was given up.
        for dataset in self.catalogue().datasets.values().filter(|dataset| dataset.events().is_some()) {
            self.delete_copy(profile, FragmentKey { dataset: dataset.name.clone(), primary: ecid.clone() })
                .await?;
        }
        self.unlink(profile, ecid).await
    }

    async fn delete_copy(&self, profile: &ProfileId, key: FragmentKey) -> Result<(), Failure> {
        // Whoever writes to it meanwhile is a late worker, whose copy goes as well.
        while let Some(fragment) = self.store.profiles.fragment(profile, &key).await? {
            if self.store.remove_fragment(profile, &key, &fragment).await? {
                if !fragment.partner_ids.is_empty() {
                    self.store.let_go(profile).await?;
                }
                break;
            }
        }
        Ok(())
    }

    /// Takes an ECID off a profile's graph together with its link: who finds the profile by the link meanwhile would
    /// have the graph name what is nobody's a moment later.
    async fn unlink(&self, profile: &ProfileId, ecid: &IdentityKey) -> Result<(), Failure> {
        let Store { profiles, identities, .. } = self.store;
        let is_copy =
            |fragment: &FragmentKey| fragment.primary == *ecid && self.is_of_datastream(&fragment.dataset);
        while let Some(graph) = profiles.graph(profile).await? {
            let is_linked = identities.holder(ecid).await? == Holder::Profile(profile.clone());
            let is_named = graph.identities.contains_key(ecid) || graph.fragments.iter().any(is_copy);
            if !is_linked && !is_named {
                break;
            }
            let mut next = graph.without(&BTreeSet::from([ecid]));
            next.fragments.retain(|fragment| !is_copy(fragment));
            let released = Moved { identity: ecid.clone(), from: Some(profile.clone()), to: None };
            let relinked = Relinked {
                graphs: BTreeMap::from([(profile.clone(), (Some(graph.version), next))]),
                moved: is_linked.then_some(released).into_iter().collect(),
                home: None,
            };
            if self.store.relink(&relinked).await? {
                break;
            }
        }
        Ok(())
    }

    /// Whether a dataset holds what datastreams say: a file's record of an ECID goes where the ECID goes.
    fn is_of_datastream(&self, dataset: &DatasetName) -> bool {
        self.catalogue().datasets.get(dataset).is_some_and(|dataset| dataset.events().is_some())
    }
}
