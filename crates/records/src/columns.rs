//! A dataset's columns, compiled once for a file's header: the tree of attributes that every row is built by.

use std::collections::BTreeMap;

use domain::schema::{Field, FieldType, Fields};
use domain::value::{FieldPath, Object, Value};

use crate::cell::{Cell, expected};
use crate::rejected::{Code, Fault};

/// The members of an object in the order of their names. Those that no column can fill are left out unless they are
/// required.
#[derive(Debug)]
pub(crate) struct Members(Vec<Member>);

#[derive(Debug)]
struct Member {
    name: String,
    path: FieldPath,
    is_required: bool,
    is_primary_identity: bool,
    source: Source,
}

/// Where a member's value comes from.
#[derive(Debug)]
enum Source {
    /// A cell.
    Column { name: String, index: usize, cell: Cell },
    /// Members of its own.
    Object(Members),
    /// No column of the file fills it.
    Nowhere,
}

/// A column whose field does not fit into a cell.
#[derive(Debug)]
pub(crate) struct NotFlat {
    pub(crate) column: String,
    pub(crate) field: FieldPath,
    pub(crate) kind: FieldType,
}

impl Members {
    /// Compiles the fields of a schema that the columns of a file fill, each given with its index.
    pub(crate) fn compile(
        fields: &Fields,
        columns: &BTreeMap<&FieldPath, (usize, &str)>,
    ) -> Result<Members, NotFlat> {
        Members::below(None, fields, columns)
    }

    fn below(
        parent: Option<&FieldPath>,
        fields: &Fields,
        columns: &BTreeMap<&FieldPath, (usize, &str)>,
    ) -> Result<Members, NotFlat> {
        let mut members = Vec::new();
        for (name, field) in fields {
            let path = match parent {
                None => name.parse(),
                Some(parent) => parent.child(name),
            };
            // INVARIANT: the names of a loaded schema's fields are steps of a path.
            let Ok(path) = path else { continue };
            let source = Source::of(&path, field, columns)?;
            if matches!(source, Source::Nowhere) && !field.required {
                continue;
            }
            members.push(Member {
                name: name.clone(),
                path,
                is_required: field.required,
                is_primary_identity: field.identity.as_ref().is_some_and(|identity| identity.primary),
                source,
            });
        }
        Ok(Members(members))
    }

    /// The attributes of a row, given its cells by index.
    ///
    /// # Errors
    /// What is wrong with the first value, in order of the fields' names, that cannot be used.
    pub(crate) fn read<'a>(&self, cell: &impl Fn(usize) -> &'a str) -> Result<Object, Fault> {
        let (object, missing) = self.build(cell)?;
        match missing {
            None => Ok(object),
            Some(missing) => Err(missing.fault(Code::MissingRequired)),
        }
    }

    /// The primary identity of a row alone, which may be wrong elsewhere; nothing, where that cannot be read.
    pub(crate) fn read_primary<'a>(&self, cell: &impl Fn(usize) -> &'a str) -> Object {
        let of = |member: &Member| match &member.source {
            Source::Object(members) => {
                Some(members.read_primary(cell)).filter(|object| !object.is_empty()).map(Value::Object)
            }
            _ if member.is_primary_identity => member.value(cell).ok().flatten(),
            _ => None,
        };
        self.0.iter().filter_map(|member| Some((member.name.clone(), of(member)?))).collect()
    }

    /// The object, and the first required member that it lacks.
    fn build<'a>(&self, cell: &impl Fn(usize) -> &'a str) -> Result<(Object, Option<&Member>), Fault> {
        let mut built = Vec::with_capacity(self.0.len());
        let mut missing = None;
        for member in &self.0 {
            match member.value(cell)? {
                Some(value) => built.push((member.name.clone(), value)),
                None if member.is_primary_identity => return Err(member.fault(Code::MissingIdentity)),
                None if member.is_required => missing = missing.or(Some(member)),
                None => {}
            }
        }
        Ok((built.into_iter().collect(), missing))
    }
}

impl Source {
    fn of(
        path: &FieldPath,
        field: &Field,
        columns: &BTreeMap<&FieldPath, (usize, &str)>,
    ) -> Result<Source, NotFlat> {
        if let Some((index, name)) = columns.get(path) {
            return match Cell::of(field) {
                Some(cell) => Ok(Source::Column { name: (*name).to_owned(), index: *index, cell }),
                None => {
                    Err(NotFlat { column: (*name).to_owned(), field: path.clone(), kind: field.kind.clone() })
                }
            };
        }
        let FieldType::Object(fields) = &field.kind else { return Ok(Source::Nowhere) };
        let members = Members::below(Some(path), fields, columns)?;
        Ok(if members.0.is_empty() { Source::Nowhere } else { Source::Object(members) })
    }
}

impl Member {
    fn value<'a>(&self, cell: &impl Fn(usize) -> &'a str) -> Result<Option<Value>, Fault> {
        match &self.source {
            Source::Nowhere => Ok(None),
            Source::Column { name, index, cell: converter } => {
                converter.read(cell(*index)).map_err(|(code, reason)| Fault {
                    code,
                    reason: format!("column `{name}`: {reason}"),
                    column: Some(name.clone()),
                })
            }
            // What an object requires is required only where the object is there.
            Source::Object(members) => match members.build(cell)? {
                (object, _) if object.is_empty() => Ok(None),
                (_, Some(missing)) => Err(missing.fault(Code::MissingRequired)),
                (object, None) => Ok(Some(Value::Object(object))),
            },
        }
    }

    /// Says that the member is missing.
    fn fault(&self, code: Code) -> Fault {
        let what = if code == Code::MissingIdentity { "the primary identity" } else { "a required value" };
        match &self.source {
            Source::Column { name, .. } => Fault {
                code,
                reason: format!("column `{name}`: {}", expected(what, "")),
                column: Some(name.clone()),
            },
            _ => Fault {
                code,
                reason: format!("field `{}`: expected {what}, found no column that fills it", self.path),
                column: None,
            },
        }
    }
}
