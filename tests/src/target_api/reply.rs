//! From a call to an answer, with the faults that are due.

use std::time::Duration;

use hyper::Method;
use serde_json::json;

use super::state::{Fault, Kind, Seen, State};
use super::{bulk, control, delivery};
use crate::stand_in::{Answer, Call, Reply};

pub(super) fn reply(state: &mut State, call: &Call) -> Reply {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    if path.first() == Some(&"_control") {
        return Reply::Now(control::answer(state, call));
    }
    let kind = match (&call.method, path.as_slice()) {
        (&Method::POST, ["m2", _, "v2", "profile", "batchUpdate"]) => Kind::File,
        (&Method::GET, ["m2", _, "profile", "batchStatus"]) => Kind::Look,
        (&Method::POST, ["rest", "v1", "delivery"]) => Kind::Delivery,
        _ => Kind::Other,
    };
    let fault = state.take_fault(kind);
    let answer = match (kind, &fault) {
        (_, Some(Fault::ServerError { status } | Fault::StatusError { status })) => unavailable(*status),
        (Kind::File, _) => bulk::take(state, call, fault.as_ref()),
        (Kind::Look, _) => bulk::status(state, call),
        (Kind::Delivery, _) => delivery::answer(state, call),
        (Kind::Other, _) => Answer::json(404, &json!({"status": 404, "message": "there is no such call"})),
    };
    state.seen.push(Seen {
        method: call.method.to_string(),
        path: format!("/{}", path.join("/")),
        status: answer.status,
    });
    match (kind, fault) {
        (_, Some(Fault::HangAfterProcessing)) => Reply::Never,
        (_, Some(Fault::CloseAfterProcessing)) => Reply::Closed,
        (Kind::Delivery, Some(Fault::Slow { milliseconds })) => {
            Reply::After(Duration::from_millis(milliseconds), answer)
        }
        _ => Reply::Now(answer),
    }
}

/// What a proxy before Target says.
fn unavailable(status: u16) -> Answer {
    let body = "<html><body>The server cannot answer.</body></html>".to_owned();
    Answer { status, content_type: "text/html", headers: Vec::new(), body }
}
