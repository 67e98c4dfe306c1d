//! What earlier builds have stored, item by item: it is read as what it means.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::batch::{Batch, BatchStatus};
use domain::delivery::{Delivery, Operation, Outcome, OutcomeResult};
use domain::fragment::Fragment;
use domain::graph::Graph;
use domain::membership::Memberships;
use domain::refusal::Cause;

use super::{Item, Kind, decode, item, lift, text};
use crate::visitors;
use crate::{Applied, Chunk, RefusalRecord, Run, Slice};

/// Items of form 1, as the last build that knew no other wrote them: one JSON document a line, of a bank and of a shop.
const BANK: &str = include_str!("fixtures/bank.form-1.jsonl");
const SHOP: &str = include_str!("fixtures/shop.form-1.jsonl");

fn stored(lines: &str) -> Vec<Item> {
    let read = |line| {
        let mut document: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        serde_json::from_value::<serde_dynamo::Item>(document.remove("item").unwrap()).unwrap().into()
    };
    lines.lines().map(read).collect()
}

/// The items of which a sort key begins with a text.
fn some(sk: &str) -> Vec<Item> {
    let all = stored(BANK).into_iter().chain(stored(SHOP));
    all.filter(|item| text(item, "sk").is_some_and(|found| found.starts_with(sk))).collect()
}

/// The items of a kind, as what they mean. There is one of them at least.
fn read<T: serde::de::DeserializeOwned>(sk: &str) -> Vec<T> {
    let items: Vec<T> = some(sk).into_iter().map(|item| decode(item).unwrap()).collect();
    assert!(!items.is_empty(), "no fixture has an item `{sk}`");
    items
}

fn form(item: &Item) -> &str {
    item["v"].as_n().unwrap()
}

#[test]
fn graphs_of_form_1_have_nothing_dropped_split_or_arriving_and_are_of_customers() {
    for graph in read::<Graph>("G") {
        assert!(graph.dropped.is_empty() && graph.splits.is_empty() && graph.arriving.is_empty());
        assert!(!graph.prospect && graph.merged_into.is_none() && graph.version > 0);
        assert!(!graph.identities.is_empty() && !graph.fragments.is_empty());
    }
    let linked = read::<Graph>("G").into_iter().filter(|graph| graph.edges.len() == 1);
    assert_eq!(linked.count(), 4, "three customers and a visitor who logged in");
}

#[test]
fn fragments_memberships_and_deliveries_of_form_1_are_as_they_were() {
    for fragment in read::<Fragment>("F#") {
        assert!(!fragment.is_keyed_by_partner_id());
    }
    assert!(read::<Fragment>("F#").iter().any(|fragment| fragment.partner_ids.len() == 1));
    for memberships in read::<Memberships>("M#") {
        assert!(memberships.audiences.values().len() > 0 && memberships.version > 0);
    }
    let deliveries = read::<Delivery>("D#");
    assert!(deliveries.iter().all(|delivery| delivery.also.is_empty() && delivery.intent.is_none()));
    let sent = deliveries.iter().filter(|delivery| delivery.sent.is_some());
    for delivery in sent.clone() {
        let added = OutcomeResult::Delivered { operation: Operation::Add };
        assert!(matches!(&delivery.outcome, Some(Outcome { result, .. }) if *result == added));
    }
    assert_eq!(sent.count(), 2);
    let is_held = |delivery: &&Delivery| {
        matches!(&delivery.outcome, Some(Outcome { result: OutcomeResult::Held { .. }, .. }))
    };
    assert_eq!(deliveries.iter().filter(is_held).count(), 2);
}

#[test]
fn visitors_of_form_1_are_held_by_one_profile() {
    let [item] = <[Item; 1]>::try_from(some("V")).unwrap();
    let stored = visitors::read(item).unwrap();
    assert!(stored.is_linked() && stored.link.touched.is_empty());
    assert_eq!(stored.link.holders().count(), 1);
    assert!(stored.visitor.login.is_some() && stored.visitor.signals.len() == 1);
    assert_eq!(stored.visitor.memberships.realized().len(), 2);
}

#[test]
fn of_a_policy_that_refused_under_form_1_the_whole_expression_is_shown() {
    let refusals = read::<RefusalRecord>("refusal#");
    let policies: Vec<_> = refusals
        .iter()
        .filter_map(|record| match &record.refusal.cause {
            Cause::Policy { deny, matched, .. } => Some((deny.as_str(), matched.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(policies, [("`Third-Party`", "`Third-Party`")]);
    let mut lifted = some("refusal#");
    for item in &mut lifted {
        assert!(lift(item).unwrap());
        assert!(!item["refusal"].as_m().unwrap().contains_key("cures"));
    }
}

#[test]
fn the_ledger_of_form_1_is_read() {
    let batches = read::<Batch>("batch#");
    assert!(batches.iter().all(|batch| batch.status == BatchStatus::Success && batch.snapshot.is_none()));
    assert!(read::<Chunk>("chunk#").iter().all(|chunk| chunk.done && !chunk.removes));
    assert!(read::<Slice>("slice#").iter().all(|slice| slice.done));
    assert_eq!(read::<Run>("01").len(), 3);
    assert!(read::<Applied>("applied#").iter().all(|applied| applied.allowed.is_empty()));
}

#[test]
fn every_item_is_brought_to_todays_form_and_one_of_todays_stays_as_it_is() {
    for mut item in stored(BANK).into_iter().chain(stored(SHOP)) {
        let kind = Kind::of(text(&item, "sk").unwrap());
        let is_older = item.contains_key("v") && kind.form() > 1;
        assert_eq!(lift(&mut item).unwrap(), is_older, "{}", kind.name);
        if item.contains_key("v") {
            assert_eq!(form(&item), kind.form().to_string());
        }
        let today = item.clone();
        assert!(!lift(&mut item).unwrap());
        assert_eq!(item, today);
        // Part of an item may be of today's form already, whatever its number says.
        if is_older {
            item.insert("v".to_owned(), AttributeValue::N("1".to_owned()));
            assert!(lift(&mut item).unwrap());
            assert_eq!(item, today, "a step changes what is of today's form: {}", kind.name);
        }
    }
}

#[test]
fn what_is_written_is_of_todays_form() {
    for (sk, expected) in
        [("G", "4"), ("V", "3"), ("L", "2"), ("refusal#1", "2"), ("F#a", "1"), ("snapshots", "1")]
    {
        assert_eq!(form(&item("pk", sk, &BTreeMap::<String, String>::new()).unwrap()), expected, "{sk}");
    }
}

#[test]
fn a_form_that_is_not_known_is_refused_with_what_to_do() {
    for (sk, form, expected) in [
        ("G", "5", "item `G`, a graph, is of form 5: this build reads forms 1 to 4; a newer build wrote it"),
        (
            "G",
            "0",
            "item `G`, a graph, is of form 0: this build reads forms 1 to 4; an earlier build brings it up",
        ),
        (
            "F#a",
            "2",
            "item `F#a`, a fragment, is of form 2: this build reads forms 1 to 1; a newer build wrote it",
        ),
    ] {
        let mut item = item("pk", sk, &BTreeMap::<String, String>::new()).unwrap();
        item.insert("v".to_owned(), AttributeValue::N(form.to_owned()));
        let error = decode::<BTreeMap<String, String>>(item).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
