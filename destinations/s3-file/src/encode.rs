//! From mapped source values to the cells of a row.

use std::borrow::Cow;

use destination::{Emptied, Encoded, Record, Rejection, Source, hash};

use crate::config::{Column, Config, Formulas, Transform};

pub(crate) fn encode(config: &Config, source: &Source) -> Result<Encoded, Rejection> {
    let mut record = Record::with_capacity(source.len());
    let mut emptied = Vec::new();
    for (name, text) in source {
        if text.trim().is_empty() {
            continue;
        }
        match config.columns.0.iter().find(|column| column.name == *name) {
            Some(column) => record.insert(name.clone(), cell(column, config.formulas, text)),
            None => emptied.push(Emptied {
                target: Cow::Owned(name.clone()),
                reason: "is no column of this destination",
            }),
        }
    }
    Encoded { record, emptied }.or_rejected()
}

fn cell(column: &Column, formulas: Formulas, text: &str) -> String {
    match (column.transform, formulas) {
        (Transform::Sha256, _) => hashed(&text.trim().to_lowercase()),
        (Transform::None, Formulas::Escape) if is_formula(text) => format!("'{text}"),
        (Transform::None, _) => text.to_owned(),
    }
}

fn hashed(normalised: &str) -> String {
    if hash::is_sha256_hex(normalised) { normalised.to_owned() } else { hash::sha256_hex(normalised) }
}

/// What a spreadsheet would run. Signed numbers, and with them phone numbers, are not among it.
fn is_formula(text: &str) -> bool {
    let is_number = |rest: &str| {
        !rest.is_empty() && rest.chars().all(|each| each.is_ascii_digit() || " ().-".contains(each))
    };
    match text.strip_prefix(['+', '-']) {
        Some(rest) => !is_number(rest),
        None => text.starts_with(['=', '@', '\t', '\r', '\n']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(formulas: &str, email: &str, note: &str) -> (String, String) {
        let config: Config = serde_json::from_value(serde_json::json!({
            "prefix": "p", "formulas": formulas,
            "columns": [{"name": "email", "transform": "sha256"}, {"name": "note"}],
        }))
        .unwrap();
        let source = [("email", email), ("note", note)].map(|(key, text)| (key.to_owned(), text.to_owned()));
        let record = encode(&config, &source.into()).unwrap().record;
        (record.get("email").unwrap().to_owned(), record.get("note").unwrap().to_owned())
    }

    #[test]
    fn identities_leave_hashed() {
        let digest = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79";
        assert_eq!(cells("escape", " Mary@Example.com ", "x").0, digest);
        assert_eq!(cells("escape", &digest.to_uppercase(), "x").0, digest);
    }

    #[test]
    fn formulas_become_text_and_numbers_stay() {
        for (text, cell) in [
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("@SUM(1)", "'@SUM(1)"),
            ("+cmd", "'+cmd"),
            ("-2+3", "'-2+3"),
            ("-17.5", "-17.5"),
            ("+1 (650) 555-1212", "+1 (650) 555-1212"),
            ("a=b", "a=b"),
        ] {
            assert_eq!(cells("escape", "x", text).1, cell);
            assert_eq!(cells("keep", "x", text).1, text);
        }
    }
}
