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
    /// Every field that the expression reads. Their labels are the audience's.
    pub reads: BTreeSet<FieldPath>,
    /// Every audience that the expression refers to by `inSegment`. Their labels are the audience's too.
    pub refers_to: BTreeSet<AudienceName>,
}

/// When an audience is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evaluation {
    /// On schedule, over all profiles.
    Batch,
}

/// Names one state of an audience's definition: what decides a membership, in a hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl Audience {
    /// The hash of what decides its memberships: the expression and the merge policy, no title or description.
    pub fn definition(&self) -> DefinitionHash {
        let mut hasher = Sha256::new();
        hasher.update(self.expression.as_bytes());
        hasher.update([0]);
        hasher.update(self.merge_policy.as_str().as_bytes());
        let digest: [u8; 32] = hasher.finalize().into();
        let mut text = hex::encode(digest);
        text.truncate(16);
        DefinitionHash(text)
    }
}
