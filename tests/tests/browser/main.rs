//! Use case B in a real browser: pages with Adobe's unchanged Web SDK, and the deployed stack behind their edge.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test cannot set up fails it"
)]

mod open;

mod consent;
mod first_view;
mod governance;
mod login;
mod notifications;
