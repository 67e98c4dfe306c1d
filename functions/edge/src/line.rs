//! What the log says of a request: one line, with nothing of a person in it. Metrics can be counted from these lines.

use std::time::Instant;

use domain::name::DatastreamName;
use lambda_http::http::StatusCode;
use tracing::info;

use crate::problem::Kind;
use crate::route::Route;
use crate::visit::{Arrival, Visit};

/// What becomes known of a request while it is served.
#[derive(Debug)]
pub(crate) struct Line {
    began: Instant,
    request_id: String,
    pub(crate) route: Option<Route>,
    pub(crate) datastream: Option<DatastreamName>,
    pub(crate) problem: Option<Kind>,
    served: Served,
}

#[derive(Debug, Default)]
struct Served {
    events: usize,
    logins: usize,
    tokens_refused: usize,
    notified: usize,
    by_target: usize,
    unusable: Vec<String>,
    is_collected: bool,
    is_written: bool,
}

impl Line {
    pub(crate) fn begin(request_id: &str) -> Line {
        Line {
            began: Instant::now(),
            request_id: request_id.to_owned(),
            route: None,
            datastream: None,
            problem: None,
            served: Served::default(),
        }
    }

    /// Notes what came of a request.
    pub(crate) fn note(
        &mut self,
        arrival: &Arrival<'_>,
        visit: &Visit,
        tokens_refused: usize,
        by_target: usize,
    ) {
        self.served = Served {
            events: arrival.events.len(),
            logins: arrival.events.iter().filter(|each| !each.login.is_empty()).count(),
            tokens_refused,
            notified: visit.notified,
            by_target,
            unusable: visit.unusable.iter().map(|(field, reason)| format!("{field}: {reason}")).collect(),
            is_collected: visit.may_collect,
            is_written: visit.is_written,
        };
    }

    pub(crate) fn end(self, status: StatusCode) {
        let Line { began, request_id, route, datastream, problem, served } = self;
        info!(
            request_id,
            action = route.map(|route| route.action.name()),
            caller = route.map(|route| route.caller.name()),
            datastream = datastream.as_ref().map(DatastreamName::as_str),
            status = status.as_u16(),
            problem = problem.map(Kind::code),
            events = served.events,
            logins = served.logins,
            tokens_refused = served.tokens_refused,
            notified = served.notified,
            decided_by_target = served.by_target,
            unusable = served.unusable.join(", "),
            collected = served.is_collected,
            written = served.is_written,
            duration_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            "A request was answered."
        );
    }
}
