//! The parts of a project as they are written: one module for each kind of file.
//!
//! A form is what a file says, with places. `read` finds what is wrong with a file by itself; `compile` holds it
//! against the rest of the project and makes the domain's part of it. What a form's neighbours lack has been noted in
//! their own files already, so that `compile` stays silent about it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use domain::catalogue::Catalogue;
use domain::name::{
    AudienceName, DataflowName, DatasetName, DatastreamName, DestinationName, OfferName, PartnerName,
    PolicyName, SchemaName,
};

use crate::folder::Files;
use crate::plugins::Plugins;
use crate::problem::{Notes, Position, Problem};
use crate::read::{At, Read};
use crate::suggest::instead_of;

pub(crate) mod audience;
pub(crate) mod consent;
pub(crate) mod dataflow;
pub(crate) mod dataset;
pub(crate) mod datastream;
pub(crate) mod destination;
pub(crate) mod example;
pub(crate) mod merge_policy;
pub(crate) mod namespaces;
pub(crate) mod offer;
pub(crate) mod partner;
pub(crate) mod policy;
pub(crate) mod retention;
pub(crate) mod schema;
pub(crate) mod vocabulary;

use audience::AudienceForm;
use dataflow::DataflowForm;
use dataset::DatasetForm;
use datastream::DatastreamForm;
use destination::DestinationForm;
use merge_policy::MergePoliciesForm;
use namespaces::NamespacesForm;
use offer::OfferForm;
use partner::PartnerForm;
use policy::PolicyForm;
use schema::SchemaForm;
use vocabulary::{ActionsForm, ProjectForm};

/// What a project's files say.
pub(crate) struct Forms {
    pub(crate) project: Part<ProjectForm>,
    pub(crate) actions: Part<ActionsForm>,
    pub(crate) namespaces: Part<NamespacesForm>,
    pub(crate) merge_policies: Part<MergePoliciesForm>,
    pub(crate) partners: Kind<PartnerName, PartnerForm>,
    pub(crate) schemas: Kind<SchemaName, SchemaForm>,
    pub(crate) datasets: Kind<DatasetName, DatasetForm>,
    pub(crate) policies: Kind<PolicyName, PolicyForm>,
    pub(crate) audiences: Kind<AudienceName, AudienceForm>,
    pub(crate) destinations: Kind<DestinationName, DestinationForm>,
    pub(crate) dataflows: Kind<DataflowName, DataflowForm>,
    pub(crate) datastreams: Kind<DatastreamName, DatastreamForm>,
    pub(crate) offers: Kind<OfferName, OfferForm>,
}

/// One file's form; none where the file is wrong by itself.
pub(crate) struct Part<F> {
    pub(crate) file: String,
    pub(crate) form: Option<F>,
}

/// All forms of one kind, by name.
pub(crate) struct Kind<N, F> {
    what: &'static str,
    pub(crate) parts: BTreeMap<N, Part<F>>,
}

/// What a form is compiled against: every form, and the parts that are compiled before it.
pub(crate) struct Scope<'a> {
    pub(crate) files: &'a Files,
    pub(crate) forms: &'a Forms,
    pub(crate) plugins: &'a dyn Plugins,
    pub(crate) catalogue: Catalogue,
}

impl Forms {
    /// Reads all files.
    pub(crate) fn read(files: &Files, problems: &mut Vec<Problem>) -> Forms {
        let project = Part::required(files, "project.yaml", problems);
        let mut schemas = Kind::read("schema", files, "schemas", problems);
        schema::document::read(files, &mut schemas, problems);
        Forms {
            project,
            actions: Part::optional(files, "marketing-actions.yaml", problems),
            namespaces: Part::optional(files, "namespaces.yaml", problems),
            merge_policies: Part::optional(files, "merge-policies.yaml", problems),
            partners: Kind::read("partner", files, "partners", problems),
            schemas,
            datasets: Kind::read("dataset", files, "datasets", problems),
            policies: Kind::read("policy", files, "policies", problems),
            audiences: Kind::read("audience", files, "audiences", problems),
            destinations: Kind::read("destination", files, "destinations", problems),
            dataflows: Kind::read("dataflow", files, "dataflows", problems),
            datastreams: Kind::read("datastream", files, "edge/datastreams", problems),
            offers: Kind::read("offer", files, "edge/offers", problems),
        }
    }
}

impl<F: Read> Part<F> {
    fn read(files: &Files, file: &str, problems: &mut Vec<Problem>) -> Part<F> {
        let mut notes = Notes::of(file, problems);
        let form = files.tree(file, &mut notes).and_then(|node| F::read(&node, &mut notes));
        Part { file: file.to_owned(), form }
    }

    fn required(files: &Files, file: &str, problems: &mut Vec<Problem>) -> Part<F> {
        if !files.has(file) {
            let help = "create it with at least `title: ...`".to_owned();
            Notes::of(file, problems).note(Position::START, "this file is missing", help);
            return Part { file: file.to_owned(), form: None };
        }
        Part::read(files, file, problems)
    }
}

impl<F: Read + Default> Part<F> {
    fn optional(files: &Files, file: &str, problems: &mut Vec<Problem>) -> Part<F> {
        if files.has(file) {
            Part::read(files, file, problems)
        } else {
            Part { file: file.to_owned(), form: Some(F::default()) }
        }
    }
}

impl<N: Ord + Clone + Display + FromStr<Err: Display>, F> Kind<N, F> {
    fn read(what: &'static str, files: &Files, folder: &str, problems: &mut Vec<Problem>) -> Kind<N, F>
    where
        F: Read,
    {
        let mut parts = BTreeMap::new();
        for (name, file) in files.of_folder(folder) {
            match name.parse() {
                Ok(name) => {
                    parts.insert(name, Part::read(files, file, problems));
                }
                Err(error) => {
                    let message = format!("a part is named by its file, and {error}");
                    Notes::of(file, problems).note(Position::START, message, "rename the file".to_owned());
                }
            }
        }
        Kind { what, parts }
    }

    /// The form of a name, if there is one and it is sound. An unknown name is noted.
    pub(crate) fn look_up(&self, name: &At<N>, notes: &mut Notes<'_>) -> Option<&F> {
        let part = self.parts.get(&name.value);
        if part.is_none() {
            let help = instead_of(&name.value.to_string(), self.parts.keys());
            notes.note(name.at, format!("there is no {} `{}`", self.what, name.value), help);
        }
        part.and_then(|part| part.form.as_ref())
    }

    /// Compiles every sound form.
    pub(crate) fn compile<T>(
        &self,
        problems: &mut Vec<Problem>,
        mut compile: impl FnMut(&N, &F, &mut Notes<'_>) -> Option<T>,
    ) -> BTreeMap<N, T> {
        let mut compiled = BTreeMap::new();
        for (name, part) in &self.parts {
            let mut notes = Notes::of(&part.file, problems);
            if let Some(made) = part.form.as_ref().and_then(|form| compile(name, form, &mut notes)) {
                compiled.insert(name.clone(), made);
            }
        }
        compiled
    }

    /// The file of a part.
    pub(crate) fn file(&self, name: &N) -> &str {
        self.parts.get(name).map_or("project.yaml", |part| &part.file)
    }
}
