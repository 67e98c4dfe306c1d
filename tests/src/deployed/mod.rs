//! Deployments of the template: the functions as they are built, behind their real triggers.
//!
//! Where AWS is, the environment says, as it says it to every client (`AWS_ENDPOINT_URL`): on MiniStack, as `cargo xtask
//! test` starts it, on LocalStack with Docker, or at Amazon. Each test deploys a stack of its own, by
//! `cargo xtask deploy`, and states the template's parameters that it needs otherwise.
#![expect(clippy::expect_used, clippy::panic, reason = "what cannot be set up fails its test")]

mod functions;
mod stack;
mod traces;
mod watch;

pub use functions::Held;
pub use stack::{Deployed, eventually};
pub use traces::{Kind, Trace};
pub use watch::Watch;

/// A variable that `cargo xtask test` sets.
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
}

/// What the AWS command line answers.
fn aws(arguments: &[&str]) -> serde_json::Value {
    let mut aws = std::process::Command::new("aws");
    let output = aws.args(arguments).args(["--output", "json"]).output().expect("`aws` is in PATH");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`aws {}` failed: {errors}", arguments.join(" "));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}
