//! From mapped source values to the cells of a row.

use std::borrow::Cow;

use destination::{Emptied, Encoded, Record, Rejection, Source, Target};

use crate::config::Settings;
use crate::parameter::{ID, Parameter};
use crate::request::escaped;

/// What every configuration has; the others are its parameters.
pub(crate) static TARGETS: [Target; 1] = [Target {
    key: ID,
    description: "the id by which the site tells Target who a visitor is (mbox3rdPartyId), in clear",
    example: "crm-000017",
    identifies: true,
    hashed: false,
}];

/// The longest id that Target takes, in characters.
const MAX_ID: usize = 256;

/// What the id and the values of one row may take in a file together, as they are escaped there.
pub(crate) const MAX_CELLS: usize = 4_000;

pub(crate) fn encode(settings: &Settings, source: &Source) -> Result<Encoded, Rejection> {
    let mut record = Record::with_capacity(source.len());
    let mut emptied = Vec::new();
    let id = source.get(ID).map(|text| text.trim()).filter(|id| !id.is_empty());
    let mut room = MAX_CELLS;
    match id.map(usable_id) {
        Some(Ok(id)) => {
            room -= escaped(id).len();
            record.insert(ID, id.to_owned());
        }
        Some(Err(reason)) => emptied.push(Emptied { target: Cow::Borrowed(ID), reason }),
        None => {}
    }
    let others = source.iter().filter(|(name, text)| *name != ID && !text.trim().is_empty());
    for (name, text) in others {
        match value(settings, name, text, room) {
            Ok(length) => {
                room -= length;
                record.insert(name.clone(), text.clone());
            }
            Err(reason) => emptied.push(Emptied { target: Cow::Owned(name.clone()), reason }),
        }
    }
    if id.is_none() && !(record.is_empty() && emptied.is_empty()) {
        emptied.push(Emptied { target: Cow::Borrowed(ID), reason: "is missing, and tells who is meant" });
    }
    // Without an id there is no row, whatever else is known.
    if record.get(ID).is_none() {
        return Err(Rejection { emptied });
    }
    Ok(Encoded { record, emptied })
}

fn usable_id(id: &str) -> Result<&str, &'static str> {
    if id.contains(['+', '/']) {
        Err("expected an id without `+` and `/`, which Target does not take")
    } else if id.chars().count() > MAX_ID {
        Err("expected an id of at most 256 characters")
    } else if id.contains(char::is_control) {
        Err("expected an id without control characters")
    } else {
        Ok(id)
    }
}

/// How much room a value takes, if it can be sent.
fn value(settings: &Settings, name: &str, text: &str, room: usize) -> Result<usize, &'static str> {
    if !settings.parameters.0.iter().map(Parameter::as_str).any(|parameter| parameter == name) {
        return Err("is no parameter of this destination");
    }
    if text.contains(char::is_control) {
        return Err("expected text without control characters");
    }
    // What is far too long need not be escaped to see that.
    let length = if text.len() > room { text.len() } else { escaped(text).len() };
    if length > room {
        Err("expected values of at most 4,000 bytes together, as encoded")
    } else {
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{Config, EXAMPLE};

    fn encode_all(cells: &[(&str, &str)]) -> Result<Encoded, Rejection> {
        let Config(settings) = serde_json::from_str(EXAMPLE).unwrap();
        encode(&settings, &cells.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn text_stays_as_it_is() {
        let encoded =
            encode_all(&[(ID, " crm 17 "), ("home_ownership", "ja & \"nein\", 50 % = Köln ")]).unwrap();
        assert_eq!(encoded.record.get(ID), Some("crm 17"));
        assert_eq!(encoded.record.get("home_ownership"), Some("ja & \"nein\", 50 % = Köln "));
        assert!(encoded.emptied.is_empty());
    }

    #[test]
    fn an_id_that_target_does_not_take_sets_the_row_aside() {
        for id in ["+49170", "a/b", "a\nb", &"x".repeat(257)] {
            let rejection = encode_all(&[(ID, id), ("home_ownership", "owner")]).unwrap_err();
            assert!(rejection.to_string().contains("`thirdPartyId`: expected an id"), "{rejection}");
        }
        assert!(encode_all(&[(ID, &"é".repeat(256))]).is_ok());
    }

    #[test]
    fn values_without_an_id_are_about_nobody() {
        let rejection = encode_all(&[("home_ownership", "owner")]).unwrap_err();
        assert_eq!(
            rejection.to_string(),
            "none of the mapped values can be used: `thirdPartyId`: is missing, and tells who is meant"
        );
    }

    #[test]
    fn a_bad_value_empties_its_cell_only() {
        let long = "🏠".repeat(400);
        let encoded = encode_all(&[(ID, "c-1"), ("home_ownership", "a\tb"), ("move_date", &long)]).unwrap();
        assert_eq!(encoded.record.iter().map(|(key, _)| key).collect::<Vec<_>>(), [ID]);
        assert_eq!(
            encoded.emptied.iter().map(|each| each.target.as_ref()).collect::<Vec<_>>(),
            ["home_ownership", "move_date"]
        );
    }

    proptest! {
        #[test]
        fn any_text_encodes_alike_twice_and_within_the_limit(
            id in "\\PC{1,300}", one in "(?s).{0,2000}", other in ".{0,2000}",
        ) {
            let source: Source =
                [(ID, id), ("home_ownership", one), ("move_date", other)].map(|(key, text)| (key.to_owned(), text)).into();
            let Config(settings) = serde_json::from_str(EXAMPLE).unwrap();
            if let Ok(Encoded { record, .. }) = encode(&settings, &source) {
                prop_assert!(record.iter().map(|(_, cell)| escaped(cell).len()).sum::<usize>() <= MAX_CELLS);
                let again = encode(&settings, &Source::from(record.clone())).unwrap();
                prop_assert_eq!(again.record, record);
                prop_assert!(again.emptied.is_empty());
            }
        }
    }
}
