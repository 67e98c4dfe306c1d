//! Who somebody is stands in their profile, and nowhere else.

use std::collections::BTreeSet;
use std::time::Duration;

use tests::deployed::{Kind, Trace, eventually};
use tests::example::{OWN, PARTNER, answer, answer_of, customers, digest};
use tests::graph_api::Fault;

use crate::bank::{Bank, DELIVERED_WITHIN, have_no_clear_text};

/// What could say who these people are, in any spelling.
const CLEAR: [&str; 5] = ["quixandra", "zorblatt", "wolfhelm", "15550109876", "15550105432"];

const QUIXANDRA: &str = "C-1,quixandra.zorblatt@example.com,+15550109876,Quixandra,Zorblatt,false,2019-05-01,1000.5,plus,2026-01-01T00:00:00Z";
const WOLFHELM: &str = "C-2,Wolfhelm@Example.com,+15550105432,Wolfhelm,Zorblatt,false,2019-05-01,1000.5,plus,2026-01-01T00:00:00Z";

/// Rows that are set aside, with somebody in every cell that can be wrong.
const BROKEN: [&str; 2] = [
    "C-3,no address of wolfhelm,+15550105432,Wolfhelm,Zorblatt,false,2019-05-01,1,plus,2026-01-01T00:00:00Z",
    "C-4,quixandra.zorblatt@example.com,+15550109876,Quixandra,Zorblatt,wolfhelm@example.com,wolfhelm@example.com,wolfhelm@example.com,wolfhelm@example.com,2026-01-01T00:00:00Z",
];

/// Logs as talkative as they get in production when somebody looks for a fault; a message that fails twice, ten seconds
/// apart, is a dead letter. Looking at a message counts, so that what is looked at has one try.
const PARAMETERS: [&str; 4] = ["LogLevel=debug", "MaxReceives=2", "IngestTimeout=10", "IngestVisibility=10"];

const WITHIN: Duration = Duration::from_secs(180);

#[tokio::test]
async fn no_clear_text_is_left_in_logs_messages_keys_and_records_of_what_was_done() {
    let bank = Bank::deploy(&PARAMETERS).await;
    let at = &bank.at;
    let queues = &at.store.deployment;
    let mut traces = Vec::new();
    let mut saw =
        |bodies: Vec<String>| traces.extend(bodies.into_iter().map(|body| Trace::new(Kind::Message, body)));

    // Nothing is in force yet: the notification ends as a dead letter.
    at.upload("crm/early.csv", customers(&[QUIXANDRA])).await;
    eventually("there is a dead letter", WITHIN, async || {
        (!at.dead_letters().await.is_empty()).then_some(())
    })
    .await;

    at.project.edit("datasets/crm_customers.yaml", "error_threshold: 5", "error_threshold: 60");
    at.apply();
    let (files, chunks) = (at.hold(at.inbox_queue()), at.hold(&queues.chunks_queue));
    at.upload("crm/customers.csv", customers(&[&[QUIXANDRA, WOLFHELM][..], &BROKEN[..]].concat())).await;
    saw(files.bodies(WITHIN).await);
    files.release();
    saw(chunks.bodies(WITHIN).await);
    chunks.release();
    let (_, counts) = bank.has_ingested(OWN, "crm/customers.csv", WITHIN).await;
    assert_eq!((counts.ingested, counts.all_failed()), (2, 2), "{counts:?}");
    let said = [
        "quixandra.zorblatt@example.com,N-1,over_1m,0.9,owner",
        "wolfhelm@example.com,N-2,over_1m,0.9,owner",
    ];
    bank.bring(PARTNER, &answer_of("2026-02-01"), answer(&said)).await;

    let (slices, wakes) = (at.hold(&queues.slices_queue), at.hold(&queues.wakes_queue));
    at.tributary(&["evaluate", "--now"]);
    saw(slices.bodies(WITHIN).await);
    slices.release();
    saw(wakes.bodies(WITHIN).await);
    wakes.release();
    let members = ["quixandra.zorblatt@example.com", "wolfhelm@example.com"].map(digest);
    bank.reaches_facebook(&BTreeSet::from(members)).await;

    // A call fails.
    bank.vendor.inject(Fault::ServerError { status: 503 });
    let moved = QUIXANDRA.replace("quixandra.zorblatt@", "zorblatt@").replace("2026-01-01", "2026-01-02");
    bank.bring(OWN, "crm/moved.csv", customers(&[&moved])).await;
    eventually("a failed call is written down", DELIVERED_WITHIN, async || {
        let items = at.items().await.into_iter();
        items.filter(|trace| trace.kind == Kind::DeliveryState).find(|trace| trace.text.contains("failed"))
    })
    .await;

    traces.extend(at.traces().await);
    for kind in Kind::ALL {
        assert!(traces.iter().any(|trace| trace.kind == kind), "nothing was left of {kind:?} to look at");
    }
    have_no_clear_text(&traces, &CLEAR);
}
