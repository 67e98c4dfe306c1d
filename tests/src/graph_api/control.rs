//! Looking into a stand-in that runs in another process, and upsetting it.

use hyper::Method;
use serde_json::{Value, json};

use super::reply::Answer;
use super::state::{Fault, State};
use crate::stand_in::Call;

pub(super) fn answer(state: &mut State, call: &Call) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match (&call.method, path.as_slice()) {
        (&Method::GET, ["_control"]) => Answer::ok(overview(state)),
        (&Method::GET, ["_control", "audiences", id, "members"]) => match state.audiences.get(*id) {
            Some(audience) => Answer::ok(json!(audience.members)),
            None => refused(404, "there is no such audience"),
        },
        (&Method::POST, ["_control", "faults"]) => match serde_json::from_slice::<Fault>(&call.body) {
            Ok(fault) => {
                state.faults.push_back(fault);
                Answer::ok(json!({"faults": state.faults}))
            }
            Err(error) => refused(400, &error.to_string()),
        },
        (&Method::DELETE, ["_control", "faults"]) => {
            state.faults.clear();
            Answer::ok(json!({"faults": []}))
        }
        _ => refused(404, "there is no such control"),
    }
}

fn overview(state: &State) -> Value {
    let audiences: Vec<Value> = state
        .audiences
        .values()
        .map(|audience| {
            json!({"id": audience.id, "name": audience.name, "description": audience.description,
            "customer_file_source": audience.customer_file_source, "members": audience.members.len()})
        })
        .collect();
    json!({"audiences": audiences, "seen": state.seen, "faults": state.faults})
}

fn refused(status: u16, message: &str) -> Answer {
    Answer { status, ..Answer::ok(json!({"error": message})) }
}
