//! What lies under a profile and is somebody else's: graphs decide whose an identity is, and what is stored about it
//! follows, sooner or later.

use super::Profile;
use crate::fragment::{Fragment, FragmentKey};
use crate::identity::IdentityKey;

impl Profile {
    /// Whether something lies under this profile that is another's, or something of this one may lie under another.
    pub fn is_unsettled(&self) -> bool {
        let merged = self.has_become_another();
        !self.graph.arriving.is_empty()
            || !self.graph.owing.is_empty()
            || merged && (!self.deliveries.is_empty() || self.memberships.version > 0)
            || self.fragments.iter().any(|(key, fragment)| merged || self.is_stray(key, fragment))
            || self.edge_memberships.keys().any(|ecid| !self.has(ecid))
    }

    /// Whether it was merged away. A prospect who became known was not: what was sent of them is withdrawn.
    pub fn has_become_another(&self) -> bool {
        self.graph.merged_into.is_some() && !self.graph.prospect
    }

    /// Whether a fragment under this profile is about an identity that is not this person's. What is about a partner's ID
    /// is of whoever holds that.
    pub fn is_stray(&self, key: &FragmentKey, fragment: &Fragment) -> bool {
        !fragment.is_keyed_by_partner_id() && !self.has(&key.primary)
    }

    /// Whether an identity is this person's.
    pub fn has(&self, identity: &IdentityKey) -> bool {
        self.graph.identities.contains_key(identity)
    }

    /// This profile without what is another's.
    pub fn without_strays(mut self) -> Profile {
        let graph = &self.graph;
        self.fragments.retain(|key, fragment| {
            fragment.is_keyed_by_partner_id() || graph.identities.contains_key(&key.primary)
        });
        self.edge_memberships.retain(|ecid, _| graph.identities.contains_key(ecid));
        self
    }
}
