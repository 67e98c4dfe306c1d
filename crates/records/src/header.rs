//! What a file's first line has to say before any row is read.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use domain::dataset::{Dataset, FileSource};
use domain::schema::{FieldType, Schema};
use domain::value::FieldPath;

use crate::columns::Members;

/// A file that no row can be read from.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The file could not be read, which says nothing about the file.
    #[error("the file cannot be read")]
    Read(#[from] io::Error),
    /// The dataset has no files.
    #[error("dataset `{dataset}` holds events of a datastream: no file is read for it")]
    NoFiles {
        /// The dataset.
        dataset: String,
    },
    /// The file holds nothing.
    #[error("the file is empty: expected a header with the columns {}", list(.known))]
    Empty {
        /// The dataset's columns.
        known: Vec<String>,
    },
    /// The file is in another encoding, compressed, or no text.
    #[error("the file is not UTF-8: found {found}, expected CSV in UTF-8")]
    NotUtf8 {
        /// What it seems to be.
        found: &'static str,
    },
    /// The first line is no CSV.
    #[error("line 1 cannot be taken apart: found {found}, expected a header with the columns {}", list(.known))]
    Corrupt {
        /// What is wrong with it.
        found: &'static str,
        /// The dataset's columns.
        known: Vec<String>,
    },
    /// None of the first line's cells is a column of the dataset. They are not repeated: they may be a person's data.
    #[error(
        "line 1 is no header: none of its {width} cells names a column of the dataset, expected {}", list(.known)
    )]
    Missing {
        /// How many cells it has.
        width: usize,
        /// The dataset's columns.
        known: Vec<String>,
    },
    /// Columns that the dataset does not know.
    #[error(
        "unknown columns {}: expected {}; map them in the dataset, or name them under `ignored_columns`",
        list(.unknown), list(.known)
    )]
    UnknownColumns {
        /// Those columns.
        unknown: Vec<String>,
        /// The dataset's columns.
        known: Vec<String>,
    },
    /// Columns that stand in the header more than once.
    #[error("columns {} stand in the header more than once: expected each once", list(.columns))]
    DuplicateColumns {
        /// Those columns.
        columns: Vec<String>,
    },
    /// The header lacks the column of the primary identity.
    #[error("the header lacks column `{column}`: expected it, since it holds the primary identity")]
    MissingIdentity {
        /// That column.
        column: String,
    },
    /// The header lacks columns without which no row is complete.
    #[error("the header lacks the columns {}: expected them, since every row needs a value there", list(.columns))]
    MissingColumns {
        /// Those columns.
        columns: Vec<String>,
    },
    /// The dataset maps a column to a field that no cell can fill.
    #[error(
        "column `{column}` is mapped to field `{field}`: found {kind}, expected a type that fits into a cell"
    )]
    NotFlat {
        /// The column.
        column: String,
        /// The field.
        field: FieldPath,
        /// The field's type.
        kind: Box<FieldType>,
    },
    /// The dataset maps a column to a field that its schema does not have, or none to the primary identity.
    #[error("dataset `{dataset}` does not fit schema `{schema}`: {reason}")]
    Mapping {
        /// The dataset.
        dataset: String,
        /// The schema.
        schema: String,
        /// What does not fit.
        reason: String,
    },
}

/// The header of a file, understood.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) width: usize,
    pub(crate) members: Members,
    /// The column that holds each row's time, and its index.
    pub(crate) row_time: Option<(String, usize)>,
}

/// Every column that a file of a dataset may have.
pub(crate) fn known(files: &FileSource) -> Vec<String> {
    let all: BTreeSet<&String> =
        files.columns.keys().chain(&files.ignored_columns).chain(&files.row_time).collect();
    all.into_iter().cloned().collect()
}

impl Header {
    /// Checks the names of a file's columns, and compiles the row's shape for them.
    pub(crate) fn check(
        names: &[&str],
        dataset: &Dataset,
        files: &FileSource,
        schema: &Schema,
    ) -> Result<Header, HeaderError> {
        let known = known(files);
        check_names(names, known)?;
        let present: BTreeMap<&str, usize> =
            names.iter().enumerate().map(|(index, name)| (*name, index)).collect();
        let columns = &files.columns;
        check_mapping(dataset, files, schema)?;
        check_completeness(&present, dataset, files, schema)?;
        let filled = columns
            .iter()
            .filter_map(|(name, path)| Some((path, (*present.get(name.as_str())?, name.as_str()))))
            .collect();
        let members = Members::compile(&schema.fields, &filled).map_err(|not_flat| HeaderError::NotFlat {
            column: not_flat.column,
            field: not_flat.field,
            kind: Box::new(not_flat.kind),
        })?;
        let row_time =
            files.row_time.as_ref().and_then(|name| Some((name.clone(), *present.get(name.as_str())?)));
        Ok(Header { width: names.len(), members, row_time })
    }
}

fn check_names(names: &[&str], known: Vec<String>) -> Result<(), HeaderError> {
    let is_known = |name: &&str| known.iter().any(|known| known == name);
    if !names.iter().any(is_known) {
        return Err(HeaderError::Missing { width: names.len(), known });
    }
    let unknown: Vec<String> =
        names.iter().filter(|name| !is_known(name)).map(|name| shorten(name)).collect();
    if !unknown.is_empty() {
        return Err(HeaderError::UnknownColumns { unknown, known });
    }
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<&&str> = names.iter().filter(|name| !seen.insert(**name)).collect();
    if !twice.is_empty() {
        let columns = twice.into_iter().map(|name| (*name).to_owned()).collect();
        return Err(HeaderError::DuplicateColumns { columns });
    }
    Ok(())
}

/// Holds for every dataset of a checked project.
fn check_mapping(dataset: &Dataset, files: &FileSource, schema: &Schema) -> Result<(), HeaderError> {
    let fails = |reason: String| HeaderError::Mapping {
        dataset: dataset.name.to_string(),
        schema: schema.name.to_string(),
        reason,
    };
    let mut fields = BTreeMap::new();
    for (column, path) in &files.columns {
        if schema.field(path).is_none() {
            return Err(fails(format!("column `{column}` is mapped to unknown field `{path}`")));
        }
        if let Some(other) = fields.insert(path, column) {
            return Err(fails(format!("columns `{other}` and `{column}` are both mapped to field `{path}`")));
        }
    }
    Ok(())
}

fn check_completeness(
    present: &BTreeMap<&str, usize>,
    dataset: &Dataset,
    files: &FileSource,
    schema: &Schema,
) -> Result<(), HeaderError> {
    let column_of =
        |path: &FieldPath| files.columns.iter().find(|(_, field)| *field == path).map(|(column, _)| column);
    let is_absent = |column: &&String| !present.contains_key(column.as_str());
    if let Some((path, _)) = schema.identities().into_iter().find(|(_, identity)| identity.primary) {
        let Some(column) = column_of(&path) else {
            return Err(HeaderError::Mapping {
                dataset: dataset.name.to_string(),
                schema: schema.name.to_string(),
                reason: format!("no column is mapped to its primary identity, field `{path}`"),
            });
        };
        if is_absent(&column) {
            return Err(HeaderError::MissingIdentity { column: column.clone() });
        }
    }
    let required = files.columns.iter().filter(|(_, path)| is_always_required(schema, path));
    let columns: Vec<String> =
        required.map(|(column, _)| column).chain(&files.row_time).filter(is_absent).cloned().collect();
    if columns.is_empty() { Ok(()) } else { Err(HeaderError::MissingColumns { columns }) }
}

/// Whether a field and everything on the way to it is required.
fn is_always_required(schema: &Schema, path: &FieldPath) -> bool {
    let mut fields = Some(&schema.fields);
    path.steps().all(|step| {
        let field = fields.and_then(|fields| fields.get(step));
        fields = match field.map(|field| &field.kind) {
            Some(FieldType::Object(members)) => Some(members),
            _ => None,
        };
        field.is_some_and(|field| field.required)
    })
}

/// The most characters of a column's name that a message repeats.
const LONGEST_NAME: usize = 64;

fn shorten(name: &str) -> String {
    let mut short: String = name.chars().take(LONGEST_NAME).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    short
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
