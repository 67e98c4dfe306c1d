//! The customers that a seed file was made from.

use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use anyhow::{Context, Result, bail};
use domain::dataset::Dataset;
use domain::name::DatasetName;
use domain::schema::Schema;
use domain::value::{self, FieldPath, Object};
use records::{HeaderError, Reader, Row};

use super::asked::{Family, Found};
use crate::generate::Setting;

/// The file of a dataset that knows the customers.
pub(super) struct Customers<'a> {
    path: &'a Path,
    dataset: &'a Dataset,
    schema: &'a Schema,
    family: &'a Family<'a>,
    /// Where a customer's primary identity stands, and that by which the partner recognises people.
    primary: FieldPath,
    recognised_by: FieldPath,
}

impl<'a> Customers<'a> {
    /// Finds the dataset that a file is of by the file's header.
    pub(super) fn open(
        path: &'a Path,
        setting: &Setting<'a>,
        family: &'a Family<'a>,
    ) -> Result<Customers<'a>> {
        let catalogue = setting.catalogue;
        let mut reasons = Vec::new();
        for dataset in catalogue.datasets.values().filter(|dataset| dataset.name != setting.dataset.name) {
            let Some(schema) = catalogue.schemas.get(&dataset.schema) else { continue };
            let identities = schema.identities();
            let primary = identities.first().map(|(path, _)| path.clone());
            let recognised_by = identities.iter().find(|(_, identity)| {
                catalogue.namespace(&identity.namespace).is_some_and(|namespace| family.has(namespace))
            });
            match (read(path, dataset, schema), primary, recognised_by) {
                (Ok(_), Some(primary), Some((recognised_by, _))) => {
                    let recognised_by = recognised_by.clone();
                    return Ok(Customers { path, dataset, schema, family, primary, recognised_by });
                }
                (Ok(_), _, _) => {
                    reasons
                        .push(format!("dataset `{}` has no identity to recognise people by", dataset.name));
                }
                (Err(HeaderError::Read(error)), ..) => {
                    return Err(error).with_context(|| format!("`{}` cannot be read", path.display()));
                }
                (Err(error), ..) => reasons.push(format!("dataset `{}`: {error}", dataset.name)),
            }
        }
        bail!("`{}` is a file of no dataset that knows customers: {}", path.display(), reasons.join("; "))
    }

    pub(super) fn dataset(&self) -> &'a DatasetName {
        &self.dataset.name
    }

    /// Gives every customer once, as the last good row has it, and by what a partner can recognise the customer.
    pub(super) fn each(&self, mut take: impl FnMut(&Object, Option<Found>) -> Result<()>) -> Result<()> {
        let mut rows_of: HashMap<u64, u32> = HashMap::new();
        self.each_row(|row| {
            *rows_of.entry(self.key(&row)).or_insert(0) += 1;
            Ok(())
        })?;
        self.each_row(|row| {
            let left = rows_of.entry(self.key(&row)).or_insert(1);
            *left -= 1;
            if *left > 0 {
                return Ok(());
            }
            let text = value::at(&row.attributes, &self.recognised_by).and_then(|value| value.as_str());
            take(&row.attributes, text.and_then(|text| self.family.find(text)))
        })
    }

    /// Stands for the customer's primary identity.
    fn key(&self, row: &Row) -> u64 {
        let mut hasher = DefaultHasher::new();
        value::at(&row.attributes, &self.primary).and_then(|value| value.as_str()).hash(&mut hasher);
        hasher.finish()
    }

    fn each_row(&self, mut take: impl FnMut(Row) -> Result<()>) -> Result<()> {
        for row in read(self.path, self.dataset, self.schema)? {
            if let Ok(row) = row.with_context(|| format!("`{}` cannot be read", self.path.display()))? {
                take(row)?;
            }
        }
        Ok(())
    }
}

fn read(path: &Path, dataset: &Dataset, schema: &Schema) -> Result<Reader<fs::File>, HeaderError> {
    Reader::new(fs::File::open(path)?, dataset, schema)
}
