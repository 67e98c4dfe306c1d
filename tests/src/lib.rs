//! What the suites share: deployments on emulators, and stand-ins for vendors.

pub mod flow;
pub mod graph_api;
