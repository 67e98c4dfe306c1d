//! Removal: what is over goes with all that refers to it, and a person who is deleted is withdrawn, then erased, and never
//! comes back.

use std::collections::{BTreeMap, BTreeSet};

use aws::{Found, Queue, Receipt, Removed, Store, Work};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::batch::BatchStatus;
use domain::fragment::Fragment;
use domain::graph::Ending;
use domain::identity::{IdentityKey, ProfileId};
use domain::profile::Profile;
use ingest::row::Outcome;
use jiff::{SignedDuration, Timestamp};
use tests::flow::{Flow, Gate};
use tests::graph_api::Fault;

use crate::bank::{
    BOBBY, BOBBYS_ANSWER, Bank, CARLA, CARLAS_ANSWER, DORA, FACEBOOK, answer, answer_of, customers, digest,
};
use crate::desk::{DATASET, Desk};
use crate::shop::{Browser, Shop, mover_known_as};

const BOBBYS_EMAIL: &str = "bobby.bank@example.com";
const PARTNER_FILE: &str = "datasets/northlight_enrichment.yaml";
const RECEIPT: &str = "01KEXAMPLERECEPT0000000000";

impl Bank {
    /// What the latest run has deleted, and what it wrote.
    pub async fn last_run(&self) -> (Removed, f64) {
        let ledger = &self.flow.local.store.ledger;
        let run = ledger.latest_runs(1).await.unwrap().pop().unwrap();
        let slices = ledger.slices(&run.id).await.unwrap();
        let removed = slices.iter().fold(Removed::default(), |sum, slice| sum.plus(slice.removed));
        (removed, slices.iter().map(|slice| slice.units.write).sum())
    }

    /// The profiles of which nothing is left but a word on their end.
    pub async fn ended(&self) -> Vec<ProfileId> {
        let page = self.flow.local.store.profiles.scan(0, 1, None, 1000).await.unwrap();
        page.profiles
            .into_iter()
            .filter(|profile| profile.graph.ending.is_some())
            .map(|each| each.id)
            .collect()
    }

    /// What was set aside of all files, as text.
    async fn quarantine(&self) -> String {
        let store = &self.flow.local.store;
        let mut text = String::new();
        for name in store.objects.list(&store.deployment.data, "quarantine/").await.unwrap() {
            let bytes = store.objects.read(&store.deployment.data, &name).await.unwrap().unwrap();
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
        text
    }
}

/// The keys of the items in which a text stands, of all tables of a deployment.
pub async fn items_with(flow: &Flow, texts: &[String]) -> Vec<String> {
    let deployment = &flow.local.store.deployment;
    let client = aws_sdk_dynamodb::Client::new(&flow.local.config);
    let mut found = Vec::new();
    for table in [&deployment.profiles, &deployment.identities, &deployment.ledger] {
        let mut items = client.scan().table_name(table).into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = item.unwrap();
            let shown = format!("{item:?}");
            if texts.iter().any(|text| shown.contains(text)) {
                let key =
                    |name: &str| item.get(name).and_then(|key: &AttributeValue| key.as_s().ok()).cloned();
                found.push(format!("{} {}", key("pk").unwrap(), key("sk").unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Has a person deleted, by a receipt of which nothing is read but its id.
async fn delete(flow: &Flow, profile: &Profile) -> Receipt {
    let store = &flow.local.store;
    let receipt = Receipt {
        id: RECEIPT.to_owned(),
        at: Timestamp::now(),
        by: "a test".to_owned(),
        reason: None,
        suppressed: 2,
        found: BTreeMap::from([(profile.id.clone(), Found::default())]),
        earlier: BTreeMap::new(),
        goes: BTreeMap::new(),
    };
    store.ledger.keep_receipt(&receipt).await.unwrap();
    let catalogue = store.catalogue().await.unwrap().unwrap().catalogue;
    store.delete_person(&catalogue, &profile.id, &receipt.id, receipt.at).await.unwrap();
    receipt
}

/// Lets a profile's end be as long ago as late writers may live.
pub async fn wait_for_late_writers(store: &Store, profile: &ProfileId) {
    let Some(graph) = store.profiles.graph(profile).await.unwrap() else { return };
    let then = Timestamp::now() - SignedDuration::from_hours(48);
    let ending = match graph.ending.clone().expect("it has ended") {
        Ending::Over { .. } => Ending::Over { since: then },
        Ending::Erased { receipt, .. } => Ending::Erased { at: then, receipt },
        deleted @ Ending::Deleted { .. } => deleted,
    };
    let next = graph.with_ending(Some(ending));
    assert!(store.profiles.put_graph(profile, &next, Some(graph.version)).await.unwrap());
}

/// Lets what a dataset says of a profile be so many days older.
pub async fn grow_old(store: &Store, profile: &ProfileId, dataset: &str, days: i32) {
    let stored = store.profiles.load_all(profile).await.unwrap().expect("the profile is there");
    for (key, fragment) in stored.fragments.iter().filter(|(key, _)| key.dataset.as_str() == dataset) {
        let older = Fragment {
            version: fragment.version + 1,
            confirmed: fragment.confirmed - days,
            ..fragment.clone()
        };
        assert!(store.profiles.put_fragment(profile, key, &older, Some(fragment.version)).await.unwrap());
    }
}

/// Everything by which something of a person would be found.
pub fn traces(profile: &Profile) -> Vec<String> {
    let keys = profile.graph.identities.keys().map(IdentityKey::to_string);
    let values = profile.graph.identities.values().map(|node| node.value.clone());
    let hashes = profile.graph.identities.values().map(|node| digest(&node.value));
    keys.chain(values)
        .chain(hashes)
        .chain(partner_ids(profile).iter().map(IdentityKey::to_string))
        .chain([profile.id.to_string()])
        .collect()
}

fn partner_ids(profile: &Profile) -> BTreeSet<IdentityKey> {
    let all = profile.fragments.values().flat_map(|fragment| &fragment.partner_ids);
    all.map(|identity| identity.key.clone()).collect()
}

/// What is to be left of a person: suppressions and the receipt, and for a while that the profile is erased.
fn left(profile: &Profile, is_new: bool) -> Vec<String> {
    let suppressed = profile.graph.identities.keys().cloned().chain(partner_ids(profile));
    let suppressions = suppressed.map(|key| format!("{key} L"));
    let id = &profile.id;
    let receipts = [format!("receipts {RECEIPT}"), format!("receipt#{RECEIPT} profile#{id}")];
    let mut left: Vec<_> = suppressions.chain(receipts).collect();
    left.extend(is_new.then(|| format!("{id} G")));
    left.sort();
    left
}

#[tokio::test]
async fn what_is_past_its_datasets_last_day_is_withdrawn_and_deleted_with_all_that_refers_to_it() {
    let bank = Bank::with_a_member().await;
    let partner_id = bank.identity("NorthlightID", "N-1").await;
    bank.flow.local.project.edit(PARTNER_FILE, "until: 2027-12-31", "until: 2026-01-31");
    bank.flow.local.apply().await;
    bank.catch_up().await;
    let (removed, _) = bank.last_run().await;
    assert_eq!(removed, Removed { fragments: 2, profiles: 0 });
    assert!(bank.hashes().is_empty(), "Bobby was sent because of what the partner says of him");
    let bobby = bank.profile("Email", BOBBYS_EMAIL).await;
    assert_eq!(bobby.fragments.len(), 1);
    assert_eq!(bobby.graph.fragments.iter().collect::<Vec<_>>(), bobby.fragments.keys().collect::<Vec<_>>());
    assert_eq!(bobby.graph.ending, None);
    assert!(bank.flow.local.store.identities.references(&partner_id.key).await.unwrap().is_empty());

    bank.catch_up().await;
    bank.flow.evaluate().await;
    assert_eq!(bank.last_run().await, (Removed::default(), 0.0), "what does not change costs nothing");

    bank.flow.bring(&answer_of("2026-03-01"), &answer(&[BOBBYS_ANSWER])).await;
    let (batch, _) = bank.last_batch("northlight_enrichment").await;
    assert_eq!(batch.status, BatchStatus::Failed, "files of what is over are refused");
}

#[tokio::test]
async fn what_was_not_confirmed_for_as_long_as_the_dataset_says_is_deleted_and_the_rest_stays() {
    let bank = Bank::with_a_member().await;
    let store = &bank.flow.local.store;
    let bobby = bank.profile("Email", BOBBYS_EMAIL).await;
    let (key, fragment) =
        bobby.fragments.iter().find(|(key, _)| key.dataset.as_str() == "northlight_enrichment").unwrap();
    let mut old = fragment.clone();
    old.version += 1;
    old.confirmed -= 181;
    assert!(store.profiles.put_fragment(&bobby.id, key, &old, Some(fragment.version)).await.unwrap());
    bank.catch_up().await;
    assert_eq!(bank.last_run().await.0, Removed { fragments: 1, profiles: 0 });
    assert!(bank.hashes().is_empty());
    assert_eq!(bank.profile("Email", "carla.coin@example.com").await.fragments.len(), 2);
}

#[tokio::test]
async fn what_a_partner_id_brought_goes_with_the_last_record_that_holds_it_and_does_not_come_back() {
    let bank = crate::partner_ids::bank().await;
    crate::partner_ids::travel(&bank, "2026-02-02", "N-1,7\n").await;
    assert_eq!(bank.profile("Email", BOBBYS_EMAIL).await.fragments.len(), 3);
    bank.flow.local.project.edit(PARTNER_FILE, "until: 2027-12-31", "until: 2026-01-31");
    bank.flow.local.apply().await;
    bank.flow.evaluate().await;
    assert_eq!(bank.last_run().await.0, Removed { fragments: 4, profiles: 0 });
    let bobby = bank.profile("Email", BOBBYS_EMAIL).await;
    let datasets: Vec<&str> = bobby.fragments.keys().map(|key| key.dataset.as_str()).collect();
    assert_eq!(datasets, ["crm_customers"], "nobody is said to travel by an ID that nobody holds");
    bank.flow.evaluate().await;
    assert_eq!(bank.last_run().await, (Removed::default(), 0.0));
}

#[tokio::test]
async fn a_profile_of_which_nothing_is_known_any_more_is_erased_once_nothing_stands_and_can_be_born_again() {
    let bank = Bank::with_a_member().await;
    let store = &bank.flow.local.store;
    let own = "datasets/crm_customers.yaml";
    let last_day = "error_threshold: 5\nretention:\n  until: 2026-01-31";
    bank.flow.local.project.edit(own, "error_threshold: 5", last_day);
    bank.flow.local.project.edit(PARTNER_FILE, "until: 2027-12-31", "until: 2026-01-31");
    bank.flow.local.apply().await;
    bank.flow.evaluate().await;
    assert_eq!(bank.last_run().await.0, Removed { fragments: 5, profiles: 0 });
    let bobby = bank.profile("Email", BOBBYS_EMAIL).await;
    assert!(matches!(bobby.graph.ending, Some(Ending::Over { .. })));
    bank.flow.wake(FACEBOOK).await;
    assert!(bank.hashes().is_empty());
    bank.flow.evaluate().await;
    assert_eq!(bank.last_run().await.0, Removed::default(), "somebody may have begun to write to them");
    for id in bank.ended().await {
        wait_for_late_writers(store, &id).await;
    }
    bank.flow.evaluate().await;
    assert_eq!(bank.last_run().await.0, Removed { fragments: 0, profiles: 3 });
    for id in bank.ended().await {
        wait_for_late_writers(store, &id).await;
    }
    bank.flow.evaluate().await;
    assert_eq!(items_with(&bank.flow, &traces(&bobby)).await, Vec::<String>::new());
    assert_eq!(bank.ended().await, []);

    bank.flow.local.project.edit(own, last_day, "error_threshold: 5");
    bank.flow.local.apply().await;
    bank.flow.bring("crm/again.csv", &customers(&[BOBBY])).await;
    assert_eq!(bank.profile("Email", BOBBYS_EMAIL).await.fragments.len(), 1);
}

#[tokio::test]
async fn whoever_comes_back_before_a_profile_is_erased_is_still_the_same_and_after_that_another() {
    let bank = Bank::open().await;
    let store = &bank.flow.local.store;
    let desk = Desk::at(&bank.flow.local).await;
    let texts = ["CRMID:7", "Email:seven@example.com"];
    for erased in [false, true] {
        desk.hear(1, &texts).await;
        let profile = desk.profile("CRMID:7").await.unwrap();
        let (key, fragment) = profile.fragments.iter().next().unwrap();
        assert!(store.profiles.delete_fragment_of(&profile.id, key, fragment.version).await.unwrap());
        bank.flow.evaluate().await;
        if erased {
            wait_for_late_writers(store, &profile.id).await;
            bank.flow.evaluate().await;
        }
        assert!(matches!(desk.hear(2, &texts).await, Outcome::Ingested { .. }));
        let again = desk.profile("Email:seven@example.com").await.unwrap();
        assert_eq!((again.id != profile.id, again.graph.ending.clone()), (erased, None));
        bank.flow.evaluate().await;
        assert_eq!(desk.profile("CRMID:7").await.unwrap().fragments.len(), 1, "what is known again stays");
        desk.account().await;
        let (key, fragment) = again.fragments.iter().next().unwrap();
        store.profiles.delete_fragment_of(&again.id, key, fragment.version).await.unwrap();
    }
}

#[tokio::test]
async fn a_prospect_whose_time_is_over_is_withdrawn_and_swept_up_and_can_be_a_prospect_again() {
    let bank = crate::partner_ids::bank_with_prospects().await;
    let store = &bank.flow.local.store;
    crate::partner_ids::travel(&bank, "2026-02-02", "N-1,7\nN-50,9\n").await;
    let evaluate = async || {
        bank.flow.evaluate().await;
        bank.flow.wake("travellers_to_file").await;
        bank.last_run().await.0
    };
    assert_eq!(evaluate().await, Removed::default());
    let prospect = async || crate::partner_ids::prospect(&bank, "N-50").await.expect("there is a prospect");
    let stranger = prospect().await;
    let stands = async |id| {
        let profile = store.profiles.load(id).await.unwrap().unwrap();
        profile.deliveries[&"travellers_to_file".parse().unwrap()].stands()
    };
    assert!(stands(&stranger.id).await);
    // Bobby was heard of as long ago: of a customer the same is kept on.
    let bobby = bank.profile("Email", BOBBYS_EMAIL).await;
    for (days, removed) in [(25, Removed::default()), (1, Removed { fragments: 1, profiles: 0 })] {
        for profile in [&stranger.id, &bobby.id] {
            grow_old(store, profile, "northlight_travel", days).await;
        }
        assert_eq!(evaluate().await, removed);
        assert_eq!(stands(&stranger.id).await, removed.fragments == 0);
    }
    assert_eq!(bank.profile("Email", BOBBYS_EMAIL).await.fragments.len(), bobby.fragments.len());
    let over = store.profiles.load_all(&stranger.id).await.unwrap().unwrap();
    assert!(matches!(over.graph.ending, Some(Ending::Over { .. })) && over.fragments.is_empty(), "{over:?}");
    assert!(crate::partner_ids::prospect(&bank, "N-50").await.is_none(), "nothing refers to the prospect");
    wait_for_late_writers(store, &stranger.id).await;
    assert_eq!(evaluate().await, Removed { fragments: 0, profiles: 1 });
    wait_for_late_writers(store, &stranger.id).await;
    assert_eq!(evaluate().await, Removed::default());
    assert_eq!(items_with(&bank.flow, &traces(&stranger)).await, Vec::<String>::new());
    assert_eq!(bank.ended().await, []);

    crate::partner_ids::travel(&bank, "2026-03-02", "N-50,9\n").await;
    assert_eq!(bank.last_batch("northlight_travel").await.1.created, 1);
    assert_eq!((evaluate().await, stands(&prospect().await.id).await), (Removed::default(), true));
}

#[tokio::test]
async fn a_deleted_person_is_withdrawn_first_then_erased_and_never_comes_back() {
    let bank = Bank::with_a_member().await;
    let store = &bank.flow.local.store;
    let bobby = bank.profile("Email", BOBBYS_EMAIL).await;
    let traces = traces(&bobby);
    delete(&bank.flow, &bobby).await;
    bank.flow.evaluate().await;
    let stands = bank.profile("Email", BOBBYS_EMAIL).await;
    assert_eq!(stands.fragments, bobby.fragments, "nothing is erased while something of Bobby stands");
    bank.flow.wake(FACEBOOK).await;
    assert!(bank.hashes().is_empty());
    bank.flow.evaluate().await;
    assert_eq!(bank.last_run().await.0, Removed { fragments: 0, profiles: 1 });
    assert_eq!(items_with(&bank.flow, &traces).await, left(&bobby, true));
    let erasures = store.ledger.erasures(RECEIPT).await.unwrap();
    assert!(erasures[0].ended.is_some() && erasures[0].withdrawn.contains_key(&FACEBOOK.parse().unwrap()));

    // A writer that had read the profile before, and writes only now.
    let (key, fragment) = bobby.fragments.iter().next().unwrap();
    assert!(store.profiles.put_fragment(&bobby.id, key, fragment, None).await.unwrap());
    store.profiles.mark(&bobby.id, &FACEBOOK.parse().unwrap(), Timestamp::now()).await.unwrap();
    bank.flow.evaluate().await;
    assert_eq!(items_with(&bank.flow, &traces).await, left(&bobby, true), "it is found");
    wait_for_late_writers(store, &bobby.id).await;
    bank.flow.evaluate().await;
    assert_eq!(items_with(&bank.flow, &traces).await, left(&bobby, false), "suppressions and the receipt");

    // The same rows and the partner's answer come again: all others are as they were.
    bank.flow.bring("crm/again.csv", &customers(&[BOBBY, CARLA, DORA])).await;
    let (batch, counts) = bank.last_batch("crm_customers").await;
    assert_eq!(
        (batch.status, counts.failed.get("suppressed"), counts.unchanged),
        (BatchStatus::Success, Some(&1), 2)
    );
    let moved = BOBBY.replace("C-1", "C-9");
    bank.flow.bring("crm/other.csv", &customers(&[&moved])).await;
    let joined = CARLA.replace("carla.coin@example.com", BOBBYS_EMAIL).replace("2026-01-01", "2026-04-01");
    bank.flow.bring("crm/joined.csv", &customers(&[&joined])).await;
    let (_, counts) = bank.last_batch("crm_customers").await;
    assert_eq!(
        (counts.failed.get("suppressed"), counts.ingested),
        (None, 1),
        "Carla's record goes on without it"
    );
    let carla = bank.profile("CRMID", "C-2").await;
    let own = carla.fragments.iter().find(|(key, _)| key.dataset.as_str() == "crm_customers").unwrap().1;
    assert_eq!(own.identities.len(), 1, "and without its value: {own:?}");
    bank.flow.bring("crm/joined-again.csv", &customers(&[&joined])).await;
    assert_eq!(bank.last_batch("crm_customers").await.1.unchanged, 1);
    bank.flow.bring(&answer_of("2026-03-01"), &answer(&[BOBBYS_ANSWER, CARLAS_ANSWER])).await;
    assert_eq!(items_with(&bank.flow, &traces).await, left(&bobby, false), "a row leaves nothing of Bobby");
    let quarantined = bank.quarantine().await;
    assert!(quarantined.contains("suppressed") && !quarantined.contains("bobby"), "{quarantined}");
}

#[tokio::test]
async fn a_person_is_not_erased_while_a_call_of_theirs_may_have_been_made() {
    let bank = Bank::open().await;
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER])).await;
    bank.flow.evaluate().await;
    bank.vendor.inject(Fault::HangAfterProcessing);
    let death = async {
        while bank.hashes().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::select! { () = bank.flow.wake(FACEBOOK) => panic!("the worker survived"), () = death => {} }
    let bobby = bank.profile("Email", BOBBYS_EMAIL).await;
    assert!(bobby.deliveries[&FACEBOOK.parse().unwrap()].intent.is_some());
    delete(&bank.flow, &bobby).await;
    bank.flow.evaluate().await;
    assert_eq!(bank.profile("Email", BOBBYS_EMAIL).await.fragments, bobby.fragments);
    tokio::time::sleep(std::time::Duration::from_millis(3_300)).await;
    bank.catch_up().await;
    assert!(bank.hashes().is_empty(), "what may have been made is withdrawn");
    bank.flow.evaluate().await;
    assert_eq!(items_with(&bank.flow, &traces(&bobby)).await, left(&bobby, true));
}

#[tokio::test]
async fn a_file_keyed_by_a_partner_id_says_nothing_of_who_is_being_deleted_and_makes_no_prospect_of_them() {
    let bank = crate::partner_ids::bank_with_prospects().await;
    let store = &bank.flow.local.store;
    crate::partner_ids::travel(&bank, "2026-02-02", "N-1,7\n").await;
    let (bobby, carla) =
        (bank.profile("Email", BOBBYS_EMAIL).await, bank.profile("Email", "carla.coin@example.com").await);
    bank.catch_up().await;
    delete(&bank.flow, &bobby).await;
    crate::partner_ids::travel(&bank, "2026-02-03", "N-1,8\n").await;
    let (_, counts) = bank.last_batch("northlight_travel").await;
    assert_eq!((counts.ingested, counts.failed.get("suppressed")), (1, None), "Carla holds it too");
    let of = async |profile: &Profile| store.profiles.load(&profile.id).await.unwrap().unwrap().fragments;
    assert_eq!(of(&bobby).await, bobby.fragments);
    assert_ne!(of(&carla).await, carla.fragments);
    delete(&bank.flow, &carla).await;
    crate::partner_ids::travel(&bank, "2026-02-04", "N-1,9\n").await;
    assert_eq!(bank.last_batch("northlight_travel").await.1.failed.get("suppressed"), Some(&1));
    for _ in 0..2 {
        bank.catch_up().await;
        bank.flow.wake("travellers_to_file").await;
    }
    assert_eq!(store.profiles.load(&bobby.id).await.unwrap().unwrap().fragments, BTreeMap::new());
    crate::partner_ids::travel(&bank, "2026-02-05", "N-1,9\nN-50,9\n").await;
    let (_, counts) = bank.last_batch("northlight_travel").await;
    assert_eq!((counts.created, counts.failed.get("suppressed")), (1, Some(&1)));

    // A prospect is deleted by the partner's ID, and does not come back either.
    let prospect = crate::partner_ids::prospect(&bank, "N-50").await.unwrap();
    delete(&bank.flow, &prospect).await;
    bank.flow.evaluate().await;
    crate::partner_ids::travel(&bank, "2026-02-06", "N-50,9\n").await;
    assert_eq!(bank.last_batch("northlight_travel").await.1.failed.get("suppressed"), Some(&1));
    assert!(crate::partner_ids::prospect(&bank, "N-50").await.is_none());
}

#[tokio::test]
async fn a_deleted_persons_browser_is_forgotten_and_neither_visit_nor_login_nor_replay_brings_anything_back()
{
    let shop = Shop::open().await;
    let store = &shop.flow.local.store;
    let mut browser = Browser::default();
    browser.view(&shop, mover_known_as("NL-4711")).await;
    browser.log_in(&shop, "CUST-4711").await;
    shop.settle(&browser).await;
    let profile = shop.profile("CRMID", "CUST-4711").await.unwrap();
    delete(&shop.flow, &profile).await;
    shop.flow.evaluate().await;
    shop.flow.ingest().await;
    let traces = traces(&profile);
    let mut left = left(&profile, true);
    left.push(format!("edge#{} V", shop.key(&browser.ecid())));
    left.sort();
    assert_eq!(items_with(&shop.flow, &traces).await, left);

    let answer = browser.view(&shop, mover_known_as("NL-4711")).await;
    assert_eq!((answer.status.as_u16(), answer.offers()), (200, Vec::new()));
    shop.settle(&browser).await;
    let mut other = Browser::default();
    other.log_in(&shop, "CUST-4711").await;
    shop.settle(&other).await;
    for key in store.objects.list(&store.deployment.events, "events/").await.unwrap() {
        store.queues.send(Queue::Chunks, &[Work::Replay { key }]).await.unwrap();
    }
    shop.flow.ingest().await;
    shop.settle(&browser).await;
    shop.settle(&other).await;
    shop.flow.evaluate().await;
    assert_eq!(items_with(&shop.flow, &traces).await, left);
    assert_eq!(store.visitors.get(&shop.key(&other.ecid())).await.unwrap().visitor.login, None);
    let forgotten = store.visitors.get(&shop.key(&browser.ecid())).await.unwrap();
    assert!(forgotten.visitor.suppressed.is_some() && forgotten.is_linked(), "{forgotten:?}");
}

/// Where writes are held up.
fn is_write(call: &str) -> bool {
    call.starts_with("DynamoDB") && !["GetItem", "Query", "Scan"].iter().any(|read| call.ends_with(read))
}

/// A person of a number, of whom something is known by two identities and a browser.
async fn newcomer(desk: &Desk, number: u64) -> Profile {
    let texts = [
        format!("CRMID:c-{number}"),
        format!("Email:e-{number}@example.com"),
        format!("ECID:{number:038}"),
        format!("NorthlightID:n-{number}"),
    ];
    desk.hear(1, &texts).await;
    desk.hear(2, &[&texts[1], &texts[3]]).await;
    let profile = desk.profile(&texts[0]).await.unwrap();
    assert_eq!((profile.graph.identities.len(), profile.fragments.len()), (3, 2));
    desk.store.profiles.mark(&profile.id, &FACEBOOK.parse().unwrap(), Timestamp::now()).await.unwrap();
    profile
}

#[tokio::test]
async fn a_deletion_that_dies_at_any_write_is_ended_by_the_next_run() {
    let bank = Bank::open().await;
    let local = &bank.flow.local;
    let desk = Desk::at(local).await;
    let mut people = Vec::new();
    for call in 0.. {
        let person = newcomer(&desk, call).await;
        let gate = Gate::on(local, is_write, usize::try_from(call).unwrap()).await;
        let store = gate.store(local);
        let is_over = {
            let mut deletion = Box::pin(async {
                store.delete_person(&desk.catalogue, &person.id, RECEIPT, Timestamp::now()).await.unwrap();
                let closed = store.profiles.load_all(&person.id).await.unwrap().unwrap();
                store.erase(&desk.catalogue, &closed, Timestamp::now()).await.unwrap();
            });
            gate.hold(&mut deletion).await.is_some()
        };
        if call == 0 {
            // It died before its first word: whoever asked asks again.
            desk.store.delete_person(&desk.catalogue, &person.id, RECEIPT, Timestamp::now()).await.unwrap();
        }
        people.push(person);
        if is_over {
            assert!(call > 12, "a deletion has more writes than {call}");
            break;
        }
    }
    bank.flow.evaluate().await;
    for is_new in [true, false] {
        for (call, person) in people.iter().enumerate() {
            let mut left = left(person, is_new);
            left.retain(|item| !item.starts_with("receipts "));
            let ecids = person.graph.identities.iter().filter(|(_, node)| node.namespace.as_str() == "ECID");
            left.extend(ecids.map(|(ecid, _)| format!("edge#{ecid} V")));
            left.sort();
            assert_eq!(items_with(&bank.flow, &traces(person)).await, left, "died at write {call}");
            wait_for_late_writers(&desk.store, &person.id).await;
        }
        bank.flow.evaluate().await;
    }
    let erasures = desk.store.ledger.erasures(RECEIPT).await.unwrap();
    assert_eq!(erasures.len(), people.len());
    assert!(erasures.iter().all(|erasure| erasure.ended.is_some()), "{erasures:?}");
}

#[tokio::test]
async fn a_merge_that_is_held_up_at_any_write_neither_loses_a_deletion_nor_anybody_else() {
    let bank = Bank::open().await;
    let local = &bank.flow.local;
    let desk = &Desk::at(local).await;
    let (mut held, mut people) = (Vec::new(), Vec::new());
    for call in 0.. {
        let names = [
            format!("CRMID:1-{call}-held"),
            format!("Email:a-{call}-held@example.com"),
            format!("Email:b-{call}-held@example.com"),
        ];
        let [one, own, other] = &names;
        desk.hear(1, &[other, &format!("NorthlightID:n-{call}-held")]).await;
        desk.hear(2, &[one, own]).await;
        let record = desk.record(3, 3, &[one, other], "3");
        let gate = Gate::on(local, is_write, call).await;
        let store = gate.store(local);
        let mut merge = Box::pin(async move { desk.apply(&store, &record).await.unwrap() });
        let is_over = gate.hold(&mut merge).await.is_some();
        delete(&bank.flow, &desk.profile(one).await.unwrap()).await;
        people.push(names);
        if is_over {
            break;
        }
        held.push((gate, merge));
    }
    bank.flow.evaluate().await;
    // Whoever is held up goes on in a world in which the person is gone.
    for (gate, merge) in held {
        gate.open();
        merge.await;
    }
    for _ in 0..2 {
        bank.flow.evaluate().await;
    }
    let (mut merged_first, mut deleted_first) = (0, 0);
    for (call, names) in people.iter().enumerate() {
        let mut is_deleted = Vec::new();
        for text in names {
            let key = desk.identity(text).key;
            is_deleted.push(desk.store.identities.suppression(&key).await.unwrap().is_some());
            if is_deleted.last() == Some(&true) {
                let found = items_with(&bank.flow, &[key.to_string()]).await;
                assert_eq!(found, [format!("{key} L")], "{text}, held at write {call}");
            } else {
                let live = desk.profile(text).await.unwrap();
                let counts = (live.graph.identities.len(), live.fragments.len());
                assert_eq!(counts, (1, 1), "{text}, held at write {call}");
            }
        }
        assert_eq!(is_deleted[..2], [true, true], "held at write {call}");
        *(if is_deleted[2] { &mut merged_first } else { &mut deleted_first }) += 1;
    }
    assert!(merged_first > 3 && deleted_first > 0, "{merged_first}, {deleted_first}");
}

#[tokio::test]
async fn a_browser_that_is_somebody_elses_by_now_is_not_forgotten_with_a_deleted_person() {
    let bank = Bank::open().await;
    let desk = Desk::at(&bank.flow.local).await;
    let ecid = format!("ECID:{:038}", 7);
    desk.hear(1, &["CRMID:1", &ecid]).await;
    let (one, key) = (desk.profile("CRMID:1").await.unwrap(), desk.identity(&ecid).key);
    // A worker that lost the browser to Carla died before the graph gave it up.
    let store = &desk.store;
    let other = desk.hear(2, &["CRMID:2"]).await;
    assert!(matches!(other, Outcome::Ingested { .. }));
    let two = desk.profile("CRMID:2").await.unwrap();
    let client = aws_sdk_dynamodb::Client::new(&bank.flow.local.config);
    let link = [("pk", key.to_string()), ("sk", "L".to_owned())];
    let link = link.map(|(name, text)| (name.to_owned(), AttributeValue::S(text))).into();
    let table = &store.deployment.identities;
    client.delete_item().table_name(table).set_key(Some(link)).send().await.unwrap();
    assert!(store.identities.claim(&key, &two.id).await.unwrap());
    delete(&bank.flow, &one).await;
    bank.flow.evaluate().await;
    assert_eq!(store.identities.link(&key).await.unwrap(), Some(two.id));
    assert_eq!(store.identities.suppression(&key).await.unwrap(), None);
    assert_eq!(store.visitors.get(&key).await.unwrap().visitor.suppressed, None);
    assert!(store.identities.suppression(&desk.identity("CRMID:1").key).await.unwrap().is_some());
}

#[tokio::test]
async fn whoever_only_lost_an_identity_to_a_person_is_not_deleted_with_them() {
    let bank = Bank::open().await;
    let desk = Desk::at(&bank.flow.local).await;
    desk.hear(1, &["CRMID:1", "Email:s@example.com"]).await;
    desk.hear(2, &["Email:s@example.com"]).await;
    desk.hear(3, &["CRMID:2", "Email:b@example.com"]).await;
    let one = desk.profile("CRMID:1").await.unwrap();
    // The worker dies as soon as the graphs are written: what is said of the address still lies with the former holder.
    let gate = Gate::on(&bank.flow.local, is_write, 1).await;
    let store = gate.store(&bank.flow.local);
    let record = desk.record(4, 4, &["CRMID:2", "Email:s@example.com"], "4");
    assert!(gate.hold(&mut Box::pin(desk.apply(&store, &record))).await.is_none());
    let two = desk.profile("CRMID:2").await.unwrap();
    assert_eq!((two.graph.arriving.contains(&one.id), two.graph.identities.len()), (true, 3));
    delete(&bank.flow, &two).await;
    bank.flow.evaluate().await;
    let stays = desk.store.profiles.load_all(&one.id).await.unwrap().unwrap();
    assert_eq!(
        (stays.graph.identities.len(), stays.fragments.len(), stays.graph.ending.clone()),
        (1, 1, None)
    );
    // Of the address only the former holder's own record speaks, and the link to it that was dropped.
    let (address, own) = (desk.identity("Email:s@example.com").key, desk.identity("CRMID:1").key);
    let found = items_with(&bank.flow, &[address.to_string()]).await;
    let mut expected =
        [format!("{} F#{DATASET}#{own}", one.id), format!("{} G", one.id), format!("{address} L")];
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(desk.profile("CRMID:1").await.unwrap().id, one.id);
}

#[tokio::test]
async fn whoever_was_merged_is_deleted_as_one_and_what_was_sent_of_either_is_withdrawn() {
    let bank = Bank::open().await;
    let desk = Desk::at(&bank.flow.local).await;
    desk.hear(1, &["Email:b@example.com"]).await;
    desk.hear(2, &["CRMID:1", "Email:a@example.com"]).await;
    let loser = desk.profile("Email:b@example.com").await.unwrap();
    desk.hear(3, &["CRMID:1", "Email:b@example.com"]).await;
    let person = desk.profile("CRMID:1").await.unwrap();
    assert_eq!(person.graph.identities.len(), 3);
    // By whatever name the person is called.
    delete(&bank.flow, &loser).await;
    let closed = desk.store.profiles.graph(&person.id).await.unwrap().unwrap();
    assert_eq!(closed.receipt(), Some(RECEIPT));
    // What lands at the former profile late goes too.
    let key = domain::fragment::FragmentKey {
        dataset: DATASET.parse().unwrap(),
        primary: desk.identity("Email:b@example.com").key,
    };
    let late = loser.fragments[&key].clone();
    assert!(desk.store.profiles.put_fragment(&loser.id, &key, &late, None).await.unwrap());
    bank.flow.evaluate().await;
    bank.flow.evaluate().await;
    let left = desk.store.profiles.load_all(&loser.id).await.unwrap().unwrap();
    assert_eq!((left.fragments.len(), left.graph.identities.len()), (0, 0));
    let gone = desk.store.profiles.load_all(&person.id).await.unwrap().unwrap();
    assert!(domain::removal::is_bare(&gone) && gone.graph.identities.is_empty(), "{gone:?}");
    let outcome = desk.hear(9, &["Email:b@example.com", "CRMID:2"]).await;
    assert!(matches!(outcome, Outcome::SetAside("suppressed", _)));
    assert!(desk.profile("CRMID:2").await.is_none());
}
