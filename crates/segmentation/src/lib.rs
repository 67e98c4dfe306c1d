//! Segmentation: the audiences of a catalogue, compiled once and held against any number of profiles or visitors.
//!
//! Batch audiences look at whole profiles, on schedule ([`Audiences`]). Edge audiences look at one visitor, while a page
//! waits, and again on schedule ([`EdgeAudiences`]).

mod batch;
mod compiled;
mod edge;

pub use batch::{Audiences, Findings};
pub use compiled::InvalidAudience;
pub use edge::EdgeAudiences;
