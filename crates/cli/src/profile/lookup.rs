//! From an identity to the profiles that have it.

use std::collections::BTreeSet;

use anyhow::Result;
use aws::Store;
use domain::catalogue::Catalogue;
use domain::identity::{Identity, ProfileId};
use domain::namespace::Namespace;
use domain::profile::Profile;
use jiff::Timestamp;

/// Every profile that has an identity: at most one, unless it is a partner's ID. Of those by such an ID, the ones on whom
/// it may be used.
pub(crate) async fn profiles(
    store: &Store,
    catalogue: &Catalogue,
    namespace: &Namespace,
    identity: &Identity,
    now: Timestamp,
) -> Result<Vec<Profile>> {
    let mut profiles = stored(store, namespace, identity).await?;
    if !namespace.kind.links_people() {
        let is_of = |profile: &Profile| {
            profile.partner_ids(catalogue, now).iter().any(|held| held.key == identity.key)
        };
        profiles.retain(is_of);
    }
    Ok(profiles)
}

/// Every profile that is stored with an identity, whether that may be used or not.
pub(crate) async fn stored(
    store: &Store,
    namespace: &Namespace,
    identity: &Identity,
) -> Result<Vec<Profile>> {
    if namespace.kind.links_people() {
        return match store.identities.link(&identity.key).await? {
            Some(id) => Ok(survivor(store, id).await?.into_iter().collect()),
            None => Ok(Vec::new()),
        };
    }
    let references = store.identities.references(&identity.key).await?;
    let ids: BTreeSet<ProfileId> = references.into_iter().map(|reference| reference.profile).collect();
    let mut profiles: Vec<Profile> = Vec::new();
    for id in ids {
        let Some(profile) = survivor(store, id).await? else { continue };
        // A reference may outlive what it refers to: only the profile itself says what it holds.
        let holds = profile.fragments.values().any(|fragment| fragment.holds(&identity.key));
        if holds && profiles.iter().all(|known| known.id != profile.id) {
            profiles.push(profile);
        }
    }
    Ok(profiles)
}

/// The profile of an id, or the one that it was merged into.
async fn survivor(store: &Store, id: ProfileId) -> Result<Option<Profile>> {
    let mut seen = BTreeSet::new();
    let mut next = Some(id);
    while let Some(id) = next.filter(|id| seen.insert(id.clone())) {
        match store.profiles.load(&id).await? {
            Some(profile) if profile.graph.merged_into.is_some() => next = profile.graph.merged_into,
            found => return Ok(found),
        }
    }
    Ok(None)
}
