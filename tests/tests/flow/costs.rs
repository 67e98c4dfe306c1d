//! What work costs in DynamoDB's units, on DynamoDB Local, which counts them as AWS does: the design's budgets.

use crate::bank::{BOBBY, BOBBYS_ANSWER, Bank, CARLA, CARLAS_ANSWER, DORA, answer, answer_of, customers};

const PARTNER: &str = "northlight_enrichment";
const OWN: &str = "crm_customers";

#[tokio::test]
async fn ingest_keeps_to_its_budget() {
    let bank = Bank::open().await;
    let new = bank.last_units(OWN).await;
    assert!(
        (3.0..=3.0 * 2.0).contains(&new.read) && (3.0 * 4.0..=3.0 * 5.0).contains(&new.write),
        "three new customers of two identities: {new:?}"
    );

    bank.flow.bring("crm/again.csv", &customers(&[BOBBY, CARLA, DORA])).await;
    let unchanged = bank.last_units(OWN).await;
    assert!(
        (3.0..=3.0 * 2.0).contains(&unchanged.read) && unchanged.write < 0.5,
        "three unchanged rows: {unchanged:?}"
    );

    let changed =
        [BOBBY, CARLA, DORA].map(|row| row.replace("2026-01-01", "2026-01-02").replace("basic", "plus"));
    bank.flow.bring("crm/changed.csv", &customers(&changed.each_ref().map(String::as_str))).await;
    let changed = bank.last_units(OWN).await;
    assert!(
        (3.0..=3.0 * 2.0).contains(&changed.read) && (3.0..3.5).contains(&changed.write),
        "three changed rows: {changed:?}"
    );

    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, CARLAS_ANSWER])).await;
    bank.flow.bring(&answer_of("2026-02-02"), &answer(&[BOBBYS_ANSWER, CARLAS_ANSWER])).await;
    let unchanged = bank.last_units(PARTNER).await;
    assert!(
        (2.0..=2.0 * 2.0).contains(&unchanged.read) && unchanged.write < 0.5,
        "two unchanged answers: {unchanged:?}"
    );

    let changed = [BOBBYS_ANSWER, CARLAS_ANSWER].map(|row| row.replace("0.9", "0.8"));
    bank.flow.bring(&answer_of("2026-02-03"), &answer(&changed.each_ref().map(String::as_str))).await;
    let changed = bank.last_units(PARTNER).await;
    assert!(
        (2.0..=2.0 * 2.0).contains(&changed.read) && (2.0..2.5).contains(&changed.write),
        "two changed answers: {changed:?}"
    );

    println!(
        "units per row: new customer {}/{}, changed {}/{}",
        new.read / 3.0,
        new.write / 3.0,
        changed.read / 2.0,
        changed.write / 2.0
    );
}
