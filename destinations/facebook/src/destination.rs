//! The calls.

use destination::http::{Http, Method, RequestBuilder, Url, header};
use destination::{
    AudienceRef, AudienceSpec, Delivery, Descriptor, Destination, DestinationError, Encoded, ErrorKind,
    Operation, Plugin, Rejection, Request, Source, async_trait, hash,
};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::Sha256;

use crate::config::{Config, EXAMPLE, SECRET_EXAMPLE, Secret};
use crate::encode::{TARGETS, encode};
use crate::request::{NewAudience, Users, named};
use crate::response::{Audience, Audiences, Received, read};

/// What the plugin says of itself.
pub static DESCRIPTOR: Descriptor = Descriptor {
    name: "facebook",
    title: "Facebook Custom Audiences",
    description: "members become people of a customer file custom audience, matched by hashed identifiers",
    targets: &TARGETS,
    marketing_actions: &[
        "Export to Third Party",
        "Cross Site Targeting",
        "Combine with directly identifiable data",
    ],
    files: false,
    max_records: 10_000,
    idempotent: true,
    config_example: EXAMPLE,
    secret_example: Some(SECRET_EXAMPLE),
};

/// The plugin.
pub const PLUGIN: Plugin = Plugin::of::<Config>();

/// One ad account at Meta.
pub(crate) struct Facebook {
    config: Config,
    token: SecretString,
    proof: Option<SecretString>,
    http: Http,
    this_year: i16,
}

impl Facebook {
    pub(crate) fn new(config: Config, secret: Secret, http: Http) -> Self {
        let proof = secret.app_secret.map(|app_secret| proof(&app_secret, &secret.access_token));
        let this_year = Timestamp::now().to_zoned(TimeZone::UTC).year();
        Self { config, token: secret.access_token, proof, http, this_year }
    }

    fn url<'a>(&'a self, path: impl IntoIterator<Item = &'a str>) -> Url {
        self.config.base_url.join([self.config.api_version.as_str()].into_iter().chain(path))
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.http.request(method, url).bearer_auth(self.token.expose_secret());
        match &self.proof {
            Some(proof) => request.query(&[("appsecret_proof", proof.expose_secret())]),
            None => request,
        }
    }

    async fn find(&self, audience: &AudienceSpec) -> Result<Option<AudienceRef>, DestinationError> {
        const OPERATION: &str = "find audience";
        let url = self.url([self.config.ad_account.as_str(), "customaudiences"]);
        let request = self.request(Method::GET, url).query(&[
            ("fields", "id,name,description"),
            ("filtering", &named(&audience.name)),
            ("limit", "500"),
        ]);
        let found: Audiences = read(OPERATION, &self.http.send(OPERATION, request).await?)?;
        // The description too must be ours: a person's audience of the same name is left alone.
        let ours = |each: &Audience| each.name == audience.name && each.description == audience.description;
        Ok(found.data.into_iter().find(ours).map(|Audience { id, .. }| AudienceRef { id }))
    }
}

#[async_trait]
impl Destination for Facebook {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn encode(&self, source: &Source) -> Result<Encoded, Rejection> {
        encode(source, self.this_year)
    }

    async fn ensure_audience(&self, audience: &AudienceSpec) -> Result<AudienceRef, DestinationError> {
        if let Some(id) = &audience.known_id {
            const OPERATION: &str = "look up audience";
            let request = self.request(Method::GET, self.url([id.as_str()])).query(&[("fields", "id,name")]);
            let Audience { id, .. } = read(OPERATION, &self.http.send(OPERATION, request).await?)?;
            return Ok(AudienceRef { id });
        }
        // One that was created without its id being kept.
        if let Some(found) = self.find(audience).await? {
            return Ok(found);
        }
        const OPERATION: &str = "create audience";
        let url = self.url([self.config.ad_account.as_str(), "customaudiences"]);
        let body = json(OPERATION, &NewAudience::new(audience, self.config.customer_file_source))?;
        let request =
            self.request(Method::POST, url).header(header::CONTENT_TYPE, "application/json").body(body);
        let Audience { id, .. } = read(OPERATION, &self.http.send(OPERATION, request).await?)?;
        Ok(AudienceRef { id })
    }

    async fn deliver(&self, request: &Request<'_>) -> Result<Delivery, DestinationError> {
        request.check_size(&DESCRIPTOR)?;
        if request.records.is_empty() {
            return Ok(Delivery::complete(0));
        }
        let operation = request.verb();
        let method = match request.operation {
            Operation::Add => Method::POST,
            Operation::Remove => Method::DELETE,
        };
        let body = json(operation, &Users::new(request))?;
        let call = self
            .request(method, self.url([request.audience.id.as_str(), "users"]))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body);
        let received: Received = read(operation, &self.http.send(operation, call).await?)?;
        Ok(received.outcomes(request.records))
    }
}

fn json(operation: &'static str, body: &impl Serialize) -> Result<Vec<u8>, DestinationError> {
    serde_json::to_vec(body).map_err(|error| {
        DestinationError::new(ErrorKind::ConfigInvalid, operation, "the request cannot be written")
            .with_source(error)
    })
}

/// The proof that a call comes from the app: HMAC-SHA256 of the token under the app's secret, in hex.
fn proof(app_secret: &SecretString, token: &SecretString) -> SecretString {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut hmac = Hmac::<Sha256>::new_from_slice(app_secret.expose_secret().as_bytes()).expect("a key");
    hmac.update(token.expose_secret().as_bytes());
    hash::hex(&hmac.finalize().into_bytes().into()).into()
}

#[cfg(test)]
mod tests {
    use destination::contract;

    use super::*;

    #[test]
    fn keeps_the_contract() {
        contract::check(&PLUGIN, &contract::examples(&PLUGIN));
    }

    #[test]
    fn proof_is_the_hmac_of_the_token() {
        let proof = proof(&"key".into(), &"The quick brown fox jumps over the lazy dog".into());
        assert_eq!(proof.expose_secret(), "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
    }
}
