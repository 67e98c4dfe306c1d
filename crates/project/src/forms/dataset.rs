//! `datasets/<name>.yaml`: where a kind of rows comes from, and how they are written to profiles.

use domain::dataset::{Dataset, Format, OnUnmatched, Retention, Source, WriteMode};
use domain::label::Label;
use domain::name::{DatasetName, PartnerName, SchemaName};
use domain::namespace::NamespaceType;
use domain::schema::{FieldType, Schema};
use domain::value::FieldPath;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;

use crate::problem::Notes;
use crate::read::{At, Entries, Members, Read, word};
use crate::suggest::instead_of;
use crate::yaml::Node;

use super::Scope;

/// The error threshold where a dataset states none, in percent.
const ERROR_THRESHOLD: f64 = 5.0;

/// The longest retention that can be stated, in days: ten years.
const LONGEST_RETENTION: u16 = 3653;

pub(crate) struct DatasetForm {
    title: Option<String>,
    schema: At<SchemaName>,
    partner: Option<At<PartnerName>>,
    labels: Vec<At<Label>>,
    source: SourceForm,
    write_mode: WriteMode,
    on_unmatched: Option<OnUnmatched>,
    error_threshold: Option<f64>,
    retention: Retention,
}

struct SourceForm {
    prefix: At<String>,
    format: Format,
    columns: At<Entries<String, At<FieldPath>>>,
    ignored_columns: Vec<At<String>>,
    row_time: Option<At<String>>,
    file_time: Option<At<String>>,
}

impl Read for DatasetForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<DatasetForm> {
        let mut members = Members::of(node, notes)?;
        let title = members.optional("title", notes);
        let schema = members.required("schema", notes);
        let partner = members.optional("partner", notes);
        let labels = members.optional("labels", notes);
        let source = members.required("source", notes);
        let write_mode = members.required("write_mode", notes);
        let on_unmatched = members.optional("on_unmatched", notes);
        let error_threshold = members.optional::<At<f64>>("error_threshold", notes);
        let retention = members.optional("retention", notes);
        members.finish(notes);
        let error_threshold = error_threshold?;
        if let Some(At { value, at }) =
            error_threshold.as_ref().filter(|share| !(0.0..=100.0).contains(&share.value))
        {
            notes.note(
                *at,
                format!("an error threshold of `{value}` is no share in percent, 0 to 100"),
                None,
            );
        }
        Some(DatasetForm {
            title: title?,
            schema: schema?,
            partner: partner?,
            labels: labels?.unwrap_or_default(),
            source: source?,
            write_mode: write_mode?,
            on_unmatched: on_unmatched?,
            error_threshold: error_threshold.map(|share| share.value),
            retention: retention?.unwrap_or_default(),
        })
    }
}

impl Read for WriteMode {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<WriteMode> {
        word(node, &[("replace", WriteMode::Replace), ("upsert", WriteMode::Upsert)], notes)
    }
}

impl Read for OnUnmatched {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<OnUnmatched> {
        word(node, &[("set_aside", OnUnmatched::SetAside), ("create", OnUnmatched::Create)], notes)
    }
}

impl Read for Format {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Format> {
        word(node, &[("csv", Format::Csv)], notes)
    }
}

impl Read for Retention {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Retention> {
        let mut members = Members::of(node, notes)?;
        let days = members.optional::<At<u16>>("days", notes);
        let until = members.optional::<Date>("until", notes);
        members.finish(notes);
        let (days, until) = (days?, until?);
        if let Some(At { value, at }) =
            days.as_ref().filter(|days| !(1..=LONGEST_RETENTION).contains(&days.value))
        {
            let message = format!("a retention of `{value}` days is not between 1 and {LONGEST_RETENTION}");
            notes.note(*at, message, "leave `retention` out to keep data for ever".to_owned());
        }
        Some(Retention { days: days.map(|days| days.value), until })
    }
}

impl Read for SourceForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<SourceForm> {
        let mut members = Members::of(node, notes)?;
        let prefix = members.required("prefix", notes);
        let format = members.required("format", notes);
        let columns = members.required("columns", notes);
        let ignored_columns = members.optional("ignored_columns", notes);
        let row_time = members.optional("row_time", notes);
        let file_time = members.optional("file_time", notes);
        members.finish(notes);
        let form = SourceForm {
            prefix: prefix?,
            format: format?,
            columns: columns?,
            ignored_columns: ignored_columns?.unwrap_or_default(),
            row_time: row_time?,
            file_time: file_time?,
        };
        form.check(notes);
        Some(form)
    }
}

impl SourceForm {
    fn check(&self, notes: &mut Notes<'_>) {
        let prefix = &self.prefix.value;
        if prefix.starts_with('/') || !prefix.ends_with('/') {
            let help = format!("write `{}/`", prefix.trim_matches('/'));
            notes.note(self.prefix.at, format!("`{prefix}` is no folder of the inbox"), help);
        }
        let columns = &self.columns.value;
        for column in &self.ignored_columns {
            if columns.iter().any(|(mapped, _)| mapped.value == column.value) {
                notes.note(column.at, format!("column `{}` is both mapped and ignored", column.value), None);
            }
        }
        for (index, (_, field)) in columns.iter().enumerate() {
            let earlier = columns.iter().take(index).find(|(_, earlier)| earlier.value == field.value);
            if let Some((earlier, _)) = earlier {
                let message =
                    format!("field `{}` is filled by column `{}` already", field.value, earlier.value);
                notes.note(field.at, message, None);
            }
        }
        if let Some(At { value, at }) = self.file_time.as_ref()
            && let Err(reason) = check_file_time(value)
        {
            let help = "write the name with its date, as `answer-%Y-%m-%d.csv`".to_owned();
            notes.note(*at, format!("`{value}` tells no time of a file: {reason}"), help);
        }
    }

    /// Holds the columns against the schema that they fill.
    fn check_columns(&self, schema: &Schema, notes: &mut Notes<'_>) {
        let leaves = schema.leaves();
        for (column, At { value: path, at }) in &self.columns.value {
            let name = &column.value;
            match schema.field(path).map(|field| &field.kind) {
                None => {
                    let known = leaves.iter().map(|(leaf, _)| leaf);
                    let message = format!(
                        "column `{name}` fills `{path}`, which is no field of schema `{}`",
                        schema.name
                    );
                    notes.note(*at, message, instead_of(path.as_str(), known));
                }
                Some(kind @ (FieldType::Object(_) | FieldType::Array(_) | FieldType::Map(_))) => {
                    let message =
                        format!("column `{name}` fills `{path}`, of type {kind}: a cell holds one value");
                    notes.note(*at, message, "name a field below it".to_owned());
                }
                Some(_) => {}
            }
        }
        let is_filled = |path: &FieldPath| self.columns.value.iter().any(|(_, filled)| filled.value == *path);
        for (path, field) in leaves.iter().filter(|(path, field)| field.required && !is_filled(path)) {
            let primary = field.identity.as_ref().is_some_and(|identity| identity.primary);
            let what = if primary { "the primary identity of" } else { "required by" };
            let message = format!("no column fills field `{path}`, {what} schema `{}`", schema.name);
            notes.note(self.columns.at, message, None);
        }
    }

    fn compile(&self) -> Source {
        let columns = self.columns.value.iter();
        Source {
            prefix: self.prefix.value.clone(),
            format: self.format,
            columns: columns.map(|(column, field)| (column.value.clone(), field.value.clone())).collect(),
            ignored_columns: self.ignored_columns.iter().map(|column| column.value.clone()).collect(),
            row_time: self.row_time.as_ref().map(|column| column.value.clone()),
            file_time: self.file_time.as_ref().map(|pattern| pattern.value.clone()),
        }
    }
}

/// Whether a pattern reads back the day that it writes.
fn check_file_time(pattern: &str) -> Result<(), String> {
    let day = DateTime::constant(2026, 11, 22, 3, 4, 5, 0);
    let written = BrokenDownTime::from(day).to_string(pattern).map_err(|error| error.to_string())?;
    let read = BrokenDownTime::parse(pattern, &written).map_err(|error| error.to_string())?;
    match read.to_date() {
        Ok(date) if date == day.date() => Ok(()),
        _ => Err("it names no day".to_owned()),
    }
}

impl DatasetForm {
    pub(crate) fn compile(
        &self,
        name: &DatasetName,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<Dataset> {
        scope.forms.check_labels(&self.labels, notes);
        self.check_prefix(name, scope, notes);
        if let Some(partner) = &self.partner {
            scope.forms.partners.look_up(partner, notes);
        }
        if scope.forms.schemas.look_up(&self.schema, notes).is_some()
            && let Some(schema) = scope.catalogue.schemas.get(&self.schema.value)
        {
            self.source.check_columns(schema, notes);
            self.check_partner(schema, scope, notes);
        }
        // Who a customer is, is the company's own to say.
        let of_origin = if self.partner.is_some() { OnUnmatched::SetAside } else { OnUnmatched::Create };
        Some(Dataset {
            name: name.clone(),
            title: self.title.clone().unwrap_or_else(|| name.to_string()),
            schema: self.schema.value.clone(),
            partner: self.partner.as_ref().map(|partner| partner.value.clone()),
            labels: self.labels.iter().map(|label| label.value.clone()).collect(),
            source: self.source.compile(),
            write_mode: self.write_mode,
            on_unmatched: self.on_unmatched.unwrap_or(of_origin),
            error_threshold: self.error_threshold.unwrap_or(ERROR_THRESHOLD),
            retention: self.retention,
        })
    }

    /// A partner supplies its own IDs, and nobody else's.
    fn check_partner(&self, schema: &Schema, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        let Some(name) = &self.partner else { return };
        let Some(partner) = scope.catalogue.partners.get(&name.value) else { return };
        for (path, identity) in schema.identities() {
            let namespace = scope.catalogue.namespace(&identity.namespace);
            let is_foreign = identity.namespace != partner.namespace;
            if is_foreign && namespace.is_some_and(|namespace| namespace.kind == NamespaceType::PartnerId) {
                let message = format!(
                    "field `{path}` of schema `{}` holds IDs of namespace `{}`, and partner `{}` has namespace `{}`",
                    schema.name, identity.namespace, name.value, partner.namespace
                );
                notes.note(name.at, message, None);
            }
        }
    }

    /// An object belongs to one dataset: no prefix begins with another.
    fn check_prefix(&self, name: &DatasetName, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        let mine = &self.source.prefix;
        for (other, part) in &scope.forms.datasets.parts {
            let Some(theirs) = part.form.as_ref().map(|form| &form.source.prefix.value) else { continue };
            if other != name
                && mine.value.starts_with(theirs.as_str())
                && (mine.value != *theirs || other < name)
            {
                let message = format!(
                    "prefix `{}` lies within prefix `{theirs}` of dataset `{other}`: an object would belong to both",
                    mine.value
                );
                notes.note(mine.at, message, None);
            }
        }
    }
}
