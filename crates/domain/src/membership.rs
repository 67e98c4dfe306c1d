//! Memberships: who is in which audience, since when, and by which definition.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::audience::DefinitionHash;
use crate::name::AudienceName;

/// How long an exit stays on the profile (the documents purge exits after 30 days).
const EXITED_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A profile's memberships of one evaluation mode.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Memberships {
    /// Goes up by one with every write; a write is made on condition of the version that was read.
    pub version: u64,
    /// The sequence of the catalogue that decided last. It never goes back.
    pub sequence: u64,
    /// The audiences that the profile is in, or has left lately.
    pub audiences: BTreeMap<AudienceName, Membership>,
}

/// A profile's membership of one audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Whether it is in.
    pub status: MembershipStatus,
    /// Since when.
    pub since: Timestamp,
    /// The definition that decided it.
    pub definition: DefinitionHash,
}

/// Whether a profile is in an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MembershipStatus {
    /// It is in.
    Realized,
    /// It was in, and is not any more.
    Exited,
}

impl Membership {
    /// Which of two profiles' memberships of one audience stands: being in, then the longer one.
    fn weight(&self) -> (bool, Reverse<Timestamp>) {
        (self.status == MembershipStatus::Realized, Reverse(self.since))
    }
}

/// What an evaluation found of one audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding<'a> {
    /// The audience.
    pub audience: &'a AudienceName,
    /// Whether the profile satisfies the definition.
    pub member: bool,
    /// The definition.
    pub definition: &'a DefinitionHash,
}

impl Memberships {
    /// Whether the profile is in an audience as a definition decided it; nothing where it is in as another one did,
    /// and the next run decides anew.
    pub fn is_realized_by(&self, audience: &AudienceName, definition: &DefinitionHash) -> Option<bool> {
        match self.audiences.get(audience).filter(|each| each.status == MembershipStatus::Realized) {
            None => Some(false),
            Some(membership) if membership.definition == *definition => Some(true),
            Some(_) => None,
        }
    }

    /// The audiences that the profile is in, each as a definition decided it.
    pub fn realized(&self) -> BTreeMap<AudienceName, DefinitionHash> {
        let is_in = |(name, each): (&AudienceName, &Membership)| {
            (each.status == MembershipStatus::Realized).then(|| (name.clone(), each.definition.clone()))
        };
        self.audiences.iter().filter_map(is_in).collect()
    }

    /// Whether the profile is in an audience.
    pub fn is_realized(&self, audience: &AudienceName) -> bool {
        self.audiences.get(audience).is_some_and(|each| each.status == MembershipStatus::Realized)
    }

    /// The memberships of two profiles that have become one, until it is evaluated: in whatever audience either is in.
    /// Nothing, where that is what stands.
    pub fn joined(&self, other: &Memberships) -> Option<Memberships> {
        let mut audiences = self.audiences.clone();
        for (name, membership) in &other.audiences {
            match audiences.get(name) {
                Some(known) if known.weight() >= membership.weight() => {}
                _ => _ = audiences.insert(name.clone(), membership.clone()),
            }
        }
        let version = self.version.saturating_add(1);
        let sequence = self.sequence.max(other.sequence);
        (audiences != self.audiences).then_some(Memberships { version, sequence, audiences })
    }

    /// The memberships after an evaluation of every audience of the mode, or nothing where none has changed.
    /// An audience that is not among the findings is gone: whoever was in it has left it.
    pub fn after<'a>(
        &self,
        findings: impl IntoIterator<Item = Finding<'a>>,
        sequence: u64,
        now: Timestamp,
    ) -> Option<Memberships> {
        use MembershipStatus::{Exited, Realized};
        let realized = self.audiences.iter().filter(|(_, each)| each.status == Realized);
        let mut gone: BTreeMap<&AudienceName, &Membership> = realized.collect();
        let mut changed: Vec<(AudienceName, Membership)> = Vec::new();
        for Finding { audience, member, definition } in findings {
            let since = match (gone.remove(audience), member) {
                (None, false) => continue,
                (Some(was), true) if was.definition == *definition => continue,
                // A member by another definition than before: delivery has to know.
                (Some(was), true) => was.since,
                _ => now,
            };
            let status = if member { Realized } else { Exited };
            changed.push((audience.clone(), Membership { status, since, definition: definition.clone() }));
        }
        changed.extend(gone.into_iter().map(|(audience, was)| {
            (audience.clone(), Membership { status: Exited, since: now, ..was.clone() })
        }));
        if changed.is_empty() {
            return None;
        }
        let mut audiences = self.audiences.clone();
        audiences.extend(changed);
        // Old exits go when something is written anyway: by themselves they are not worth a write.
        audiences.retain(|_, each| each.status == Realized || now.duration_since(each.since) <= EXITED_KEPT);
        Some(Memberships { version: self.version.saturating_add(1), sequence, audiences })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> AudienceName {
        text.parse().unwrap()
    }

    fn definition(text: &str) -> DefinitionHash {
        serde_json::from_value(serde_json::Value::String(text.to_owned())).unwrap()
    }

    /// The memberships after one audience was evaluated.
    fn after(
        memberships: &Memberships,
        (audience, by): (&str, &str),
        member: bool,
        sequence: u64,
        now: Timestamp,
    ) -> Option<Memberships> {
        let (audience, definition) = (&name(audience), &definition(by));
        memberships.after([Finding { audience, member, definition }], sequence, now)
    }

    #[test]
    fn only_a_change_of_status_or_of_definition_changes_memberships() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let (none, a) = (Memberships::default(), ("a", "d1"));
        assert_eq!(after(&none, a, false, 1, start), None);
        let realized = after(&none, a, true, 1, start).unwrap();
        assert!(realized.is_realized(&name("a")));
        assert_eq!(after(&realized, a, true, 2, start), None);
        let later = start.saturating_add(jiff::SignedDuration::from_secs(9)).unwrap();
        let redefined = after(&realized, ("a", "d2"), true, 2, later).unwrap();
        assert_eq!(redefined.audiences[&name("a")].since, start, "a member all along");
        assert_eq!(redefined.audiences[&name("a")].definition, definition("d2"));
        let exited = after(&realized, a, false, 2, start).unwrap();
        assert!(!exited.is_realized(&name("a")));
        assert_eq!((exited.version, exited.sequence), (2, 2));
        assert_eq!(after(&exited, a, false, 3, start), None);
    }

    #[test]
    fn members_of_an_audience_that_is_gone_have_left_it() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let realized = after(&Memberships::default(), ("a", "d1"), true, 1, start).unwrap();
        let gone = realized.after([], 2, start).unwrap();
        assert!(!gone.is_realized(&name("a")));
        assert_eq!(gone.after([], 2, start), None);
    }

    #[test]
    fn an_old_exit_goes_with_the_next_write() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let realized = after(&Memberships::default(), ("a", "d1"), true, 1, start).unwrap();
        let exited = after(&realized, ("a", "d1"), false, 1, start).unwrap();
        let next = after(&exited, ("b", "d1"), true, 1, later).unwrap();
        assert_eq!(next.audiences.keys().collect::<Vec<_>>(), [&name("b")]);
    }
}
