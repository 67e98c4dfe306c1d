//! The identity cookie: whatever it is, it is read or none, and what was read is read again from what is written.

#![no_main]

use edge::cookie::{Cookie, Cookies};
use edge::ecid::Origin;
use edge::identity_cookie::IdentityCookie;
use edge::request::State;
use jiff::Timestamp;
use lambda_http::http::header::COOKIE;
use lambda_http::http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check(&String::from_utf8_lossy(bytes));
    if let Ok(header) = HeaderValue::from_bytes(bytes) {
        let headers = HeaderMap::from_iter([(COOKIE, header)]);
        let cookies = Cookies::of(&State::default(), &headers);
        cookies.values(&Cookie::Identity.name("A@AdobeOrg")).for_each(check);
    }
});

fn check(value: &str) {
    if let Some(cookie) = IdentityCookie::decode(value) {
        let written = cookie.encode(Origin::Cookie, "or2", Timestamp::UNIX_EPOCH);
        let again = IdentityCookie::decode(&written).expect("what was written is read");
        assert_eq!(again.ecid, cookie.ecid);
    }
}
