//! Runs of evaluation: each profile once, whatever their number and however short the time.

use domain::membership::MembershipStatus;
use evaluate::handler::Evaluator;
use evaluate::limits::Limits;
use jiff::{SignedDuration, Timestamp};

use crate::bank::{Bank, customers};

#[tokio::test]
async fn a_slice_that_runs_out_of_time_goes_on_where_it_was() {
    let mut bank = Bank::open().await;
    let rows: Vec<String> = (10..130)
        .map(|n| format!("C-{n},person{n}@example.com,,A,B,false,2019-05-01,1,plus,2026-01-01T00:00:00Z"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    bank.flow.bring("crm/more.csv", &customers(&rows)).await;
    // A deadline of 5 s of which nothing is left after a page: every page is a message of its own.
    bank.flow.timeout = SignedDuration::from_secs(5);
    let limits = Limits { page_size: 40, margin: SignedDuration::from_secs(5), ..Limits::default() };
    bank.flow.evaluator = Evaluator::new(bank.flow.local.store.clone(), limits);
    bank.flow.evaluate().await;
    let ledger = &bank.flow.local.store.ledger;
    let run = ledger.latest_runs(1).await.unwrap().pop().unwrap();
    let slices = ledger.slices(&run.id).await.unwrap();
    assert!(slices.iter().all(|slice| slice.done), "{slices:?}");
    assert_eq!(slices.iter().map(|slice| slice.profiles).sum::<u64>(), 123);
    assert!(
        slices.iter().map(|slice| slice.version).sum::<u64>() > u64::from(run.slices),
        "there were checkpoints"
    );
    let everybody = "all_customers".parse().unwrap();
    let members: u64 = slices.iter().filter_map(|slice| slice.realized.get(&everybody)).sum();
    assert_eq!(members, 123);
    let person = bank.profile("CRMID", "C-100").await;
    assert_eq!(person.memberships.audiences[&everybody].status, MembershipStatus::Realized);
}

#[tokio::test]
async fn chunks_and_slices_go_away_by_themselves_and_nothing_else_of_the_ledger_does() {
    let bank = Bank::with_a_member().await;
    let ledger = &bank.flow.local.store.deployment.ledger;
    let client = aws_sdk_dynamodb::Client::new(&bank.flow.local.config);
    let items = client.scan().table_name(ledger).send().await.unwrap().items.unwrap();
    let now = Timestamp::now().as_second();
    let mut leaves = 0;
    for item in &items {
        let sk = item["sk"].as_s().unwrap();
        let days = item.get("ttl").map(|ttl| (ttl.as_n().unwrap().parse::<i64>().unwrap() - now) / 86_400);
        let kept = if sk.starts_with("chunk#") {
            Some(399..=400)
        } else if sk.starts_with("slice#") {
            Some(29..=30)
        } else {
            None
        };
        match (days, kept) {
            (Some(days), Some(kept)) => assert!(kept.contains(&days), "{sk} goes away after {days} days"),
            (days, kept) => assert_eq!((days, kept), (None, None), "{sk}"),
        }
        leaves += usize::from(days.is_some());
    }
    assert!(leaves > 1 && leaves < items.len(), "{leaves} of {}", items.len());
}

#[tokio::test]
async fn a_second_run_on_unchanged_profiles_writes_nothing() {
    let bank = Bank::with_a_member().await;
    bank.flow.evaluate().await;
    let ledger = &bank.flow.local.store.ledger;
    let run = ledger.latest_runs(1).await.unwrap().pop().unwrap();
    let slices = ledger.slices(&run.id).await.unwrap();
    assert_eq!(slices.iter().map(|slice| slice.changed).sum::<u64>(), 0);
    let write: f64 = slices.iter().map(|slice| slice.units.write).sum();
    assert_eq!(write.to_bits(), 0.0_f64.to_bits());
}
