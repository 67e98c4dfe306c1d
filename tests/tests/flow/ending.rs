//! The end of data: what was activated because of it is withdrawn by the ordinary steps.

use std::collections::BTreeSet;

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
    assert_eq!(status(&bank).1["standing"], json!({}));

    // What the partner says from now on is of no use either.
    bank.flow.bring(&answer_of("2026-02-02"), &answer(&[BOBBYS_ANSWER, CARLAS_ANSWER])).await;
    bank.catch_up().await;
    assert_eq!(bank.hashes(), BTreeSet::new());
    let folder = local.project.path().display().to_string();
    let applied = local.tributary(&["apply", &folder]);
    assert_eq!(
        (applied.code, applied.printed.len()),
        (1, 0),
        "a project that knows nothing of it is refused"
    );
}
