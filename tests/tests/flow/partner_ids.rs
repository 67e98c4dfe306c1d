//! Files that are keyed by a partner's ID: they say something of every profile that holds it, and link nobody.

use std::collections::BTreeSet;
use std::fs;

use domain::batch::BatchStatus;
use domain::value::{Value, at};

use crate::bank::{BOBBYS_ANSWER, Bank, answer, answer_of};

const SCHEMA: &str = "title: Travel
class: profile
labels: [Third-Party]
fields:
  travel.northlightId: {type: string, labels: [I2], identity: {namespace: NorthlightID, primary: true}}
  travel.tripsPerYear: {type: integer}
";

const DATASET: &str = "title: Northlight on travel
schema: travel
partner: northlight
source:
  prefix: partners/northlight-travel/
  format: csv
  file_time: travel-%Y-%m-%d.csv
  columns: {northlight_id: travel.northlightId, trips: travel.tripsPerYear}
write_mode: replace
";

/// A bank whose partner also sends files that are keyed by its own ID, which Bobby and Carla both hold.
async fn bank() -> Bank {
    let bank = Bank::open().await;
    let folder = bank.flow.local.project.path();
    fs::write(folder.join("schemas/travel.yaml"), SCHEMA).unwrap();
    fs::write(folder.join("datasets/northlight_travel.yaml"), DATASET).unwrap();
    bank.flow.local.apply().await;
    let carlas = "carla.coin@example.com,N-1,over_1m,0.9,owner";
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, carlas])).await;
    bank
}

async fn travel(bank: &Bank, day: &str, rows: &str) {
    let key = format!("partners/northlight-travel/travel-{day}.csv");
    bank.flow.bring(&key, &format!("northlight_id,trips\n{rows}")).await;
}

/// How often somebody travels, as audiences see it.
async fn trips(bank: &Bank, email: &str) -> Option<Value> {
    let in_force = bank.flow.local.store.catalogue().await.unwrap().unwrap();
    let policy = in_force.catalogue.default_merge_policy().unwrap();
    let merged =
        bank.profile("Email", email).await.merged(&in_force.catalogue, policy, jiff::Timestamp::now());
    at(&merged.attributes, &"travel.tripsPerYear".parse().unwrap()).cloned()
}

#[tokio::test]
async fn a_file_keyed_by_a_partner_id_enriches_every_profile_that_holds_it_and_links_nobody() {
    let bank = bank().await;
    travel(&bank, "2026-02-02", "N-1,7\nN-77,1\n").await;
    let (batch, counts) = bank.last_batch("northlight_travel").await;
    assert_eq!((batch.status, counts.ingested, counts.unmatched), (BatchStatus::Success, 1, 1));
    let people = ["bobby.bank@example.com", "carla.coin@example.com"];
    let mut ids = BTreeSet::new();
    for email in people {
        assert_eq!(trips(&bank, email).await, Some(Value::Integer(7)), "{email}");
        let profile = bank.profile("Email", email).await;
        let partner_id = bank.identity("NorthlightID", "N-1").await;
        assert!(!profile.graph.identities.contains_key(&partner_id.key));
        ids.insert(profile.id);
    }
    assert_eq!(ids.len(), 2, "they are still two people");
    assert_eq!(trips(&bank, "dora.dime@example.com").await, None);
    let partner_id = bank.identity("NorthlightID", "N-1").await.key;
    let identities = &bank.flow.local.store.identities;
    assert_eq!(identities.link(&partner_id).await.unwrap(), None);
    assert_eq!(
        identities.references(&partner_id).await.unwrap().len(),
        2,
        "what it enriches does not hold it"
    );
}

#[tokio::test]
async fn what_a_partner_id_brought_counts_while_the_profile_holds_the_id() {
    let bank = bank().await;
    travel(&bank, "2026-02-02", "N-1,7\n").await;
    // Northlight takes Bobby for somebody else from now on.
    let renamed = BOBBYS_ANSWER.replace("N-1", "N-9");
    bank.flow.bring(&answer_of("2026-02-03"), &answer(&[&renamed])).await;
    assert_eq!(trips(&bank, "bobby.bank@example.com").await, None);
    assert_eq!(trips(&bank, "carla.coin@example.com").await, Some(Value::Integer(7)));
    travel(&bank, "2026-02-04", "N-1,8\nN-9,2\n").await;
    assert_eq!(trips(&bank, "bobby.bank@example.com").await, Some(Value::Integer(2)));
    assert_eq!(trips(&bank, "carla.coin@example.com").await, Some(Value::Integer(8)));
}

#[tokio::test]
async fn the_same_file_again_writes_nothing() {
    let bank = bank().await;
    travel(&bank, "2026-02-02", "N-1,7\n").await;
    travel(&bank, "2026-02-03", "N-1,7\n").await;
    let (_, counts) = bank.last_batch("northlight_travel").await;
    assert_eq!((counts.unchanged, counts.ingested), (1, 0));
    assert_eq!(bank.last_units("northlight_travel").await.write, 0.0);
}
