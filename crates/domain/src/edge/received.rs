//! Events as they are kept: whole, with what the edge knows of them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::identity::Identity;
use crate::name::DatastreamName;

/// The version of the form in which events are kept.
pub const FORMAT: u32 = 1;

/// An event as it was received: one line of JSON in the bucket of events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Received {
    /// The version of this form: [`FORMAT`].
    pub v: u32,
    /// The datastream that it came to.
    pub datastream: DatastreamName,
    /// The request that brought it. With the index it names the event: a request that came twice is kept twice, and
    /// counts once when it is replayed.
    pub request: String,
    /// Which of the request's events it is, from 0.
    pub index: u32,
    /// When it happened, as far as it is believed.
    pub at: Timestamp,
    /// When it came.
    pub received: Timestamp,
    /// The visitor's ECID.
    pub ecid: String,
    /// The identities of whoever had proved to be logged in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub login: BTreeSet<Identity>,
    /// The event as it came, to the digit, with `null` for the token that was to prove a login.
    pub event: Box<RawValue>,
}
