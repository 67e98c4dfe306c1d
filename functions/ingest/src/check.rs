//! The checking pass: one reading of an object that checks every row, decides duplicates, stages what is accepted
//! and sets aside what is not. No profile is touched.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Read;

use aws::{ChunkKey, InForce, Object, Queue};
use domain::batch::{Batch, BatchStatus, Counts, Snapshot};
use domain::catalogue::Catalogue;
use domain::dataset::{Dataset, WriteMode};
use domain::fragment::OrderToken;
use domain::identity::{IdentityKey, Keyring};
use domain::ingest::Intake;
use domain::profile::day_number;
use domain::removal::is_over;
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use records::{HeaderError, Reader, Row};
use tokio::sync::mpsc;
use tokio_util::io::SyncIoBridge;
use tracing::info;

use crate::handler::{Failure, Ingest};
use crate::message::{Arrival, Work};
use crate::quarantine::{self, Line, code};
use crate::snapshot::{self, PART_KEYS};
use crate::staging::{self, CHUNK_ROWS, StagedRow};

/// How many set-aside rows a part of the quarantine has at most.
const PART_ROWS: usize = 5_000;

/// How many parts may wait to be written while the file is read on.
const PARTS_AHEAD: usize = 2;

/// What the checking pass hands over to be written.
enum Part {
    Accepted { chunk: u32, rows: Vec<StagedRow> },
    SetAside { part: u32, rows: Vec<Line> },
    Keys { part: u32, keys: Vec<IdentityKey> },
}

/// What the checking pass found.
struct Checked {
    counts: Counts,
    /// The rows of each chunk that later rows have taken the place of, and how many rows each chunk has.
    chunks: BTreeMap<u32, (u64, BTreeSet<u64>)>,
    /// Whom the rows are about, where they are all that there is.
    snapshot: Option<Snapshot>,
}

/// Why a file cannot be checked to its end.
#[derive(Debug)]
enum Unreadable {
    /// The file says so: it fails as a whole.
    File(String),
    /// The reading failed: it is tried again.
    Source(std::io::Error),
}

impl Ingest {
    /// Opens the batch of an object that has arrived, and checks it.
    ///
    /// An object that arrives again, by a repeated notification, is found where it is: what was left of its steps is
    /// done, and nothing twice.
    pub(crate) async fn check(&self, arrival: &Arrival) -> Result<(), Failure> {
        let in_force =
            self.store.catalogue().await?.ok_or("no catalogue is in force: apply a project first")?;
        let object =
            self.store.objects.open(&arrival.bucket, &arrival.key, arrival.version.as_deref()).await?;
        let version = match (&arrival.version, &object) {
            (Some(version), _) => version.clone(),
            (None, Some(object)) => object.version.clone(),
            (None, None) => "null".to_owned(),
        };
        let number = self.store.ledger.batch_number(&arrival.bucket, &arrival.key, &version).await?;
        let dataset = in_force.catalogue.dataset_of_key(&arrival.key);
        let batch = self.open(number, arrival, version, &in_force.catalogue, object.as_ref()).await?;
        info!(batch = number, dataset = ?batch.dataset, status = %batch.status, "A batch is open.");
        match (batch.status, dataset, object) {
            (BatchStatus::Checking, Some(dataset), Some(object)) => {
                self.check_object(&in_force, dataset, batch, object).await
            }
            (BatchStatus::Waiting | BatchStatus::Applying, Some(dataset), _) => {
                let start = Work::Start { dataset: dataset.name.clone(), batch: number };
                Ok(self.store.queues.send(Queue::Chunks, &[start]).await?)
            }
            (BatchStatus::Checking, ..) => {
                let reason =
                    "the object, or its dataset, went away while it was being checked: upload it again";
                let failed = Batch {
                    status: BatchStatus::Failed,
                    reason: Some(reason.to_owned()),
                    ended: Some(Timestamp::now()),
                    ..batch
                };
                self.store.ledger.put_batch(&failed, BatchStatus::Checking).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The batch of an object: the one that is in the ledger, or a new one.
    async fn open(
        &self,
        number: u64,
        arrival: &Arrival,
        version: String,
        catalogue: &Catalogue,
        object: Option<&Object>,
    ) -> Result<Batch, Failure> {
        let now = Timestamp::now();
        let dataset = catalogue.dataset_of_key(&arrival.key);
        let arrived = object.map_or(now, |object| object.modified);
        let time = dataset.map_or(Ok(arrived), |dataset| batch_time(dataset, &arrival.key, arrived));
        let is_over = |dataset| is_over(catalogue, dataset, day_number(now), now);
        let refusal = match (&time, dataset, object) {
            (_, None, _) => Some(
                "no dataset's prefix begins the key of the object: put it under one, or add a dataset"
                    .to_owned(),
            ),
            (_, _, None) => Some("the object, or this version of it, is gone: upload it again".to_owned()),
            (Err(reason), ..) => Some(reason.clone()),
            (_, Some(dataset), _) if is_over(dataset) => Some(format!(
                "dataset `{}` is past its last day, or its partner's contract: nothing of it is kept any more",
                dataset.name
            )),
            _ => None,
        };
        let batch = Batch {
            number,
            dataset: dataset.map(|dataset| dataset.name.clone()),
            bucket: arrival.bucket.clone(),
            key: arrival.key.clone(),
            version,
            bytes: object.map_or(0, |object| object.bytes),
            time: time.unwrap_or(arrived),
            opened: now,
            ended: refusal.is_some().then_some(now),
            status: if refusal.is_some() { BatchStatus::Failed } else { BatchStatus::Checking },
            reason: refusal,
            checked: Counts::default(),
            chunks: 0,
            remaining: 0,
            snapshot: None,
        };
        if self.store.ledger.open_batch(&batch).await? {
            return Ok(batch);
        }
        let known = self.store.ledger.batch(batch.dataset.as_ref(), number).await?;
        Ok(known.ok_or("a batch went away while it was opened")?)
    }

    async fn check_object(
        &self,
        in_force: &InForce,
        dataset: &Dataset,
        mut batch: Batch,
        object: Object,
    ) -> Result<(), Failure> {
        let checker = Checker {
            in_force: in_force.clone(),
            dataset: dataset.clone(),
            keyring: self.keyring().await?.clone(),
            number: batch.number,
            time: batch.time,
        };
        let (parts, mut written) = mpsc::channel(PARTS_AHEAD);
        let body = SyncIoBridge::new(object.body.into_async_read());
        let checking = tokio::task::spawn_blocking(move || checker.run(body, &parts));
        while let Some(part) = written.recv().await {
            self.write(dataset, batch.number, part).await?;
        }
        match checking.await? {
            Err(Unreadable::Source(error)) => return Err(error.into()),
            Err(Unreadable::File(reason)) => {
                batch.status = BatchStatus::Failed;
                batch.reason = Some(reason);
            }
            Ok(checked) => self.conclude(dataset, &mut batch, checked).await?,
        }
        batch.ended = batch.status.has_ended().then(Timestamp::now);
        if self.store.ledger.put_batch(&batch, BatchStatus::Checking).await? {
            info!(
                batch = batch.number,
                dataset = %dataset.name,
                status = %batch.status,
                rows.received = batch.checked.received,
                rows.failed = batch.checked.all_failed(),
                "A batch is checked."
            );
        }
        if batch.status == BatchStatus::Waiting {
            let start = Work::Start { dataset: dataset.name.clone(), batch: batch.number };
            self.store.queues.send(Queue::Chunks, &[start]).await?;
        }
        Ok(())
    }

    async fn write(&self, dataset: &Dataset, batch: u64, part: Part) -> Result<(), Failure> {
        let (key, content) = match part {
            Part::Keys { part, keys } => (snapshot::key(&dataset.name, batch, part), snapshot::write(&keys)),
            Part::Accepted { chunk, rows } => {
                (staging::key(&dataset.name, batch, chunk), staging::write(&rows)?)
            }
            Part::SetAside { part, rows } => (
                quarantine::key(&dataset.name, batch, &format!("check-{part:06}")),
                quarantine::write(&rows)?,
            ),
        };
        let bucket = &self.store.deployment.data;
        Ok(self.store.objects.write(bucket, &key, content, "application/x-ndjson").await?)
    }

    /// Judges a checked file by its error threshold, and writes its chunks where it passes.
    async fn conclude(&self, dataset: &Dataset, batch: &mut Batch, checked: Checked) -> Result<(), Failure> {
        batch.checked = checked.counts;
        batch.snapshot = checked.snapshot;
        let duplicates = batch.checked.failed.get(code::DUPLICATE).copied().unwrap_or_default();
        let failed = batch.checked.all_failed() - duplicates;
        let share = percent(failed, batch.checked.received);
        if share > dataset.error_threshold {
            batch.status = BatchStatus::Failed;
            batch.reason = Some(format!(
                "{failed} of {} rows failed their checks, {share:.1} %: the dataset allows {} %",
                batch.checked.received, dataset.error_threshold
            ));
            return Ok(());
        }
        for (chunk, (rows, skip)) in checked.chunks {
            let key = ChunkKey { dataset: dataset.name.clone(), batch: batch.number, chunk };
            self.store.ledger.put_chunk(&key, &aws::Chunk { rows, skip, ..aws::Chunk::default() }).await?;
            batch.chunks += 1;
        }
        batch.remaining = batch.chunks;
        batch.status = BatchStatus::Waiting;
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of rows needs no more than 2^53 of them")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// The time that a batch's rows stand for: as the object's name tells it where the dataset says how, else when the
/// object arrived.
fn batch_time(dataset: &Dataset, key: &str, arrived: Timestamp) -> Result<Timestamp, String> {
    let Some(pattern) = dataset.files().and_then(|files| files.file_time.as_ref()) else {
        return Ok(arrived);
    };
    let name = key.rsplit('/').next().unwrap_or(key);
    let refuse = || format!("the object's name does not tell its time: expected a name like `{pattern}`");
    let parsed = strtime::parse(pattern, name).map_err(|_| refuse())?;
    if let Ok(time) = parsed.to_timestamp() {
        return Ok(time);
    }
    let day = parsed.to_datetime().or_else(|_| parsed.to_date().map(|date| date.at(0, 0, 0, 0)));
    let zoned = day.map_err(|_| refuse())?.to_zoned(TimeZone::UTC).map_err(|_| refuse())?;
    Ok(zoned.timestamp())
}

/// Checks the rows of one file.
struct Checker {
    in_force: InForce,
    dataset: Dataset,
    keyring: Keyring,
    number: u64,
    time: Timestamp,
}

/// Where the row of a primary identity that stands so far is.
struct Standing {
    token: OrderToken,
    line: u64,
    chunk: u32,
}

/// What is gathered while a file is read.
struct Gathering<'a> {
    parts: &'a mpsc::Sender<Part>,
    checked: Checked,
    standing: HashMap<IdentityKey, Standing>,
    /// Of a snapshot, whom rows are about that were set aside, and how many do not say.
    set_aside_of: HashSet<IdentityKey>,
    unread: u64,
    is_snapshot: bool,
    accepted: Vec<StagedRow>,
    chunk: u32,
    set_aside: Vec<Line>,
    part: u32,
}

impl Checker {
    fn run(&self, source: impl Read, parts: &mpsc::Sender<Part>) -> Result<Checked, Unreadable> {
        let catalogue = &self.in_force.catalogue;
        let schema = catalogue.schemas.get(&self.dataset.schema);
        let schema =
            schema.ok_or_else(|| Unreadable::File("the dataset's schema is not in the catalogue".into()))?;
        let intake = Intake::new(catalogue, &self.dataset, schema, &self.keyring);
        let reader = Reader::new(source, &self.dataset, schema).map_err(|error| match error {
            HeaderError::Read(error) => Unreadable::Source(error),
            refused => Unreadable::File(refused.to_string()),
        })?;
        let mut gathering = Gathering {
            parts,
            checked: Checked { counts: Counts::default(), chunks: BTreeMap::new(), snapshot: None },
            standing: HashMap::new(),
            set_aside_of: HashSet::new(),
            unread: 0,
            is_snapshot: self.dataset.write_mode == WriteMode::Snapshot,
            accepted: Vec::new(),
            chunk: 0,
            set_aside: Vec::new(),
            part: 0,
        };
        for row in reader {
            gathering.checked.counts.received += 1;
            match row.map_err(Unreadable::Source)? {
                Ok(row) => self.take(&intake, row, &mut gathering)?,
                Err(rejected) => {
                    gathering.note_refused(intake.primary(&rejected.primary));
                    gathering.set_aside(Line::rejected(rejected))?;
                }
            }
        }
        gathering.end()
    }

    fn take(&self, intake: &Intake<'_>, row: Row, gathering: &mut Gathering<'_>) -> Result<(), Unreadable> {
        let token = order_token(row.time.unwrap_or(self.time), self.number, row.number);
        let staged =
            StagedRow { row: row.number, line: row.line, time: row.time, attributes: row.attributes };
        match intake.record(staged.attributes.clone(), token) {
            Err(error) => {
                gathering.note_refused(intake.primary(&staged.attributes));
                gathering.set_aside(Line::of(staged, code::of(&error), error.to_string()))
            }
            Ok(record) => {
                let row = StagedRow { attributes: record.attributes, ..staged };
                gathering.accept(record.primary.key, token, row)
            }
        }
    }
}

/// The token of a row.
pub(crate) fn order_token(time: Timestamp, batch: u64, row: u64) -> OrderToken {
    OrderToken { time: u64::try_from(time.as_millisecond()).unwrap_or_default(), batch, row }
}

impl Gathering<'_> {
    /// Stages a row, unless a row about the same primary identity that was read before is newer.
    fn accept(&mut self, primary: IdentityKey, token: OrderToken, row: StagedRow) -> Result<(), Unreadable> {
        if let Some(standing) = self.standing.get(&primary) {
            if standing.token > token {
                let reason =
                    format!("the row on line {} is about the same primary identity and newer", standing.line);
                return self.set_aside(Line::of(row, code::DUPLICATE, reason));
            }
            let replaced = Line {
                line: standing.line,
                row: standing.token.row,
                code: code::DUPLICATE.to_owned(),
                reason: format!("the row on line {} is about the same primary identity and newer", row.line),
                raw: None,
                attributes: None,
            };
            let chunk = self.checked.chunks.entry(standing.chunk).or_default();
            chunk.1.insert(standing.token.row);
            self.set_aside(replaced)?;
        }
        self.standing.insert(primary, Standing { token, line: row.line, chunk: self.chunk });
        self.checked.chunks.entry(self.chunk).or_default().0 += 1;
        self.accepted.push(row);
        if self.accepted.len() == CHUNK_ROWS {
            self.hand_over_accepted()?;
        }
        Ok(())
    }

    /// Notes whom a row that cannot be used is about: a snapshot does not lack them.
    fn note_refused(&mut self, primary: Option<IdentityKey>) {
        match primary {
            _ if !self.is_snapshot => {}
            Some(primary) => {
                self.set_aside_of.insert(primary);
            }
            None => self.unread += 1,
        }
    }

    fn set_aside(&mut self, line: Line) -> Result<(), Unreadable> {
        *self.checked.counts.failed.entry(line.code.clone()).or_default() += 1;
        self.set_aside.push(line);
        if self.set_aside.len() == PART_ROWS {
            self.hand_over_set_aside()?;
        }
        Ok(())
    }

    fn hand_over_accepted(&mut self) -> Result<(), Unreadable> {
        let rows = std::mem::take(&mut self.accepted);
        let part = Part::Accepted { chunk: self.chunk, rows };
        self.chunk += 1;
        self.hand_over(part)
    }

    fn hand_over_set_aside(&mut self) -> Result<(), Unreadable> {
        let rows = std::mem::take(&mut self.set_aside);
        let part = Part::SetAside { part: self.part, rows };
        self.part += 1;
        self.hand_over(part)
    }

    /// Hands over whom the rows are about, in the order of their keys. These are in memory for the sake of duplicates.
    fn hand_over_keys(&mut self) -> Result<Snapshot, Unreadable> {
        let mut keys: Vec<IdentityKey> = std::mem::take(&mut self.standing).into_keys().collect();
        keys.extend(std::mem::take(&mut self.set_aside_of));
        keys.sort_unstable();
        keys.dedup();
        let mut snapshot = Snapshot {
            keys: keys.len().try_into().unwrap_or(u64::MAX),
            unread: self.unread,
            parts: 0,
            lacks: None,
            approved: None,
        };
        for keys in keys.chunks(PART_KEYS) {
            self.hand_over(Part::Keys { part: snapshot.parts, keys: keys.to_vec() })?;
            snapshot.parts += 1;
        }
        Ok(snapshot)
    }

    /// Waits while too much is on its way to be written already, so that memory does not grow with the file.
    fn hand_over(&self, part: Part) -> Result<(), Unreadable> {
        self.parts
            .blocking_send(part)
            .map_err(|_| Unreadable::Source(std::io::Error::other("what was read could not be written")))
    }

    fn end(mut self) -> Result<Checked, Unreadable> {
        if !self.accepted.is_empty() {
            self.hand_over_accepted()?;
        }
        if !self.set_aside.is_empty() {
            self.hand_over_set_aside()?;
        }
        if self.is_snapshot {
            self.checked.snapshot = Some(self.hand_over_keys()?);
        }
        Ok(self.checked)
    }
}
