//! What contract and policies refuse is not shown.

use crate::open::{COUPON, FALLBACK, HERO, Open, PROMO};

#[tokio::test]
async fn an_offer_that_is_refused_shows_its_fallback_until_it_is_not() {
    let mut open = Open::shop().await;
    let refused = open.offer("kitchen_planner");
    assert_eq!(refused["state"], "blocked", "{refused}");
    assert!(!refused["refusals"].as_array().unwrap().is_empty(), "{refused}");

    let seen = open.home("mover");
    let stored = open.stored(&seen.ecid()).await;
    assert!(
        stored.visitor.memberships.is_realized(&"big_renovators".parse().unwrap()),
        "segmentation is allowed: {stored:?}"
    );
    assert!(seen.texts[FALLBACK].is_some(), "showing is not: {:?}", seen.calls);

    // A contract that allows no personalisation at all takes the coupon back as well.
    open.at.project.edit("partners/northlight.yaml", "    - Onsite Personalization\n", "");
    open.at.project.edit("policies/segmentation_only.yaml", "status: ENABLED", "status: DRAFT");
    open.at.apply();
    assert_eq!(open.offer("diy_coupon")["state"], "blocked");
    let seen = open.home_once("mover", |seen| !seen.text(HERO).contains(COUPON));
    assert!(seen.texts[FALLBACK].is_some());

    // Nothing refuses any more.
    open.at.project.edit(
        "partners/northlight.yaml",
        "  allows:\n",
        "  allows:\n    - Onsite Personalization\n",
    );
    open.at.apply();
    assert_eq!(open.offer("kitchen_planner")["state"], "active");
    let seen = open.home_once("mover", |seen| seen.text(HERO).contains(COUPON));
    assert!(seen.text(PROMO).contains("Plan your new kitchen"), "{}", seen.text(PROMO));
}
