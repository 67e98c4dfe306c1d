//! Pseudonymous profiles: who is known by a browser alone, and does not come back, goes.

use domain::graph::Ending;
use domain::profile::Profile;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::removal::{grow_old, items_with, traces, wait_for_late_writers};
use crate::shop::{Browser, Shop, mover_known_as};

const PUBLISHER: &str = "movers_to_publisher";

/// A shop that keeps people for two weeks of whom it knows no more than their browsers.
async fn shop() -> Shop {
    let mut shop = Shop::open().await;
    let rule = "retention:\n  pseudonymous:\n    days: 14\ntitle: Hearth";
    shop.flow.local.project.edit("project.yaml", "title: Hearth", rule);
    shop.apply().await;
    shop
}

/// A visitor whom the partner recognises.
async fn visitor(shop: &Shop, partner_id: &str) -> Browser {
    let mut browser = Browser::default();
    browser.view(shop, mover_known_as(partner_id)).await;
    shop.settle(&browser).await;
    browser
}

async fn profile(shop: &Shop, browser: &Browser) -> Profile {
    shop.profile("ECID", &browser.ecid()).await.expect("the visitor has a profile")
}

/// Lets so many days pass since everything that is known of a visitor.
async fn days_pass(shop: &Shop, browser: &Browser, days: i32) {
    let store = &shop.flow.local.store;
    let id = profile(shop, browser).await.id;
    for dataset in ["shop_events", "northlight_onsite"] {
        grow_old(store, &id, dataset, days).await;
    }
    let key = shop.key(&browser.ecid());
    let stored = store.visitors.get(&key).await.unwrap();
    let mut visitor = stored.visitor.clone();
    let before = |at: Timestamp| at - SignedDuration::from_hours(24 * i64::from(days));
    visitor.seen = visitor.seen.map(before);
    visitor.signals.values_mut().for_each(|signal| signal.at = before(signal.at));
    assert!(store.visitors.put(&key, &visitor, stored.version, Timestamp::now()).await.unwrap());
    shop.settle(browser).await;
}

/// Evaluates, and lets everything follow.
async fn evaluate(shop: &Shop) {
    shop.flow.evaluate().await;
    shop.flow.ingest().await;
    shop.flow.wake(PUBLISHER).await;
}

fn stands(profile: &Profile) -> bool {
    profile.deliveries.get(&PUBLISHER.parse().unwrap()).is_some_and(|delivery| delivery.stands())
}

#[tokio::test]
async fn whoever_does_not_come_back_is_withdrawn_and_swept_up_and_a_customers_browser_stays() {
    let shop = shop().await;
    let store = &shop.flow.local.store;
    let (gone, mut customer) = (visitor(&shop, "NL-1").await, visitor(&shop, "NL-2").await);
    customer.log_in(&shop, "CUST-2").await;
    shop.settle(&customer).await;
    evaluate(&shop).await;
    for browser in [&gone, &customer] {
        let profile = profile(&shop, browser).await;
        assert!(stands(&profile) && profile.edge_memberships.len() == 1, "{profile:?}");
    }
    for browser in [&gone, &customer] {
        days_pass(&shop, browser, 14).await;
    }
    evaluate(&shop).await;
    assert!(stands(&profile(&shop, &gone).await), "it is the last day");

    for browser in [&gone, &customer] {
        days_pass(&shop, browser, 1).await;
    }
    let show = |browser: &Browser| {
        let ran = shop.flow.local.tributary(&[
            "profile",
            "show",
            "--namespace",
            "ECID",
            "--value",
            &browser.ecid(),
        ]);
        ran.code
    };
    assert_eq!((show(&gone), show(&customer)), (1, 0), "it is out of use at once");
    let expired = profile(&shop, &gone).await;
    assert!(stands(&expired) && !expired.fragments.is_empty(), "nobody has swept it up");
    evaluate(&shop).await;
    let swept = profile(&shop, &gone).await;
    assert!(!stands(&swept) && swept.memberships.realized().is_empty() && swept.edge_memberships.is_empty());
    let forgotten = store.visitors.get(&shop.key(&gone.ecid())).await.unwrap();
    assert!(forgotten.visitor.is_blank() && forgotten.is_linked(), "{forgotten:?}");

    for is_erased in [false, true] {
        evaluate(&shop).await;
        let over = store.profiles.load_all(&expired.id).await.unwrap().unwrap();
        assert!(over.fragments.is_empty(), "{over:?}");
        assert_eq!(matches!(over.graph.ending, Some(Ending::Erased { .. })), is_erased);
        wait_for_late_writers(store, &expired.id).await;
    }
    evaluate(&shop).await;
    // Of the visitor an item is left that says nothing, and goes by its time to live.
    let blank = format!("edge#{} V", shop.key(&gone.ecid()));
    assert_eq!(items_with(&shop.flow, &traces(&expired)).await, [blank]);
    let customer = profile(&shop, &customer).await;
    assert!(stands(&customer) && customer.fragments.len() == 2, "a customer is no pseudonym: {customer:?}");
}

#[tokio::test]
async fn every_visit_counts_also_where_the_partner_says_nothing_more() {
    let shop = shop().await;
    let mut browser = visitor(&shop, "NL-1").await;
    evaluate(&shop).await;
    for visit in 1..=3 {
        days_pass(&shop, &browser, 10).await;
        browser.view(&shop, json!({})).await;
        shop.settle(&browser).await;
        evaluate(&shop).await;
        assert!(stands(&profile(&shop, &browser).await), "visit {visit}");
    }
}

#[tokio::test]
async fn a_visit_counts_also_of_whom_the_edge_remembers_no_more_than_that() {
    let shop = shop().await;
    let store = &shop.flow.local.store;
    let mut browser = visitor(&shop, "NL-1").await;
    let key = shop.key(&browser.ecid());
    let stored = store.visitors.get(&key).await.unwrap();
    let mut visitor = stored.visitor.clone();
    visitor.signals.clear();
    visitor.memberships = Default::default();
    assert!(store.visitors.put(&key, &visitor, stored.version, Timestamp::now()).await.unwrap());
    shop.settle(&browser).await;
    let catalogue = store.catalogue().await.unwrap().unwrap().catalogue;
    for visit in 1..=2 {
        days_pass(&shop, &browser, 10).await;
        browser.view(&shop, json!({})).await;
        shop.settle(&browser).await;
        let profile = profile(&shop, &browser).await;
        assert!(!profile.has_expired(&catalogue, Timestamp::now()), "visit {visit}: {profile:?}");
    }
}

#[tokio::test]
async fn whoever_comes_back_after_they_were_swept_up_is_welcome_again() {
    let shop = shop().await;
    let mut browser = visitor(&shop, "NL-1").await;
    evaluate(&shop).await;
    days_pass(&shop, &browser, 15).await;
    for _ in 0..2 {
        evaluate(&shop).await;
    }
    let over = profile(&shop, &browser).await;
    assert!(matches!(over.graph.ending, Some(Ending::Over { .. })) && !stands(&over));
    browser.view(&shop, mover_known_as("NL-1")).await;
    shop.settle(&browser).await;
    evaluate(&shop).await;
    let again = profile(&shop, &browser).await;
    assert_eq!((again.id == over.id, again.graph.ending.clone(), stands(&again)), (true, None, true));
}
