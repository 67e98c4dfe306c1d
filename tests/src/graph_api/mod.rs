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
mod server;
mod state;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::{io, thread};

use tokio::sync::oneshot;

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
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl GraphApi {
    /// Starts it on a free port.
    pub fn start(settings: Settings) -> io::Result<Self> {
        Self::start_on(0, settings)
    }

    /// Starts it on that port.
    pub fn start_on(port: u16, settings: Settings) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::new(settings)));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = state.clone();
        let thread = thread::spawn(move || runtime.block_on(server::serve(listener, shared, stopped)));
        Ok(Self { address, state, running: Some((stop, thread)) })
    }

    /// What stands before the version in its URLs.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
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

    /// Deletes an audience, as a person does at Meta.
    pub fn delete_audience(&self, audience: &str) {
        self.state().audiences.remove(audience);
    }

    /// Waits until it ends by itself, which it does not.
    pub fn wait(mut self) {
        if let Some((_stop, thread)) = self.running.take() {
            thread.join().ok();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for GraphApi {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            stop.send(()).ok();
            thread.join().ok();
        }
    }
}
