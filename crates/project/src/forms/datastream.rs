//! `edge/datastreams/<name>.yaml`: where a site's events go, and what is done with them on arrival.

use std::collections::BTreeSet;

use domain::audience::Evaluation;
use domain::dataset::Dataset;
use domain::edge::consent::DefaultConsent;
use domain::edge::datastream::{Datastream, Limits, TargetRule, TokenAlgorithm, TokenRule};
use domain::name::{AudienceName, DatastreamName, OfferName};
use domain::namespace::{NamespaceCode, NamespaceType};
use domain::schema::Fields;
use domain::value::FieldPath;
use url::Url;

use crate::problem::Notes;
use crate::read::{At, Entries, Members, Read, word};
use crate::yaml::Node;

use super::Scope;
use super::dataflow::check_field;

/// The longest time that a page waits for Adobe Target, in milliseconds.
const LONGEST_TIMEOUT: u16 = 2000;

/// The largest body that a request may have, in KiB: what a function URL accepts.
const LARGEST_BODY: u16 = 6 * 1024;

/// The most events that a request may have: what Firehose takes in one call (4 MiB), if each is as large as it may be.
const MOST_EVENTS: u16 = 300;

/// The secret that the distribution and the function share. It lies beside those of datastreams.
const ORIGIN_SECRET: &str = "origin";

pub(crate) struct DatastreamForm {
    title: Option<String>,
    organisation: At<String>,
    origins: Vec<At<String>>,
    audiences: Vec<At<AudienceName>>,
    offers: Vec<At<OfferName>>,
    device_cookie: Option<At<String>>,
    consent: Option<DefaultConsent>,
    token: Option<TokenForm>,
    server_key: Option<At<String>>,
    attributes: Vec<At<FieldPath>>,
    browser_audiences: bool,
    target: Option<TargetForm>,
    limits: Option<LimitsForm>,
}

struct TokenForm {
    secret: At<String>,
    algorithm: TokenAlgorithm,
    issuer: String,
    audience: String,
    identities: Entries<String, At<NamespaceCode>>,
}

struct TargetForm {
    client_code: At<String>,
    property_token: Option<String>,
    scopes: Vec<String>,
    audiences: Vec<At<AudienceName>>,
    timeout_ms: Option<At<u16>>,
    endpoint: Option<At<String>>,
}

struct LimitsForm {
    body_kib: Option<At<u16>>,
    events: Option<At<u16>>,
}

impl Read for DatastreamForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<DatastreamForm> {
        let mut members = Members::of(node, notes)?;
        let title = members.optional("title", notes);
        let organisation = members.required("organisation", notes);
        let origins = members.required("origins", notes);
        let audiences = members.optional("audiences", notes);
        let offers = members.optional("offers", notes);
        let device_cookie = members.optional("device_cookie", notes);
        let consent = members.optional("consent", notes);
        let token = members.optional("token", notes);
        let server_key = members.optional("server_key", notes);
        let attributes = members.optional("attributes", notes);
        let browser_audiences = members.optional("browser_audiences", notes);
        let target = members.optional("target", notes);
        let limits = members.optional("limits", notes);
        members.finish(notes);
        let form = DatastreamForm {
            title: title?,
            organisation: organisation?,
            origins: origins?,
            audiences: audiences?.unwrap_or_default(),
            offers: offers?.unwrap_or_default(),
            device_cookie: device_cookie?,
            consent: consent?,
            token: token?,
            server_key: server_key?,
            attributes: attributes?.unwrap_or_default(),
            browser_audiences: browser_audiences?.unwrap_or(false),
            target: target?,
            limits: limits?,
        };
        form.check(notes);
        Some(form)
    }
}

impl Read for TokenForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<TokenForm> {
        let mut members = Members::of(node, notes)?;
        let secret = members.required("secret", notes);
        let algorithm = members.required("algorithm", notes);
        let issuer = members.required("issuer", notes);
        let audience = members.required("audience", notes);
        let identities = members.required("identities", notes);
        members.finish(notes);
        Some(TokenForm {
            secret: secret?,
            algorithm: algorithm?,
            issuer: issuer?,
            audience: audience?,
            identities: identities?,
        })
    }
}

impl Read for TargetForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<TargetForm> {
        let mut members = Members::of(node, notes)?;
        let client_code = members.required("client_code", notes);
        let property_token = members.optional("property_token", notes);
        let scopes = members.required("scopes", notes);
        let audiences = members.optional("audiences", notes);
        let timeout_ms = members.optional("timeout_ms", notes);
        let endpoint = members.optional("endpoint", notes);
        members.finish(notes);
        Some(TargetForm {
            client_code: client_code?,
            property_token: property_token?,
            scopes: scopes?,
            audiences: audiences?.unwrap_or_default(),
            timeout_ms: timeout_ms?,
            endpoint: endpoint?,
        })
    }
}

impl Read for LimitsForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<LimitsForm> {
        let mut members = Members::of(node, notes)?;
        let body_kib = members.optional("body_kib", notes);
        let events = members.optional("events", notes);
        members.finish(notes);
        Some(LimitsForm { body_kib: body_kib?, events: events? })
    }
}

impl Read for DefaultConsent {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<DefaultConsent> {
        word(node, &[("in", DefaultConsent::In), ("out", DefaultConsent::Out)], notes)
    }
}

impl Read for TokenAlgorithm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<TokenAlgorithm> {
        let words = [
            ("HS256", TokenAlgorithm::HS256),
            ("ES256", TokenAlgorithm::ES256),
            ("RS256", TokenAlgorithm::RS256),
        ];
        word(node, &words, notes)
    }
}

impl DatastreamForm {
    fn check(&self, notes: &mut Notes<'_>) {
        let At { value: organisation, at } = &self.organisation;
        let is_code = |part: &str| !part.is_empty() && part.chars().all(|each| each.is_ascii_alphanumeric());
        if !organisation.split_once('@').is_some_and(|(one, other)| is_code(one) && is_code(other)) {
            let help =
                "write the organisation that the Web SDK is configured with, as `5F0C@AdobeOrg`".to_owned();
            notes.note(*at, format!("`{organisation}` is no organisation"), help);
        }
        for At { value: origin, at } in &self.origins {
            if !is_origin(origin) {
                let help = "write scheme and host as browsers do, as `https://www.shop.example`".to_owned();
                notes.note(*at, format!("`{origin}` is no origin"), help);
            }
        }
        if let Some(At { value: cookie, at }) = &self.device_cookie
            && !cookie.chars().all(|each| each.is_ascii_alphanumeric() || "-_.".contains(each))
        {
            notes.note(*at, format!("`{cookie}` is no name of a cookie"), None);
        }
        if let Some(limits) = &self.limits {
            limits.check(notes);
        }
        if let (true, None) = (self.origins.is_empty(), &self.server_key) {
            let help = "name the site's origin, as `https://www.shop.example`".to_owned();
            notes.note(
                self.organisation.at,
                "without origins and `server_key`, nobody may send events",
                help,
            );
        }
        self.check_secrets(notes);
        if let Some(target) = &self.target {
            target.check(notes);
        }
    }

    /// Each secret is one key for one purpose: who has one of them can do nothing else with it.
    fn check_secrets(&self, notes: &mut Notes<'_>) {
        let secrets = self.token.iter().map(|token| &token.secret).chain(&self.server_key);
        let is_taken = |secret: &&At<String>| secret.value == ORIGIN_SECRET;
        for At { value, at } in secrets.clone().filter(is_taken) {
            let help = "name a secret of its own".to_owned();
            notes.note(
                *at,
                format!("the secret `{value}` is what the distribution shows the function"),
                help,
            );
        }
        if let (Some(token), Some(key)) = (&self.token, &self.server_key)
            && token.secret.value == key.value
        {
            let help = "name a secret of its own: servers must not be able to sign logins".to_owned();
            notes.note(key.at, format!("`{}` signs the token already", key.value), help);
        }
        for At { at, .. } in secrets.filter(|secret| !super::destination::is_secret_name(&secret.value)) {
            let help = "name the secret; the key itself has no place in a project".to_owned();
            notes.note(*at, "this is no name of a secret: expected letters, digits, `-`, `_`, `/`", help);
        }
    }

    pub(crate) fn compile(
        &self,
        name: &DatastreamName,
        union: Option<&Fields>,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<Datastream> {
        for audience in &self.audiences {
            let is_edge = |form: &super::AudienceForm| form.evaluation() == Evaluation::Edge;
            if scope.forms.audiences.look_up(audience, notes).is_some_and(|form| !is_edge(form)) {
                let message = format!("audience `{}` is not evaluated at the edge", audience.value);
                notes.note(audience.at, message, "give it `evaluation: edge`, or take it out".to_owned());
            }
        }
        self.check_references(scope, notes);
        self.check_logins(name, scope, notes);
        for offer in &self.offers {
            scope.forms.offers.look_up(offer, notes);
            self.check_offer(offer, scope, notes);
        }
        if let Some(union) = union {
            for field in &self.attributes {
                check_field(field, union, notes);
            }
        }
        Some(Datastream {
            name: name.clone(),
            title: self.title.clone().unwrap_or_else(|| name.to_string()),
            organisation: self.organisation.value.clone(),
            origins: values(&self.origins),
            audiences: values(&self.audiences),
            offers: values(&self.offers),
            device_cookie: self.device_cookie.as_ref().map(|cookie| cookie.value.clone()),
            consent: self.consent.unwrap_or(DefaultConsent::Out),
            token: self.token.as_ref().map(|token| token.compile(scope, notes)),
            server_key: self.server_key.as_ref().map(|secret| secret.value.clone()),
            attributes: values(&self.attributes),
            browser_audiences: self.browser_audiences,
            target: self.target.as_ref().map(|target| target.compile(scope, notes)),
            limits: self.limits.as_ref().map_or_else(Limits::default, LimitsForm::compile),
            // Judged once the whole catalogue is known.
            refusals: Vec::new(),
        })
    }

    /// The edge audiences that this datastream's audiences refer to, and those that Adobe Target is told, are among
    /// its own: nobody else evaluates them in time.
    fn check_references(&self, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        let target = self.target.iter().flat_map(|target| &target.audiences);
        let mut missing = BTreeSet::new();
        for audience in self.audiences.iter().chain(target) {
            for needed in scope.catalogue.with_references(&audience.value) {
                let is_known = self.audiences.iter().any(|each| each.value == needed.name);
                if needed.evaluation != Evaluation::Edge || is_known || !missing.insert(&needed.name) {
                    continue;
                }
                let needed = &needed.name;
                let message = if *needed == audience.value {
                    format!("Target is told of edge audience `{needed}`, which this datastream lacks")
                } else {
                    let audience = &audience.value;
                    format!("`{audience}` refers to edge audience `{needed}`, which this datastream lacks")
                };
                notes.note(audience.at, message, format!("add `{needed}` to `audiences`"));
            }
        }
    }

    /// Who logs in is linked by a record of the dataset that holds the events.
    fn check_logins(&self, name: &DatastreamName, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        let Some(token) = &self.token else { return };
        let mut events = scope.catalogue.datasets.values().filter_map(Dataset::events);
        if !events.any(|events| events.datastream == *name && events.fields.is_empty()) {
            let message = format!("`token` tells who logs in, and no dataset holds the events of `{name}`");
            let help = format!(
                "add a dataset with `source: {{datastream: {name}}}` and a schema of class `experience_event`"
            );
            notes.note(token.secret.at, message, help);
        }
    }

    /// An offer asks for edge audiences of the same datastream: nobody else evaluates them in time. Batch audiences
    /// are known of visitors who are linked to a profile.
    fn check_offer(&self, offer: &At<OfferName>, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        let Some(compiled) = scope.catalogue.offers.get(&offer.value) else { return };
        for audience in compiled.audiences() {
            let known = scope.catalogue.audiences.get(audience);
            let is_edge = known.is_some_and(|audience| audience.evaluation == Evaluation::Edge);
            if is_edge && !self.audiences.iter().any(|each| each.value == *audience) {
                let message = format!(
                    "offer `{}` asks for edge audience `{audience}`, which this datastream lacks",
                    offer.value
                );
                notes.note(offer.at, message, format!("add `{audience}` to `audiences`"));
            }
        }
    }
}

impl TokenForm {
    fn compile(&self, scope: &Scope<'_>, notes: &mut Notes<'_>) -> TokenRule {
        if self.identities.is_empty() {
            let help = "map a claim to a namespace, as `sub: CRMID`".to_owned();
            notes.note(self.secret.at, "a token without `identities` logs nobody in", help);
        }
        for (_, namespace) in &self.identities {
            let kind = scope.forms.namespace_type(&scope.catalogue.namespaces, namespace, notes);
            let of_person = [NamespaceType::CrossDevice, NamespaceType::Email, NamespaceType::Phone];
            if kind.is_some_and(|kind| !of_person.contains(&kind)) {
                let message = format!("namespace `{}` identifies nobody who logs in", namespace.value);
                let help = "name one of type `cross_device`, `email` or `phone`".to_owned();
                notes.note(namespace.at, message, help);
            }
        }
        let identities = self.identities.iter();
        TokenRule {
            secret: self.secret.value.clone(),
            algorithm: self.algorithm,
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            identities: identities.map(|(claim, code)| (claim.value.clone(), code.value.clone())).collect(),
        }
    }
}

impl TargetForm {
    fn check(&self, notes: &mut Notes<'_>) {
        let At { value: client, at } = &self.client_code;
        if !client.chars().all(|each| each.is_ascii_alphanumeric() || each == '-') {
            notes.note(*at, format!("`{client}` is no client code: expected letters, digits, `-`"), None);
        }
        if let Some(timeout) =
            self.timeout_ms.as_ref().filter(|time| !(10..=LONGEST_TIMEOUT).contains(&time.value))
        {
            let message =
                format!("a page does not wait `{}` ms: expected 10 to {LONGEST_TIMEOUT}", timeout.value);
            notes.note(timeout.at, message, None);
        }
        if let Some(At { value: endpoint, at }) = &self.endpoint
            && !is_endpoint(endpoint)
        {
            notes.note(*at, format!("`{endpoint}` is no https address"), None);
        }
    }

    fn compile(&self, scope: &Scope<'_>, notes: &mut Notes<'_>) -> TargetRule {
        for audience in &self.audiences {
            scope.forms.audiences.look_up(audience, notes);
        }
        TargetRule {
            client_code: self.client_code.value.clone(),
            property_token: self.property_token.clone(),
            scopes: self.scopes.iter().cloned().collect(),
            audiences: values(&self.audiences),
            timeout_ms: self.timeout_ms.as_ref().map_or(200, |timeout| timeout.value),
            endpoint: self.endpoint.as_ref().map(|endpoint| endpoint.value.clone()),
        }
    }
}

impl LimitsForm {
    fn check(&self, notes: &mut Notes<'_>) {
        if let Some(At { value, at }) =
            self.body_kib.as_ref().filter(|kib| !(1..=LARGEST_BODY).contains(&kib.value))
        {
            notes.note(*at, format!("a body of `{value}` KiB is not between 1 and {LARGEST_BODY}"), None);
        }
        if let Some(At { value, at }) =
            self.events.as_ref().filter(|events| !(1..=MOST_EVENTS).contains(&events.value))
        {
            notes.note(*at, format!("`{value}` events are not between 1 and {MOST_EVENTS}"), None);
        }
    }

    fn compile(&self) -> Limits {
        let default = Limits::default();
        Limits {
            body_bytes: self.body_kib.as_ref().map_or(default.body_bytes, |kib| u32::from(kib.value) * 1024),
            events: self.events.as_ref().map_or(default.events, |events| events.value),
        }
    }
}

fn values<T: Ord + Clone>(written: &[At<T>]) -> BTreeSet<T> {
    written.iter().map(|each| each.value.clone()).collect()
}

/// Whether a text is an origin as browsers send it: scheme, host and a port that is not the scheme's own.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "https" | "http") && url.origin().ascii_serialization() == text
    })
}

/// Whether a text is an address that data may be sent to: encrypted, or on this machine.
fn is_endpoint(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        url.scheme() == "https" || (url.scheme() == "http" && is_local)
    })
}
