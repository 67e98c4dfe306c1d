//! Audiences: segment definitions and what follows from them.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::name::{AudienceName, MergePolicyName};
use crate::value::FieldPath;

/// An audience.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audience {
    /// Its name in the project.
    pub name: AudienceName,
    /// A title for people, which vendors are given too.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// Who is in it, in PQL (`pql/text`).
    pub expression: String,
    /// The merge policy of the profiles that it looks at.
    pub merge_policy: MergePolicyName,
    /// When it is evaluated.
    pub evaluation: Evaluation,
    /// Of whom it is.
    #[serde(default, skip_serializing_if = "Population::is_customers")]
    pub of: Population,
    /// Every field that the expression reads. Their labels are the audience's.
    pub reads: BTreeSet<FieldPath>,
    /// Every audience that the expression refers to by `inSegment`. Their labels are the audience's too.
    pub refers_to: BTreeSet<AudienceName>,
    /// Names everything in the catalogue that decides who is in it.
    pub definition: DefinitionHash,
}

/// What the paths of event fields begin with among the fields that an audience reads.
pub const EVENTS: &str = "xEvent";

/// The path below the events' own name, if a path is one of an event's field.
pub fn event_path(path: &FieldPath) -> Option<FieldPath> {
    path.as_str().strip_prefix(EVENTS)?.strip_prefix('.')?.parse().ok()
}

impl Audience {
    /// The fields of events that the expression reads, as events have them.
    pub fn event_reads(&self) -> impl Iterator<Item = FieldPath> {
        self.reads.iter().filter_map(event_path)
    }
}

/// Of whom an audience is. Nobody is both: a prospect who becomes known is a customer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Population {
    /// Of those who are known by an identity that is not a partner's.
    #[default]
    Customers,
    /// Of those who are known by a partner's ID alone.
    Prospects,
}

impl Population {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_customers(&self) -> bool {
        *self == Population::Customers
    }
}

/// When an audience is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evaluation {
    /// On schedule, over all profiles.
    Batch,
    /// While a visitor's page waits, on the event and what the edge remembers of the visitor.
    Edge,
}

/// Names one state of what decides an audience's memberships. A membership counts for delivery only while it was decided
/// by the definition in force: what is checked and what was decided are then about the same data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DefinitionHash(String);

impl DefinitionHash {
    /// The hash as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DefinitionHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl DefinitionHash {
    /// The hash of the parts of a definition.
    pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> DefinitionHash {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
        let mut text = hex::encode(hasher.finalize());
        text.truncate(16);
        DefinitionHash(text)
    }
}
