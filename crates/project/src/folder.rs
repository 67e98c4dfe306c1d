//! A project's folder: which files belong to it, and their text.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::problem::{Notes, Position, Problem};
use crate::suggest::instead_of;
use crate::yaml::{self, Node};

/// The files that stand in the project's folder itself.
pub(crate) const FILES: [&str; 4] =
    ["marketing-actions.yaml", "merge-policies.yaml", "namespaces.yaml", "project.yaml"];

/// The folders whose files are parts of one kind.
pub(crate) const FOLDERS: [&str; 9] = [
    "audiences",
    "dataflows",
    "datasets",
    "destinations",
    "edge/datastreams",
    "edge/offers",
    "partners",
    "policies",
    "schemas",
];

/// The text of every file of a project, by its path below the folder: YAML, and XDM documents below `schemas/`.
pub(crate) struct Files(BTreeMap<String, String>);

impl Files {
    /// Reads a folder. What has no place in a project is noted; other files are nobody's business.
    pub(crate) fn read(folder: &Path, problems: &mut Vec<Problem>) -> Files {
        let mut files = Files(BTreeMap::new());
        if let Err(error) = files.read_below(folder, "", problems) {
            let message = format!("the folder `{}` cannot be read: {error}", folder.display());
            Notes::of(".", problems).note(Position::START, message, None);
        }
        files
    }

    fn read_below(&mut self, folder: &Path, prefix: &str, problems: &mut Vec<Problem>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if name.starts_with('.') {
                continue;
            }
            if entry.file_type()?.is_symlink() && entry.path().is_dir() {
                // It may lead back to where it stands.
                let message =
                    "this is a link to another folder: expected the files of the project themselves";
                let help = "copy the files here, or take the link out".to_owned();
                Notes::of(&path, problems).note(Position::START, message.to_owned(), Some(help));
            } else if entry.path().is_dir() {
                self.read_below(&entry.path(), &format!("{path}/"), problems)?;
            } else if name.ends_with(".yaml") || name.ends_with(".yml") || is_document(&path) {
                if entry.path().is_file() {
                    self.read_file(&entry.path(), path, problems);
                } else {
                    let message = "this is no file that can be read: expected the files of the project";
                    Notes::of(&path, problems).note(Position::START, message.to_owned(), None);
                }
            }
        }
        Ok(())
    }

    fn read_file(&mut self, file: &Path, path: String, problems: &mut Vec<Problem>) {
        match fs::read_to_string(file) {
            Ok(text) => self.add(path, text, problems),
            Err(error) => {
                let message = format!("this file cannot be read: {error}");
                Notes::of(&path, problems).note(Position::START, message, None);
            }
        }
    }

    /// Files by their paths below a project's folder.
    pub(crate) fn of(
        files: impl IntoIterator<Item = (String, String)>,
        problems: &mut Vec<Problem>,
    ) -> Files {
        let mut all = Files(BTreeMap::new());
        for (path, text) in files {
            all.add(path, text, problems);
        }
        all
    }

    fn add(&mut self, path: String, text: String, problems: &mut Vec<Problem>) {
        match place(&path) {
            Ok(()) => drop(self.0.insert(path, text)),
            Err(help) => {
                Notes::of(&path, problems).note(Position::START, "this file is no part of a project", help);
            }
        }
    }

    /// The XDM documents, and what stands beside them, with their texts.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|(path, _)| is_document(path)).map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, file: &str) -> bool {
        self.0.contains_key(file)
    }

    /// A file's text.
    pub(crate) fn text(&self, file: &str) -> &str {
        self.0.get(file).map_or("", String::as_str)
    }

    /// A file's tree. An empty file has none.
    pub(crate) fn tree(&self, file: &str, notes: &mut Notes<'_>) -> Option<Node> {
        yaml::parse(self.text(file), notes)
    }

    /// The files of a folder, each with the name that it gives to its part.
    pub(crate) fn of_folder<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.keys().filter_map(move |path| {
            let name = path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".yaml")?;
            Some((name, path.as_str()))
        })
    }
}

/// Whether a file is an XDM document, or stands beside one: anywhere below `schemas/`.
fn is_document(path: &str) -> bool {
    path.starts_with("schemas/") && path.ends_with(".json")
}

/// Whether a project has a place for a file; if not, where it was probably meant to stand.
fn place(path: &str) -> Result<(), Option<String>> {
    if is_document(path) {
        return Ok(());
    }
    if let Some(stem) = path.strip_suffix(".yml") {
        let renamed = format!("{stem}.yaml");
        return Err(place(&renamed).map_or_else(|help| help, |()| Some(format!("rename it to `{renamed}`"))));
    }
    let Some((folder, _)) = path.rsplit_once('/') else {
        return if FILES.contains(&path) { Ok(()) } else { Err(instead_of(path, FILES)) };
    };
    if FOLDERS.contains(&folder) {
        return Ok(());
    }
    match FOLDERS.iter().find(|known| folder.starts_with(&format!("{known}/"))) {
        Some(known) => Err(Some(format!("move it to `{known}/` itself"))),
        None => Err(instead_of(folder, FOLDERS)),
    }
}
