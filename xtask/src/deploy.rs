//! `cargo xtask deploy`: the functions and the template, on an emulator that runs already.

use anyhow::Result;
use clap::Args;

use crate::emulator;
use crate::functions;
use crate::stack::Stack;

/// Where to deploy to, and as what.
#[derive(Args)]
pub struct Options {
    /// Address of the emulator
    #[arg(long, env = "AWS_ENDPOINT_URL")]
    endpoint: String,
    /// Name of the stack, in lower case
    #[arg(long, default_value = "tributary")]
    stack: String,
    /// A parameter of the template, as `Name=value`; may be given many times
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
}

/// Builds, deploys, and prints the variables to export.
pub fn run(options: Options) -> Result<()> {
    functions::build()?;
    let reach = emulator::environment(&options.endpoint);
    let stack = Stack { name: &options.stack, parameters: options.parameters, reach: &reach };
    emulator::print(&stack.deploy()?);
    Ok(())
}
