//! Bringing everything that is stored to today's forms, so that the steps from older ones can go.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};

use crate::item::{Item, Kind, lift, lift_where_it_lies, text};
use crate::{Error, Store};

/// Into how many segments a table is cut, all of which are worked on at once.
const SEGMENTS: i32 = 16;

/// What was found of one kind of items, and what became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Migrated {
    /// The number of today's form.
    pub form: u32,
    /// How many items there are.
    pub items: u64,
    /// How many were of an older form, and are of today's now.
    pub lifted: u64,
    /// How many were of an older form, and changed while they were looked at: whoever looks again finds them done, or does
    /// them.
    pub missed: u64,
}

impl Store {
    /// Brings every item of every table to today's form where it lies, and answers what there is, by kind. It may be done
    /// again, and beside everything else.
    ///
    /// # Errors
    /// Where a table cannot be read or written, or an item is of a form that this build does not know.
    pub async fn migrate(&self) -> Result<BTreeMap<&'static str, Migrated>, Error> {
        let mut all: BTreeMap<&'static str, Migrated> = BTreeMap::new();
        for table in [&self.profiles.table, &self.identities.table, &self.ledger.table] {
            let segments: Vec<_> = stream::iter(0..SEGMENTS)
                .map(|segment| self.migrate_segment(table, segment))
                .buffer_unordered(usize::try_from(SEGMENTS).unwrap_or(1))
                .try_collect()
                .await?;
            for (name, found) in segments.into_iter().flatten() {
                let sum = all.entry(name).or_default();
                sum.form = found.form;
                sum.items += found.items;
                sum.lifted += found.lifted;
                sum.missed += found.missed;
            }
        }
        Ok(all)
    }

    async fn migrate_segment(
        &self,
        table: &str,
        segment: i32,
    ) -> Result<BTreeMap<&'static str, Migrated>, Error> {
        let client = &self.profiles.client;
        let mut all: BTreeMap<&'static str, Migrated> = BTreeMap::new();
        let scan = client.scan().table_name(table).segment(segment).total_segments(SEGMENTS);
        let mut items = scan.into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item: Item = item.map_err(|error| Error::of("read a table as a whole", error))?;
            let kind = Kind::of(text(&item, "sk").unwrap_or_default());
            let sum = all.entry(kind.name).or_insert(Migrated { form: kind.form(), ..Migrated::default() });
            sum.items += 1;
            let mut lifted = item.clone();
            if lift(&mut lifted)? {
                match lift_where_it_lies(client, table, &item, &lifted).await? {
                    true => sum.lifted += 1,
                    false => sum.missed += 1,
                }
            }
        }
        Ok(all)
    }
}
