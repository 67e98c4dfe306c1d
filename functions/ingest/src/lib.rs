//! From a file in the inbox to fragments on profiles.
//!
//! A notification opens a batch; one pass checks every row of the object and stages the accepted ones in chunks
//! ([`check`]); when it is the batch's turn its chunks are handed out ([`turn`]) and applied ([`apply`]). Every step is
//! a message on a queue and may be delivered again at any point: it finds what was done and goes on from there.

pub mod apply;
pub mod check;
pub mod handler;
pub mod message;
pub mod quarantine;
pub mod row;
pub mod staging;
pub mod turn;
