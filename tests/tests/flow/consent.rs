//! Consent policies: who has not consented does not leave, and who withdraws the consent is withdrawn.

use std::collections::BTreeSet;
use std::fs;

use domain::delivery::{Operation, OutcomeResult};

use crate::bank::{Bank, FACEBOOK, digest};

const BOBBYS_EMAIL: &str = "bobby.bank@example.com";

/// What customers say in the bank's preference centre, which is a system of its own.
const SCHEMA: &str = "title: Preferences
class: profile
fields:
  preferenceKey: {type: string, labels: [I1], identity: {namespace: Email, primary: true}}
  consents.advertising: {type: string, enum: [y, n]}
";

const DATASET: &str = "title: Preferences
schema: preferences
source:
  prefix: preferences/
  format: csv
  row_time: said_at
  columns: {email: preferenceKey, advertising: consents.advertising}
write_mode: replace
on_unmatched: set_aside
error_threshold: 5
";

const POLICY: &str = "description: Advertisements reach those who want them
status: ENABLED
if: {operator: AND, operands: [{marketing_action: Cross Site Targeting}, {label: Third-Party}]}
then: {field: consents.advertising, values: [y]}
";

/// Says what Bobby has said, and lets what follows from it happen.
async fn says(bank: &Bank, said: &str, day: u8) {
    let row = format!("email,advertising,said_at\n{BOBBYS_EMAIL},{said},2026-03-{day:02}T00:00:00Z\n");
    bank.flow.bring(&format!("preferences/{day}.csv"), row).await;
    bank.catch_up().await;
}

#[tokio::test]
async fn a_consent_that_is_withdrawn_in_a_file_withdraws_and_one_that_is_given_again_brings_back() {
    let bank = Bank::with_a_member().await;
    let bobby = BTreeSet::from([digest(BOBBYS_EMAIL)]);
    let folder = bank.flow.local.project.path();
    for (file, text) in [
        ("schemas/preferences.yaml", SCHEMA),
        ("datasets/preferences.yaml", DATASET),
        ("policies/advertising_consent.yaml", POLICY),
    ] {
        fs::write(folder.join(file), text).unwrap();
    }
    let catalogue = bank.flow.local.apply().await;
    let dataflow = &catalogue.dataflows[&FACEBOOK.parse().unwrap()];
    assert_eq!(dataflow.state, domain::dataflow::State::Active, "it filters, and blocks nothing");

    bank.catch_up().await;
    assert_eq!(bank.hashes(), BTreeSet::new(), "silence is no consent");
    let delivery = bank.delivery(BOBBYS_EMAIL, FACEBOOK).await;
    let outcome = delivery.outcome.map(|outcome| outcome.result);
    assert_eq!(outcome, Some(OutcomeResult::Delivered { operation: Operation::Remove }));
    let profile = bank.profile("Email", BOBBYS_EMAIL).await;
    assert!(profile.memberships.is_realized(&dataflow.audience), "a member all the same");

    says(&bank, "y", 1).await;
    assert_eq!(bank.hashes(), bobby, "given");
    says(&bank, "n", 2).await;
    assert_eq!(bank.hashes(), BTreeSet::new(), "withdrawn");
    says(&bank, "y", 3).await;
    assert_eq!(bank.hashes(), bobby, "given again");

    bank.flow.local.project.edit("policies/advertising_consent.yaml", "ENABLED", "DISABLED");
    says(&bank, "n", 4).await;
    assert_eq!(bank.hashes(), BTreeSet::new(), "the policy counts until it is applied that it does not");
    bank.flow.local.apply().await;
    bank.catch_up().await;
    assert_eq!(bank.hashes(), bobby, "nobody asks any more");
}
