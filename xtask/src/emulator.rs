//! An emulator of AWS that runs on this machine, and what its users need to know of it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::process::Server;

/// Variables of the environment, in a stable order.
pub type Environment = BTreeMap<String, String>;

/// A running emulator, which ends when this value is dropped.
pub struct Emulator {
    /// Its address.
    pub endpoint: String,
    /// Its name and the version that it says of itself.
    pub label: String,
    /// Where else it, or a part of it, is reached, by the names of what the suites look for.
    pub also: Environment,
    server: Server,
}

impl Emulator {
    /// Names the emulator by what its health endpoint says.
    pub fn new(name: &str, health: &Value, endpoint: String, server: Server) -> Self {
        let version = health.get("version").and_then(Value::as_str).unwrap_or("of unknown version");
        Self { endpoint, label: format!("{name} {version}"), also: Environment::new(), server }
    }

    /// Fails if it has ended.
    pub fn check(&mut self) -> Result<()> {
        self.server.check()
    }

    /// Where its output goes, and that of the functions that it runs.
    pub fn log(&self) -> &Path {
        self.server.log()
    }

    /// What a client of AWS needs to reach it.
    pub fn environment(&self) -> Environment {
        environment(&self.endpoint)
    }
}

/// What a client of AWS needs to reach the emulator at an address.
pub fn environment(endpoint: &str) -> Environment {
    let address = [("AWS_ENDPOINT_URL", endpoint)];
    credentials()
        .into_iter()
        .chain(address)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Prints variables for a shell to read.
pub fn print(environment: &Environment) {
    for (name, value) in environment {
        println!("export {name}='{value}'");
    }
}

/// Emulators ask for credentials and do not look at them.
pub fn credentials() -> [(&'static str, &'static str); 4] {
    [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ]
}
