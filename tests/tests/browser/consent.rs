//! Who says no is shown nothing of their own, and nothing of them is kept but that word.

use domain::edge::visitor::Visitor;

use crate::open::{COUPON, FALLBACK, HERO, Open};

#[tokio::test]
async fn a_refusal_leaves_nothing_but_itself_and_an_agreement_begins_anew() {
    let mut open = Open::shop().await;
    let ecid = open.home("mover").ecid();
    let before = open.stored(&ecid).await.visitor;
    assert!(!before.signals.is_empty() && !before.memberships.audiences.is_empty(), "{before:?}");

    let said = open.click("mover", "#consent-out");
    assert_eq!(
        said.calls.iter().map(|call| call.action.as_str()).collect::<Vec<_>>(),
        ["privacy/set-consent"]
    );
    assert_eq!(said.cookie("_consent").unwrap().value, "general=out");
    let after = open.stored(&ecid).await.visitor;
    let consent = after.consent.clone().unwrap();
    assert!(!consent.collect && !consent.personalize, "{consent:?}");
    let nothing_else = Visitor {
        ecid: after.ecid.clone(),
        datastream: after.datastream.clone(),
        seen: after.seen,
        withdrawn: Some(consent.at),
        consent: Some(consent),
        ..Visitor::default()
    };
    assert_eq!(after, nothing_else);

    // The Web SDK keeps its peace from now on, and the page is as it was built.
    let seen = open.again("mover");
    assert!(seen.calls.is_empty(), "{:?}", seen.calls);
    assert!(!seen.text(HERO).contains(COUPON) && seen.texts[FALLBACK].is_none());
    assert_eq!(open.stored(&ecid).await.visitor, after);

    let said = open.click("mover", "#consent-in");
    assert_eq!(said.cookie("_consent").unwrap().value, "general=in");
    let seen = open.again("mover");
    assert!(seen.text(HERO).contains(COUPON), "{}", seen.text(HERO));
    assert_eq!(seen.ecid(), ecid);
}
