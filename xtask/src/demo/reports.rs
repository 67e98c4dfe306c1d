//! What the command `tributary` says for programs, as far as the demo looks at it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What `tributary generate` says of the file that it has written.
#[derive(Debug, Deserialize)]
pub struct Summary {
    pub rows: u64,
    pub matched: u64,
    pub unmatched: u64,
    pub duplicates: u64,
    pub broken: BTreeMap<String, u64>,
    /// Members of each audience once the file is ingested and evaluated.
    pub expected: BTreeMap<String, u64>,
}

/// A line of `tributary batches`.
#[derive(Debug, Deserialize)]
pub struct Batch {
    pub key: String,
    pub status: String,
    pub reason: Option<String>,
    pub ended: Option<String>,
    pub received: u64,
    pub ingested: u64,
    pub matched: u64,
    pub unmatched: u64,
    pub created: u64,
    pub failed: BTreeMap<String, u64>,
    pub failed_rows: u64,
    pub applied_rows: u64,
    pub match_rate: Option<f64>,
    pub units: Units,
}

/// What work has cost in DynamoDB.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Units {
    pub write: f64,
}

/// A line of `tributary runs`.
#[derive(Debug, Deserialize)]
pub struct Run {
    pub id: String,
    pub reason: String,
    pub ended: Option<String>,
    pub profiles: u64,
    pub realized: BTreeMap<String, u64>,
    pub units: Units,
}

/// `tributary dataflow show`.
#[derive(Debug, Deserialize)]
pub struct Dataflow {
    pub state: String,
    pub refusals: Vec<RefusalRecord>,
    pub cures: Vec<Cures>,
}

/// A refusal, and when it was said.
#[derive(Debug, Deserialize)]
pub struct RefusalRecord {
    pub refusal: Refusal,
}

/// A line of `tributary offers`.
#[derive(Debug, Deserialize)]
pub struct Offer {
    pub name: String,
    pub state: String,
    pub displayed: u64,
    pub interacted: u64,
}

/// Why something may not leave.
#[derive(Debug, Deserialize)]
pub struct Refusal {
    /// Its kind, and what it is about.
    pub cause: BTreeMap<String, Value>,
    pub lineage: Vec<Lineage>,
}

/// What would let a refused dataflow go.
#[derive(Debug, Deserialize)]
pub struct Cures {
    /// Each of these, with all of its changes.
    pub cures: Vec<Vec<Value>>,
}

/// One way by which governed data would leave.
#[derive(Debug, Deserialize)]
pub struct Lineage {
    pub dataset: String,
    pub field: String,
}

/// `tributary profile show`: a person as the documented reply has it, under a key that is the profile's id.
#[derive(Debug, Deserialize)]
pub struct Profile {
    #[serde(rename = "tributary")]
    pub known: Known,
}

/// What Tributary adds to the documented reply.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    pub linked_identities: Vec<Identity>,
    pub partner_ids: Vec<Identity>,
    pub first_party: Vec<Attribute>,
    pub partners: BTreeMap<String, Partner>,
    pub audiences: Vec<String>,
    pub deliveries: Vec<Delivery>,
}

/// An identity, or a partner's ID.
#[derive(Debug, Deserialize)]
pub struct Identity {
    pub namespace: Namespace,
}

/// Whose identities they are.
#[derive(Debug, Deserialize)]
pub struct Namespace {
    pub code: String,
}

/// What one partner says of a person.
#[derive(Debug, Deserialize)]
pub struct Partner {
    pub attributes: Vec<Attribute>,
}

/// A value, and where it comes from.
#[derive(Debug, Deserialize)]
pub struct Attribute {
    pub field: String,
    pub dataset: String,
}

/// What stands at a destination.
#[derive(Debug, Deserialize)]
pub struct Delivery {
    pub dataflow: String,
    pub state: String,
}

/// What stands in the manifest of an exported file.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    pub rows: u64,
}
