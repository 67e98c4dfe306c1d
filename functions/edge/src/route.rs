//! Where a request goes: its path and query string.

use lambda_http::http::Uri;

use crate::problem::{Kind, Problem};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Take events, and answer with what follows from them.
    Interact,
    /// Take events; nobody waits for an answer.
    Collect,
    /// Say who the visitor is.
    AcquireIdentity,
    /// Take what the visitor allows.
    SetConsent,
}

impl Action {
    /// Its name in paths and logs.
    pub fn name(self) -> &'static str {
        match self {
            Action::Interact => "interact",
            Action::Collect => "collect",
            Action::AcquireIdentity => "identity/acquire",
            Action::SetConsent => "privacy/set-consent",
        }
    }
}

/// Who speaks: the two forms of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The Web SDK in a browser (`v1`).
    Browser,
    /// A server that says who it is (`v2`).
    Server,
}

impl Caller {
    /// Its name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Caller::Browser => "browser",
            Caller::Server => "server",
        }
    }
}

/// What a path says. Base path and location hint may be any: one deployment serves them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Who speaks.
    pub caller: Caller,
    /// What is asked for.
    pub action: Action,
}

/// The sub paths under which the SDK's optional components look for services that are none of ours.
const OTHER_SERVICES: [&str; 3] = ["va", "brand-concierge", "brand-concierge-voice"];

impl Route {
    /// The route of a path: `/{base}[/{hint}]/v1/{action}`, or `v2`.
    ///
    /// # Errors
    /// Where nothing is served at the path.
    pub fn of(path: &str) -> Result<Route, Problem> {
        let no_action = || {
            Problem::new(
                Kind::NoAction,
                "expected a path such as `/ee/v1/interact`: a base path, perhaps a location hint, `v1` and one of \
                 `interact`, `collect`, `identity/acquire` and `privacy/set-consent`, or `v2` and one of the first two",
            )
        };
        let steps: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (base, caller, action) = match steps.as_slice() {
            [base @ .., "v1", "interact"] => (base, Caller::Browser, Action::Interact),
            [base @ .., "v1", "collect"] => (base, Caller::Browser, Action::Collect),
            [base @ .., "v1", "identity", "acquire"] => (base, Caller::Browser, Action::AcquireIdentity),
            [base @ .., "v1", "privacy", "set-consent"] => (base, Caller::Browser, Action::SetConsent),
            [base @ .., "v2", "interact"] => (base, Caller::Server, Action::Interact),
            [base @ .., "v2", "collect"] => (base, Caller::Server, Action::Collect),
            _ => return Err(no_action()),
        };
        match base.last() {
            Some(last) if !last.is_empty() && !OTHER_SERVICES.contains(last) => Ok(Route { caller, action }),
            _ => Err(no_action()),
        }
    }
}

/// What a query string says. Parameters that are not known are no one's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The datastream, by its name: `configId` in the SDK's form, `datastreamId` in the server's; either is taken.
    pub datastream: String,
    /// The request's id, if it has one.
    pub request_id: Option<String>,
}

/// The longest id of a request, in characters.
const LONGEST_REQUEST_ID: usize = 128;

impl Query {
    /// The query string of an address.
    ///
    /// # Errors
    /// Where it names no datastream, or its request id cannot be one.
    pub fn of(uri: &Uri) -> Result<Query, Problem> {
        let (mut datastream, mut request_id) = (None, None);
        for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            match name.to_ascii_lowercase().as_str() {
                "configid" | "datastreamid" => datastream = Some(value.into_owned()),
                "requestid" => request_id = Some(value.into_owned()),
                _ => {}
            }
        }
        let datastream = datastream.filter(|name| !name.is_empty()).ok_or_else(|| {
            Problem::new(
                Kind::Query,
                "the parameter `configId` is missing: expected the name of a datastream",
            )
        })?;
        if request_id.as_ref().is_some_and(|id| !is_request_id(id)) {
            return Err(Problem::new(
                Kind::Query,
                format!(
                    "the parameter `requestId` is no id: expected 1 to {LONGEST_REQUEST_ID} letters, digits, `-`, `_`, \
                     `.` or `:`"
                ),
            ));
        }
        Ok(Query { datastream, request_id })
    }
}

fn is_request_id(text: &str) -> bool {
    (1..=LONGEST_REQUEST_ID).contains(&text.len())
        && text.bytes().all(|each| each.is_ascii_alphanumeric() || b"-_.:".contains(&each))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_base_path_and_hint_is_served() {
        use {Action::*, Caller::*};
        for (path, caller, action) in [
            ("/ee/v1/interact", Browser, Interact),
            ("/ee/or2/v1/interact", Browser, Interact),
            ("/ee/t35/v1/collect", Browser, Collect),
            ("/a/b/v1/interact", Browser, Interact),
            ("/a/b/or2/v1/privacy/set-consent", Browser, SetConsent),
            ("/ee/v1/identity/acquire", Browser, AcquireIdentity),
            ("/va/or2/v1/interact", Browser, Interact),
            ("/v1/v1/interact", Browser, Interact),
            ("/ee/v2/interact", Server, Interact),
            ("/ee/or2/v2/collect", Server, Collect),
        ] {
            assert_eq!(Route::of(path), Ok(Route { caller, action }), "{path}");
        }
    }

    #[test]
    fn at_other_paths_there_is_nothing() {
        for path in [
            "",
            "/",
            "/v1/interact",
            "//v1/interact",
            "/ee/v1",
            "/ee/v1/interact/",
            "/ee/v1/Interact",
            "/ee/v3/interact",
            "/ee/v2/identity/acquire",
            "/ee/va/v1/interact",
            "/ee/va/v1/sessionstart",
            "/ee/brand-concierge/v1/conversations",
            "/interact",
        ] {
            assert_eq!(Route::of(path).unwrap_err().kind, Kind::NoAction, "{path}");
        }
    }

    #[test]
    fn the_query_names_a_datastream_and_a_request_whatever_else_it_holds() {
        let uri = "/ee/v1/interact?adobeAepValidationToken=S%7C1&configId=shop_web&requestId=5d2a-1&x";
        let query = Query::of(&uri.parse().unwrap()).unwrap();
        assert_eq!(query, Query { datastream: "shop_web".into(), request_id: Some("5d2a-1".into()) });
        let query = Query::of(&"/ee/v2/interact?dataStreamId=shop_web".parse().unwrap()).unwrap();
        assert_eq!(query, Query { datastream: "shop_web".into(), request_id: None });
    }

    #[test]
    fn a_query_that_names_no_datastream_or_no_possible_request_is_refused() {
        let long = format!("/e/v1/collect?configId=a&requestId={}", "a".repeat(129));
        for uri in
            ["/e/v1/collect", "/e/v1/collect?configId=", "/e/v1/collect?configId=a&requestId=a%22b", &long]
        {
            assert_eq!(Query::of(&uri.parse().unwrap()).unwrap_err().kind, Kind::Query, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_it_panic(path in "\\PC*") {
            let _ = Route::of(&path);
        }
    }
}
