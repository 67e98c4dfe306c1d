//! What every plugin keeps, as checks that its tests call. Each check panics with the rule that is broken.

#![expect(clippy::panic, clippy::expect_used, reason = "checks for tests: a broken rule is a panic")]

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use crate::http::{Http, TIMEOUT};
use crate::{
    AudienceRef, AudienceSpec, Context, Destination, DestinationError, Encoded, ErrorKind, Files, Operation,
    Plugin, Record, RecordOutcome, Request, RetryClass, Source,
};

/// A source that fills every target of the plugin with its own example.
pub fn examples(plugin: &Plugin) -> Source {
    let targets = plugin.descriptor().targets;
    targets.iter().map(|target| (target.key.to_owned(), target.example.to_owned())).collect()
}

/// All that holds without a vendor. `full` fills every target that the example configuration has.
pub fn check(plugin: &Plugin, full: &Source) {
    check_descriptor(plugin);
    check_configuration(plugin, full);
    let destination = connect_example(plugin);
    check_encoding(&*destination, full);
    check_hostile_text(&*destination, full);
}

/// The destination of the plugin's own example. It can encode; its secret is an example too.
pub fn connect_example(plugin: &Plugin) -> Box<dyn Destination> {
    let secret = plugin.descriptor().secret_example.map(SecretString::from);
    plugin
        .connect(&example_config(plugin), secret.as_ref(), &context())
        .expect("the example makes a destination")
}

fn context() -> Context {
    Context { http: Http::new(TIMEOUT).expect("an HTTP client"), files: Arc::new(NoFiles) }
}

struct NoFiles;

#[async_trait]
impl Files for NoFiles {
    async fn put(&self, _: &str, _: Vec<u8>, _: &str) -> Result<(), DestinationError> {
        Err(DestinationError::new(ErrorKind::Unavailable, "put", "the contract suite has no files"))
    }
}

fn example_config(plugin: &Plugin) -> Value {
    serde_json::from_str(plugin.descriptor().config_example).expect("the example configuration is JSON")
}

fn check_descriptor(plugin: &Plugin) {
    let descriptor = plugin.descriptor();
    let is_name = |each: char| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '-';
    assert!(
        !descriptor.name.is_empty() && descriptor.name.chars().all(is_name),
        "a name is of a-z, 0-9 and `-`"
    );
    assert!(!descriptor.title.is_empty() && !descriptor.description.is_empty(), "people are told what it is");
    assert!(descriptor.max_records > 0, "a request can carry a record");
    let keys: BTreeSet<_> = descriptor.targets.iter().map(|target| target.key).collect();
    assert_eq!(keys.len(), descriptor.targets.len(), "target keys differ");
    for target in descriptor.targets {
        assert!(
            !target.description.is_empty() && !target.example.is_empty(),
            "`{}` is explained",
            target.key
        );
    }
}

fn check_configuration(plugin: &Plugin, full: &Source) {
    let example = example_config(plugin);
    let targets: Vec<&str> = full.keys().map(String::as_str).collect();
    let problems = plugin.problems(&example, &targets);
    assert!(problems.is_empty(), "the example configuration takes every target: {problems:?}");

    let problems = plugin.problems(&example, &["no_such Target"]);
    assert_eq!(problems.len(), 1, "a target that does not exist is a problem");
    assert!(problems.iter().all(|problem| problem.to_string().contains("`no_such Target`")), "and named");

    let identifying: Vec<&str> = plugin.descriptor().identifying().collect();
    let others: Vec<&str> = targets.into_iter().filter(|target| !identifying.contains(target)).collect();
    if !identifying.is_empty() && !others.is_empty() {
        let problems = plugin.problems(&example, &others);
        let names_all = |text: String| identifying.iter().all(|target| text.contains(&format!("`{target}`")));
        assert!(
            problems.len() == 1 && problems.iter().all(|problem| names_all(problem.to_string())),
            "a mapping that tells nobody apart is refused, with what would: {problems:?}"
        );
    }

    let mut unknown = example.clone();
    unknown
        .as_object_mut()
        .expect("a configuration is an object")
        .insert("no_such_field".to_owned(), Value::Null);
    let problems = plugin.problems(&unknown, &[]);
    assert!(
        problems.iter().any(|problem| problem.to_string().contains("no_such_field")),
        "an unknown field is refused by name: {problems:?}"
    );

    if plugin.descriptor().secret_example.is_some() {
        let refused = |secret: Option<&str>| {
            let secret = secret.map(SecretString::from);
            let Err(error) = plugin.connect(&example, secret.as_ref(), &context()) else {
                panic!("a destination is made without its credentials");
            };
            assert_eq!(
                error.kind(),
                ErrorKind::ConfigInvalid,
                "bad credentials are found when a destination is made"
            );
            assert!(!format!("{error} {error:?}").contains("hunter2"), "no secret stands in an error");
        };
        refused(None);
        refused(Some(r#""hunter2""#));
        refused(Some(r#"{"hunter2": "hunter2"}"#));
    }
}

fn check_encoding(destination: &dyn Destination, full: &Source) {
    let encoded = destination.encode(full).expect("a source that fills every target can be sent");
    assert!(encoded.emptied.is_empty(), "every example is usable: {:?}", encoded.emptied);
    let keys: Vec<_> = encoded.record.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, full.keys().map(String::as_str).collect::<Vec<_>>(), "every target becomes a cell");
    check_encodes_alike(destination, full);

    for target in destination.descriptor().targets.iter().filter(|target| target.hashed) {
        let cell = encoded.record.get(target.key).unwrap_or_default();
        assert!(crate::hash::is_sha256_hex(cell), "`{}` leaves as a hash", target.key);
        assert_eq!(cell, cell.to_ascii_lowercase(), "`{}` is in lower case", target.key);
    }

    let rejection = destination.encode(&Source::new()).expect_err("a source without values is rejected");
    assert_eq!(rejection.code(), "no_value", "a source without values has none");
    let blank = full.keys().map(|key| (key.clone(), " ".to_owned())).collect();
    assert!(destination.encode(&blank).is_err(), "a source of blanks is rejected");

    let mut more = full.clone();
    more.insert("no_such Target".to_owned(), "value".to_owned());
    let more = destination.encode(&more).expect("a value too many does not stop the rest");
    assert_eq!(more.record, encoded.record, "only targets become cells");
    assert_eq!(more.emptied.len(), 1, "a value without a target is reported");
}

fn check_encodes_alike(destination: &dyn Destination, source: &Source) {
    let first = destination.encode(source);
    assert_eq!(first, destination.encode(source), "the same source gives the same cells");
    if let Ok(Encoded { record, .. }) = first {
        let again = destination.encode(&Source::from(record.clone())).expect("cells can be encoded again");
        assert_eq!(
            again.record.iter().collect::<Vec<_>>(),
            record.iter().collect::<Vec<_>>(),
            "and stay as they are"
        );
    }
}

fn check_hostile_text(destination: &dyn Destination, full: &Source) {
    let long = "a".repeat(100_000);
    for text in
        ["\0", "\u{feff}", "0", "-1", "=1+1", "a\r\nb,\"c\"", "🏠", "ﬁ", "\u{202e}x", "null", "{}", &long]
    {
        for key in full.keys() {
            let mut source = full.clone();
            source.insert(key.clone(), text.to_owned());
            check_encodes_alike(destination, &source);
        }
    }
    let source = full.keys().map(|key| (key.clone(), " Sentinel \u{1f600} 17 ".to_owned())).collect();
    let said = match destination.encode(&source) {
        Ok(encoded) => format!("{encoded:?}"),
        Err(rejection) => format!("{rejection} {rejection:?}"),
    };
    assert!(!said.contains("Sentinel"), "what is said about values never quotes one: {said}");
}

/// All that holds against a vendor that works, or its stand-in. `records` are three or more that it takes.
pub async fn check_delivery(destination: &dyn Destination, records: &[Record]) {
    let descriptor = destination.descriptor();
    let mut spec = AudienceSpec {
        name: "contract".to_owned(),
        description: "made by the contract suite".to_owned(),
        known_id: None,
    };
    let audience = destination.ensure_audience(&spec).await.expect("an audience is made");
    let again = destination.ensure_audience(&spec).await.expect("an audience is made once");
    assert_eq!(again, audience, "an audience whose id was lost is found again");
    spec.known_id = Some(audience.id.clone());
    let known = destination.ensure_audience(&spec).await.expect("a known audience is looked up");
    assert_eq!(known, audience, "a known audience keeps its id");

    let mut attempts =
        (0..).map(|attempt: u32| format!("contract-{}-{attempt}", Timestamp::now().as_nanosecond()));
    let mut next = || attempts.next().unwrap_or_default();
    check_all_delivered(destination, &audience, Operation::Add, &next(), records).await;
    if descriptor.idempotent {
        check_all_delivered(destination, &audience, Operation::Add, &next(), records).await;
    }
    check_all_delivered(destination, &audience, Operation::Remove, &next(), records).await;
    if descriptor.idempotent {
        check_all_delivered(destination, &audience, Operation::Remove, &next(), records).await;
    }
    check_all_delivered(destination, &audience, Operation::Add, &next(), &[]).await;

    let too_many: Vec<Record> = records.iter().cloned().cycle().take(descriptor.max_records + 1).collect();
    let request = request(&audience, Operation::Add, "contract-too-many", &too_many);
    let error =
        destination.deliver(&request).await.expect_err("more records than the vendor takes are refused");
    assert_eq!(error.retry_class(), RetryClass::Stop, "and would be refused again");
}

async fn check_all_delivered(
    destination: &dyn Destination,
    audience: &AudienceRef,
    operation: Operation,
    attempt: &str,
    records: &[Record],
) {
    let delivery = destination.deliver(&request(audience, operation, attempt, records)).await;
    let delivery = delivery.unwrap_or_else(|error| panic!("{operation} works: {error} {error:?}"));
    assert_eq!(delivery.outcomes.len(), records.len(), "{operation} answers one outcome per record");
    assert!(
        delivery.outcomes.iter().all(|each| *each == RecordOutcome::Delivered),
        "{operation} takes good records"
    );
    assert_eq!(delivery.unattributed, 0, "{operation} takes all of them");
}

fn request<'a>(
    audience: &'a AudienceRef,
    operation: Operation,
    attempt: &'a str,
    records: &'a [Record],
) -> Request<'a> {
    Request { audience, operation, attempt, at: Timestamp::now(), records }
}
