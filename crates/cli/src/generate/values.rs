//! Values that fit a field: by what its schema says, and where that says little, by its name.

use domain::namespace::{Namespace, NamespaceType, ValueRule};
use domain::schema::{Field, FieldType};
use domain::value::{FieldPath, Value};
use jiff::civil::{Date, date};
use jiff::{Span, Timestamp};
use sha2::{Digest, Sha256};

use super::draw::Draw;
use super::person::Person;

/// One in so many optional values is left out.
const ONE_IN_SO_MANY_IS_ABSENT: u64 = 25;

/// A value for a field that is no identity; nothing where it is left out.
pub(crate) fn value(path: &FieldPath, field: &Field, person: &Person, draw: Draw) -> Option<Value> {
    let draw = draw.word(path.as_str());
    let may_be_absent = !field.required && !person.is_known_well;
    if may_be_absent && draw.word("absent").below(ONE_IN_SO_MANY_IS_ABSENT) == 0 {
        return None;
    }
    if let Some(allowed) = draw.pick(&field.allowed) {
        return Some(allowed.clone());
    }
    let value = match &field.kind {
        FieldType::String => Value::String(text(path, person, draw)),
        FieldType::Integer => Value::Integer(integer(field, draw)),
        FieldType::Double => double(field, draw),
        FieldType::Boolean => Value::Boolean(draw.below(2) == 1),
        FieldType::Date => Value::String(day(path, draw).to_string()),
        FieldType::DateTime => Value::String(instant(draw).to_string()),
        FieldType::Object(_) | FieldType::Array(_) | FieldType::Map(_) => return None,
    };
    // Nothing is made up that fits a pattern or a format: such a value is rather left out.
    Some(value).filter(|value| field.required || field.violation(value).is_none())
}

/// A person's identity of a namespace.
pub(crate) fn identity(namespace: &Namespace, person: &Person) -> String {
    let code = namespace.code.as_str();
    let draw = person.draw.word(code);
    match namespace.value {
        ValueRule::Email => person.email.clone(),
        ValueRule::EmailSha256 => sha256(&person.email),
        ValueRule::PhoneE164 => phone(person),
        ValueRule::PhoneE164Sha256 => sha256(&phone(person)),
        ValueRule::Ecid => format!("{:019}{:019}", draw.bits() >> 1, draw.number(1).bits() >> 1),
        ValueRule::Text => match namespace.kind {
            NamespaceType::PartnerId => format!("{}-{:016x}", initials(code), draw.bits()),
            NamespaceType::Device | NamespaceType::Cookie => {
                let (high, low) = (draw.bits(), draw.number(1).bits());
                let (first, second, third) = (high >> 32, high >> 16 & 0xffff, high & 0xffff);
                format!(
                    "{first:08x}-{second:04x}-{third:04x}-{:04x}-{:012x}",
                    low >> 48,
                    low & 0xffff_ffff_ffff
                )
            }
            _ => format!("{code}-{}", person.serial),
        },
    }
}

fn sha256(normalised: &str) -> String {
    hex::encode(Sha256::digest(normalised.as_bytes()))
}

/// `+1 555` and the serial: nobody's number.
fn phone(person: &Person) -> String {
    format!("+1555{:07}", person.serial.number() % 10_000_000_000)
}

/// The capitals of a code: `NorthlightID` becomes `NID`.
fn initials(code: &str) -> String {
    code.chars().filter(char::is_ascii_uppercase).collect()
}

/// What to write where a schema says no more than "text", by a word in the field's name.
const VOCABULARY: [(&str, &[&str]); 15] = [
    ("age", &["18-24", "25-34", "35-44", "45-54", "55-64", "65+"]),
    ("cardholder", &["N", "Y"]),
    ("city", &["Ashford", "Brookfield", "Easton", "Fairview", "Lakeside", "Milton", "Norwood", "Riverton"]),
    ("country", &["AT", "CH", "DE", "DK", "ES", "FR", "IT", "NL", "PL", "SE"]),
    ("flag", &["N", "Y"]),
    ("gender", &["female", "male", "other"]),
    ("holder", &["N", "Y"]),
    ("language", &["de", "en", "es", "fr", "it"]),
    ("postal", &["10001", "20002", "30003", "40004", "50005"]),
    ("rating", &["A", "B", "C", "D", "E"]),
    ("state", &["East", "North", "South", "West"]),
    ("street", &["1 Elm Street", "12 Oak Lane", "25 Mill Road", "7 Hill View", "90 Station Road"]),
    ("velocity", &["declining", "rising", "steady"]),
    ("volume", &["high", "low", "medium"]),
    ("zip", &["10001", "20002", "30003", "40004", "50005"]),
];

fn text(path: &FieldPath, person: &Person, draw: Draw) -> String {
    let words = words(path.steps().last().unwrap_or_default());
    let has = |word: &str| words.iter().any(|each| each == word);
    if has("first") && has("name") {
        return person.first_name.clone();
    }
    if has("last") && has("name") {
        return person.last_name.clone();
    }
    if has("name") {
        return format!("{} {}", person.first_name, person.last_name);
    }
    if has("email") {
        return person.email.clone();
    }
    if has("phone") {
        return phone(person);
    }
    if has("id") {
        return format!("{:012x}", draw.bits() >> 16);
    }
    let choice = VOCABULARY.iter().find(|(word, _)| has(word)).map(|(_, choice)| *choice);
    draw.pick(choice.unwrap_or(&["often", "rarely", "sometimes"])).copied().unwrap_or_default().to_owned()
}

/// The words of a name, in small letters: `householdID` has two.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        if letter == '_' || (was_small && letter.is_ascii_uppercase()) {
            words.push(String::new());
        }
        was_small = letter.is_ascii_lowercase();
        if let Some(word) = words.last_mut().filter(|_| letter != '_') {
            word.push(letter.to_ascii_lowercase());
        }
    }
    words
}

fn integer(field: &Field, draw: Draw) -> i64 {
    let (least, most) = bounds(field, 100.0);
    #[expect(clippy::cast_possible_truncation, reason = "bounds beyond the range of integers saturate")]
    let (least, most) = (least.ceil() as i64, most.floor() as i64);
    let width = most.abs_diff(least).saturating_add(1);
    least.saturating_add_unsigned(draw.below(width))
}

/// One of ten thousand steps between the bounds, rounded as people round.
fn double(field: &Field, draw: Draw) -> Value {
    let (least, most) = bounds(field, 100_000.0);
    let step = draw.below(10_001) as f64 / 10_000.0;
    let number = ((least + (most - least) * step) * 10_000.0).round() / 10_000.0;
    // A whole number has one form, as in what reads it.
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
    if number.fract() == 0.0 && number.abs() < 1e15 {
        Value::Integer(number as i64)
    } else {
        Value::Double(number)
    }
}

/// The bounds of a number, `width` apart where only one is stated, or from 0 where none is.
fn bounds(field: &Field, width: f64) -> (f64, f64) {
    match (field.minimum, field.maximum) {
        (Some(least), Some(most)) => (least, most),
        (Some(least), None) => (least, least + width),
        (None, Some(most)) => (most - width, most),
        (None, None) => (0.0, width),
    }
}

fn day(path: &FieldPath, draw: Draw) -> Date {
    let (first, days) = if path.as_str().to_lowercase().contains("birth") {
        (date(1940, 1, 1), 24_000)
    } else {
        (date(2010, 1, 1), 5_500)
    };
    let days = i64::try_from(draw.below(days)).unwrap_or(0);
    first.checked_add(Span::new().days(days)).unwrap_or(first)
}

fn instant(draw: Draw) -> Timestamp {
    const BEGIN_OF_2025: i64 = 1_735_689_600;
    let seconds = i64::try_from(draw.below(365 * 86_400)).unwrap_or(0);
    Timestamp::from_second(BEGIN_OF_2025 + seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_words() {
        assert_eq!(words("ageRangeInHousehold"), ["age", "range", "in", "household"]);
        assert_eq!(words("householdID"), ["household", "id"]);
        assert_eq!(words("first_name"), ["first", "name"]);
        assert!(!words("spendingVelocity").contains(&"city".to_owned()));
    }
}
