//! What the suites share: deployments on emulators, the example projects, a browser, and stand-ins for vendors.

pub mod browser;
pub mod deployed;
pub mod example;
pub mod flow;
pub mod graph_api;
pub mod shop;
pub mod stand_in;
pub mod target_api;
