//! The end of data: what was activated because of it is withdrawn by the ordinary steps.

use std::collections::BTreeSet;

use domain::batch::BatchStatus;
use domain::edge::signal::Signal;
use domain::edge::visitor::Visitor;
use domain::fragment::FragmentKey;
use domain::name::DatasetName;
use domain::value::Object;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::bank::{BOBBYS_ANSWER, Bank, CARLAS_ANSWER, answer, answer_of, digest};

const OFFBOARD: [&str; 3] = ["partner", "offboard", "northlight"];

/// What is left of the partner, and whether anything is.
fn status(bank: &Bank) -> (i32, Value) {
    let ran = bank.flow.local.tributary(&[&OFFBOARD[..], &["--status"]].concat());
    (ran.code, ran.printed[0].clone())
}

#[tokio::test]
async fn whoever_was_sent_because_of_a_partner_that_is_offboarded_is_withdrawn() {
    let bank = Bank::with_a_member().await;
    let bobby = BTreeSet::from([digest("bobby.bank@example.com")]);
    let (code, before) = status(&bank);
    assert_eq!((code, &before["standing"]), (1, &json!({"prospects_to_facebook": 1})));
    assert_eq!((&before["profiles"], &before["references"]), (&json!(2), &json!(2)));

    let local = &bank.flow.local;
    assert_eq!(local.tributary(&OFFBOARD).code, 1, "nobody has said that it is meant");
    bank.catch_up().await;
    assert_eq!(bank.hashes(), bobby);

    let ran = local.tributary(&[&OFFBOARD[..], &["--reason", "not renewed", "--yes"]].concat());
    assert_eq!((ran.code, &ran.printed[0]["sequence"]), (0, &json!(2)));
    bank.catch_up().await;
    assert_eq!(bank.hashes(), BTreeSet::new(), "what was sent because of the partner is withdrawn");
    let profile = bank.profile("CRMID", "C-1").await;
    assert!(!profile.memberships.is_realized(&"high_earning_homeowner_prospects".parse().unwrap()));
    bank.catch_up().await;
    let nothing = json!({"profiles": 0, "fragments": {}, "references": 0, "visitors": 0, "standing": {}});
    assert_eq!(status(&bank), (0, nothing));

    // What the partner says from now on is of no use either.
    bank.flow.bring(&answer_of("2026-02-02"), &answer(&[BOBBYS_ANSWER, CARLAS_ANSWER])).await;
    bank.catch_up().await;
    assert_eq!(bank.hashes(), BTreeSet::new());
    let folder = local.project.path().display().to_string();
    let applied = local.tributary(&["apply", &folder]);
    assert_eq!(
        (applied.code, applied.printed.len(), applied.printed[0].get("sequence")),
        (1, 1, None),
        "a project that knows nothing of it is refused"
    );
}

#[tokio::test]
async fn rows_that_wait_while_their_dataset_ends_reach_nobody() {
    let bank = Bank::open().await;
    let local = &bank.flow.local;
    local.upload(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER])).await;
    bank.flow.check().await;
    local.tributary(&[&OFFBOARD[..], &["--reason", "not renewed", "--yes"]].concat());
    bank.flow.ingest().await;
    let (batch, counts) = bank.last_batch("northlight_enrichment").await;
    assert_eq!((batch.status, counts.failed), (BatchStatus::Success, [("over".to_owned(), 1)].into()));
    let bobby = bank.profile("CRMID", "C-1").await;
    assert!(bobby.graph.fragments.iter().all(|key| key.dataset.as_str() == "crm_customers"), "{bobby:?}");
    assert_eq!(status(&bank).0, 0);
}

#[tokio::test]
async fn a_partner_is_not_gone_while_a_browser_or_what_lies_with_somebody_else_tells_of_them() {
    let bank = Bank::with_a_member().await;
    let store = &bank.flow.local.store;
    let bobby = bank.profile("CRMID", "C-1").await;
    bank.flow.local.tributary(&[&OFFBOARD[..], &["--reason", "not renewed", "--yes"]].concat());
    for _ in 0..2 {
        bank.catch_up().await;
    }
    assert_eq!(status(&bank).0, 0);
    let ecid = bank.identity("ECID", &format!("{:038}", 7)).await.key;
    let now = Timestamp::now();
    let dataset: DatasetName = "northlight_enrichment".parse().unwrap();
    let signals = [(dataset.clone(), Signal::new(Object::new(), now))].into();
    let visitor = Visitor { signals, ecid: format!("{:038}", 7), ..Visitor::default() };
    assert!(store.visitors.put(&ecid, &visitor, 0, now).await.unwrap());
    assert_eq!((status(&bank).0, &status(&bank).1["visitors"]), (1, &json!(1)));
    bank.flow.evaluate().await;
    assert_eq!(status(&bank).0, 0);

    let fragment = bobby.fragments.values().next().unwrap();
    let stray = FragmentKey { dataset, primary: ecid };
    assert!(store.profiles.put_fragment(&bobby.id, &stray, fragment, None).await.unwrap());
    let (code, found) = status(&bank);
    assert_eq!((code, &found["fragments"]), (1, &json!({"northlight_enrichment": 1})));
}
