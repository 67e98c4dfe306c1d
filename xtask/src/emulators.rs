//! `cargo xtask emulators`: both emulators, for as long as somebody works with them.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::emulator::{self, Emulator, Environment};
use crate::{localstack, ministack};

/// The emulators that the test suites run on.
pub struct Emulators {
    /// DynamoDB as Amazon counts it, and the rest of the ports.
    pub localstack: Emulator,
    /// The deployed stack.
    pub ministack: Emulator,
}

impl Emulators {
    /// Starts both.
    pub fn start() -> Result<Self> {
        Ok(Self { localstack: localstack::start()?, ministack: ministack::start()? })
    }

    /// What the suites look for.
    pub fn environment(&self) -> Environment {
        let mut environment = self.ministack.environment();
        environment.insert("TRIBUTARY_TEST_LOCALSTACK".to_owned(), self.localstack.endpoint.clone());
        environment.insert("TRIBUTARY_TEST_MINISTACK".to_owned(), self.ministack.endpoint.clone());
        environment
    }
}

/// Starts both, prints the variables to export, and waits.
pub fn run() -> Result<()> {
    let mut emulators = Emulators::start()?;
    emulator::print(&emulators.environment());
    eprintln!("{} and {} run until Ctrl-C", emulators.localstack.label, emulators.ministack.label);
    loop {
        emulators.localstack.check()?;
        emulators.ministack.check()?;
        thread::sleep(Duration::from_secs(1));
    }
}
