//! One row of a dataset: its cells, and the attributes that they come to.

use anyhow::{Context, Result};
use domain::catalogue::Catalogue;
use domain::dataset::Dataset;
use domain::namespace::Namespace;
use domain::schema::{Field, Schema};
use domain::value::{self, FieldPath, Object, Value};
use jiff::{SignedDuration, Timestamp};

use super::person::Person;
use super::values;

/// The row time of the first round, 2026-01-01; each further round is a day later.
const FIRST_ROUND: i64 = 1_767_225_600;

/// How often a changed row is drawn anew, until it does differ.
const ATTEMPTS: u64 = 32;

/// Makes the rows of a dataset.
pub(crate) struct Maker<'a> {
    columns: Vec<Column<'a>>,
}

/// One column of a dataset's files.
pub(crate) struct Column<'a> {
    pub(crate) name: &'a str,
    /// The field that it fills; none where it is ignored, or is the row's time and nothing else.
    pub(crate) field: Option<(&'a FieldPath, &'a Field)>,
    /// The namespace of the identity that it holds.
    namespace: Option<&'a Namespace>,
    pub(crate) is_primary: bool,
    pub(crate) is_time: bool,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) cells: Vec<String>,
    pub(crate) attributes: Object,
}

impl<'a> Maker<'a> {
    pub(crate) fn of(
        catalogue: &'a Catalogue,
        dataset: &'a Dataset,
        schema: &'a Schema,
    ) -> Result<Maker<'a>> {
        let source = dataset.files().with_context(|| {
            format!("dataset `{}` holds a datastream's events: only files are generated", dataset.name)
        })?;
        let mut columns = Vec::new();
        for (name, path) in &source.columns {
            let field = schema.field(path).context("a dataset's columns fill fields of its schema")?;
            let identity = field.identity.as_ref();
            columns.push(Column {
                name,
                field: Some((path, field)),
                namespace: identity.and_then(|identity| catalogue.namespace(&identity.namespace)),
                is_primary: identity.is_some_and(|identity| identity.primary),
                is_time: source.row_time.as_ref() == Some(name),
            });
        }
        let unmapped = source.row_time.iter().filter(|name| !source.columns.contains_key(*name));
        for name in unmapped.chain(&source.ignored_columns) {
            let is_time = source.row_time.as_ref() == Some(name);
            columns.push(Column { name, field: None, namespace: None, is_primary: false, is_time });
        }
        // Who it is about comes first, as people would write it.
        columns
            .sort_by_key(|column| (!column.is_primary, column.namespace.is_none(), column.field.is_none()));
        Ok(Maker { columns })
    }

    pub(crate) fn columns(&self) -> &[Column<'a>] {
        &self.columns
    }

    /// The namespace of the primary identity.
    pub(crate) fn primary(&self) -> Result<&'a Namespace> {
        let primary = self.columns.iter().find(|column| column.is_primary);
        primary
            .and_then(|column| column.namespace)
            .context("the dataset has no column for a primary identity")
    }

    /// A person's row after the rounds that changed it. `recognised_by` is the primary identity, if it is not the
    /// person's own to choose.
    pub(crate) fn record(&self, person: &Person, recognised_by: Option<&str>, versions: &[u32]) -> Record {
        let mut record = self.version(person, recognised_by, 1, 0);
        for version in versions.iter().filter(|version| **version > 1) {
            let changed = (0..ATTEMPTS)
                .map(|attempt| self.version(person, recognised_by, *version, attempt))
                .find(|changed| changed.attributes != record.attributes);
            record = changed.unwrap_or(record);
        }
        record
    }

    /// What was said of a person before the first round.
    pub(crate) fn outdated(&self, person: &Person, recognised_by: Option<&str>) -> Record {
        self.version(person, recognised_by, 0, 0)
    }

    fn version(&self, person: &Person, recognised_by: Option<&str>, version: u32, attempt: u64) -> Record {
        let draw = person.draw.number(u64::from(version)).number(attempt);
        let days = i64::from(version) - 1;
        let time = Timestamp::from_second(FIRST_ROUND)
            .and_then(|first| first.checked_add(SignedDuration::from_hours(24 * days)))
            .unwrap_or(Timestamp::UNIX_EPOCH);
        let mut attributes = Object::new();
        let mut cells = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let value = match (column.field, column.namespace) {
                _ if column.is_time => Some(Value::String(time.to_string())),
                (Some(_), Some(namespace)) => {
                    let own = || values::identity(namespace, person);
                    let recognised_by = recognised_by.filter(|_| column.is_primary);
                    Some(Value::String(recognised_by.map_or_else(own, str::to_owned)))
                }
                (Some((path, field)), None) => values::value(path, field, person, draw),
                (None, _) => Some(Value::String("exact".to_owned())),
            };
            cells.push(value.as_ref().map(cell).unwrap_or_default());
            if let (Some((path, _)), Some(value)) = (column.field, value) {
                value::insert(&mut attributes, path, value);
            }
        }
        Record { cells, attributes }
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Boolean(truth) => truth.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => String::new(),
    }
}
