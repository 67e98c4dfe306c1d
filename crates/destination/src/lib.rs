#![doc = include_str!("../README.md")]

#[cfg(feature = "contract")]
pub mod contract;
mod delivery;
mod descriptor;
mod error;
pub mod hash;
pub mod http;
mod plugin;
mod record;

pub use async_trait::async_trait;
pub use delivery::{AudienceRef, AudienceSpec, Delivery, Destination, Progress, RecordOutcome, Request};
pub use descriptor::{Descriptor, Target};
pub use domain::delivery::Operation;
pub use error::{DestinationError, ErrorKind, RetryClass};
pub use plugin::{Configure, Context, Files, Plugin};
pub use record::{Emptied, Encoded, Record, Rejection, Source};
