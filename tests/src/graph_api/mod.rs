//! A stand-in for Meta's Graph API, as strict as its documentation, on this machine only.
//!
//! It shares no code with the plugin: what it knows of keys, hashes, sessions and errors it has from Meta's pages.
//! Besides what every stand-in shows ([`stand_in`](crate::stand_in)), `GET /_control/audiences/{id}/members` shows the
//! members of an audience, as maps of key to cell.

mod api;
mod state;

use std::collections::BTreeSet;

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::stand_in::{Answer, Call, Reply, StandIn, Vendor};
use state::State;
pub use state::{Audience, Fault, Member};

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

/// The running stand-in.
pub type GraphApi = StandIn<State>;

impl GraphApi {
    /// The audiences, by id.
    pub fn audiences(&self) -> Vec<Audience> {
        self.with(|state| state.audiences.values().cloned().collect())
    }

    /// The members of an audience; none if there is no such audience.
    pub fn members(&self, audience: &str) -> BTreeSet<Member> {
        self.with(|state| state.audiences.get(audience).map(|audience| audience.members.clone()))
            .unwrap_or_default()
    }

    /// What members of all audiences have under a key.
    pub fn cells(&self, key: &str) -> BTreeSet<String> {
        self.with(|state| {
            let members = state.audiences.values().flat_map(|audience| &audience.members);
            members.filter_map(|member| member.get(key).cloned()).collect()
        })
    }

    /// Refuses every request whole that carries that cell, as Meta does with some values that it cannot read.
    pub fn refuse_requests_with(&self, cell: &str) {
        self.with(|state| state.unbearable.insert(cell.to_owned()));
    }

    /// Deletes an audience, as a person does at Meta.
    pub fn delete_audience(&self, audience: &str) {
        self.with(|state| state.audiences.remove(audience));
    }
}

impl Vendor for State {
    type Settings = Settings;
    type Fault = Fault;

    fn open(settings: Settings) -> Self {
        Self::new(settings)
    }

    fn is_about(fault: &Fault, call: &Call) -> bool {
        let carries_rows = call.path.last().is_some_and(|part| part == "users");
        carries_rows || !fault.waits_for_rows()
    }

    fn answer(&mut self, call: &Call, fault: Option<&Fault>) -> Answer {
        match fault {
            Some(Fault::Throttle { minutes }) => api::throttled(&self.settings.account, *minutes),
            Some(Fault::ServerError { status }) => api::server_error(*status),
            _ => api::answer(self, call),
        }
    }

    fn reply(_: &Call, fault: &Fault, answer: Answer) -> Reply {
        match fault {
            Fault::CloseAfterProcessing => Reply::Closed,
            Fault::HangAfterProcessing => Reply::Never,
            Fault::Throttle { .. } | Fault::ServerError { .. } => Reply::Now(answer),
        }
    }

    fn overview(&mut self) -> Map<String, Value> {
        let audiences = self.audiences.values().map(|audience| {
            json!({"id": audience.id, "name": audience.name, "description": audience.description,
            "customer_file_source": audience.customer_file_source, "members": audience.members.len()})
        });
        Map::from_iter([("audiences".to_owned(), audiences.collect())])
    }

    fn control(&mut self, call: &Call, path: &[&str]) -> Option<Answer> {
        match (&call.method, path) {
            (&Method::GET, ["audiences", id, "members"]) => Some(match self.audiences.get(*id) {
                Some(audience) => Answer::ok(&json!(audience.members)),
                None => Answer::refused(404, "there is no such audience"),
            }),
            _ => None,
        }
    }
}
