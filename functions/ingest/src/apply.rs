//! Applying a chunk: its rows become fragments, in steps of which each is accounted for once.

use aws::{Chunk, ChunkKey, Progress, Units};
use domain::batch::{BatchStatus, Counts};
use domain::ingest::Intake;
use domain::profile::day_number;
use domain::removal::is_over;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use tracing::info;

use crate::check::order_token;
use crate::handler::{Failure, Ingest};
use crate::quarantine::{self, Line, code};
use crate::row::{Applier, Outcome};
use crate::staging::{self, StagedRow};

/// How many rows are applied between two notes of progress. A worker that dies repeats at most so many.
pub(crate) const STEP_ROWS: usize = 250;

/// How many rows are applied at a time.
pub(crate) const ROWS_AT_ONCE: usize = 32;

impl Ingest {
    /// Applies what is left of a chunk.
    pub(crate) async fn apply(&self, key: &ChunkKey) -> Result<(), Failure> {
        let ledger = &self.store.ledger;
        let batch = ledger.batch(Some(&key.dataset), key.batch).await?.ok_or("there is no such batch")?;
        let mut chunk = ledger.chunk(key).await?.ok_or("there is no such chunk")?;
        if chunk.done || batch.status != BatchStatus::Applying {
            return self.end_turn(&key.dataset, key.batch).await;
        }
        if chunk.removes {
            return self.remove(&batch, key, chunk).await;
        }
        let in_force =
            self.store.catalogue().await?.ok_or("no catalogue is in force: apply a project first")?;
        let catalogue = &in_force.catalogue;
        let dataset = catalogue.datasets.get(&key.dataset);
        let dataset =
            dataset.ok_or_else(|| format!("dataset `{}` is not in the catalogue any more", key.dataset))?;
        let schema =
            catalogue.schemas.get(&dataset.schema).ok_or("the dataset's schema is not in the catalogue")?;
        let keyring = self.keyring().await?;
        let now = Timestamp::now();
        let intake = Intake::new(catalogue, dataset, schema, keyring);
        // Its end may have come while the chunk waited, or was put aside: people are not linked by its word any more.
        let applier = (!is_over(catalogue, dataset, day_number(now), now))
            .then(|| Applier::new(&self.store, &intake, dataset, keyring, now));

        let name = staging::key(&key.dataset, key.batch, key.chunk);
        let staged = self.store.objects.read(&self.store.deployment.data, &name).await?;
        let rows =
            staging::read(&staged.ok_or("the staged rows of the chunk are gone: upload the file again")?)?;
        self.take_units();
        let offset = usize::try_from(chunk.offset).unwrap_or(usize::MAX);
        let left = rows.get(offset..).unwrap_or_default();
        let steps = left.chunks(STEP_ROWS).collect::<Vec<_>>();
        for (index, step) in steps.iter().enumerate() {
            let from = chunk.offset;
            let part = format!("apply-{:06}-{from:06}", key.chunk);
            let counts =
                self.apply_step(applier.as_ref(), &intake, key, &chunk, step, batch.time, &part).await?;
            chunk.counts.add(&counts);
            chunk.units = chunk.units.plus(self.take_units());
            chunk.offset += u64::try_from(step.len()).unwrap_or_default();
            chunk.done = index + 1 == steps.len();
            if !ledger.note_progress(key, &Progress { from, chunk: chunk.clone() }).await? {
                return Err("another worker has gone on with the chunk".into());
            }
        }
        info!(batch = key.batch, chunk = key.chunk, dataset = %key.dataset, rows = chunk.rows, "A chunk is applied.");
        self.end_turn(&key.dataset, key.batch).await
    }

    #[expect(clippy::too_many_arguments, reason = "a step is of one chunk, whose parts these are")]
    async fn apply_step(
        &self,
        applier: Option<&Applier<'_>>,
        intake: &Intake<'_>,
        key: &ChunkKey,
        chunk: &Chunk,
        rows: &[StagedRow],
        batch_time: Timestamp,
        part: &str,
    ) -> Result<Counts, Failure> {
        let wanted = rows.iter().filter(|row| !chunk.skip.contains(&row.row));
        let outcomes: Vec<(StagedRow, Outcome)> = stream::iter(wanted)
            .map(|row| async move {
                let token = order_token(row.time.unwrap_or(batch_time), key.batch, row.row);
                let outcome = match (applier, intake.record(row.attributes.clone(), token)) {
                    (None, _) => over(),
                    (Some(applier), Ok(record)) => applier.apply(&record).await?,
                    (Some(_), Err(error)) => Outcome::SetAside(code::of(&error), error.to_string()),
                };
                Ok::<_, Failure>((row.clone(), outcome))
            })
            .buffer_unordered(ROWS_AT_ONCE)
            .try_collect()
            .await?;
        let mut counts = Counts::default();
        let mut set_aside = Vec::new();
        for (row, outcome) in outcomes {
            if let Some((code, reason)) = count(&mut counts, outcome) {
                set_aside.push(Line::of(row, code, reason));
            }
        }
        if !set_aside.is_empty() {
            set_aside.sort_by_key(|line| line.row);
            let name = quarantine::key(&key.dataset, key.batch, part);
            let content = quarantine::write(&set_aside)?;
            self.store
                .objects
                .write(&self.store.deployment.data, &name, content, "application/x-ndjson")
                .await?;
        }
        Ok(counts)
    }

    pub(crate) fn take_units(&self) -> Units {
        self.store.profiles.take_units().plus(self.store.identities.take_units())
    }
}

fn over() -> Outcome {
    let reason =
        "the dataset is past its last day, or its partner's contract: nothing of it is kept any more";
    Outcome::SetAside(code::OVER, reason.to_owned())
}

/// Counts what became of a row, and says why where it was set aside.
fn count(counts: &mut Counts, outcome: Outcome) -> Option<(&'static str, String)> {
    match outcome {
        Outcome::Ingested { created } => {
            counts.ingested += 1;
            counts.created += u64::from(created);
            counts.matched += u64::from(!created);
            None
        }
        Outcome::Unchanged => {
            counts.unchanged += 1;
            counts.matched += 1;
            None
        }
        Outcome::Older => {
            counts.older += 1;
            counts.matched += 1;
            None
        }
        Outcome::Unmatched => {
            counts.unmatched += 1;
            Some((code::UNMATCHED, "no profile has any of the row's identities".to_owned()))
        }
        Outcome::SetAside(code, reason) => {
            *counts.failed.entry(code.to_owned()).or_default() += 1;
            Some((code, reason))
        }
    }
}
