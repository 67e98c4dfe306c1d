//! XDM documents that refer to each other, with descriptors beside the first: whatever they are, they become fields or
//! are refused; and what they become is the same once it was written as YAML and read again.

#![no_main]

use domain::schema::Class;
use libfuzzer_sys::fuzz_target;
use project::{Described, Documents};

/// What stands between two documents.
const NEXT: &str = "\n===\n";

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut documents = Documents::default();
    for (index, text) in text.split(NEXT).enumerate() {
        let file = match index {
            0 => "a.json".to_owned(),
            1 => "a.descriptors.json".to_owned(),
            _ => format!("{index}.json"),
        };
        // What is refused is left out; the others stand for themselves.
        let _ = documents.add(&file, text);
    }
    let Ok(described) = documents.describe("a.json") else { return };
    let has_fields = !described.fields.is_empty();
    let has_one_primary =
        domain::schema::leaves(&described.fields).iter().filter(|(_, field)| is_primary(field)).count() == 1;
    let yaml = described.to_yaml(Class::Profile);
    match Described::of_yaml("a.yaml", &yaml) {
        Ok(again) => assert_eq!(again.fields, described.fields, "{yaml}"),
        Err(problems) => assert!(!has_fields || !has_one_primary || is_borne(&problems.to_string()), "{problems}\n{yaml}"),
    }
});

fn is_primary(field: &domain::schema::Field) -> bool {
    field.identity.as_ref().is_some_and(|identity| identity.primary)
}

/// What a document may say, and a schema may not: limits that nothing fits, and the name of a profile's events.
fn is_borne(told: &str) -> bool {
    told.contains("lies above the maximum") || told.contains("is no field's name")
}
