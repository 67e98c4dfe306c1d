//! The first page view is personal, and the visitor stays the same.

use serde_json::json;
use tests::browser::Seen;
use tests::shop::{EDGE, FOREIGN_EDGE};

use crate::open::{COUPON, FALLBACK, HERO, Open};

#[tokio::test]
async fn the_first_page_view_is_personal_at_an_edge_of_the_shops_own_domain() {
    let mut open = Open::reporting_to(EDGE).await;
    the_first_page_view_is_personal(&mut open).await;
    let seen = open.again("mover");
    assert!(posted_cookies(&seen).is_empty(), "the browser sends them by itself: {:?}", seen.calls);
}

#[tokio::test]
async fn the_first_page_view_is_personal_through_the_distribution_that_alone_may_call_the_edge() {
    let mut open = Open::behind_a_cdn().await;
    the_first_page_view_is_personal(&mut open).await;
}

#[tokio::test]
async fn the_first_page_view_is_personal_at_an_edge_of_another_domain() {
    let mut open = Open::reporting_to(FOREIGN_EDGE).await;
    the_first_page_view_is_personal(&mut open).await;
    let seen = open.again("mover");
    assert!(!posted_cookies(&seen).is_empty(), "the page sends them along: {:?}", seen.calls);
}

async fn the_first_page_view_is_personal(open: &mut Open) {
    let first = open.home("mover");
    assert!(first.text(HERO).contains(COUPON), "{}", first.text(HERO));
    assert_eq!(first.complaints(), Vec::<&str>::new());
    assert_eq!(first.calls[0].path, "/ee/v1/interact");

    let again = open.again("mover");
    assert!(again.text(HERO).contains(COUPON), "{}", again.text(HERO));
    assert_eq!(again.ecid(), first.ecid());
    assert_eq!(again.complaints(), Vec::<&str>::new());
    let identity = again.cookie("_identity").unwrap();
    assert_eq!(identity.domain, ".shop.test", "the page's own, whoever set it");

    let stored = open.stored(&first.ecid()).await;
    assert!(stored.visitor.memberships.is_realized(&"recent_movers".parse().unwrap()), "{stored:?}");

    // The partner has lost sight of the visitor, but the edge has not.
    let forgotten = open.home_as("mover", "nobody");
    assert!(forgotten.text(HERO).contains(COUPON), "{}", forgotten.text(HERO));
    assert_eq!(forgotten.ecid(), first.ecid());

    for (visitor, why) in [
        ("resident", "who has not moved"),
        ("lookalike", "whom the partner is not sure to see"),
        ("nobody", "whom the partner does not know"),
    ] {
        let seen = open.home(visitor);
        assert!(
            !seen.text(HERO).contains(COUPON) && !seen.text(HERO).is_empty(),
            "{why} sees the page as it is"
        );
        assert!(seen.texts[FALLBACK].is_some(), "{why} sees the scope's fallback: {:?}", seen.calls);
        assert_ne!(seen.ecid(), first.ecid());
        assert_eq!(seen.complaints(), Vec::<&str>::new());
    }

    for visitor in ["mover", "resident"] {
        let seen = open.browser.play(&json!({"visitor": visitor, "reload": true, "shoot": visitor}));
        assert!(seen.screenshot.unwrap().is_file());
    }
}

/// The cookies that requests carried in their bodies.
fn posted_cookies(seen: &Seen) -> Vec<&serde_json::Value> {
    seen.calls
        .iter()
        .filter_map(|call| call.sent.pointer("/meta/state/entries")?.as_array())
        .flatten()
        .collect()
}
