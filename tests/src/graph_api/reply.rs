//! From a call to an answer, with the faults that are due.

use serde_json::Value;

use super::state::{Fault, Seen, State};
use super::{api, control};
use crate::stand_in::{self, Call, Reply};

/// An answer, to be written.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Value,
    /// The rows that the call carried.
    pub(super) rows: usize,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body, rows: 0 }
    }
}

impl From<Answer> for stand_in::Answer {
    fn from(answer: Answer) -> Self {
        Self { headers: answer.headers, ..Self::json(answer.status, &answer.body) }
    }
}

pub(super) fn reply(state: &mut State, call: &Call) -> Reply {
    if call.path.first().is_some_and(|first| first == "_control") {
        return Reply::Now(control::answer(state, call).into());
    }
    let (answer, fault) = api_answer(state, call);
    match fault {
        Some(Fault::CloseAfterProcessing) => Reply::Closed,
        Some(Fault::HangAfterProcessing) => Reply::Never,
        _ => Reply::Now(answer.into()),
    }
}

fn api_answer(state: &mut State, call: &Call) -> (Answer, Option<Fault>) {
    let carries_rows = call.path.last().is_some_and(|part| part == "users");
    let waits = state.faults.front().is_some_and(Fault::waits_for_rows) && !carries_rows;
    let fault = if waits { None } else { state.faults.pop_front() };
    let answer = match &fault {
        Some(Fault::Throttle { minutes }) => api::throttled(&state.settings.account, *minutes),
        Some(Fault::ServerError { status }) => api::server_error(*status),
        _ => api::answer(state, call),
    };
    state.seen.push(Seen {
        method: call.method.to_string(),
        path: format!("/{}", call.path.join("/")),
        rows: answer.rows,
        status: answer.status,
    });
    (answer, fault)
}
