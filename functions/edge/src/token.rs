//! Tokens: how a page proves who is logged in.
//!
//! A browser can claim any e-mail address. Only what the site's own server has signed counts.

use std::collections::BTreeMap;
use std::fmt;

use domain::edge::datastream::{TokenAlgorithm, TokenRule};
use domain::namespace::NamespaceCode;
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;

/// The fewest bytes of a shared key: as many as the hash has (RFC 7518, 3.2).
const SHORTEST_KEY: usize = 32;

/// Judges the tokens of a datastream.
pub struct Verifier {
    keys: Vec<DecodingKey>,
    validation: Validation,
    identities: BTreeMap<String, NamespaceCode>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Verifier {{ algorithms: {:?}, .. }}", self.validation.algorithms)
    }
}

/// A secret that is no key for the datastream's algorithm. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is no key for {algorithm:?}: expected {expected}")]
pub struct NoKey {
    algorithm: TokenAlgorithm,
    expected: &'static str,
}

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no token, or signed otherwise than the datastream says.
    #[error("it is no JSON Web Token that is signed with the datastream's algorithm")]
    Form,
    /// It is not signed with the datastream's key.
    #[error("its signature is not of the datastream's key")]
    Signature,
    /// It is from or for somebody else.
    #[error("its issuer or its audience is another than the datastream's")]
    Issuer,
    /// It is not valid any more, or not yet.
    #[error("it has expired, or is not valid yet")]
    Expired,
    /// It names nobody.
    #[error("none of its claims holds an identity")]
    NoIdentity,
    /// It names somebody by what cannot be an identity.
    #[error("a claim that is to hold an identity has another form than its namespace asks for")]
    Identity,
    /// It may be as good as it likes.
    #[error("the edge has no key to judge it by")]
    NoKey,
}

impl Verifier {
    /// Judges by a rule, with the keys that its secret holds, the current one first.
    ///
    /// # Errors
    /// Where the current one is no key for the rule's algorithm. A former one may have been for another, and is left out.
    pub fn new(rule: &TokenRule, secret: &[SecretString]) -> Result<Verifier, NoKey> {
        let key = |value: &SecretString| key(rule.algorithm, value.expose_secret());
        let no_value = NoKey { algorithm: rule.algorithm, expected: "a value" };
        let (current, former) = secret.split_first().ok_or(no_value)?;
        let keys = std::iter::once(key(current)?).chain(former.iter().filter_map(|value| key(value).ok()));
        let algorithm = match rule.algorithm {
            TokenAlgorithm::HS256 => Algorithm::HS256,
            TokenAlgorithm::ES256 => Algorithm::ES256,
            TokenAlgorithm::RS256 => Algorithm::RS256,
        };
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&rule.issuer]);
        validation.set_audience(&[&rule.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        // Times are judged here, by the clock of the request.
        validation.validate_exp = false;
        Ok(Verifier { keys: keys.collect(), validation, identities: rule.identities.clone() })
    }

    /// The identities that a token proves.
    ///
    /// # Errors
    /// Why it proves none.
    pub fn verify(&self, token: &Value, now: Timestamp) -> Result<Vec<(NamespaceCode, String)>, Refused> {
        let claims = self.claims(token.as_str().ok_or(Refused::Form)?)?;
        if !is_valid_at(&claims, now.as_second()) {
            return Err(Refused::Expired);
        }
        let held = self.identities.iter().filter_map(|(claim, namespace)| {
            let value = claims.get(claim).filter(|value| !value.is_null())?;
            Some(text(value).map(|text| (namespace.clone(), text)).ok_or(Refused::Identity))
        });
        let identities: Vec<_> = held.collect::<Result<_, _>>()?;
        if identities.is_empty() { Err(Refused::NoIdentity) } else { Ok(identities) }
    }

    /// What a token says that is signed with one of the keys.
    fn claims(&self, token: &str) -> Result<Map<String, Value>, Refused> {
        let judge = |key| {
            let decoded = jsonwebtoken::decode(token, key, &self.validation);
            decoded.map(|decoded| decoded.claims).map_err(|error| refusal(error.kind()))
        };
        // Of a key that it is not signed with, nothing else is to be learned.
        let mut judged = self.keys.iter().map(judge).filter(|each| *each != Err(Refused::Signature));
        judged.next().unwrap_or(Err(Refused::Signature))
    }
}

fn key(algorithm: TokenAlgorithm, secret: &str) -> Result<DecodingKey, NoKey> {
    let refuse = |expected| NoKey { algorithm, expected };
    let pem = secret.trim().as_bytes();
    let key = match algorithm {
        // Everybody may know a public key: as a shared one, it would let anybody sign.
        TokenAlgorithm::HS256 if secret.len() < SHORTEST_KEY || pem.starts_with(b"-----BEGIN") => {
            return Err(refuse("at least 32 bytes that are no key in PEM"));
        }
        TokenAlgorithm::HS256 => return Ok(DecodingKey::from_secret(secret.as_bytes())),
        TokenAlgorithm::ES256 => DecodingKey::from_ec_pem(pem),
        TokenAlgorithm::RS256 => DecodingKey::from_rsa_pem(pem),
    };
    key.map_err(|_| refuse("a public key in PEM"))
}

fn is_valid_at(claims: &Map<String, Value>, now: i64) -> bool {
    let time = |name: &str| claims.get(name).and_then(Value::as_f64);
    #[expect(clippy::cast_precision_loss, reason = "seconds of this age stay far below 2^53")]
    let (early, late) = ((now - LEEWAY) as f64, (now + LEEWAY) as f64);
    time("exp").is_some_and(|expires| early < expires) && time("nbf").is_none_or(|begins| begins <= late)
}

/// An identity's value: a text, or a number as customer numbers may be.
fn text(claim: &Value) -> Option<String> {
    match claim {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

fn refusal(kind: &ErrorKind) -> Refused {
    match kind {
        ErrorKind::InvalidSignature => Refused::Signature,
        ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => Refused::Issuer,
        ErrorKind::MissingRequiredClaim(claim) if claim == "exp" => Refused::Expired,
        ErrorKind::MissingRequiredClaim(_) => Refused::Issuer,
        _ => Refused::Form,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use proptest::prelude::*;
    use serde_json::json;

    const SECRET: &str = "a shared key of at least 32 bytes";
    const NOW: i64 = 1_795_348_800;

    fn rule(algorithm: TokenAlgorithm) -> TokenRule {
        TokenRule {
            secret: "shop-login".to_owned(),
            algorithm,
            issuer: "https://login.shop.test".to_owned(),
            audience: "tributary".to_owned(),
            identities: BTreeMap::from([
                ("email".to_owned(), "Email".parse().unwrap()),
                ("sub".to_owned(), "CRMID".parse().unwrap()),
            ]),
        }
    }

    fn claims() -> Value {
        json!({"iss": "https://login.shop.test", "aud": "tributary", "exp": NOW + 300, "email": "a@example.com"})
    }

    fn with(changes: Value) -> Value {
        let mut claims = claims();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        claims
    }

    fn verifier(algorithm: TokenAlgorithm, secret: &[&str]) -> Result<Verifier, NoKey> {
        let values: Vec<_> = secret.iter().map(|value| SecretString::from(*value)).collect();
        Verifier::new(&rule(algorithm), &values)
    }

    fn judged_by(secret: &[&str], token: &str) -> Result<Vec<(NamespaceCode, String)>, Refused> {
        let verifier = verifier(TokenAlgorithm::HS256, secret).unwrap();
        verifier.verify(&json!(token), Timestamp::from_second(NOW).unwrap())
    }

    fn judged(token: &str) -> Result<Vec<(NamespaceCode, String)>, Refused> {
        judged_by(&[SECRET], token)
    }

    fn signed(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    #[test]
    fn what_the_site_signed_names_who_is_logged_in() {
        let token = |claims| signed(&claims, Algorithm::HS256, SECRET);
        let email = || ("Email".parse().unwrap(), "a@example.com".to_owned());
        assert_eq!(judged(&token(claims())), Ok(vec![email()]));
        let both = judged(&token(with(json!({"sub": 4711, "aud": ["other", "tributary"]}))));
        assert_eq!(both, Ok(vec![email(), ("CRMID".parse().unwrap(), "4711".to_owned())]));
    }

    #[test]
    fn a_token_that_anything_is_wrong_with_names_nobody() {
        let token = |claims: &Value| signed(claims, Algorithm::HS256, SECRET);
        let (head, _) = token(&claims()).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        for (token, expected) in [
            (signed(&claims(), Algorithm::HS256, "another key of at least 32 bytes!"), Refused::Signature),
            (signed(&claims(), Algorithm::HS512, SECRET), Refused::Form),
            (format!("eyJhbGciOiJub25lIn0.{}.", head.split_once('.').unwrap().1), Refused::Form),
            (format!("{head}."), Refused::Signature),
            (String::new(), Refused::Form),
            ("a.b.c".to_owned(), Refused::Form),
            (token(&with(json!({"iss": "https://elsewhere.test"}))), Refused::Issuer),
            (token(&with(json!({"iss": null}))), Refused::Issuer),
            (token(&with(json!({"aud": "elsewhere"}))), Refused::Issuer),
            (token(&with(json!({"aud": null}))), Refused::Issuer),
            (token(&with(json!({"exp": NOW - LEEWAY}))), Refused::Expired),
            (token(&with(json!({"exp": null}))), Refused::Expired),
            (token(&with(json!({"exp": "never"}))), Refused::Expired),
            (token(&with(json!({"nbf": NOW + LEEWAY + 1}))), Refused::Expired),
            (token(&with(json!({"email": null}))), Refused::NoIdentity),
            (token(&with(json!({"email": {"value": "a@example.com"}}))), Refused::Identity),
            (token(&with(json!({"sub": true}))), Refused::Identity),
        ] {
            assert_eq!(judged(&token), Err(expected), "{token}");
        }
        assert!(judged(&token(&with(json!({"exp": NOW - LEEWAY + 1})))).is_ok());
    }

    #[test]
    fn a_public_key_judges_what_the_private_one_signed() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let private = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let public = STANDARD.encode(pair.public_key().as_der().unwrap().as_ref() as &[u8]);
        let public = format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n");
        let token = encode(&Header::new(Algorithm::ES256), &claims(), &private).unwrap();
        let now = Timestamp::from_second(NOW).unwrap();
        // A former value may have been a key of another algorithm.
        let verifier = verifier(TokenAlgorithm::ES256, &[&public, SECRET]).unwrap();
        assert!(verifier.verify(&json!(token), now).is_ok());
        assert_eq!(verifier.verify(&json!([token]), now), Err(Refused::Form));
        // Nobody may use the public key, which is no secret, as if it were a shared one.
        let forged = signed(&claims(), Algorithm::HS256, &public);
        assert_eq!(verifier.verify(&json!(forged), now), Err(Refused::Form));
        assert_eq!(judged_by(&[SECRET, &public], &forged), Err(Refused::Signature));
    }

    #[test]
    fn while_a_key_is_rotated_tokens_of_the_former_one_count_too() {
        let former = "the shared key of before, 32 bytes or more";
        let token = |claims: &Value, key| signed(claims, Algorithm::HS256, key);
        for key in [SECRET, former] {
            assert!(judged_by(&[SECRET, former], &token(&claims(), key)).is_ok());
            let elsewhere = token(&with(json!({"iss": "https://elsewhere.test"})), key);
            assert_eq!(judged_by(&[SECRET, former], &elsewhere), Err(Refused::Issuer));
        }
        assert_eq!(judged_by(&[SECRET], &token(&claims(), former)), Err(Refused::Signature));
    }

    #[test]
    fn a_secret_that_is_no_key_is_refused_and_not_repeated() {
        for (algorithm, secret) in [
            (TokenAlgorithm::HS256, "short"),
            (TokenAlgorithm::HS256, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"),
            (TokenAlgorithm::ES256, SECRET),
            (TokenAlgorithm::RS256, SECRET),
        ] {
            let error = verifier(algorithm, &[secret]).unwrap_err().to_string();
            assert!(!error.contains(secret) && error.contains("expected"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_names_anybody(token in "\\PC*", parts in "[A-Za-z0-9_-]{0,80}(\\.[A-Za-z0-9_-]{0,80}){2}") {
            prop_assert!(judged(&token).is_err() && judged(&parts).is_err());
        }
    }
}
