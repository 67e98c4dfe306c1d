//! `tributary generate customers`: people whom the company knows.

use anyhow::Result;
use clap::Parser;

use super::Common;
use super::file::File;
use super::person::Person;
use super::plan::Fate;
use super::summary::Summary;

/// Write people whom the company knows, Bobby Bank first
///
/// Fields are filled by type, allowed values, bounds and namespace; e-mail addresses end in @example.com and are
/// unique. The summary counts every kind of row, and the members that each audience will have from this file alone.
#[derive(Debug, Parser)]
#[command(after_help = "Example:
  tributary generate customers --project examples/securfinancial --dataset crm_customers \\
    --rows 2000 --out customers.csv

Exit codes: 0 written; 1 the project has errors; 2 the file cannot be written.")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) common: Common,
    /// How many people
    #[arg(long, default_value_t = 2_000)]
    rows: u64,
}

/// Writes the file, and answers what stands in it.
pub(crate) fn write(args: &Args) -> Result<Summary> {
    let common = &args.common;
    let catalogue = common.catalogue()?;
    let setting = common.setting(&catalogue)?;
    let star = setting.star()?;
    let mut file = File::begin(common, &setting, args.rows)?;
    for index in 0..args.rows {
        let person = Person::customer(index + 1, setting.draw, star);
        let fate = if index == 0 { Fate::plain() } else { common.shares.fate(index, setting.draw) };
        if let Some(attributes) = file.add(&person, None, fate)? {
            file.expect(&[(&setting.dataset.name, &attributes)]);
        }
    }
    file.finish(None)
}
