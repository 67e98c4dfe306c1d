//! The Adobe Target plugin against a strict stand-in for Target.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test's helpers may panic as the test may")]

use std::sync::Arc;
use std::time::Duration;

use destination::http::{Http, Method};
use destination::{
    AudienceRef, AudienceSpec, Context, Delivery, Destination, DestinationError, ErrorKind, Files, Operation,
    Progress, Record, Request, RetryClass, Source, async_trait, contract,
};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use tests::target_api::{Fault, Parameters, Settings, TargetApi};

struct NoFiles;

#[async_trait]
impl Files for NoFiles {
    async fn put(&self, _: &str, _: Vec<u8>, _: &str) -> Result<(), DestinationError> {
        panic!("Target takes no files of ours");
    }
}

fn connect(config: &Value, secret: Option<&str>) -> Result<Box<dyn Destination>, DestinationError> {
    let context = Context { http: Http::new(Duration::from_secs(4)).unwrap(), files: Arc::new(NoFiles) };
    let secret = secret.map(SecretString::from);
    registry::find("adobe-target").unwrap().connect(config, secret.as_ref(), &context)
}

fn config(base_url: &str) -> Value {
    json!({
        "client_code": "northshop", "audience_parameter": "recent_mover", "parameters": ["home", "budget"],
        "require_authentication": false, "confirm_seconds": 4, "base_url": base_url,
    })
}

fn start() -> (TargetApi, Box<dyn Destination>) {
    let target_api = TargetApi::start(Settings::default()).unwrap();
    let target = connect(&config(&target_api.base_url()), None).unwrap();
    (target_api, target)
}

fn spec(known_id: Option<&str>) -> AudienceSpec {
    AudienceSpec {
        name: "Recent movers (movers_to_target)".to_owned(),
        description: "whom the partner recognises".to_owned(),
        known_id: known_id.map(str::to_owned),
    }
}

fn record(target: &dyn Destination, cells: &[(&str, &str)]) -> Record {
    let source: Source = cells.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    target.encode(&source).unwrap().record
}

async fn deliver(
    target: &dyn Destination,
    operation: Operation,
    records: &[Record],
) -> Result<Delivery, DestinationError> {
    let audience = target.ensure_audience(&spec(None)).await.unwrap();
    let request =
        Request { audience: &audience, operation, attempt: "a1", at: Timestamp::UNIX_EPOCH, records };
    target.deliver(&request).await
}

/// A delivery of one record that fails, and tells nothing of the record.
async fn failure(target: &dyn Destination) -> DestinationError {
    let records = [record(target, &[("thirdPartyId", "crm-hunter2"), ("home", "also hunter2")])];
    let error = deliver(target, Operation::Add, &records).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "no cell stands in an error: {error:?}");
    error
}

fn parameters(values: &[(&str, &str)]) -> Option<Parameters> {
    Some(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

#[tokio::test]
async fn keeps_the_contract_of_delivery() {
    let (_target_api, target) = start();
    let records = ["crm-1", "crm 2, of \"Köln\"", "引越し"].map(|id| {
        record(&*target, &[("thirdPartyId", id), ("home", "owner & tenant"), ("budget", "50 % = 1+1")])
    });
    contract::check_delivery(&*target, &records).await;
}

#[tokio::test]
async fn members_and_those_who_left_both_stand_there_in_words() {
    let (target_api, target) = start();
    let records = [
        record(&*target, &[("thirdPartyId", "crm-1"), ("home", "owner"), ("budget", "100")]),
        record(&*target, &[("thirdPartyId", "crm-2"), ("home", "tenant")]),
    ];
    let delivery = deliver(&*target, Operation::Add, &records).await.unwrap();
    assert_eq!(delivery, Delivery::complete(2));
    deliver(&*target, Operation::Remove, &records[..1]).await.unwrap();

    let left = parameters(&[("recent_mover", "false"), ("home", "none"), ("budget", "none")]);
    let stays = parameters(&[("recent_mover", "true"), ("home", "tenant"), ("budget", "none")]);
    assert_eq!(target_api.profile("crm-1"), left);
    assert_eq!(target_api.profile("crm-2"), stays);
    let batches = target_api.batches();
    assert!(batches.iter().all(|batch| batch.empty_values == 0), "Target would ignore them: {batches:?}");
}

#[tokio::test]
async fn what_would_break_a_file_survives_it() {
    let (target_api, target) = start();
    let home = "A&B = \"C\", 50 % + Ümlaut / 🏠 %41;\u{a0}日本";
    let id = "crm=17, K&K 100% Zoë";
    let records = [record(&*target, &[("thirdPartyId", id), ("home", home)])];
    deliver(&*target, Operation::Add, &records).await.unwrap();
    let expected = parameters(&[("recent_mover", "true"), ("home", home), ("budget", "none")]);
    assert_eq!(target_api.profile(id), expected);
}

#[tokio::test]
async fn a_value_that_is_gone_does_not_stay_at_target() {
    let (target_api, target) = start();
    let rich = [record(&*target, &[("thirdPartyId", "crm-1"), ("home", "owner"), ("budget", "100")])];
    let poor = [record(&*target, &[("thirdPartyId", "crm-1"), ("home", "owner")])];
    deliver(&*target, Operation::Add, &rich).await.unwrap();
    // As the sender changes a record: what stands goes, what is wanted comes, and no page was called in between.
    deliver(&*target, Operation::Remove, &rich).await.unwrap();
    deliver(&*target, Operation::Add, &poor).await.unwrap();
    let expected = parameters(&[("recent_mover", "true"), ("home", "owner"), ("budget", "none")]);
    assert_eq!(target_api.profile("crm-1"), expected);
}

#[tokio::test]
async fn two_dataflows_to_one_client_override_each_other_until_a_page_is_called() {
    let (target_api, movers) = start();
    let mut other = config(&target_api.base_url());
    other["audience_parameter"] = json!("gardener");
    other["parameters"] = json!([]);
    let gardeners = connect(&other, None).unwrap();
    for target in [&movers, &gardeners] {
        let records = [record(&**target, &[("thirdPartyId", "crm-1")])];
        deliver(&**target, Operation::Add, &records).await.unwrap();
    }
    // Documented in the plugin's README, and the reason why one client gets one dataflow.
    assert_eq!(target_api.profile("crm-1"), parameters(&[("gardener", "true")]));
}

#[tokio::test]
async fn a_full_request_is_taken() {
    let (target_api, target) = start();
    let records: Vec<_> =
        (0..10_000).map(|id| record(&*target, &[("thirdPartyId", &format!("crm-{id}"))])).collect();
    let delivery = deliver(&*target, Operation::Add, &records).await.unwrap();
    assert_eq!(delivery, Delivery::complete(10_000));
    assert_eq!(target_api.ids().len(), 10_000);
}

#[tokio::test]
async fn a_row_that_target_does_not_count_is_reported() {
    let (_target_api, target) = start();
    let mistaken = Record::from_iter([("thirdPartyId", "not/an+id".to_owned())]);
    let records = [record(&*target, &[("thirdPartyId", "crm-1")]), mistaken];
    let delivery = deliver(&*target, Operation::Add, &records).await.unwrap();
    assert_eq!((delivery.unattributed, delivery.unconfirmed), (1, 0));
}

#[tokio::test]
async fn a_batch_is_looked_at_until_it_is_complete() {
    let (target_api, target) = start();
    target_api.inject(Fault::StatusError { status: 503 });
    target_api.inject(Fault::Slow { milliseconds: 900 });
    let records = [record(&*target, &[("thirdPartyId", "crm-1")])];
    // The look that fails is behind the file that is slow: faults wait for the calls that they are about.
    let first = deliver(&*target, Operation::Add, &records).await.unwrap();
    let second = deliver(&*target, Operation::Add, &records).await.unwrap();
    assert_eq!((first, second), (Delivery::complete(1), Delivery::complete(1)));
    let looks = target_api.seen().iter().filter(|seen| seen.method == "GET").count();
    assert_eq!(looks, 4, "two for each");
}

#[tokio::test]
async fn a_batch_that_takes_longer_is_accepted_and_unconfirmed() {
    let (target_api, target) = start();
    target_api.inject(Fault::Slow { milliseconds: 60_000 });
    let records = [record(&*target, &[("thirdPartyId", "crm-1")])];
    let delivery = deliver(&*target, Operation::Add, &records).await.unwrap();
    assert_eq!((delivery.unconfirmed, delivery.unattributed), (1, 0));
    assert_eq!(target_api.profile("crm-1"), None, "not yet");
    let receipt = delivery.receipt.unwrap();
    assert_eq!(target.look(&receipt).await.unwrap(), Progress::Open);
    assert!(!receipt.contains("crm-1"), "a receipt tells nobody's id");
}

#[tokio::test]
async fn what_target_accepted_can_be_looked_at_later() {
    let target_api = TargetApi::start(Settings::default()).unwrap();
    let mut hasty = config(&target_api.base_url());
    hasty["confirm_seconds"] = json!(0);
    let target = connect(&hasty, None).unwrap();
    let good = record(&*target, &[("thirdPartyId", "crm-1")]);
    let mistaken = Record::from_iter([("thirdPartyId", "not/an+id".to_owned())]);
    for (fault, records, progress) in [
        (None, vec![good.clone()], Progress::Done { refused: 0 }),
        (None, vec![good.clone(), mistaken], Progress::Done { refused: 1 }),
        (Some(Fault::Stuck), vec![good.clone()], Progress::Stuck),
    ] {
        fault.into_iter().for_each(|fault| target_api.inject(fault));
        let receipt = deliver(&*target, Operation::Add, &records).await.unwrap().receipt.unwrap();
        target_api.inject(Fault::StatusError { status: 503 });
        assert_eq!(target.look(&receipt).await.unwrap(), Progress::Open, "a look that fails says nothing");
        assert_eq!(target.look(&receipt).await.unwrap(), progress);
    }
    assert_eq!(target.look("https://example.com/s").await.unwrap(), Progress::Stuck, "nobody else is asked");
}

#[tokio::test]
async fn a_stuck_batch_may_be_done_in_part() {
    let (target_api, target) = start();
    target_api.inject(Fault::Stuck);
    let error = failure(&*target).await;
    assert_eq!((error.kind(), error.retry_class()), (ErrorKind::FateUnknown, RetryClass::Unknown));
}

#[tokio::test]
async fn an_outage_is_tried_again_and_a_fall_may_have_done_it() {
    for (status, class) in [
        (503, RetryClass::Retry { after: None }),
        (500, RetryClass::Unknown),
        (502, RetryClass::Unknown),
        (504, RetryClass::Unknown),
    ] {
        let (target_api, target) = start();
        target_api.inject(Fault::ServerError { status });
        assert_eq!(failure(&*target).await.retry_class(), class, "{status}");
    }
}

#[tokio::test]
async fn calls_beyond_what_a_minute_allows_are_made_later() {
    let target_api = TargetApi::start(Settings { calls_per_minute: 0, ..Settings::default() }).unwrap();
    let target = connect(&config(&target_api.base_url()), None).unwrap();
    assert_eq!(failure(&*target).await.retry_class(), RetryClass::Retry { after: None });
}

#[tokio::test]
async fn a_call_without_an_answer_may_have_been_done() {
    for fault in [Fault::HangAfterProcessing, Fault::CloseAfterProcessing] {
        let (target_api, target) = start();
        target_api.inject(fault.clone());
        assert_eq!(failure(&*target).await.retry_class(), RetryClass::Unknown, "{fault:?}");
        assert_eq!(target_api.batches().len(), 1, "and is not made again here");
    }
}

#[tokio::test]
async fn a_refused_file_waits_for_a_person() {
    let (target_api, target) = start();
    target_api.inject(Fault::Refuse { message: "row of crm-hunter2 cannot be read".to_owned() });
    let error = failure(&*target).await;
    assert_eq!((error.kind(), error.retry_class()), (ErrorKind::Rejected, RetryClass::Stop));
}

#[tokio::test]
async fn a_token_is_brought_where_it_is_demanded() {
    let settings = Settings { token: Some("a-token".to_owned()), ..Settings::default() };
    let target_api = TargetApi::start(settings).unwrap();
    let mut config = config(&target_api.base_url());
    config["require_authentication"] = json!(true);
    let secret = |token: &str| json!({"token": token}).to_string();

    let target = connect(&config, Some(&secret("a-token"))).unwrap();
    let records = [record(&*target, &[("thirdPartyId", "crm-1")])];
    assert_eq!(deliver(&*target, Operation::Add, &records).await.unwrap(), Delivery::complete(1));

    let intruder = connect(&config, Some(&secret("an-expired-token"))).unwrap();
    let error = failure(&*intruder).await;
    assert_eq!((error.kind(), error.retry_class()), (ErrorKind::Authentication, RetryClass::Stop));
    let Err(error) = connect(&config, None) else { panic!("made without its token") };
    assert!(error.to_string().contains("`require_authentication: false`"), "{error}");
}

#[tokio::test]
async fn a_client_that_there_is_not_is_said_to_be() {
    let target_api =
        TargetApi::start(Settings { client_code: "another".to_owned(), ..Settings::default() }).unwrap();
    let target = connect(&config(&target_api.base_url()), None).unwrap();
    let error = failure(&*target).await;
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("`client_code`"), "{error}");
}

#[tokio::test]
async fn an_audience_keeps_the_parameter_that_it_was_first_sent_under() {
    let (target_api, target) = start();
    let named = |name: &str| AudienceRef { id: name.to_owned() };
    assert_eq!(target.ensure_audience(&spec(None)).await.unwrap(), named("recent_mover"));
    let error = target.ensure_audience(&spec(Some("mover"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert!(error.to_string().contains("stand at Target under `mover`"), "{error}");

    let mut unnamed = config(&target_api.base_url());
    unnamed.as_object_mut().unwrap().remove("audience_parameter");
    let target = connect(&unnamed, None).unwrap();
    let audience = target.ensure_audience(&spec(None)).await.unwrap();
    assert_eq!(audience, named("recent_movers_movers_to_target"));
    assert_eq!(target.ensure_audience(&spec(Some("mover"))).await.unwrap(), named("mover"));

    unnamed["parameters"] = json!(["recent_movers_movers_to_target"]);
    let target = connect(&unnamed, None).unwrap();
    assert_eq!(target.ensure_audience(&spec(None)).await.unwrap_err().kind(), ErrorKind::ConfigInvalid);
}

#[tokio::test]
async fn a_stand_in_of_another_process_can_be_looked_into() {
    let (target_api, target) = start();
    let http = Http::new(Duration::from_secs(1)).unwrap();
    let url = |path: &str| format!("{}/_control{path}", target_api.base_url()).parse().unwrap();
    let fault = http.request(Method::POST, url("/faults")).body(r#"{"fault": "stuck"}"#);
    assert_eq!(http.send("inject", fault).await.unwrap().status, 200);
    assert_eq!(failure(&*target).await.kind(), ErrorKind::FateUnknown);

    let records = [record(&*target, &[("thirdPartyId", "crm-1")])];
    deliver(&*target, Operation::Add, &records).await.unwrap();
    let profile = http.send("look", http.request(Method::GET, url("/profiles/crm-1"))).await.unwrap();
    let profile: Value = serde_json::from_slice(&profile.body).unwrap();
    assert_eq!(profile, json!({"recent_mover": "true", "home": "none", "budget": "none"}));
}
