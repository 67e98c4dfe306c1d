//! Identities, the keys under which they are stored, and the ids of profiles.
//!
//! Keys hold no personal data: a key is an HMAC under the deployment's secret, so that nobody who reads a key, a log
//! line or a queue message can tell whom it names, not even by trying every e-mail address there is.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::namespace::{InvalidIdentity, Namespace, NamespaceCode};

/// The bytes that are kept of an HMAC: 128 bits, at which a collision among a billion identities has odds of 1 in 10^21.
const KEY_BYTES: usize = 16;

/// Where an identity is stored: `k<version>:` and 32 hex digits of an HMAC. Safe to log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdentityKey(String);

/// Names a profile: 32 hex digits of an HMAC. Safe to log; never given to a vendor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProfileId(String);

/// A text that is no key or id of the stored form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a text of {length} bytes is no {kind}")]
pub struct InvalidKey {
    kind: &'static str,
    length: usize,
}

fn is_hex_digest(text: &str) -> bool {
    text.len() == KEY_BYTES * 2 && text.bytes().all(|each| matches!(each, b'0'..=b'9' | b'a'..=b'f'))
}

impl FromStr for IdentityKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.strip_prefix('k').and_then(|rest| rest.split_once(':'));
        match parts {
            Some((version, digest)) if version.parse::<u32>().is_ok() && is_hex_digest(digest) => {
                Ok(IdentityKey(text.to_owned()))
            }
            _ => Err(InvalidKey { kind: "identity key", length: text.len() }),
        }
    }
}

impl FromStr for ProfileId {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_hex_digest(text) {
            Ok(ProfileId(text.to_owned()))
        } else {
            Err(InvalidKey { kind: "profile id", length: text.len() })
        }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl $name {
            /// The text as it is stored.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidKey;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(key: $name) -> String {
                key.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )*};
}

as_text!(IdentityKey, ProfileId);

/// An identity of a person, or a partner's ID of one, with the key under which it is stored.
///
/// The value is personal data: it is shown by neither `Debug` nor `Display`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// Where it is stored.
    pub key: IdentityKey,
    /// Its namespace.
    pub namespace: NamespaceCode,
    /// Its value, normalised.
    pub value: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.namespace, self.key)
    }
}

/// The deployment's secret, of which keys are made. Losing it is losing every lookup.
#[derive(Clone)]
pub struct Keyring {
    version: u32,
    mac: Hmac<Sha256>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Keyring {{ version: {}, .. }}", self.version)
    }
}

/// A secret that is too short to hide what keys are made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the identity secret has {found} bytes: expected at least {}", Keyring::SHORTEST_SECRET)]
pub struct WeakSecret {
    found: usize,
}

impl Keyring {
    /// The fewest bytes of a secret.
    pub const SHORTEST_SECRET: usize = 32;

    /// A keyring of one secret.
    ///
    /// # Errors
    /// Where the secret has fewer than [`Keyring::SHORTEST_SECRET`] bytes.
    pub fn new(version: u32, secret: &[u8]) -> Result<Keyring, WeakSecret> {
        let weak = WeakSecret { found: secret.len() };
        if secret.len() < Keyring::SHORTEST_SECRET {
            return Err(weak);
        }
        let mac = Hmac::new_from_slice(secret).map_err(|_| weak)?;
        Ok(Keyring { version, mac })
    }

    /// Names the secret without telling it: two keyrings of one fingerprint make the same keys.
    pub fn fingerprint(&self) -> String {
        self.digest([b"fingerprint", &self.version.to_be_bytes(), b""])
    }

    fn digest(&self, parts: [&[u8]; 3]) -> String {
        hex::encode(self.bytes(parts))
    }

    fn bytes(&self, parts: [&[u8]; 3]) -> [u8; KEY_BYTES] {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(part);
            mac.update(b"|");
        }
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        bytes.first_chunk().copied().unwrap_or_default()
    }

    /// An identity of a namespace: its normalised value and its key.
    ///
    /// # Errors
    /// Where the value breaks the namespace's rule.
    pub fn identity(&self, namespace: &Namespace, value: &str) -> Result<Identity, InvalidIdentity> {
        let normalised = namespace.normalise(value)?;
        let digest = self.digest([b"identity", namespace.family().as_bytes(), &normalised.digest]);
        Ok(Identity {
            key: IdentityKey(format!("k{}:{digest}", self.version)),
            namespace: namespace.code.clone(),
            value: normalised.value,
        })
    }

    /// The id of the profile that is born with an identity. The epoch goes up when an identity comes back after its
    /// profile is gone, so that no one is born into another's profile.
    pub fn profile_id(&self, first: &IdentityKey, epoch: u32) -> ProfileId {
        ProfileId(self.digest([b"profile", first.as_str().as_bytes(), &epoch.to_be_bytes()]))
    }

    /// The number that a site's own ID of a device becomes: always the same, and no way leads back. Its visitor's ECID
    /// is made of it, so that they keep it when all cookies but the site's own are gone.
    pub fn device_number(&self, device: &str) -> u128 {
        u128::from_be_bytes(self.bytes([b"device", device.as_bytes(), b""]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring() -> Keyring {
        Keyring::new(1, &[7; 32]).unwrap()
    }

    fn namespace(code: &str) -> Namespace {
        Namespace::standard().into_iter().find(|each| each.code.as_str() == code).unwrap()
    }

    #[test]
    fn an_email_and_the_same_email_hashed_have_one_key() {
        let email = namespace("Email");
        let clear = keyring().identity(&email, "Bobby.Bank@example.com").unwrap();
        let digest = hex::encode(email.normalise("bobby.bank@example.com").unwrap().digest);
        let hashed = keyring().identity(&namespace("Email_LC_SHA256"), &digest).unwrap();
        assert_eq!(clear.key, hashed.key);
    }

    #[test]
    fn namespaces_of_different_families_have_different_keys_for_one_value() {
        let one = keyring().identity(&namespace("IDFA"), "1234").unwrap();
        let other = keyring().identity(&namespace("GAID"), "1234").unwrap();
        assert_ne!(one.key, other.key);
    }

    #[test]
    fn neither_keys_nor_debug_output_show_a_value_or_the_secret() {
        let identity = keyring().identity(&namespace("Email"), "bobby.bank@example.com").unwrap();
        let shown = format!("{identity:?} {} {:?}", identity.key, keyring());
        assert!(!shown.contains("bobby") && !shown.contains("0707"), "{shown}");
        assert_eq!(identity.key.as_str().parse::<IdentityKey>().unwrap(), identity.key);
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(Keyring::new(1, &[1; 31]).unwrap_err(), WeakSecret { found: 31 });
    }
}
