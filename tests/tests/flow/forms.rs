//! What an earlier build has stored: it lives on as if this build had stored it, and is brought to today's forms when it is
//! written, or when somebody asks.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::delivery::Delivery;
use domain::edge::visitor::VisitorLink;
use tests::flow::{Flow, Local};
use tests::graph_api::{GraphApi, Settings};

use crate::bank::{BOBBY, BOBBYS_ANSWER, Bank, CARLA, DORA, FACEBOOK, answer, answer_of, customers};
use crate::desk::Desk;
use crate::shop::Shop;

/// A bank and a shop as the last build stored them that knew form 1 alone, and the bank's catalogue that was in force.
const BANK: &str = include_str!("../../../crates/aws/src/item/fixtures/bank.form-1.jsonl");
const SHOP: &str = include_str!("../../../crates/aws/src/item/fixtures/shop.form-1.jsonl");
const CATALOGUE: &[u8] = include_bytes!("../../../crates/aws/src/item/fixtures/bank.catalogue.json");

/// Whom that bank knows by an address alone, and has sent to Facebook.
const EVA: &str = "eva.example@example.com";

type Item = HashMap<String, AttributeValue>;

fn dynamodb(local: &Local) -> Client {
    Client::new(&local.config)
}

/// Puts down what is stored in tables.
async fn put_down(local: &Local, lines: &str, is_wanted: impl Fn(&str, &Item) -> bool) {
    let (client, deployment) = (dynamodb(local), &local.store.deployment);
    for line in lines.lines() {
        let mut document: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let of = document["table"].as_str().unwrap().to_owned();
        let table = match of.as_str() {
            "profiles" => &deployment.profiles,
            "identities" => &deployment.identities,
            _ => &deployment.ledger,
        };
        let item: serde_dynamo::Item = serde_json::from_value(document.remove("item").unwrap()).unwrap();
        let item = Item::from(item);
        if is_wanted(&of, &item) {
            client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
        }
    }
}

/// The bank, whose functions are of this build from now on.
async fn former_bank() -> Bank {
    let vendor = GraphApi::start(Settings::default()).unwrap();
    let flow = Flow::start().await;
    let local = &flow.local;
    let hash = domain::catalogue::CatalogueHash::of(CATALOGUE);
    local.store.write_catalogue(&hash, CATALOGUE.to_vec()).await.unwrap();
    // The stand-in is another than then: it has no audience yet.
    let is_known = |_: &str, item: &Item| item["sk"] != AttributeValue::S("audience".to_owned());
    put_down(local, BANK, is_known).await;
    local.project.point_facebook_at(&vendor.base_url());
    Bank { flow, vendor }
}

async fn raw(local: &Local, pk: String, sk: &str) -> Item {
    let get = dynamodb(local).get_item().table_name(&local.store.deployment.profiles);
    let get = get.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk.to_owned()));
    get.send().await.unwrap().item.unwrap()
}

async fn form(bank: &Bank, namespace: &str, value: &str) -> String {
    let profile = bank.profile(namespace, value).await;
    raw(&bank.flow.local, profile.id.to_string(), "G").await["v"].as_n().unwrap().clone()
}

#[tokio::test]
async fn what_was_stored_before_is_applied_to_evaluated_merged_and_withdrawn_as_if_it_were_of_today() {
    let bank = former_bank().await;
    let before = bank.delivery(EVA, FACEBOOK).await;
    assert!(before.sent.is_some());
    // The catalogue of then is in force until somebody applies.
    let form_in_force = async || bank.flow.local.store.catalogue().await.unwrap().unwrap().catalogue.format;
    bank.flow.evaluate().await;
    assert_eq!(form_in_force().await, 1);
    bank.flow.local.apply().await;
    assert_eq!(form_in_force().await, 3);
    bank.flow.bring("crm/again.csv", &customers(&[BOBBY, CARLA, DORA])).await;
    let (_, counts) = bank.last_batch("crm_customers").await;
    assert_eq!((counts.unchanged, counts.ingested), (3, 0), "{counts:?}");
    bank.catch_up().await;
    assert_eq!(bank.calls(), 0, "what stands at the vendor is known to stand there");
    assert_eq!(form(&bank, "CRMID", "C-3").await, "1", "nobody has written it");

    // Dora's customer number has Eva's address from now on: two profiles of form 1 are one.
    let (dora, eva) = (bank.profile("CRMID", "C-3").await, bank.profile("Email", EVA).await);
    let moved = DORA.replace("dora.dime@example.com", EVA).replace("2026-01-01", "2026-03-01");
    bank.flow.bring("crm/moved.csv", &customers(&[&moved])).await;
    let one = bank.profile("Email", EVA).await;
    assert_eq!(one.id, dora.id);
    assert_eq!((one.graph.identities.len(), form(&bank, "CRMID", "C-3").await.as_str()), (3, "4"));
    let loser = bank.flow.local.store.profiles.graph(&eva.id).await.unwrap().unwrap();
    assert_eq!(loser.merged_into, Some(dora.id));
    bank.catch_up().await;
    bank.catch_up().await;
    let stands = |delivery: Delivery| delivery.sent.map(|sent| sent.cells);
    assert_eq!(stands(bank.delivery(EVA, FACEBOOK).await), stands(before));
    assert_eq!(bank.calls(), 0, "a merge never means exit");

    let poor = BOBBYS_ANSWER.replace("over_1m", "under_100k");
    bank.flow.bring(&answer_of("2026-03-02"), &answer(&[&poor])).await;
    bank.catch_up().await;
    let bobby = bank.delivery("bobby.bank@example.com", FACEBOOK).await;
    assert!(bobby.sent.is_none() && !bobby.dirty, "{bobby:?}");
    assert_eq!(bank.calls(), 1, "one was withdrawn");
    Desk::at(&bank.flow.local).await.account().await;
}

#[tokio::test]
async fn migrating_brings_up_every_item_once_and_changes_nothing_of_what_it_says() {
    let bank = former_bank().await;
    let desk = Desk::at(&bank.flow.local).await;
    let store = &bank.flow.local.store;
    let refusals = async || store.ledger.refusals(&"prospects_to_email".parse().unwrap()).await.unwrap();
    let before = (desk.everything().await, refusals().await);
    let lifted = async || {
        let found = store.migrate().await.unwrap();
        let counts = found.iter().filter(|(_, kind)| kind.form > 1);
        counts.map(|(name, kind)| (*name, kind.items, kind.lifted, kind.missed)).collect::<Vec<_>>()
    };
    assert_eq!(lifted().await, [("graph", 4, 4, 0), ("link", 7, 7, 0), ("refusal", 2, 2, 0)]);
    assert_eq!(lifted().await, [("graph", 4, 0, 0), ("link", 7, 0, 0), ("refusal", 2, 0, 0)]);
    assert_eq!(form(&bank, "CRMID", "C-1").await, "4");
    assert_eq!((desk.everything().await, refusals().await), before);
}

#[tokio::test]
async fn an_item_of_a_newer_build_is_left_to_it_and_asked_about_again() {
    let bank = former_bank().await;
    let carla = bank.profile("CRMID", "C-2").await;
    let local = &bank.flow.local;
    let mut newer = raw(local, carla.id.to_string(), "G").await;
    newer.insert("v".to_owned(), AttributeValue::N("5".to_owned()));
    newer.insert("unheard_of".to_owned(), AttributeValue::Bool(true));
    let table = &local.store.deployment.profiles;
    dynamodb(local).put_item().table_name(table).set_item(Some(newer.clone())).send().await.unwrap();

    let desk = Desk::at(local).await;
    let record = desk.record(1_800_000_000_000, 1, &["CRMID:C-2", "Email:new@example.com"], "gold");
    let error = desk.apply(&desk.store, &record).await.unwrap_err().to_string();
    assert!(error.contains("is of form 5") && error.contains("a newer build wrote it"), "{error}");
    assert!(local.store.migrate().await.is_err());
    let newer_catalogue =
        String::from_utf8_lossy(CATALOGUE).replacen("\"format\":1", "\"format\":4", 1).into_bytes();
    let hash = domain::catalogue::CatalogueHash::of(&newer_catalogue);
    local.store.write_catalogue(&hash, newer_catalogue).await.unwrap();
    let error = local.store.read_catalogue(&hash).await.unwrap_err().to_string();
    assert!(error.ends_with("is of form 4: this build reads forms 1 to 3"), "{error}");
    assert_eq!(raw(local, carla.id.to_string(), "G").await, newer);
}

#[tokio::test]
async fn a_visitor_is_brought_up_before_either_part_is_written() {
    let shop = Shop::open().await;
    let local = &shop.flow.local;
    put_down(local, SHOP, |table, _| table != "ledger").await;
    let aws::Store { visitors, profiles, .. } = &local.store;
    let (ecid, scanned) = profiles.scan(0, 1, None, 100).await.unwrap().visitors.remove(0);
    let form = async || raw(local, format!("edge#{ecid}"), "V").await["v"].as_n().unwrap().clone();
    let (now, nothing) = (jiff::Timestamp::now(), BTreeMap::new());
    let put = async || visitors.put(&ecid, &scanned.visitor, scanned.version, now).await.unwrap();
    assert!(!put().await, "its other part is of form 1");
    assert_eq!(form().await, "1");
    assert_eq!(visitors.get(&ecid).await.unwrap(), scanned);
    assert_eq!(form().await, "3");
    let link = VisitorLink { version: scanned.link.version + 1, ..scanned.link.clone() };
    assert!(visitors.link(&ecid, &link, &scanned, &nothing, domain::profile::day(now)).await.unwrap());
    assert!(put().await);
}
