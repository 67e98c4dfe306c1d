//! The sorted keys of those whom a snapshot is about, in parts that are read one at a time.

use std::collections::VecDeque;

use aws::Store;
use domain::identity::IdentityKey;
use domain::name::DatasetName;

use crate::handler::Failure;

/// How many keys a part has at most: a few megabytes.
pub const PART_KEYS: usize = 100_000;

/// Where the lists of a dataset's batches lie in the bucket of data.
pub(super) fn folder(dataset: &DatasetName) -> String {
    format!("snapshots/{dataset}/")
}

/// The key of a part of a batch's list.
pub fn key(dataset: &DatasetName, batch: u64, part: u32) -> String {
    format!("{}{batch:012}/{part:06}.keys", folder(dataset))
}

/// The batch of whose list an object is a part.
pub(super) fn batch_of(key: &str) -> Option<u64> {
    key.split('/').nth(2)?.parse().ok()
}

/// Writes keys, one a line.
pub fn write(keys: &[IdentityKey]) -> Vec<u8> {
    keys.iter().flat_map(|key| [key.as_str(), "\n"]).collect::<String>().into_bytes()
}

/// Reads what [`write`] wrote.
///
/// # Errors
/// Where a line is no key.
pub(super) fn read(lines: &[u8]) -> Result<Vec<IdentityKey>, Failure> {
    let text = std::str::from_utf8(lines)?;
    Ok(text.lines().map(str::parse).collect::<Result<_, _>>()?)
}

/// The keys of one batch, in order.
pub(super) struct Keys<'a> {
    store: &'a Store,
    dataset: &'a DatasetName,
    batch: u64,
    parts: std::ops::Range<u32>,
    ahead: VecDeque<IdentityKey>,
}

impl<'a> Keys<'a> {
    pub(super) fn of(store: &'a Store, dataset: &'a DatasetName, batch: u64, parts: u32) -> Keys<'a> {
        Keys { store, dataset, batch, parts: 0..parts, ahead: VecDeque::new() }
    }

    /// The next key, which stays the next.
    pub(super) async fn peek(&mut self) -> Result<Option<&IdentityKey>, Failure> {
        while self.ahead.is_empty() {
            let Some(part) = self.parts.next() else { break };
            let name = key(self.dataset, self.batch, part);
            let lines = self.store.objects.read(&self.store.deployment.data, &name).await?;
            // To go on without it would be to remove nobody, or everybody.
            let lines = lines.ok_or_else(|| format!("a list of batch {} is gone: `{name}`", self.batch))?;
            self.ahead.extend(read(&lines)?);
        }
        Ok(self.ahead.front())
    }

    pub(super) async fn next(&mut self) -> Result<Option<IdentityKey>, Failure> {
        self.peek().await?;
        Ok(self.ahead.pop_front())
    }
}

/// The keys of several batches, in order and each once.
pub(super) struct Union<'a> {
    all: Vec<Keys<'a>>,
}

impl<'a> Union<'a> {
    pub(super) fn of(all: Vec<Keys<'a>>) -> Union<'a> {
        Union { all }
    }

    pub(super) async fn next(&mut self) -> Result<Option<IdentityKey>, Failure> {
        let mut least: Option<IdentityKey> = None;
        for keys in &mut self.all {
            if let Some(key) = keys.peek().await?
                && least.as_ref().is_none_or(|least| key < least)
            {
                least = Some(key.clone());
            }
        }
        for keys in &mut self.all {
            if keys.peek().await? == least.as_ref() {
                keys.next().await?;
            }
        }
        Ok(least)
    }
}
