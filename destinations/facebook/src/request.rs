//! What goes over the wire. Pure: a test can read it.

use std::borrow::Cow;

use destination::{AudienceSpec, Record, Request, hash};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::config::CustomerFileSource;

/// The body that makes an audience.
#[derive(Serialize)]
pub(crate) struct NewAudience<'a> {
    name: &'a str,
    description: &'a str,
    subtype: &'static str,
    customer_file_source: CustomerFileSource,
}

impl<'a> NewAudience<'a> {
    pub(crate) fn new(audience: &'a AudienceSpec, customer_file_source: CustomerFileSource) -> Self {
        Self {
            name: &audience.name,
            description: &audience.description,
            subtype: "CUSTOM",
            customer_file_source,
        }
    }
}

/// The body that adds or removes people.
#[derive(Serialize)]
pub(crate) struct Users<'a> {
    payload: Payload<'a>,
    session: Session,
}

#[derive(Serialize)]
struct Payload<'a> {
    schema: Vec<&'a str>,
    data: Rows<'a>,
}

/// Every request is a session of its own: what a later one carries does not wait for it.
#[derive(Serialize)]
struct Session {
    session_id: i64,
    batch_seq: u8,
    last_batch_flag: bool,
    estimated_num_total: usize,
}

impl<'a> Users<'a> {
    pub(crate) fn new(request: &Request<'a>) -> Self {
        let schema = schema(request.records);
        let data = Rows { schema: schema.clone(), records: request.records };
        let session = Session {
            session_id: session_id(request.attempt),
            batch_seq: 1,
            last_batch_flag: true,
            estimated_num_total: request.records.len(),
        };
        Self { payload: Payload { schema, data }, session }
    }
}

/// The keys that any of the records has. Records of an earlier mapping may lack some, or have others.
pub(crate) fn schema(records: &[Record]) -> Vec<&str> {
    let mut schema = Vec::new();
    for (key, _) in records.iter().flat_map(Record::iter) {
        if !schema.contains(&key) {
            schema.push(key);
        }
    }
    schema.sort_unstable();
    schema
}

/// A record as a row of the schema's width; a cell that it lacks is empty.
pub(crate) fn row<'a>(record: &'a Record, schema: &[&str]) -> impl Iterator<Item = &'a str> {
    schema.iter().map(|key| record.get(key).unwrap_or_default())
}

struct Rows<'a> {
    schema: Vec<&'a str>,
    records: &'a [Record],
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.records.len()))?;
        for record in self.records {
            rows.serialize_element(&Row { record, schema: &self.schema })?;
        }
        rows.end()
    }
}

struct Row<'a> {
    record: &'a Record,
    schema: &'a [&'a str],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(row(self.record, self.schema))
    }
}

/// Meta wants a positive number, unique in the ad account: 63 bits of the attempt's hash.
fn session_id(attempt: &str) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = hash::sha256(attempt.as_bytes());
    (i64::from_be_bytes([a, b, c, d, e, f, g, h]) & i64::MAX).max(1)
}

/// The filter that finds audiences by name.
pub(crate) fn named(name: &str) -> Cow<'static, str> {
    let filter = [Filter { field: "name", operator: "EQUAL", value: name }];
    serde_json::to_string(&filter).map_or(Cow::Borrowed("[]"), Cow::Owned)
}

#[derive(Serialize)]
struct Filter<'a> {
    field: &'static str,
    operator: &'static str,
    value: &'a str,
}

#[cfg(test)]
mod tests {
    use destination::{AudienceRef, Operation, Source};
    use jiff::Timestamp;

    use super::*;
    use crate::encode::{TARGETS, encode};

    fn users(sources: &[Source]) -> serde_json::Value {
        let records: Vec<Record> =
            sources.iter().map(|source| encode(source, 2026).unwrap().record).collect();
        let audience = AudienceRef { id: "120".to_owned() };
        let request = Request {
            audience: &audience,
            operation: Operation::Add,
            attempt: "01JC0000000000000000000000",
            at: Timestamp::UNIX_EPOCH,
            records: &records,
        };
        serde_json::to_value(Users::new(&request)).unwrap()
    }

    fn source(cells: &[(&str, &str)]) -> Source {
        cells.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn users_with_the_least_that_can_be_sent() {
        insta::assert_json_snapshot!(users(&[source(&[("EMAIL", "mary@example.com")])]));
    }

    #[test]
    fn users_with_all_that_can_be_sent() {
        let all = TARGETS.iter().map(|target| (target.key.to_owned(), target.example.to_owned())).collect();
        insta::assert_json_snapshot!(users(&[all]));
    }

    #[test]
    fn rows_have_one_width_and_unknown_cells_are_empty() {
        insta::assert_json_snapshot!(users(&[
            source(&[("EMAIL", "mary@example.com"), ("FN", "Mary")]),
            source(&[("EXTERN_ID", "crm-17")]),
        ]));
    }

    #[test]
    fn audience_with_all_that_can_be_said() {
        let audience = AudienceSpec {
            name: "High earning homeowner prospects".to_owned(),
            description: "recent mortgage likely, high net worth".to_owned(),
            known_id: None,
        };
        insta::assert_json_snapshot!(NewAudience::new(&audience, CustomerFileSource::PartnerProvidedOnly));
    }

    #[test]
    fn sessions_are_positive_and_differ() {
        let ids: Vec<i64> = (0..1000).map(|attempt| session_id(&attempt.to_string())).collect();
        assert!(ids.iter().all(|id| *id > 0));
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
    }
}
