//! Problems: why a request was not served, in the form in which Adobe's edge says so.

use std::borrow::Cow;

use lambda_http::http::StatusCode;
use serde_json::{Value, json};

/// Why a request was not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// What kind of problem.
    pub kind: Kind,
    /// What was found where, and what was expected. It is for whoever sent the request, and is not logged: it may
    /// repeat names that came with it.
    pub detail: Cow<'static, str>,
}

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There is nothing at the path.
    NoAction,
    /// The method is not `POST`.
    Method,
    /// The query string lacks what is needed, or has it in another form.
    Query,
    /// There is no such datastream.
    Datastream,
    /// The datastream does not serve pages of this origin.
    Origin,
    /// The request did not come by the way on which requests are counted and filtered.
    Bypass,
    /// A server did not say who it is, or said it wrongly.
    Credentials,
    /// The body is too large.
    Size,
    /// The body is no request of the protocol.
    Body,
    /// It is said nowhere what the request needs, or it cannot be reached: the same request may succeed later.
    Unavailable,
}

impl Kind {
    /// Its name in types of problems and in logs.
    pub fn code(self) -> &'static str {
        match self {
            Kind::NoAction => "no-action",
            Kind::Method => "method",
            Kind::Query => "query",
            Kind::Datastream => "unknown-datastream",
            Kind::Origin => "origin",
            Kind::Bypass => "bypass",
            Kind::Credentials => "credentials",
            Kind::Size => "too-large",
            Kind::Body => "invalid-body",
            Kind::Unavailable => "unavailable",
        }
    }

    /// Its status.
    pub fn status(self) -> StatusCode {
        match self {
            Kind::NoAction | Kind::Datastream => StatusCode::NOT_FOUND,
            Kind::Method => StatusCode::METHOD_NOT_ALLOWED,
            Kind::Query | Kind::Body => StatusCode::BAD_REQUEST,
            Kind::Origin | Kind::Bypass => StatusCode::FORBIDDEN,
            Kind::Credentials => StatusCode::UNAUTHORIZED,
            Kind::Size => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Kind::NoAction => "There is nothing at this path",
            Kind::Method => "The method is not allowed",
            Kind::Query => "The query string cannot be used",
            Kind::Datastream => "There is no such datastream",
            Kind::Origin => "The datastream does not serve this origin",
            Kind::Bypass => "The edge is reached by another address",
            Kind::Credentials => "The server is not authenticated",
            Kind::Size => "The request is too large",
            Kind::Body => "The body cannot be used",
            Kind::Unavailable => "The edge cannot serve this now",
        }
    }
}

impl Problem {
    /// A problem.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem { kind, detail: detail.into() }
    }

    /// The problem as an answer says it.
    pub fn to_json(&self, request_id: &str) -> Value {
        json!({
            "type": format!("urn:tributary:edge:{}", self.kind.code()),
            "status": self.kind.status().as_u16(),
            "title": self.kind.title(),
            "detail": self.detail,
            "report": { "requestId": request_id },
        })
    }
}
