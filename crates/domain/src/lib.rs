//! The field's nouns as types, and the rules between them.
//!
//! This crate is pure: no IO, no AWS, no async. It is given what was read and answers what to do.
//! Whoever reads and writes (the `aws` crate and the functions) asks it for every decision:
//! what a row changes, which memberships follow, what may leave and what must be withdrawn.

pub mod audience;
pub mod batch;
pub mod catalogue;
pub mod change;
pub mod dataflow;
pub mod dataset;
pub mod delivery;
pub mod delivery_log;
pub mod edge;
mod entries;
pub mod former;
pub mod fragment;
pub mod governance;
pub mod graph;
pub mod identity;
pub mod ingest;
pub mod label;
pub mod membership;
pub mod merge;
pub mod name;
pub mod namespace;
pub mod partner;
pub mod profile;
pub mod refusal;
pub mod removal;
pub mod schema;
pub mod value;
