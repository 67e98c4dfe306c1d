//! What the profiles' stream does by itself.

use std::collections::BTreeSet;

use tests::example::{BOBBY, BOBBYS_ANSWER, OWN, PARTNER, answer, answer_of, customers, digest};

use crate::bank::Bank;

#[tokio::test]
async fn a_changed_email_of_a_member_reaches_facebook_by_the_stream_alone() {
    let bank = Bank::deploy(&[]).await;
    bank.at.apply();
    bank.bring(OWN, "crm/customers.csv", customers(&[BOBBY])).await;
    bank.bring(PARTNER, &answer_of("2026-02-01"), answer(&[BOBBYS_ANSWER])).await;
    bank.at.evaluate();
    bank.reaches_facebook(&BTreeSet::from([digest("bobby.bank@example.com")])).await;

    let runs = bank.runs().await;
    let moved = BOBBY.replace("bobby.bank@", "bobby@").replace("2026-01-01", "2026-01-02");
    bank.bring(OWN, "crm/moved.csv", customers(&[&moved])).await;
    bank.reaches_facebook(&BTreeSet::from([digest("bobby@example.com")])).await;
    assert_eq!(bank.runs().await, runs, "nothing was evaluated in between");
}
