//! `datasets/<name>.yaml`: where a kind of rows comes from, and how they are written to profiles.

use domain::dataset::{
    APPROVE_ABOVE, Dataset, DatastreamSource, FileSource, Format, OnUnmatched, Retention, Source, WriteMode,
};
use domain::label::Label;
use domain::name::{DatasetName, DatastreamName, PartnerName, SchemaName};
use domain::namespace::{ECID, NamespaceType};
use domain::schema::{Class, FieldType, Schema};
use domain::value::FieldPath;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;

use crate::problem::Notes;
use crate::read::{At, Entries, Members, Read, word};
use crate::shape::Shape;
use crate::suggest::instead_of;
use crate::yaml::{Content, Node};

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
    on_unmatched: Option<At<OnUnmatched>>,
    error_threshold: Option<f64>,
    approve_above: Option<f64>,
    retention: Retention,
}

enum SourceForm {
    Files(FilesForm),
    Datastream(DatastreamForm),
}

/// A datastream as a source: the events themselves, or what of them tells of their visitors.
struct DatastreamForm {
    datastream: At<DatastreamName>,
    /// What each field of the event's `xdm` fills.
    fields: At<Entries<FieldPath, At<FieldPath>>>,
}

struct FilesForm {
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
        let write_mode = members.optional("write_mode", notes);
        let on_unmatched = members.optional("on_unmatched", notes);
        let error_threshold = members.optional::<At<f64>>("error_threshold", notes);
        let approve_above = members.optional::<At<f64>>("approve_above", notes);
        let retention = members.optional("retention", notes);
        members.finish(notes);
        let (source, write_mode) = (source?, write_mode?);
        if let (SourceForm::Files(files), None) = (&source, &write_mode) {
            let help = "add `write_mode: replace`, `write_mode: upsert` or `write_mode: snapshot`".to_owned();
            notes.note(files.prefix.at, "`write_mode` is missing", help);
        }
        check_snapshot(&source, write_mode.as_ref(), approve_above.as_ref().and_then(Option::as_ref), notes);
        let write_mode = write_mode.map(|mode: At<WriteMode>| mode.value);
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
            source,
            write_mode: write_mode.unwrap_or(WriteMode::Replace),
            on_unmatched: on_unmatched?,
            error_threshold: error_threshold.map(|share| share.value),
            approve_above: approve_above?.map(|share| share.value),
            retention: retention?.unwrap_or_default(),
        })
    }
}

/// Only files are snapshots, and only such of which each stands for one time: whether a record is missing could not be
/// told of rows that have times of their own.
fn check_snapshot(
    source: &SourceForm,
    write_mode: Option<&At<WriteMode>>,
    approve_above: Option<&At<f64>>,
    notes: &mut Notes<'_>,
) {
    let snapshot = write_mode.filter(|mode| mode.value == WriteMode::Snapshot);
    match (snapshot, source) {
        (Some(mode), SourceForm::Datastream(_)) => {
            notes.note(mode.at, "events of a datastream are no snapshot: none is all that there is", None);
        }
        (Some(_), SourceForm::Files(FilesForm { row_time: Some(row_time), .. })) => {
            let message = "the rows of a snapshot have no times of their own: a file stands for one time";
            let help = "take `row_time` out, and say with `file_time` how the file's name tells that time";
            notes.note(row_time.at, message, help.to_owned());
        }
        _ => {}
    }
    let Some(At { value, at }) = approve_above else { return };
    if snapshot.is_none() {
        let message = "`approve_above` is of snapshots: nothing else removes what a file lacks";
        notes.note(*at, message, "add `write_mode: snapshot`, or take the line out".to_owned());
    } else if !(0.0..=100.0).contains(value) {
        notes.note(*at, format!("`{value}` is no share in percent, 0 to 100"), None);
    }
}

impl Read for WriteMode {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<WriteMode> {
        let words = [
            ("replace", WriteMode::Replace),
            ("upsert", WriteMode::Upsert),
            ("snapshot", WriteMode::Snapshot),
        ];
        word(node, &words, notes)
    }
}

impl Read for OnUnmatched {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<OnUnmatched> {
        let words = [
            ("set_aside", OnUnmatched::SetAside),
            ("create", OnUnmatched::Create),
            ("prospect", OnUnmatched::Prospect),
        ];
        word(node, &words, notes)
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
        let prospect_days = members.optional::<At<u16>>("prospect_days", notes);
        members.finish(notes);
        let (days, until, prospect_days) = (days?, until?, prospect_days?);
        let stated = [
            (&days, "leave `days` out to keep data for ever"),
            (&prospect_days, "leave `prospect_days` out to have prospects expire as they do by default"),
        ];
        for (days, help) in stated {
            if let Some(days) = days {
                check_days(days, help, notes);
            }
        }
        let value = |days: Option<At<u16>>| days.map(|days| days.value);
        Some(Retention { days: value(days), until, prospect_days: value(prospect_days), ordered: false })
    }
}

/// Notes a retention that makes no sense.
pub(super) fn check_days(days: &At<u16>, help: &str, notes: &mut Notes<'_>) {
    let At { value, at } = days;
    if !(1..=LONGEST_RETENTION).contains(value) {
        let message = format!("a retention of `{value}` days is not between 1 and {LONGEST_RETENTION}");
        notes.note(*at, message, help.to_owned());
    }
}

impl Read for SourceForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<SourceForm> {
        let is_datastream = match &node.content {
            Content::Map(entries) => entries.iter().any(|(key, _)| key.text == "datastream"),
            _ => false,
        };
        if is_datastream {
            DatastreamForm::read(node, notes).map(SourceForm::Datastream)
        } else {
            FilesForm::read(node, notes).map(SourceForm::Files)
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![FilesForm::kind(), DatastreamForm::kind()])
    }
}

impl Read for DatastreamForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<DatastreamForm> {
        let mut members = Members::of(node, notes)?;
        let datastream = members.required("datastream", notes);
        let fields = members.optional::<At<Entries<_, _>>>("fields", notes);
        members.finish(notes);
        let fields = fields?.unwrap_or(At { value: Entries::new(), at: node.at });
        Some(DatastreamForm { datastream: datastream?, fields })
    }
}

impl Read for FilesForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<FilesForm> {
        let mut members = Members::of(node, notes)?;
        let prefix = members.required("prefix", notes);
        let format = members.required("format", notes);
        let columns = members.required("columns", notes);
        let ignored_columns = members.optional("ignored_columns", notes);
        let row_time = members.optional("row_time", notes);
        let file_time = members.optional("file_time", notes);
        members.finish(notes);
        let form = FilesForm {
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
    fn compile(&self) -> Source {
        match self {
            SourceForm::Files(files) => Source::Files(files.compile()),
            SourceForm::Datastream(form) => {
                let fields = form.fields.value.iter();
                Source::Datastream(DatastreamSource {
                    datastream: form.datastream.value.clone(),
                    fields: fields.map(|(from, to)| (from.value.clone(), to.value.clone())).collect(),
                })
            }
        }
    }

    /// Holds the source against the rest of the project.
    fn check(
        &self,
        dataset: &DatasetName,
        schema: Option<&Schema>,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) {
        match self {
            SourceForm::Files(files) => {
                files.check_prefix(dataset, scope, notes);
                if let Some(schema) = schema {
                    files.check_columns(schema, notes);
                }
            }
            SourceForm::Datastream(form) => {
                scope.forms.datastreams.look_up(&form.datastream, notes);
                if let Some(schema) = schema {
                    form.check_fields(schema, scope, notes);
                }
            }
        }
    }
}

impl DatastreamForm {
    /// Holds what is mapped against the schema: events as they come have the class of events, and what tells of a
    /// visitor is a profile's, whose primary identity is the visitor's ECID.
    fn check_fields(&self, schema: &Schema, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        let maps = !self.fields.value.is_empty();
        if maps != (schema.class == Class::Profile) {
            let message = if maps {
                format!(
                    "schema `{}` is one of events: what is mapped from events fills a profile",
                    schema.name
                )
            } else {
                format!(
                    "schema `{}` is one of profiles: a datastream's events as they come are none",
                    schema.name
                )
            };
            let help =
                "map fields with `fields: {_partner.mover: mover}` to fill a schema of class `profile`";
            notes.note(self.datastream.at, message, help.to_owned());
            return;
        }
        if !maps {
            return;
        }
        let primary = schema.identities().into_iter().find(|(_, identity)| identity.primary);
        if let Some((path, identity)) = &primary
            && identity.namespace.as_str() != ECID
        {
            let message = format!(
                "the primary identity of schema `{}`, field `{path}`, is of namespace `{}`: an event tells of the holder of an `{ECID}`",
                schema.name, identity.namespace
            );
            notes.note(self.datastream.at, message, None);
        }
        // A page can claim any e-mail address: who somebody is, only a signed token says.
        for (path, identity) in schema.identities() {
            let namespace = scope.catalogue.namespace(&identity.namespace);
            let links = namespace.is_some_and(|namespace| namespace.kind.links_people());
            if links && self.fields.value.iter().any(|(_, filled)| filled.value == path) {
                let message = format!("`{path}` would link people by what a page claims");
                let help = "leave it to the datastream's `token` to say who has logged in".to_owned();
                notes.note(self.fields.at, message, help);
            }
        }
        for (_, At { value: path, at }) in &self.fields.value {
            match schema.field(path).map(|field| &field.kind) {
                None => {
                    let known = schema.leaves();
                    let message = format!("`{path}` is no field of schema `{}`", schema.name);
                    notes.note(*at, message, instead_of(path.as_str(), known.iter().map(|(leaf, _)| leaf)));
                }
                Some(_) if primary.as_ref().is_some_and(|(primary, _)| primary == path) => {
                    let message = format!("`{path}` is filled with the visitor's {ECID}, by the edge itself");
                    notes.note(*at, message, "take the line out".to_owned());
                }
                Some(kind @ FieldType::Object(_)) => {
                    let message = format!("`{path}` is of type {kind}: only single fields are mapped");
                    notes.note(*at, message, "name a field below it".to_owned());
                }
                Some(_) => {}
            }
        }
    }
}

impl FilesForm {
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

    fn compile(&self) -> FileSource {
        let columns = self.columns.value.iter();
        FileSource {
            prefix: self.prefix.value.clone(),
            format: self.format,
            columns: columns.map(|(column, field)| (column.value.clone(), field.value.clone())).collect(),
            ignored_columns: self.ignored_columns.iter().map(|column| column.value.clone()).collect(),
            row_time: self.row_time.as_ref().map(|column| column.value.clone()),
            file_time: self.file_time.as_ref().map(|pattern| pattern.value.clone()),
        }
    }
}

impl FilesForm {
    /// An object belongs to one dataset: no prefix begins with another.
    fn check_prefix(&self, name: &DatasetName, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        let mine = &self.prefix;
        for (other, part) in &scope.forms.datasets.parts {
            let Some(SourceForm::Files(theirs)) = part.form.as_ref().map(|form| &form.source) else {
                continue;
            };
            let theirs = &theirs.prefix.value;
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

/// Whether a schema's records are keyed by a partner's IDs.
fn is_keyed_by_partner_id(schema: &Schema, scope: &Scope<'_>) -> bool {
    let primary = schema.identities().into_iter().find(|(_, identity)| identity.primary);
    let namespace = primary.and_then(|(_, identity)| scope.catalogue.namespace(&identity.namespace));
    namespace.is_some_and(|namespace| namespace.kind == NamespaceType::PartnerId)
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
        if let Some(partner) = &self.partner {
            scope.forms.partners.look_up(partner, notes);
        }
        let schema = scope.forms.schemas.look_up(&self.schema, notes);
        let schema = schema.and_then(|_| scope.catalogue.schemas.get(&self.schema.value));
        self.source.check(name, schema, scope, notes);
        if let Some(schema) = schema {
            self.check_partner(schema, scope, notes);
        }
        let is_keyed_by_partner_id = schema.is_some_and(|schema| is_keyed_by_partner_id(schema, scope));
        if schema.is_some() {
            self.check_unmatched(is_keyed_by_partner_id, notes);
        }
        // Who a customer is, is the company's own to say.
        // Of a visitor nobody else knows anything: what is said of them makes a profile.
        let is_file = matches!(self.source, SourceForm::Files(_));
        let sets_aside = is_keyed_by_partner_id || self.partner.is_some() && is_file;
        let of_origin = if sets_aside { OnUnmatched::SetAside } else { OnUnmatched::Create };
        Some(Dataset {
            name: name.clone(),
            title: self.title.clone().unwrap_or_else(|| name.to_string()),
            schema: self.schema.value.clone(),
            partner: self.partner.as_ref().map(|partner| partner.value.clone()),
            labels: self.labels.iter().map(|label| label.value.clone()).collect(),
            source: self.source.compile(),
            write_mode: self.write_mode,
            on_unmatched: self.on_unmatched.as_ref().map_or(of_origin, |on_unmatched| on_unmatched.value),
            error_threshold: self.error_threshold.unwrap_or(ERROR_THRESHOLD),
            approve_above: self.approve_above.unwrap_or(APPROVE_ABOVE),
            retention: self.retention,
        })
    }

    /// A partner's ID makes nobody a customer, and nothing else makes a prospect.
    fn check_unmatched(&self, is_keyed_by_partner_id: bool, notes: &mut Notes<'_>) {
        let Some(At { value, at }) = &self.on_unmatched else { return };
        let schema = &self.schema.value;
        let (message, help) = match (value, is_keyed_by_partner_id) {
            (OnUnmatched::Create, true) => (
                format!("schema `{schema}` is keyed by a partner's IDs, which make nobody a customer"),
                "write `on_unmatched: set_aside`, or `on_unmatched: prospect`",
            ),
            (OnUnmatched::Prospect, false) => (
                format!("schema `{schema}` is not keyed by a partner's IDs: its rows are no prospects"),
                "make a field with a partner's ID the schema's primary identity, and its only one",
            ),
            _ => return,
        };
        notes.note(*at, message, help.to_owned());
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
}
