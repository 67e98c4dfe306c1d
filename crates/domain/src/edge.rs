//! The edge: what is decided about a visitor while the page waits.
//!
//! A browser's event comes to a datastream. What is remembered of its visitor, what the event adds to that, and which
//! offers may be shown follow from these types; who reads, evaluates and answers is the function `edge`.

pub mod consent;
pub mod datastream;
pub mod decide;
pub mod offer;
pub mod person;
pub mod received;
pub mod signal;
pub mod visitor;
