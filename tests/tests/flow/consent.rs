//! Consent policies: who has not consented does not leave, and who withdraws the consent is withdrawn.

use std::collections::BTreeSet;
use std::fs;

use domain::delivery::{Operation, OutcomeResult};

use aws_lambda_events::dynamodb::Event;
use aws_sdk_dynamodb::types::AttributeValue;
use dispatch::handler::Dispatch;
use serde_json::{Value, json};

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

/// A bank that asks for consent, and of which Bobby is a member of the audience.
async fn bank_that_asks() -> Bank {
    let bank = Bank::with_a_member().await;
    let folder = bank.flow.local.project.path();
    for (file, text) in [
        ("schemas/preferences.yaml", SCHEMA),
        ("datasets/preferences.yaml", DATASET),
        ("policies/advertising_consent.yaml", POLICY),
    ] {
        fs::write(folder.join(file), text).unwrap();
    }
    bank
}

/// Brings what Bobby has said.
async fn bring(bank: &Bank, said: &str, day: u8) {
    let row = format!("email,advertising,said_at\n{BOBBYS_EMAIL},{said},2026-03-{day:02}T00:00:00Z\n");
    bank.flow.bring(&format!("preferences/{day}.csv"), row).await;
}

/// Says what Bobby has said, and lets what follows from it happen.
async fn says(bank: &Bank, said: &str, day: u8) {
    bring(bank, said, day).await;
    bank.catch_up().await;
}

/// How many members the dataflow leaves out, as the command shows it.
fn withheld(bank: &Bank) -> u64 {
    bank.flow.local.tributary(&["dataflow", "show", FACEBOOK]).printed[0]["withheld"].as_u64().unwrap()
}

/// What is stored of Bobby's preferences, as the stream has it.
async fn preferences(bank: &Bank) -> Value {
    let profile = bank.profile("Email", BOBBYS_EMAIL).await;
    let (key, _) = profile.fragments.iter().find(|(key, _)| key.dataset.as_str() == "preferences").unwrap();
    let local = &bank.flow.local;
    let get = aws_sdk_dynamodb::Client::new(&local.config).get_item();
    let get = get.table_name(&local.store.deployment.profiles);
    let get = get.key("pk", AttributeValue::S(profile.id.to_string()));
    let item = get.key("sk", AttributeValue::S(format!("F#{key}"))).send().await.unwrap().item.unwrap();
    serde_json::to_value(serde_dynamo::Item::from(item)).unwrap()
}

#[tokio::test]
async fn a_consent_that_is_withdrawn_in_a_file_withdraws_and_one_that_is_given_again_brings_back() {
    let bank = bank_that_asks().await;
    let bobby = BTreeSet::from([digest(BOBBYS_EMAIL)]);
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
    assert_eq!(withheld(&bank), 1);

    says(&bank, "y", 1).await;
    assert_eq!((bank.hashes(), withheld(&bank)), (bobby.clone(), 0), "given");
    says(&bank, "n", 2).await;
    assert_eq!((bank.hashes(), withheld(&bank)), (BTreeSet::new(), 1), "withdrawn");
    says(&bank, "y", 3).await;
    assert_eq!(bank.hashes(), bobby, "given again");

    bank.flow.local.project.edit("policies/advertising_consent.yaml", "ENABLED", "DISABLED");
    says(&bank, "n", 4).await;
    assert_eq!(bank.hashes(), BTreeSet::new(), "the policy counts until it is applied that it does not");
    bank.flow.local.apply().await;
    bank.catch_up().await;
    assert_eq!(bank.hashes(), bobby, "nobody asks any more");
}

#[tokio::test]
async fn a_consent_that_flips_is_dispatched_before_anything_is_evaluated() {
    let bank = bank_that_asks().await;
    bank.flow.local.apply().await;
    says(&bank, "y", 1).await;
    let bobby = BTreeSet::from([digest(BOBBYS_EMAIL)]);
    assert_eq!(bank.hashes(), bobby);
    let dispatch = Dispatch::new(bank.flow.local.store.clone());
    for (day, said, expected) in [(2, "n", BTreeSet::new()), (3, "y", bobby)] {
        let old = preferences(&bank).await;
        bring(&bank, said, day).await;
        let new = preferences(&bank).await;
        let event: Event = serde_json::from_value(json!({"Records": [{
            "eventID": day.to_string(), "eventName": "MODIFY", "awsRegion": "us-east-1",
            "dynamodb": {"Keys": {}, "OldImage": old, "NewImage": new, "SequenceNumber": "1", "SizeBytes": 1},
        }]}))
        .unwrap();
        bank.flow.wake(FACEBOOK).await;
        assert_ne!(bank.hashes(), expected, "nobody has marked it");
        assert!(dispatch.handle(event).await.batch_item_failures.is_empty());
        bank.flow.wake(FACEBOOK).await;
        assert_eq!(bank.hashes(), expected, "Bobby said {said}");
    }
}
