//! What the edge refuses when it decides, and did not when the project was applied, is on record.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::profile::day;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use tests::target_api::{Settings, TargetApi};

use crate::shop::{Browser, Shop, mover};

#[tokio::test]
async fn what_a_contract_that_has_ended_refuses_at_the_edge_is_on_record_once() {
    let target = TargetApi::start(Settings::default()).unwrap();
    let shop = Shop::with_target(&target).await;
    let today = day(Timestamp::now());
    let project = &shop.flow.local.project;
    let last = today.checked_sub(1.day()).unwrap();
    project.edit("partners/northlight.yaml", "ends: 2027-12-31", &format!("ends: {last}"));
    // As it was applied before that day, nothing but the policy refuses anything.
    let catalogue = shop.flow.local.apply_on(last).await;
    assert!(catalogue.offers[&"diy_coupon".parse().unwrap()].refusals.is_empty());

    for _ in 0..2 {
        let answer = Browser::default().view(&shop, mover()).await;
        assert_eq!(answer.offers()[0].1, "welcome");
    }
    // Of the datastream, two audiences: what is said of each is a refusal of its own.
    for (of, refused) in [("offer#diy_coupon", 1), ("datastream#shop_web", 2)] {
        let kept = records(&shop, of).await;
        assert_eq!(kept.len(), refused, "{of}: {kept:?}");
        let is_told =
            |(during, refusal): &(String, String)| during == "decision" && refusal.contains("contract_ended");
        assert!(kept.iter().all(is_told), "{of}: {kept:?}");
    }
    assert_eq!(told(&target), Vec::<BTreeMap<String, String>>::new(), "Target is told of nobody");
}

#[tokio::test]
async fn target_is_told_of_those_audiences_that_nothing_refuses_and_the_catalogue_says_why_not_of_others() {
    let target = TargetApi::start(Settings::default()).unwrap();
    let shop = Shop::with_target(&target).await;
    let catalogue = shop.flow.local.apply().await;
    let refusals = &catalogue.datastreams[&"shop_web".parse().unwrap()].refusals;
    let refused: Vec<&str> = refusals.iter().map(|refusal| refusal.audience.as_str()).collect();
    assert_eq!(refused, ["big_renovators"]);
    Browser::default().view(&shop, mover()).await;
    let recent_mover = BTreeMap::from([("recent_movers".to_owned(), "true".to_owned())]);
    assert_eq!(told(&target), [recent_mover]);
}

/// What is said of visitors in the calls that Target took.
fn told(target: &TargetApi) -> Vec<BTreeMap<String, String>> {
    let said =
        |call: Value| serde_json::from_value(call["execute"]["mboxes"][0]["profileParameters"].clone());
    let all = target.deliveries().into_iter().map(|call| said(call).unwrap());
    all.filter(|said: &BTreeMap<String, String>| !said.is_empty()).collect()
}

/// The refusals that are on record of something: each with when it was refused, and the refusal as JSON.
async fn records(shop: &Shop, of: &str) -> Vec<(String, String)> {
    let local = &shop.flow.local;
    let output = aws_sdk_dynamodb::Client::new(&local.config)
        .query()
        .table_name(&local.store.deployment.ledger)
        .key_condition_expression("pk = :pk AND begins_with(sk, :refusal)")
        .expression_attribute_values(":pk", AttributeValue::S(of.to_owned()))
        .expression_attribute_values(":refusal", AttributeValue::S("refusal#".to_owned()))
        .send()
        .await
        .unwrap();
    let text = |value: &AttributeValue| value.as_s().cloned().unwrap_or_else(|_| format!("{value:?}"));
    output.items().iter().map(|item| (text(&item["during"]), text(&item["refusal"]))).collect()
}
