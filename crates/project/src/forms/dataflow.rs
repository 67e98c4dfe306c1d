//! `dataflows/<name>.yaml`: an audience on its way to a destination.

use std::collections::BTreeMap;

use domain::audience::Population;
use domain::dataflow::{Dataflow, Mapping, Source, State};
use domain::name::{AudienceName, DataflowName, DestinationName};
use domain::namespace::{NamespaceCode, NamespaceType};
use domain::schema::{self, FieldType, Fields};
use domain::value::FieldPath;

use crate::problem::{Notes, Position, Problem};
use crate::read::{At, Entries, Members, Read};
use crate::suggest::instead_of;
use crate::yaml::Node;

use super::Scope;

pub(crate) struct DataflowForm {
    audience: At<AudienceName>,
    destination: At<DestinationName>,
    /// What the vendor calls each value that is sent, and where it comes from.
    mapping: At<Entries<String, SourceForm>>,
    paused: bool,
}

enum SourceForm {
    Identity(At<NamespaceCode>),
    Field(At<FieldPath>),
}

impl Read for DataflowForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<DataflowForm> {
        let mut members = Members::of(node, notes)?;
        let audience = members.required("audience", notes);
        let destination = members.required("destination", notes);
        let mapping = members.required::<At<Entries<_, _>>>("mapping", notes);
        let paused = members.optional("paused", notes);
        members.finish(notes);
        let mapping = mapping?;
        if mapping.value.is_empty() {
            notes.note(mapping.at, "a dataflow that maps nothing sends nothing", None);
        }
        let paused = paused?.unwrap_or(false);
        Some(DataflowForm { audience: audience?, destination: destination?, mapping, paused })
    }
}

impl Read for SourceForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<SourceForm> {
        let mut members = Members::of(node, notes)?;
        let identity = members.optional("identity", notes);
        let field = members.optional("field", notes);
        members.finish(notes);
        match (identity?, field?) {
            (Some(identity), None) => Some(SourceForm::Identity(identity)),
            (None, Some(field)) => Some(SourceForm::Field(field)),
            _ => {
                let message = "expected either `{identity: <namespace>}` or `{field: <path>}`";
                notes.note(node.at, message, None);
                None
            }
        }
    }
}

impl DataflowForm {
    pub(crate) fn compile(
        &self,
        name: &DataflowName,
        union: Option<&Fields>,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<Dataflow> {
        let audience = scope.forms.audiences.look_up(&self.audience, notes);
        if audience.is_some_and(|audience| audience.population() == Population::Prospects) {
            self.check_prospects(scope, notes);
        }
        scope.forms.destinations.look_up(&self.destination, notes);
        for (_, source) in &self.mapping.value {
            source.check(union, scope, notes);
        }
        self.check_targets(scope, notes);
        self.check_hashes(scope, notes);
        let mapping = self.mapping.value.iter();
        Some(Dataflow {
            name: name.clone(),
            audience: self.audience.value.clone(),
            destination: self.destination.value.clone(),
            mapping: mapping
                .map(|(target, source)| Mapping { target: target.value.clone(), source: source.compile() })
                .collect(),
            // Asked for once it is known what is used for what.
            consents: Vec::new(),
            state: if self.paused { State::Paused } else { State::Active },
        })
    }

    /// Prospects have no identity but a partner's ID, and leave as files alone, as in the documents.
    fn check_prospects(&self, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        let destination = scope.catalogue.destinations.get(&self.destination.value);
        if let Some(destination) =
            destination.filter(|destination| !scope.plugins.writes_files(&destination.plugin))
        {
            let message = format!(
                "prospects leave as files only, and plugin `{}` writes none: audience `{}` is of prospects",
                destination.plugin, self.audience.value
            );
            notes.note(self.destination.at, message, "name a destination that writes files".to_owned());
        }
        for (_, source) in &self.mapping.value {
            let SourceForm::Identity(code) = source else { continue };
            let namespace = scope.catalogue.namespace(&code.value);
            if namespace.is_some_and(|namespace| namespace.kind != NamespaceType::PartnerId) {
                let message =
                    format!("the prospects of audience `{}` have no `{}`", self.audience.value, code.value);
                notes.note(code.at, message, "map the partner's ID, or a field".to_owned());
            }
        }
    }

    /// Asks the plugin for the targets. A destination that is wrong by itself is not asked.
    fn check_targets(&self, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        let Some(destination) = scope.catalogue.destinations.get(&self.destination.value) else { return };
        let targets: Vec<&str> = self.mapping.value.iter().map(|(target, _)| target.value.as_str()).collect();
        for fault in scope.plugins.faults(&destination.plugin, &destination.config, &targets) {
            let mut mapped = self.mapping.value.iter().map(|(target, _)| target);
            let target = mapped.find(|target| fault.field.as_ref() == Some(&target.value));
            notes.note(target.map_or(self.mapping.at, |target| target.at), fault.message, None);
        }
    }

    /// What a namespace keeps as a hash, nobody can hash otherwise any more. So where the vendor matches by hashes of its
    /// own, the two have to be the same; tried on an example.
    fn check_hashes(&self, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        let Some(destination) = scope.catalogue.destinations.get(&self.destination.value) else { return };
        for (target, source) in &self.mapping.value {
            let SourceForm::Identity(code) = source else { continue };
            let namespace = scope.catalogue.namespace(&code.value).filter(|namespace| namespace.hashed);
            let kept = namespace.and_then(|it| Some((it.example(), it.normalise(it.example()).ok()?.value)));
            let Some((clear, kept)) = kept else { continue };
            let cell = |value: &str| {
                scope.plugins.cell(&destination.plugin, &destination.config, &target.value, value)
            };
            let Some(wanted) = cell(clear).filter(|cell| is_digest(cell)) else { continue };
            if cell(&kept).as_ref() != Some(&wanted) {
                let message = format!(
                    "namespace `{}` keeps hashes (`hashed: true`), and `{}` takes hashes of another form of the value: they would match nobody",
                    code.value, target.value
                );
                let help = "map a namespace that keeps values in clear: they leave as hashes all the same"
                    .to_owned();
                notes.note(code.at, message, help);
            }
        }
    }

    /// Where the destination is named.
    pub(crate) fn place(&self) -> Position {
        self.destination.at
    }
}

/// Refuses dataflows to a place at a vendor that takes one alone: each would undo what another has sent.
pub(crate) fn check_sole(scope: &Scope<'_>, problems: &mut Vec<Problem>) {
    let Scope { forms, catalogue, .. } = scope;
    let mut taken = BTreeMap::new();
    for (name, dataflow) in &catalogue.dataflows {
        let Some(destination) = catalogue.destinations.get(&dataflow.destination) else { continue };
        let Some(place) = scope.plugins.sole(&destination.plugin, &destination.config) else { continue };
        let earlier = *taken.entry((&destination.plugin, place.clone())).or_insert(name);
        if earlier == name {
            continue;
        }
        let form = forms.dataflows.parts.get(name).and_then(|part| part.form.as_ref());
        let at = form.map_or(Position::START, DataflowForm::place);
        let message = format!(
            "dataflow `{earlier}` goes to {place} too, which takes one alone: each would undo what the other has sent"
        );
        let help = "bring their audiences together in one dataflow, or take one out".to_owned();
        Notes::of(forms.dataflows.file(name), problems).note(at, message, help);
    }
}

/// Whether a cell is a SHA-256 in hex.
fn is_digest(cell: &str) -> bool {
    cell.len() == 64 && cell.bytes().all(|each| each.is_ascii_hexdigit())
}

impl SourceForm {
    fn check(&self, union: Option<&Fields>, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        match (self, union) {
            (SourceForm::Identity(namespace), _) => {
                scope.forms.namespace_type(&scope.catalogue.namespaces, namespace, notes);
            }
            (SourceForm::Field(path), Some(union)) => check_field(path, union, notes),
            (SourceForm::Field(_), None) => {}
        }
    }

    fn compile(&self) -> Source {
        match self {
            SourceForm::Identity(namespace) => Source::Identity(namespace.value.clone()),
            SourceForm::Field(path) => Source::Field(path.value.clone()),
        }
    }
}

pub(crate) fn check_field(At { value: path, at }: &At<FieldPath>, union: &Fields, notes: &mut Notes<'_>) {
    match schema::field(union, path).map(|field| &field.kind) {
        None => {
            let help = instead_of(path.as_str(), schema::leaves(union).iter().map(|(leaf, _)| leaf));
            notes.note(*at, format!("no schema has a field `{path}`"), help);
        }
        Some(kind @ (FieldType::Object(_) | FieldType::Array(_) | FieldType::Map(_))) => {
            let message = format!("field `{path}` is of type {kind}: only single values are sent");
            notes.note(*at, message, "name a field below it".to_owned());
        }
        Some(_) => {}
    }
}
