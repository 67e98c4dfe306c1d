//! Events that Firehose does not take: they are kept all the same, whole and once, and no page waits for that.

use std::time::{Duration, Instant};

use aws::{Deployment, Store};
use domain::edge::received::Received;
use edge::handler::Edge;
use serde_json::{Value, json};
use tests::flow::Gate;

use crate::shop::{Browser, Shop, mover};

/// How long a page waits at the most: the edge waits for Firehose for two seconds, and machines are slow.
const PAGE_WAITS: Duration = Duration::from_secs(6);

#[tokio::test]
async fn events_that_firehose_refuses_are_kept_whole_and_once() {
    let mut shop = Shop::open().await;
    let local = &shop.flow.local;
    let deployment = Deployment { events_stream: "no-such-stream".into(), ..local.store.deployment.clone() };
    shop.flow.edge = Edge::new(Store::of(deployment, &local.config), "us-east-1");
    shop.flow.twice = true;

    let page_view = |name: &str| {
        let mut xdm = mover();
        xdm["eventType"] = json!("web.webpagedetails.pageViews");
        xdm["web"] = json!({"webPageDetails": {"name": name}});
        json!({"xdm": xdm, "data": {"of no schema": ["café \u{1f3e0}", 0.1, null, {"deep": [[]]}]}})
    };
    let sent = [page_view("home"), page_view("shelves")];
    let mut browser = Browser::default();
    let answer = browser.send(&shop, "interact", "r1", json!({"events": sent})).await;
    assert_eq!(answer.status, 200);
    let stored = shop.flow.local.store.visitors.get(&shop.key(&browser.ecid())).await.unwrap();
    assert!(stored.visitor.memberships.is_realized(&"recent_movers".parse().unwrap()));

    assert_eq!(kept(&shop).await.len(), 0, "Firehose took nothing");
    shop.flow.keep_events().await;
    let kept = kept(&shop).await;
    let mut events: Vec<Value> = kept.iter().map(|event| parse(event.event.get())).collect();
    events.sort_by_key(|event| event["xdm"]["web"]["webPageDetails"]["name"].to_string());
    assert_eq!(events, sent);
    let mut places: Vec<_> = kept.iter().map(|event| (event.request.as_str(), event.index)).collect();
    places.sort();
    assert_eq!(places, [("r1", 0), ("r1", 1)]);
    assert!(kept.iter().all(|event| event.ecid == browser.ecid() && event.datastream.as_str() == "shop_web"));
}

#[tokio::test]
async fn a_firehose_that_hangs_keeps_no_page_waiting_and_loses_no_event() {
    let mut shop = Shop::open().await;
    let gate = Gate::on(&shop.flow.local, |call| call.starts_with("Firehose"), 0).await;
    shop.flow.edge = Edge::new(gate.store(&shop.flow.local), "us-east-1");
    let mut browser = Browser::default();
    // What is read once would count as waiting.
    shop.flow.edge.warm().await;
    let began = Instant::now();
    let visit = browser.view(&shop, mover());
    let answer = tokio::time::timeout(PAGE_WAITS, visit).await.expect("the page is answered");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.offers()[0].1, "diy_coupon");
    assert!(began.elapsed() >= Duration::from_secs(1), "Firehose is given its time: {:?}", began.elapsed());

    shop.flow.keep_events().await;
    let kept = kept(&shop).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(parse(kept[0].event.get())["xdm"]["_northlight"], mover()["_northlight"]);
    assert_eq!(kept[0].ecid, browser.ecid());
}

/// The events that are in the bucket, of any object.
async fn kept(shop: &Shop) -> Vec<Received> {
    let store = &shop.flow.local.store;
    let mut events = Vec::new();
    for key in store.objects.list(&store.deployment.events, "events/").await.unwrap() {
        let text = store.objects.read(&store.deployment.events, &key).await.unwrap().unwrap();
        let text = String::from_utf8(text).unwrap();
        let received: Vec<Received> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [only] = received.try_into().expect("each lies in an object of its own");
        let day = domain::profile::day(Received::clone(&only).received);
        let hour = only.received.strftime("%H");
        let place = format!("events/datastream=shop_web/date={day}/hour={hour}/untaken-");
        assert!(key.starts_with(&place) && key.ends_with(".jsonl"), "{key}");
        events.push(only);
    }
    events
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
