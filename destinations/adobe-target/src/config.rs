//! What a project and the secret store hold for Adobe Target.

use std::time::Duration;

use destination::http::Endpoint;
use destination::{Configure, Context, Descriptor, Destination, DestinationError, ErrorKind};
use secrecy::SecretString;
use serde::Deserialize;

use crate::destination::{AdobeTarget, DESCRIPTOR};
use crate::parameter::{ID, Parameter, Word};

/// Which Target, and what its profiles are told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The client code of the account, as Target shows it under Administration > Implementation.
    pub(crate) client_code: ClientCode,
    /// The profile parameters that a mapping may map to, besides `thirdPartyId`. Every row carries all of them.
    #[serde(default)]
    pub(crate) parameters: Parameters,
    /// The profile parameter that tells members. Made of the audience's name unless it is given.
    pub(crate) audience_parameter: Option<Parameter>,
    /// What it says of a member.
    #[serde(default = "Word::realized")]
    pub(crate) realized: Word,
    /// What it says of whoever is a member no longer.
    #[serde(default = "Word::exited")]
    pub(crate) exited: Word,
    /// What any other parameter says in want of a value. Target cannot delete one.
    #[serde(default = "Word::cleared")]
    pub(crate) cleared: Word,
    /// Whether the account demands a token for its profile API. It then lies in the secret store.
    #[serde(default = "demanded")]
    pub(crate) require_authentication: bool,
    /// How long a batch that Target has accepted is watched, in seconds: 20 at most.
    #[serde(default)]
    pub(crate) confirm_seconds: ConfirmSeconds,
    /// The address of the API: Adobe's for the client code, unless a stand-in takes its place.
    pub(crate) base_url: Option<Endpoint>,
}

fn demanded() -> bool {
    true
}

pub(crate) const EXAMPLE: &str = r#"{
    "client_code": "northshop", "audience_parameter": "recent_mover", "parameters": ["home_ownership", "move_date"]
}"#;

/// The credentials.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    /// A profile authentication token, as Target makes it under Administration > Implementation.
    pub(crate) token: SecretString,
}

pub(crate) const SECRET_EXAMPLE: &str = r#"{"token": "eyJh..."}"#;

/// Settings that fit each other.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Settings")]
pub(crate) struct Config(pub(crate) Settings);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("`audience_parameter` is one of `parameters` too: give it a name of its own")]
    Twice,
    #[error("`realized` and `exited` are both `{0}`: whoever left would still look like a member")]
    SameWord(String),
}

impl TryFrom<Settings> for Config {
    type Error = Unfit;

    fn try_from(settings: Settings) -> Result<Self, Unfit> {
        let Settings { audience_parameter, parameters, realized, exited, .. } = &settings;
        if audience_parameter.as_ref().is_some_and(|name| parameters.0.contains(name)) {
            return Err(Unfit::Twice);
        }
        if realized == exited {
            return Err(Unfit::SameWord(exited.as_str().to_owned()));
        }
        Ok(Config(settings))
    }
}

impl Configure for Config {
    type Secret = Option<Secret>;

    fn descriptor() -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn targets(&self) -> Vec<&str> {
        [ID].into_iter().chain(self.0.parameters.0.iter().map(Parameter::as_str)).collect()
    }

    /// Of two files that name a visitor before a page is called, Target keeps the later one alone.
    fn sole(&self) -> Option<String> {
        Some(format!("client `{}` of Adobe Target", self.0.client_code.as_str().to_ascii_lowercase()))
    }

    fn connect(
        self,
        secret: Option<Secret>,
        context: &Context,
    ) -> Result<Box<dyn Destination>, DestinationError> {
        let Config(settings) = self;
        let token = match secret {
            _ if !settings.require_authentication => None,
            Some(secret) => Some(secret.token),
            None => {
                let message = format!(
                    "the secret is missing: expected JSON like {SECRET_EXAMPLE}, or `require_authentication: false` if the account demands none"
                );
                return Err(DestinationError::new(ErrorKind::ConfigInvalid, "configure", message));
            }
        };
        Ok(Box::new(AdobeTarget::new(settings, token, context.http.clone())?))
    }
}

/// The code of an account, which is part of its host's name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ClientCode(String);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no client code: expected letters, digits and `-`, as in `northshop`")]
pub(crate) struct InvalidClientCode(String);

impl TryFrom<String> for ClientCode {
    type Error = InvalidClientCode;

    fn try_from(text: String) -> Result<Self, InvalidClientCode> {
        let is_code = |each: char| each.is_ascii_alphanumeric() || each == '-';
        let is_label = matches!(text.len(), 1..=63) && !text.starts_with('-') && !text.ends_with('-');
        if is_label && text.chars().all(is_code) {
            Ok(ClientCode(text))
        } else {
            Err(InvalidClientCode(text))
        }
    }
}

impl ClientCode {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The most parameters of a file: rows stay short, whatever the words in them are.
const MAX_PARAMETERS: usize = 40;

/// The mapped parameters: no two of one name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Vec<Parameter>")]
pub(crate) struct Parameters(pub(crate) Vec<Parameter>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidParameters {
    #[error("the parameter `{0}` stands there twice")]
    Twice(Parameter),
    #[error("there are {0} parameters, expected at most {MAX_PARAMETERS}")]
    TooMany(usize),
}

impl TryFrom<Vec<Parameter>> for Parameters {
    type Error = InvalidParameters;

    fn try_from(parameters: Vec<Parameter>) -> Result<Self, InvalidParameters> {
        if parameters.len() > MAX_PARAMETERS {
            return Err(InvalidParameters::TooMany(parameters.len()));
        }
        let mut earlier = Vec::new();
        for parameter in &parameters {
            if earlier.contains(&parameter) {
                return Err(InvalidParameters::Twice(parameter.clone()));
            }
            earlier.push(parameter);
        }
        Ok(Parameters(parameters))
    }
}

/// How long a batch is watched. Sending it takes time of the call too.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(crate) struct ConfirmSeconds(u64);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` seconds are longer than a call may take, expected at most 20")]
pub(crate) struct InvalidConfirmSeconds(u64);

impl TryFrom<u64> for ConfirmSeconds {
    type Error = InvalidConfirmSeconds;

    fn try_from(seconds: u64) -> Result<Self, InvalidConfirmSeconds> {
        if seconds <= 20 { Ok(ConfirmSeconds(seconds)) } else { Err(InvalidConfirmSeconds(seconds)) }
    }
}

impl Default for ConfirmSeconds {
    fn default() -> Self {
        ConfirmSeconds(10)
    }
}

impl From<ConfirmSeconds> for Duration {
    fn from(seconds: ConfirmSeconds) -> Duration {
        Duration::from_secs(seconds.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(fields: &str) -> String {
        let json = format!(r#"{{"client_code": "northshop", {fields}}}"#);
        serde_json::from_str::<Config>(&json).unwrap_err().to_string()
    }

    #[test]
    fn words_may_be_written_as_yaml_likes() {
        let json = r#"{"client_code": "northshop", "realized": true, "exited": 0, "cleared": "n-a"}"#;
        let Config(settings) = serde_json::from_str(json).unwrap();
        let words = [&settings.realized, &settings.exited, &settings.cleared].map(Word::as_str);
        assert_eq!(words, ["true", "0", "n-a"]);
        assert!(settings.require_authentication);
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_was_expected() {
        for (fields, expected) in [
            (r#""parameters": ["profile.tier"]"#, "`profile.tier` is no name of a parameter"),
            (r#""parameters": ["tier", "tier"]"#, "`tier` stands there twice"),
            (r#""parameters": ["pcId"]"#, "name of an id"),
            (r#""parameters": ["tier"], "audience_parameter": "tier""#, "a name of its own"),
            (r#""exited": """#, "expected 1 to 16"),
            (r#""exited": "true""#, "still look like a member"),
            (r#""confirm_seconds": 60"#, "expected at most 20"),
            (r#""base_url": "http://example.com""#, "expected `https://host/...`"),
            (r#""token": "x""#, "unknown field `token`"),
        ] {
            let error = error(fields);
            assert!(error.contains(expected), "{fields}: {error}");
        }
        for code in ["", "a.b", "a/b", "-a", "a b"] {
            let json = format!(r#"{{"client_code": "{code}"}}"#);
            let error = serde_json::from_str::<Config>(&json).unwrap_err().to_string();
            assert!(error.contains("is no client code"), "{code}");
        }
        let names: Vec<String> = (0..=MAX_PARAMETERS).map(|number| format!("p{number}")).collect();
        assert!(error(&format!(r#""parameters": {names:?}"#)).contains("expected at most 40"));
    }
}
