//! Both use cases on LocalStack, through the functions' own handlers: what must hold of files, profiles, deliveries and
//! visitors.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what a test cannot set up fails it"
)]

mod audit;
mod bank;

mod consent;
mod costs;
mod deliveries;
mod desk;
mod ending;
mod events;
mod files;
mod forms;
mod governance;
mod hostile;
mod linking;
mod load;
mod merges;
mod partner_ids;
mod privacy;
mod profiles;
mod pseudonymous;
mod receipts;
mod removal;
mod runs;
mod server;
mod shop;
mod snapshots;
mod target;
mod visitors;
