//! Taking fragments off profiles together with what finds them by a partner's ID.

use std::collections::BTreeSet;

use domain::fragment::{Fragment, FragmentKey};
use domain::identity::ProfileId;
use domain::removal::unheld;

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

    /// Deletes what records that are keyed by a partner's ID said of a profile none of whose fragments holds that ID any
    /// more: no file finds it there, and whoever gets the ID back is not whom it spoke of. It comes after the fragment
    /// that gave the ID up, so that nothing is lost where that was not written; what a crash, or somebody who writes at the
    /// same time, leaves is deleted by the sweep, by the same rule.
    ///
    /// # Errors
    /// Where the tables cannot be read or written.
    pub async fn let_go(&self, profile: &ProfileId) -> Result<(), Error> {
        let Some(whole) = self.profiles.load_all(profile).await? else { return Ok(()) };
        let unheld = unheld(&whole, &BTreeSet::new());
        for (key, fragment) in whole.fragments.iter().filter(|(key, _)| unheld.contains(*key)) {
            self.profiles.delete_fragment_of(profile, key, fragment.version).await?;
        }
        Ok(())
    }
}
