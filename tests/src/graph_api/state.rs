//! What the stand-in holds.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Settings;

/// One person of an audience: key -> cell, without empty cells.
pub type Member = BTreeMap<String, String>;

/// An audience and whoever is in it.
#[derive(Debug, Clone, Serialize)]
pub struct Audience {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Where the data about its people comes from.
    pub customer_file_source: String,
    /// Its members.
    #[serde(skip)]
    pub members: BTreeSet<Member>,
}

/// What goes wrong with a coming call; each is used up by one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Too many calls for custom audiences of this account: HTTP 400, code 80003, nothing is done.
    Throttle {
        /// How long it asks to wait.
        minutes: u64,
    },
    /// Something fell over before anything was done.
    ServerError {
        /// The status.
        status: u16,
    },
    /// The call is done, and its answer never comes. Used up by a call that carries rows.
    HangAfterProcessing,
    /// The call is done, and the connection closes before the answer. Used up by a call that carries rows.
    CloseAfterProcessing,
}

impl Fault {
    /// Whether it is about a call that changes members: others are let through before it.
    pub(super) fn waits_for_rows(&self) -> bool {
        matches!(self, Fault::HangAfterProcessing | Fault::CloseAfterProcessing)
    }
}

/// How far an upload session has come.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) next_batch: u64,
    pub(super) num_received: usize,
    pub(super) finished: bool,
}

/// Meta, as the stand-in plays it.
#[derive(Debug)]
pub struct State {
    pub(super) settings: Settings,
    pub(super) audiences: BTreeMap<String, Audience>,
    pub(super) sessions: BTreeMap<i64, Session>,
    /// Cells for which a request is refused whole.
    pub(super) unbearable: BTreeSet<String>,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, audiences: BTreeMap::new(), sessions: BTreeMap::new(), unbearable: BTreeSet::new() }
    }
}
