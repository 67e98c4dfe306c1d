//! A function's process dies on the spot, at three points of one file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::Select;
use domain::batch::{Batch, BatchStatus};
use tests::deployed::eventually;
use tests::example::{FACEBOOK, OWN, customers, digest};

use crate::bank::Bank;

const FILE: &str = "crm/customers.csv";

/// Rows of the file.
const ROWS: u64 = 20_000;

/// People of whom an older row precedes their own.
const TWICE: u64 = 20;

/// A function that has died is noticed when its message's visibility ends: after a minute instead of 15.
const PARAMETERS: [&str; 3] = ["IngestTimeout=60", "IngestVisibility=60", "MaxReceives=10"];

/// So that a chunk is applied well within that on a small machine, and others go on while the killed ones wait.
const CHUNKS_AT_ONCE: u32 = 2;

const WITHIN: Duration = Duration::from_secs(900);

/// A customer of the file.
struct Customer {
    crm_id: String,
    balance: String,
    /// One in twenty has an address, and is in the audience.
    email: String,
    is_broken: bool,
    is_twice: bool,
}

#[tokio::test]
#[ignore = "20,000 rows and three deaths take a small machine minutes: cargo xtask test --long"]
async fn ingest_killed_at_three_points_of_a_file_applies_every_row_once() {
    let bank = Bank::deploy(&PARAMETERS).await;
    private_customers_only(&bank);
    let dataflow = bank.at.project.path().join("dataflows").join(format!("{FACEBOOK}.yaml"));
    let to_facebook = std::fs::read_to_string(&dataflow).unwrap();
    std::fs::remove_file(&dataflow).unwrap();
    bank.at.apply();
    bank.at.limit(&bank.at.store.deployment.chunks_queue, CHUNKS_AT_ONCE);
    let people: Vec<Customer> = (1..=ROWS - TWICE).map(customer).collect();
    bank.at.upload(FILE, file(&people)).await;

    bank.at.kill_when("Ingest", "part of the file is staged", WITHIN, async || staged(&bank).await > 0).await;
    assert_eq!(progress(&bank).await.unwrap().0.status, BatchStatus::Checking, "it died while checking");
    println!("killed while checking, after {} chunks were staged", staged(&bank).await);

    for (from, to) in [(1, ROWS / 10), (ROWS * 8 / 10, ROWS - 1)] {
        eventually("so many rows are accounted for", WITHIN, async || {
            progress(&bank).await.filter(|(_, rows)| *rows >= from)
        })
        .await;
        assert!(bank.at.kill("Ingest") > 0);
        let (batch, rows) = progress(&bank).await.unwrap();
        assert_eq!(batch.status, BatchStatus::Applying, "it died while applying");
        assert!((from..=to).contains(&rows), "it died after {rows} rows");
        println!("killed while applying, after {rows} rows were accounted for");
    }

    let (_, counts) = bank.has_ingested(OWN, FILE, WITHIN).await;
    let good = people.iter().filter(|customer| !customer.is_broken).count() as u64;
    let broken = people.len() as u64 - good;
    assert_eq!((counts.received, counts.ingested, counts.created), (ROWS, good, good), "{counts:?}");
    assert_eq!(
        (counts.unchanged, counts.older, counts.unmatched, counts.matched),
        (0, 0, 0, 0),
        "{counts:?}"
    );
    let failed = BTreeMap::from([("duplicate".to_owned(), TWICE), ("wrong_type".to_owned(), broken)]);
    assert_eq!(counts.failed, failed);
    every_row_is_there_once(&bank, &people).await;
    every_row_set_aside_is_there_once(&bank, &failed).await;

    std::fs::write(&dataflow, to_facebook).unwrap();
    bank.at.apply();
    bank.at.evaluate();
    let members = people.iter().filter(|customer| !customer.is_broken && !customer.email.is_empty());
    bank.reaches_facebook(&members.map(|customer| digest(&customer.email)).collect()).await;
    bank.leaves_no_clear_text().await;
}

/// Leaves one audience in the project, of the bank's private customers, and one dataflow, which brings it to Facebook.
fn private_customers_only(bank: &Bank) {
    let folder = bank.at.project.path();
    let gone = ["audiences/all_customers", "dataflows/seed_to_northlight", "dataflows/prospects_to_file"];
    for file in gone.iter().chain(&["dataflows/prospects_to_email"]) {
        std::fs::remove_file(folder.join(format!("{file}.yaml"))).unwrap();
    }
    let audience = "title: Private customers\nexpression: tier = \"private\"\n";
    std::fs::write(folder.join("audiences/high_earning_homeowner_prospects.yaml"), audience).unwrap();
}

fn customer(number: u64) -> Customer {
    let is_broken = number % 1_000 == 500;
    let is_private = number.is_multiple_of(20);
    Customer {
        crm_id: format!("C-{number}"),
        balance: if is_broken { "a lot".to_owned() } else { number.to_string() },
        email: if is_private { format!("person{number}@example.com") } else { String::new() },
        is_broken,
        is_twice: number % 1_000 == 7,
    }
}

fn file(people: &[Customer]) -> String {
    let mut rows = Vec::new();
    for Customer { crm_id, balance, email, is_twice, .. } in people {
        if *is_twice {
            rows.push(format!("{crm_id},,,,,,,0,basic,2025-01-01T00:00:00Z"));
        }
        let tier = if email.is_empty() { "basic" } else { "private" };
        rows.push(format!("{crm_id},{email},,,,,,{balance},{tier},2026-01-01T00:00:00Z"));
    }
    assert_eq!(rows.len() as u64, ROWS);
    customers(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

/// How many chunks of the file are staged.
async fn staged(bank: &Bank) -> usize {
    let store = &bank.at.store;
    store.objects.list(&store.deployment.data, "staging/").await.unwrap().len()
}

/// The batch, and how many of its staged rows are accounted for.
async fn progress(bank: &Bank) -> Option<(Batch, u64)> {
    let (batch, _) = bank.at.batch(OWN, FILE).await?;
    let chunks = bank.at.store.ledger.chunks(batch.number).await.unwrap();
    Some((batch, chunks.iter().map(|chunk| chunk.offset).sum()))
}

/// Compares the tables with the file, and not with what the ledger says.
async fn every_row_is_there_once(bank: &Bank, people: &[Customer]) {
    let mut stored = BTreeMap::new();
    let mut identities = 0;
    let mut next = None;
    loop {
        let page = bank.at.store.profiles.scan(0, 1, next.as_ref(), 1_000).await.unwrap();
        for profile in page.profiles {
            let fragments: Vec<_> = profile.fragments.values().collect();
            let [fragment] = fragments[..] else {
                panic!("{} has {} fragments", profile.id, fragments.len())
            };
            let attributes = serde_json::to_value(&fragment.attributes).unwrap();
            let crm_id = attributes["crmId"].as_str().unwrap().to_owned();
            let balance = attributes["accountBalance"].as_f64().unwrap().to_string();
            assert_eq!(stored.insert(crm_id, balance), None, "a customer of two profiles");
            identities += profile.graph.identities.len();
        }
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let good = people.iter().filter(|customer| !customer.is_broken);
    let expected = good.map(|customer| (customer.crm_id.clone(), customer.balance.clone()));
    assert!(stored == expected.collect(), "the tables hold something else than the file");
    let table = &bank.at.store.deployment.identities;
    let scan = aws_sdk_dynamodb::Client::new(&bank.at.config).scan().table_name(table).select(Select::Count);
    let pages = scan.into_paginator().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    let links: i32 = pages.iter().map(|page| page.count).sum();
    assert_eq!(usize::try_from(links).unwrap(), identities, "as many links as identities");
}

async fn every_row_set_aside_is_there_once(bank: &Bank, failed: &BTreeMap<String, u64>) {
    let store = &bank.at.store;
    let (mut rows, mut codes) = (BTreeSet::new(), BTreeMap::new());
    for key in store.objects.list(&store.deployment.data, "quarantine/").await.unwrap() {
        let content = store.objects.read(&store.deployment.data, &key).await.unwrap().unwrap();
        for line in serde_json::Deserializer::from_slice(&content).into_iter::<ingest::quarantine::Line>() {
            let line = line.unwrap();
            assert!(rows.insert(line.row), "row {} is set aside twice", line.row);
            *codes.entry(line.code).or_insert(0) += 1;
        }
    }
    assert_eq!(codes, *failed);
}
