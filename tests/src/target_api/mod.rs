//! A stand-in for Adobe Target, as strict as its documentation, on this machine only.
//!
//! It knows the bulk profile update API (v2) with its batch status, and the Delivery API; and it shares no code with
//! the plugin: what it knows it has from Adobe's pages. Where Adobe would take a mistake silently and lose data (text
//! that is not URL-encoded), it refuses the file.
//!
//! Profiles are kept by third-party id. As at Adobe, empty values change nothing, and of two files that name an id
//! without a delivery call between them the later one stands alone.
//!
//! Tests start it in their process and look into it; a demo starts it as a process of its own (`target-api`) and looks
//! through `/_control`:
//!
//! | call | does |
//! |---|---|
//! | `GET /_control` | profiles, batches, notifications, and the calls that were answered |
//! | `GET /_control/profiles/{id}` | the parameters of a profile |
//! | `POST /_control/offers` | adds an [`Offer`], as JSON |
//! | `POST /_control/faults` | adds a [`Fault`], as JSON, to the coming calls |
//! | `DELETE /_control/faults` | takes faults that are left away |

mod bulk;
mod control;
mod delivery;
mod reply;
mod state;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::stand_in::Server;
use state::State;
pub use state::{Batch, Fault, Notification, Offer, Parameters, Seen};

/// Whose Target it is, and how it is guarded.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The client code of the account.
    pub client_code: String,
    /// The token that the profile API demands; none if it demands none.
    pub token: Option<String>,
    /// The token of the property whose offers there are; none if offers are for every property.
    pub property: Option<String>,
    /// How many calls of the profile API are answered within a minute.
    pub calls_per_minute: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { client_code: "northshop".to_owned(), token: None, property: None, calls_per_minute: 50 }
    }
}

/// The running stand-in. It ends when this is dropped.
#[derive(Debug)]
pub struct TargetApi {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl TargetApi {
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

    /// What stands before `/m2` and `/rest` in its URLs.
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// The parameters of a profile, without the `profile.` that Target puts before them; none if nobody has the id.
    pub fn profile(&self, third_party_id: &str) -> Option<Parameters> {
        self.state().profile(third_party_id)
    }

    /// The third-party ids of all profiles.
    pub fn ids(&self) -> Vec<String> {
        self.state().ids()
    }

    /// The files that it took, in their order.
    pub fn batches(&self) -> Vec<Batch> {
        self.state().batches()
    }

    /// The calls that it answered, in their order.
    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// The bodies of the delivery calls that it took, in their order.
    pub fn deliveries(&self) -> Vec<Value> {
        self.state().deliveries.clone()
    }

    /// The notifications that it took.
    pub fn notifications(&self) -> Vec<Notification> {
        self.state().notifications.clone()
    }

    /// Adds an offer behind those that there are.
    pub fn offer(&self, offer: Offer) {
        self.state().offers.push(offer);
    }

    /// Adds a fault to the coming calls.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    /// Waits until it ends by itself, which it does not.
    pub fn wait(self) {
        self.server.wait();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
