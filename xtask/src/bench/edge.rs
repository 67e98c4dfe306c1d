//! The edge, as Lambda runs it.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use super::built;
use crate::{functions, localstack, process, workspace};

/// How the edge is measured.
#[derive(Args)]
pub struct Edge {
    /// The profile to build it in: `release` is what runs in Lambda, and takes minutes to build
    #[arg(long, default_value = "release")]
    profile: String,
    /// How many page views are measured on each storage
    #[arg(long, default_value_t = 2000)]
    views: usize,
    /// How often the function is started
    #[arg(long, default_value_t = 10)]
    starts: usize,
}

/// Has the measuring program send page views to the function.
pub fn run(edge: &Edge) -> Result<()> {
    functions::build()?;
    let function = built(&edge.profile, &["edge"])?;
    let localstack = localstack::start()?;
    let mut measuring = Command::new(workspace::target().join("fast/bench-edge"));
    measuring
        .arg(function.join("edge"))
        .args(["--views", &edge.views.to_string(), "--starts", &edge.starts.to_string()])
        .env("TRIBUTARY_TEST_LOCALSTACK", &localstack.endpoint);
    process::show(&mut measuring)
}
