//! Cookies: what a page's requests bring along, and what it is to keep.

use domain::edge::datastream::Datastream;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::COOKIE;
use serde_json::{Value, json};

use crate::request::State;

/// The Web SDK's cookies, named after the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// The visitor's ECID.
    Identity,
    /// The region that serves the visitor: it stands in the paths of later requests.
    Cluster,
    /// What the visitor allows.
    Consent,
}

impl Cookie {
    /// Its name for an organisation.
    pub fn name(self, organisation: &str) -> String {
        let name = match self {
            Cookie::Identity => "identity",
            Cookie::Cluster => "cluster",
            Cookie::Consent => "consent",
        };
        format!("kndctr_{}_{name}", organisation.replacen('@', "_", 1))
    }

    /// For how many seconds it is kept.
    fn max_age(self) -> u32 {
        match self {
            Cookie::Identity => 34_128_000,
            Cookie::Cluster => 1_800,
            Cookie::Consent => 15_552_000,
        }
    }
}

/// What came along with a request.
#[derive(Clone, Default)]
pub struct Cookies {
    pairs: Vec<(String, String)>,
}

impl Cookies {
    /// Those that the page sent in its body, since the browser does not send them to this host, and those that the
    /// browser sent.
    pub fn of(state: &State, headers: &HeaderMap) -> Cookies {
        let mut pairs = state.entries.clone();
        for header in headers.get_all(COOKIE) {
            let text = String::from_utf8_lossy(header.as_bytes());
            let sent = text.split(';').filter_map(|pair| pair.trim().split_once('='));
            pairs.extend(sent.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())));
        }
        Cookies { pairs }
    }

    /// The values of a cookie: a browser may hold several of one name, for different paths and domains.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(each, _)| each == name).map(|(_, value)| value.as_str())
    }

    /// Whether the visitor allows collection, as far as a cookie says so.
    pub fn consent(&self, datastream: &Datastream) -> Option<bool> {
        self.values(&Cookie::Consent.name(&datastream.organisation)).find_map(|value| match value {
            "general=in" => Some(true),
            "general=out" => Some(false),
            _ => None,
        })
    }
}

/// A cookie that a page is to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    name: String,
    value: String,
    max_age: u32,
}

impl Kept {
    /// A cookie's new value.
    pub fn new(cookie: Cookie, datastream: &Datastream, value: String) -> Kept {
        Kept { name: cookie.name(&datastream.organisation), value, max_age: cookie.max_age() }
    }

    /// As an entry of `state:store`, which the SDK turns into a cookie of the page. A page without TLS is given no
    /// attributes: with them its browser would drop the cookie.
    pub fn to_entry(&self, is_secure: bool) -> Value {
        let attributes = if is_secure { json!({"SameSite": "None"}) } else { json!({}) };
        json!({"key": self.name, "value": self.value, "maxAge": self.max_age, "attrs": attributes})
    }

    /// As a header of a host within the page's domain. Scripts must be able to read it.
    pub fn to_header(&self, domain: &str) -> String {
        let Kept { name, value, max_age } = self;
        format!("{name}={value}; Path=/; Domain={domain}; Max-Age={max_age}; Secure; SameSite=None")
    }
}

/// The page's domain, if the host that was called lies within it: then the host may set the page's cookies. The SDK
/// compares the ends of the names only, so that it takes `notshop.test` for a host of `shop.test`.
pub fn shared_domain<'a>(state: &'a State, host: &str) -> Option<&'a str> {
    let domain = state.domain.as_deref()?;
    let is_name = |text: &str| text.bytes().all(|each| each.is_ascii_alphanumeric() || b"-.".contains(&each));
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let is_within = host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    (is_within && is_name(domain)).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::http::HeaderValue;
    use proptest::prelude::*;

    const NAME: &str = "kndctr_5F0C_AdobeOrg_identity";

    fn headers(cookies: &[&str]) -> HeaderMap {
        cookies.iter().map(|text| (COOKIE, HeaderValue::from_str(text).unwrap())).collect()
    }

    #[test]
    fn cookies_are_named_after_the_organisation() {
        assert_eq!(Cookie::Identity.name("5F0C@AdobeOrg"), NAME);
        assert_eq!(Cookie::Consent.name("5F0C@AdobeOrg"), "kndctr_5F0C_AdobeOrg_consent");
    }

    #[test]
    fn what_the_page_sends_goes_before_what_the_browser_sends() {
        let state = State { domain: None, entries: vec![(NAME.into(), "a".into())] };
        let cookies = Cookies::of(&state, &headers(&["x=1; kndctr_5F0C_AdobeOrg_identity=b==;y", "x=\"2\""]));
        assert_eq!(cookies.values(NAME).collect::<Vec<_>>(), ["a", "b=="]);
        assert_eq!(cookies.values("x").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(cookies.values("y").count(), 0);
    }

    #[test]
    fn a_host_shares_the_domains_that_it_lies_within() {
        for (domain, host, expected) in [
            ("shop.test", "edge.shop.test", true),
            ("shop.test", "edge.shop.test:8443", true),
            ("shop.test", "shop.test", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("shop.test", "notshop.test", false),
            ("shop.test", "edge.other.test", false),
            ("edge.shop.test", "shop.test", false),
            ("", "edge.shop.test", false),
            ("test; Path=/", "edge.test; Path=/", false),
        ] {
            let state = State { domain: Some(domain.to_owned()), entries: Vec::new() };
            assert_eq!(shared_domain(&state, host).is_some(), expected, "{domain} {host}");
        }
        assert_eq!(shared_domain(&State::default(), "edge.shop.test"), None);
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(bytes in prop::collection::vec(32_u8..=255, 0..200)) {
            let header = HeaderValue::from_bytes(&bytes);
            let headers: HeaderMap = header.into_iter().map(|value| (COOKIE, value)).collect();
            let _ = Cookies::of(&State::default(), &headers).values(NAME).count();
        }
    }
}
