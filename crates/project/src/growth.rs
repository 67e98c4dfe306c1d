//! Schemas by which records are stored only grow.

use domain::catalogue::Catalogue;
use domain::schema::{Class, Schema, breaks};

use crate::load::Project;
use crate::problem::{Notes, Position, Problem};

impl Project {
    /// Notes everything in which a schema takes back what records are stored by.
    pub(crate) fn check_growth(&self, previous: &Catalogue, problems: &mut Vec<Problem>) {
        for (now, before) in self.successions(previous) {
            self.check_successor(before, now, problems);
        }
    }

    /// Each schema with one by which records are stored that it reads from now on. A dataset's records are read by
    /// whichever schema the dataset has, also where it was away; what is remembered of events by the schemas of that name.
    fn successions<'a>(&'a self, previous: &'a Catalogue) -> Vec<(&'a Schema, &'a Schema)> {
        let of_datasets = self
            .catalogue
            .datasets
            .keys()
            .filter_map(|name| Some((self.catalogue.schema_of(name)?, previous.schema_of(name)?)));
        let are_events_heard = !previous.datastreams.is_empty();
        let of_events = previous
            .schemas
            .values()
            .filter(|schema| are_events_heard && schema.class == Class::ExperienceEvent)
            .filter_map(|before| Some((self.catalogue.schemas.get(&before.name)?, before)));
        let mut successions = Vec::new();
        for pair in of_datasets.chain(of_events) {
            if !successions.contains(&pair) {
                successions.push(pair);
            }
        }
        successions
    }

    fn check_successor(&self, before: &Schema, now: &Schema, problems: &mut Vec<Problem>) {
        let form = self.forms.schemas.parts.get(&now.name).and_then(|part| part.form.as_ref());
        let mut notes = Notes::of(self.forms.schemas.file(&now.name), problems);
        for found in breaks(before, now) {
            let place = found.path().zip(form).map(|(path, form)| form.place(path));
            let message = if before.name == now.name {
                format!("{found}: once records are stored by a schema, it only grows")
            } else {
                format!(
                    "{found}: a dataset's records are stored by schema `{}`, which this one replaces",
                    before.name
                )
            };
            notes.note(place.unwrap_or(Position::START), message, found.cure().to_owned());
        }
    }
}
