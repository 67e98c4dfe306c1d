//! The identity cookie: an ECID in the form in which the Web SDK keeps it.
//!
//! It is a protocol-buffers message in base64url. Field 1 is the ECID, and comes first, since the SDK reads no further.
//! Field 10 tells how it came to be (1: when it was made, 2: whether it is new, 3: on which device, 5: in which region,
//! 6: from where), field 30 when it was written.

use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, Engine as _};
use jiff::{SignedDuration, Timestamp};

use crate::ecid::{Ecid, Origin};

/// What an identity cookie holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityCookie {
    /// The visitor's ECID.
    pub ecid: Ecid,
    /// When the ECID was made, in milliseconds of the Unix epoch.
    pub created: Option<u64>,
    /// When the cookie was written.
    pub written: Option<u64>,
}

/// The longest value that is looked at, in bytes: browsers keep no longer cookies.
const LONGEST: usize = 4096;

/// How old a cookie becomes before it is written again, so that who keeps coming keeps being known.
const RENEWED_AFTER: SignedDuration = SignedDuration::from_hours(24);

const ECID: u64 = 1;
const HISTORY: u64 = 10;
const CREATED: u64 = 1;
const IS_NEW: u64 = 2;
const DEVICE: u64 = 3;
const REGION: u64 = 5;
const SOURCE: u64 = 6;
const WRITTEN: u64 = 30;

impl IdentityCookie {
    /// Reads a cookie's value, with or without padding and in either alphabet. One that holds no ECID is none.
    pub fn decode(value: &str) -> Option<IdentityCookie> {
        if value.len() > LONGEST {
            return None;
        }
        let bytes = TOLERANT.decode(value.replace('+', "-").replace('/', "_")).ok()?;
        let (mut ecid, mut created, mut written) = (None, None, None);
        for (number, field) in fields(&bytes) {
            match (number, field) {
                (ECID, Field::Bytes(digits)) => ecid = str::from_utf8(digits).ok()?.parse().ok(),
                (HISTORY, Field::Bytes(history)) => {
                    let is_created = |(number, _): &(u64, Field<'_>)| *number == CREATED;
                    created = fields(history).find(is_created).and_then(|(_, field)| field.number());
                }
                (WRITTEN, field) => written = field.number(),
                _ => {}
            }
        }
        Some(IdentityCookie { ecid: ecid?, created, written })
    }

    /// The value of a cookie that is written now.
    pub fn encode(&self, origin: Origin, region: &str, now: Timestamp) -> String {
        let now = milliseconds(now);
        let mut history = Vec::new();
        put_number(&mut history, CREATED, self.created.unwrap_or(now));
        put_number(&mut history, IS_NEW, u64::from(origin != Origin::Cookie));
        put_number(&mut history, DEVICE, 1);
        put_bytes(&mut history, REGION, region.as_bytes());
        put_number(&mut history, SOURCE, source(origin));
        let mut message = Vec::new();
        put_bytes(&mut message, ECID, self.ecid.as_str().as_bytes());
        put_bytes(&mut message, HISTORY, &history);
        put_number(&mut message, WRITTEN, now);
        URL_SAFE_NO_PAD.encode(message)
    }

    /// Whether it is time to write it again.
    pub fn is_old(&self, now: Timestamp) -> bool {
        let age = self.written.map(|written| milliseconds(now).saturating_sub(written));
        age.is_none_or(|age| u128::from(age) >= RENEWED_AFTER.unsigned_abs().as_millis())
    }
}

fn source(origin: Origin) -> u64 {
    match origin {
        Origin::Random => 0,
        Origin::DeviceId => 2,
        Origin::Request | Origin::Cookie => 3,
    }
}

fn milliseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or_default()
}

const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A field of a message.
#[derive(Debug, Clone, Copy)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

impl Field<'_> {
    fn number(self) -> Option<u64> {
        match self {
            Field::Number(number) => Some(number),
            _ => None,
        }
    }
}

/// The fields of a message in their order, as far as it is one.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    std::iter::from_fn(move || {
        let tag = take_number(&mut bytes)?;
        let field = match tag & 7 {
            0 => Field::Number(take_number(&mut bytes)?),
            1 => take(&mut bytes, 8).map(|_| Field::Other)?,
            2 => {
                let length = usize::try_from(take_number(&mut bytes)?).ok()?;
                Field::Bytes(take(&mut bytes, length)?)
            }
            5 => take(&mut bytes, 4).map(|_| Field::Other)?,
            _ => return None,
        };
        Some((tag >> 3, field))
    })
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

/// A number in seven bits a byte, the lowest first.
fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn put_number(bytes: &mut Vec<u8>, field: u64, value: u64) {
    put_varint(bytes, field << 3);
    put_varint(bytes, value);
}

fn put_bytes(bytes: &mut Vec<u8>, field: u64, value: &[u8]) {
    put_varint(bytes, field << 3 | 2);
    put_varint(bytes, value.len() as u64);
    bytes.extend(value);
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    const DIGITS: &str = "24942604298416173926982547278274642631";

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn smallest() -> Vec<u8> {
        [b"\x0a\x26".as_slice(), DIGITS.as_bytes()].concat()
    }

    #[test]
    fn what_is_encoded_begins_with_the_ecid_and_has_every_field() {
        let ecid: Ecid = DIGITS.parse().unwrap();
        let cookie = IdentityCookie { ecid, created: None, written: None };
        let value = cookie.encode(Origin::Random, "or2", now());
        let bytes = URL_SAFE_NO_PAD.decode(&value).unwrap();
        assert!(bytes.starts_with(&smallest()));
        assert_eq!(bytes[40], 0x52);
        assert_eq!(bytes[bytes.len() - 8..bytes.len() - 6], [0xf0, 0x01]);
        let read = IdentityCookie::decode(&value).unwrap();
        let written = u64::try_from(now().as_millisecond()).unwrap();
        assert_eq!((read.created, read.written), (Some(written), Some(written)));
        assert_eq!(read.ecid.as_str(), DIGITS);
    }

    #[test]
    fn padding_and_alphabet_make_no_difference_nor_does_what_follows_the_ecid() {
        // 0xfb and 0xff need characters in which the alphabets differ.
        let odd = [smallest(), vec![0x12, 0x03, 0xfb, 0xff, 0xbf]].concat();
        let broken = [smallest(), vec![0x12, 0xff]].concat();
        for bytes in [smallest(), odd, broken] {
            for value in [STANDARD.encode(&bytes), URL_SAFE.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                assert_eq!(IdentityCookie::decode(&value).unwrap().ecid.as_str(), DIGITS, "{value}");
            }
        }
    }

    #[test]
    fn what_holds_no_ecid_is_none() {
        let short = [b"\x0a\x25".as_slice(), &DIGITS.as_bytes()[1..]].concat();
        let letters = [b"\x0a\x26".as_slice(), &[b'x'; 38]].concat();
        let endless = vec![0xff; 100];
        for bytes in [vec![], b"\x0a\x26".to_vec(), short, letters, endless] {
            assert_eq!(IdentityCookie::decode(&URL_SAFE.encode(&bytes)), None, "{bytes:?}");
        }
        for value in ["", "%", "junk", "ä", &"A".repeat(LONGEST + 1)] {
            assert_eq!(IdentityCookie::decode(value), None, "{value}");
        }
    }

    #[test]
    fn a_cookie_is_old_after_a_day_or_if_it_does_not_say() {
        let cookie = |written| IdentityCookie { ecid: DIGITS.parse().unwrap(), created: None, written };
        let today = u64::try_from(now().as_millisecond()).unwrap();
        assert!(cookie(None).is_old(now()));
        assert!(!cookie(Some(today)).is_old(now()));
        assert!(!cookie(Some(today + 5000)).is_old(now()));
        assert!(cookie(Some(today - 24 * 3600 * 1000)).is_old(now()));
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(
            digits in "[0-9]{38}",
            created in any::<Option<u64>>(),
            region in "[a-z0-9-]{0,20}",
            second in 0_i64..4_000_000_000,
        ) {
            let now = Timestamp::from_second(second).unwrap();
            let cookie = IdentityCookie { ecid: digits.parse().unwrap(), created, written: None };
            let read = IdentityCookie::decode(&cookie.encode(Origin::Random, &region, now)).unwrap();
            let written = milliseconds(now);
            let expected = IdentityCookie {
                created: Some(created.unwrap_or(written)), written: Some(written), ..cookie
            };
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn no_bytes_and_no_text_make_it_panic(bytes in any::<Vec<u8>>(), text in any::<String>()) {
            let _ = IdentityCookie::decode(&URL_SAFE_NO_PAD.encode(&bytes));
            let _ = IdentityCookie::decode(&text);
        }
    }
}
