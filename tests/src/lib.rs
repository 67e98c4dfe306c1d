//! What the suites share: stand-ins for vendors.

pub mod graph_api;
