//! From mapped source values to the cells that Meta matches.

use std::borrow::Cow;

use destination::{Emptied, Encoded, Record, Rejection, Source, Target, hash};

use crate::normalise::{self, Normalise, Row};

/// Every key of a customer file that tells people apart, in Meta's order.
pub(crate) static TARGETS: [Target; 15] = [
    clear("EXTERN_ID", "your own id of the person, as your site sends it", "crm-000017", true),
    hashed("EMAIL", "an e-mail address", "mary@example.com", true),
    hashed("PHONE", "a phone number with its country code", "+1 (650) 555-1212", true),
    hashed("GEN", "the gender: m, f, male or female", "f", false),
    hashed("DOBY", "the year of birth, or the whole date as YYYY-MM-DD", "1985", false),
    hashed("DOBM", "the month of birth, or the whole date as YYYY-MM-DD", "3", false),
    hashed("DOBD", "the day of birth, or the whole date as YYYY-MM-DD", "7", false),
    hashed("LN", "the last name", "Brown", false),
    hashed("FN", "the first name", "Mary", false),
    hashed("FI", "the first initial, or the first name", "M", false),
    hashed("CT", "the city", "Köln", false),
    hashed("ST", "the state or province; in the US by name or code", "New York", false),
    hashed("ZIP", "the postal code", "94035-1234", false),
    hashed("COUNTRY", "the country, by code or English name", "United States", false),
    clear("MADID", "a mobile advertising id", "38400000-8CF0-11BD-B23E-10B96E40000D", true),
];

const fn hashed(
    key: &'static str,
    description: &'static str,
    example: &'static str,
    identifies: bool,
) -> Target {
    Target { key, description, example, identifies, hashed: true }
}

const fn clear(
    key: &'static str,
    description: &'static str,
    example: &'static str,
    identifies: bool,
) -> Target {
    Target { key, description, example, identifies, hashed: false }
}

fn normaliser(key: &str) -> Normalise {
    match key {
        "EMAIL" => normalise::email,
        "PHONE" => normalise::phone,
        "GEN" => normalise::gender,
        "DOBY" => normalise::birth_year,
        "DOBM" => normalise::birth_month,
        "DOBD" => normalise::birth_day,
        "FN" | "LN" => normalise::name,
        "FI" => normalise::initial,
        "CT" => normalise::city,
        "ST" => normalise::state,
        "ZIP" => normalise::postal_code,
        "COUNTRY" => normalise::country,
        "MADID" => normalise::advertising_id,
        _ => normalise::extern_id,
    }
}

/// Encodes one row. `this_year` is the last year in which anybody can have been born.
pub(crate) fn encode(source: &Source, this_year: i16) -> Result<Encoded, Rejection> {
    let row = Row { source, this_year };
    let mut record = Record::with_capacity(source.len());
    let mut emptied = Vec::new();
    let mut normalised = String::new();
    for (key, text) in source {
        if text.trim().is_empty() {
            continue;
        }
        let Some(target) = TARGETS.iter().find(|target| target.key == key) else {
            emptied.push(Emptied {
                target: Cow::Owned(key.clone()),
                reason: "is no target of this destination",
            });
            continue;
        };
        normalised.clear();
        match cell(target, text, &row, &mut normalised) {
            Ok(cell) => record.insert(target.key, cell),
            Err(reason) => emptied.push(Emptied { target: Cow::Borrowed(target.key), reason }),
        }
    }
    Encoded { record, emptied }.or_rejected()
}

fn cell(target: &Target, text: &str, row: &Row<'_>, normalised: &mut String) -> Result<String, &'static str> {
    let trimmed = text.trim();
    if target.hashed && hash::is_sha256_hex(trimmed) {
        return Ok(trimmed.to_ascii_lowercase());
    }
    normaliser(target.key)(text, row, normalised)?;
    Ok(if target.hashed { hash::sha256_hex(normalised) } else { normalised.clone() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode_all(cells: &[(&str, &str)]) -> Result<Encoded, Rejection> {
        encode(&cells.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect(), 2026)
    }

    fn one(key: &str, text: &str) -> String {
        encode_all(&[(key, text)]).unwrap().record.get(key).unwrap().to_owned()
    }

    #[test]
    fn gives_the_digests_that_meta_publishes() {
        let published = [
            (
                "EMAIL",
                "John_Smith@gmail.com",
                "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
            ),
            (
                "EMAIL",
                " mary@example.com ",
                "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79",
            ),
            ("PHONE", "1(650)555-1212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
            ("PHONE", "15559876543", "1ef970831d7963307784fa8688e8fce101a15685d62aa765fed23f3a2c576a4e"),
            ("FN", "Mary", "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"),
            ("FN", "Valéry", "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
            ("FN", "Vale\u{301}ry", "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
            ("LN", "정", "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"),
            ("COUNTRY", "us", "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
        ];
        for (key, text, digest) in published {
            assert_eq!(one(key, text), digest, "{key} {text}");
        }
    }

    #[test]
    fn a_hash_passes_through_in_lower_case() {
        let digest = hash::sha256_hex("mary@example.com");
        assert_eq!(one("EMAIL", &format!(" {} ", digest.to_uppercase())), digest);
        assert_eq!(one("PHONE", &digest), digest);
    }

    #[test]
    fn what_becomes_of_a_value_is_known_before_there_are_credentials() {
        let plugin = crate::destination::PLUGIN;
        let config = serde_json::from_str(plugin.descriptor().config_example).unwrap();
        let cell = |target: &str, value: &str| {
            let source = [(target.to_owned(), value.to_owned())].into();
            plugin.encode(&config, &source)?.get(target).map(str::to_owned)
        };
        let hash = hash::sha256_hex;
        assert_eq!(cell("PHONE", "+15559876543"), Some(hash("15559876543")), "without the plus");
        assert_eq!(cell("PHONE", &hash("+15559876543")), Some(hash("+15559876543")), "a hash stays");
        assert_eq!(cell("EMAIL", "mary@example.com"), Some(hash("mary@example.com")));
        assert_eq!(cell("EMAIL", "nobody"), None);
    }

    #[test]
    fn advertising_and_own_ids_leave_in_clear() {
        assert_eq!(
            one("MADID", "38400000-8CF0-11BD-B23E-10B96E40000D"),
            "38400000-8cf0-11bd-b23e-10b96e40000d"
        );
        assert_eq!(one("EXTERN_ID", "Crm-17 "), "Crm-17 ");
    }

    #[test]
    fn a_bad_value_empties_its_cell_only() {
        let encoded =
            encode_all(&[("EMAIL", "mary@example.com"), ("PHONE", "+0000000000"), ("GEN", "")]).unwrap();
        assert_eq!(encoded.record.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["EMAIL"]);
        assert_eq!(encoded.emptied.len(), 1);
        assert_eq!(encoded.emptied[0].target, "PHONE");
    }

    #[test]
    fn a_row_without_any_usable_value_is_rejected() {
        let rejection = encode_all(&[("EMAIL", "not an address"), ("SHOE_SIZE", "46")]).unwrap_err();
        assert_eq!(rejection.code(), "no_usable_value");
        assert_eq!(
            rejection.to_string(),
            "none of the mapped values can be used: `EMAIL`: expected an e-mail address, \
             `SHOE_SIZE`: is no target of this destination"
        );
        assert_eq!(encode_all(&[("EMAIL", " ")]).unwrap_err().code(), "no_value");
    }

    #[test]
    fn places_are_read_in_the_light_of_the_country() {
        let st = |country: &str, state: &str| {
            encode_all(&[("COUNTRY", country), ("ST", state)]).unwrap().record.get("ST").unwrap().to_owned()
        };
        assert_eq!(st("US", "New York"), hash::sha256_hex("ny"));
        assert_eq!(st("Georgia", "New York"), hash::sha256_hex("newyork"));
        let hashed_country = hash::sha256_hex("us");
        assert_eq!(st(&hashed_country, "California"), hash::sha256_hex("ca"));
    }

    proptest! {
        #[test]
        fn any_text_encodes_alike_twice_and_hashes_stay(texts in prop::collection::vec(".{0,40}", TARGETS.len())) {
            let source: Source =
                TARGETS.iter().zip(texts).map(|(target, text)| (target.key.to_owned(), text)).collect();
            let first = encode(&source, 2026);
            prop_assert_eq!(&first, &encode(&source, 2026));
            if let Ok(Encoded { record, .. }) = first {
                let again: Source =
                    record.iter().map(|(key, cell)| (key.to_owned(), cell.to_owned())).collect();
                prop_assert_eq!(encode(&again, 2026).unwrap().record, record);
            }
        }
    }
}
