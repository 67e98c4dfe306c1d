//! Secrets: the identity secret and the credentials of destinations.

use aws_sdk_secretsmanager::Client;
use domain::identity::Keyring;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::Error;

/// The stages at which Secrets Manager keeps the value of a secret that is in use, and the one that was before.
const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// The secrets of a deployment.
#[derive(Debug, Clone)]
pub struct Secrets {
    pub(crate) client: Client,
    pub(crate) prefix: String,
}

#[derive(Deserialize)]
struct IdentitySecret {
    version: u32,
    secret: SecretString,
}

impl Secrets {
    /// The keyring of the deployment: of the secret `<prefix>identity-key`, `{"version": 1, "secret": "..."}`.
    ///
    /// # Errors
    /// Where the secret cannot be read, or is not of that form.
    pub(crate) async fn keyring(&self) -> Result<Keyring, Error> {
        let name = "identity-key";
        let text = self.read(name).await?;
        // The error of the parser could quote the secret: it is left out.
        let secret: IdentitySecret = serde_json::from_str(text.expose_secret()).map_err(|_| {
            Error::plain(format!(
                "secret `{}{name}` is not of the form {{\"version\": 1, \"secret\": \"...\"}}",
                self.prefix
            ))
        })?;
        Keyring::new(secret.version, secret.secret.expose_secret().as_bytes())
            .map_err(|error| Error::of("use the identity secret", error))
    }

    /// The credentials of a destination: the secret `<prefix>destinations/<name>`.
    ///
    /// # Errors
    /// Where the secret cannot be read.
    pub async fn destination(&self, name: &str) -> Result<SecretString, Error> {
        self.read(&Secrets::of_destination(name)).await
    }

    /// The whole name of the secret with the credentials of a destination.
    pub fn name_of_destination(&self, name: &str) -> String {
        format!("{}{}", self.prefix, Secrets::of_destination(name))
    }

    /// Whether there are credentials for a destination. Their value is not read.
    ///
    /// # Errors
    /// Where Secrets Manager cannot be asked.
    pub async fn has_destination(&self, name: &str) -> Result<bool, Error> {
        let name = self.name_of_destination(name);
        let known = match self.client.describe_secret().secret_id(&name).send().await {
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                return Ok(false);
            }
            known => known.map_err(|error| Error::of(&format!("look for secret `{name}`"), error))?,
        };
        // A secret can be there without any value, or about to be deleted: neither can be read.
        let mut stages = known.version_ids_to_stages().into_iter().flatten().flat_map(|(_, stages)| stages);
        Ok(known.deleted_date().is_none() && stages.any(|stage| stage == CURRENT))
    }

    fn of_destination(name: &str) -> String {
        format!("destinations/{name}")
    }

    /// A secret of the edge: `<prefix>edge/<name>`. Its current value comes first, then the one before as long as Secrets
    /// Manager calls it that: whoever still holds it while the secret is rotated is let in too. None, where there is no
    /// such secret.
    ///
    /// # Errors
    /// Where the secret cannot be read.
    pub async fn edge(&self, name: &str) -> Result<Vec<SecretString>, Error> {
        let name = format!("edge/{name}");
        let (current, previous) = tokio::join!(self.find(&name, CURRENT), self.find(&name, PREVIOUS));
        let (current, previous) = (current?, previous?);
        Ok(current.into_iter().flat_map(|current| std::iter::once(current).chain(previous.clone())).collect())
    }

    async fn read(&self, name: &str) -> Result<SecretString, Error> {
        let text = self.find(name, CURRENT).await?;
        text.ok_or_else(|| Error::plain(format!("there is no secret `{}{name}`", self.prefix)))
    }

    /// The value of a secret at a stage; nothing, where there is no such secret, or none of its values is at that stage.
    async fn find(&self, name: &str, stage: &str) -> Result<Option<SecretString>, Error> {
        let name = format!("{}{name}", self.prefix);
        let output = self.client.get_secret_value().secret_id(&name).version_stage(stage).send().await;
        let output = match output {
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                return Ok(None);
            }
            output => output.map_err(|error| Error::of(&format!("read secret `{name}`"), error))?,
        };
        let text =
            output.secret_string.ok_or_else(|| Error::plain(format!("secret `{name}` holds no text")))?;
        Ok(Some(SecretString::from(text)))
    }
}
