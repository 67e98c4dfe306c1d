//! What comes out of a file: tables of inputs with their rows and rejections, and what holds for any bytes at all.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test's helpers may fail like the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use domain::dataset::{Dataset, FileSource, Format, OnUnmatched, Retention, Source, WriteMode};
use domain::schema::{self, Class, Field, FieldType, Fields, IdentityDescriptor, Schema};
use domain::value::{Object, Value};
use proptest::prelude::*;
use records::{HeaderError, LARGEST_RECORD, Reader, Rejected, Row};

/// A schema with every type that fits into a cell, nested, bounded, listed and required.
fn schema() -> Schema {
    let mut email = Field::of(FieldType::String);
    email.identity = Some(IdentityDescriptor { namespace: "Email".parse().unwrap(), primary: true });
    let mut band = Field::of(FieldType::String);
    band.allowed = vec![Value::String("low".into()), Value::String("high".into())];
    let mut rating = Field::of(FieldType::Integer);
    (rating.minimum, rating.maximum) = (Some(1.0), Some(9.0));
    let mut score = Field::of(FieldType::Double);
    score.required = true;
    let partner = Fields::from([
        ("band".to_owned(), band),
        ("owner".to_owned(), Field::of(FieldType::Boolean)),
        ("rating".to_owned(), rating),
        ("score".to_owned(), score),
    ]);
    let mut country = Field::of(FieldType::String);
    country.required = true;
    let fields = Fields::from([
        ("born".to_owned(), Field::of(FieldType::Date)),
        ("country".to_owned(), country),
        ("email".to_owned(), email),
        ("note".to_owned(), Field::of(FieldType::String)),
        ("partner".to_owned(), Field::of(FieldType::Object(partner))),
        ("seen".to_owned(), Field::of(FieldType::DateTime)),
    ]);
    Schema {
        name: "people".parse().unwrap(),
        title: "People".into(),
        description: None,
        class: Class::Profile,
        fields,
    }
}

fn dataset() -> Dataset {
    let columns = [
        ("mail", "email"),
        ("country", "country"),
        ("born", "born"),
        ("note", "note"),
        ("band", "partner.band"),
        ("owner", "partner.owner"),
        ("rating", "partner.rating"),
        ("score", "partner.score"),
        ("seen", "seen"),
    ];
    Dataset {
        name: "people".parse().unwrap(),
        title: "People".into(),
        schema: "people".parse().unwrap(),
        partner: None,
        labels: BTreeSet::new(),
        source: Source::Files(FileSource {
            prefix: "people/".into(),
            format: Format::Csv,
            columns: columns.map(|(column, path)| (column.to_owned(), path.parse().unwrap())).into(),
            ignored_columns: BTreeSet::from(["ignored".to_owned()]),
            row_time: None,
            file_time: None,
        }),
        write_mode: WriteMode::Replace,
        on_unmatched: OnUnmatched::Create,
        error_threshold: 5.0,
        approve_above: 10.0,
        retention: Retention::default(),
    }
}

type Outcome = Result<Row, Rejected>;

fn read(bytes: &[u8]) -> Result<Vec<Outcome>, HeaderError> {
    Reader::new(bytes, &dataset(), &schema()).map(|reader| reader.map(Result::unwrap).collect())
}

/// One row per line: attributes in debug form, or code, column and reason.
fn shown(outcome: &Outcome) -> String {
    match outcome {
        Ok(row) => format!("{}/{} {}", row.number, row.line, shown_object(&row.attributes)),
        Err(rejected) => format!(
            "{}/{} {} {}: {} <{}>",
            rejected.number,
            rejected.line,
            rejected.code,
            rejected.column.as_deref().unwrap_or("-"),
            rejected.reason,
            rejected.raw.escape_debug()
        ),
    }
}

fn shown_object(object: &Object) -> String {
    let members: Vec<_> = object
        .iter()
        .map(|(name, value)| match value {
            Value::Object(members) => format!("{name}={}", shown_object(members)),
            Value::String(text) => format!("{name}={text:?}"),
            Value::Boolean(truth) => format!("{name}={truth}"),
            Value::Integer(number) => format!("{name}={number}"),
            Value::Double(number) => format!("{name}={number:?}"),
            Value::Array(_) => format!("{name}=array"),
        })
        .collect();
    format!("{{{}}}", members.join(" "))
}

#[track_caller]
fn check(file: impl AsRef<[u8]>, expected: &[&str]) {
    let found: Vec<_> = read(file.as_ref()).unwrap().iter().map(shown).collect();
    assert_eq!(found, expected);
}

/// The row of one person from the country that every row needs, with one more column.
#[track_caller]
fn check_cell(column: &str, cells: &[(&str, &str)]) {
    for (cell, expected) in cells {
        let file = format!("mail,country,score,{column}\na@example.com,DE,1,{cell}\n");
        let found = shown(&read(file.as_bytes()).unwrap()[0]);
        assert!(found.contains(expected), "{column} `{cell}`: {found}");
    }
}

#[test]
fn rows_take_the_shape_of_the_schema_and_empty_cells_are_absent() {
    check(
        "mail,country,score,owner,band,note\na@example.com,DE,1.5,true,high,x\nb@example.com,DE,,,,\n",
        &[
            r#"1/2 {country="DE" email="a@example.com" note="x" partner={band="high" owner=true score=1.5}}"#,
            r#"2/3 {country="DE" email="b@example.com"}"#,
        ],
    );
}

#[test]
fn line_ends_quotes_blank_lines_and_a_byte_order_mark_are_read_as_csv_has_them() {
    let expected = [
        r#"1/2 {country="DE" email="a@example.com" note="one,\n\"two\""}"#,
        r#"2/5 {country="DE" email="b@example.com"}"#,
    ];
    let file = "mail,country,note\na@example.com,DE,\"one,\n\"\"two\"\"\"\n\nb@example.com,DE,\n";
    check(file, &expected);
    check(format!("\u{feff}{file}"), &expected);
    check(file.trim_end(), &expected);
    let windows = file.replace('\n', "\r\n");
    check(&windows, &[&expected[0].replace("\\n", "\\r\\n"), expected[1]]);
}

#[test]
fn ignored_columns_are_left_unread() {
    check(
        "mail,ignored,country\na@example.com,anything,DE\n",
        &[r#"1/2 {country="DE" email="a@example.com"}"#],
    );
}

#[test]
fn cells_are_checked_by_type() {
    check_cell(
        "rating",
        &[
            ("7", "rating=7"),
            (" 7 ", "rating=7"),
            (
                "7.0",
                "wrong_type rating: column `rating`: expected an integer, found a number of 3 characters",
            ),
            ("seven", "expected an integer, found text of 5 characters"),
            ("0", "out_of_range rating: column `rating`: expected 1 to 9, found an integer of 1 character"),
            ("10", "expected 1 to 9, found an integer of 2 characters"),
        ],
    );
    check_cell(
        "owner",
        &[("true", "owner=true"), ("FALSE", "owner=false"), ("1", "wrong_type"), ("yes", "wrong_type")],
    );
    check_cell(
        "band",
        &[
            ("high", "band=\"high\""),
            (
                "High",
                "not_allowed band: column `band`: expected one of the 2 values that the schema allows, found text of 4 characters",
            ),
        ],
    );
    check_cell(
        "born",
        &[
            ("1980-02-29", "born=\"1980-02-29\""),
            ("1981-02-29", "found text of 10 characters"),
            ("29.02.1980", "wrong_type"),
            ("1980-02-29T10:00:00", "wrong_type"),
        ],
    );
    check_cell(
        "seen",
        &[
            ("2026-01-31T18:30:00+01:00", "seen=\"2026-01-31T17:30:00Z\""),
            ("2026-01-31T18:30:00", "wrong_type"),
            ("2026-01-31", "found a date of 10 characters"),
        ],
    );
}

#[test]
fn a_double_takes_one_form_whatever_it_is_written_like() {
    for (cell, expected) in [("3", "3"), ("3.0", "3"), ("0.5", "0.5"), ("5e-1", "0.5"), ("1e100", "1e100")] {
        let file = format!("mail,country,score\na@example.com,DE,{cell}\n");
        assert!(shown(&read(file.as_bytes()).unwrap()[0]).contains(&format!("score={expected}}}")), "{cell}");
    }
    for cell in ["NaN", "inf", "-infinity", "1e999", "1,5"] {
        let file = format!("mail,country,score\na@example.com,DE,\"{cell}\"\n");
        assert!(shown(&read(file.as_bytes()).unwrap()[0]).contains("wrong_type"), "{cell}");
    }
}

#[test]
fn a_number_that_cannot_be_stored_is_set_aside() {
    let said = |cell: &str| {
        let file = format!("mail,country,score\na@example.com,DE,{cell}\n");
        shown(&read(file.as_bytes()).unwrap()[0])
    };
    for cell in ["0", "-0.0", "1e-128", "-1e-128", "9e125", "-9e125"] {
        assert!(!said(cell).contains("out_of_range"), "{cell}");
    }
    for cell in ["1e-129", "-1e-129", "5e-324", "9.1e125", "-1e300"] {
        let expected = "out_of_range score: column `score`: expected zero, or a magnitude from 1e-128 to 9e125, found a number";
        assert!(said(cell).contains(expected), "{cell}: {}", said(cell));
    }
}

#[test]
fn what_is_required_of_an_object_is_required_where_the_object_is_there() {
    check(
        "mail,country,band,score\na@example.com,DE,,\na@example.com,DE,low,\na@example.com,,low,1\n",
        &[
            r#"1/2 {country="DE" email="a@example.com"}"#,
            "2/3 missing_required score: column `score`: expected a required value, found an empty cell <a@example.com,DE,low,>",
            "3/4 missing_required country: column `country`: expected a required value, found an empty cell <a@example.com,,low,1>",
        ],
    );
}

#[test]
fn a_row_without_primary_identity_is_set_aside() {
    check(
        "mail,country\n ,DE\n",
        &[
            "1/2 missing_identity mail: column `mail`: expected the primary identity, found an empty cell < ,DE>",
        ],
    );
}

#[test]
fn rows_have_the_time_of_their_column() {
    let mut dataset = dataset();
    let Source::Files(files) = &mut dataset.source else { unreachable!("it is a dataset of files") };
    files.row_time = Some("at".to_owned());
    let file =
        "mail,country,at\na@example.com,DE,2026-01-31T00:00:00Z\nb@example.com,DE,\nc@example.com,DE,noon\n";
    let rows: Vec<Outcome> =
        Reader::new(file.as_bytes(), &dataset, &schema()).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows[0].as_ref().unwrap().time, Some("2026-01-31T00:00:00Z".parse().unwrap()));
    assert_eq!(rows[1].as_ref().unwrap_err().code.as_str(), "invalid_time");
    assert_eq!(rows[2].as_ref().unwrap_err().column.as_deref(), Some("at"));
    let error = Reader::new("mail,country\n".as_bytes(), &dataset, &schema()).err().unwrap();
    assert!(matches!(error, HeaderError::MissingColumns { columns } if columns == ["at"]));
}

#[test]
fn a_bad_row_never_ends_the_reading() {
    check(
        b"mail,country\na@example.com\nb@example.com,DE,x\nc\xff@example.com,DE\nd@example.com,DE\n"
            .as_slice(),
        &[
            "1/2 corrupt_row -: expected 2 cells as in the header, found 1 <a@example.com>",
            "2/3 corrupt_row -: expected 2 cells as in the header, found 3 <b@example.com,DE,x>",
            "3/4 corrupt_row -: expected UTF-8, found bytes of another encoding <c\u{fffd}@example.com,DE>",
            r#"4/5 {country="DE" email="d@example.com"}"#,
        ],
    );
}

#[test]
fn a_character_cut_in_two_by_a_comma_is_no_utf8() {
    check(
        b"mail,note,country\na@example.com,\xc3,\xa9\n".as_slice(),
        &[
            "1/2 corrupt_row -: expected UTF-8, found bytes of another encoding <a@example.com,\u{fffd},\u{fffd}>",
        ],
    );
}

#[test]
fn an_open_quote_costs_its_own_line_only() {
    let expected = [
        r#"1/2 corrupt_row -: expected a closed quote, found one that runs on into the next rows <a@example.com,\"DE>"#,
        r#"2/3 {country="DE" email="b@example.com"}"#,
        r#"3/4 {country="DE" email="c@example.com"}"#,
    ];
    check("mail,country\na@example.com,\"DE\nb@example.com,DE\nc@example.com,DE", &expected);

    let rows: String = (0..20_000).map(|row| format!("{row}@example.com,DE\n")).collect();
    let outcomes = read(format!("mail,country\na@example.com,\"DE\n{rows}").as_bytes()).unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 20_000);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1);
}

#[test]
fn a_quote_that_a_later_row_closes_costs_its_own_line_only() {
    check(
        "mail,country,note\na@example.com,DE,\"oh\nb@example.com,DE,\nc@example.com,DE,\"x, y\"\n",
        &[
            r#"1/2 corrupt_row -: expected a closed quote, found one that runs on into the next rows <a@example.com,DE,\"oh>"#,
            r#"2/3 {country="DE" email="b@example.com"}"#,
            r#"3/4 {country="DE" email="c@example.com" note="x, y"}"#,
        ],
    );
}

#[test]
fn a_record_may_have_a_hundred_kilobytes_and_no_more() {
    for (note, fits) in
        [(LARGEST_RECORD - "a@example.com,DE,".len(), true), (LARGEST_RECORD, false), (400_000, false)]
    {
        for end in ["\nb@example.com,DE,\n", "\r\nb@example.com,DE,\r\n", ""] {
            let file = format!("mail,country,note\na@example.com,DE,{}{end}", "x".repeat(note));
            let outcomes = read(file.as_bytes()).unwrap();
            match &outcomes[0] {
                Ok(_) => assert!(fits, "{note} {end:?}"),
                Err(rejected) => {
                    assert_eq!((rejected.code.as_str(), fits), ("too_large", false));
                    assert_eq!(rejected.raw.len(), LARGEST_RECORD);
                }
            }
            assert_eq!(outcomes.len(), if end.is_empty() { 1 } else { 2 });
            assert!(outcomes[1..].iter().all(|outcome| outcome.as_ref().is_ok_and(|row| row.line == 3)));
        }
    }
}

#[test]
fn a_header_says_what_is_wrong_with_it() {
    let wide = format!("mail,{}\n", "x".repeat(200_000));
    let table: &[(&[u8], &str)] = &[
        (b"", "the file is empty: expected a header with the columns `band`, `born`, "),
        (b"\n\r\n", "the file is empty"),
        (b"mail,country\n", ""),
        (b"mail,c\xf6untry\n", "the file is not UTF-8: found bytes of another encoding in line 1"),
        (b"\xff\xfem\0a\0", "the file is not UTF-8: found UTF-16, expected CSV in UTF-8"),
        (b"\x1f\x8b\x08\x00", "found gzip"),
        (
            b"country,note\n",
            "the header lacks column `mail`: expected it, since it holds the primary identity",
        ),
        (b"mail,note\n", "the header lacks the columns `country`"),
        (b"mail,country,Note,extra\n", "unknown columns `Note`, `extra`: expected `band`, `born`, "),
        (b"mail,country,mail\n", "columns `mail` stand in the header more than once"),
        (b"mary@example.com,DE\n", "line 1 is no header: none of its 2 cells names a column of the dataset"),
        (b"\"mail,country\n", "line 1 cannot be taken apart: found a quote that is never closed"),
        (wide.as_bytes(), "found more than 100 KB"),
    ];
    for (file, expected) in table {
        let found = read(file).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(found.starts_with(expected) || (!expected.is_empty() && found.contains(expected)), "{found}");
        assert!(!found.contains("mary@"), "{found}");
    }
}

#[test]
fn texts_are_held_against_format_pattern_and_length_and_a_reason_never_repeats_them() {
    let mut field = Field::of(FieldType::String);
    field.pattern = Some("^[A-Z]{2}-[0-9]+$".parse().unwrap());
    (field.minimum_length, field.maximum_length) = (Some(4), Some(6));
    let mut address = Field::of(FieldType::String);
    address.format = Some(schema::Format::Email);
    for (field, cell, expected) in [
        (&field, "AB-12", r#"note="AB-12""#),
        (
            &field,
            "AB-1234",
            "wrong_length note: column `note`: expected 4 to 6 characters, found text of 7 characters",
        ),
        (
            &field,
            "ab-12",
            "pattern_mismatch note: column `note`: expected text that fits the schema's pattern `^[A-Z]{2}-[0-9]+$`, found text of 5 characters",
        ),
        (&address, "mary@example.com", r#"note="mary@example.com""#),
        (
            &address,
            "mary",
            "wrong_format note: column `note`: expected text in the schema's format `email`, found text of 4 characters",
        ),
    ] {
        let mut schema = schema();
        schema.fields.insert("note".into(), field.clone());
        let file = format!("mail,country,note\na@example.com,DE,{cell}\n");
        let mut reader = Reader::new(file.as_bytes(), &dataset(), &schema).unwrap();
        let found = shown(&reader.next().unwrap().unwrap());
        assert!(found.contains(expected), "{cell}: {found}");
    }
}

#[test]
fn a_column_of_a_type_that_fits_into_no_cell_is_an_error_of_the_dataset() {
    let mut schema = schema();
    schema.fields.insert("note".into(), Field::of(FieldType::Array(Box::new(FieldType::String))));
    let error = Reader::new("mail,country,note\n".as_bytes(), &dataset(), &schema).err().unwrap();
    assert!(error.to_string().contains("found array of string, expected a type that fits into a cell"));
}

/// Gives its bytes in pieces of any size, then fails if it was told to.
struct Trickle<'a> {
    bytes: &'a [u8],
    step: usize,
    fails: bool,
}

impl Read for Trickle<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() && self.fails {
            return Err(io::Error::other("connection reset"));
        }
        let step = self.step.min(into.len()).min(self.bytes.len());
        self.bytes.read(&mut into[..step])
    }
}

#[test]
fn an_error_of_the_source_is_no_rejection_and_ends_the_reading() {
    let source = Trickle { bytes: b"mail,country\na@example.com,DE\nb@exam", step: 5, fails: true };
    let mut reader = Reader::new(source, &dataset(), &schema()).unwrap();
    assert!(reader.next().unwrap().unwrap().is_ok());
    assert_eq!(reader.next().unwrap().unwrap_err().to_string(), "connection reset");
    assert!(reader.next().is_none());
}

/// The rejected rows' messages, which must hold nothing of what they reject.
fn reasons(outcomes: &[Outcome]) -> impl Iterator<Item = &str> {
    outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).map(|rejected| rejected.reason.as_str())
}

#[test]
fn no_reason_repeats_what_was_found() {
    let file =
        "mail,country,rating,born\nsecret@example.com,DE,secret,secret\nsecret,DE,4711,\nsecret,DE,secret\n";
    let outcomes = read(file.as_bytes()).unwrap();
    assert_eq!(reasons(&outcomes).count(), 3);
    assert!(reasons(&outcomes).all(|reason| !reason.contains("secret") && !reason.contains("4711")));
}

/// Cells that trip a CSV parser, and such as rows are made of.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{0,4}",
        2 => "[a-z,\"\r\n ]{0,6}",
        1 => Just("7".to_owned()),
        1 => Just("a@example.com".to_owned()),
        1 => Just("ü\u{feff}".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_to_the_end_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
        let mut file = b"mail,country\n".to_vec();
        file.extend_from_slice(&bytes);
        prop_assert!(read(&file).is_ok());
    }

    /// Every line that holds anything lies within exactly one row or rejection.
    #[test]
    fn no_line_is_lost(text in "[ab,\"\r\n]{0,80}") {
        let file = format!("mail,country\n{text}");
        let outcomes = read(file.as_bytes()).unwrap();
        let begins: Vec<u64> =
            outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(|bad| bad.line, |row| row.line)).collect();
        prop_assert!(begins.is_sorted());
        let mut next = 0;
        for (outcome, number) in outcomes.iter().zip(1..) {
            let (found, raw) = match outcome {
                Ok(row) => (row.number, None),
                Err(rejected) => (rejected.number, Some(rejected.raw.as_str())),
            };
            prop_assert_eq!(found, number);
            // What is set aside stands in the file, in order.
            if let Some(raw) = raw {
                let at = text[next..].find(raw).map(|at| next + at);
                prop_assert!(at.is_some(), "{raw:?} is not in the rest of {text:?}");
                next = at.unwrap() + raw.len();
            }
        }
        let kept: usize = outcomes.iter().map(|outcome| match outcome {
            Ok(row) => shown_object(&row.attributes).matches(['a', 'b']).count(),
            Err(rejected) => rejected.raw.matches(['a', 'b']).count(),
        }).sum();
        let names = outcomes.iter().filter(|outcome| outcome.is_ok()).count() * "email".matches('a').count();
        prop_assert_eq!(kept - names, text.matches(['a', 'b']).count());
    }

    /// However the source cuts its bytes, the same comes out.
    #[test]
    fn pieces_do_not_matter(text in "[ab7,\"\r\n]{0,80}", step in 1_usize..7) {
        let file = format!("\u{feff}mail,country\n{text}");
        let source = Trickle { bytes: file.as_bytes(), step, fails: false };
        let trickled: Vec<Outcome> =
            Reader::new(source, &dataset(), &schema()).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(trickled, read(file.as_bytes()).unwrap());
    }

    /// What a CSV writer writes is what the reader reads.
    #[test]
    fn rows_come_back_as_they_were_written(rows in prop::collection::vec((cell(), cell()), 0..20)) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["mail", "country", "note"]).unwrap();
        for (number, (country, note)) in rows.iter().enumerate() {
            writer.write_record([&format!("{number}@example.com"), country, note]).unwrap();
        }
        let outcomes = read(&writer.into_inner().unwrap()).unwrap();
        prop_assert_eq!(outcomes.len(), rows.len());
        for ((number, (country, note)), outcome) in rows.iter().enumerate().zip(&outcomes) {
            if country.is_empty() {
                prop_assert_eq!(outcome.as_ref().unwrap_err().code.as_str(), "missing_required");
                continue;
            }
            let mut expected = BTreeMap::from([
                ("email".to_owned(), Value::String(format!("{number}@example.com"))),
                ("country".to_owned(), Value::String(country.clone())),
            ]);
            if !note.is_empty() {
                expected.insert("note".to_owned(), Value::String(note.clone()));
            }
            prop_assert_eq!(&outcome.as_ref().unwrap().attributes, &expected);
        }
    }
}
