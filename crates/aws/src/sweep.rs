//! The sweep: whoever has a whole profile in hand marks every delivery state of it that lags behind what it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::catalogue::Catalogue;
use domain::delivery::{lags, may_send, wanted};
use domain::name::DataflowName;
use domain::profile::Profile;
use jiff::Timestamp;

use crate::profiles::Profiles;
use crate::{Error, InForce, Store};

/// A sweep over profiles under one catalogue. What policies and contracts allow is decided once for all of them.
#[derive(Debug, Clone)]
pub struct Sweep {
    profiles: Profiles,
    catalogue: Arc<Catalogue>,
    may_send: BTreeMap<DataflowName, bool>,
}

/// What a sweep found of one profile. Workers of all these dataflows have something to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Dataflows whose delivery state was marked now.
    pub marked: Vec<DataflowName>,
    /// Dataflows whose delivery state was marked before.
    pub pending: Vec<DataflowName>,
}

impl Store {
    /// A sweep under a catalogue, as of an instant.
    pub fn sweep(&self, in_force: &InForce, now: Timestamp) -> Sweep {
        let catalogue = Arc::clone(&in_force.catalogue);
        let may_send = catalogue
            .dataflows
            .iter()
            .map(|(name, dataflow)| (name.clone(), may_send(&catalogue, dataflow, now).is_ok()))
            .collect();
        Sweep { profiles: self.profiles.clone(), catalogue, may_send }
    }
}

impl Sweep {
    /// Marks what lags of a profile, for every dataflow, retiring ones too.
    ///
    /// What is marked already is left alone, except for dataflows for which something of the profile has just
    /// changed: a worker may have read the profile before that, and would clean a mark that has not moved since.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn mark(
        &self,
        profile: &Profile,
        changed: &BTreeSet<&DataflowName>,
        now: Timestamp,
    ) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        for (name, dataflow) in &self.catalogue.dataflows {
            let delivery = profile.deliveries.get(name);
            let is_marked = delivery.is_some_and(|delivery| delivery.dirty);
            let is_due = if is_marked {
                changed.contains(name)
            } else {
                let may_send = self.may_send.get(name).copied().unwrap_or(false);
                lags(delivery, &wanted(&self.catalogue, dataflow, profile, now), may_send)
            };
            if is_due {
                self.profiles.mark(&profile.id, name, now).await?;
                swept.marked.push(name.clone());
            } else if is_marked {
                swept.pending.push(name.clone());
            }
        }
        Ok(swept)
    }
}
