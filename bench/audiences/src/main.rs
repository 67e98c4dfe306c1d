//! Audiences of the kind that projects have, on synthetic profiles: made here, so that every engine sees the same, and
//! evaluated here by Tributary's engine and by the `cel` crate. `cargo xtask bench audiences` runs this and the others.

mod audiences;
mod cel;
mod profiles;
mod tributary;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde::Serialize;

#[derive(Parser)]
struct Options {
    /// Where the data and the answers lie
    folder: PathBuf,
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Write the profiles and the audiences for the engines of other languages
    Data { profiles: u64 },
    /// Evaluate with Tributary's engine, so many profiles a page
    Tributary { profiles: u64, runs: usize, pages: Vec<usize> },
    /// Evaluate with the `cel` crate
    Cel { profiles: u64, runs: usize },
}

/// What was measured of an engine: a line on the standard output.
#[derive(Serialize)]
struct Measured {
    engine: String,
    profiles: u64,
    /// The processor seconds of each run.
    seconds: Vec<f64>,
    /// The processor seconds of each run that went into taking columns out of profiles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<f64>,
    /// Where the answers are: 16 bytes a profile, a bit for each audience.
    answers: PathBuf,
}

impl Measured {
    fn tell(&self, masks: &[u128]) -> Result<()> {
        let bytes: Vec<u8> = masks.iter().flat_map(|mask| mask.to_le_bytes()).collect();
        fs::write(&self.answers, bytes)?;
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}

fn main() -> Result<()> {
    let Options { folder, part } = Options::parse();
    match part {
        Part::Data { profiles } => data(&folder, profiles),
        Part::Tributary { profiles, runs, pages } => tributary::run(&folder, profiles, runs, &pages),
        Part::Cel { profiles, runs } => cel::run(&folder, profiles, runs),
    }
}

fn data(folder: &Path, profiles: u64) -> Result<()> {
    fs::create_dir_all(folder)?;
    profiles::write_csv(&folder.join("profiles.csv"), profiles)?;
    fs::write(folder.join("audiences.json"), serde_json::to_string(&audiences::Pool::new())?)?;
    Ok(())
}

/// The processor time of this process so far.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
