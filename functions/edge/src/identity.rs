//! Who a visitor is: by the identity cookie, or else by what the request says or by nothing.

use domain::edge::datastream::Datastream;
use domain::identity::Keyring;
use domain::namespace;
use jiff::Timestamp;

use crate::cookie::{Cookie, Cookies};
use crate::ecid::{Ecid, Origin};
use crate::identity_cookie::IdentityCookie;
use crate::request::{Body, Claim};

/// The namespace of device IDs that a site gives by itself.
const DEVICE_ID: &str = "FPID";

/// A visitor, as far as the request tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// What the visitor's identity cookie holds, or is to hold.
    pub cookie: IdentityCookie,
    /// Where the ECID is from.
    pub origin: Origin,
}

impl Recognised {
    /// Tells who a request is of. A visitor who is handed over by another site of the company, or known to a server,
    /// comes before the one of the cookie; a device ID counts where there is no cookie that can be read.
    ///
    /// # Errors
    /// Where nobody is told, and the system has no randomness for a new ECID.
    pub fn from(
        body: &Body,
        cookies: &Cookies,
        datastream: &Datastream,
        keyring: &Keyring,
    ) -> Result<Recognised, getrandom::Error> {
        let name = Cookie::Identity.name(&datastream.organisation);
        let mut held = cookies.values(&name).filter_map(IdentityCookie::decode);
        let of = |ecid, origin| {
            let cookie = IdentityCookie { ecid, created: None, written: None };
            Recognised { cookie, origin }
        };
        if let Some(ecid) = claimed(body, namespace::ECID).and_then(|id| id.parse().ok()) {
            return Ok(match held.find(|cookie| cookie.ecid == ecid) {
                Some(cookie) => Recognised { cookie, origin: Origin::Cookie },
                None => of(ecid, Origin::Request),
            });
        }
        if let Some(cookie) = held.next() {
            return Ok(Recognised { cookie, origin: Origin::Cookie });
        }
        let device_cookie = datastream.device_cookie.as_deref();
        let device = claimed(body, DEVICE_ID)
            .or_else(|| device_cookie.and_then(|name| cookies.values(name).find(|id| !id.is_empty())));
        if let Some(device) = device {
            return Ok(of(Ecid::of_device(keyring, device), Origin::DeviceId));
        }
        Ok(of(Ecid::random()?, Origin::Random))
    }

    /// Whether the visitor's browser is to keep the cookie as it is written now.
    pub fn is_to_be_kept(&self, now: Timestamp) -> bool {
        self.origin != Origin::Cookie || self.cookie.is_old(now)
    }
}

/// The first identity of a namespace that a request claims, as a whole or with one of its events.
fn claimed<'a>(body: &'a Body, code: &str) -> Option<&'a str> {
    let claims = body.identities.iter().chain(body.events.iter().flat_map(|event| &event.identities));
    let mut ids = claims.filter(|Claim { namespace, .. }| namespace.as_str() == code);
    ids.next().map(|claim| claim.id.as_str())
}
