//! `cargo xtask emulators`: both emulators, for as long as somebody works with them.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::browser::Browser;
use crate::emulator::{self, Emulator, Environment};
use crate::{functions, localstack, ministack};

/// The emulators that the test suites run on, and the browser.
pub struct Emulators {
    /// DynamoDB as Amazon counts it, and the rest of the ports.
    pub localstack: Emulator,
    /// The deployed stack.
    pub ministack: Emulator,
    browser: Browser,
}

impl Emulators {
    /// Starts both.
    pub fn start() -> Result<Self> {
        let browser = Browser::ready()?;
        Ok(Self { localstack: localstack::start()?, ministack: ministack::start()?, browser })
    }

    /// What the suites look for: where the emulators and the browser are, and the commands by which they deploy and work on what is deployed.
    pub fn environment(&self) -> Result<Environment> {
        let mut environment = self.ministack.environment();
        environment.extend(self.browser.environment());
        environment.extend(self.localstack.also.clone());
        let mut set = |name: &str, value| environment.insert(name.to_owned(), value);
        set("TRIBUTARY_TEST_LOCALSTACK", self.localstack.endpoint.clone());
        set("TRIBUTARY_XTASK", std::env::current_exe()?.display().to_string());
        set("TRIBUTARY_CLI", functions::command_line().display().to_string());
        Ok(environment)
    }
}

/// Starts both, prints the variables to export, and waits.
pub fn run() -> Result<()> {
    let mut emulators = Emulators::start()?;
    emulator::print(&emulators.environment()?);
    eprintln!("{} and {} run until Ctrl-C", emulators.localstack.label, emulators.ministack.label);
    loop {
        emulators.localstack.check()?;
        emulators.ministack.check()?;
        thread::sleep(Duration::from_secs(1));
    }
}
