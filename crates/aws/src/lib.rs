//! The store: DynamoDB, S3, SQS and Secrets Manager as concrete types with the domain's nouns in their signatures,
//! and the start-up that functions share.
//!
//! Besides the functions this is the only crate that names an AWS crate. It decides nothing: what to write is the
//! domain's answer; here stands how it is written so that nothing is lost or written twice.

mod condition;
mod deployment;
mod error;
mod events;
mod fragments;
mod identities;
mod item;
mod keys;
mod ledger;
mod migrate;
mod objects;
mod profiles;
mod queues;
mod relink;
mod removal;
mod secrets;
mod settle;
mod start;
mod stream;
mod sweep;
mod units;
mod visitors;

pub use deployment::Deployment;
pub use error::Error;
pub use events::{Events, Untaken};
pub use identities::{Holder, Identities, Reference, SeenReference, Suppression};
pub use ledger::{
    Applied, Chunk, ChunkKey, Erasure, Found, Lease, Ledger, Moved, Progress, Receipt, RefusalRecord,
    Removed, Run, Slice, SliceKey, SplitRecord, Standing, Watermark,
};
pub use migrate::Migrated;
pub use objects::{Object, Objects};
pub use profiles::{Mark, Page, Profiles, ScanPosition, Settlement};
pub use queues::{Evaluate, Queue, Queues, Visit, Wake, Work};
pub use relink::MOST_RELINKED;
pub use removal::{Closed, Deleted};
pub use secrets::Secrets;
pub use settle::Settled;
pub use start::{InForce, Store, logging};
pub use stream::{ProfileChange, VisitorChange};
pub use sweep::{Sweep, Swept};
pub use units::Units;
pub use visitors::{MOST_REPORTED, Visitors};
