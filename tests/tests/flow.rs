//! Use case A on LocalStack, through the functions' own handlers.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

use domain::batch::BatchStatus;
use tests::flow::Flow;
use tests::graph_api::{GraphApi, Settings};

const FACEBOOK: &str = "prospects_to_facebook";

const CUSTOMERS: &str = "\
crm_id,email,phone,first_name,last_name,has_financial_advisor,account_opened,account_balance,tier,updated_at
C-1,bobby.bank@example.com,,Bobby,Bank,false,2019-05-01,1000.5,plus,2026-01-01T00:00:00Z
C-2,carla.coin@example.com,,Carla,Coin,true,2020-05-01,20,basic,2026-01-01T00:00:00Z
C-3,dora.dime@example.com,,Dora,Dime,false,2021-05-01,7,basic,2026-01-01T00:00:00Z
";

const ANSWER_HEADER: &str = "email,northlight_id,net_worth_band,recent_mortgage_likelihood,home_ownership\n";

fn answer(rows: &[&str]) -> String {
    format!("{ANSWER_HEADER}{}\n", rows.join("\n"))
}

/// A bank whose customers are in and whose Facebook is a stand-in.
async fn bank() -> (Flow, GraphApi) {
    let vendor = GraphApi::start(Settings::default()).unwrap();
    let flow = Flow::start().await;
    flow.local.point_facebook_at(&vendor.base_url());
    flow.local.apply().await;
    flow.bring("crm/customers.csv", CUSTOMERS).await;
    (flow, vendor)
}

fn emails(vendor: &GraphApi) -> Vec<String> {
    let members = vendor.audiences().into_iter().flat_map(|audience| audience.members);
    members.filter_map(|member| member.get("EMAIL").cloned()).collect()
}

fn digest(email: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(email.as_bytes()))
}

#[tokio::test]
async fn a_partners_answer_makes_members_at_the_vendor() {
    let (flow, vendor) = bank().await;
    flow.bring(
        "partners/northlight/answer-2026-02-01.csv",
        &answer(&[
            "Bobby.Bank@example.com,N-1,over_1m,0.9,owner",
            "carla.coin@example.com,N-2,over_1m,0.9,owner",
            "nobody@example.com,N-3,over_1m,0.9,owner",
        ]),
    )
    .await;
    let ledger = &flow.local.store.ledger;
    let batches = ledger.batches(Some(&"northlight_enrichment".parse().unwrap())).await.unwrap();
    let [batch] = batches.as_slice() else { panic!("{batches:?}") };
    assert_eq!(batch.status, BatchStatus::Success, "{batch:?}");
    let chunks = ledger.chunks(batch.number).await.unwrap();
    assert_eq!((chunks[0].counts.ingested, chunks[0].counts.unmatched), (2, 1), "{chunks:?}");

    flow.evaluate().await;
    flow.wake(FACEBOOK).await;
    assert_eq!(emails(&vendor), [digest("bobby.bank@example.com")]);
}
