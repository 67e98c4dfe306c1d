//! From a file in the inbox to fragments on profiles; and what the edge left, to the same profiles.
//!
//! A notification opens a batch; one pass checks every row of the object and stages the accepted ones in chunks
//! ([`check`]); when it is the batch's turn its chunks are handed out ([`turn`]) and applied ([`apply`]). Every step is
//! a message on a queue and may be delivered again at any point: it finds what was done and goes on from there. Where a
//! dataset is one of snapshots, what its newest batch lacks is removed in chunks of the same kind ([`snapshot`]).
//!
//! What the edge remembers of a visitor is linked to a profile by the same rules as a row ([`visitor`]), and events that
//! the stream of events did not take are kept ([`events`]). Events that were kept can be heard again ([`replay`]).

pub mod apply;
pub mod check;
pub mod events;
pub mod handler;
pub mod message;
pub mod quarantine;
pub mod replay;
pub mod row;
pub mod snapshot;
pub mod staging;
pub mod turn;
pub mod visitor;
