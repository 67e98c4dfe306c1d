//! Pseudonymous profiles: people of whom nobody knows more than their browsers and devices, and who go when these have
//! not been heard of for a while.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Profile, day_number};
use crate::catalogue::Catalogue;
use crate::edge::visitor::Visitor;
use crate::namespace::{ECID, NamespaceCode};

/// How long pseudonymous profiles are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pseudonymous {
    /// Days after a record of one was last received.
    pub days: u16,
    /// The namespaces that say nothing of who somebody is: a profile all of whose identities are of these is pseudonymous.
    pub namespaces: BTreeSet<NamespaceCode>,
}

impl Pseudonymous {
    /// Whether visits of browsers are activity that counts.
    pub fn counts_visits(&self) -> bool {
        self.namespaces.iter().any(|namespace| namespace.as_str() == ECID)
    }

    /// Whether profiles expire by it that did not by an earlier one: of these nobody noted often enough when they were heard
    /// of.
    pub fn is_stricter_than(&self, earlier: Option<&Pseudonymous>) -> bool {
        earlier
            .is_none_or(|earlier| self.days < earlier.days || !self.namespaces.is_subset(&earlier.namespaces))
    }

    /// Whether what was last heard of on a day, by its number, has had its time.
    fn is_past(&self, last: i32, now: Timestamp) -> bool {
        day_number(now).saturating_sub(last) > i32::from(self.days)
    }
}

impl Profile {
    /// Whether the profile is pseudonymous and has had its time: it is treated as if it were not there, and swept up later.
    /// What a file says of whoever holds a partner's ID is no sign of the person. While anything is on its way here from
    /// another profile, nobody knows.
    pub fn has_expired(&self, catalogue: &Catalogue, now: Timestamp) -> bool {
        let Some(rule) = &catalogue.pseudonymous else { return false };
        let graph = &self.graph;
        let mut namespaces = graph.identities.values().map(|node| &node.namespace);
        let is_settled = graph.merged_into.is_none() && graph.arriving.is_empty();
        let own = self.fragments.values().filter(|fragment| !fragment.is_keyed_by_partner_id());
        let last = own.map(|fragment| fragment.confirmed).max();
        is_settled
            && !graph.identities.is_empty()
            && namespaces.all(|namespace| rule.namespaces.contains(namespace))
            && last.is_some_and(|last| rule.is_past(last, now))
    }
}

/// What is left of a visitor whose profile has expired: their word on consent. Nothing, where that is all there is, or
/// they came by since.
pub fn without_visits(catalogue: &Catalogue, visitor: &Visitor, now: Timestamp) -> Option<Visitor> {
    let (rule, seen) = (catalogue.pseudonymous.as_ref()?, visitor.seen?);
    let rest = Visitor { withdrawn: visitor.withdrawn, ..visitor.without_person() };
    (rule.is_past(day_number(seen), now) && visitor.suppressed.is_none()).then_some(rest)
}
