//! Files that are keyed by a partner's ID: they say something of every profile that holds it, link nobody, and may make
//! prospects of those whom nobody knows.

use std::collections::BTreeSet;
use std::fs;

use aws::Store;
use domain::batch::BatchStatus;
use domain::fragment::{FragmentKey, OrderToken};
use domain::ingest::Intake;
use domain::profile::Profile;
use domain::value::{Object, Value, at, insert};
use ingest::row::{Applier, Outcome};
use jiff::{SignedDuration, Timestamp};
use tests::flow::Gate;

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
pub async fn bank() -> Bank {
    let bank = Bank::open().await;
    let folder = bank.flow.local.project.path();
    fs::write(folder.join("schemas/travel.yaml"), SCHEMA).unwrap();
    fs::write(folder.join("datasets/northlight_travel.yaml"), DATASET).unwrap();
    bank.flow.local.apply().await;
    let carlas = "carla.coin@example.com,N-1,over_1m,0.9,owner";
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, carlas])).await;
    bank
}

pub async fn travel(bank: &Bank, day: &str, rows: &str) {
    let key = format!("partners/northlight-travel/travel-{day}.csv");
    bank.flow.bring(&key, &format!("northlight_id,trips\n{rows}")).await;
}

/// How often somebody travels, as audiences see it.
async fn trips(bank: &Bank, email: &str) -> Option<Value> {
    let in_force = bank.flow.local.store.catalogue().await.unwrap().unwrap();
    let policy = in_force.catalogue.default_merge_policy().unwrap();
    let merged = bank.profile("Email", email).await.merged(&in_force.catalogue, policy, Timestamp::now());
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

const TRAVELLERS: &str = "title: People who may travel
of: prospects
expression: travel.tripsPerYear > 3 or not (hasFinancialAdvisor = true)
";

const TRAVELLERS_TO_FILE: &str = "audience: travellers
destination: travel_file
mapping:
  northlight_id: {identity: NorthlightID}
";

const TRAVEL_FILE: &str = "title: Prospects for the media agency
plugin: s3-file
marketing_actions: [Cross Site Targeting, Export to Third Party]
config:
  prefix: agency/travel
  columns:
    - {name: northlight_id}
";

/// A bank that makes prospects of those whom nobody knows, and sends them to an agency.
pub async fn bank_with_prospects() -> Bank {
    let bank = bank().await;
    let project = &bank.flow.local.project;
    project.edit(
        "datasets/northlight_travel.yaml",
        "write_mode: replace",
        "write_mode: replace\non_unmatched: prospect",
    );
    for (file, text) in [
        ("audiences/travellers.yaml", TRAVELLERS),
        ("dataflows/travellers_to_file.yaml", TRAVELLERS_TO_FILE),
        ("destinations/travel_file.yaml", TRAVEL_FILE),
    ] {
        fs::write(project.path().join(file), text).unwrap();
    }
    bank.flow.local.apply().await;
    bank
}

pub async fn prospect(bank: &Bank, partner_id: &str) -> Option<Profile> {
    let store = &bank.flow.local.store;
    let key = bank.identity("NorthlightID", partner_id).await.key;
    let reference = store.identities.references(&key).await.unwrap().pop()?;
    let profile = store.profiles.load(&reference.profile).await.unwrap()?;
    profile.graph.prospect.then_some(profile)
}

fn audiences(profile: &Profile) -> Vec<String> {
    profile.memberships.realized().into_keys().map(|name| name.to_string()).collect()
}

fn sent<'a>(profile: &'a Profile, dataflow: &str) -> Option<&'a str> {
    let sent = profile.deliveries.get(&dataflow.parse().unwrap())?.sent.as_ref()?;
    sent.cells.get("northlight_id").map(String::as_str)
}

#[tokio::test]
async fn whom_nobody_knows_becomes_a_prospect_who_is_in_audiences_of_prospects_alone() {
    let bank = bank_with_prospects().await;
    travel(&bank, "2026-02-02", "N-1,7\nN-50,9\n").await;
    let (_, counts) = bank.last_batch("northlight_travel").await;
    assert_eq!((counts.created, counts.matched, counts.unmatched), (1, 1, 0));
    bank.flow.evaluate().await;
    bank.flow.wake("travellers_to_file").await;
    let stranger = prospect(&bank, "N-50").await.expect("a prospect is made");
    assert!(stranger.graph.identities.is_empty());
    assert_eq!(audiences(&stranger), ["travellers"]);
    assert_eq!(sent(&stranger, "travellers_to_file"), Some("N-50"));
    let bobby = bank.profile("Email", "bobby.bank@example.com").await;
    assert!(
        !audiences(&bobby).contains(&"travellers".to_owned()),
        "he is a customer, however often he travels"
    );
    assert_eq!(sent(&bobby, "travellers_to_file"), None);
}

#[tokio::test]
async fn a_prospect_who_becomes_known_is_the_customers_partner_id_and_what_was_sent_is_withdrawn() {
    let bank = bank_with_prospects().await;
    travel(&bank, "2026-02-02", "N-50,9\n").await;
    bank.flow.evaluate().await;
    bank.flow.wake("travellers_to_file").await;
    let stranger = prospect(&bank, "N-50").await.expect("a prospect is made");
    let renamed = BOBBYS_ANSWER.replace("N-1", "N-50");
    for _ in 0..2 {
        bank.flow.bring(&answer_of("2026-02-03"), &answer(&[&renamed])).await;
        assert_eq!(
            trips(&bank, "bobby.bank@example.com").await,
            Some(Value::Integer(9)),
            "what was said goes along"
        );
        assert!(prospect(&bank, "N-50").await.is_none(), "the ID is the customer's now");
    }
    bank.flow.evaluate().await;
    bank.flow.wake("travellers_to_file").await;
    let ended = bank.flow.local.store.profiles.load(&stranger.id).await.unwrap().unwrap();
    let bobby = bank.profile("Email", "bobby.bank@example.com").await;
    assert_eq!((ended.fragments.len(), sent(&ended, "travellers_to_file")), (0, None));
    assert_eq!(ended.graph.merged_into.as_ref(), Some(&bobby.id));
    assert!(!audiences(&bobby).contains(&"travellers".to_owned()));

    // Once Northlight takes Bobby for somebody else, whoever the ID stands for is a stranger again.
    bank.flow.bring(&answer_of("2026-02-04"), &answer(&[BOBBYS_ANSWER])).await;
    travel(&bank, "2026-02-05", "N-50,2\n").await;
    let again = prospect(&bank, "N-50").await.expect("a prospect is made");
    assert_ne!(again.id, stranger.id);
    assert_eq!(trips(&bank, "bobby.bank@example.com").await, None);
}

#[tokio::test]
async fn a_prospect_runs_out_long_before_a_customer_does() {
    let bank = bank_with_prospects().await;
    travel(&bank, "2026-02-02", "N-1,7\nN-50,9\n").await;
    let catalogue = bank.flow.local.store.catalogue().await.unwrap().unwrap().catalogue;
    let stranger = prospect(&bank, "N-50").await.expect("a prospect is made");
    let bobby = bank.profile("Email", "bobby.bank@example.com").await;
    let travel = |key: &&FragmentKey| key.dataset.as_str() == "northlight_travel";
    for (days, stands) in [(25, true), (26, false)] {
        let then = Timestamp::now() + SignedDuration::from_hours(24 * days);
        let counts =
            |profile: &Profile| profile.usable(&catalogue, then).map(|(key, _)| key).filter(travel).count();
        assert_eq!((counts(&stranger), counts(&bobby)), (usize::from(stands), 1), "after {days} days");
    }
}

/// Applies a row, as it is read from a file of a dataset, through a store.
async fn apply(bank: &Bank, store: &Store, row: &Row) -> Outcome {
    let catalogue = bank.flow.local.store.catalogue().await.unwrap().unwrap().catalogue;
    let keyring = bank.flow.local.store.keyring().await.unwrap();
    let dataset = &catalogue.datasets[&row.dataset.parse().unwrap()];
    let intake = Intake::new(&catalogue, dataset, &catalogue.schemas[&dataset.schema], &keyring);
    let mut attributes = Object::new();
    for (path, value) in &row.says {
        insert(&mut attributes, &path.parse().unwrap(), value.clone());
    }
    let record = intake.record(attributes, OrderToken { time: row.time, batch: 1, row: 1 }).unwrap();
    Applier::new(store, &intake, dataset, &keyring, Timestamp::now()).apply(&record).await.unwrap()
}

struct Row {
    dataset: &'static str,
    time: u64,
    says: Vec<(&'static str, Value)>,
}

#[tokio::test]
async fn whoever_comes_first_or_dies_a_row_of_an_id_that_becomes_known_ends_with_the_person() {
    let bank = bank_with_prospects().await;
    let local = &bank.flow.local;
    let text = |text: &str| Value::String(text.to_owned());
    let mut time = 4_000_000_000_000;
    for (is_match_held, dies) in [(true, false), (true, true), (false, false), (false, true)] {
        for call in 0.. {
            time += 1;
            let id = format!("N-{is_match_held}-{dies}-{call}");
            let matched =
                vec![("partner.northlightId", text(&id)), ("matchKey.email", text("bobby.bank@example.com"))];
            let matched = Row { dataset: "northlight_enrichment", time, says: matched };
            let trips_of_id =
                vec![("travel.northlightId", text(&id)), ("travel.tripsPerYear", Value::Integer(9))];
            let trips_of_id = Row { dataset: "northlight_travel", time, says: trips_of_id };
            let (held, other) =
                if is_match_held { (&matched, &trips_of_id) } else { (&trips_of_id, &matched) };

            let gate = Gate::on(local, |call| call.starts_with("DynamoDB"), call).await;
            let store = gate.store(local);
            let mut work = Box::pin(apply(&bank, &store, held));
            if gate.hold(&mut work).await.is_some() {
                assert!(call > 5, "a row makes more calls than these");
                break;
            }
            apply(&bank, &local.store, other).await;
            if dies {
                drop(work);
                apply(&bank, &local.store, held).await;
            } else {
                gate.open();
                work.await;
            }
            assert_eq!(
                trips(&bank, "bobby.bank@example.com").await,
                Some(Value::Integer(9)),
                "{id}: what the partner says of the ID is with the person"
            );
            // A prospect of whom nothing is known, whose row died before it was written, is nobody.
            let stranger = prospect(&bank, &id).await.filter(|stranger| !stranger.fragments.is_empty());
            assert_eq!(stranger, None, "{id}: nobody of that ID is a stranger any more");
        }
    }
}

#[tokio::test]
async fn what_a_partner_id_brought_is_gone_with_the_id_and_does_not_come_back_with_it() {
    let bank = bank().await;
    travel(&bank, "2026-02-02", "N-1,7\n").await;
    let renamed = BOBBYS_ANSWER.replace("N-1", "N-9");
    bank.flow.bring(&answer_of("2026-02-03"), &answer(&[&renamed])).await;
    bank.flow.bring(&answer_of("2026-02-04"), &answer(&[BOBBYS_ANSWER])).await;
    assert_eq!(trips(&bank, "bobby.bank@example.com").await, None, "no file has said so since");
    assert_eq!(trips(&bank, "carla.coin@example.com").await, Some(Value::Integer(7)), "who kept it keeps it");
    travel(&bank, "2026-02-05", "N-1,7\n").await;
    assert_eq!(trips(&bank, "bobby.bank@example.com").await, Some(Value::Integer(7)));
}
