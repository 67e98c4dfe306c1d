//! A stand-in for Meta's Graph API, as strict as its documentation, on this machine only.
//!
//! It shares no code with the plugin: what it knows of keys, hashes, sessions and errors it has from Meta's pages.
//! Tests start it in their process and look into it; the demo starts it as a process of its own (`graph-api`) and
//! looks through `/_control`:
//!
//! | call | does |
//! |---|---|
//! | `GET /_control` | audiences with their size, and the calls that were answered |
//! | `GET /_control/audiences/{id}/members` | the members, as maps of key to cell |
//! | `POST /_control/faults` | adds a [`Fault`], as JSON, to the coming calls |
//! | `DELETE /_control/faults` | takes faults that are left away |

mod api;
mod control;
mod reply;
mod state;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::stand_in::Server;
use state::State;
pub use state::{Audience, Fault, Member, Seen};

/// Who may call, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The version of the API that paths begin with.
    pub version: String,
    /// The ad account, as `act_` and digits.
    pub account: String,
    /// The token that calls carry.
    pub token: String,
    /// The app's secret; if there is one, every call carries a proof.
    pub app_secret: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: "v25.0".to_owned(),
            account: "act_1234567890".to_owned(),
            token: "stand-in-token".to_owned(),
            app_secret: None,
        }
    }
}

/// The running stand-in. It ends when this is dropped.
#[derive(Debug)]
pub struct GraphApi {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl GraphApi {
    /// Starts it on a free port.
    pub fn start(settings: Settings) -> io::Result<Self> {
        Self::start_on(0, settings)
    }

    /// Starts it on that port.
    pub fn start_on(port: u16, settings: Settings) -> io::Result<Self> {
        let state = Arc::new(Mutex::new(State::new(settings)));
        let shared = state.clone();
        let server = Server::start(port, move |call| {
            reply::reply(&mut shared.lock().unwrap_or_else(PoisonError::into_inner), call)
        })?;
        Ok(Self { server, state })
    }

    /// What stands before the version in its URLs.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// The audiences, by id.
    pub fn audiences(&self) -> Vec<Audience> {
        self.state().audiences.values().cloned().collect()
    }

    /// The members of an audience; none if there is no such audience.
    pub fn members(&self, audience: &str) -> BTreeSet<Member> {
        self.state().audiences.get(audience).map(|audience| audience.members.clone()).unwrap_or_default()
    }

    /// What members of all audiences have under a key.
    pub fn cells(&self, key: &str) -> BTreeSet<String> {
        let state = self.state();
        let members = state.audiences.values().flat_map(|audience| &audience.members);
        members.filter_map(|member| member.get(key).cloned()).collect()
    }

    /// The calls that it answered, in their order.
    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// Adds a fault to the coming calls.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    /// Refuses every request whole that carries that cell, as Meta does with some values that it cannot read.
    pub fn refuse_requests_with(&self, cell: &str) {
        self.state().unbearable.insert(cell.to_owned());
    }

    /// Deletes an audience, as a person does at Meta.
    pub fn delete_audience(&self, audience: &str) {
        self.state().audiences.remove(audience);
    }

    /// Waits until it ends by itself, which it does not.
    pub fn wait(self) {
        self.server.wait();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
