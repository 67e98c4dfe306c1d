//! Datastreams: where a site's events go, and what is done with them on arrival.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::edge::consent::DefaultConsent;
use crate::name::{AudienceName, DatastreamName, OfferName};
use crate::namespace::NamespaceCode;
use crate::refusal::Refusal;
use crate::value::FieldPath;

/// A datastream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Datastream {
    /// Its name, which pages send as `configId`.
    pub name: DatastreamName,
    /// A title for people.
    pub title: String,
    /// The organisation that the Web SDK is configured with, such as `5F0C@AdobeOrg`. It is part of cookies' names.
    pub organisation: String,
    /// The origins whose pages may speak to it, such as `https://www.shop.test`.
    pub origins: BTreeSet<String>,
    /// The edge audiences that are evaluated with its events.
    pub audiences: BTreeSet<AudienceName>,
    /// The offers that its pages may show.
    pub offers: BTreeSet<OfferName>,
    /// The first-party cookie that holds a device ID of the site's own (FPID), from which an ECID follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_cookie: Option<String>,
    /// What holds of visitors who have said nothing.
    pub consent: DefaultConsent,
    /// How a page proves who is logged in. Without it no identity of an event links anyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenRule>,
    /// The name of the secret, below the deployment's prefix and `edge/`, that holds the key of the site's own servers.
    /// Without it no server is authenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_key: Option<String>,
    /// The fields of the visitor that authenticated servers are told. Browsers are told none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub attributes: BTreeSet<FieldPath>,
    /// Whether browsers are told the audiences that they are in (`activation:pull`). Authenticated servers always are.
    #[serde(default)]
    pub browser_audiences: bool,
    /// Adobe Target, where it decides some of the scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetRule>,
    /// What a request may hold.
    pub limits: Limits,
    /// Why Adobe Target or browsers are not told of some audiences, as judged when the catalogue was compiled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
}

impl Datastream {
    /// The audiences of which others are to be told: Adobe Target, and browsers where they are told of any.
    pub fn told(&self) -> BTreeSet<&AudienceName> {
        let target = self.target.iter().flat_map(|target| &target.audiences);
        let browsers = self.audiences.iter().filter(|_| self.browser_audiences);
        target.chain(browsers).collect()
    }
}

/// How a page proves who is logged in: a JSON Web Token in the event's `data.tributary.token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRule {
    /// The name of the secret that holds the key, below the deployment's prefix and `edge/`.
    pub secret: String,
    /// The one algorithm that is accepted.
    pub algorithm: TokenAlgorithm,
    /// The issuer that the token must name (`iss`).
    pub issuer: String,
    /// The audience that the token must name (`aud`).
    pub audience: String,
    /// The claims that hold identities, and the namespace of each.
    pub identities: BTreeMap<String, NamespaceCode>,
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenAlgorithm {
    /// HMAC with SHA-256: the secret is the shared key.
    HS256,
    /// ECDSA with P-256 and SHA-256: the secret is the public key in PEM.
    ES256,
    /// RSA with SHA-256: the secret is the public key in PEM.
    RS256,
}

/// Adobe Target's part in decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRule {
    /// The client code of the Target account.
    pub client_code: String,
    /// The property whose activities are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property_token: Option<String>,
    /// The scopes that Target decides.
    pub scopes: BTreeSet<String>,
    /// The audiences whose membership Target is told, as profile parameters. Governance judges each of them.
    pub audiences: BTreeSet<AudienceName>,
    /// How long an answer is waited for, in milliseconds. After that the project's own offers decide.
    pub timeout_ms: u16,
    /// Where Target is, if not at its own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// What a request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The bytes of a request's body.
    pub body_bytes: u32,
    /// The events of a request.
    pub events: u16,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { body_bytes: 64 * 1024, events: 16 }
    }
}
