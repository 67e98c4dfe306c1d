//! `cargo xtask deploy`: the functions and the template, on an emulator that runs already, or on AWS.

use anyhow::Result;
use clap::Args;

use crate::stack::Stack;
use crate::{emulator, functions};

/// Where to deploy to, and as what.
#[derive(Args)]
pub struct Options {
    /// Address of the emulator; without one it is AWS itself, by the environment's own credentials
    #[arg(long, env = "AWS_ENDPOINT_URL")]
    endpoint: Option<String>,
    /// Name of the stack, in lower case
    #[arg(long, default_value = "tributary")]
    stack: String,
    /// A parameter of the template, as `Name=value`; may be given many times
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// Deploy the functions as they were built last
    #[arg(long)]
    built: bool,
}

/// Builds, deploys, and prints the variables to export.
pub fn run(options: Options) -> Result<()> {
    if !options.built {
        functions::build()?;
    }
    let reach = options.endpoint.as_deref().map(emulator::environment).unwrap_or_default();
    let stack = Stack { name: &options.stack, parameters: options.parameters, reach: &reach };
    emulator::print(&stack.deploy()?);
    Ok(())
}
