//! A stand-in for Adobe Target, as strict as its documentation, on this machine only.
//!
//! It knows the bulk profile update API (v2) with its batch status, and the Delivery API; and it shares no code with
//! the plugin: what it knows it has from Adobe's pages. Where Adobe would take a mistake silently and lose data (text
//! that is not URL-encoded), it refuses the file.
//!
//! Profiles are kept by third-party id. As at Adobe, empty values change nothing, and of two files that name an id
//! without a delivery call between them the later one stands alone.
//!
//! Besides what every stand-in shows ([`stand_in`](crate::stand_in)):
//!
//! | call | does |
//! |---|---|
//! | `GET /_control/profiles/{id}` | the parameters of a profile |
//! | `POST /_control/offers` | adds an [`Offer`], as JSON |

mod bulk;
mod delivery;
mod state;

use std::time::Duration;

use hyper::Method;
use serde_json::{Map, Value, json};

use crate::stand_in::{Answer, Call, Reply, StandIn, Vendor};
pub use state::{Batch, Fault, Notification, Offer, Parameters};
use state::{Kind, State};

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

/// The running stand-in.
pub type TargetApi = StandIn<State>;

impl TargetApi {
    /// The parameters of a profile, without the `profile.` that Target puts before them; none if nobody has the id.
    pub fn profile(&self, third_party_id: &str) -> Option<Parameters> {
        self.with(|state| state.profile(third_party_id))
    }

    /// The third-party ids of all profiles.
    pub fn ids(&self) -> Vec<String> {
        self.with(State::ids)
    }

    /// The files that it took, in their order.
    pub fn batches(&self) -> Vec<Batch> {
        self.with(State::batches)
    }

    /// The bodies of the delivery calls that it took, in their order.
    pub fn deliveries(&self) -> Vec<Value> {
        self.with(|state| state.deliveries.clone())
    }

    /// The notifications that it took.
    pub fn notifications(&self) -> Vec<Notification> {
        self.with(|state| state.notifications.clone())
    }

    /// Adds an offer behind those that there are.
    pub fn offer(&self, offer: Offer) {
        self.with(|state| state.offers.push(offer));
    }
}

impl Vendor for State {
    type Settings = Settings;
    type Fault = Fault;

    fn open(settings: Settings) -> Self {
        Self::new(settings)
    }

    fn is_about(fault: &Fault, call: &Call) -> bool {
        fault.is_about(Kind::of(call))
    }

    fn answer(&mut self, call: &Call, fault: Option<&Fault>) -> Answer {
        match (Kind::of(call), fault) {
            (_, Some(Fault::ServerError { status } | Fault::StatusError { status })) => unavailable(*status),
            (Kind::File, _) => bulk::take(self, call, fault),
            (Kind::Look, _) => bulk::status(self, call),
            (Kind::Delivery, _) => delivery::answer(self, call),
            (Kind::Other, _) => {
                Answer::json(404, &json!({"status": 404, "message": "there is no such call"}))
            }
        }
    }

    fn reply(call: &Call, fault: &Fault, answer: Answer) -> Reply {
        match fault {
            Fault::HangAfterProcessing => Reply::Never,
            Fault::CloseAfterProcessing => Reply::Closed,
            Fault::Slow { milliseconds } if Kind::of(call) == Kind::Delivery => {
                Reply::After(Duration::from_millis(*milliseconds), answer)
            }
            _ => Reply::Now(answer),
        }
    }

    fn overview(&mut self) -> Map<String, Value> {
        let shown = [
            ("profiles", json!(self.ids())),
            ("batches", json!(self.batches())),
            ("deliveries", json!(self.deliveries.len())),
            ("notifications", json!(self.notifications)),
        ];
        shown.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn control(&mut self, call: &Call, path: &[&str]) -> Option<Answer> {
        match (&call.method, path) {
            (&Method::GET, ["profiles", id]) => Some(match self.profile(id) {
                Some(parameters) => Answer::ok(&json!(parameters)),
                None => Answer::refused(404, "there is no such profile"),
            }),
            (&Method::POST, ["offers"]) => Some(match serde_json::from_slice(&call.body) {
                Ok(offer) => {
                    self.offers.push(offer);
                    Answer::ok(&json!({"offers": self.offers}))
                }
                Err(error) => Answer::refused(400, &error.to_string()),
            }),
            _ => None,
        }
    }
}

/// What a proxy before Target says.
fn unavailable(status: u16) -> Answer {
    Answer::text(status, "text/html", "<html><body>The server cannot answer.</body></html>".to_owned())
}
