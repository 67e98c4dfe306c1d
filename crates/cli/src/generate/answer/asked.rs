//! Whom a seed file asks for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use domain::namespace::{Namespace, ValueRule};

use crate::generate::Setting;
use crate::generate::person::Person;
use crate::generate::record::Maker;
use crate::generate::values;

/// The namespaces whose identities can be compared with those that the answer is keyed by: an e-mail address and its
/// hash are of one family.
pub(super) struct Family<'a> {
    /// The namespace that the answer is keyed by.
    primary: &'a Namespace,
    /// All of the family, hashed ones first: only a hash looks like one.
    namespaces: Vec<&'a Namespace>,
}

/// Somebody's identity, wherever it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    digest: [u8; 32],
    clear: Option<String>,
}

impl Found {
    /// Stands for the identity: as good as unique.
    pub(super) fn number(&self) -> u64 {
        self.digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

impl<'a> Family<'a> {
    pub(super) fn of(setting: &Setting<'a>) -> Result<Family<'a>> {
        let primary = Maker::of(setting.catalogue, setting.dataset, setting.schema)?.primary()?;
        let namespaces = setting.catalogue.namespaces.iter();
        let mut namespaces: Vec<_> = namespaces.filter(|each| each.family() == primary.family()).collect();
        namespaces.sort_by_key(|namespace| !is_hashed(namespace));
        Ok(Family { primary, namespaces })
    }

    /// Whether a namespace is of the family.
    pub(super) fn has(&self, namespace: &Namespace) -> bool {
        namespace.family() == self.primary.family()
    }

    /// The identity that a text is.
    pub(super) fn find(&self, text: &str) -> Option<Found> {
        self.namespaces.iter().find_map(|namespace| {
            let normalised = namespace.normalise(text).ok()?;
            let clear = (!is_hashed(namespace)).then_some(normalised.value);
            Some(Found { digest: normalised.digest, clear })
        })
    }

    /// Whether the identity is this person's.
    pub(super) fn is(&self, found: &Found, person: &Person) -> bool {
        let own = self.find(&values::identity(self.primary, person));
        own.is_some_and(|own| own.digest == found.digest)
    }

    /// The identity as the answer writes it.
    pub(super) fn answer(&self, found: &Found) -> Result<String> {
        if is_hashed(self.primary) {
            return Ok(hex::encode(found.digest));
        }
        found.clear.clone().with_context(|| {
            format!(
                "the seed file holds hashes, and the answer is keyed by clear values of namespace `{}`: give the customers' file with `--customers`",
                self.primary.code
            )
        })
    }
}

fn is_hashed(namespace: &Namespace) -> bool {
    matches!(namespace.value, ValueRule::EmailSha256 | ValueRule::PhoneE164Sha256)
}

/// Those whom seed files ask for, each once.
pub(super) struct Asked<'a> {
    files: &'a [PathBuf],
    family: &'a Family<'a>,
    waiting: HashSet<u64>,
}

impl<'a> Asked<'a> {
    pub(super) fn read(files: &'a [PathBuf], family: &'a Family<'a>) -> Result<Asked<'a>> {
        let mut waiting = HashSet::new();
        for file in files {
            each_identity(file, family, |found| {
                waiting.insert(found.number());
                Ok(())
            })?;
        }
        Ok(Asked { files, family, waiting })
    }

    /// How many were not taken yet.
    pub(super) fn count(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// Whether somebody is asked for and was not taken before.
    pub(super) fn take(&mut self, found: &Found) -> bool {
        self.waiting.remove(&found.number())
    }

    /// Takes everybody in the order of the files.
    pub(super) fn each(&mut self, mut take: impl FnMut(&Found) -> Result<()>) -> Result<()> {
        for file in self.files {
            let family = self.family;
            each_identity(file, family, |found| if self.take(&found) { take(&found) } else { Ok(()) })?;
        }
        Ok(())
    }
}

/// Reads the identity in each row of a file: the first cell that is one.
fn each_identity(file: &Path, family: &Family<'_>, mut take: impl FnMut(Found) -> Result<()>) -> Result<()> {
    let unreadable = || format!("seed file `{}` cannot be read", file.display());
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(file).with_context(unreadable)?;
    for row in reader.records() {
        let row = row.with_context(unreadable)?;
        if let Some(found) = row.iter().find_map(|cell| family.find(cell)) {
            take(found)?;
        }
    }
    Ok(())
}
