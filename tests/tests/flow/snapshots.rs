//! Snapshots: what the newest file lacks is gone, unless that is more than a person has allowed.

use domain::batch::{Approval, Batch, BatchStatus, Snapshot};
use domain::fragment::FragmentKey;
use jiff::Timestamp;
use tests::example::PARTNER;

use crate::bank::{BOBBYS_ANSWER, Bank, CARLAS_ANSWER, answer, answer_of};

const DORAS_ANSWER: &str = "dora.dime@example.com,N-3,under_100k,0.1,renter";

/// A bank whose partner sends everybody that it knows each time, and may take so many of a hundred away.
async fn bank(approve_above: u32) -> Bank {
    let bank = Bank::open().await;
    let mode = format!("write_mode: snapshot\napprove_above: {approve_above}");
    bank.flow.local.project.edit("datasets/northlight_enrichment.yaml", "write_mode: replace", &mode);
    bank.flow.local.apply().await;
    bank
}

/// Of whom the partner's word is stored.
async fn known(bank: &Bank) -> Vec<&'static str> {
    let people = ["bobby.bank@example.com", "carla.coin@example.com", "dora.dime@example.com"];
    let mut known = Vec::new();
    for email in people {
        let profile = bank.profile("Email", email).await;
        if profile.fragments.keys().any(|key| key.dataset.as_str() == PARTNER) {
            known.push(email.split('.').next().unwrap());
        }
    }
    known
}

#[tokio::test]
async fn what_the_newest_file_lacks_is_gone_and_so_is_its_partner_id() {
    let bank = bank(40).await;
    bank.flow.bring(&answer_of("2026-02-01"), answer(&[BOBBYS_ANSWER, CARLAS_ANSWER, DORAS_ANSWER])).await;
    bank.catch_up().await;
    assert_eq!((known(&bank).await, bank.hashes().len()), (vec!["bobby", "carla", "dora"], 1));

    bank.flow.bring(&answer_of("2026-02-02"), answer(&[CARLAS_ANSWER, DORAS_ANSWER])).await;
    let (batch, counts) = bank.last_batch(PARTNER).await;
    assert_eq!((batch.status, counts.removed, counts.unchanged), (BatchStatus::Success, 1, 2), "{batch:?}");
    assert_eq!(known(&bank).await, ["carla", "dora"]);
    let partner_id = bank.identity("NorthlightID", "N-1").await;
    assert!(bank.flow.local.store.identities.references(&partner_id.key).await.unwrap().is_empty());
    let bobby = bank.profile("Email", "bobby.bank@example.com").await;
    assert!(
        bobby.fragments.keys().all(|key| bobby.graph.fragments.contains(key)),
        "the list names all there is"
    );
    bank.catch_up().await;
    assert!(bank.hashes().is_empty(), "what was sent because of it is withdrawn");

    // The same again removes nothing more, and an older file that comes late brings nobody back.
    bank.flow.bring(&answer_of("2026-02-03"), answer(&[CARLAS_ANSWER, DORAS_ANSWER])).await;
    assert_eq!(bank.last_batch(PARTNER).await.1.removed, 0);
    bank.flow.bring(&answer_of("2026-02-01"), answer(&[BOBBYS_ANSWER])).await;
    assert_eq!(bank.last_batch(PARTNER).await.0.status, BatchStatus::Superseded);
    assert_eq!(known(&bank).await, ["carla", "dora"]);

    // Who is back is back.
    bank.flow.bring(&answer_of("2026-02-04"), answer(&[BOBBYS_ANSWER, CARLAS_ANSWER, DORAS_ANSWER])).await;
    assert_eq!(known(&bank).await, ["bobby", "carla", "dora"]);
    let store = &bank.flow.local.store;
    let lists = store.objects.list(&store.deployment.data, "snapshots/").await.unwrap();
    assert_eq!(lists.len(), 1, "only the list that stands is kept: {lists:?}");
}

#[tokio::test]
async fn more_than_the_stated_share_waits_for_a_person_with_no_profile_touched() {
    let bank = bank(10).await;
    bank.flow.bring(&answer_of("2026-02-01"), answer(&[BOBBYS_ANSWER, CARLAS_ANSWER])).await;
    bank.flow.bring(&answer_of("2026-02-02"), answer(&[DORAS_ANSWER])).await;
    let (batch, counts) = bank.last_batch(PARTNER).await;
    assert_eq!((batch.status, counts.ingested), (BatchStatus::NeedsApproval, 0), "{batch:?}");
    assert!(batch.reason.as_deref().unwrap().contains("2 of the 2 records"), "{batch:?}");
    assert_eq!(known(&bank).await, ["bobby", "carla"]);

    // The next one waits behind it, and messages that come again change nothing.
    bank.flow.bring(&answer_of("2026-02-03"), answer(&[DORAS_ANSWER, CARLAS_ANSWER])).await;
    let start = aws::Work::Start { dataset: PARTNER.parse().unwrap(), batch: batch.number };
    bank.flow.local.store.queues.send(aws::Queue::Chunks, std::slice::from_ref(&start)).await.unwrap();
    bank.flow.ingest().await;
    assert_eq!(bank.last_batch(PARTNER).await.0.status, BatchStatus::Waiting);
    assert_eq!(known(&bank).await, ["bobby", "carla"]);

    // Approved, as the command does it.
    let snapshot = batch.snapshot.clone().unwrap();
    let approved = Some(Approval { by: "mary".to_owned(), at: Timestamp::now() });
    let approved =
        Batch { status: BatchStatus::Waiting, snapshot: Some(Snapshot { approved, ..snapshot }), ..batch };
    let store = &bank.flow.local.store;
    assert!(store.ledger.put_batch(&approved, BatchStatus::NeedsApproval).await.unwrap());
    store.queues.send(aws::Queue::Chunks, &[start]).await.unwrap();
    bank.flow.ingest().await;
    let (last, counts) = bank.last_batch(PARTNER).await;
    assert_eq!(
        (last.status, counts.removed),
        (BatchStatus::Success, 0),
        "the one behind it has had its turn"
    );
    let approved =
        store.ledger.batch(Some(&PARTNER.parse().unwrap()), approved.number).await.unwrap().unwrap();
    assert_eq!(approved.status, BatchStatus::Success);
    assert_eq!(known(&bank).await, ["carla", "dora"]);
}

#[tokio::test]
async fn removal_can_be_repeated_and_spares_what_is_newer() {
    let mut bank = bank(100).await;
    bank.flow.twice = true;
    bank.flow.bring(&answer_of("2026-02-01"), answer(&[BOBBYS_ANSWER, CARLAS_ANSWER, DORAS_ANSWER])).await;
    // Somebody has written a record anew, as of a later day than the file that lacks it.
    let store = &bank.flow.local.store;
    let bobby = bank.profile("Email", "bobby.bank@example.com").await;
    let (key, fragment): (&FragmentKey, _) =
        bobby.fragments.iter().find(|(key, _)| key.dataset.as_str() == PARTNER).unwrap();
    let mut newer = fragment.clone();
    newer.token.time += 40 * 24 * 60 * 60 * 1_000;
    newer.version += 1;
    assert!(store.profiles.put_fragment(&bobby.id, key, &newer, Some(fragment.version)).await.unwrap());
    bank.flow.bring(&answer_of("2026-02-02"), answer(&[DORAS_ANSWER])).await;
    let (batch, counts) = bank.last_batch(PARTNER).await;
    assert_eq!((batch.status, counts.removed), (BatchStatus::Success, 1), "{batch:?}");
    assert_eq!(known(&bank).await, ["bobby", "dora"]);
}

#[tokio::test]
async fn a_row_that_is_set_aside_takes_nobody_away() {
    let bank = bank(100).await;
    bank.flow.local.project.edit(
        "datasets/northlight_enrichment.yaml",
        "error_threshold: 5",
        "error_threshold: 90",
    );
    bank.flow.local.apply().await;
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, CARLAS_ANSWER, DORAS_ANSWER])).await;

    // Bobby's row says something that cannot be, Dora is not in it.
    let broken = BOBBYS_ANSWER.replace("over_1m", "plenty");
    assert_ne!(broken, BOBBYS_ANSWER);
    bank.flow.bring(&answer_of("2026-02-02"), &answer(&[&broken, CARLAS_ANSWER])).await;
    let (batch, counts) = bank.last_batch(PARTNER).await;
    assert_eq!(
        (batch.status, counts.removed, counts.all_failed()),
        (BatchStatus::Success, 1, 1),
        "{batch:?}"
    );
    assert_eq!(known(&bank).await, ["bobby", "carla"]);

    // Of a row that does not say whom it is about nobody can tell that it is not Carla's.
    bank.flow
        .bring(&answer_of("2026-02-03"), &answer(&[BOBBYS_ANSWER, "nobody,N-2,over_1m,0.9,owner"]))
        .await;
    let (batch, counts) = bank.last_batch(PARTNER).await;
    assert_eq!((batch.status, counts.removed), (BatchStatus::NeedsApproval, 0), "{batch:?}");
    assert!(batch.reason.as_deref().unwrap().contains("1 rows that do not say"), "{batch:?}");
    assert_eq!(known(&bank).await, ["bobby", "carla"]);
}
