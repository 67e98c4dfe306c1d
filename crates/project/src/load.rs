//! Loading: every form is read, then each is held against the rest.

use std::collections::BTreeMap;
use std::path::Path;

use domain::catalogue::{Catalogue, FORMAT};
use domain::former::Former;
use domain::namespace::Namespace;
use domain::schema::{Class, Fields};
use pql::Schemas;

use crate::examples::{self, Tried};
use crate::folder::Files;
use crate::forms::{Forms, Scope, audience, dataflow, example, schema};
use crate::plugins::Plugins;
use crate::problem::{Notes, Problem, Problems};
use crate::ungoverned;
use crate::yaml::Node;

/// A project that holds together.
pub struct Project {
    /// What the project says; no dataflow has been judged yet.
    pub(crate) catalogue: Catalogue,
    /// What the files say, with places.
    pub(crate) forms: Forms,
    warnings: Vec<Problem>,
}

impl Project {
    /// Loads a project's folder and checks it as a whole.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(folder: &Path, plugins: &dyn Plugins) -> Result<Project, Problems> {
        let mut problems = Vec::new();
        let files = Files::read(folder, &mut problems);
        Project::check(&files, plugins, problems)
    }

    /// The same of files that are no folder, each with its path below it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn of_files(
        files: impl IntoIterator<Item = (String, String)>,
        plugins: &dyn Plugins,
    ) -> Result<Project, Problems> {
        let mut problems = Vec::new();
        let files = Files::of(files, &mut problems);
        Project::check(&files, plugins, problems)
    }

    fn check(files: &Files, plugins: &dyn Plugins, problems: Vec<Problem>) -> Result<Project, Problems> {
        let (mut project, mut problems) = Project::read(files, plugins, problems);
        examples::check(&project.forms, &project.catalogue, &mut problems);
        Problems::unless_none(problems)?;
        ungoverned::warn(&project.forms, &project.catalogue, &mut project.warnings);
        let schemas = project.forms.schemas.parts.values().filter_map(|part| part.form.as_ref());
        project.warnings.extend(schemas.flat_map(|form| form.warnings()).cloned());
        let (profile, events) = project.unions();
        let schemas = Schemas { profile: &profile, events: &events };
        audience::warn(&project.forms, files, schemas, &mut project.warnings);
        project.warnings.sort();
        Ok(project)
    }

    /// Tries the example profiles of all audiences.
    ///
    /// # Errors
    /// Everything that is wrong with the project besides them.
    pub fn try_examples(folder: &Path, plugins: &dyn Plugins) -> Result<Vec<Tried>, Problems> {
        let mut problems = Vec::new();
        let files = Files::read(folder, &mut problems);
        let (project, problems) = Project::read(&files, plugins, problems);
        Problems::unless_none(problems)?;
        Ok(examples::tried(&project.forms, &project.catalogue))
    }

    fn read(files: &Files, plugins: &dyn Plugins, mut problems: Vec<Problem>) -> (Project, Vec<Problem>) {
        let forms = Forms::read(files, &mut problems);
        let catalogue = compile(files, &forms, plugins, &mut problems);
        examples::check_clocks(&forms, &catalogue, &mut problems);
        (Project { catalogue, forms, warnings: Vec::new() }, problems)
    }

    /// Holds a profile as JSON against the schemas, as the example profiles of audiences are. `file` is where it stands.
    ///
    /// # Errors
    /// Everything that no schema has, or has otherwise.
    pub fn check_profile(&self, file: &str, profile: &serde_json::Value) -> Result<(), Problems> {
        let (attributes, events) = self.unions();
        let schemas = Schemas { profile: &attributes, events: &events };
        let mut problems = Vec::new();
        example::check_profile(&Node::from_json(profile), schemas, &mut Notes::of(file, &mut problems));
        Problems::unless_none(problems)
    }

    /// The union schemas, of profiles and of events. Those of a project that holds together are at one.
    fn unions(&self) -> (Fields, Fields) {
        let of = |class| domain::schema::union(self.catalogue.schemas.values(), class).unwrap_or_default();
        (of(Class::Profile), of(Class::ExperienceEvent))
    }

    /// What is not wrong, and deserves a look; by file and line.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

fn compile(files: &Files, forms: &Forms, plugins: &dyn Plugins, problems: &mut Vec<Problem>) -> Catalogue {
    let mut scope = Scope { files, forms, plugins, catalogue: empty(forms) };
    let Scope { catalogue, .. } = &mut scope;
    catalogue.namespaces =
        forms.namespaces.form.as_ref().map_or_else(Namespace::standard, |form| form.compile());
    if let Some(project) = &forms.project.form {
        let mut notes = Notes::of(&forms.project.file, problems);
        scope.catalogue.pseudonymous = project.pseudonymous(&scope, &mut notes);
    }
    scope.catalogue.partners =
        forms.partners.compile(problems, |name, form, notes| form.compile(name, &scope, notes));
    scope.catalogue.schemas =
        forms.schemas.compile(problems, |name, form, notes| form.compile(name, &scope, notes));
    scope.catalogue.datasets =
        forms.datasets.compile(problems, |name, form, notes| form.compile(name, &scope, notes));
    if let Some(form) = &forms.merge_policies.form {
        let mut notes = Notes::of(&forms.merge_policies.file, problems);
        scope.catalogue.merge_policies = form.compile(&scope, &mut notes);
    }
    scope.catalogue.policies =
        forms.policies.compile(problems, |name, form, notes| form.compile(name, &scope, notes));
    if let Some(project) = &forms.project.form {
        let core = project.enabled_core_policies(&mut Notes::of(&forms.project.file, problems));
        scope.catalogue.policies.extend(core.into_iter().map(|policy| (policy.name.clone(), policy)));
    }
    let union = schema::union(forms, &scope.catalogue.schemas, Class::Profile, problems);
    let events = schema::union(forms, &scope.catalogue.schemas, Class::ExperienceEvent, problems);
    scope.catalogue.consent_policies = forms
        .policies
        .compile(problems, |name, form, notes| form.compile_consent(name, union.as_ref(), &scope, notes));
    let schemas = union.as_ref().zip(events.as_ref());
    let schemas = schemas.map(|(profile, events)| Schemas { profile, events });
    scope.catalogue.audiences =
        forms.audiences.compile(problems, |name, form, notes| form.compile(name, schemas, &scope, notes));
    audience::check_references(forms, &scope.catalogue, problems);
    scope.catalogue.destinations =
        forms.destinations.compile(problems, |name, form, notes| form.compile(name, &scope, notes));
    scope.catalogue.dataflows = forms
        .dataflows
        .compile(problems, |name, form, notes| form.compile(name, union.as_ref(), &scope, notes));
    dataflow::check_sole(&scope, problems);
    scope.catalogue.offers =
        forms.offers.compile(problems, |name, form, notes| form.compile(name, &scope, notes));
    scope.catalogue.datastreams = forms
        .datastreams
        .compile(problems, |name, form, notes| form.compile(name, union.as_ref(), &scope, notes));
    if let Some(project) = &forms.project.form {
        project.check_visits(&scope, &mut Notes::of(&forms.project.file, problems));
    }
    scope.catalogue
}

fn empty(forms: &Forms) -> Catalogue {
    Catalogue {
        format: FORMAT,
        title: forms.project.form.as_ref().map(|project| project.title.clone()).unwrap_or_default(),
        namespaces: Vec::new(),
        partners: BTreeMap::new(),
        schemas: BTreeMap::new(),
        datasets: BTreeMap::new(),
        merge_policies: BTreeMap::new(),
        policies: BTreeMap::new(),
        consent_policies: BTreeMap::new(),
        audiences: BTreeMap::new(),
        destinations: BTreeMap::new(),
        dataflows: BTreeMap::new(),
        datastreams: BTreeMap::new(),
        offers: BTreeMap::new(),
        pseudonymous: None,
        former: Former::default(),
    }
}
