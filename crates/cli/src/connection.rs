//! The store of the deployment that the environment names.

use std::process::ExitCode;

use anyhow::{Context, Result};
use aws::{InForce, Store};
use domain::catalogue::Catalogue;
use domain::dataflow::Dataflow;
use domain::name::DataflowName;

/// Does work on the store.
///
/// # Errors
/// Where the environment names no deployment, or the work fails.
pub(crate) fn with_store(work: impl AsyncFnOnce(&Store) -> Result<ExitCode>) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no runtime could be started")?.block_on(async {
        let store = Store::connect().await?;
        work(&store).await
    })
}

/// The catalogue in force.
///
/// # Errors
/// Where there is none yet.
pub(crate) async fn in_force(store: &Store) -> Result<InForce> {
    let in_force = store.catalogue().await?;
    in_force.context("no catalogue is in force: bring a project there with `tributary apply <folder>`")
}

/// A dataflow of the catalogue in force.
///
/// # Errors
/// Where it has none of that name.
pub(crate) fn dataflow<'a>(catalogue: &'a Catalogue, name: &DataflowName) -> Result<&'a Dataflow> {
    catalogue.dataflows.get(name).with_context(|| {
        let known: Vec<_> = catalogue.dataflows.keys().map(|name| format!("`{name}`")).collect();
        format!("the catalogue in force has no dataflow `{name}`: expected one of {}", known.join(", "))
    })
}

/// Who runs the command, as this machine says: for the ledger, not for access control.
pub(crate) fn user() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}
