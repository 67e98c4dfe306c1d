//! Taking fragments off profiles together with what finds them by a partner's ID.

use domain::fragment::{Fragment, FragmentKey};
use domain::identity::{IdentityKey, ProfileId};

use crate::{Error, Reference, Store};

impl Store {
    /// Deletes a fragment on condition that it is as it was read, and has its partner IDs forget it after it is gone. Its
    /// key stays on the profile's list, which may name more than there is. Says whether it was deleted: somebody else may
    /// have written it.
    ///
    /// # Errors
    /// Where the tables cannot be read or written.
    pub async fn remove_fragment(
        &self,
        profile: &ProfileId,
        key: &FragmentKey,
        read: &Fragment,
    ) -> Result<bool, Error> {
        let reference = Reference { profile: profile.clone(), fragment: key.clone() };
        let mut seen = Vec::new();
        for partner_id in &read.partner_ids {
            seen.extend(self.identities.see_reference(&partner_id.key, &reference).await?);
        }
        if !self.profiles.delete_fragment_of(profile, key, read.version).await? {
            return Ok(false);
        }
        for seen in &seen {
            self.identities.forget(seen).await?;
        }
        Ok(true)
    }

    /// Deletes what records that are keyed by a partner's ID said of a profile which gives that ID up with a fragment,
    /// unless another of its fragments holds the ID: no file finds it there any more, and whoever gets the ID back is not
    /// whom it spoke of. Says whether that is done: somebody else may have written one of them.
    ///
    /// # Errors
    /// Where the tables cannot be read or written.
    pub async fn let_go(&self, partner_id: &IdentityKey, gives_up: &Reference) -> Result<bool, Error> {
        let Reference { profile, fragment } = gives_up;
        let references = self.identities.references(partner_id).await?;
        if references.iter().any(|other| other.profile == *profile && other.fragment != *fragment) {
            return Ok(true);
        }
        let Some(graph) = self.profiles.graph(profile).await? else { return Ok(true) };
        for key in graph.fragments.iter().filter(|key| key.primary == *partner_id && *key != fragment) {
            let Some(stored) = self.profiles.fragment(profile, key).await? else { continue };
            if !self.profiles.delete_fragment_of(profile, key, stored.version).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
