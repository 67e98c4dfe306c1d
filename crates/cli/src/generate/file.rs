//! One file on its way: people go in, rows with their fates come out, and are counted.

use anyhow::Result;
use domain::name::AudienceName;
use domain::value::Object;

use super::audiences::Part;
use super::breakage::{Breakage, breakages};
use super::person::Person;
use super::plan::Fate;
use super::record::{Maker, Record};
use super::sink::Sink;
use super::summary::Summary;
use super::{Common, Setting};

/// A file that is being written.
pub(crate) struct File<'a> {
    common: &'a Common,
    setting: &'a Setting<'a>,
    maker: Maker<'a>,
    breakages: Vec<Breakage>,
    sink: Sink,
    summary: Summary,
}

impl<'a> File<'a> {
    /// Begins a file with about so many rows.
    pub(crate) fn begin(common: &'a Common, setting: &'a Setting<'a>, total: u64) -> Result<File<'a>> {
        let maker = Maker::of(setting.catalogue, setting.dataset, setting.schema)?;
        let sink = Sink::open(&common.out, maker.columns().iter().map(|column| column.name), total)?;
        let summary = Summary {
            file: common.out.display().to_string(),
            dataset: setting.dataset.name.clone(),
            seed: common.seed,
            round: common.shares.round,
            rows: 0,
            bytes: 0,
            matched: 0,
            unmatched: 0,
            duplicates: 0,
            broken: Default::default(),
            changed: 0,
            asked: None,
            expected: None,
        };
        Ok(File { common, setting, breakages: breakages(&maker), maker, sink, summary })
    }

    /// Writes what the file says of a person whom the company knows, and answers what will be ingested of it.
    pub(crate) fn add(
        &mut self,
        person: &Person,
        recognised_by: Option<&str>,
        fate: Fate,
    ) -> Result<Option<Object>> {
        let Fate::Good { versions, is_duplicated } = fate else {
            let record = self.maker.record(person, recognised_by, &[1]);
            self.add_broken(record)?;
            return Ok(None);
        };
        let record = self.maker.record(person, recognised_by, &versions);
        self.summary.matched += 1;
        let round = self.common.shares.round;
        if round > 1 && versions.contains(&round) {
            self.summary.changed += 1;
        }
        if is_duplicated {
            self.summary.duplicates += 1;
            self.sink.delay(record.cells);
            self.sink.write(self.maker.outdated(person, recognised_by).cells)?;
        } else {
            self.sink.write(record.cells)?;
        }
        Ok(Some(record.attributes))
    }

    /// Writes what the file says of a person whom the company does not know.
    pub(crate) fn add_stranger(&mut self, person: &Person) -> Result<Object> {
        let record = self.maker.record(person, None, &[1]);
        self.summary.unmatched += 1;
        self.sink.write(record.cells)?;
        Ok(record.attributes)
    }

    /// Writes a row that cannot be used, in every way by turns.
    fn add_broken(&mut self, record: Record) -> Result<()> {
        let turn: u64 = self.summary.broken.values().sum();
        let turn = usize::try_from(turn).unwrap_or(0).checked_rem(self.breakages.len());
        if let Some(breakage) = turn.and_then(|turn| self.breakages.get(turn)) {
            *self.summary.broken.entry(breakage.code.as_str()).or_insert(0) += 1;
            self.sink.write(breakage.apply(record.cells))?;
        }
        Ok(())
    }

    /// Counts a person of whom datasets say this in every audience that he or she will be in.
    pub(crate) fn expect(&mut self, parts: &[Part<'_>]) {
        let audiences = &self.setting.audiences;
        let expected = self.summary.expected.get_or_insert_with(|| audiences.nobody());
        for name in audiences.of_person(parts) {
            let name: &AudienceName = name;
            if let Some(count) = expected.get_mut(name) {
                *count += 1;
            }
        }
    }

    /// Ends the file, and answers what stands in it.
    pub(crate) fn finish(mut self, asked: Option<u64>) -> Result<Summary> {
        (self.summary.rows, self.summary.bytes) = self.sink.finish()?;
        self.summary.asked = asked;
        Ok(self.summary)
    }
}
