//! What reaches a vendor: exactly what is wanted, whatever changes, dies or is repeated in between.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::delivery::{Intent, Operation, OutcomeResult, SourceHash};
use jiff::{SignedDuration, Timestamp};
use tests::graph_api::Fault;

use crate::bank::{
    BOBBY, BOBBYS_ANSWER, Bank, CARLAS_ANSWER, FACEBOOK, answer, answer_of, customers, digest,
};

const BOBBYS_EMAIL: &str = "bobby.bank@example.com";
const FILE: &str = "prospects_to_file";
const REFUSED: &str = "prospects_to_email";

/// Longer than the lease of the tests' worker.
const LEASE_OVER: Duration = Duration::from_millis(3_300);

fn of(emails: &[&str]) -> BTreeSet<String> {
    emails.iter().map(|email| digest(email)).collect()
}

async fn exports(bank: &Bank, prefix: &str) -> Vec<String> {
    let store = &bank.flow.local.store;
    store.objects.list(&store.deployment.exports, prefix).await.unwrap()
}

#[tokio::test]
async fn members_are_sent_once_and_those_who_leave_are_withdrawn() {
    let bank = Bank::with_a_member().await;
    let delivery = bank.delivery(BOBBYS_EMAIL, FACEBOOK).await;
    assert!(!delivery.dirty && delivery.sent.is_some() && delivery.intent.is_none(), "{delivery:?}");
    let calls = bank.calls();
    bank.catch_up().await;
    assert_eq!(bank.calls(), calls, "nothing has changed");
    let poor = BOBBYS_ANSWER.replace("over_1m", "under_100k");
    bank.flow.bring(&answer_of("2026-02-02"), &answer(&[&poor])).await;
    bank.catch_up().await;
    assert_eq!(bank.hashes(), BTreeSet::new());
}

#[tokio::test]
async fn a_changed_email_of_a_member_replaces_its_hash() {
    let bank = Bank::with_a_member().await;
    let moved = BOBBY.replace("bobby.bank@", "bobby@").replace("2026-01-01", "2026-01-02");
    bank.flow.bring("crm/moved.csv", &customers(&[&moved])).await;
    bank.catch_up().await;
    assert_eq!(bank.hashes(), of(&["bobby@example.com"]));
}

#[tokio::test]
async fn credentials_are_missing_where_there_is_no_secret_or_no_value_in_it() {
    let bank = Bank::open().await;
    let secrets = &bank.flow.local.store.secrets;
    let client = aws_sdk_secretsmanager::Client::new(&bank.flow.local.config);
    let make = |name| client.create_secret().name(secrets.name_of_destination(name));
    make("empty").send().await.unwrap();
    make("doomed").secret_string("{}").send().await.unwrap();
    client.delete_secret().secret_id(secrets.name_of_destination("doomed")).send().await.unwrap();
    for (name, is_there) in [("facebook", true), ("empty", false), ("doomed", false), ("never-made", false)] {
        assert_eq!(secrets.has_destination(name).await.unwrap(), is_there, "{name}");
        assert_eq!(secrets.destination(name).await.is_ok(), is_there, "{name}");
    }
}

#[tokio::test]
async fn a_mark_that_lands_while_a_call_is_under_way_stays() {
    let bank = Bank::with_a_member().await;
    let profiles = &bank.flow.local.store.profiles;
    let profile = bank.profile("Email", BOBBYS_EMAIL).await.id;
    let dataflow = FACEBOOK.parse().unwrap();
    profiles.mark(&profile, &dataflow, Timestamp::now()).await.unwrap();
    let before = bank.delivery(BOBBYS_EMAIL, FACEBOOK).await;
    let sent = before.sent.clone().unwrap();
    let intent = Intent {
        attempt: "first".into(),
        operation: Operation::Add,
        cells: sent.cells.clone(),
        source: sent.source.clone(),
        deadline: Timestamp::now().saturating_add(SignedDuration::from_secs(60)).unwrap(),
        receipt: None,
    };
    assert!(profiles.intend(&profile, &dataflow, None, &intent).await.unwrap());
    profiles.mark(&profile, &dataflow, Timestamp::now()).await.unwrap();
    let outcome = domain::delivery::Outcome {
        at: Timestamp::now(),
        result: OutcomeResult::Delivered { operation: Operation::Add },
    };
    let settlement = aws::Settlement {
        attempt: Some("first"),
        sent: Some(&sent),
        outcome: &outcome,
        failures: 0,
        done: true,
        generation: before.generation,
        due: Timestamp::now(),
        keep_intent: false,
    };
    assert!(profiles.settle(&profile, &dataflow, &settlement).await.unwrap());
    let after = bank.delivery(BOBBYS_EMAIL, FACEBOOK).await;
    assert!(after.dirty && after.intent.is_none(), "{after:?}");
}

#[tokio::test]
async fn what_changes_while_a_call_is_under_way_is_delivered_too() {
    let bank = Bank::open().await;
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER])).await;
    bank.flow.evaluate().await;
    bank.vendor.inject(Fault::HangAfterProcessing);
    let moved = BOBBY.replace("bobby.bank@", "bobby@").replace("2026-01-01", "2026-01-02");
    let moved = customers(&[&moved]);
    tokio::join!(bank.flow.wake(FACEBOOK), bank.flow.bring("crm/moved.csv", &moved));
    bank.flow.evaluate().await;
    tokio::time::sleep(LEASE_OVER).await;
    bank.flow.wake(FACEBOOK).await;
    assert_eq!(bank.hashes(), of(&["bobby@example.com"]));
}

#[tokio::test]
async fn a_worker_that_dies_between_call_and_outcome_is_made_good_where_calls_may_be_repeated() {
    let bank = Bank::open().await;
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER])).await;
    bank.flow.evaluate().await;
    bank.vendor.inject(Fault::HangAfterProcessing);
    // The worker is dropped where it stands: after the vendor has done its part, before it has said so.
    let death = async {
        while bank.hashes().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! { () = bank.flow.wake(FACEBOOK) => panic!("the worker survived"), () = death => {} }
    let left = bank.delivery(BOBBYS_EMAIL, FACEBOOK).await;
    assert!(left.intent.is_some() && left.sent.is_none(), "{left:?}");

    bank.flow.wake(FACEBOOK).await;
    assert!(bank.delivery(BOBBYS_EMAIL, FACEBOOK).await.sent.is_none(), "a successor waits for the deadline");
    tokio::time::sleep(LEASE_OVER).await;
    bank.flow.wake(FACEBOOK).await;
    assert!(bank.delivery(BOBBYS_EMAIL, FACEBOOK).await.sent.is_some());
    assert_eq!(bank.hashes(), of(&[BOBBYS_EMAIL]));
}

#[tokio::test]
async fn where_a_call_may_not_be_repeated_its_fate_stays_unknown_for_a_person_to_decide() {
    let bank = Bank::open().await;
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER])).await;
    bank.flow.evaluate().await;
    let profiles = &bank.flow.local.store.profiles;
    let profile = bank.profile("Email", BOBBYS_EMAIL).await.id;
    let dataflow = FILE.parse().unwrap();
    // What a worker leaves that died after its call: an intent, and no outcome.
    let cells = [("northlight_id".to_owned(), "N-1".to_owned())].into();
    let intent = Intent {
        attempt: "lost".into(),
        operation: Operation::Add,
        source: SourceHash::of(&cells),
        cells,
        deadline: Timestamp::now(),
        receipt: None,
    };
    assert!(profiles.intend(&profile, &dataflow, None, &intent).await.unwrap());
    bank.flow.wake(FILE).await;
    for _ in 0..2 {
        let delivery = bank.delivery(BOBBYS_EMAIL, FILE).await;
        let outcome = delivery.outcome.map(|outcome| outcome.result);
        assert_eq!(outcome, Some(OutcomeResult::Unknown { attempt: "lost".into() }));
        assert!(!delivery.dirty && delivery.sent.is_none() && delivery.intent.is_some());
        bank.flow.evaluate().await;
        bank.flow.wake(FILE).await;
    }
    assert_eq!(exports(&bank, "agency/").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_policy_enabled_after_delivery_holds_additions_and_lets_exits_pass() {
    let bank = Bank::with_a_member().await;
    let policy = "description: nothing of Northlight leaves any more\nstatus: ENABLED\nmarketing_actions: [Cross Site Targeting]\ndeny: {label: Third-Party}\n";
    std::fs::write(bank.flow.local.project.path().join("policies/stop.yaml"), policy).unwrap();
    bank.flow.local.apply().await;
    let doras = "dora.dime@example.com,N-4,over_1m,0.95,owner";
    bank.flow.bring(&answer_of("2026-02-02"), &answer(&[BOBBYS_ANSWER, doras])).await;
    bank.catch_up().await;
    assert_eq!(bank.hashes(), of(&[BOBBYS_EMAIL]), "nobody is added, and nobody is withdrawn");
    let held = bank.delivery("dora.dime@example.com", FACEBOOK).await;
    let Some(OutcomeResult::Held { reason }) = held.outcome.map(|outcome| outcome.result) else {
        panic!("not held")
    };
    assert!(reason.contains("`stop`"), "{reason}");
    let kept = bank.flow.local.store.ledger.refusals(&FACEBOOK.parse().unwrap()).await.unwrap();
    assert!(kept.iter().any(|record| record.during == "delivery"), "{kept:?}");

    let poor = BOBBYS_ANSWER.replace("over_1m", "under_100k");
    bank.flow.bring(&answer_of("2026-02-03"), &answer(&[&poor, doras])).await;
    bank.catch_up().await;
    assert_eq!(bank.hashes(), BTreeSet::new(), "exits pass");

    std::fs::remove_file(bank.flow.local.project.path().join("policies/stop.yaml")).unwrap();
    bank.flow.local.apply().await;
    bank.catch_up().await;
    assert_eq!(bank.hashes(), of(&["dora.dime@example.com"]), "what was held goes once it may");
}

#[tokio::test]
async fn a_member_by_a_definition_that_is_not_in_force_any_more_is_not_sent_before_the_next_evaluation() {
    let bank = Bank::open().await;
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER])).await;
    bank.flow.evaluate().await;
    // Bobby was chosen by what Northlight says, and is marked. Now the audience asks the bank alone.
    let path = bank.flow.local.project.path().join("audiences/high_earning_homeowner_prospects.yaml");
    std::fs::write(path, "title: Prospects\ndescription: by tier\nexpression: tier = \"private\"\n").unwrap();
    bank.flow.local.apply().await;
    bank.flow.wake(FACEBOOK).await;
    assert_eq!(bank.hashes(), BTreeSet::new());
    bank.catch_up().await;
    assert_eq!(bank.hashes(), BTreeSet::new());
    let delivery = bank.delivery(BOBBYS_EMAIL, FACEBOOK).await;
    assert!(!delivery.dirty && delivery.sent.is_none(), "{delivery:?}");
}

#[tokio::test]
async fn a_member_without_anything_to_send_is_set_aside_with_its_reason() {
    let bank = Bank::open().await;
    bank.flow.local.project.edit(
        "dataflows/prospects_to_facebook.yaml",
        "EMAIL: {identity: Email}",
        "PHONE: {identity: Phone_E.164}",
    );
    bank.flow.local.apply().await;
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER])).await;
    bank.catch_up().await;
    let delivery = bank.delivery(BOBBYS_EMAIL, FACEBOOK).await;
    assert!(matches!(delivery.outcome.map(|outcome| outcome.result), Some(OutcomeResult::SetAside { .. })));
}

#[tokio::test]
async fn a_new_dataflow_on_an_old_audience_delivers_its_members_without_a_new_file() {
    let vendorless = Bank::open().await;
    let path = vendorless.flow.local.project.path().join("dataflows/prospects_to_file.yaml");
    let dataflow = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    vendorless.flow.local.apply().await;
    vendorless.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER])).await;
    vendorless.flow.evaluate().await;
    std::fs::write(&path, dataflow).unwrap();
    vendorless.flow.local.apply().await;
    vendorless.flow.evaluate().await;
    vendorless.flow.wake(FILE).await;
    let files = exports(&vendorless, "agency/").await;
    let [csv, _manifest] = files.as_slice() else { panic!("{files:?}") };
    let store = &vendorless.flow.local.store;
    let content = store.objects.read(&store.deployment.exports, csv).await.unwrap().unwrap();
    let content = String::from_utf8(content).unwrap();
    assert!(
        content.contains("N-1") && content.contains(&digest(BOBBYS_EMAIL)) && !content.contains('@'),
        "{content}"
    );
}

#[tokio::test]
async fn a_record_for_which_the_vendor_refuses_the_whole_request_costs_itself_only() {
    let bank = Bank::open().await;
    let doras = "dora.dime@example.com,N-4,over_1m,0.95,owner";
    bank.vendor.refuse_requests_with(&digest("dora.dime@example.com"));
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, doras])).await;
    bank.catch_up().await;
    assert_eq!(bank.hashes(), of(&[BOBBYS_EMAIL]));
    let refused = bank.delivery("dora.dime@example.com", FACEBOOK).await;
    assert!(!refused.dirty && refused.sent.is_none() && refused.intent.is_none(), "{refused:?}");
    let Some(OutcomeResult::SetAside { reason, .. }) = refused.outcome.map(|outcome| outcome.result) else {
        panic!("not set aside")
    };
    assert!(reason.starts_with("refused_alone: add: Meta refuses"), "{reason}");

    let seen = bank.vendor.seen().len();
    bank.catch_up().await;
    assert_eq!(bank.vendor.seen().len(), seen, "nobody asks again");
}

#[tokio::test]
async fn a_dataflow_taken_out_of_the_project_withdraws_what_it_sent() {
    let bank = Bank::with_a_member().await;
    std::fs::remove_file(bank.flow.local.project.path().join("dataflows/prospects_to_facebook.yaml"))
        .unwrap();
    bank.flow.local.apply().await;
    bank.catch_up().await;
    assert_eq!(bank.hashes(), BTreeSet::new());
}

#[tokio::test]
async fn the_refused_dataflow_sends_nothing_and_says_why() {
    let bank = Bank::open().await;
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, CARLAS_ANSWER])).await;
    bank.flow.evaluate().await;
    bank.flow.wake(REFUSED).await;
    assert_eq!(exports(&bank, "newsletter/").await, Vec::<String>::new());
    let held = bank.delivery(BOBBYS_EMAIL, REFUSED).await;
    assert!(matches!(held.outcome.map(|outcome| outcome.result), Some(OutcomeResult::Held { .. })));
    let refusals = bank.flow.local.store.ledger.refusals(&REFUSED.parse().unwrap()).await.unwrap();
    let causes: Vec<String> = refusals.iter().map(|record| record.refusal.cause.to_string()).collect();
    assert!(causes.iter().any(|cause| cause.contains("contract with partner `northlight`")), "{causes:?}");
    assert!(
        causes.iter().any(|cause| cause.contains("policy `partner_data_no_personalisation`")),
        "{causes:?}"
    );
    for record in &refusals {
        assert!(!record.refusal.lineage.is_empty());
    }
}

#[tokio::test]
async fn a_vendor_that_asks_for_patience_or_falls_over_loses_nobody() {
    let bank = Bank::open().await;
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER])).await;
    bank.flow.evaluate().await;
    bank.vendor.inject(Fault::ServerError { status: 503 });
    bank.flow.wake(FACEBOOK).await;
    let failed = bank.delivery(BOBBYS_EMAIL, FACEBOOK).await;
    assert!(failed.dirty && failed.sent.is_none(), "{failed:?}");
    assert!(matches!(failed.outcome.map(|outcome| outcome.result), Some(OutcomeResult::Failed { .. })));
    let profiles = &bank.flow.local.store.profiles;
    let profile = bank.profile("Email", BOBBYS_EMAIL).await.id;
    profiles.put_off(&profile, &FACEBOOK.parse().unwrap(), Timestamp::now()).await.unwrap();
    bank.flow.wake(FACEBOOK).await;
    assert_eq!(bank.hashes(), of(&[BOBBYS_EMAIL]));
}
