//! A dataflow to Adobe Target: an id in clear, mapped attributes, and exits that are said in words.

use std::time::Duration;

use jiff::Timestamp;
use tests::target_api::{Fault, Parameters, Settings, TargetApi};

use crate::bank::{BOBBY, BOBBYS_ANSWER, Bank, answer, answer_of, customers};

const DATAFLOW: &str = "prospects_to_target";
const BOBBYS_EMAIL: &str = "bobby.bank@example.com";

/// Longer than the lease of the tests' worker.
const LEASE_OVER: Duration = Duration::from_millis(3_300);

fn says(values: [(&str, &str); 2]) -> Option<Parameters> {
    Some(values.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
}

/// A bank with a dataflow to that Target, which watches a file for so many seconds.
async fn bank_with(target: &TargetApi, confirm_seconds: u8) -> Bank {
    let bank = Bank::open().await;
    let project = bank.flow.local.project.path();
    let destination = format!(
        "plugin: adobe-target\nmarketing_actions: [Cross Site Targeting]\nconfig:\n  client_code: northshop\n  \
         parameters: [tier]\n  audience_parameter: prospect\n  require_authentication: false\n  \
         confirm_seconds: {confirm_seconds}\n  base_url: {}\n",
        target.base_url()
    );
    std::fs::write(project.join("destinations/target.yaml"), destination).unwrap();
    let dataflow = "audience: high_earning_homeowner_prospects\ndestination: target\n\
         mapping:\n  thirdPartyId: {identity: CRMID}\n  tier: {field: tier}\n";
    std::fs::write(project.join(format!("dataflows/{DATAFLOW}.yaml")), dataflow).unwrap();
    bank.flow.local.apply().await;
    bank
}

/// Brings what the partner says of Bobby, and lets the dataflow deliver.
async fn bring(bank: &Bank, day: &str, worth: &str) {
    let row = BOBBYS_ANSWER.replace("over_1m", worth);
    bank.flow.bring(&answer_of(day), &answer(&[&row])).await;
    catch_up(bank).await;
}

async fn catch_up(bank: &Bank) {
    bank.flow.evaluate().await;
    bank.flow.wake(DATAFLOW).await;
}

/// Lets the dataflow look at what it has put off.
async fn look_now(bank: &Bank) {
    let profile = bank.profile("Email", BOBBYS_EMAIL).await.id;
    let dataflow = DATAFLOW.parse().unwrap();
    bank.flow.local.store.profiles.put_off(&profile, &dataflow, Timestamp::now()).await.unwrap();
    bank.flow.wake(DATAFLOW).await;
}

#[tokio::test]
async fn members_and_those_who_left_both_stand_at_target_in_words() {
    let target = TargetApi::start(Settings::default()).unwrap();
    let bank = bank_with(&target, 10).await;
    for (day, worth, expected) in [
        ("2026-02-01", "over_1m", [("prospect", "true"), ("tier", "plus")]),
        ("2026-02-02", "under_100k", [("prospect", "false"), ("tier", "none")]),
    ] {
        bring(&bank, day, worth).await;
        assert_eq!(target.profile("C-1"), says(expected), "{worth}");
    }
    assert_eq!(target.ids(), ["C-1"], "and nobody else is told of");
}

#[tokio::test]
async fn a_changed_value_is_one_row_that_overwrites_the_earlier_one() {
    let target = TargetApi::start(Settings::default()).unwrap();
    let bank = bank_with(&target, 10).await;
    bring(&bank, "2026-02-01", "over_1m").await;
    assert_eq!(target.batches().len(), 1);
    let changed = BOBBY.replace(",plus,", ",private,").replace("2026-01-01", "2026-01-02");
    bank.flow.bring("crm/changed.csv", &customers(&[&changed])).await;
    catch_up(&bank).await;
    assert_eq!(target.profile("C-1"), says([("prospect", "true"), ("tier", "private")]));
    assert_eq!(target.batches().len(), 2, "and is no exit before");
}

#[tokio::test]
async fn a_file_that_target_works_off_later_is_asked_for_and_not_sent_again() {
    let target = TargetApi::start(Settings::default()).unwrap();
    let bank = bank_with(&target, 0).await;
    target.inject(Fault::Slow { milliseconds: 3_000 });
    bring(&bank, "2026-02-01", "over_1m").await;
    let accepted = bank.delivery(BOBBYS_EMAIL, DATAFLOW).await;
    assert!(accepted.dirty && accepted.sent.is_none(), "{accepted:?}");
    assert!(accepted.intent.is_some_and(|intent| intent.receipt.is_some()));

    look_now(&bank).await;
    assert!(bank.delivery(BOBBYS_EMAIL, DATAFLOW).await.sent.is_none(), "Target is busy yet");
    tokio::time::sleep(LEASE_OVER).await;
    look_now(&bank).await;
    let delivered = bank.delivery(BOBBYS_EMAIL, DATAFLOW).await;
    assert!(!delivered.dirty && delivered.sent.is_some() && delivered.intent.is_none(), "{delivered:?}");
    assert_eq!(target.batches().len(), 1);
}

#[tokio::test]
async fn a_file_that_target_gets_stuck_with_is_sent_again() {
    let target = TargetApi::start(Settings::default()).unwrap();
    let bank = bank_with(&target, 0).await;
    target.inject(Fault::Stuck);
    bring(&bank, "2026-02-01", "over_1m").await;
    look_now(&bank).await;
    tokio::time::sleep(LEASE_OVER).await;
    look_now(&bank).await;
    assert_eq!(target.batches().len(), 2);
    look_now(&bank).await;
    assert!(bank.delivery(BOBBYS_EMAIL, DATAFLOW).await.sent.is_some());
    assert_eq!(target.profile("C-1"), says([("prospect", "true"), ("tier", "plus")]));
}

#[tokio::test]
async fn whoever_leaves_while_target_is_busy_is_not_waited_for() {
    let target = TargetApi::start(Settings::default()).unwrap();
    let bank = bank_with(&target, 0).await;
    target.inject(Fault::Slow { milliseconds: 60_000 });
    bring(&bank, "2026-02-01", "over_1m").await;
    bring(&bank, "2026-02-02", "under_100k").await;
    assert_eq!(target.batches().len(), 2);
    assert_eq!(target.profile("C-1"), says([("prospect", "false"), ("tier", "none")]));
}
