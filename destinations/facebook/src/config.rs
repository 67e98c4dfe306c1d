//! What a project and the secret store hold for Facebook.

use std::fmt;

use destination::http::Endpoint;
use destination::{Configure, Context, Descriptor, Destination, DestinationError};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::destination::{DESCRIPTOR, Facebook};

/// Which audiences, of which ad account, and where Meta is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The ad account that owns the audiences: its digits, with or without `act_`.
    pub(crate) ad_account: AdAccount,
    /// Where the people in the audiences come from. Meta shows it to those who see the ads.
    pub(crate) customer_file_source: CustomerFileSource,
    /// The version of the Marketing API.
    #[serde(default)]
    pub(crate) api_version: ApiVersion,
    /// The address of the API: Meta's, unless a stand-in takes its place.
    #[serde(default = "meta")]
    pub(crate) base_url: Endpoint,
}

pub(crate) const EXAMPLE: &str =
    r#"{"ad_account": "act_1234567890", "customer_file_source": "BOTH_USER_AND_PARTNER_PROVIDED"}"#;

/// The credentials.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    /// A token with `ads_management` for the ad account.
    pub(crate) access_token: SecretString,
    /// The app's secret, where the app demands a proof with every call.
    pub(crate) app_secret: Option<SecretString>,
}

pub(crate) const SECRET_EXAMPLE: &str = r#"{"access_token": "EAAB...", "app_secret": "optional"}"#;

impl Configure for Config {
    type Secret = Secret;

    fn descriptor() -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn connect(self, secret: Secret, context: &Context) -> Result<Box<dyn Destination>, DestinationError> {
        Ok(Box::new(Facebook::new(self, secret, context.http.clone())))
    }
}

fn meta() -> Endpoint {
    #[expect(clippy::expect_used, reason = "a constant that a test parses")]
    Endpoint::try_from("https://graph.facebook.com".to_owned()).expect("a valid address")
}

/// Who provided the data about the people in an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum CustomerFileSource {
    /// The people themselves, to the advertiser.
    UserProvidedOnly,
    /// A partner of the advertiser.
    PartnerProvidedOnly,
    /// Both.
    BothUserAndPartnerProvided,
}

/// The id of an ad account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "TextOrNumber")]
pub(crate) struct AdAccount(String);

/// An ad account is written in digits, which YAML takes for a number unless they are quoted.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum TextOrNumber {
    Text(String),
    Number(u64),
}

/// A text that names no ad account.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no ad account: expected digits, with or without `act_` before them")]
pub(crate) struct InvalidAdAccount(String);

impl TryFrom<TextOrNumber> for AdAccount {
    type Error = InvalidAdAccount;

    fn try_from(value: TextOrNumber) -> Result<Self, InvalidAdAccount> {
        let text = match value {
            TextOrNumber::Text(text) => text,
            TextOrNumber::Number(number) => number.to_string(),
        };
        let digits = text.strip_prefix("act_").unwrap_or(&text);
        if !digits.is_empty() && digits.len() <= 20 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(AdAccount(format!("act_{digits}")))
        } else {
            Err(InvalidAdAccount(text))
        }
    }
}

impl AdAccount {
    /// The account as URLs name it: `act_<digits>`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A version of the Marketing API, such as `v25.0`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ApiVersion(String);

/// A text that is no version.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no version of the Marketing API: expected one like `v25.0`")]
pub(crate) struct InvalidApiVersion(String);

impl TryFrom<String> for ApiVersion {
    type Error = InvalidApiVersion;

    fn try_from(text: String) -> Result<Self, InvalidApiVersion> {
        let parts = text.strip_prefix('v').and_then(|number| number.split_once('.'));
        let is_number =
            |part: &str| matches!(part.len(), 1..=3) && part.bytes().all(|byte| byte.is_ascii_digit());
        match parts {
            Some((major, minor)) if is_number(major) && is_number(minor) => Ok(ApiVersion(text)),
            _ => Err(InvalidApiVersion(text)),
        }
    }
}

impl Default for ApiVersion {
    fn default() -> Self {
        ApiVersion("v25.0".to_owned())
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ApiVersion {
    /// The version as URLs name it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Config, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn the_example_parses_and_defaults_to_meta() {
        let config = parse(EXAMPLE).unwrap();
        assert_eq!(config.ad_account.as_str(), "act_1234567890");
        assert_eq!(config.api_version.as_str(), "v25.0");
        assert_eq!(config.base_url.to_string(), "https://graph.facebook.com/");
    }

    #[test]
    fn an_account_may_be_written_three_ways() {
        for account in [r#""act_12""#, r#""12""#, "12"] {
            let json =
                format!(r#"{{"ad_account": {account}, "customer_file_source": "USER_PROVIDED_ONLY"}}"#);
            assert_eq!(parse(&json).unwrap().ad_account.as_str(), "act_12");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_was_expected() {
        let with = |more: &str| {
            parse(&format!(r#"{{"ad_account": "12", "customer_file_source": "USER_PROVIDED_ONLY", {more}}}"#))
                .unwrap_err()
        };
        assert!(with(r#""api_version": "25""#).contains("expected one like `v25.0`"));
        assert!(with(r#""base_url": "http://example.com""#).contains("expected `https://host/...`"));
        assert!(with(r#""token": "x""#).contains("unknown field `token`"));
        assert!(parse(r#"{"ad_account": "act_1/2", "customer_file_source": "USER_PROVIDED_ONLY"}"#).is_err());
    }
}
