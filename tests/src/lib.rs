//! What the suites share: deployments on emulators, the example project, and stand-ins for vendors.

pub mod deployed;
pub mod example;
pub mod flow;
pub mod graph_api;
mod stand_in;
pub mod target_api;
