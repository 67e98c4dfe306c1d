//! Whole flows on an emulator: a deployment of its own for each test, and the queues' messages fed to the handlers in
//! process, as Lambda would.
#![expect(clippy::expect_used, clippy::panic, reason = "what cannot be set up fails its test")]

mod command;
mod gate;
mod local;
mod pump;

pub use command::Ran;
pub use gate::Gate;
pub use local::{LOGIN_KEY, Local, SERVER_KEY};
pub use pump::{Flow, event};
