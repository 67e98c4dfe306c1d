//! The Facebook plugin against a strict stand-in for Meta.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test's helpers may panic as the test may")]

use std::sync::Arc;
use std::time::Duration;

use destination::http::Http;
use destination::{
    AudienceRef, AudienceSpec, Context, Destination, DestinationError, ErrorKind, Files, Operation, Record,
    RecordOutcome, Request, RetryClass, Source, async_trait, contract,
};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;
use tests::graph_api::{Fault, GraphApi, Member, Settings};

struct NoFiles;

#[async_trait]
impl Files for NoFiles {
    async fn put(&self, _: &str, _: Vec<u8>, _: &str) -> Result<(), DestinationError> {
        panic!("Facebook takes no files");
    }
}

fn facebook_at(base_url: &str, token: &str) -> Box<dyn Destination> {
    let config = json!({
        "ad_account": "act_1234567890", "customer_file_source": "PARTNER_PROVIDED_ONLY", "base_url": base_url,
    });
    let secret = SecretString::from(json!({"access_token": token, "app_secret": "app"}).to_string());
    let context = Context { http: Http::new(Duration::from_secs(1)).unwrap(), files: Arc::new(NoFiles) };
    registry::find("facebook").unwrap().connect(&config, Some(&secret), &context).unwrap()
}

fn start() -> (GraphApi, Box<dyn Destination>) {
    let graph_api =
        GraphApi::start(Settings { app_secret: Some("app".to_owned()), ..Settings::default() }).unwrap();
    let facebook = facebook_at(&graph_api.base_url(), "stand-in-token");
    (graph_api, facebook)
}

async fn audience(facebook: &dyn Destination) -> AudienceRef {
    let spec =
        AudienceSpec { name: "prospects".to_owned(), description: "of a partner".to_owned(), known_id: None };
    facebook.ensure_audience(&spec).await.unwrap()
}

fn record(facebook: &dyn Destination, cells: &[(&str, &str)]) -> Record {
    let source: Source = cells.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    facebook.encode(&source).unwrap().record
}

fn email(facebook: &dyn Destination, text: &str) -> Record {
    record(facebook, &[("EMAIL", text)])
}

fn request<'a>(
    audience: &'a AudienceRef,
    operation: Operation,
    attempt: &'a str,
    records: &'a [Record],
) -> Request<'a> {
    Request { audience, operation, attempt, at: Timestamp::UNIX_EPOCH, records }
}

async fn failure(facebook: &dyn Destination, audience: &AudienceRef) -> DestinationError {
    let records = [email(facebook, "mary@example.com")];
    let error = facebook.deliver(&request(audience, Operation::Add, "fails", &records)).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("f1904cf1"), "no cell stands in an error");
    error
}

#[tokio::test]
async fn keeps_the_contract_of_delivery() {
    let (_graph_api, facebook) = start();
    let mary = email(&*facebook, "mary@example.com");
    let valery = record(&*facebook, &[("FN", "Valéry"), ("LN", "정"), ("COUNTRY", "France")]);
    let known =
        record(&*facebook, &[("EXTERN_ID", "crm-17"), ("MADID", "38400000-8CF0-11BD-B23E-10B96E40000D")]);
    contract::check_delivery(&*facebook, &[mary, valery, known]).await;
}

#[tokio::test]
async fn members_come_and_go_with_the_digests_that_meta_publishes() {
    let (graph_api, facebook) = start();
    let audience = audience(&*facebook).await;
    let records = [
        record(&*facebook, &[("EMAIL", "John_Smith@gmail.com"), ("PHONE", "1(650)555-1212")]),
        email(&*facebook, " Mary@Example.com"),
    ];
    facebook.deliver(&request(&audience, Operation::Add, "a1", &records)).await.unwrap();
    let john = Member::from([
        ("EMAIL".to_owned(), "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f".to_owned()),
        ("PHONE".to_owned(), "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176".to_owned()),
    ]);
    let mary = Member::from([(
        "EMAIL".to_owned(),
        "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79".to_owned(),
    )]);
    assert_eq!(graph_api.members(&audience.id), [john, mary.clone()].into());

    facebook.deliver(&request(&audience, Operation::Remove, "a2", &records[..1])).await.unwrap();
    assert_eq!(graph_api.members(&audience.id), [mary].into());
}

#[tokio::test]
async fn a_full_request_is_taken() {
    let (graph_api, facebook) = start();
    let audience = audience(&*facebook).await;
    let records: Vec<_> = (0..10_000).map(|id| email(&*facebook, &format!("{id}@example.com"))).collect();
    let delivery = facebook.deliver(&request(&audience, Operation::Add, "a1", &records)).await.unwrap();
    assert_eq!(delivery.outcomes.len(), 10_000);
    assert_eq!(graph_api.members(&audience.id).len(), 10_000);
}

#[tokio::test]
async fn a_row_that_meta_refuses_costs_itself_only() {
    let (graph_api, facebook) = start();
    let audience = audience(&*facebook).await;
    let records = [
        email(&*facebook, "mary@example.com"),
        Record::from_iter([("EMAIL", "in clear by some mistake".to_owned()), ("EXTERN_ID", "17".to_owned())]),
    ];
    let delivery = facebook.deliver(&request(&audience, Operation::Add, "a1", &records)).await.unwrap();
    let refused = RecordOutcome::Rejected { code: "invalid_entry", reason: "incorrect hashing".to_owned() };
    assert_eq!(delivery.outcomes, [RecordOutcome::Delivered, refused]);
    assert_eq!(delivery.unattributed, 0);
    assert_eq!(graph_api.members(&audience.id).len(), 1);
}

#[tokio::test]
async fn a_request_that_meta_refuses_whole_may_be_taken_in_parts() {
    let (graph_api, facebook) = start();
    let audience = audience(&*facebook).await;
    let records = [email(&*facebook, "mary@example.com"), email(&*facebook, "bob@example.com")];
    graph_api.refuse_requests_with(records[1].get("EMAIL").unwrap());
    let error = facebook.deliver(&request(&audience, Operation::Add, "a1", &records)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_class()), (ErrorKind::RecordsRefused, RetryClass::Split));
    assert!(graph_api.members(&audience.id).is_empty(), "nothing was done");
    facebook.deliver(&request(&audience, Operation::Add, "a1-2", &records[..1])).await.unwrap();
    assert_eq!(graph_api.members(&audience.id).len(), 1);
}

#[tokio::test]
async fn refused_rows_past_metas_samples_are_counted() {
    let (_graph_api, facebook) = start();
    let audience = audience(&*facebook).await;
    let records: Vec<_> = (0..150).map(|id| Record::from_iter([("EMAIL", format!("bad {id}"))])).collect();
    let delivery = facebook.deliver(&request(&audience, Operation::Add, "a1", &records)).await.unwrap();
    assert_eq!(delivery.outcomes.iter().filter(|each| **each != RecordOutcome::Delivered).count(), 100);
    assert_eq!(delivery.unattributed, 50);
}

#[tokio::test]
async fn throttling_is_waited_for_as_long_as_meta_asks() {
    let (graph_api, facebook) = start();
    let audience = audience(&*facebook).await;
    graph_api.inject(Fault::Throttle { minutes: 7 });
    let error = failure(&*facebook, &audience).await;
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert_eq!(error.retry_class(), RetryClass::Retry { after: Some(Duration::from_secs(7 * 60)) });
    assert!(graph_api.members(&audience.id).is_empty());
}

#[tokio::test]
async fn an_outage_is_tried_again() {
    let (graph_api, facebook) = start();
    let audience = audience(&*facebook).await;
    graph_api.inject(Fault::ServerError { status: 503 });
    assert_eq!(failure(&*facebook, &audience).await.retry_class(), RetryClass::Retry { after: None });
}

#[tokio::test]
async fn a_server_that_fell_over_may_have_done_it() {
    for status in [500, 502, 504] {
        let (graph_api, facebook) = start();
        let audience = audience(&*facebook).await;
        graph_api.inject(Fault::ServerError { status });
        assert_eq!(failure(&*facebook, &audience).await.retry_class(), RetryClass::Unknown, "{status}");
    }
}

#[tokio::test]
async fn a_call_without_an_answer_may_have_been_done() {
    for fault in [Fault::HangAfterProcessing, Fault::CloseAfterProcessing] {
        let (graph_api, facebook) = start();
        let audience = audience(&*facebook).await;
        graph_api.inject(fault.clone());
        assert_eq!(failure(&*facebook, &audience).await.retry_class(), RetryClass::Unknown, "{fault:?}");
        assert_eq!(graph_api.members(&audience.id).len(), 1);
        assert_eq!(
            graph_api.seen().iter().filter(|seen| seen.rows > 0).count(),
            1,
            "and is not made again here"
        );
    }
}

#[tokio::test]
async fn a_connection_that_was_never_made_did_nothing() {
    let (graph_api, _) = start();
    let facebook = facebook_at(&graph_api.base_url(), "stand-in-token");
    drop(graph_api);
    let error = failure(&*facebook, &AudienceRef { id: "1".to_owned() }).await;
    assert_eq!(error.retry_class(), RetryClass::Retry { after: None });
}

#[tokio::test]
async fn bad_credentials_and_missing_audiences_wait_for_a_person() {
    let (graph_api, facebook) = start();
    let audience = audience(&*facebook).await;
    let intruder = facebook_at(&graph_api.base_url(), "expired-token");
    let error = failure(&*intruder, &audience).await;
    assert_eq!((error.kind(), error.retry_class()), (ErrorKind::Authentication, RetryClass::Stop));

    graph_api.delete_audience(&audience.id);
    let error = failure(&*facebook, &audience).await;
    assert_eq!((error.kind(), error.retry_class()), (ErrorKind::NotFound, RetryClass::Stop));
    let known =
        AudienceSpec { name: "p".to_owned(), description: "p".to_owned(), known_id: Some(audience.id) };
    assert_eq!(facebook.ensure_audience(&known).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_stand_in_of_another_process_can_be_looked_into() {
    let (graph_api, facebook) = start();
    let http = Http::new(Duration::from_secs(1)).unwrap();
    let url = |path: &str| format!("{}/_control{path}", graph_api.base_url()).parse().unwrap();
    let fault = http
        .request(destination::http::Method::POST, url("/faults"))
        .body(r#"{"fault": "throttle", "minutes": 1}"#);
    assert_eq!(http.send("inject", fault).await.unwrap().status, 200);
    let spec = AudienceSpec { name: "p".to_owned(), description: "p".to_owned(), known_id: None };
    assert_eq!(facebook.ensure_audience(&spec).await.unwrap_err().kind(), ErrorKind::Throttled);

    let audience = audience(&*facebook).await;
    let records = [email(&*facebook, "mary@example.com")];
    facebook.deliver(&request(&audience, Operation::Add, "a1", &records)).await.unwrap();
    let get = |path: &str| http.request(destination::http::Method::GET, url(path));
    let overview = http.send("look", get("")).await.unwrap();
    let overview: serde_json::Value = serde_json::from_slice(&overview.body).unwrap();
    assert_eq!(overview["audiences"][0]["members"], 1);
    let members = http.send("look", get(&format!("/audiences/{}/members", audience.id))).await.unwrap();
    assert!(String::from_utf8(members.body).unwrap().contains("f1904cf1"));
}
