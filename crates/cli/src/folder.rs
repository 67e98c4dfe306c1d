//! A project's folder, with the plugins that this build has.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use domain::catalogue::Catalogue;
use jiff::Timestamp;
use project::{Fault, Plugins, Project, Tried};
use registry::PLUGINS;
use serde_json::Value;

/// Loads and checks a project.
///
/// # Errors
/// Where there is no such folder, or [`project::Problems`].
pub(crate) fn load(folder: &Path) -> Result<Project> {
    check_folder(folder)?;
    Ok(Project::load(folder, &Registry)?)
}

/// Tries the example profiles of a project's audiences.
///
/// # Errors
/// Those of [`load`], but for examples that are not as expected.
pub(crate) fn try_examples(folder: &Path) -> Result<Vec<Tried>> {
    check_folder(folder)?;
    Ok(Project::try_examples(folder, &Registry)?)
}

fn check_folder(folder: &Path) -> Result<()> {
    ensure!(folder.is_dir(), "`{}` is no folder: expected that of a project", folder.display());
    // Without it, every YAML file below a folder named by mistake would be told to be no part of a project.
    ensure!(
        folder.join("project.yaml").is_file(),
        "`{}` is no project, it has no `project.yaml`: name the folder that has one, or begin one with `title: ...`",
        folder.display()
    );
    Ok(())
}

/// The catalogue that a project comes to today, with none in force before it.
pub(crate) fn catalogue(project: &Project) -> Result<Catalogue> {
    let today = domain::profile::day(Timestamp::now());
    Ok(project.compile(None, today).context("the project cannot be compiled")?.catalogue)
}

/// The plugins of the registry, as the loader asks for them.
struct Registry;

impl Plugins for Registry {
    fn names(&self) -> Vec<&str> {
        PLUGINS.iter().map(|plugin| plugin.descriptor().name).collect()
    }

    fn faults(&self, plugin: &str, config: &Value, targets: &[&str]) -> Vec<Fault> {
        let Ok(plugin) = registry::find(plugin) else { return Vec::new() };
        let problems = plugin.problems(config, targets);
        problems
            .into_iter()
            .map(|problem| {
                let field = problem.context().find(|(key, _)| matches!(*key, "field" | "target"));
                Fault { field: field.map(|(_, path)| path.to_owned()), message: problem.to_string() }
            })
            .collect()
    }

    fn sole(&self, plugin: &str, config: &Value) -> Option<String> {
        registry::find(plugin).ok()?.sole(config)
    }

    fn writes_files(&self, plugin: &str) -> bool {
        registry::find(plugin).is_ok_and(|plugin| plugin.descriptor().files)
    }

    fn cell(&self, plugin: &str, config: &Value, target: &str, value: &str) -> Option<String> {
        let source = [(target.to_owned(), value.to_owned())].into();
        let record = registry::find(plugin).ok()?.encode(config, &source)?;
        record.get(target).map(str::to_owned)
    }
}
