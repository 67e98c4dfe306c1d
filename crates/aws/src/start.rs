//! The start-up that functions and the command line share.

use std::sync::{Arc, Mutex, PoisonError};

use domain::catalogue::{Catalogue, CatalogueHash, FORMAT, OLDEST_FORMAT};
use domain::identity::Keyring;

use crate::events::Events;
use crate::identities::Identities;
use crate::ledger::Ledger;
use crate::objects::Objects;
use crate::profiles::Profiles;
use crate::queues::Queues;
use crate::secrets::Secrets;
use crate::units::Meter;
use crate::visitors::Visitors;
use crate::{Deployment, Error};

/// Everything that is stored, through clients that are made once.
#[derive(Debug, Clone)]
pub struct Store {
    /// Where the deployment's parts are.
    pub deployment: Deployment,
    /// The table of profiles.
    pub profiles: Profiles,
    /// The edge's visitors, in the table of profiles.
    pub visitors: Visitors,
    /// The way into the bucket of events.
    pub events: Events,
    /// The table of identities.
    pub identities: Identities,
    /// The ledger.
    pub ledger: Ledger,
    /// Objects in S3.
    pub objects: Objects,
    /// The queues.
    pub queues: Queues,
    /// The secrets.
    pub secrets: Secrets,
    latest: Arc<Mutex<Option<InForce>>>,
}

/// The catalogue in force.
#[derive(Debug, Clone)]
pub struct InForce {
    /// The sequence of the apply that brought it.
    pub sequence: u64,
    /// Its name.
    pub hash: CatalogueHash,
    /// The catalogue.
    pub catalogue: Arc<Catalogue>,
}

/// Sets up logging: JSON lines on standard output, at the level that `RUST_LOG` says, or `info`.
pub fn logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // A second call, as tests make it, changes nothing.
    let _ = tracing_subscriber::fmt().json().with_env_filter(filter).with_current_span(true).try_init();
}

impl Store {
    /// Connects to the deployment that the environment names.
    ///
    /// # Errors
    /// Where the environment names none.
    pub async fn connect() -> Result<Store, Error> {
        Ok(Store::of(Deployment::from_env()?, &aws_config::load_from_env().await))
    }

    /// A deployment's store, through clients of a configuration.
    pub fn of(deployment: Deployment, config: &aws_config::SdkConfig) -> Store {
        let sqs = aws_sdk_sqs::Client::new(config);
        let dynamodb = aws_sdk_dynamodb::Client::new(config);
        // Buckets are addressed by path where an endpoint is given: emulators on loopback have no names for them.
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(config.endpoint_url().is_some());
        Store {
            profiles: Profiles {
                client: dynamodb.clone(),
                table: deployment.profiles.clone(),
                meter: Meter::default(),
            },
            identities: Identities {
                client: dynamodb.clone(),
                table: deployment.identities.clone(),
                meter: Meter::default(),
            },
            visitors: Visitors {
                client: dynamodb.clone(),
                table: deployment.profiles.clone(),
                ledger: deployment.ledger.clone(),
                meter: Meter::default(),
            },
            events: Events {
                firehose: aws_sdk_firehose::Client::new(config),
                stream: deployment.events_stream.clone(),
                sqs: sqs.clone(),
                queue: deployment.events_queue.clone(),
            },
            ledger: Ledger { client: dynamodb, table: deployment.ledger.clone() },
            objects: Objects { client: aws_sdk_s3::Client::from_conf(s3.build()) },
            queues: Queues {
                client: sqs,
                chunks: deployment.chunks_queue.clone(),
                visitors: deployment.visitors_queue.clone(),
                slices: deployment.slices_queue.clone(),
                wakes: deployment.wakes_queue.clone(),
            },
            secrets: Secrets {
                client: aws_sdk_secretsmanager::Client::new(config),
                prefix: deployment.secrets_prefix.clone(),
            },
            latest: Arc::default(),
            deployment,
        }
    }

    /// The catalogue in force; none before the first apply. The pointer is read strongly each time, the catalogue
    /// itself, which never changes, once.
    ///
    /// # Errors
    /// Where the pointer or the catalogue cannot be read, or is of a form that this build does not know.
    pub async fn catalogue(&self) -> Result<Option<InForce>, Error> {
        let Some(pointer) = self.ledger.pointer().await? else { return Ok(None) };
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let catalogue = match latest {
            Some(latest) if latest.hash == pointer.catalogue => latest.catalogue,
            _ => Arc::new(self.read_catalogue(&pointer.catalogue).await?),
        };
        let in_force = InForce { sequence: pointer.sequence, hash: pointer.catalogue, catalogue };
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(in_force.clone());
        Ok(Some(in_force))
    }

    /// The keyring of the deployment.
    ///
    /// # Errors
    /// Where the identity secret cannot be read, or is another than the one that the stored keys are made with: with it
    /// every customer would be born again beside themselves.
    pub async fn keyring(&self) -> Result<Keyring, Error> {
        let keyring = self.secrets.keyring().await?;
        if self.ledger.keep_fingerprint(&keyring.fingerprint()).await? == keyring.fingerprint() {
            return Ok(keyring);
        }
        Err(Error::plain("the identity secret is not the one that the stored keys are made with: restore it"))
    }

    /// A catalogue by its name.
    ///
    /// # Errors
    /// Where it cannot be read, or is not what its name says.
    pub async fn read_catalogue(&self, hash: &CatalogueHash) -> Result<Catalogue, Error> {
        let bytes = self.objects.read(&self.deployment.control, &catalogue_key(hash)).await?;
        let bytes =
            bytes.ok_or_else(|| Error::plain(format!("catalogue `{hash}` is not in the control bucket")))?;
        if CatalogueHash::of(&bytes) != *hash {
            return Err(Error::plain(format!(
                "catalogue `{hash}` in the control bucket has other content than its name says"
            )));
        }
        let catalogue: Catalogue = serde_json::from_slice(&bytes)
            .map_err(|error| Error::of(&format!("read catalogue `{hash}`"), error))?;
        if !catalogue.is_of_known_form() {
            let found = catalogue.format;
            return Err(Error::plain(format!(
                "catalogue `{hash}` is of form {found}: this build reads forms {OLDEST_FORMAT} to {FORMAT}"
            )));
        }
        Ok(catalogue)
    }

    /// Writes a catalogue under its name. Writing it again is the same.
    ///
    /// # Errors
    /// Where the control bucket cannot be written.
    pub async fn write_catalogue(&self, hash: &CatalogueHash, bytes: Vec<u8>) -> Result<(), Error> {
        self.objects.write(&self.deployment.control, &catalogue_key(hash), bytes, "application/json").await
    }
}

fn catalogue_key(hash: &CatalogueHash) -> String {
    format!("catalogues/{hash}.json")
}
