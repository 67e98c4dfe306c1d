//! Destinations and the dataflows that bring audiences to them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::governance::consent::RequiredConsent;
use crate::label::MarketingAction;
use crate::name::{AudienceName, DataflowName, DestinationName};
use crate::namespace::NamespaceCode;
use crate::refusal::Refusal;
use crate::value::FieldPath;

/// A connection to one account of one vendor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Destination {
    /// Its name in the project.
    pub name: DestinationName,
    /// A title for people.
    pub title: String,
    /// The plugin that speaks to the vendor.
    pub plugin: String,
    /// What the vendor does with data that it is given. Policies and contracts are checked against these.
    pub marketing_actions: BTreeSet<MarketingAction>,
    /// The plugin's own settings; no credentials.
    pub config: serde_json::Value,
    /// The name of the secret that holds the credentials, below the deployment's prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// An audience on its way to a destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dataflow {
    /// Its name in the project.
    pub name: DataflowName,
    /// The audience whose members are sent.
    pub audience: AudienceName,
    /// Where they are sent.
    pub destination: DestinationName,
    /// What is sent of each member.
    pub mapping: Vec<Mapping>,
    /// What each member has to have consented to, as consent policies ask: who has not is not sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consents: Vec<RequiredConsent>,
    /// Whether it may run.
    pub state: State,
}

/// One thing that is sent of each member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    /// What the vendor calls it.
    pub target: String,
    /// Where it comes from.
    pub source: Source,
}

/// Where a mapped value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The profile's newest identity of a namespace, partner IDs included.
    Identity(NamespaceCode),
    /// A field of the merged profile.
    Field(FieldPath),
}

/// Whether a dataflow may run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs, as far as policies and contracts allow at each delivery.
    Active,
    /// A person has paused it: additions and updates wait, removals pass.
    Paused,
    /// It was refused when it was applied: nothing is added or updated, removals pass.
    Blocked(Vec<Refusal>),
    /// It was taken out of the project: everything that was sent is withdrawn.
    Retiring,
}
