//! The shop's own servers ask the edge of a visitor: who shows the key is told what governance allows, and nobody else.

use serde_json::{Value, json};
use tests::flow::SERVER_KEY;

use crate::shop::{Answer, Browser, Shop, mover};

/// What the edge tells of audiences and attributes.
fn pulled(answer: &Answer) -> Option<&Value> {
    answer.handles("activation:pull").first().map(|handle| &handle["payload"][0])
}

fn ask(ecid: &str) -> Value {
    json!({"event": {"xdm": {
        "eventType": "web.webpagedetails.pageViews",
        "timestamp": jiff::Timestamp::now().to_string(),
        "identityMap": {"ECID": [{"id": ecid, "primary": true}]}
    }}})
}

#[tokio::test]
async fn a_server_that_shows_the_key_is_told_what_no_policy_refuses() {
    let mut shop = Shop::open().await;
    let datastream = "edge/datastreams/shop_web.yaml";
    let attributes = "[northlight.likelyRecentMover, northlight.renovationBudget]";
    shop.flow.local.project.edit(datastream, "[northlight.likelyRecentMover]", attributes);
    shop.apply().await;
    let mut browser = Browser::default();
    assert_eq!(pulled(&browser.view(&shop, mover()).await), None, "browsers are told of no audience here");

    let answer = shop.send_as_server("interact", SERVER_KEY, &ask(&browser.ecid())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let told = pulled(&answer).expect("servers are told");
    // The budget chooses the audience of big renovators, and is told to nobody, nor is who is in it.
    assert_eq!(told["segments"], json!([{"id": "recent_movers"}]));
    assert_eq!(told["attributes"], json!({"northlight.likelyRecentMover": {"value": 0.87}}));
    let stored = shop.flow.local.store.visitors.get(&shop.key(&browser.ecid())).await.unwrap();
    assert!(stored.visitor.memberships.is_realized(&"big_renovators".parse().unwrap()));

    // Nothing refuses the budget any more.
    shop.flow.local.project.edit("policies/segmentation_only.yaml", "status: ENABLED", "status: DRAFT");
    shop.apply().await;
    let answer = shop.send_as_server("interact", SERVER_KEY, &ask(&browser.ecid())).await;
    let told = pulled(&answer).expect("servers are told");
    assert_eq!(told["segments"], json!([{"id": "big_renovators"}, {"id": "recent_movers"}]));
    assert_eq!(told["attributes"]["northlight.renovationBudget"], json!({"value": "high"}));
}

#[tokio::test]
async fn who_does_not_show_the_key_is_told_nothing_and_leaves_nothing() {
    let shop = Shop::open().await;
    let mut browser = Browser::default();
    browser.view(&shop, mover()).await;
    let key = shop.key(&browser.ecid());
    let stored = shop.flow.local.store.visitors.get(&key).await.unwrap();
    let mut purchase = ask(&browser.ecid());
    purchase["event"]["xdm"]["eventType"] = json!("commerce.purchases");
    for wrong in ["", "guessed", &SERVER_KEY[1..], &SERVER_KEY.to_uppercase()] {
        for action in ["interact", "collect"] {
            let answer = shop.send_as_server(action, wrong, &purchase).await;
            assert_eq!(answer.status, 401, "`{wrong}`: {}", answer.body);
            assert!(
                pulled(&answer).is_none() && !answer.body.to_string().contains("0.87"),
                "{}",
                answer.body
            );
        }
    }
    assert_eq!(shop.flow.local.store.visitors.get(&key).await.unwrap(), stored);
}

#[tokio::test]
async fn browsers_are_told_of_audiences_where_the_datastream_says_so_and_never_of_attributes() {
    let mut shop = Shop::open().await;
    let datastream = "edge/datastreams/shop_web.yaml";
    shop.flow.local.project.edit(datastream, "browser_audiences: false", "browser_audiences: true");
    shop.apply().await;
    let answer = Browser::default().view(&shop, mover()).await;
    let told = pulled(&answer).expect("browsers are told");
    assert_eq!(told["segments"], json!([{"id": "recent_movers"}]));
    assert!(told.get("attributes").is_none(), "{told}");
    assert!(!answer.body.to_string().contains("0.87"), "{}", answer.body);
}
