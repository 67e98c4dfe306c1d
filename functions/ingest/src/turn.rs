//! When a batch is applied: datasets whose rows have no times of their own apply one batch at a time, in order.

use aws::{ChunkKey, Lease, Queue, Watermark};
use domain::batch::BatchStatus;
use domain::dataset::WriteMode;
use domain::name::DatasetName;
use jiff::Timestamp;
use tracing::info;

use crate::handler::{Failure, Ingest};
use crate::message::Work;

impl Ingest {
    /// Takes a checked batch's turn: hands its chunks out if it is its turn, leaves it waiting if another batch is
    /// being applied, sets it aside if a newer one was.
    pub(crate) async fn take_turn(&self, dataset: &DatasetName, number: u64) -> Result<(), Failure> {
        let ledger = &self.store.ledger;
        let mut batch = ledger.batch(Some(dataset), number).await?.ok_or("there is no such batch")?;
        match batch.status {
            status if status.has_ended() => return self.end_turn(dataset, number).await,
            // It holds the lease, until a person says what is to become of it.
            BatchStatus::NeedsApproval => return Ok(()),
            _ => {}
        }
        let in_force =
            self.store.catalogue().await?.ok_or("no catalogue is in force: apply a project first")?;
        let known = in_force.catalogue.datasets.get(dataset);
        let known = known.ok_or_else(|| format!("dataset `{dataset}` is not in the catalogue any more"))?;
        if known.files().is_none_or(|files| files.row_time.is_none()) {
            match ledger.acquire(dataset, Watermark { time: batch.time, batch: number }).await? {
                Lease::Held => {}
                Lease::Waiting => {
                    info!(batch = number, %dataset, "A batch waits for an earlier one to end.");
                    return Ok(());
                }
                Lease::Superseded(newer) => {
                    let reason = format!(
                        "batch {} of {} was applied before it, and this one stands for {}: rows have no times of their own that could tell which are newer",
                        newer.batch, newer.time, batch.time
                    );
                    let (from, to) = (BatchStatus::Waiting, BatchStatus::Superseded);
                    ledger
                        .move_batch(Some(dataset), number, from, to, Some(&reason), Timestamp::now())
                        .await?;
                    info!(batch = number, %dataset, "A batch is superseded.");
                    return self.start_next(dataset).await;
                }
            }
        }
        if known.write_mode == WriteMode::Snapshot && batch.status == BatchStatus::Waiting {
            match self.compare(known, batch).await? {
                Some(compared) => batch = compared,
                None => return Ok(()),
            }
        }
        let (from, to) = (BatchStatus::Waiting, BatchStatus::Applying);
        if !ledger.move_batch(Some(dataset), number, from, to, None, Timestamp::now()).await?
            && ledger.batch(Some(dataset), number).await?.is_none_or(|batch| batch.status.has_ended())
        {
            // Given up, or ended, between the two looks at it: the lease goes to the next.
            return self.end_turn(dataset, number).await;
        }
        if batch.chunks == 0 {
            return self.end_turn(dataset, number).await;
        }
        let chunks: Vec<Work> = (0..batch.chunks)
            .map(|chunk| Work::Chunk(ChunkKey { dataset: dataset.clone(), batch: number, chunk }))
            .collect();
        Ok(self.store.queues.send(Queue::Chunks, &chunks).await?)
    }

    /// Ends a batch whose every chunk is applied, or that was given up, and starts the next one. Doing it again changes nothing.
    pub(crate) async fn end_turn(&self, dataset: &DatasetName, number: u64) -> Result<(), Failure> {
        let ledger = &self.store.ledger;
        let batch = ledger.batch(Some(dataset), number).await?.ok_or("there is no such batch")?;
        if batch.remaining > 0 && !batch.status.has_ended() {
            return Ok(());
        }
        let (from, to) = (BatchStatus::Applying, BatchStatus::Success);
        if ledger.move_batch(Some(dataset), number, from, to, None, Timestamp::now()).await? {
            info!(batch = number, %dataset, "A batch is applied.");
        }
        self.stand_alone(&batch).await?;
        ledger.release(dataset, number).await?;
        self.start_next(dataset).await
    }

    async fn start_next(&self, dataset: &DatasetName) -> Result<(), Failure> {
        if let Some(next) = self.store.ledger.waiting(dataset).await?.first() {
            let start = Work::Start { dataset: dataset.clone(), batch: next.batch };
            self.store.queues.send(Queue::Chunks, &[start]).await?;
        }
        Ok(())
    }
}
