//! What becomes of files: every one ends in a batch with a clear status, and every row is accounted for.

use domain::batch::BatchStatus;

use crate::bank::{BOBBY, BOBBYS_ANSWER, Bank, CARLA, CARLAS_ANSWER, DORA, answer, answer_of, customers};

const PARTNER: &str = "northlight_enrichment";
const OWN: &str = "crm_customers";

#[tokio::test]
async fn every_row_is_accounted_for_and_what_cannot_be_used_is_set_aside_with_its_reason() {
    let bank = Bank::open().await;
    let mut rows = vec![BOBBYS_ANSWER, CARLAS_ANSWER, "nobody@example.com,N-3,over_1m,0.9,owner"];
    rows.extend([
        "dora.dime@example.com,N-4,over_1m,0.1,owner",
        "dora.dime@example.com,N-4,under_100k,0.2,renter",
    ]);
    bank.flow.local.project.edit(
        "datasets/northlight_enrichment.yaml",
        "error_threshold: 5",
        "error_threshold: 50",
    );
    bank.flow.local.apply().await;
    rows.push("eve@example.com,N-5,a lot,0.9,owner");
    rows.push("no address,N-6,over_1m,0.9,owner");
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&rows)).await;
    let (batch, counts) = bank.last_batch(PARTNER).await;
    assert_eq!(batch.status, BatchStatus::Success, "{batch:?}");
    assert_eq!(
        (counts.received, counts.ingested, counts.matched, counts.unmatched),
        (7, 3, 3, 1),
        "{counts:?}"
    );
    let failed: Vec<_> = counts.failed.iter().map(|(code, count)| (code.as_str(), *count)).collect();
    assert_eq!(failed, [("duplicate", 1), ("invalid_identity", 1), ("not_allowed", 1)]);
    let store = &bank.flow.local.store;
    let mut set_aside = Vec::new();
    for key in store.objects.list(&store.deployment.data, "quarantine/").await.unwrap() {
        let content = store.objects.read(&store.deployment.data, &key).await.unwrap().unwrap();
        for line in serde_json::Deserializer::from_slice(&content).into_iter::<ingest::quarantine::Line>() {
            let line = line.unwrap();
            assert!(!line.reason.contains("no address") && !line.reason.contains("a lot"), "{}", line.reason);
            set_aside.push((line.line, line.code));
        }
    }
    set_aside.sort();
    let expected = [(4, "unmatched"), (5, "duplicate"), (7, "not_allowed"), (8, "invalid_identity")];
    assert_eq!(set_aside, expected.map(|(line, code)| (line, code.to_owned())));
}

#[tokio::test]
async fn the_same_file_again_writes_nothing_and_delivers_nothing() {
    let bank = Bank::with_a_member().await;
    let calls = bank.calls();
    let (first, _) = bank.last_batch(PARTNER).await;
    let again = serde_json::json!({ "Records": [{ "eventName": "ObjectCreated:Put", "s3": {
        "bucket": { "name": first.bucket }, "object": { "key": first.key, "versionId": first.version } } }] });
    bank.flow.notify(&again.to_string()).await;
    bank.flow.ingest().await;
    let (same, _) = bank.last_batch(PARTNER).await;
    assert_eq!(same, first, "a repeated notification opens no batch and changes none");

    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, CARLAS_ANSWER])).await;
    let (second, counts) = bank.last_batch(PARTNER).await;
    assert_ne!(second.number, first.number);
    assert_eq!((second.status, counts.unchanged, counts.ingested), (BatchStatus::Success, 2, 0));
    assert_eq!(bank.last_units(PARTNER).await.write.to_bits(), 0.0_f64.to_bits());
    bank.catch_up().await;
    assert_eq!(bank.calls(), calls);
}

#[tokio::test]
async fn a_file_with_one_changed_row_writes_one_fragment() {
    let bank = Bank::with_a_member().await;
    let changed = "carla.coin@example.com,N-2,250k_to_500k,0.9,owner";
    bank.flow.bring(&answer_of("2026-02-02"), &answer(&[BOBBYS_ANSWER, changed])).await;
    let (_, counts) = bank.last_batch(PARTNER).await;
    assert_eq!((counts.ingested, counts.unchanged), (1, 1));
    assert!((1.0..1.5).contains(&bank.last_units(PARTNER).await.write));
}

#[tokio::test]
async fn an_older_answer_that_comes_late_changes_nothing() {
    let bank = Bank::with_a_member().await;
    let poor = "bobby.bank@example.com,N-1,under_100k,0.1,renter";
    bank.flow.bring(&answer_of("2026-01-15"), &answer(&[poor])).await;
    let (batch, counts) = bank.last_batch(PARTNER).await;
    assert_eq!((batch.status, counts.ingested), (BatchStatus::Superseded, 0), "{batch:?}");
    assert!(batch.reason.is_some());
    bank.catch_up().await;
    assert_eq!(bank.hashes().len(), 1);
}

#[tokio::test]
async fn an_older_row_of_a_dataset_with_row_times_changes_nothing_and_a_newer_one_beside_it_stands() {
    let bank = Bank::open().await;
    let old = BOBBY.replace("2026-01-01", "2025-01-01").replace("Bobby,", "Robert,");
    let new = CARLA.replace("2026-01-01", "2026-06-01").replace("Carla,", "Carola,");
    bank.flow.bring("crm/late.csv", &customers(&[&old, &new])).await;
    let (_, counts) = bank.last_batch(OWN).await;
    assert_eq!((counts.older, counts.ingested), (1, 1), "{counts:?}");
}

#[tokio::test]
async fn two_answers_that_wait_for_each_other_are_applied_in_order() {
    let bank = Bank::open().await;
    let poor = "bobby.bank@example.com,N-1,under_100k,0.1,renter";
    bank.flow.local.upload(&answer_of("2026-02-01"), &answer(&[poor])).await;
    bank.flow.local.upload(&answer_of("2026-02-02"), &answer(&[BOBBYS_ANSWER])).await;
    bank.flow.ingest().await;
    bank.catch_up().await;
    assert_eq!(bank.hashes().len(), 1, "the newer answer stands, whichever came first");
}

#[tokio::test]
async fn messages_that_two_workers_get_at_once_count_once() {
    let mut bank = Bank::open().await;
    bank.flow.twice = true;
    let rows: Vec<String> = (10..2_110)
        .map(|n| format!("C-{n},person{n}@example.com,,A,B,false,2019-05-01,1,plus,2026-01-01T00:00:00Z"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    bank.flow.bring("crm/more.csv", customers(&rows)).await;
    let (batch, counts) = bank.last_batch(OWN).await;
    assert_eq!((batch.status, batch.chunks, batch.remaining), (BatchStatus::Success, 2, 0), "{batch:?}");
    assert_eq!((counts.received, counts.ingested, counts.created), (2_100, 2_100, 2_100), "{counts:?}");
}

#[tokio::test]
async fn customers_who_share_an_email_stay_two_people_whoever_comes_first() {
    let bank = Bank::open().await;
    let pair = |n: u32| {
        ["A", "B"].map(|each| {
            format!("{each}-{n},pair{n}@example.com,,A,B,false,2019-05-01,1,plus,2026-01-01T00:00:00Z")
        })
    };
    let rows: Vec<String> = (0..40).flat_map(pair).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    bank.flow.bring("crm/pairs.csv", customers(&rows)).await;
    let (batch, counts) = bank.last_batch(OWN).await;
    assert_eq!(batch.status, BatchStatus::Success, "{batch:?}");
    assert_eq!((counts.ingested, counts.created, counts.failed.len()), (80, 80, 0), "{counts:?}");
    for n in 0..40 {
        let shared = bank.profile("Email", &format!("pair{n}@example.com")).await;
        assert_eq!(shared.graph.identities.len(), 2, "one CRM ID and the e-mail: {:?}", shared.graph);
        let [one, other] =
            [bank.profile("CRMID", &format!("A-{n}")).await, bank.profile("CRMID", &format!("B-{n}")).await];
        assert_ne!(one.id, other.id);
        // Of two at once, the lesser text stands, so that it is no matter who comes first.
        assert_eq!(shared.id, one.id);
        assert_eq!(other.graph.dropped.len(), 1);
    }
}

#[tokio::test]
async fn too_many_broken_rows_fail_the_file_and_touch_no_profile() {
    let bank = Bank::open().await;
    bank.flow
        .bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, "x@example.com,N-5,a lot,0.9,owner"]))
        .await;
    let (batch, counts) = bank.last_batch(PARTNER).await;
    assert_eq!((batch.status, counts.ingested), (BatchStatus::Failed, 0));
    assert!(batch.reason.unwrap().contains("1 of 2 rows"));
    assert_eq!(bank.profile("Email", "bobby.bank@example.com").await.fragments.len(), 1);
}

#[tokio::test]
async fn odd_files_and_notifications_end_in_a_clear_status_and_never_come_again() {
    let bank = Bank::open().await;
    bank.flow.notify(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-01T00:00:00Z"}"#).await;
    bank.flow.ingest().await;

    let utf16: Vec<u8> = "\u{feff}email\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, content, reason) in [
        ("answer-2026-02-01.csv", "".as_bytes(), "empty"),
        ("answer-2026-02-02.csv", b"northlight_id,net_worth_band\nN-1,over_1m\n", "email"),
        ("answer-2026-02-03.csv", b"email,surprise\nbobby.bank@example.com,1\n", "surprise"),
        ("answer-2026-02-04.csv", &utf16, "UTF-8"),
        ("yesterday.csv", b"email\n", "answer-%Y-%m-%d.csv"),
    ] {
        bank.flow.bring(&format!("partners/northlight/{name}"), content).await;
        let (batch, counts) = bank.last_batch(PARTNER).await;
        assert_eq!((batch.status, counts.ingested), (BatchStatus::Failed, 0), "{name}: {batch:?}");
        assert!(batch.ended.is_some(), "{name}");
        let found = batch.reason.unwrap_or_default();
        assert!(found.contains(reason), "{name}: {found}");
    }

    bank.flow.bring("elsewhere/file.csv", "email\n").await;
    let unclaimed = bank.flow.local.store.ledger.batches(None).await.unwrap();
    assert_eq!((unclaimed.len(), unclaimed[0].status), (1, BatchStatus::Failed));

    let gone = serde_json::json!({ "Records": [{ "eventName": "ObjectCreated:Put", "s3": {
        "bucket": { "name": bank.flow.local.store.deployment.inbox },
        "object": { "key": "partners/northlight/answer-2026-02-09.csv" } } }] });
    bank.flow.notify(&gone.to_string()).await;
    bank.flow.ingest().await;
    let (batch, _) = bank.last_batch(PARTNER).await;
    assert_eq!(batch.status, BatchStatus::Failed);
    assert!(batch.reason.unwrap().contains("gone"));

    bank.flow.bring("crm/customers of März+1.csv", &customers(&[DORA])).await;
    let (batch, counts) = bank.last_batch(OWN).await;
    assert_eq!((batch.key.as_str(), batch.status), ("crm/customers of März+1.csv", BatchStatus::Success));
    assert_eq!(counts.unchanged, 1);
}

#[tokio::test]
async fn rows_that_add_up_to_more_than_a_record_may_hold_are_set_aside() {
    let bank = Bank::open().await;
    let dataset = "datasets/crm_customers.yaml";
    bank.flow.local.project.edit(dataset, "write_mode: replace", "write_mode: upsert");
    bank.flow.local.apply().await;
    let half = "x".repeat(60 * 1024);
    let first = format!("C-9,nina.note@example.com,,{half},,,,,,2026-01-01T00:00:00Z");
    let last = format!("C-9,nina.note@example.com,,,{half},,,,,2026-01-02T00:00:00Z");
    bank.flow.bring("crm/first.csv", customers(&[&first])).await;
    assert_eq!(bank.last_batch(OWN).await.1.ingested, 1);
    bank.flow.bring("crm/last.csv", customers(&[&last])).await;
    let (_, counts) = bank.last_batch(OWN).await;
    assert_eq!((counts.ingested, counts.failed.get("record_too_large")), (0, Some(&1)), "{counts:?}");
}
