//! Changes in, the first failure out.

use std::collections::{BTreeMap, BTreeSet};

use aws::{ProfileChange, Store, Sweep, Swept, Visit, VisitorChange};
use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use domain::catalogue::Catalogue;
use domain::change::Change;
use domain::identity::{IdentityKey, ProfileId};
use domain::name::DataflowName;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use tracing::error;

/// How many profiles are read at a time.
const AT_ONCE: usize = 16;

/// The function: the store.
#[derive(Debug)]
pub struct Dispatch {
    store: Store,
}

/// The first record that was not dealt with. It and all that follow come again.
#[derive(Debug)]
struct Failed {
    record: usize,
    error: aws::Error,
}

/// A profile that dataflows are to look at again.
#[derive(Debug, Default, PartialEq, Eq)]
struct Concerned<'a> {
    /// The first record that says so.
    record: usize,
    /// Dataflows for which something has changed that nobody has marked. Whoever writes memberships marks what they
    /// change; whoever writes graphs and fragments, or copies memberships of the edge, does not.
    unmarked: BTreeSet<&'a DataflowName>,
}

/// A visitor of whom something has changed.
#[derive(Debug, PartialEq, Eq)]
struct Changed {
    /// The first record that says so.
    first: usize,
    /// The last one, by the name that the stream gave it: when it comes again, it asks for nothing more.
    cause: String,
}

impl Dispatch {
    /// The function on a store.
    pub fn new(store: Store) -> Dispatch {
        Dispatch { store }
    }

    /// Marks what changes make lag, and answers with the first record that is to come again with all that follow.
    pub async fn handle(&self, event: Event) -> DynamoDbEventResponse {
        let mut response = DynamoDbEventResponse::default();
        let numbers: Vec<Option<String>> =
            event.records.iter().map(|record| record.change.sequence_number.clone()).collect();
        if let Err(Failed { record, error }) = self.deal_with(event.records).await {
            let number = numbers.into_iter().nth(record).flatten();
            error!(record.number = number, %error, "Changes of profiles were not dealt with and come again.");
            let mut failed = DynamoDbBatchItemFailure::default();
            failed.item_identifier = number;
            response.batch_item_failures.push(failed);
        }
        response
    }

    async fn deal_with(&self, records: Vec<EventRecord>) -> Result<(), Failed> {
        // Neither keeps the other from what comes before the first failure: nobody comes back to that.
        let linked = self.link_visitors(&records).await;
        let marked = self.mark_profiles(records).await;
        least([linked, marked].into_iter().filter_map(Result::err))
    }

    /// Marks what changes make lag, and wakes the dataflows.
    async fn mark_profiles(&self, records: Vec<EventRecord>) -> Result<(), Failed> {
        let in_force = self.store.catalogue().await.map_err(|error| Failed { record: 0, error })?;
        let Some(in_force) = in_force else { return Ok(()) };
        let (profiles, unreadable) = concerned(records, &in_force.catalogue);
        let Some(first) = profiles.values().map(|concerned| concerned.record).min() else {
            return unreadable.map_or(Ok(()), Err);
        };
        let sweep = self.store.sweep(&in_force, Timestamp::now());
        let swept: Vec<Result<Swept, Failed>> = stream::iter(profiles)
            .map(|(profile, concerned)| self.sweep(&sweep, profile, concerned))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut awake = BTreeSet::new();
        let mut failures: Vec<Failed> = unreadable.into_iter().collect();
        for swept in swept {
            match swept {
                Ok(Swept { marked, pending }) => awake.extend(marked.into_iter().chain(pending)),
                Err(failed) => failures.push(failed),
            }
        }
        for dataflow in &awake {
            let woken = self.store.queues.wake(dataflow, Timestamp::now()).await;
            failures.extend(woken.err().map(|error| Failed { record: first, error }));
        }
        least(failures)
    }

    /// Has visitors linked of whom something has changed.
    async fn link_visitors(&self, records: &[EventRecord]) -> Result<(), Failed> {
        let (visitors, unreadable) = changed_visitors(records);
        let first = visitors.values().map(|changed| changed.first).min().unwrap_or_default();
        let visits: Vec<Visit> =
            visitors.into_iter().map(|(ecid, Changed { cause, .. })| Visit { ecid, cause }).collect();
        let sent = self.store.queues.link(&visits).await;
        least(unreadable.into_iter().chain(sent.err().map(|error| Failed { record: first, error })))
    }

    async fn sweep(
        &self,
        sweep: &Sweep,
        profile: ProfileId,
        concerned: Concerned<'_>,
    ) -> Result<Swept, Failed> {
        let failed = |error| Failed { record: concerned.record, error };
        match self.store.profiles.load(&profile).await.map_err(failed)? {
            Some(profile) => {
                sweep.mark(&profile, &concerned.unmarked, Timestamp::now()).await.map_err(failed)
            }
            None => Ok(Swept::default()),
        }
    }
}

/// The failure of the first record that has one.
fn least(failures: impl IntoIterator<Item = Failed>) -> Result<(), Failed> {
    failures.into_iter().min_by_key(|failed| failed.record).map_or(Ok(()), Err)
}

/// The visitors of whom something has changed, and the first record that cannot be read. What comes after that is left
/// for the next time.
fn changed_visitors(records: &[EventRecord]) -> (BTreeMap<IdentityKey, Changed>, Option<Failed>) {
    let mut visitors: BTreeMap<IdentityKey, Changed> = BTreeMap::new();
    for (record, changed) in records.iter().enumerate() {
        match VisitorChange::read(&changed.change.old_image, &changed.change.new_image) {
            Ok(Some(VisitorChange { ecid })) => {
                let cause = changed.event_id.clone();
                let known = visitors.entry(ecid);
                known
                    .and_modify(|known| known.cause.clone_from(&cause))
                    .or_insert(Changed { first: record, cause });
            }
            Ok(None) => {}
            Err(error) => return (visitors, Some(Failed { record, error })),
        }
    }
    (visitors, None)
}

/// The profiles that dataflows of a catalogue are to look at again, and the first record that cannot be read. What comes
/// after that is left for the next time.
fn concerned(
    records: Vec<EventRecord>,
    catalogue: &Catalogue,
) -> (BTreeMap<ProfileId, Concerned<'_>>, Option<Failed>) {
    let mut profiles: BTreeMap<ProfileId, Concerned<'_>> = BTreeMap::new();
    for (index, record) in records.into_iter().enumerate() {
        let read = ProfileChange::read(record.change.old_image, record.change.new_image);
        let ProfileChange { profile, change } = match read {
            Ok(Some(change)) => change,
            Ok(None) => continue,
            Err(error) => return (profiles, Some(Failed { record: index, error })),
        };
        let dataflows = catalogue.dataflows.values().filter(|dataflow| change.concerns(dataflow));
        let mut dataflows = dataflows.map(|dataflow| &dataflow.name).peekable();
        if dataflows.peek().is_some() {
            let concerned = profiles
                .entry(profile)
                .or_insert_with(|| Concerned { record: index, unmarked: BTreeSet::new() });
            if !matches!(change, Change::Memberships(_)) {
                concerned.unmarked.extend(dataflows);
            }
        }
    }
    (profiles, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERSHIP: &str = include_str!("../../../tests/events/dispatch-membership.json");

    fn catalogue() -> Catalogue {
        serde_json::from_str(
            r#"{
                "format": 1, "title": "", "namespaces": [], "partners": {}, "schemas": {}, "datasets": {},
                "merge_policies": {}, "policies": {}, "audiences": {}, "destinations": {},
                "dataflows": {
                    "prospects": {
                        "name": "prospects", "audience": "high_earning_homeowner_prospects",
                        "destination": "vendor", "state": "active",
                        "mapping": [{"target": "PLAN", "source": {"field": "plan"}}]
                    },
                    "seed": {
                        "name": "seed", "audience": "all_customers", "destination": "vendor", "state": "active",
                        "mapping": [{"target": "EMAIL", "source": {"identity": "Email"}}]
                    }
                }
            }"#,
        )
        .unwrap()
    }

    /// The records of an event, some words of it replaced.
    fn records(event: &str, replace: &[(&str, &str)]) -> Vec<EventRecord> {
        let text = replace.iter().fold(event.to_owned(), |text, (from, to)| text.replace(from, to));
        serde_json::from_str::<Event>(&text).unwrap().records
    }

    #[test]
    fn the_sample_event_concerns_the_dataflow_of_the_audience_that_was_entered() {
        let catalogue = catalogue();
        let (profiles, failed) = concerned(records(MEMBERSHIP, &[]), &catalogue);
        assert!(failed.is_none());
        let profile = "0123456789abcdef0123456789abcdef".parse().unwrap();
        assert_eq!(profiles, BTreeMap::from([(profile, Concerned { record: 0, unmarked: BTreeSet::new() })]));
        let (profiles, _) =
            concerned(records(MEMBERSHIP, &[("high_earning_homeowner_prospects", "others")]), &catalogue);
        assert!(profiles.is_empty());
    }

    #[test]
    fn other_items_and_other_partitions_concern_nobody() {
        let catalogue = catalogue();
        for replace in [("M#batch", "D#prospects"), ("M#batch", "E#1"), ("0123456789abcdef0", "edge#0")] {
            let (profiles, failed) = concerned(records(MEMBERSHIP, &[replace]), &catalogue);
            assert!(profiles.is_empty() && failed.is_none(), "{replace:?}");
        }
    }

    #[test]
    fn memberships_of_the_edge_are_copies_that_nobody_has_marked() {
        let catalogue = catalogue();
        let edge = ("M#batch", "M#edge#k1:0123456789abcdef0123456789abcdef");
        let (profiles, failed) = concerned(records(MEMBERSHIP, &[edge]), &catalogue);
        assert!(failed.is_none(), "{failed:?}");
        let unmarked: Vec<_> =
            profiles.values().flat_map(|concerned| &concerned.unmarked).map(ToString::to_string).collect();
        assert_eq!(unmarked, ["prospects"]);
    }

    #[test]
    fn visitors_before_an_unreadable_record_are_linked_each_for_the_last_record_that_tells_of_it() {
        let event = |id: &str, image: &str| {
            let key = id[..1].repeat(32);
            format!(
                r#"{{"Records": [{{"eventID": "{id}", "eventName": "INSERT", "awsRegion": "us-east-1", "dynamodb": {{
                    "Keys": {{}}, "SequenceNumber": "1", "SizeBytes": 1, "NewImage": {{
                        "pk": {{"S": "edge#k1:{key}"}}, "sk": {{"S": "V"}}, {image}}}}}}}]}}"#
            )
        };
        let readable = r#""version": {"N": "1"}, "state": {"M": {"ecid": {"S": "1"}, "consent": {"M": {
            "collect": {"BOOL": true}, "personalize": {"BOOL": true}, "at": {"S": "2026-11-22T12:00:00Z"}}}}}"#;
        let unreadable = r#""version": {"N": "1"}, "state": {"M": {"ecid": {"N": "1"}}}"#;
        let events =
            [("a1", readable), ("b1", readable), ("a2", readable), ("c1", unreadable), ("d1", readable)];
        let all: Vec<EventRecord> =
            events.iter().flat_map(|(id, image)| records(&event(id, image), &[])).collect();
        let (visitors, failed) = changed_visitors(&all);
        let changed = |first, cause: &str| Changed { first, cause: cause.to_owned() };
        assert_eq!(visitors.into_values().collect::<Vec<_>>(), [changed(0, "a2"), changed(1, "b1")]);
        assert_eq!(failed.map(|failed| failed.record), Some(3));
    }

    #[test]
    fn what_stands_before_an_unreadable_record_is_dealt_with() {
        let catalogue = catalogue();
        let mut all = records(MEMBERSHIP, &[("M#batch", "E#1")]);
        all.extend(records(MEMBERSHIP, &[]));
        all.extend(records(MEMBERSHIP, &[("\"v\": {\"N\": \"1\"}", "\"v\": {\"N\": \"99\"}")]));
        all.extend(records(MEMBERSHIP, &[("0123456789abcdef0", "1123456789abcdef0")]));
        let (profiles, failed) = concerned(all, &catalogue);
        assert_eq!(profiles.values().map(|concerned| concerned.record).collect::<Vec<_>>(), [1]);
        assert_eq!(failed.map(|failed| failed.record), Some(2));
    }

    #[test]
    fn a_changed_value_is_marked_even_where_a_mark_stands() {
        let fragment = |plan: &str| {
            format!(
                r#"{{"pk": {{"S": "0123456789abcdef0123456789abcdef"}}, "sk": {{"S": "F#crm#k1:0123456789abcdef0123456789abcdef"}},
                "v": {{"N": "1"}}, "version": {{"N": "1"}}, "token": {{"S": "000000000000001-0000000001-0000000001"}}, "hash": {{"S": "h"}},
                "identities": {{"L": []}}, "attributes": {{"M": {{"plan": {{"S": "{plan}"}}}}}}, "confirmed": {{"N": "1"}}}}"#
            )
        };
        let event = format!(
            r#"{{"Records": [{{"eventID": "1", "eventName": "MODIFY", "awsRegion": "us-east-1", "dynamodb": {{
                "Keys": {{}}, "OldImage": {}, "NewImage": {}, "SequenceNumber": "1", "SizeBytes": 1}}}}]}}"#,
            fragment("basic"),
            fragment("gold")
        );
        let catalogue = catalogue();
        let (profiles, failed) = concerned(records(&event, &[]), &catalogue);
        assert!(failed.is_none(), "{failed:?}");
        let unmarked: Vec<_> =
            profiles.values().flat_map(|concerned| &concerned.unmarked).map(ToString::to_string).collect();
        assert_eq!(unmarked, ["prospects"]);
    }
}
