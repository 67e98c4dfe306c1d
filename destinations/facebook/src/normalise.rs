//! How Meta wants each kind of text before it is hashed.
//!
//! Each normaliser appends to a buffer that the row's cells share, or says what was expected in place of the text.

use std::borrow::Cow;

use destination::Source;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use crate::places;

/// What a normaliser may look at besides the text.
pub(crate) struct Row<'a> {
    pub(crate) source: &'a Source,
    pub(crate) this_year: i16,
}

impl Row<'_> {
    /// The row's country, as far as it says; a country that came hashed says nothing.
    fn country(&self) -> Option<&'static str> {
        places::country(self.source.get("COUNTRY")?)
    }
}

/// Appends the normalised text, or says what was expected.
pub(crate) type Normalise = fn(&str, &Row<'_>, &mut String) -> Result<(), &'static str>;

/// Trimmed, in lower case.
pub(crate) fn email(text: &str, _: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    const EXPECTED: &str = "expected an e-mail address";
    let text = text.trim();
    let (local, domain) = text.split_once('@').ok_or(EXPECTED)?;
    let fits = !local.is_empty()
        && domain.split('.').count() > 1
        && domain.split('.').all(|label| !label.is_empty())
        && !text.chars().any(|each| each.is_whitespace() || each.is_control())
        && !domain.contains('@');
    if !fits {
        return Err(EXPECTED);
    }
    push_lower(text, out);
    Ok(())
}

/// Digits only, country code first, without leading zeros, trunk prefix in brackets and extension.
pub(crate) fn phone(text: &str, _: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    const EXPECTED: &str = "expected a phone number with its country code, of 7 to 15 digits";
    let text = text.trim();
    let text = text.strip_prefix("tel:").unwrap_or(text);
    let number = text.split(['x', 'X', 'e', 'E', '#', ';', ',']).next().unwrap_or_default();
    let is_noise =
        |each: char| each.is_whitespace() || "+-.()/\u{2010}\u{2011}\u{2012}\u{2013}".contains(each);
    let international = number.starts_with('+') || number.starts_with("00");
    let number =
        if international { Cow::Owned(number.replacen("(0)", "", 1)) } else { Cow::Borrowed(number) };
    if !number.chars().all(|each| each.is_ascii_digit() || is_noise(each)) {
        return Err(EXPECTED);
    }
    out.extend(number.chars().filter(char::is_ascii_digit).skip_while(|digit| *digit == '0'));
    if (7..=15).contains(&out.len()) { Ok(()) } else { Err(EXPECTED) }
}

/// `m` or `f`; never guessed.
pub(crate) fn gender(text: &str, _: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    let text = text.trim();
    let is = |letter: &str, word: &str| text.eq_ignore_ascii_case(letter) || text.eq_ignore_ascii_case(word);
    if is("m", "male") {
        out.push('m');
    } else if is("f", "female") {
        out.push('f');
    } else {
        return Err("expected `m`, `f`, `male` or `female`");
    }
    Ok(())
}

/// `YYYY`.
pub(crate) fn birth_year(text: &str, row: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    let year = iso_date(text.trim()).map_or(text.trim(), |[year, _, _]| year);
    push_number(year, 4, 1900, row.this_year, out)
        .ok_or("expected a year from 1900 to now, or a date as YYYY-MM-DD")
}

/// `MM`.
pub(crate) fn birth_month(text: &str, _: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    let month = iso_date(text.trim()).map_or(text.trim(), |[_, month, _]| month);
    push_number(month, 2, 1, 12, out).ok_or("expected a month from 1 to 12, or a date as YYYY-MM-DD")
}

/// `DD`.
pub(crate) fn birth_day(text: &str, _: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    let day = iso_date(text.trim()).map_or(text.trim(), |[_, _, day]| day);
    push_number(day, 2, 1, 31, out).ok_or("expected a day from 1 to 31, or a date as YYYY-MM-DD")
}

/// Letters, marks and digits of any script, in lower case and composed; no spaces, no punctuation.
pub(crate) fn name(text: &str, _: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    if text.is_ascii() {
        out.extend(text.chars().filter(char::is_ascii_alphanumeric).map(|each| each.to_ascii_lowercase()));
    } else {
        let composed = ComposingNormalizerBorrowed::new_nfc().normalize(text);
        let kept: String = composed.chars().filter(|each| each.is_alphanumeric() || is_mark(*each)).collect();
        push_lower(&kept, out);
    }
    if out.chars().any(char::is_alphanumeric) { Ok(()) } else { Err("expected a name") }
}

/// The first letter, a-z.
pub(crate) fn initial(text: &str, _: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    const EXPECTED: &str = "expected an initial or a name in Latin letters";
    let first = text.chars().find(|each| each.is_alphabetic()).ok_or(EXPECTED)?;
    let mut letters = String::new();
    push_latin(first.encode_utf8(&mut [0; 4]), &mut letters);
    out.push(letters.chars().next().filter(char::is_ascii_lowercase).ok_or(EXPECTED)?);
    Ok(())
}

/// a-z only, accents taken off; what another script would sound like is not guessed.
pub(crate) fn city(text: &str, _: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    push_latin(text, out);
    out.retain(|each| each.is_alphabetic());
    if !out.is_empty() && out.is_ascii() { Ok(()) } else { Err("expected a city in Latin letters") }
}

/// In the US the two-letter code; elsewhere the name in lower case, without spaces and punctuation.
pub(crate) fn state(text: &str, row: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    const EXPECTED: &str = "expected a state or province";
    match (row.country(), places::us_state(text)) {
        (Some("us") | None, Some(code)) => out.push_str(code),
        (Some("us"), None) => return Err("expected a US state, by code or name"),
        _ => name(text, row, out).map_err(|_| EXPECTED)?,
    }
    Ok(())
}

/// In lower case without spaces: five digits in the US, the sector in the UK.
pub(crate) fn postal_code(text: &str, row: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    out.extend(text.chars().filter(|each| !each.is_whitespace()).flat_map(char::to_lowercase));
    let country = row.country();
    if matches!(country, Some("us") | None) && is_zip_plus_four(text.trim(), out, country.is_some()) {
        out.truncate(5);
    } else if matches!(country, Some("gb") | None) && is_uk_postcode(out) {
        out.truncate(out.len() - 2);
    }
    let fits = match country {
        Some("us") => out.len() == 5 && out.bytes().all(|byte| byte.is_ascii_digit()),
        _ => out.len() <= 12 && out.bytes().any(|byte| byte.is_ascii_alphanumeric()),
    };
    if fits { Ok(()) } else { Err("expected a postal code") }
}

/// Alpha-2, in lower case.
pub(crate) fn country(text: &str, _: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    out.push_str(places::country(text).ok_or("expected a country, by code or English name")?);
    Ok(())
}

/// In lower case, hyphens kept. All zeros mean that tracking is switched off.
pub(crate) fn advertising_id(text: &str, _: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    out.extend(text.trim().chars().map(|each| each.to_ascii_lowercase()));
    let is_digit_or_hyphen = |(index, byte): (usize, u8)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    let fits = out.len() == 36 && out.bytes().enumerate().all(is_digit_or_hyphen);
    if fits && out.bytes().any(|byte| !matches!(byte, b'0' | b'-')) {
        Ok(())
    } else {
        Err("expected a mobile advertising id, a UUID that is not all zeros")
    }
}

/// As it is.
pub(crate) fn extern_id(text: &str, _: &Row<'_>, out: &mut String) -> Result<(), &'static str> {
    out.push_str(text);
    Ok(())
}

/// The text's letters a-z in lower case, accents taken off: the form in which names of places are looked up.
pub(crate) fn latin_letters(text: &str) -> String {
    let mut letters = String::with_capacity(text.len());
    push_latin(text, &mut letters);
    letters.retain(|each| each.is_alphabetic());
    letters
}

/// Appends in lower case without accents; letters that have no Latin form stay as they are.
fn push_latin(text: &str, out: &mut String) {
    if text.is_ascii() {
        return push_lower(text, out);
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    for each in decomposed.chars().filter(|each| !is_mark(*each)).flat_map(char::to_lowercase) {
        match each {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'þ' => out.push_str("th"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'ħ' => out.push('h'),
            'ı' => out.push('i'),
            // What lower-casing may leave behind, as in `İ`.
            mark if is_mark(mark) => {}
            other => out.push(other),
        }
    }
}

fn push_lower(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        if let Some(pushed) = out.get_mut(start..) {
            pushed.make_ascii_lowercase();
        }
    } else {
        out.push_str(&text.to_lowercase());
    }
}

/// The combining marks of European scripts, which normalisation takes apart from their letters.
fn is_mark(each: char) -> bool {
    matches!(each, '\u{0300}'..='\u{036f}')
}

fn iso_date(text: &str) -> Option<[&str; 3]> {
    let mut parts = text.get(..10)?.split('-');
    let date = [parts.next()?, parts.next()?, parts.next()?];
    let ends = parts.next().is_none() && matches!(text.as_bytes().get(10), None | Some(b'T' | b' '));
    (ends && date.map(str::len) == [4, 2, 2]).then_some(date)
}

fn push_number(text: &str, width: usize, least: i16, most: i16, out: &mut String) -> Option<()> {
    let number: i16 = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())??;
    (least..=most).contains(&number).then(|| out.push_str(&format!("{number:0width$}")))
}

fn is_zip_plus_four(text: &str, squeezed: &str, surely_us: bool) -> bool {
    let separator = text.as_bytes().get(5);
    let separated = matches!(separator, Some(b'-' | b' '));
    let digits = squeezed.bytes().filter(u8::is_ascii_digit).count();
    let noise = squeezed.len() - digits;
    digits == 9 && noise == usize::from(separator == Some(&b'-')) && (separated || surely_us)
}

/// A whole UK postcode without its space, in lower case: area, district, sector, unit.
fn is_uk_postcode(text: &str) -> bool {
    let Some((outward, inward)) = text.len().checked_sub(3).and_then(|at| text.split_at_checked(at)) else {
        return false;
    };
    let shape = |text: &str| -> String {
        let class = |each: char| match each {
            'a'..='z' => 'a',
            '0'..='9' => '9',
            _ => '?',
        };
        text.chars().map(class).collect()
    };
    matches!(shape(outward).as_str(), "a9" | "a99" | "aa9" | "aa99" | "a9a" | "aa9a")
        && shape(inward) == "9aa"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(normalise: Normalise, cases: &[(&str, Option<&str>)]) {
        check_in("", normalise, cases);
    }

    fn check_in(country: &str, normalise: Normalise, cases: &[(&str, Option<&str>)]) {
        let source = Source::from([("COUNTRY".to_owned(), country.to_owned())]);
        for (text, expected) in cases {
            let mut out = String::new();
            let found =
                normalise(text, &Row { source: &source, this_year: 2026 }, &mut out).map(|()| out.as_str());
            assert_eq!(found.ok(), *expected, "{text}");
        }
    }

    #[test]
    fn emails() {
        check(
            email,
            &[
                (" John_Smith@Gmail.com\t", Some("john_smith@gmail.com")),
                ("JÖRG@exämple.org", Some("jörg@exämple.org")),
                ("mary", None),
                ("mary@", None),
                ("@example.com", None),
                ("mary@localhost", None),
                ("mary@example..com", None),
                ("a@b@example.com", None),
                ("mary smith@example.com", None),
            ],
        );
    }

    #[test]
    fn phones() {
        check(
            phone,
            &[
                ("1(650)555-1212", Some("16505551212")),
                ("+1 650 555 1212", Some("16505551212")),
                ("0016505551212", Some("16505551212")),
                ("tel:+1-650-555-1212;ext=99", Some("16505551212")),
                ("+1 650 555 1212 x99", Some("16505551212")),
                ("+1 650 555 1212 ext. 99", Some("16505551212")),
                ("+1 650 555 1212 #99", Some("16505551212")),
                ("+44 (0)20 7946 0958", Some("442079460958")),
                ("+49\u{a0}30\u{2011}1234567", Some("49301234567")),
                ("+0000000000", None),
                ("650-555-1212 / 650-555-1213", None),
                ("1-800-FLOWERS", None),
                ("12345", None),
                ("1234567890123456", None),
                ("none", None),
                ("", None),
            ],
        );
    }

    #[test]
    fn genders_are_never_guessed() {
        check(gender, &[("M", Some("m")), (" Female ", Some("f")), ("man", None), ("x", None), ("mf", None)]);
    }

    #[test]
    fn births() {
        check(
            birth_year,
            &[
                ("1985", Some("1985")),
                ("1985-03-07", Some("1985")),
                ("1985-03-07T00:00:00Z", Some("1985")),
                ("1899", None),
                ("2027", None),
                ("85", None),
                ("+1985", None),
                ("1985-3-7", None),
            ],
        );
        check(
            birth_month,
            &[("3", Some("03")), ("12", Some("12")), ("1985-03-07", Some("03")), ("13", None), ("0", None)],
        );
        check(
            birth_day,
            &[("7", Some("07")), ("31", Some("31")), ("1985-03-07", Some("07")), ("32", None), ("", None)],
        );
    }

    #[test]
    fn names_keep_their_letters() {
        check(
            name,
            &[
                ("Mary", Some("mary")),
                (" Mary-Ann ", Some("maryann")),
                ("O’Neil", Some("oneil")),
                ("Valéry", Some("valéry")),
                ("Vale\u{301}ry", Some("valéry")),
                ("정", Some("정")),
                ("***", None),
            ],
        );
        check(
            initial,
            &[("Mary", Some("m")), ("é", Some("e")), ("Łukasz", Some("l")), ("정", None), ("7", None)],
        );
    }

    #[test]
    fn cities_lose_accents_and_all_but_letters() {
        check(
            city,
            &[
                ("Köln", Some("koln")),
                ("São Paulo", Some("saopaulo")),
                ("St. John's", Some("stjohns")),
                ("Gießen", Some("giessen")),
                ("Łódź", Some("lodz")),
                ("İstanbul", Some("istanbul")),
                ("東京", None),
                ("Санкт-Petersburg", None),
                ("12", None),
            ],
        );
    }

    #[test]
    fn states() {
        check(
            state,
            &[("New York", Some("ny")), ("ny", Some("ny")), ("Bayern", Some("bayern")), ("?", None)],
        );
        check_in("US", state, &[("California", Some("ca")), ("Bavaria", None)]);
        check_in("AU", state, &[("WA", Some("wa")), ("New South Wales", Some("newsouthwales"))]);
        check_in("Germany", state, &[("Baden-Württemberg", Some("badenwürttemberg"))]);
    }

    #[test]
    fn postal_codes() {
        check(
            postal_code,
            &[
                ("94035-1234", Some("94035")),
                ("94035 1234", Some("94035")),
                ("94035", Some("94035")),
                ("SW1A 1AA", Some("sw1a1")),
                ("M1 1AE", Some("m11")),
                ("1011 AB", Some("1011ab")),
                ("K1A 0B1", Some("k1a0b1")),
                ("100-0001", Some("100-0001")),
                ("--", None),
            ],
        );
        check_in("US", postal_code, &[("940351234", Some("94035")), ("2134", None)]);
        check_in("Brazil", postal_code, &[("01310-100", Some("01310-100"))]);
        check_in("Saudi Arabia", postal_code, &[("12345-6789", Some("12345-6789"))]);
    }

    #[test]
    fn countries() {
        check(country, &[("USA", Some("us")), ("Deutschland", None), ("DEU", Some("de"))]);
    }

    #[test]
    fn advertising_ids() {
        check(
            advertising_id,
            &[
                ("38400000-8CF0-11BD-B23E-10B96E40000D", Some("38400000-8cf0-11bd-b23e-10b96e40000d")),
                ("00000000-0000-0000-0000-000000000000", None),
                ("384000008CF011BDB23E10B96E40000D", None),
            ],
        );
    }
}
