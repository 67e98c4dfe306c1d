//! Fragments: what one dataset says of one primary identity, and the order in which such records stand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dataset::WriteMode;
use crate::identity::{Identity, IdentityKey};
use crate::name::DatasetName;
use crate::value::{self, FieldPath, Object};

/// Where a record stands in time: by the time that it speaks of, then by batch, then by row. The newest stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderToken {
    /// The time that the record speaks of, in milliseconds since 1970; earlier times count as 1970.
    pub time: u64,
    /// The batch's number.
    pub batch: u64,
    /// The row's number in the batch, from 1.
    pub row: u64,
}

impl fmt::Display for OrderToken {
    /// In a form whose alphabetical order is the tokens' order.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:015}-{:010}-{:010}", self.time, self.batch, self.row)
    }
}

/// A text that is no order token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no order token: expected time, batch and row joined by `-`")]
pub struct InvalidOrderToken(String);

impl FromStr for OrderToken {
    type Err = InvalidOrderToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '-').map(str::parse);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(Ok(time)), Some(Ok(batch)), Some(Ok(row))) => Ok(OrderToken { time, batch, row }),
            _ => Err(InvalidOrderToken(text.to_owned())),
        }
    }
}

impl TryFrom<String> for OrderToken {
    type Error = InvalidOrderToken;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<OrderToken> for String {
    fn from(token: OrderToken) -> String {
        token.to_string()
    }
}

/// Which record a fragment is: of one dataset, about one primary identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FragmentKey {
    /// The dataset.
    pub dataset: DatasetName,
    /// The primary identity of the record.
    pub primary: IdentityKey,
}

impl fmt::Display for FragmentKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}#{}", self.dataset, self.primary)
    }
}

/// A text that is no fragment key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fragment key: expected a dataset and an identity key joined by `#`")]
pub struct InvalidFragmentKey(String);

impl FromStr for FragmentKey {
    type Err = InvalidFragmentKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || InvalidFragmentKey(text.to_owned());
        let (dataset, primary) = text.split_once('#').ok_or_else(refuse)?;
        Ok(FragmentKey {
            dataset: dataset.parse().map_err(|_| refuse())?,
            primary: primary.parse().map_err(|_| refuse())?,
        })
    }
}

impl TryFrom<String> for FragmentKey {
    type Error = InvalidFragmentKey;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<FragmentKey> for String {
    fn from(key: FragmentKey) -> String {
        key.to_string()
    }
}

/// Names the content of a record: equal content, equal hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentHash(String);

impl ContentHash {
    /// The hash of attributes and of the identities beside them.
    fn of(
        attributes: &Object,
        identities: &BTreeSet<IdentityKey>,
        partner_ids: &BTreeSet<Identity>,
    ) -> ContentHash {
        let mut hasher = Sha256::new();
        // INVARIANT: objects print their members in a fixed order, and nothing in a value can fail to print.
        hasher.update(serde_json::to_vec(attributes).unwrap_or_default());
        for key in identities.iter().chain(partner_ids.iter().map(|identity| &identity.key)) {
            hasher.update([0]);
            hasher.update(key.as_str().as_bytes());
        }
        let mut text = hex::encode(hasher.finalize());
        text.truncate(32);
        ContentHash(text)
    }
}

/// A checked row, ready to be written: what a dataset says of a primary identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where it stands in time.
    pub token: OrderToken,
    /// Its primary identity.
    pub primary: Identity,
    /// Its other identities that link people.
    pub others: Vec<Identity>,
    /// The partner's IDs in it: they find the profile and are exported, but link nothing.
    pub partner_ids: BTreeSet<Identity>,
    /// What it says, identities included, normalised.
    pub attributes: Object,
}

impl Record {
    /// Every identity of the record that links people, the primary one first.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        std::iter::once(&self.primary).chain(&self.others)
    }
}

/// What is stored of one dataset and one primary identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fragment {
    /// The token of the newest record in it.
    pub token: OrderToken,
    /// Names its content.
    pub hash: ContentHash,
    /// The keys of the identities that its record linked.
    pub identities: BTreeSet<IdentityKey>,
    /// The partner's IDs in it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub partner_ids: BTreeSet<Identity>,
    /// What it says.
    pub attributes: Object,
    /// The tokens of attributes that are older than the fragment's, where a dataset upserts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub older: BTreeMap<FieldPath, OrderToken>,
    /// The day on which the record was last received, in days since 1970.
    pub confirmed: i32,
    /// Whether its profile was created by the record of its token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub created_profile: bool,
}

impl Fragment {
    /// The token of one attribute.
    pub fn token_of(&self, path: &FieldPath) -> OrderToken {
        self.older.get(path).copied().unwrap_or(self.token)
    }
}

/// What a record does to the fragment that is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It says what is stored already: nothing is written.
    Unchanged,
    /// It says what is stored already, but so long after the last confirmation that the day is renewed.
    Confirmed(Fragment),
    /// Something newer is stored: nothing is written.
    Older,
    /// This very record is stored already: an earlier attempt at the same work wrote it.
    AlreadyWritten {
        /// Whether it created its profile.
        created_profile: bool,
    },
    /// The fragment to write.
    Written(Fragment),
}

/// What decides how a record is written besides the record itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteRules {
    /// What a row does to the stored record.
    pub mode: WriteMode,
    /// Whether rows have times of their own: then a row whose time has advanced counts as changed.
    pub row_times: bool,
    /// Days after which an unchanged record is confirmed anew: half of the dataset's retention, if it has one.
    pub confirm_after: Option<u16>,
    /// Today, in days since 1970.
    pub today: i32,
}

/// Decides what a record does to the stored fragment.
pub fn decide(stored: Option<&Fragment>, record: &Record, rules: WriteRules) -> Change {
    let identities: BTreeSet<IdentityKey> =
        record.identities().map(|identity| identity.key.clone()).collect();
    let written = |token, attributes: Object, older, partner_ids: BTreeSet<Identity>| Fragment {
        token,
        hash: ContentHash::of(&attributes, &identities, &partner_ids),
        identities: identities.clone(),
        partner_ids,
        attributes,
        older,
        confirmed: rules.today,
        created_profile: false,
    };
    let Some(stored) = stored else {
        let attributes = record.attributes.clone();
        return Change::Written(written(
            record.token,
            attributes,
            BTreeMap::new(),
            record.partner_ids.clone(),
        ));
    };
    if stored.token == record.token {
        return Change::AlreadyWritten { created_profile: stored.created_profile };
    }
    let next = match rules.mode {
        WriteMode::Replace if record.token < stored.token => return Change::Older,
        WriteMode::Replace => {
            written(record.token, record.attributes.clone(), BTreeMap::new(), record.partner_ids.clone())
        }
        WriteMode::Upsert => {
            let (attributes, older) = upsert(stored, record);
            let mut partner_ids = stored.partner_ids.clone();
            partner_ids.extend(record.partner_ids.iter().cloned());
            written(stored.token.max(record.token), attributes, older, partner_ids)
        }
    };
    let advanced = rules.row_times && record.token.time > stored.token.time;
    if next.hash != stored.hash || advanced {
        return Change::Written(next);
    }
    if record.token < stored.token {
        return Change::Older;
    }
    match rules.confirm_after {
        Some(days) if rules.today.saturating_sub(stored.confirmed) > i32::from(days) => {
            Change::Confirmed(Fragment { confirmed: rules.today, ..stored.clone() })
        }
        _ => Change::Unchanged,
    }
}

/// The newest value of each attribute of a stored fragment and a record, and the tokens of those that are not of the
/// newer of the two.
fn upsert(stored: &Fragment, record: &Record) -> (Object, BTreeMap<FieldPath, OrderToken>) {
    let newest = stored.token.max(record.token);
    let mut attributes = stored.attributes.clone();
    let mut tokens: BTreeMap<FieldPath, OrderToken> = BTreeMap::new();
    for (path, _) in value::leaves(&stored.attributes) {
        let token = stored.token_of(&path);
        tokens.insert(path, token);
    }
    for (path, value) in value::leaves(&record.attributes) {
        if tokens.get(&path).is_none_or(|known| *known <= record.token) {
            value::insert(&mut attributes, &path, value.clone());
            tokens.insert(path, record.token);
        }
    }
    tokens.retain(|_, token| *token != newest);
    (attributes, tokens)
}
