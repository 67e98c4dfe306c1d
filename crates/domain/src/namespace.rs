//! Namespaces: what kind of identifier a value is, and when two values are the same.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A namespace's code, such as `Email` or `CRMID`. Case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamespaceCode(String);

/// A text that is no namespace code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no namespace code: expected 1 to 64 letters, digits, `_`, `.`, `-` or spaces between them")]
pub struct InvalidNamespaceCode(String);

impl NamespaceCode {
    /// The code as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NamespaceCode {
    type Err = InvalidNamespaceCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=64).contains(&text.len())
            && text.trim() == text
            && text.chars().all(|each| each.is_ascii_alphanumeric() || matches!(each, '_' | '.' | '-' | ' '));
        if fits { Ok(NamespaceCode(text.to_owned())) } else { Err(InvalidNamespaceCode(text.to_owned())) }
    }
}

impl TryFrom<String> for NamespaceCode {
    type Error = InvalidNamespaceCode;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<NamespaceCode> for String {
    fn from(code: NamespaceCode) -> String {
        code.0
    }
}

impl fmt::Display for NamespaceCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The seven identity types of the documents, which write them in capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamespaceType {
    /// A browser's identifier.
    #[serde(alias = "COOKIE")]
    Cookie,
    /// A device's identifier.
    #[serde(alias = "DEVICE")]
    Device,
    /// An identifier of a person across devices: CRM, login or loyalty.
    #[serde(alias = "CROSS_DEVICE")]
    CrossDevice,
    /// An e-mail address.
    #[serde(alias = "EMAIL")]
    Email,
    /// A phone number.
    #[serde(alias = "PHONE")]
    Phone,
    /// The identifier that a data partner uses for a person: it never links two people.
    #[serde(alias = "PARTNER_ID")]
    PartnerId,
    /// What identifies no person, such as a product.
    #[serde(alias = "NON_PEOPLE")]
    NonPeople,
}

impl NamespaceType {
    /// Whether identities of this type are nodes of the identity graph.
    pub fn links_people(self) -> bool {
        !matches!(self, NamespaceType::PartnerId | NamespaceType::NonPeople)
    }

    /// Whether identities of this type are a person's own, and not a browser's or a device's.
    pub fn is_of_person(self) -> bool {
        matches!(self, NamespaceType::CrossDevice | NamespaceType::Email | NamespaceType::Phone)
    }

    /// Whether a person has one identity of each namespace of this type. Cross-device identifiers are given by the
    /// company itself, one to each customer.
    pub fn is_unique(self) -> bool {
        self == NamespaceType::CrossDevice
    }
}

/// How the values of a namespace are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueRule {
    /// As written, without surrounding white space.
    Text,
    /// 38 digits.
    Ecid,
    /// Trimmed and lower-cased.
    Email,
    /// The lower-case hex SHA-256 of a trimmed, lower-cased e-mail address.
    EmailSha256,
    /// E.164: `+`, then 7 to 15 digits, the first not 0.
    PhoneE164,
    /// The lower-case hex SHA-256 of a phone number in E.164.
    PhoneE164Sha256,
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Its code; it never changes once applied.
    pub code: NamespaceCode,
    /// A name for people.
    pub title: String,
    /// Its type; it never changes once applied.
    #[serde(rename = "type")]
    pub kind: NamespaceType,
    /// How its values are compared.
    pub value: ValueRule,
    /// Whether only the SHA-256 of its values is kept. They are found and matched as before, since keys are made of it;
    /// what is sent of them are hashes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hashed: bool,
}

/// The code of the namespace of the edge's visitors.
pub const ECID: &str = "ECID";

/// The longest value that an identity may have, in characters (Adobe's identity service has the same limit).
pub const LONGEST_VALUE: usize = 1024;

/// A value that its namespace refuses. It never repeats the value, which may be personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a value of {length} characters is no identity of namespace `{namespace}`: expected {expected}")]
pub struct InvalidIdentity {
    namespace: NamespaceCode,
    length: usize,
    expected: &'static str,
}

/// A value in the one form in which it is stored and compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Normalised {
    /// The value as it is kept.
    pub value: String,
    /// SHA-256 of the normalised clear value: what keys are made of, so that clear and hashed values agree.
    pub digest: [u8; 32],
}

impl Namespace {
    /// The namespaces that every project has: the standard ones of the documents.
    pub fn standard() -> Vec<Namespace> {
        use NamespaceType::{Cookie, Device, Email, Phone};
        [
            ("ECID", "Experience Cloud ID", Cookie, ValueRule::Ecid),
            ("Email", "E-mail address", Email, ValueRule::Email),
            ("Email_LC_SHA256", "E-mail address (SHA-256, lower-cased)", Email, ValueRule::EmailSha256),
            ("Phone_E.164", "Phone number (E.164)", Phone, ValueRule::PhoneE164),
            ("Phone_SHA256_E.164", "Phone number (SHA-256, E.164)", Phone, ValueRule::PhoneE164Sha256),
            // What is hashed here need not be E.164: it is found by those who hash the same way.
            ("Phone", "Phone number", Phone, ValueRule::Text),
            ("Phone_SHA256", "Phone number (SHA-256)", Phone, ValueRule::PhoneE164Sha256),
            ("IDFA", "Apple IDFA", Device, ValueRule::Text),
            ("GAID", "Google advertising ID", Device, ValueRule::Text),
            ("WAID", "Windows advertising ID", Device, ValueRule::Text),
            ("APNS", "Apple push notification token", Device, ValueRule::Text),
            ("FCM", "Firebase cloud messaging token", Device, ValueRule::Text),
            ("AAID", "Adobe Analytics ID", Cookie, ValueRule::Text),
            ("AdCloud", "Adobe Advertising Cloud ID", Cookie, ValueRule::Text),
            ("TNTID", "Adobe Target ID", Cookie, ValueRule::Text),
        ]
        .map(|(code, title, kind, value)| Namespace {
            code: NamespaceCode(code.to_owned()),
            title: title.to_owned(),
            kind,
            value,
            hashed: false,
        })
        .into()
    }

    /// What keys of this namespace are made under: namespaces of one family share their keys, so that an e-mail
    /// and the same e-mail already hashed find the same profile.
    pub fn family(&self) -> &str {
        match self.value {
            ValueRule::Email | ValueRule::EmailSha256 => "email",
            ValueRule::PhoneE164 | ValueRule::PhoneE164Sha256 => "phone",
            ValueRule::Ecid | ValueRule::Text => self.code.as_str(),
        }
    }

    /// The one form of a value of this namespace, as it is kept.
    ///
    /// # Errors
    /// Where the value breaks the namespace's rule; the message names the rule, never the value.
    pub fn normalise(&self, value: &str) -> Result<Normalised, InvalidIdentity> {
        let normalised = self.follow_rule(value)?;
        let value = if self.hashed { hex::encode(normalised.digest) } else { normalised.value };
        Ok(Normalised { value, ..normalised })
    }

    /// A value as an owner of such an identity would write it.
    pub fn example(&self) -> &'static str {
        match (self.value, self.kind) {
            (ValueRule::Ecid, _) => "00000000000000000000000000000000000001",
            (ValueRule::Email, _) | (ValueRule::Text, NamespaceType::Email) => "mary@example.com",
            (ValueRule::PhoneE164, _) | (ValueRule::Text, NamespaceType::Phone) => "+15559876543",
            (ValueRule::EmailSha256 | ValueRule::PhoneE164Sha256, _) => {
                "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"
            }
            (ValueRule::Text, NamespaceType::Device) => "38400000-8cf0-11bd-b23e-10b96e40000d",
            (ValueRule::Text, _) => "a-1",
        }
    }

    fn follow_rule(&self, value: &str) -> Result<Normalised, InvalidIdentity> {
        let value = value.trim();
        let length = value.chars().count();
        let refuse = |expected| InvalidIdentity { namespace: self.code.clone(), length, expected };
        if value.is_empty() || length > LONGEST_VALUE {
            return Err(refuse("1 to 1024 characters"));
        }
        let clear = |value: String| Normalised { digest: Sha256::digest(value.as_bytes()).into(), value };
        match self.value {
            ValueRule::Text => Ok(clear(value.to_owned())),
            ValueRule::Ecid if is_ecid(value) => Ok(clear(value.to_owned())),
            ValueRule::Ecid => Err(refuse("38 digits")),
            ValueRule::Email => {
                let value = value.to_lowercase();
                if is_email(&value) {
                    Ok(clear(value))
                } else {
                    Err(refuse("an e-mail address such as name@example.com"))
                }
            }
            ValueRule::PhoneE164 if is_e164(value) => Ok(clear(value.to_owned())),
            ValueRule::PhoneE164 => Err(refuse("a phone number in E.164 such as +15559876543")),
            ValueRule::EmailSha256 | ValueRule::PhoneE164Sha256 => {
                let value = value.to_lowercase();
                let mut digest = [0; 32];
                match hex::decode_to_slice(&value, &mut digest) {
                    Ok(()) => Ok(Normalised { value, digest }),
                    Err(_) => Err(refuse("the 64 hex digits of a SHA-256")),
                }
            }
        }
    }
}

fn is_ecid(value: &str) -> bool {
    value.len() == 38 && value.bytes().all(|each| each.is_ascii_digit())
}

/// Whether a text has the shape of an e-mail address: one `@`, something before it, a domain after it, no white space.
/// Hashing vendors ask for no more, and stricter rules refuse addresses that receive mail.
fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else { return false };
    !local.is_empty()
        && !domain.is_empty()
        && !domain.contains('@')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !value.contains(|each: char| each.is_whitespace() || each.is_control())
}

fn is_e164(value: &str) -> bool {
    value.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|each| each.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(code: &str) -> Namespace {
        Namespace::standard().into_iter().find(|each| each.code.as_str() == code).unwrap()
    }

    #[test]
    fn an_email_and_its_hash_share_family_and_digest() {
        let clear = namespace("Email").normalise("  Mary@Example.com ").unwrap();
        let hashed =
            namespace("Email_LC_SHA256").normalise(&hex::encode(clear.digest).to_uppercase()).unwrap();
        assert_eq!(clear.value, "mary@example.com");
        assert_eq!(clear.digest, hashed.digest);
        assert_eq!(namespace("Email").family(), namespace("Email_LC_SHA256").family());
    }

    #[test]
    fn of_a_namespace_that_keeps_hashes_the_digest_stays_the_same_and_no_value_is_kept() {
        for (code, value) in
            [("Email", " Mary@Example.com "), ("Phone_E.164", "+15559876543"), ("GAID", "1234")]
        {
            let clear = namespace(code);
            let hashed = Namespace { hashed: true, ..clear.clone() };
            let (clear, hashed) = (clear.normalise(value).unwrap(), hashed.normalise(value).unwrap());
            assert_eq!(hashed.digest, clear.digest, "{code}");
            assert_eq!(hashed.value, hex::encode(clear.digest), "{code}");
        }
        assert!(
            Namespace { hashed: true, ..namespace("ECID") }.normalise("123").is_err(),
            "its rule holds all the same"
        );
    }

    #[test]
    fn a_code_is_written_as_the_documents_write_theirs() {
        for code in ["ECID", "Phone_SHA256_E.164", "CRM ID", "loyalty-id"] {
            assert_eq!(code.parse::<NamespaceCode>().unwrap().as_str(), code);
        }
        for code in ["", " CRMID", "CRMID ", "a:b", "a\tb", "Kunde\u{e4}", &"x".repeat(65)] {
            assert!(code.parse::<NamespaceCode>().is_err(), "{code:?}");
        }
    }

    #[test]
    fn values_that_break_their_rule_are_refused_without_being_repeated() {
        for (code, value) in [
            ("Email", "nobody"),
            ("Email", "a@b@c"),
            ("Email", "a b@example.com"),
            ("Email", "@example.com"),
            ("Email_LC_SHA256", "62a14e44"),
            ("ECID", "123"),
            ("Phone_E.164", "0049 171"),
            ("Phone_E.164", "+0491711234567"),
            ("IDFA", "   "),
        ] {
            let error = namespace(code).normalise(value).unwrap_err().to_string();
            let repeated = error.replace("name@example.com", "");
            assert!(value.trim().is_empty() || !repeated.contains(value), "{error}");
        }
    }
}
