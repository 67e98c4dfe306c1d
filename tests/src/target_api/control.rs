//! Looking into a stand-in that runs in another process, and upsetting it.

use hyper::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::state::State;
use crate::stand_in::{Answer, Call};

pub(super) fn answer(state: &mut State, call: &Call) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let answered = match (&call.method, path.as_slice()) {
        (&Method::GET, ["_control"]) => Ok(overview(state)),
        (&Method::GET, ["_control", "profiles", id]) => match state.profile(id) {
            Some(parameters) => Ok(json!(parameters)),
            None => Err((404, "there is no such profile".to_owned())),
        },
        (&Method::POST, ["_control", "offers"]) => parse(call).map(|offer| {
            state.offers.push(offer);
            json!({"offers": state.offers})
        }),
        (&Method::POST, ["_control", "faults"]) => parse(call).map(|fault| {
            state.faults.push_back(fault);
            json!({"faults": state.faults})
        }),
        (&Method::DELETE, ["_control", "faults"]) => {
            state.faults.clear();
            Ok(json!({"faults": []}))
        }
        _ => Err((404, "there is no such control".to_owned())),
    };
    match answered {
        Ok(body) => Answer::json(200, &body),
        Err((status, message)) => Answer::json(status, &json!({"error": message})),
    }
}

fn parse<T: DeserializeOwned>(call: &Call) -> Result<T, (u16, String)> {
    serde_json::from_slice(&call.body).map_err(|error| (400, error.to_string()))
}

fn overview(state: &mut State) -> Value {
    json!({
        "profiles": state.ids(),
        "batches": state.batches(),
        "deliveries": state.deliveries.len(),
        "notifications": state.notifications,
        "seen": state.seen,
        "faults": state.faults,
    })
}
