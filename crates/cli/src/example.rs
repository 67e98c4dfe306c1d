//! The example project, for tests.

use std::path::Path;

use domain::catalogue::Catalogue;
use project::Project;

use crate::folder;

pub(crate) fn project() -> Project {
    folder::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/securfinancial")).unwrap()
}

/// Its catalogue as of a day on which the contract holds.
pub(crate) fn catalogue() -> Catalogue {
    project().compile(None, "2026-01-31".parse().unwrap()).unwrap().catalogue
}

/// What a terminal that knows no colours shows.
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
