//! The batch file. Pure: a test can read it.

use std::fmt::Display;

use destination::{DestinationError, ErrorKind, Operation, Record, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::Settings;
use crate::parameter::{ID, Parameter};

/// A file has to be smaller than 50 MB. Adobe does not say which MB: these are the small ones.
const MAX_BYTES: usize = 50_000_000;

/// All but the unreserved characters of RFC 3986: `&` and `%` break a batch, `+` and `=` are read as something else.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Text as it stands in a file.
pub(crate) fn escaped(text: &str) -> String {
    utf8_percent_encode(text, &ESCAPED).to_string()
}

/// The file: a line with the names of the columns, then a row for each record, every one with all columns.
pub(crate) fn batch_file(settings: &Settings, request: &Request<'_>) -> Result<String, DestinationError> {
    let columns = columns(settings, request.records);
    let names = columns.iter().map(|column| escaped(column));
    let mut file = line([format!("batch={ID}"), escaped(&request.audience.id)].into_iter().chain(names));
    let (membership, values_stand) = match request.operation {
        Operation::Add => (&settings.realized, true),
        // What is withdrawn is overwritten: an empty value would leave what stands.
        Operation::Remove => (&settings.exited, false),
    };
    for record in request.records {
        let id = record.get(ID).ok_or_else(|| refused(request, format_args!("a record has no `{ID}`")))?;
        let values = columns.iter().map(|column| {
            let value = record.get(column).filter(|_| values_stand);
            value.map_or_else(|| settings.cleared.as_str().to_owned(), escaped)
        });
        file.push('\n');
        file += &line([escaped(id), membership.as_str().to_owned()].into_iter().chain(values));
    }
    if file.len() >= MAX_BYTES {
        let message = format!("a file of {} bytes, expected fewer than {MAX_BYTES}: split it", file.len());
        return Err(refused(request, message));
    }
    Ok(file)
}

/// The parameters of the configuration, then those that only records sent under an earlier one have.
fn columns<'a>(settings: &'a Settings, records: &'a [Record]) -> Vec<&'a str> {
    let mut columns: Vec<&str> = settings.parameters.0.iter().map(Parameter::as_str).collect();
    for (key, _) in records.iter().flat_map(Record::iter) {
        if key != ID && !columns.contains(&key) {
            columns.push(key);
        }
    }
    columns
}

fn line(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join(",")
}

fn refused(request: &Request<'_>, message: impl Display) -> DestinationError {
    DestinationError::new(ErrorKind::Rejected, request.verb(), message.to_string())
}

#[cfg(test)]
mod tests {
    use destination::{AudienceRef, Source};
    use jiff::Timestamp;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;
    use crate::config::{Config, EXAMPLE};
    use crate::destination::DESCRIPTOR;
    use crate::encode::{MAX_CELLS, encode};
    use crate::parameter::MAX_WORD;

    fn file_of(settings: &Settings, operation: Operation, records: &[Record]) -> String {
        let audience = AudienceRef { id: "recent_mover".to_owned() };
        let request =
            Request { audience: &audience, operation, attempt: "a1", at: Timestamp::UNIX_EPOCH, records };
        batch_file(settings, &request).unwrap()
    }

    fn file(operation: Operation, rows: &[&[(&str, &str)]]) -> String {
        let Config(settings) = serde_json::from_str(EXAMPLE).unwrap();
        let records: Vec<Record> = rows
            .iter()
            .map(|row| {
                let source: Source =
                    row.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
                encode(&settings, &source).unwrap().record
            })
            .collect();
        file_of(&settings, operation, &records)
    }

    #[test]
    fn a_row_with_the_required_fields() {
        insta::assert_snapshot!(file(Operation::Add, &[&[(ID, "crm-17")]]));
    }

    #[test]
    fn a_row_with_all_fields() {
        let all =
            [(ID, "crm-17"), ("home_ownership", "a&b=c, 100 % + Ümlaut 🏠"), ("move_date", "2026-02-01")];
        insta::assert_snapshot!(file(Operation::Add, &[&all]));
    }

    #[test]
    fn an_exit_is_said_in_words_and_clears_what_was_sent() {
        let all = [(ID, "crm-17"), ("home_ownership", "owner"), ("move_date", "2026-02-01")];
        insta::assert_snapshot!(file(Operation::Remove, &[&all, &[(ID, "crm 18")]]));
    }

    #[test]
    fn what_was_sent_under_earlier_parameters_is_cleared_by_them() {
        let Config(settings) = serde_json::from_str(EXAMPLE).unwrap();
        let earlier = Record::from_iter([(ID, "crm-17".to_owned()), ("tier", "plus".to_owned())]);
        let file = file_of(&settings, Operation::Remove, &[earlier]);
        assert_eq!(
            file,
            "batch=thirdPartyId,recent_mover,home_ownership,move_date,tier\ncrm-17,false,none,none,none"
        );
    }

    #[test]
    fn a_full_request_of_the_longest_rows_is_small_enough() {
        let names: Vec<String> = (0..40).map(|number| format!("{number:0128}")).collect();
        let word = "w".repeat(MAX_WORD);
        let config = serde_json::json!({"client_code": "northshop", "parameters": names, "realized": word, "cleared": word});
        let Config(settings) = serde_json::from_value(config).unwrap();
        let longest = Record::from_iter([(ID, "x".repeat(256)), ("unused", "y".repeat(MAX_CELLS - 256))]);
        let records = vec![longest; DESCRIPTOR.max_records];
        assert!(file_of(&settings, Operation::Add, &records).len() < MAX_BYTES);
    }

    #[test]
    fn a_record_without_an_id_is_no_row() {
        let Config(settings) = serde_json::from_str(EXAMPLE).unwrap();
        let audience = AudienceRef { id: "recent_mover".to_owned() };
        let records = [Record::from_iter([("move_date", "2026-02-01".to_owned())])];
        let request = Request {
            audience: &audience,
            operation: Operation::Add,
            attempt: "a1",
            at: Timestamp::UNIX_EPOCH,
            records: &records,
        };
        assert_eq!(batch_file(&settings, &request).unwrap_err().kind(), ErrorKind::Rejected);
    }

    proptest! {
        #[test]
        fn any_text_is_one_cell_and_comes_out_as_it_went_in(text in "(?s).{0,200}") {
            let cell = escaped(&text);
            prop_assert!(!cell.contains([',', '\n', '&', '=', '+']) && cell.is_ascii());
            prop_assert_eq!(percent_decode_str(&cell).decode_utf8().unwrap(), text);
        }
    }
}
