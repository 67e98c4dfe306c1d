//! `tributary privacy delete` and `status`, as people and programs run them.

use serde_json::{Value, json};
use tests::flow::Ran;

use crate::bank::{BOBBY, BOBBYS_ANSWER, Bank, CARLA, DORA, FACEBOOK, answer, answer_of, customers};
use crate::removal::items_with;

const BOBBYS_EMAIL: &str = "bobby.bank@example.com";

impl Bank {
    fn delete(&self, namespace: &str, value: &str, more: &[&str]) -> Ran {
        let whom = ["privacy", "delete", "--namespace", namespace, "--value", value];
        self.flow.local.tributary(&[&whom, more].concat())
    }

    /// How far a deletion is: the exit code, and what is told.
    fn status(&self, receipt: &Value) -> (i32, Value) {
        let ran = self.flow.local.tributary(&["privacy", "status", receipt["id"].as_str().unwrap()]);
        assert_nobody_is_named(&ran.text);
        (ran.code, ran.printed.into_iter().next().unwrap())
    }
}

fn assert_nobody_is_named(text: &str) {
    let lower = text.to_lowercase();
    for named in ["bobby", "carla", "@", "c-1", "c-2", "n-1"] {
        assert!(!lower.contains(named), "`{named}` is told: {text}");
    }
}

/// The only profile of a deletion.
fn sole(status: &Value) -> &Value {
    let profiles = status["profiles"].as_object().unwrap();
    assert_eq!(profiles.len(), 1, "{status}");
    profiles.values().next().unwrap()
}

#[tokio::test]
async fn a_deletion_is_told_step_by_step_until_its_receipt_is_closed() {
    let bank = Bank::with_a_member().await;
    let bobby = bank.profile("Email", BOBBYS_EMAIL).await;
    let asked = bank.delete("Email", BOBBYS_EMAIL, &["--reason", "request 4711"]);
    assert_nobody_is_named(&asked.text);
    let [receipt] = &asked.printed[..] else { panic!("one document is printed: {}", asked.text) };
    assert_eq!(
        (asked.code, &receipt["by"], &receipt["reason"], &receipt["suppressed"], &receipt["done"]),
        (0, &json!("dora"), &json!("request 4711"), &json!(bobby.graph.identities.len()), &json!(false))
    );
    let found = &receipt["found"][bobby.id.as_str()];
    assert_eq!(found["items"]["identities"], json!(bobby.graph.identities.len()));
    assert_eq!(found["items"]["fragments"], json!(2));
    assert_eq!(found["items"]["references of partner IDs"], json!(1));
    assert_eq!(found["delivered"].as_object().unwrap().keys().collect::<Vec<_>>(), [FACEBOOK]);
    assert_eq!(
        sole(receipt),
        &json!({"standing": [FACEBOOK], "unknown": [], "withdrawn": {}, "erased": null})
    );
    assert_eq!(receipt["goes"].as_object().unwrap().len(), 9, "what goes by itself has a day");

    // Whoever asks again, by whatever identity, is shown the same receipt.
    let again = bank.delete("CRMID", "C-1", &["--reason", "another request"]);
    assert_eq!((again.code, &again.printed[0]), (0, receipt));

    bank.flow.evaluate().await;
    assert_eq!(bank.status(receipt), (1, receipt.clone()), "it is not erased while it stands at a vendor");
    bank.flow.wake(FACEBOOK).await;
    assert!(bank.hashes().is_empty());
    let (code, withdrawn) = bank.status(receipt);
    let state = sole(&withdrawn);
    assert_eq!((code, &state["standing"], &state["erased"]), (1, &json!([]), &Value::Null));
    assert!(state["withdrawn"][FACEBOOK].is_string(), "{withdrawn}");

    bank.flow.evaluate().await;
    let (code, closed) = bank.status(receipt);
    assert_eq!((code, &closed["done"], &closed["found"]), (0, &json!(true), &receipt["found"]));
    let state = sole(&closed);
    assert!(state["erased"].is_string() && state["withdrawn"][FACEBOOK].is_string(), "{closed}");
    for (namespace, value) in [("Email", BOBBYS_EMAIL), ("CRMID", "C-1")] {
        let again = bank.delete(namespace, value, &[]);
        assert_eq!((again.code, &again.printed[0]), (0, &closed), "asked again by {namespace}");
    }
}

#[tokio::test]
async fn people_are_told_how_far_a_deletion_is_in_their_words() {
    let bank = Bank::with_a_member().await;
    let local = &bank.flow.local;
    let delete =
        ["privacy", "delete", "--namespace", "Email", "--value", BOBBYS_EMAIL, "--reason", "request 4711"];
    let (code, told) = local.tributary_tells(&delete);
    assert_eq!(code, 0, "{told}");
    let receipt = told.lines().next().unwrap().strip_prefix("receipt ").unwrap().to_owned();
    let status = || {
        let (code, told) = local.tributary_tells(&["privacy", "status", &receipt]);
        assert_nobody_is_named(&told);
        assert!(
            told.starts_with(&format!("receipt {receipt}\n")) && told.contains("by dora: request 4711"),
            "{told}"
        );
        (code, told)
    };
    let waits = |state: &str| {
        let (code, told) = status();
        assert_eq!((code, told.contains(state)), (1, true), "{told}");
    };
    assert_eq!(status(), (1, told.clone()), "the same is told when it is asked for");
    waits("being withdrawn from `prospects_to_facebook`");
    bank.catch_up().await;
    waits("withdrawn, erased by the next evaluation");
    waits("withdrawn from `prospects_to_facebook`: ");
    bank.flow.evaluate().await;
    let (code, told) = status();
    assert_eq!((code, told.contains(": erased ")), (0, true), "{told}");
}

#[tokio::test]
async fn an_identity_that_nobody_has_is_suppressed_all_the_same() {
    let bank = Bank::open().await;
    let asked = bank.delete("Email", "eva.euro@example.com", &[]);
    let receipt = &asked.printed[0];
    assert_eq!(
        (asked.code, &receipt["suppressed"], &receipt["profiles"], &receipt["found"]),
        (1, &json!(1), &json!({}), &json!({}))
    );
    assert!(receipt.get("reason").is_none() && !asked.text.contains("eva"), "{}", asked.text);
    assert_eq!(bank.status(receipt), (0, receipt.clone()), "nothing is left to be done");
    let again = bank.delete("Email", "Eva.Euro@example.com", &[]);
    assert_eq!((again.code, &again.printed[0]), (1, receipt));
    let eva = BOBBY.replace("C-1", "C-9").replace(BOBBYS_EMAIL, "eva.euro@example.com");
    bank.flow.bring("crm/eva.csv", &customers(&[BOBBY, CARLA, DORA, &eva])).await;
    let (_, counts) = bank.last_batch("crm_customers").await;
    assert_eq!((counts.received, counts.failed.get("suppressed")), (4, Some(&1)));
}

#[tokio::test]
async fn a_partners_id_that_is_on_several_people_deletes_nobody_unless_all_are_meant() {
    let bank = Bank::open().await;
    let carlas = "carla.coin@example.com,N-1,over_1m,0.9,owner";
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, carlas])).await;
    let delete = ["privacy", "delete", "--namespace", "NorthlightID", "--value"];
    for (value, told) in [
        (
            "N-1",
            "2 people have this partner's ID of namespace `NorthlightID`: name an identity of one of them, or say `--all`",
        ),
        ("N-77", "no profile has this partner's ID of namespace `NorthlightID`"),
    ] {
        let (code, found) = bank.flow.local.tributary_tells(&[&delete[..], &[value]].concat());
        assert_eq!((code, found.contains(told)), (1, true), "{found}");
    }
    let store = &bank.flow.local.store;
    let people = [bank.profile("CRMID", "C-1").await, bank.profile("CRMID", "C-2").await];
    assert!(people.iter().all(|person| person.graph.ending.is_none()), "nobody is deleted");

    let asked = bank.delete("NorthlightID", "N-1", &["--all"]);
    assert_eq!((asked.code, asked.printed[0]["profiles"].as_object().unwrap().len()), (0, 2));
    let id = asked.printed[0]["id"].as_str().unwrap();
    for person in &people {
        let graph = store.profiles.graph(&person.id).await.unwrap().unwrap();
        assert_eq!(graph.receipt(), Some(id));
    }
    bank.flow.evaluate().await;
    assert_eq!(bank.status(&asked.printed[0]).0, 0);
    assert_eq!(bank.profile("CRMID", "C-3").await.graph.ending, None);
}

#[tokio::test]
async fn what_cannot_be_looked_for_is_refused_without_repeating_the_value() {
    let bank = Bank::open().await;
    let delete = ["privacy", "delete", "--namespace"];
    for (arguments, told) in [
        (
            &["privacy", "status", "01KEXAMPLERECEPT0000000000"][..],
            "there is no receipt `01KEXAMPLERECEPT0000000000`",
        ),
        (
            &[&delete[..], &["Emial", "--value", "secret"]].concat(),
            "has no namespace `Emial`: expected one of `CRMID`",
        ),
        (&[&delete[..], &["ECID", "--value", "secret"]].concat(), "38"),
        (&["privacy", "delete", "--namespace", "Email"], "--value"),
    ] {
        let (code, found) = bank.flow.local.tributary_tells(arguments);
        assert_eq!((code, found.contains(told), found.contains("secret")), (2, true, false), "{found}");
    }
    assert_eq!(items_with(&bank.flow, &["receipt".to_owned()]).await, Vec::<String>::new());
}
