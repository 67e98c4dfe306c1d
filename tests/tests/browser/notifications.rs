//! What was shown and clicked comes back, and is counted per offer.

use domain::edge::visitor::Notified;
use domain::name::OfferName;
use serde_json::json;
use tests::deployed::eventually;

use crate::open::{LINKED_WITHIN, Open};

#[tokio::test]
async fn displays_and_clicks_are_counted_per_offer() {
    let mut open = Open::shop().await;
    let [coupon, delivery]: [OfferName; 2] = ["diy_coupon", "delivery"].map(|name| name.parse().unwrap());
    let first = open.home("mover");
    let ecid = first.ecid();
    let displays =
        |events: Vec<&str>| events.iter().filter(|kind| **kind == "decisioning.propositionDisplay").count();
    assert_eq!(displays(first.events()), 2, "the page and the promotion: {:?}", first.calls);
    open.again("mover");
    let click = open.click("mover", "#coupon-button");
    assert_eq!(click.calls.iter().map(|call| call.action.as_str()).collect::<Vec<_>>(), ["collect"]);

    let notified = eventually("the click is counted", LINKED_WITHIN, async || {
        let notified = open.stored(&ecid).await.visitor.notified;
        (notified.get(&coupon)?.interacted > 0).then_some(notified)
    })
    .await;
    assert_eq!(notified[&coupon], Notified { displayed: 2, interacted: 1 });
    assert_eq!(notified[&delivery], Notified { displayed: 2, interacted: 0 });

    // Behind the reply the same is added up per offer, once.
    let counts = eventually("all is added up", LINKED_WITHIN, async || {
        let link = open.stored(&ecid).await.link;
        (link.counted == notified).then(|| open.offer("diy_coupon"))
    })
    .await;
    assert_eq!((&counts["displayed"], &counts["interacted"]), (&json!(2), &json!(1)), "{counts}");
}
