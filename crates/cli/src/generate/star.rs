//! The person who is always there, and always a member.

use anyhow::{Context, Result};
use domain::value::Object;

use super::Setting;
use super::audiences::Part;
use super::draw::Draw;
use super::person::Person;
use super::record::Maker;

/// How many draws are tried.
const ATTEMPTS: u64 = 20_000;

impl Setting<'_> {
    /// The draw by which Bobby Bank is a member of every audience, or of as many as can be.
    ///
    /// It is the same whichever dataset is written, so that what all the files say of him fits together.
    pub(crate) fn star(&self) -> Result<Draw> {
        let catalogue = self.catalogue;
        let mut makers = Vec::new();
        for (name, dataset) in &catalogue.datasets {
            let schema = catalogue.schemas.get(&dataset.schema).context("a dataset has a schema")?;
            makers.push((name, Maker::of(catalogue, dataset, schema)?));
        }
        let memberships = |draw: Draw| {
            let star = Person::star(draw);
            let said: Vec<Object> =
                makers.iter().map(|(_, maker)| maker.record(&star, None, &[1]).attributes).collect();
            let parts: Vec<Part<'_>> = makers.iter().map(|(name, _)| *name).zip(&said).collect();
            self.audiences.of_person(&parts).count()
        };
        let mut best = (0, self.draw);
        for attempt in 0..ATTEMPTS {
            let draw = self.draw.word("bobby").number(attempt);
            let count = memberships(draw);
            if count > best.0 {
                best = (count, draw);
            }
            if count == self.audiences.len() {
                break;
            }
        }
        Ok(best.1)
    }
}
