//! Visitors of the shop: recognised on the first page view, linked to whoever logs in, and never to anybody else.

use std::collections::BTreeMap;

use aws::{Queue, Work};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::edge::visitor::VisitorLink;
use domain::fragment::FragmentKey;
use domain::graph::Edge;
use domain::identity::Identity;
use domain::profile::{Profile, day};
use jiff::Timestamp;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tests::example::Example;
use tests::flow::{Flow, LOGIN_KEY};

use crate::shop::{Browser, Shop, mover, token};

fn offers(pairs: [(&str, &str); 2]) -> Vec<(String, String)> {
    pairs.map(|(scope, offer)| (scope.to_owned(), offer.to_owned())).to_vec()
}

/// A shop whose server also tells the customer's e-mail address.
async fn shop_that_knows_addresses() -> Shop {
    let project = Example::shop();
    project.edit("edge/datastreams/shop_web.yaml", "    sub: CRMID\n", "    sub: CRMID\n    email: Email\n");
    project.edit("namespaces.yaml", "  - code: ECID\n", "  - code: Email\n  - code: ECID\n");
    let flow = Flow::of(project).await;
    flow.local.apply().await;
    Shop { flow }
}

/// What a page tells of a login, as the shop's server has signed it.
fn signed(identities: &Value) -> Value {
    let expires = jiff::Timestamp::now().as_second() + 600;
    let mut claims = json!({"iss": "https://www.shop.test", "aud": "shop_web", "exp": expires});
    for (name, value) in identities.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(LOGIN_KEY.as_bytes())).unwrap();
    json!({"tributary": {"token": token}})
}

async fn log_in_as(shop: &Shop, browser: &mut Browser, identities: Value) {
    assert!(browser.tell(shop, json!({}), signed(&identities)).await.status.is_success());
    shop.settle(browser).await;
}

/// Has a visitor forgotten, as happens after weeks without a visit.
async fn forget(shop: &Shop, browser: &Browser) {
    let local = &shop.flow.local;
    aws_sdk_dynamodb::Client::new(&local.config)
        .delete_item()
        .table_name(&local.store.deployment.profiles)
        .key("pk", AttributeValue::S(format!("edge#{}", shop.key(&browser.ecid()))))
        .key("sk", AttributeValue::S("V".to_owned()))
        .send()
        .await
        .unwrap();
}

/// What Northlight's script said, as the profile has it.
fn signals<'a>(
    shop: &Shop,
    profile: &'a Profile,
    browser: &Browser,
) -> Option<&'a domain::fragment::Fragment> {
    let dataset = "northlight_onsite".parse().unwrap();
    profile.fragments.get(&FragmentKey { dataset, primary: shop.key(&browser.ecid()) })
}

fn namespaces(profile: &Profile) -> Vec<String> {
    let mut codes: Vec<String> =
        profile.graph.identities.values().map(|node| format!("{}:{}", node.namespace, node.value)).collect();
    codes.sort();
    codes
}

#[tokio::test]
async fn a_login_by_which_nobody_is_known_is_of_the_deleted_person_whose_address_it_names() {
    let shop = shop_that_knows_addresses().await;
    let mut browsers = [Browser::default(), Browser::default(), Browser::default()];
    let [deleted, known, new] = &mut browsers;
    log_in_as(&shop, deleted, json!({"sub": "A-1", "email": "both@example.com"})).await;
    log_in_as(&shop, known, json!({"sub": "B-1"})).await;
    let ran = shop.flow.local.tributary(&["privacy", "delete", "--namespace", "CRMID", "--value", "A-1"]);
    assert_eq!(ran.code, 0);
    for (browser, customer) in [(known, "B-1"), (new, "C-1")] {
        log_in_as(&shop, browser, json!({"sub": customer, "email": "both@example.com"})).await;
    }
    let [_, known, new] = &browsers;
    let b = shop.profile("CRMID", "B-1").await.unwrap();
    assert_eq!(namespaces(&b), ["CRMID:B-1".to_owned(), format!("ECID:{}", known.ecid())]);
    assert!(shop.profile("CRMID", "C-1").await.is_none());
    let visitors = &shop.flow.local.store.visitors;
    assert_eq!(visitors.get(&shop.key(&new.ecid())).await.unwrap().visitor.login, None);
}

#[tokio::test]
async fn the_first_page_view_is_personal_for_a_recognised_visitor_and_what_is_refused_is_not_shown() {
    let shop = Shop::open().await;
    let (mut mover_, mut other) = (Browser::default(), Browser::default());
    let answer = mover_.view(&shop, mover()).await;
    // The kitchen planner would be the better offer for the promo, and the policy refuses it.
    assert_eq!(answer.offers(), offers([("__view__", "diy_coupon"), ("home-promo", "delivery")]));
    let answer = other.view(&shop, json!({})).await;
    assert_eq!(answer.offers(), offers([("__view__", "welcome"), ("home-promo", "delivery")]));
    // Of somebody of whom nothing needs to be remembered, nothing is.
    let store = &shop.flow.local.store;
    assert!(store.visitors.get(&shop.key(&mover_.ecid())).await.unwrap().version > 0);
    let seen = store.visitors.get(&shop.key(&other.ecid())).await.unwrap();
    assert!(seen.visitor.signals.is_empty() && seen.visitor.memberships.audiences.is_empty());
    // The membership stands by itself: the partner's script need not speak again.
    let answer = mover_.view(&shop, json!({})).await;
    assert_eq!(answer.offers()[0].1, "diy_coupon");
}

#[tokio::test]
async fn a_recognised_visitor_without_an_order_is_activated_by_the_partners_id_and_nothing_else() {
    let shop = Shop::open().await;
    let (mut stays, mut buys) = (Browser::default(), Browser::default());
    stays.view(&shop, mover()).await;
    buys.view(
        &shop,
        json!({"_northlight": {
            "partner_id": "NL-2", "likely_recent_mover": 0.9, "match_confidence": 0.9
        }}),
    )
    .await;
    buys.tell(&shop, json!({"eventType": "commerce.purchases"}), json!({})).await;
    for browser in [&stays, &buys] {
        shop.settle(browser).await;
    }
    let profile = shop.profile("ECID", &stays.ecid()).await.unwrap();
    assert_eq!(namespaces(&profile), [format!("ECID:{}", stays.ecid())], "the partner's ID links nobody");
    shop.flow.evaluate().await;
    shop.flow.wake("movers_to_publisher").await;
    let store = &shop.flow.local.store;
    let mut lines = Vec::new();
    for key in store.objects.list(&store.deployment.exports, "publisher/").await.unwrap() {
        let content = store.objects.read(&store.deployment.exports, &key).await.unwrap().unwrap();
        if key.ends_with(".csv") {
            lines.extend(String::from_utf8(content).unwrap().lines().skip(1).map(str::to_owned));
        }
    }
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("NL-1") && !lines[0].contains('@'), "{lines:?}");
}

#[tokio::test]
async fn two_people_at_one_browser_stay_two_and_the_browser_is_the_latters() {
    let shop = Shop::open().await;
    let mut browser = Browser::default();
    browser.view(&shop, mover()).await;
    shop.settle(&browser).await;
    let ecid = browser.ecid();
    browser.log_in(&shop, "A-1").await;
    shop.settle(&browser).await;
    let a = shop.profile("CRMID", "A-1").await.unwrap();
    assert_eq!(namespaces(&a), ["CRMID:A-1".to_owned(), format!("ECID:{ecid}")]);
    assert_eq!(a.edge_memberships.len(), 1);

    browser.log_in(&shop, "B-1").await;
    shop.settle(&browser).await;
    assert_eq!(browser.ecid(), ecid, "it is the same browser");
    let (a, b) = (shop.profile("CRMID", "A-1").await.unwrap(), shop.profile("CRMID", "B-1").await.unwrap());
    assert_ne!(a.id, b.id);
    assert_eq!(namespaces(&a), ["CRMID:A-1"]);
    assert_eq!(namespaces(&b), ["CRMID:B-1".to_owned(), format!("ECID:{ecid}")]);
    assert!(a.edge_memberships.is_empty() && b.edge_memberships.len() == 1);
    assert_eq!(shop.profile("ECID", &ecid).await.unwrap().id, b.id);

    // And back: A's profile is the one that it was.
    browser.log_in(&shop, "A-1").await;
    shop.settle(&browser).await;
    assert_eq!(shop.profile("ECID", &ecid).await.unwrap().id, a.id);
    assert_eq!(namespaces(&shop.profile("CRMID", "B-1").await.unwrap()), ["CRMID:B-1"]);
}

#[tokio::test]
async fn a_claim_without_a_token_links_nothing() {
    let shop = Shop::open().await;
    let mut browser = Browser::default();
    browser.log_in(&shop, "A-1").await;
    shop.settle(&browser).await;
    let mut stranger = Browser::default();
    let claim = json!({"identityMap": {
        "CRMID": [{"id": "A-1", "authenticatedState": "authenticated", "primary": true}],
        "Email": [{"id": "bobby.bank@example.com", "authenticatedState": "authenticated"}]
    }});
    stranger.tell(&shop, claim, json!({})).await;
    let forged = json!({"tributary": {"token": format!("{}x", token("A-1"))}});
    stranger.tell(&shop, mover(), forged).await;
    shop.settle(&stranger).await;
    let a = shop.profile("CRMID", "A-1").await.unwrap();
    assert_eq!(namespaces(&a), ["CRMID:A-1".to_owned(), format!("ECID:{}", browser.ecid())]);
    let stranger_ = shop.profile("ECID", &stranger.ecid()).await.unwrap();
    assert_ne!(stranger_.id, a.id);
    assert_eq!(namespaces(&stranger_), [format!("ECID:{}", stranger.ecid())]);
}

#[tokio::test]
async fn consent_withdrawn_leaves_nothing_but_the_consent() {
    let shop = Shop::open().await;
    let mut browser = Browser::default();
    browser.view(&shop, mover()).await;
    shop.settle(&browser).await;
    assert!(shop.profile("ECID", &browser.ecid()).await.is_some());
    let out = json!({"consent": [{"standard": "Adobe", "version": "1.0", "value": {"general": "out"}}]});
    browser.send(&shop, "privacy/set-consent", "consent-1", out).await;
    shop.settle(&browser).await;
    let stored = shop.flow.local.store.visitors.get(&shop.key(&browser.ecid())).await.unwrap();
    assert!(stored.visitor.consent.as_ref().is_some_and(|consent| !consent.collect));
    assert!(stored.visitor.signals.is_empty() && stored.visitor.memberships.audiences.is_empty());
    assert!(shop.profile("ECID", &browser.ecid()).await.is_none(), "nothing is linked any more");
    assert!(browser.view(&shop, mover()).await.offers().is_empty());
    let after = shop.flow.local.store.visitors.get(&shop.key(&browser.ecid())).await.unwrap();
    assert_eq!(after.visitor, stored.visitor, "nothing is stored");
}

#[tokio::test]
async fn displays_and_clicks_are_counted_once_each() {
    let shop = Shop::open().await;
    let mut browser = Browser::default();
    browser.view(&shop, mover()).await;
    let report = |kind: &str, event: &str| {
        json!({"events": [{"xdm": {
            "eventType": kind,
            "timestamp": jiff::Timestamp::now().to_string(),
            "_experience": {"decisioning": {
                "propositions": [{"id": "p", "scope": "__view__", "scopeDetails": {
                    "decisionProvider": "TGT", "activity": {"id": "diy_coupon"}
                }}],
                "propositionEventType": {event: 1}
            }}
        }}]})
    };
    let display = report("decisioning.propositionDisplay", "display");
    let click = report("decisioning.propositionInteract", "interact");
    browser.send(&shop, "interact", "d1", display.clone()).await;
    browser.send(&shop, "interact", "d1", display).await;
    browser.send(&shop, "collect", "c1", click).await;
    for _ in 0..2 {
        shop.settle(&browser).await;
    }
    let offer = "diy_coupon".parse().unwrap();
    let days = shop.flow.local.store.ledger.offer_days(&offer).await.unwrap();
    let [(_, counted)] = days.as_slice() else { panic!("one day counts: {days:?}") };
    assert_eq!((counted.displayed, counted.interacted), (1, 1));
}

#[tokio::test]
async fn what_is_not_for_the_datastream_is_refused_and_leaves_nothing() {
    let shop = Shop::open().await;
    for body in [json!({}), json!({"events": "none"}), json!({"events": []}), json!([])] {
        let answer = shop.send("interact", "r1", &body).await;
        assert!(answer.status.is_client_error(), "{body}: {}", answer.status);
    }
    let page = shop.flow.local.store.profiles.scan(0, 1, None, 100).await.unwrap();
    assert!(page.visitors.is_empty() && page.profiles.is_empty());
}

#[tokio::test]
async fn whoever_comes_back_after_withdrawing_is_not_born_into_the_profile_of_whoever_was_logged_in() {
    let shop = Shop::open().await;
    let mut browser = Browser::default();
    // The profile that the ECID is born with becomes A's.
    browser.view(&shop, mover()).await;
    shop.settle(&browser).await;
    browser.log_in(&shop, "A-1").await;
    shop.settle(&browser).await;
    let a = shop.profile("CRMID", "A-1").await.unwrap();
    for general in ["out", "in"] {
        let said =
            json!({"consent": [{"standard": "Adobe", "version": "1.0", "value": {"general": general}}]});
        browser.send(&shop, "privacy/set-consent", &format!("consent-{general}"), said).await;
        shop.settle(&browser).await;
    }
    assert_eq!(namespaces(&shop.profile("CRMID", "A-1").await.unwrap()), ["CRMID:A-1"]);
    browser.view(&shop, mover()).await;
    shop.settle(&browser).await;
    let stranger = shop.profile("ECID", &browser.ecid()).await.unwrap();
    assert_ne!(stranger.id, a.id);
    let a = shop.profile("CRMID", "A-1").await.unwrap();
    assert!(a.edge_memberships.is_empty() && namespaces(&a) == ["CRMID:A-1"]);
}

#[tokio::test]
async fn a_bad_value_from_a_page_costs_itself_alone() {
    let shop = Shop::open().await;
    let mut browser = Browser::default();
    let nonsense = json!({"_northlight": {
        "partner_id": "", "likely_recent_mover": 1e-200, "match_confidence": 0.9, "renovation_budget": "none"
    }});
    let token = json!({"tributary": {"token": token("A-1")}});
    assert!(browser.tell(&shop, nonsense, token).await.status.is_success());
    shop.settle(&browser).await;
    let a = shop.profile("CRMID", "A-1").await.unwrap();
    assert_eq!(namespaces(&a), ["CRMID:A-1".to_owned(), format!("ECID:{}", browser.ecid())]);
}

#[tokio::test]
async fn events_that_are_heard_again_reach_a_field_that_is_mapped_only_now() {
    let shop = Shop::open().await;
    let dataset = shop.flow.local.project.path().join("datasets/northlight_onsite.yaml");
    let mapped = std::fs::read_to_string(&dataset).unwrap();
    let line = "    _northlight.renovation_budget: northlight.renovationBudget\n";
    std::fs::write(&dataset, mapped.replace(line, "")).unwrap();
    shop.flow.local.apply().await;
    let mut browser = Browser::default();
    browser.view(&shop, mover()).await;
    shop.settle(&browser).await;
    std::fs::write(&dataset, mapped).unwrap();
    shop.flow.local.apply().await;

    let store = &shop.flow.local.store;
    let objects = store.objects.list(&store.deployment.events, "events/").await.unwrap();
    assert!(!objects.is_empty(), "the event is kept");
    for _ in 0..2 {
        for key in &objects {
            let work = [aws::Work::Replay { key: key.clone() }];
            store.queues.send(aws::Queue::Chunks, &work).await.unwrap();
        }
        shop.settle(&browser).await;
    }
    let stored = store.visitors.get(&shop.key(&browser.ecid())).await.unwrap();
    let budget = serde_json::to_value(&stored.visitor.signals).unwrap();
    assert_eq!(budget["northlight_onsite"]["attributes"]["northlight"]["renovationBudget"], "high");
    let profile = shop.profile("ECID", &browser.ecid()).await.unwrap();
    let fragment = signals(&shop, &profile, &browser).unwrap();
    let said = serde_json::to_value(&fragment.attributes).unwrap();
    assert_eq!(said["northlight"]["renovationBudget"], "high", "it reaches the profile");
    let whole = store.objects.read(&store.deployment.events, &objects[0]).await.unwrap().unwrap();
    let whole = String::from_utf8(whole).unwrap();
    assert!(whole.contains("likely_recent_mover") && whole.contains(&browser.ecid()), "{whole}");
}

#[tokio::test]
async fn a_customer_who_comes_back_after_the_visitor_was_forgotten_is_still_the_same() {
    let shop = Shop::open().await;
    let mut browser = Browser::default();
    browser.view(&shop, mover()).await;
    browser.log_in(&shop, "A-1").await;
    shop.settle(&browser).await;
    let a = shop.profile("CRMID", "A-1").await.unwrap();
    let report = json!({"events": [{"xdm": {
        "eventType": "decisioning.propositionDisplay",
        "timestamp": jiff::Timestamp::now().to_string(),
        "_experience": {"decisioning": {
            "propositions": [{"id": "p", "scope": "__view__", "scopeDetails": {
                "decisionProvider": "TGT", "activity": {"id": "welcome"}
            }}],
            "propositionEventType": {"display": 1}
        }}
    }}]});
    let agrees = json!({"consent": [{"standard": "Adobe", "version": "1.0", "value": {"general": "in"}}]});
    for (action, body) in [("interact", report), ("privacy/set-consent", agrees)] {
        forget(&shop, &browser).await;
        shop.settle(&browser).await;
        browser.send(&shop, action, &action.replace('/', "-"), body).await;
        shop.settle(&browser).await;
        let stored = shop.flow.local.store.visitors.get(&shop.key(&browser.ecid())).await.unwrap();
        assert!(action != "interact" || !stored.visitor.notified.is_empty());
        let again = shop.profile("ECID", &browser.ecid()).await.unwrap();
        assert_eq!(again.id, a.id, "{action}");
        assert_eq!(again.graph.identities, a.graph.identities, "{action}");
        assert_eq!(signals(&shop, &again, &browser), signals(&shop, &a, &browser), "{action}");
        assert!(stored.version == 0 || stored.link.profile == Some(a.id.clone()), "{action}");
    }
}

#[tokio::test]
async fn what_has_no_dataset_any_more_takes_nothing_from_the_profile() {
    let shop = Shop::open().await;
    let mut browser = Browser::default();
    browser.view(&shop, mover()).await;
    browser.tell(&shop, json!({"eventType": "commerce.purchases"}), json!({})).await;
    shop.settle(&browser).await;
    let key = shop.key(&browser.ecid());
    let before = shop.profile("ECID", &browser.ecid()).await.unwrap();
    let path = shop.flow.local.project.path();
    for file in
        ["datasets/northlight_onsite.yaml", "edge/offers/diy_coupon.yaml", "edge/offers/kitchen_planner.yaml"]
    {
        std::fs::remove_file(path.join(file)).unwrap();
    }
    for audience in ["recent_movers", "big_renovators", "movers_without_order"] {
        std::fs::remove_file(path.join(format!("audiences/{audience}.yaml"))).unwrap();
    }
    let project = &shop.flow.local.project;
    let datastream = "edge/datastreams/shop_web.yaml";
    project.edit(datastream, "[recent_movers, big_renovators, bought_today]", "[bought_today]");
    project.edit(datastream, "[diy_coupon, welcome, kitchen_planner, delivery]", "[welcome, delivery]");
    project.edit(datastream, "attributes: [northlight.likelyRecentMover]\n", "");
    std::fs::remove_dir_all(path.join("dataflows")).unwrap();
    shop.flow.local.apply().await;
    shop.settle(&browser).await;
    let after = shop.profile("ECID", &browser.ecid()).await.unwrap();
    assert_eq!(after.id, before.id);
    assert!(after.edge_memberships[&key].is_realized(&"bought_today".parse().unwrap()));
}

#[tokio::test]
async fn two_people_who_log_in_by_e_mail_alone_stay_two() {
    let shop = shop_that_knows_addresses().await;
    let mut browser = Browser::default();
    browser.view(&shop, mover()).await;
    shop.settle(&browser).await;
    log_in_as(&shop, &mut browser, json!({"email": "ann@example.com"})).await;
    log_in_as(&shop, &mut browser, json!({"email": "bob@example.com"})).await;
    let ann = shop.profile("Email", "ann@example.com").await.unwrap();
    let bob = shop.profile("Email", "bob@example.com").await.unwrap();
    assert_eq!(namespaces(&ann), ["Email:ann@example.com"]);
    assert_eq!(namespaces(&bob), [format!("ECID:{}", browser.ecid()), "Email:bob@example.com".to_owned()]);
    assert!(signals(&shop, &ann, &browser).is_none() && signals(&shop, &bob, &browser).is_some());
}

#[tokio::test]
async fn whoever_shares_an_e_mail_with_a_customer_is_not_served_as_that_customer() {
    let shop = shop_that_knows_addresses().await;
    let mut browser = Browser::default();
    log_in_as(&shop, &mut browser, json!({"sub": "A-1", "email": "both@example.com"})).await;
    browser.view(&shop, mover()).await;
    log_in_as(&shop, &mut browser, json!({"sub": "B-1", "email": "both@example.com"})).await;
    let a = shop.profile("CRMID", "A-1").await.unwrap();
    let b = shop.profile("CRMID", "B-1").await.unwrap();
    assert_eq!(namespaces(&a), ["CRMID:A-1", "Email:both@example.com"]);
    assert_eq!(namespaces(&b), ["CRMID:B-1".to_owned(), format!("ECID:{}", browser.ecid())]);
    assert!(a.edge_memberships.is_empty() && signals(&shop, &a, &browser).is_none());
    assert!(b.edge_memberships.len() == 1 && signals(&shop, &b, &browser).is_some());
    let stored = shop.flow.local.store.visitors.get(&shop.key(&browser.ecid())).await.unwrap();
    assert_eq!(stored.link.profile, Some(b.id));
    assert_eq!(stored.link.login, stored.visitor.login_keys());
}

#[tokio::test]
async fn a_login_without_a_place_leaves_the_visitor_where_it_is() {
    let shop = Shop::open().await;
    let mut browser = Browser::default();
    browser.log_in(&shop, "A-1").await;
    shop.settle(&browser).await;
    // A's profile is full, of what never gives way to a browser.
    let store = &shop.flow.local.store;
    let mut a = shop.profile("CRMID", "A-1").await.unwrap();
    let mut node = a.graph.identities[&shop.key_of("CRMID", "A-1")].clone();
    node.namespace = "IDFA".parse().unwrap();
    a.graph.identities.remove(&shop.key(&browser.ecid()));
    for number in a.graph.identities.len()..domain::graph::MOST_IDENTITIES {
        a.graph.identities.insert(shop.key_of("CRMID", &format!("device {number}")), node.clone());
    }
    let read = a.graph.version;
    a.graph.version += 1;
    assert!(store.profiles.put_graph(&a.id, &a.graph, Some(read)).await.unwrap());

    let mut another = Browser::default();
    another.view(&shop, mover()).await;
    shop.settle(&another).await;
    let alone = shop.profile("ECID", &another.ecid()).await.unwrap();
    another.log_in(&shop, "A-1").await;
    for _ in 0..2 {
        shop.settle(&another).await;
        let holder = shop.profile("ECID", &another.ecid()).await.unwrap();
        assert_eq!(holder.id, alone.id, "no profile is made for every link");
        assert!(signals(&shop, &holder, &another).is_some());
    }
    let stored = store.visitors.get(&shop.key(&another.ecid())).await.unwrap();
    assert!(stored.link.login.is_empty() && stored.link.seen == stored.version, "nothing of A is shown");
}

#[tokio::test]
async fn the_browser_that_was_linked_longest_ago_gives_way_in_a_full_profile() {
    let shop = Shop::open().await;
    let (mut first, mut second) = (Browser::default(), Browser::default());
    first.view(&shop, mover()).await;
    first.log_in(&shop, "A-1").await;
    shop.settle(&first).await;
    let store = &shop.flow.local.store;
    let mut a = shop.profile("CRMID", "A-1").await.unwrap();
    let mut node = a.graph.identities[&shop.key(&first.ecid())].clone();
    node.linked += 1;
    let mut edge = a.graph.edges[0].clone();
    edge.at += 1;
    let customer = shop.key_of("CRMID", "A-1");
    for number in a.graph.identities.len()..domain::graph::MOST_IDENTITIES {
        let browser = shop.key_of("CRMID", &format!("browser {number}"));
        let between = (customer.clone().min(browser.clone()), customer.clone().max(browser.clone()));
        a.graph.edges.push(Edge { between, ..edge.clone() });
        a.graph.identities.insert(browser, node.clone());
    }
    let read = a.graph.version;
    a.graph.version += 1;
    assert!(store.profiles.put_graph(&a.id, &a.graph, Some(read)).await.unwrap());
    second.log_in(&shop, "A-1").await;
    shop.settle(&second).await;
    assert_eq!(shop.profile("ECID", &second.ecid()).await.unwrap().id, a.id);
    assert!(shop.profile("ECID", &first.ecid()).await.is_none());
    let after = store.profiles.load(&a.id).await.unwrap().unwrap();
    assert_eq!(after.graph.identities.len(), domain::graph::MOST_IDENTITIES);
    assert!(signals(&shop, &after, &first).is_none());
}

#[tokio::test]
async fn a_login_that_is_heard_again_takes_no_browser_from_whoever_logged_in_later() {
    let shop = Shop::open().await;
    let mut browser = Browser::default();
    browser.log_in(&shop, "A-1").await;
    shop.settle(&browser).await;
    let store = &shop.flow.local.store;
    let of_a = store.objects.list(&store.deployment.events, "events/").await.unwrap();
    browser.log_in(&shop, "B-1").await;
    shop.settle(&browser).await;
    forget(&shop, &browser).await;
    for key in of_a {
        store.queues.send(Queue::Chunks, &[Work::Replay { key }]).await.unwrap();
    }
    shop.settle(&browser).await;
    shop.settle(&browser).await;
    let stored = store.visitors.get(&shop.key(&browser.ecid())).await.unwrap();
    let heard: Vec<Identity> = stored.visitor.login.unwrap().identities.into_iter().collect();
    assert_eq!(heard[0].value, "A-1", "the login was heard again");
    let b = shop.profile("CRMID", "B-1").await.unwrap();
    assert_eq!(shop.profile("ECID", &browser.ecid()).await.unwrap().id, b.id);
    assert!(stored.link.login.is_empty(), "nothing of B is shown to A");
}

#[tokio::test]
async fn a_run_makes_lost_messages_good() {
    let shop = Shop::open().await;
    let mut browser = Browser::default();
    // Nobody is told of the visitor.
    browser.view(&shop, mover()).await;
    browser.log_in(&shop, "A-1").await;
    assert!(shop.profile("CRMID", "A-1").await.is_none());
    shop.flow.evaluate().await;
    shop.flow.ingest().await;
    let a = shop.profile("CRMID", "A-1").await.unwrap();
    assert_eq!(a.edge_memberships.len(), 1);
    // Nobody is told of what became of the profile, either by a new definition of an audience.
    let linked = async || {
        let stored = shop.flow.local.store.visitors.get(&shop.key(&browser.ecid())).await.unwrap();
        stored.link.audiences
    };
    for definition in
        ["inSegment(\"recent_movers\")", "inSegment(\"recent_movers\") and not inSegment(\"bought_today\")"]
    {
        let file = shop.flow.local.project.path().join("audiences/movers_without_order.yaml");
        std::fs::write(file, format!("title: Movers\nexpression: {definition}\n")).unwrap();
        let catalogue = shop.flow.local.apply().await;
        // The audience that it refers to is the visitor's own to decide.
        shop.flow.evaluate().await;
        shop.flow.ingest().await;
        let (name, audience) =
            catalogue.audiences.iter().find(|(name, _)| name.as_str() == "movers_without_order").unwrap();
        assert_eq!(linked().await.get(name), Some(&audience.definition), "{definition}");
    }
    // Nor that a worker has noted whom it was about to copy to, and died after its first copy.
    let mut elsewhere = Browser::default();
    elsewhere.log_in(&shop, "B-1").await;
    shop.settle(&elsewhere).await;
    let b = shop.profile("CRMID", "B-1").await.unwrap();
    let key = shop.key(&browser.ecid());
    let store = &shop.flow.local.store;
    let stored = store.visitors.get(&key).await.unwrap();
    let (version, touched) = (stored.link.version + 1, [b.id.clone()].into());
    let link = VisitorLink { version, touched, ..stored.link.clone() };
    assert!(
        store.visitors.link(&key, &link, &stored, &BTreeMap::new(), day(Timestamp::now())).await.unwrap()
    );
    store.profiles.copy_edge_memberships(&b.id, &key, Some(&stored.visitor.memberships)).await.unwrap();
    shop.flow.evaluate().await;
    shop.flow.ingest().await;
    assert!(store.visitors.get(&key).await.unwrap().is_linked());
    assert!(shop.profile("CRMID", "B-1").await.unwrap().edge_memberships.is_empty());
    // Nor that a copy went missing.
    store.profiles.copy_edge_memberships(&a.id, &key, None).await.unwrap();
    shop.flow.evaluate().await;
    shop.flow.ingest().await;
    assert_eq!(shop.profile("CRMID", "A-1").await.unwrap().edge_memberships.len(), 1);
    // Nor that the visitor was forgotten.
    forget(&shop, &browser).await;
    shop.flow.evaluate().await;
    shop.flow.ingest().await;
    assert!(shop.profile("CRMID", "A-1").await.unwrap().edge_memberships.is_empty());
}
