//! The calls.

use std::time::{Duration, Instant};

use destination::http::{Endpoint, Http, Method, RequestBuilder, TIMEOUT, Url, header, pause};
use destination::{
    AudienceRef, AudienceSpec, Delivery, Descriptor, Destination, DestinationError, Encoded, ErrorKind,
    Plugin, Progress, Record, Rejection, Request, Source, async_trait,
};
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Config, EXAMPLE, SECRET_EXAMPLE, Settings};
use crate::encode::{TARGETS, encode};
use crate::parameter::{ID, Parameter};
use crate::request::batch_file;
use crate::response::{accepted, progress, status_url, stuck};

/// What the plugin says of itself.
pub static DESCRIPTOR: Descriptor = Descriptor {
    name: "adobe-target",
    title: "Adobe Target",
    description: "members are told by a profile parameter, besides mapped ones, of visitors whom the site knows by an id",
    targets: &TARGETS,
    marketing_actions: &["Onsite Personalization"],
    files: false,
    max_records: 10_000,
    idempotent: true,
    config_example: EXAMPLE,
    secret_example: Some(SECRET_EXAMPLE),
};

/// The plugin.
pub const PLUGIN: Plugin = Plugin::of::<Config>();

/// What is left of a call's time when the last look at a batch is over.
const SPARE: Duration = Duration::from_secs(3);

/// How long after the file the first look at its batch is taken. Each next one waits twice as long.
const FIRST_LOOK: Duration = Duration::from_millis(500);

/// One account at Adobe Target.
pub(crate) struct AdobeTarget {
    settings: Settings,
    base: Endpoint,
    token: Option<SecretString>,
    http: Http,
}

impl AdobeTarget {
    pub(crate) fn new(
        settings: Settings,
        token: Option<SecretString>,
        http: Http,
    ) -> Result<Self, DestinationError> {
        let base = match &settings.base_url {
            Some(base) => base.clone(),
            None => adobe(&settings)?,
        };
        Ok(Self { settings, base, token, http })
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        }
    }

    /// Looks at a batch that Target has accepted until it is done or the time is up.
    async fn confirm(
        &self,
        operation: &'static str,
        status_url: Url,
        rows: usize,
        until: Instant,
    ) -> Result<Delivery, DestinationError> {
        let mut wait = FIRST_LOOK;
        while let Some(left) = until.checked_duration_since(Instant::now() + wait) {
            pause(wait).await;
            // A look that fails says nothing of the batch.
            match self.ask(status_url.clone(), left).await {
                Ok(Progress::Done { refused }) => {
                    return Ok(Delivery { unattributed: refused, ..Delivery::complete(rows) });
                }
                Ok(Progress::Stuck) => return Err(stuck(operation)),
                Ok(Progress::Open) | Err(_) => wait *= 2,
            }
        }
        Ok(Delivery::accepted(rows, Some(status_url.into())))
    }

    async fn ask(&self, status_url: Url, within: Duration) -> Result<Progress, DestinationError> {
        let look = self.authorized(self.http.request(Method::GET, status_url));
        let look = look.query(&[("showDetails", "true")]).timeout(within);
        Ok(progress(&self.http.send("look at batch", look).await?))
    }
}

fn adobe(settings: &Settings) -> Result<Endpoint, DestinationError> {
    Endpoint::try_from(format!("https://{}.tt.omtrdc.net", settings.client_code.as_str())).map_err(|error| {
        DestinationError::new(ErrorKind::ConfigInvalid, "configure", "`client_code` makes no address")
            .with_source(error)
    })
}

#[async_trait]
impl Destination for AdobeTarget {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn encode(&self, source: &Source) -> Result<Encoded, Rejection> {
        encode(&self.settings, source)
    }

    /// A row sets every parameter of the configuration, and those of its record. One of an earlier configuration that
    /// it does not have would stay.
    fn overwrites(&self, sent: &Record, wanted: &Record) -> bool {
        let is_set = |name: &str| {
            let parameters = &self.settings.parameters.0;
            wanted.get(name).is_some() || parameters.iter().any(|parameter| parameter.as_str() == name)
        };
        sent.get(ID) == wanted.get(ID) && sent.iter().all(|(name, _)| is_set(name))
    }

    /// Target needs to be told nothing: the id is the parameter that tells members, and stays what it was at first.
    async fn ensure_audience(&self, audience: &AudienceSpec) -> Result<AudienceRef, DestinationError> {
        let invalid = |message| DestinationError::new(ErrorKind::ConfigInvalid, "name audience", message);
        let configured = self.settings.audience_parameter.as_ref();
        if let Some(id) = &audience.known_id {
            return match configured {
                Some(name) if name.as_str() != id => Err(invalid(format!(
                    "members stand at Target under `{id}`, and would stay there under `{name}`: set `audience_parameter` back, or make another dataflow"
                ))),
                _ => Ok(AudienceRef { id: id.clone() }),
            };
        }
        let name = configured.cloned().or_else(|| Parameter::like(&audience.name));
        match name {
            Some(name) if !self.settings.parameters.0.contains(&name) => {
                Ok(AudienceRef { id: name.as_str().to_owned() })
            }
            _ => Err(invalid(format!(
                "`{}` gives no parameter of its own to the audience: set `audience_parameter`",
                audience.name
            ))),
        }
    }

    async fn deliver(&self, request: &Request<'_>) -> Result<Delivery, DestinationError> {
        request.check_size(&DESCRIPTOR)?;
        let rows = request.records.len();
        if rows == 0 {
            return Ok(Delivery::complete(0));
        }
        let last_look = Instant::now() + TIMEOUT.saturating_sub(SPARE);
        let operation = request.verb();
        let file = batch_file(&self.settings, request)?;
        let client_code = self.settings.client_code.as_str();
        let url = self.base.join(["m2", client_code, "v2", "profile", "batchUpdate"]);
        let call = self
            .authorized(self.http.request(Method::POST, url))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(file);
        let reply = self.http.send(operation, call).await?;
        match accepted(operation, &self.base.join([]), &reply)?.status_url {
            Some(status_url) => {
                let until = last_look.min(Instant::now() + self.settings.confirm_seconds.into());
                self.confirm(operation, status_url, rows, until).await
            }
            None => Ok(Delivery::accepted(rows, None)),
        }
    }

    async fn look(&self, receipt: &str) -> Result<Progress, DestinationError> {
        match status_url(&self.base.join([]), receipt) {
            Some(status_url) => self.ask(status_url, TIMEOUT).await,
            // Files go elsewhere by now.
            None => Ok(Progress::Stuck),
        }
    }
}

#[cfg(test)]
mod tests {
    use destination::contract;

    use super::*;

    fn full() -> Source {
        let mut full = contract::examples(&PLUGIN);
        full.extend(
            [("home_ownership", "owner"), ("move_date", "2026-02-01")]
                .map(|(key, text)| (key.to_owned(), text.to_owned())),
        );
        full
    }

    #[test]
    fn keeps_the_contract() {
        contract::check(&PLUGIN, &full());
    }

    #[test]
    fn a_row_overwrites_an_earlier_one_of_the_same_id_and_of_parameters_that_it_sets() {
        let target = contract::connect_example(&PLUGIN);
        let record = |cells: &[(&'static str, &str)]| -> Record {
            cells.iter().map(|(name, text)| (*name, (*text).to_owned())).collect()
        };
        let sent = record(&[(ID, "crm-17"), ("home_ownership", "owner")]);
        for (wanted, overwrites) in [
            (record(&[(ID, "crm-17"), ("home_ownership", "tenant")]), true),
            (record(&[(ID, "crm-17")]), true),
            (record(&[(ID, "crm-18"), ("home_ownership", "owner")]), false),
        ] {
            assert_eq!(target.overwrites(&sent, &wanted), overwrites, "{wanted:?}");
        }
        let earlier = record(&[(ID, "crm-17"), ("tier", "plus")]);
        assert!(!target.overwrites(&earlier, &record(&[(ID, "crm-17")])), "`tier` would stay");
        assert!(target.overwrites(&earlier, &record(&[(ID, "crm-17"), ("tier", "basic")])));
    }

    #[test]
    fn files_go_to_adobe_unless_a_stand_in_takes_its_place() {
        let http = Http::new(TIMEOUT).unwrap();
        let settings = |json: &str| serde_json::from_str::<Config>(json).unwrap().0;
        let target = AdobeTarget::new(settings(r#"{"client_code": "northshop"}"#), None, http).unwrap();
        assert_eq!(target.base.to_string(), "https://northshop.tt.omtrdc.net/");
    }
}
