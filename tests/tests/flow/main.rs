//! Use case A on LocalStack, through the functions' own handlers: what must hold of files, profiles and deliveries.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what a test cannot set up fails it")]

mod bank;

mod costs;
mod deliveries;
mod files;
mod profiles;
mod runs;
mod target;
