//! From a name, a configuration and a secret to a destination.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::Http;
use crate::{Descriptor, Destination, DestinationError, ErrorKind, Record, Source};

const CONFIGURE: &str = "configure";

/// A plugin's configuration: a serde struct that refuses unknown fields, and knows how to become a destination.
///
/// What can be wrong with a value is said by its type (a newtype with `try_from`), so that it is found when the
/// project is validated and never at first use.
pub trait Configure: DeserializeOwned {
    /// The credentials as they lie in the secret store, as JSON; `()` where there are none.
    type Secret: DeserializeOwned;

    /// What the plugin says of itself.
    fn descriptor() -> &'static Descriptor;

    /// The target keys that a mapping may use: the descriptor's, unless the configuration names them.
    fn targets(&self) -> Vec<&str> {
        Self::descriptor().targets.iter().map(|target| target.key).collect()
    }

    /// What of the vendor takes one dataflow alone, in words for people, where two would undo each other's work: a
    /// project with two dataflows there is refused. Equal words mean the same place.
    fn sole(&self) -> Option<String> {
        None
    }

    /// Makes the destination. Calls nobody.
    fn connect(
        self,
        secret: Self::Secret,
        context: &Context,
    ) -> Result<Box<dyn Destination>, DestinationError>;
}

/// What a destination gets from the function that runs it.
#[derive(Clone)]
pub struct Context {
    /// The HTTP client, built once per process.
    pub http: Http,
    /// Where files go.
    pub files: Arc<dyn Files>,
}

/// A place for files. Plugins know no cloud: the function that runs them brings this.
#[async_trait]
pub trait Files: Send + Sync {
    /// Writes a file whole, in place of one of the same key. A failure says by its kind whether it may be there.
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), DestinationError>;
}

/// One entry of the registry: a plugin whose configuration type is known to it alone.
#[derive(Clone, Copy)]
pub struct Plugin {
    descriptor: fn() -> &'static Descriptor,
    problems: fn(&Value, &[&str]) -> Vec<DestinationError>,
    sole: fn(&Value) -> Option<String>,
    connect: Connect,
    encode: fn(&Value, &Source) -> Option<Record>,
}

type Connect = fn(&Value, Option<&SecretString>, &Context) -> Result<Box<dyn Destination>, DestinationError>;

impl Plugin {
    /// The plugin of that configuration.
    pub const fn of<C: Configure>() -> Self {
        Self {
            descriptor: C::descriptor,
            problems: problems::<C>,
            sole: |config| parse::<C>(config).ok()?.sole(),
            connect: connect::<C>,
            encode: encode::<C>,
        }
    }

    /// What it says of itself.
    pub fn descriptor(&self) -> &'static Descriptor {
        (self.descriptor)()
    }

    /// Everything that is wrong with a configuration and the target keys that a mapping uses, all of them; nothing if
    /// they can work. Without keys it is the configuration alone that is looked at. Needs no secret and calls nobody.
    pub fn problems(&self, config: &Value, targets: &[&str]) -> Vec<DestinationError> {
        (self.problems)(config, targets)
    }

    /// What of the vendor takes one dataflow alone ([`Configure::sole`]); none of a configuration that cannot work.
    pub fn sole(&self, config: &Value) -> Option<String> {
        (self.sole)(config)
    }

    /// What it would make of mapped values, asked before there are credentials; nothing where it can make nothing of them.
    pub fn encode(&self, config: &Value, source: &Source) -> Option<Record> {
        (self.encode)(config, source)
    }

    /// Makes a destination from its configuration and its secret (JSON, see [`Descriptor::secret_example`]).
    pub fn connect(
        &self,
        config: &Value,
        secret: Option<&SecretString>,
        context: &Context,
    ) -> Result<Box<dyn Destination>, DestinationError> {
        (self.connect)(config, secret, context)
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plugin").field(&self.descriptor().name).finish()
    }
}

fn problems<C: Configure>(config: &Value, targets: &[&str]) -> Vec<DestinationError> {
    let config = match parse::<C>(config) {
        Ok(config) => config,
        Err(error) => return vec![error],
    };
    let known = config.targets();
    let unfit = |message: String| {
        DestinationError::new(ErrorKind::ConfigInvalid, "map", message)
            .with_context("destination", C::descriptor().name)
    };
    let unknown: Vec<DestinationError> = targets
        .iter()
        .filter(|target| !known.contains(target))
        .map(|target| {
            unfit(format!("no such target, expected one of `{}`", known.join("`, `")))
                .with_context("target", target)
        })
        .collect();
    let identifying: Vec<&str> = C::descriptor().identifying().collect();
    let is_nobody = !identifying.is_empty() && !targets.iter().any(|target| identifying.contains(target));
    if !unknown.is_empty() || targets.is_empty() || !is_nobody {
        return unknown;
    }
    vec![unfit(format!("nothing here tells who a member is, expected `{}` too", identifying.join("` or `")))]
}

fn connect<C: Configure>(
    config: &Value,
    secret: Option<&SecretString>,
    context: &Context,
) -> Result<Box<dyn Destination>, DestinationError> {
    parse::<C>(config)?.connect(parse_secret::<C>(secret)?, context)
}

/// Encoding is pure, so that a destination that could call nobody does it too.
fn encode<C: Configure>(config: &Value, source: &Source) -> Option<Record> {
    let context = Context { http: Http::new(Duration::from_secs(1)).ok()?, files: Arc::new(Nowhere) };
    let secret = serde_json::from_str(C::descriptor().secret_example.unwrap_or("null")).ok()?;
    let destination = parse::<C>(config).ok()?.connect(secret, &context).ok()?;
    destination.encode(source).ok().map(|encoded| encoded.record)
}

/// No place for files.
struct Nowhere;

#[async_trait]
impl Files for Nowhere {
    async fn put(&self, key: &str, _: Vec<u8>, _: &str) -> Result<(), DestinationError> {
        let message = "there is no place for files while settings are looked at";
        Err(DestinationError::new(ErrorKind::ConfigInvalid, "write file", message).with_context("key", key))
    }
}

fn parse<C: Configure>(config: &Value) -> Result<C, DestinationError> {
    serde_path_to_error::deserialize(config).map_err(|error| {
        let path = error.path().to_string();
        let invalid =
            DestinationError::new(ErrorKind::ConfigInvalid, CONFIGURE, error.into_inner().to_string())
                .with_context("destination", C::descriptor().name);
        if path == "." { invalid } else { invalid.with_context("field", path) }
    })
}

fn parse_secret<C: Configure>(secret: Option<&SecretString>) -> Result<C::Secret, DestinationError> {
    let descriptor = C::descriptor();
    let text = match (secret, descriptor.secret_example) {
        (Some(secret), Some(_)) => secret.expose_secret(),
        _ => "null",
    };
    // The parser's message may quote what it found, so that it is dropped: the expected shape says enough.
    serde_json::from_str(text).map_err(|_| {
        let found = if secret.is_some() { "the secret has another shape" } else { "the secret is missing" };
        let expected = descriptor.secret_example.unwrap_or("nothing");
        DestinationError::new(
            ErrorKind::ConfigInvalid,
            CONFIGURE,
            format!("{found}: expected JSON like {expected}"),
        )
        .with_context("destination", descriptor.name)
    })
}
