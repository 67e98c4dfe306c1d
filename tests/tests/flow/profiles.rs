//! What becomes of people: a partner's ID never links two of them, and two records of one person both stand.

use domain::batch::BatchStatus;

use crate::bank::{BOBBY, BOBBYS_ANSWER, Bank, answer, answer_of, customers};

#[tokio::test]
async fn two_customers_with_one_partner_id_stay_two_profiles_and_are_both_found_by_it() {
    let bank = Bank::open().await;
    let carlas = "carla.coin@example.com,N-1,over_1m,0.9,owner";
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, carlas])).await;
    let bobby = bank.profile("Email", "bobby.bank@example.com").await;
    let carla = bank.profile("Email", "carla.coin@example.com").await;
    assert_ne!(bobby.id, carla.id);
    let partner_id = bank.identity("NorthlightID", "N-1").await;
    for profile in [&bobby, &carla] {
        assert!(!profile.graph.identities.contains_key(&partner_id.key));
        assert!(profile.fragments.values().any(|fragment| fragment.partner_ids.contains(&partner_id)));
    }
    let identities = &bank.flow.local.store.identities;
    assert_eq!(identities.link(&partner_id.key).await.unwrap(), None);
    let mut found: Vec<_> = identities
        .references(&partner_id.key)
        .await
        .unwrap()
        .into_iter()
        .map(|reference| reference.profile)
        .collect();
    let mut expected = vec![bobby.id, carla.id];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_partner_id_that_changes_leaves_no_reference_behind() {
    let bank = Bank::open().await;
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER])).await;
    let renamed = BOBBYS_ANSWER.replace("N-1", "N-9");
    bank.flow.bring(&answer_of("2026-02-02"), &answer(&[&renamed])).await;
    let identities = &bank.flow.local.store.identities;
    let old = bank.identity("NorthlightID", "N-1").await;
    let new = bank.identity("NorthlightID", "N-9").await;
    assert_eq!(identities.references(&old.key).await.unwrap().len(), 0);
    assert_eq!(identities.references(&new.key).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_reference_that_is_renewed_after_it_was_seen_is_not_forgotten() {
    let bank = Bank::open().await;
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER])).await;
    let identities = &bank.flow.local.store.identities;
    let partner_id = bank.identity("NorthlightID", "N-1").await.key;
    let reference = identities.references(&partner_id).await.unwrap().remove(0);
    // Somebody is about to take the ID off the fragment, while a newer record brings it back.
    let seen = identities.see_reference(&partner_id, &reference).await.unwrap().expect("it is there");
    identities.refer(&partner_id, &reference).await.unwrap();
    identities.forget(&seen).await.unwrap();
    assert_eq!(identities.references(&partner_id).await.unwrap(), std::slice::from_ref(&reference));

    let seen = identities.see_reference(&partner_id, &reference).await.unwrap().expect("it is there");
    for _ in 0..2 {
        identities.forget(&seen).await.unwrap();
        assert_eq!(identities.references(&partner_id).await.unwrap(), []);
    }
    assert_eq!(identities.see_reference(&partner_id, &reference).await.unwrap(), None);
}

#[tokio::test]
async fn two_partner_records_for_two_emails_of_one_person_both_survive() {
    let bank = Bank::open().await;
    let moved = BOBBY.replace("bobby.bank@", "bobby@").replace("2026-01-01", "2026-01-02");
    bank.flow.bring("crm/moved.csv", &customers(&[&moved])).await;
    let second = "bobby@example.com,N-8,250k_to_500k,0.2,renter";
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, second])).await;
    let profile = bank.profile("Email", "bobby@example.com").await;
    assert_eq!(profile.id, bank.profile("Email", "bobby.bank@example.com").await.id);
    let partners =
        profile.fragments.keys().filter(|key| key.dataset.as_str() == "northlight_enrichment").count();
    assert_eq!(partners, 2);
    assert_eq!(profile.graph.identities.len(), 3, "one CRM ID and two e-mails");
}

#[tokio::test]
async fn an_email_of_another_customer_follows_the_newest_row_and_makes_nobody_two_people() {
    let bank = Bank::open().await;
    let mixed = "C-1,carla.coin@example.com,,Bobby,Bank,false,2019-05-01,1000.5,plus,2026-03-01T00:00:00Z";
    bank.flow.bring("crm/mixed.csv", &customers(&[mixed])).await;
    let (batch, counts) = bank.last_batch("crm_customers").await;
    assert_eq!(
        (batch.status, counts.ingested, counts.failed.len()),
        (BatchStatus::Success, 1, 0),
        "{counts:?}"
    );
    let (bobby, carla) = (bank.profile("CRMID", "C-1").await, bank.profile("CRMID", "C-2").await);
    assert_ne!(bobby.id, carla.id);
    assert_eq!(bobby.id, bank.profile("Email", "carla.coin@example.com").await.id);
    assert_eq!((bobby.graph.identities.len(), carla.graph.identities.len()), (3, 1));
    assert_eq!((bobby.graph.dropped.len(), carla.graph.dropped.len()), (1, 1), "both know what was dropped");
}

#[tokio::test]
async fn a_hashed_email_finds_the_profile_of_the_clear_one() {
    let bank = Bank::open().await;
    let hash = crate::bank::digest("bobby.bank@example.com");
    let hashed = bank.profile("Email_LC_SHA256", &hash).await;
    assert_eq!(hashed.id, bank.profile("Email", "Bobby.Bank@Example.com").await.id);
}
