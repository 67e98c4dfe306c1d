//! A stand-in for the shop's sign-in: whoever knows an invented name and password gets a token that says who they are.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::Sha256;

use super::SITE;
use super::server::{response, text};

/// As long as a visit lasts.
const VALID_FOR: SignedDuration = SignedDuration::from_hours(1);

/// Whom tokens are for.
const AUDIENCE: &str = "shop_web";

/// The password of everyone, in a shop where everything is invented.
const PASSWORD: &str = "workbench";

/// A customer with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// The name to sign in with.
    pub login: &'static str,
    /// How the shop greets them.
    pub name: &'static str,
    /// Their customer number.
    pub customer: &'static str,
}

impl User {
    /// One of two who share a browser.
    pub const ADA: User = User { login: "ada", name: "Ada", customer: "H-1001" };

    /// The other.
    pub const BEN: User = User { login: "ben", name: "Ben", customer: "H-1002" };

    /// Everyone's password.
    pub const fn password(&self) -> &'static str {
        PASSWORD
    }
}

#[derive(Debug)]
pub(super) struct SignIn {
    key: String,
}

impl SignIn {
    pub(super) fn new(key: String) -> Self {
        Self { key }
    }

    pub(super) fn answer(&self, form: &[u8]) -> Response<Full<Bytes>> {
        let field = |name: &str| {
            let mut fields = url::form_urlencoded::parse(form);
            fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let (login, password) = (field("user"), field("password"));
        let user = [User::ADA, User::BEN].into_iter().find(|user| user.login == login);
        match user.filter(|user| user.password() == password) {
            Some(user) => {
                let token = self.token(&user, Timestamp::now());
                response(200, "application/json", json!({"token": token, "name": user.name}).to_string())
            }
            None => text(401, "this name and password are not known"),
        }
    }

    /// A JSON Web Token, signed with HMAC and SHA-256 (RFC 7519, RFC 7515).
    fn token(&self, user: &User, now: Timestamp) -> String {
        let claims = json!({
            "iss": format!("https://{SITE}"),
            "aud": AUDIENCE,
            "iat": now.as_second(),
            "exp": (now + VALID_FOR).as_second(),
            "sub": user.customer,
        });
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(&claims));
        let signature = Hmac::<Sha256>::new_from_slice(self.key.as_bytes())
            .map(|mac| mac.chain_update(&signed).finalize().into_bytes())
            .unwrap_or_default();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}
