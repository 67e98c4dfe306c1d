//! Receipts of deletions, and suppressions: they say what came of it.

use aws::{Holder, Suppression};
use jiff::Timestamp;
use serde_json::{Value, json};
use tests::flow::{Local, Ran};

use crate::bank::{BOBBYS_ANSWER, Bank, FACEBOOK, answer, answer_of};
use crate::desk::Desk;

const BOBBYS_EMAIL: &str = "bobby.bank@example.com";

/// Has whoever has an identity deleted.
fn delete(local: &Local, namespace: &str, value: &str) -> Ran {
    local.tributary(&["privacy", "delete", "--namespace", namespace, "--value", value, "--all"])
}

fn status(local: &Local, receipt: &Value) -> Ran {
    local.tributary(&["privacy", "status", receipt["id"].as_str().expect("a receipt has an id")])
}

/// How many members an object of JSON has.
fn size(value: &Value) -> usize {
    value.as_object().map_or(0, serde_json::Map::len)
}

#[tokio::test]
async fn a_receipt_closes_with_a_profile_that_an_earlier_one_has() {
    let bank = Bank::open().await;
    let local = &bank.flow.local;
    let carlas = "carla.coin@example.com,N-1,over_1m,0.9,owner";
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, carlas])).await;
    bank.catch_up().await;
    let earlier = delete(local, "Email", BOBBYS_EMAIL).printed.remove(0);
    let both = delete(local, "NorthlightID", "N-1").printed.remove(0);
    assert_ne!(earlier["id"], both["id"]);
    let bobby = bank.profile("Email", BOBBYS_EMAIL).await.id;
    assert_eq!((size(&both["found"]), &both["earlier"]), (1, &json!({bobby.as_str(): earlier["id"]})));
    assert_eq!((size(&both["profiles"]), &both["done"]), (2, &json!(false)));
    assert_eq!(delete(local, "NorthlightID", "N-1").code, 0, "it may be asked for again");
    bank.flow.wake(FACEBOOK).await;
    bank.flow.evaluate().await;
    for receipt in [&earlier, &both] {
        let ran = status(local, receipt);
        assert_eq!((ran.code, &ran.printed[0]["done"]), (0, &json!(true)), "{}", ran.text);
    }
    let again = delete(local, "Email", BOBBYS_EMAIL);
    assert_eq!(again.printed[0]["id"], earlier["id"], "whoever asks again is shown the same");
}

#[tokio::test]
async fn whoever_asks_again_after_an_interruption_has_the_receipt_that_it_left_out() {
    let bank = Bank::with_a_member().await;
    let local = &bank.flow.local;
    let bobby = bank.profile("Email", BOBBYS_EMAIL).await;
    let catalogue = local.store.catalogue().await.unwrap().unwrap().catalogue;
    let closed =
        local.store.delete_person(&catalogue, &bobby.id, "01KFIRST", Timestamp::now()).await.unwrap();
    let rival = local.store.delete_person(&catalogue, &bobby.id, "01KRIVAL", Timestamp::now()).await.unwrap();
    for answered in [closed, rival] {
        let answered = answered.unwrap();
        assert_eq!((answered.profile.id, answered.receipt.as_str()), (bobby.id.clone(), "01KFIRST"));
    }
    let receipt = delete(local, "Email", BOBBYS_EMAIL).printed.remove(0);
    assert_eq!((&receipt["id"], size(&receipt["found"])), (&json!("01KFIRST"), 1));
    bank.flow.wake(FACEBOOK).await;
    bank.flow.evaluate().await;
    assert_eq!(status(local, &receipt).code, 0);
}

#[tokio::test]
async fn the_identity_that_was_asked_for_is_suppressed_or_it_is_said_whose_it_is() {
    let bank = Bank::with_a_member().await;
    let local = &bank.flow.local;
    let desk = Desk::at(local).await;
    let bobby = bank.profile("Email", BOBBYS_EMAIL).await;
    let email = desk.identity(&format!("Email:{BOBBYS_EMAIL}")).key;
    let suppression = Suppression { at: Timestamp::now(), receipt: "01KOTHER".to_owned() };
    let holder = local.store.identities.suppress(&email, None, &suppression).await.unwrap();
    assert_eq!(holder, Holder::Profile(bobby.id.clone()));
    assert_eq!(local.store.identities.suppression(&email).await.unwrap(), None);

    // It links to Bobby, and his graph does not name it: whoever took it off died in between.
    let former = desk.identity("Email:former@example.com").key;
    assert!(local.store.identities.claim(&former, &bobby.id).await.unwrap());
    assert_eq!(delete(local, "Email", "former@example.com").code, 0);
    for identity in [&former, &email] {
        assert!(local.store.identities.suppression(identity).await.unwrap().is_some());
    }
    let nobody = delete(local, "Email", "nobody@example.com");
    assert_eq!((nobody.code, &nobody.printed[0]["suppressed"]), (1, &json!(1)));
    let key = desk.identity("Email:nobody@example.com").key;
    assert!(local.store.identities.suppression(&key).await.unwrap().is_some());
}

#[tokio::test]
async fn people_are_found_by_a_partners_id_for_as_long_as_it_is_stored() {
    let bank = crate::partner_ids::bank_with_prospects().await;
    crate::partner_ids::travel(&bank, "2026-02-02", "N-50,9\n").await;
    let local = &bank.flow.local;
    local.project.edit(
        "datasets/northlight_travel.yaml",
        "write_mode: replace",
        "write_mode: replace\nretention: {until: 2026-01-31}",
    );
    local.apply().await;
    let whom = ["--namespace", "NorthlightID", "--value", "N-50"];
    assert_eq!(local.tributary(&[&["profile", "show"][..], &whom].concat()).code, 1, "it is out of use");
    let key = bank.identity("NorthlightID", "N-50").await.key;
    assert_eq!(delete(local, "NorthlightID", "N-50").code, 0);
    assert!(local.store.identities.suppression(&key).await.unwrap().is_some());
}
