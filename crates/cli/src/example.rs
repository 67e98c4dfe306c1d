//! The example project, for tests.

use std::fs;
use std::path::{Path, PathBuf};

use domain::catalogue::Catalogue;
use project::Project;
use tempfile::TempDir;

use crate::folder;

/// Its folder.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/securfinancial")
}

pub(crate) fn project() -> Project {
    folder::load(&folder()).unwrap()
}

/// The catalogue of the other example, which has a site.
pub(crate) fn shop() -> Catalogue {
    let folder = folder().join("../home-improvement");
    let today = "2026-01-31".parse().unwrap();
    folder::load(&folder).unwrap().compile(None, today).unwrap().catalogue
}

/// A copy of it, to be changed.
pub(crate) fn copy() -> TempDir {
    fn copy_below(from: &Path, to: &Path) {
        for entry in fs::read_dir(from).unwrap() {
            let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
            if from.is_dir() {
                fs::create_dir(&to).unwrap();
                copy_below(&from, &to);
            } else {
                fs::copy(from, to).unwrap();
            }
        }
    }
    let copy = TempDir::new().unwrap();
    copy_below(&folder(), copy.path());
    copy
}

/// Its catalogue as of a day on which the contract holds.
pub(crate) fn catalogue() -> Catalogue {
    project().compile(None, "2026-01-31".parse().unwrap()).unwrap().catalogue
}

/// What a terminal that knows no colours shows.
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
