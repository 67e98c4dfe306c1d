//! Use case A on the deployed stack: the functions as they are built, behind their real triggers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test cannot set up fails it"
)]

mod bank;

mod crash;
mod privacy;
mod story;
mod stream;
mod watch;
