//! `tributary generate answer`: what a partner sends back on the people that a seed file asks for.

mod asked;
mod known;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use domain::dataset::OnUnmatched;
use domain::name::DatasetName;
use domain::value::Object;

use super::draw::Draw;
use super::file::File;
use super::person::Person;
use super::plan::Fate;
use super::share::Share;
use super::summary::Summary;
use super::{Common, Setting};
use asked::{Asked, Family, Found};
use known::Customers;

/// Write a partner's answer to a seed file
///
/// Of those whom the seed file asks for, the partner knows a share, by the identity that the dataset's primary one can
/// be compared with: a hashed e-mail address matches a clear one. Shares are of the people that the partner knows.
/// With the customers' file at hand, the answer is in clear where the dataset is, and the summary says how many
/// members each audience will have.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary generate answer --project examples/securfinancial --dataset northlight_enrichment \\
    --seed-file seed.csv --customers customers.csv --duplicate 1% --broken 1% --out answer-2026-01-01.csv
  tributary generate answer ... --round 2 --changed 5% --out answer-2026-01-02.csv

Exit codes: 0 written; 1 the project has errors; 2 a file cannot be read or written.")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) common: Common,
    /// A file of identities, clear or hashed, in any column; several may be given
    #[arg(long, required = true, value_name = "FILE")]
    seed_file: Vec<PathBuf>,
    /// The customers that the seed file was made from: a file of a dataset of the project
    #[arg(long, value_name = "FILE")]
    customers: Option<PathBuf>,
    /// How many of those who are asked for the partner knows
    #[arg(long, value_name = "SHARE", default_value = "80%")]
    matched: Share,
    /// How many rows come on top about people whom the company does not know
    #[arg(long, value_name = "SHARE", default_value = "5%")]
    unmatched: Share,
}

/// Writes the file, and answers what stands in it.
pub(crate) fn write(args: &Args) -> Result<Summary> {
    let catalogue = args.common.catalogue()?;
    let setting = args.common.setting(&catalogue)?;
    let family = Family::of(&setting)?;
    let mut asked = Asked::read(&args.seed_file, &family)?;
    let count = asked.count();
    let mut answer = Answer::begin(args, &setting, &family, count)?;
    match &args.customers {
        None => asked.each(|found| answer.write(found).map(drop))?,
        Some(path) => {
            let customers = Customers::open(path, &setting, &family)?;
            customers.each(|attributes, found| {
                let said = match found.filter(|found| asked.take(found)) {
                    Some(found) => answer.write(&found)?,
                    None => None,
                };
                answer.expect(customers.dataset(), attributes, said.as_ref());
                Ok(())
            })?;
        }
    }
    answer.file.finish(Some(count))
}

/// An answer that is being written.
struct Answer<'a> {
    args: &'a Args,
    setting: &'a Setting<'a>,
    family: &'a Family<'a>,
    file: File<'a>,
    star: Person,
    asked: u64,
    known: u64,
}

impl<'a> Answer<'a> {
    fn begin(
        args: &'a Args,
        setting: &'a Setting<'a>,
        family: &'a Family<'a>,
        total: u64,
    ) -> Result<Answer<'a>> {
        let file = File::begin(&args.common, setting, total)?;
        let star = Person::star(setting.star()?);
        Ok(Answer { args, setting, family, file, star, asked: 0, known: 0 })
    }

    /// Writes what the partner says of somebody, and answers what will be ingested of it.
    fn write(&mut self, found: &Found) -> Result<Option<Object>> {
        let draw = self.setting.draw.word(self.setting.dataset.name.as_str());
        let is_star = self.family.is(found, &self.star);
        let asked = self.asked;
        self.asked += 1;
        if !is_star && !self.args.matched.includes(asked, draw.word("matched")) {
            return Ok(None);
        }
        let known = self.known;
        self.known += 1;
        if self.args.unmatched.includes(known, draw.word("unmatched")) {
            self.write_stranger(known, draw)?;
        }
        let recognised_by = self.family.answer(found)?;
        if is_star {
            return self.file.add(&self.star, Some(&recognised_by), Fate::plain());
        }
        let person = Person::recognised(found.number(), draw);
        self.file.add(&person, Some(&recognised_by), self.args.common.shares.fate(known, draw))
    }

    fn write_stranger(&mut self, number: u64, draw: Draw) -> Result<()> {
        let said = self.file.add_stranger(&Person::stranger(number, draw))?;
        // Whom the dataset creates is somebody who can be a member.
        if self.args.customers.is_some() && self.setting.dataset.on_unmatched == OnUnmatched::Create {
            self.file.expect(&[(&self.setting.dataset.name, &said)]);
        }
        Ok(())
    }

    /// Counts a customer in the audiences that follow from the customer's own data and from what the partner says.
    fn expect(&mut self, customers: &DatasetName, attributes: &Object, said: Option<&Object>) {
        let mut parts = vec![(customers, attributes)];
        parts.extend(said.map(|said| (&self.setting.dataset.name, said)));
        self.file.expect(&parts);
    }
}
