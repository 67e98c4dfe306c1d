//! ECIDs: which visitor a request is of.

use std::fmt;
use std::str::FromStr;

use domain::identity::Keyring;

/// The number of an ECID's digits.
const DIGITS: usize = 38;

/// The ID of a visitor's browser: 38 digits. It is personal data, and shown by neither `Debug` nor `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Ecid(String);

/// A text that is no ECID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the {DIGITS} digits of an ECID")]
pub struct NoEcid;

/// Where a visitor's ECID is from, as the identity cookie numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was made just now.
    Random,
    /// It follows from a device ID of the site's own.
    DeviceId,
    /// The request named it: another of the company's sites handed the visitor over, or a server knows them.
    Request,
    /// The visitor's cookie holds it already.
    Cookie,
}

impl Ecid {
    /// A new visitor's.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn random() -> Result<Ecid, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Ecid::of_number(u128::from_be_bytes(bytes)))
    }

    /// The one that follows from a device ID: always the same, and nobody without the deployment's secret can tell
    /// which, or go back.
    pub fn of_device(keyring: &Keyring, device: &str) -> Ecid {
        Ecid::of_number(keyring.device_number(device))
    }

    fn of_number(number: u128) -> Ecid {
        Ecid(format!("{:0DIGITS$}", number % 10_u128.pow(38)))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Ecid {
    type Err = NoEcid;

    fn from_str(text: &str) -> Result<Ecid, NoEcid> {
        let fits = text.len() == DIGITS && text.bytes().all(|each| each.is_ascii_digit());
        if fits { Ok(Ecid(text.to_owned())) } else { Err(NoEcid) }
    }
}

impl fmt::Debug for Ecid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Ecid(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn new_ones_are_ecids_and_differ() {
        let made: BTreeSet<String> = (0..1000).map(|_| Ecid::random().unwrap().as_str().to_owned()).collect();
        assert_eq!(made.len(), 1000);
        assert!(made.iter().all(|each| each.parse::<Ecid>().is_ok()));
    }

    #[test]
    fn small_numbers_have_all_digits_too() {
        for number in [0, 7, u128::MAX] {
            assert!(Ecid::of_number(number).as_str().parse::<Ecid>().is_ok(), "{number}");
        }
    }

    #[test]
    fn one_device_has_one_ecid_under_one_secret() {
        let (one, other) = (Keyring::new(1, &[7; 32]).unwrap(), Keyring::new(1, &[8; 32]).unwrap());
        let ecid = Ecid::of_device(&one, "5d2a");
        assert_eq!(ecid, Ecid::of_device(&one, "5d2a"));
        assert_ne!(ecid, Ecid::of_device(&one, "5d2b"));
        assert_ne!(ecid, Ecid::of_device(&other, "5d2a"));
        assert!(ecid.as_str().parse::<Ecid>().is_ok());
    }

    #[test]
    fn what_is_not_38_digits_is_no_ecid_and_none_is_shown() {
        let digits = "24942604298416173926982547278274642631";
        assert!(!format!("{:?}", digits.parse::<Ecid>().unwrap()).contains("249"));
        for text in
            ["", "1", &digits[1..], "2494260429841617392698254727827464263x", "２４９４２６０４２９８４１"]
        {
            assert_eq!(text.parse::<Ecid>(), Err(NoEcid), "{text}");
        }
    }
}
