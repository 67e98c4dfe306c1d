//! Snapshots: the rows of a file are all that there is of its dataset, and a record that the newest file lacks is gone.
//!
//! The checking pass leaves the sorted keys of those whom a file is about. When it is the batch's turn, they are held
//! against those of the snapshots that stand, and what is missing is cut into chunks, which are applied beside those of
//! rows. Removing is conditional: a record that is newer than the snapshot stays. Every step can be repeated, since
//! nobody else moves what stands while the batch holds its dataset's lease.

use std::collections::BTreeSet;

use aws::{Chunk, ChunkKey, Progress};
use domain::batch::{Batch, BatchStatus, Counts, Lacks, Snapshot};
use domain::dataset::Dataset;
use domain::fragment::{FragmentKey, OrderToken};
use domain::identity::{IdentityKey, ProfileId};
use domain::name::DatasetName;
use futures::{StreamExt, TryStreamExt, stream};
use tracing::info;

use crate::apply::{ROWS_AT_ONCE, STEP_ROWS};
use crate::check::order_token;
use crate::handler::{Failure, Ingest};
use crate::staging::{self, CHUNK_ROWS};

mod keys;

use keys::{Keys, Union};
pub use keys::{PART_KEYS, key, write};

/// How often a record is removed anew where somebody else writes to its profile at the same moment.
const MOST_RACES: u32 = 10;

impl Ingest {
    /// Holds a snapshot whose turn it is against what stands, and has its chunks, and those of what it lacks, applied.
    /// Answers with the batch as it is then; nothing, where a person has to approve it first.
    pub(crate) async fn compare(
        &self,
        dataset: &Dataset,
        mut batch: Batch,
    ) -> Result<Option<Batch>, Failure> {
        let ledger = &self.store.ledger;
        let Some(snapshot) = batch.snapshot.clone() else { return Ok(Some(batch)) };
        let standing = ledger.standing(&dataset.name).await?;
        let others = standing.batches.iter().copied().filter(|other| *other != batch.number);
        let (lacks, chunks) = self.cut_missing(&batch, &snapshot, others.collect()).await?;
        let snapshot = Snapshot { lacks: Some(lacks), ..snapshot };
        let why = snapshot.asks_for_approval(dataset.approve_above);
        batch.snapshot = Some(snapshot);
        if let Some(why) = why {
            batch.status = BatchStatus::NeedsApproval;
            batch.reason = Some(format!(
                "{why} (`tributary batch approve {} {}`, or `batch abandon`)",
                dataset.name, batch.number
            ));
            info!(batch = batch.number, dataset = %dataset.name, "A snapshot waits for approval.");
            ledger.put_batch(&batch, BatchStatus::Waiting).await?;
            return Ok(None);
        }
        if !standing.batches.contains(&batch.number) {
            let batches = standing.batches.iter().copied().chain([batch.number]).collect();
            if !ledger.put_standing(&dataset.name, batches, standing.version).await? {
                return Err("another worker takes the batch's turn".into());
            }
        }
        batch.chunks += chunks;
        batch.remaining = batch.chunks;
        batch.status = BatchStatus::Applying;
        if ledger.put_batch(&batch, BatchStatus::Waiting).await? {
            return Ok(Some(batch));
        }
        // Somebody else has taken its turn, or it was given up.
        Ok(Some(ledger.batch(Some(&dataset.name), batch.number).await?.ok_or("there is no such batch")?))
    }

    /// Cuts what a snapshot lacks of others into chunks, after those of its rows. Says how many.
    async fn cut_missing(
        &self,
        batch: &Batch,
        snapshot: &Snapshot,
        others: Vec<u64>,
    ) -> Result<(Lacks, u32), Failure> {
        let dataset = batch.dataset.as_ref().ok_or("the batch has no dataset")?;
        let mut before = Vec::new();
        for number in others {
            let other = self.store.ledger.batch(Some(dataset), number).await?;
            let parts = other.and_then(|other| other.snapshot).map_or(0, |snapshot| snapshot.parts);
            before.push(Keys::of(&self.store, dataset, number, parts));
        }
        let mut before = Union::of(before);
        let mut now = Keys::of(&self.store, dataset, batch.number, snapshot.parts);
        let mut lacks = Lacks { of: 0, missing: 0 };
        let (mut chunks, mut missing) = (0, Vec::new());
        while let Some(stands) = before.next().await? {
            lacks.of += 1;
            while now.peek().await?.is_some_and(|next| *next < stands) {
                now.next().await?;
            }
            if now.peek().await? == Some(&stands) {
                continue;
            }
            lacks.missing += 1;
            missing.push(stands);
            if missing.len() == CHUNK_ROWS {
                self.stage_missing(dataset, batch, chunks, std::mem::take(&mut missing)).await?;
                chunks += 1;
            }
        }
        if !missing.is_empty() {
            self.stage_missing(dataset, batch, chunks, missing).await?;
            chunks += 1;
        }
        Ok((lacks, chunks))
    }

    async fn stage_missing(
        &self,
        dataset: &DatasetName,
        batch: &Batch,
        chunk: u32,
        missing: Vec<IdentityKey>,
    ) -> Result<(), Failure> {
        let key = ChunkKey { dataset: dataset.clone(), batch: batch.number, chunk: batch.chunks + chunk };
        let name = staging::key(dataset, batch.number, key.chunk);
        let bucket = &self.store.deployment.data;
        self.store.objects.write(bucket, &name, write(&missing), "text/plain").await?;
        let rows = missing.len().try_into().unwrap_or(u64::MAX);
        self.store.ledger.put_chunk(&key, &Chunk { rows, removes: true, ..Chunk::default() }).await?;
        Ok(())
    }

    /// Removes what is left of a chunk of records that a snapshot lacks.
    pub(crate) async fn remove(
        &self,
        batch: &Batch,
        key: &ChunkKey,
        mut chunk: Chunk,
    ) -> Result<(), Failure> {
        let name = staging::key(&key.dataset, key.batch, key.chunk);
        let staged = self.store.objects.read(&self.store.deployment.data, &name).await?;
        let missing =
            keys::read(&staged.ok_or("the staged keys of the chunk are gone: upload the file again")?)?;
        // Whatever is of this batch, or a newer one, stays.
        let token = order_token(batch.time, batch.number, 0);
        self.take_units();
        let offset = usize::try_from(chunk.offset).unwrap_or(usize::MAX);
        let steps: Vec<_> = missing.get(offset..).unwrap_or_default().chunks(STEP_ROWS).collect();
        for (index, step) in steps.iter().enumerate() {
            let from = chunk.offset;
            let removed: Vec<bool> = stream::iter(*step)
                .map(|primary| self.remove_record(&key.dataset, primary, token))
                .buffer_unordered(ROWS_AT_ONCE)
                .try_collect()
                .await?;
            let removed = removed.into_iter().filter(|is_removed| *is_removed).count();
            chunk
                .counts
                .add(&Counts { removed: removed.try_into().unwrap_or(u64::MAX), ..Counts::default() });
            chunk.units = chunk.units.plus(self.take_units());
            chunk.offset += u64::try_from(step.len()).unwrap_or_default();
            chunk.done = index + 1 == steps.len();
            if !self.store.ledger.note_progress(key, &Progress { from, chunk: chunk.clone() }).await? {
                return Err("another worker has gone on with the chunk".into());
            }
        }
        info!(batch = key.batch, chunk = key.chunk, dataset = %key.dataset, removed = chunk.counts.removed, "What a snapshot lacks is removed.");
        self.end_turn(&key.dataset, key.batch).await
    }

    /// Removes what a dataset says of a primary identity, unless it is as new as a token. Says whether somebody is known
    /// by that identity of whom the dataset says nothing any more: it is so again when it is done again.
    async fn remove_record(
        &self,
        dataset: &DatasetName,
        primary: &IdentityKey,
        token: OrderToken,
    ) -> Result<bool, Failure> {
        let key = FragmentKey { dataset: dataset.clone(), primary: primary.clone() };
        for _ in 0..MOST_RACES {
            let mut removals = Vec::new();
            for profile in self.holders(primary).await? {
                removals.push(self.remove_fragment(&profile, &key, token).await?);
            }
            if !removals.contains(&Removal::Raced) {
                return Ok(removals.contains(&Removal::Gone));
            }
        }
        Err("too many writers changed one record at once: it is removed later".into())
    }

    /// The profiles that may hold records of a primary identity: whose it is, or, of a partner's ID, who holds it.
    async fn holders(&self, primary: &IdentityKey) -> Result<BTreeSet<ProfileId>, Failure> {
        let identities = &self.store.identities;
        let named = match identities.link(primary).await? {
            Some(profile) => BTreeSet::from([profile]),
            None => {
                identities.references(primary).await?.into_iter().map(|reference| reference.profile).collect()
            }
        };
        let mut holders = BTreeSet::new();
        for profile in &named {
            let Some((profile, graph)) = self.store.live(profile).await? else { continue };
            // What a profile has become part of may not have been brought yet.
            holders.extend(graph.arriving);
            holders.insert(profile);
        }
        Ok(holders)
    }

    /// Removes a fragment, and what was said by the partner IDs that go with it.
    async fn remove_fragment(
        &self,
        profile: &ProfileId,
        key: &FragmentKey,
        token: OrderToken,
    ) -> Result<Removal, Failure> {
        let Some(fragment) = self.store.profiles.fragment(profile, key).await? else {
            return Ok(Removal::Gone);
        };
        if fragment.token >= token {
            return Ok(Removal::Stays);
        }
        if !self.store.remove_fragment(profile, key, &fragment).await? {
            return Ok(Removal::Raced);
        }
        if !fragment.partner_ids.is_empty() {
            self.store.let_go(profile).await?;
        }
        Ok(Removal::Gone)
    }

    /// Has a snapshot that was applied stand for its dataset alone: what it lacked of those before it is gone.
    pub(crate) async fn stand_alone(&self, batch: &Batch) -> Result<(), Failure> {
        let Some(dataset) = batch.dataset.as_ref().filter(|_| batch.snapshot.is_some()) else {
            return Ok(());
        };
        let is_applied = matches!(batch.status, BatchStatus::Applying | BatchStatus::Success);
        let standing = self.store.ledger.standing(dataset).await?;
        // One that was given up leaves what it has brought; one that is told again has others after it.
        if !is_applied || standing.batches.last() != Some(&batch.number) {
            return Ok(());
        }
        self.store.ledger.put_standing(dataset, vec![batch.number], standing.version).await?;
        self.delete_lists(dataset, batch.number).await
    }

    /// Deletes the lists of batches that have ended besides the one that stands.
    async fn delete_lists(&self, dataset: &DatasetName, stands: u64) -> Result<(), Failure> {
        let bucket = &self.store.deployment.data;
        for name in self.store.objects.list(bucket, &keys::folder(dataset)).await? {
            let Some(number) = keys::batch_of(&name).filter(|number| *number != stands) else { continue };
            let batch = self.store.ledger.batch(Some(dataset), number).await?;
            if batch.is_some_and(|batch| batch.status.has_ended()) {
                self.store.objects.delete(bucket, &name).await?;
            }
        }
        Ok(())
    }
}

/// What became of removing a record from a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Removal {
    /// It is not there any more.
    Gone,
    /// It is newer, and stays.
    Stays,
    /// Somebody else wrote in between.
    Raced,
}
