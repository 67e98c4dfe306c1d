//! Fragments: what one dataset says of one primary identity, and the order in which such records stand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dataset::WriteMode;
use crate::identity::{Identity, IdentityKey};
use crate::name::DatasetName;
use crate::value::{self, FieldPath, Object, Value};

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
    /// Goes up by one with every write; a write is made on condition of the version that was read.
    pub version: u64,
    /// The token of the newest record in it.
    pub token: OrderToken,
    /// Names its content.
    pub hash: ContentHash,
    /// The keys of the identities that its record linked. None, where the record is keyed by a partner's ID: it says
    /// something of whoever holds that ID, and who that is others say.
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
    /// Whether its record is keyed by a partner's ID.
    pub fn is_keyed_by_partner_id(&self) -> bool {
        self.identities.is_empty()
    }

    /// A prospect's fragment as the person's who turned out to hold the ID: there other records say so.
    pub fn of_known(&self, version: u64) -> Fragment {
        let partner_ids = BTreeSet::new();
        let hash = ContentHash::of(&self.attributes, &self.identities, &partner_ids);
        Fragment { version, hash, partner_ids, created_profile: false, ..self.clone() }
    }

    /// Whether a partner's ID is in it.
    pub fn holds(&self, partner_id: &IdentityKey) -> bool {
        self.partner_ids.iter().any(|identity| identity.key == *partner_id)
    }

    /// Whether it, or an attribute that both have, speaks of a later time than the other.
    fn is_ahead_of(&self, other: &Fragment) -> bool {
        let mut shared = self.older.iter().filter_map(|(path, token)| Some((token, other.older.get(path)?)));
        self.token.time > other.token.time || shared.any(|(token, known)| token.time > known.time)
    }

    /// This fragment with what was written of the same record under another profile, as the next version: the newer of
    /// the two, attribute by attribute where the dataset upserts. Nothing, where that is what stands.
    pub fn joined(&self, other: &Fragment, mode: WriteMode) -> Option<Fragment> {
        let version = self.version.saturating_add(1);
        if mode != WriteMode::Upsert {
            return (self.token < other.token).then(|| Fragment { version, ..other.clone() });
        }
        let newer = if self.token < other.token { other } else { self };
        let (attributes, older) = upsert(self, &other.attributes, other.token, |path| other.token_of(path));
        let partner_ids = still_said(self.partner_ids.union(&other.partner_ids), &attributes);
        let hash = ContentHash::of(&attributes, &newer.identities, &partner_ids);
        let joined = Fragment { version, attributes, older, partner_ids, hash, ..newer.clone() };
        (Fragment { version: self.version, ..joined.clone() } != *self).then_some(joined)
    }

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
    /// Whether records are keyed by a partner's ID.
    pub keyed_by_partner_id: bool,
    /// Whether rows have times of their own: then a row whose time has advanced counts as changed.
    pub row_times: bool,
    /// Days after which an unchanged record is confirmed anew, before it would run out.
    pub confirm_after: Option<u16>,
    /// Today, in days since 1970.
    pub today: i32,
}

/// Decides what a record does to the stored fragment.
pub fn decide(stored: Option<&Fragment>, record: &Record, rules: WriteRules) -> Change {
    let linked = record.identities().filter(|_| !rules.keyed_by_partner_id);
    let identities: BTreeSet<IdentityKey> = linked.map(|identity| identity.key.clone()).collect();
    let same = stored.filter(|stored| stored.token == record.token);
    let written = |token, attributes: Object, older, partner_ids: BTreeSet<Identity>| Fragment {
        version: stored.map_or(1, |stored| stored.version.saturating_add(1)),
        token,
        hash: ContentHash::of(&attributes, &identities, &partner_ids),
        identities: identities.clone(),
        partner_ids,
        attributes,
        older,
        confirmed: rules.today,
        created_profile: same.is_some_and(|same| same.created_profile),
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
    let next = match rules.mode {
        WriteMode::Replace | WriteMode::Snapshot if record.token < stored.token => return Change::Older,
        WriteMode::Replace | WriteMode::Snapshot => {
            written(record.token, record.attributes.clone(), BTreeMap::new(), record.partner_ids.clone())
        }
        WriteMode::Upsert => {
            let (attributes, older) = upsert(stored, &record.attributes, record.token, |_| record.token);
            let partner_ids = still_said(stored.partner_ids.union(&record.partner_ids), &attributes);
            written(stored.token.max(record.token), attributes, older, partner_ids)
        }
    };
    let days = rules.today.saturating_sub(stored.confirmed);
    let is_due = rules.confirm_after.is_some_and(|after| days > i32::from(after));
    // A record that says more than it did is written again: a field of it may be mapped only now. What comes in no batch
    // is a visit, and a later one that says the same confirms it.
    if let Some(same) = same.filter(|same| same.hash == next.hash)
        && !(is_due && record.token.batch == 0)
    {
        return Change::AlreadyWritten { created_profile: same.created_profile };
    }
    let advanced = rules.row_times && next.is_ahead_of(stored);
    if next.hash != stored.hash || advanced {
        return Change::Written(next);
    }
    if record.token < stored.token {
        return Change::Older;
    }
    if !is_due {
        return Change::Unchanged;
    }
    let version = stored.version.saturating_add(1);
    Change::Confirmed(Fragment { version, confirmed: rules.today, ..stored.clone() })
}

/// The partners' IDs that attributes still say: where a newer value took the place of one, the ID of the former is
/// somebody else's by now.
fn still_said<'a>(
    partner_ids: impl Iterator<Item = &'a Identity>,
    attributes: &Object,
) -> BTreeSet<Identity> {
    let said: BTreeSet<String> = value::leaves(attributes)
        .into_iter()
        .filter_map(|(_, value)| match value {
            Value::String(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            _ => None,
        })
        .collect();
    partner_ids.filter(|identity| said.contains(&identity.value)).cloned().collect()
}

/// The newest value of each attribute of a stored fragment and of what else is said, and the tokens of those that are not
/// of the newer of the two.
fn upsert(
    stored: &Fragment,
    said: &Object,
    token: OrderToken,
    token_of: impl Fn(&FieldPath) -> OrderToken,
) -> (Object, BTreeMap<FieldPath, OrderToken>) {
    let newest = stored.token.max(token);
    let mut attributes = stored.attributes.clone();
    let mut tokens: BTreeMap<FieldPath, OrderToken> = BTreeMap::new();
    for (path, _) in value::leaves(&stored.attributes) {
        let token = stored.token_of(&path);
        tokens.insert(path, token);
    }
    for (path, value) in value::leaves(said) {
        let token = token_of(&path);
        if tokens.get(&path).is_none_or(|known| *known <= token) {
            value::insert(&mut attributes, &path, value.clone());
            tokens.insert(path, token);
        }
    }
    tokens.retain(|_, token| *token != newest);
    (attributes, tokens)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::Keyring;
    use crate::namespace::{Namespace, NamespaceType, ValueRule};

    const RULES: WriteRules = WriteRules {
        mode: WriteMode::Replace,
        keyed_by_partner_id: false,
        row_times: false,
        confirm_after: None,
        today: 100,
    };
    const UPSERT: WriteRules = WriteRules { mode: WriteMode::Upsert, ..RULES };

    fn token(time: u64, batch: u64) -> OrderToken {
        OrderToken { time, batch, row: 1 }
    }

    fn record(token: OrderToken, attributes: &[(&str, i64)]) -> Record {
        let email = Namespace::standard().into_iter().find(|each| each.code.as_str() == "Email").unwrap();
        let primary = Keyring::new(1, &[7; 32]).unwrap().identity(&email, "a@example.com").unwrap();
        let attributes =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), Value::Integer(*value))).collect();
        Record { token, primary, others: Vec::new(), partner_ids: BTreeSet::new(), attributes }
    }

    fn written(stored: Option<&Fragment>, record: &Record, rules: WriteRules) -> Fragment {
        match decide(stored, record, rules) {
            Change::Written(fragment) => fragment,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_record_is_written_only_if_newer_and_different() {
        let stored = written(None, &record(token(5, 1), &[("a", 1)]), RULES);
        let decide = |record: Record| decide(Some(&stored), &record, RULES);
        assert_eq!(decide(record(token(6, 2), &[("a", 1)])), Change::Unchanged);
        assert_eq!(decide(record(token(4, 2), &[("a", 2)])), Change::Older);
        assert_eq!(
            decide(record(token(5, 1), &[("a", 1)])),
            Change::AlreadyWritten { created_profile: false }
        );
        assert!(matches!(decide(record(token(5, 2), &[("a", 2)])), Change::Written(_)));
    }

    #[test]
    fn a_record_that_is_heard_again_and_says_more_is_written_once() {
        for rules in [RULES, UPSERT, WriteRules { row_times: true, ..RULES }] {
            let stored = written(None, &record(token(5, 0), &[("a", 1)]), rules);
            let stored = Fragment { created_profile: true, ..stored };
            let more = record(token(5, 0), &[("a", 1), ("b", 2)]);
            let next = written(Some(&stored), &more, rules);
            assert_eq!(next.attributes, more.attributes);
            assert_eq!(decide(Some(&next), &more, rules), Change::AlreadyWritten { created_profile: true });
        }
    }

    #[test]
    fn with_row_times_a_time_that_has_advanced_is_a_change() {
        let rules = WriteRules { row_times: true, ..RULES };
        let stored = written(None, &record(token(5, 1), &[("a", 1)]), rules);
        assert_eq!(decide(Some(&stored), &record(token(5, 2), &[("a", 1)]), rules), Change::Unchanged);
        assert!(matches!(
            decide(Some(&stored), &record(token(6, 2), &[("a", 1)]), rules),
            Change::Written(_)
        ));
    }

    #[test]
    fn an_unchanged_record_is_confirmed_once_half_of_its_retention_has_passed() {
        let rules = WriteRules { confirm_after: Some(10), ..RULES };
        let stored = written(None, &record(token(5, 1), &[("a", 1)]), rules);
        let again = record(token(6, 2), &[("a", 1)]);
        assert_eq!(decide(Some(&stored), &again, WriteRules { today: 110, ..rules }), Change::Unchanged);
        let Change::Confirmed(confirmed) = decide(Some(&stored), &again, WriteRules { today: 111, ..rules })
        else {
            panic!("not confirmed")
        };
        assert_eq!((confirmed.confirmed, confirmed.token), (111, stored.token));
    }

    #[test]
    fn a_visit_confirms_what_is_said_again_and_a_row_that_is_applied_again_does_not() {
        for (batch, expected) in [(0, Some(111)), (1, None)] {
            let rules = WriteRules { confirm_after: Some(10), ..RULES };
            let same = record(token(5, batch), &[("a", 1)]);
            let stored = written(None, &same, rules);
            let already = Change::AlreadyWritten { created_profile: false };
            let decide = |today| decide(Some(&stored), &same, WriteRules { today, ..rules });
            assert_eq!(decide(110), already);
            let confirmed = match decide(111) {
                Change::Confirmed(fragment) => Some(fragment.confirmed),
                other => (other != already).then_some(0),
            };
            assert_eq!(confirmed, expected, "of batch {batch}");
        }
    }

    #[test]
    fn an_upsert_keeps_what_a_record_does_not_say_and_the_newest_of_what_it_says() {
        let stored = written(None, &record(token(5, 1), &[("a", 1), ("b", 1)]), UPSERT);
        let newer = written(Some(&stored), &record(token(7, 2), &[("a", 2)]), UPSERT);
        let older = written(Some(&newer), &record(token(6, 3), &[("a", 3), ("b", 3), ("c", 3)]), UPSERT);
        assert_eq!(older.attributes, record(token(0, 0), &[("a", 2), ("b", 3), ("c", 3)]).attributes);
        assert_eq!(older.token_of(&"c".parse().unwrap()), token(6, 3));
    }

    #[test]
    fn an_upsert_lets_go_of_a_partner_id_whose_value_another_has_replaced() {
        let partner = Namespace {
            code: "PID".parse().unwrap(),
            kind: NamespaceType::PartnerId,
            value: ValueRule::Text,
            ..Namespace::standard().into_iter().next().unwrap()
        };
        let with = |token, id: Option<&str>| {
            let mut record = record(token, &[("a", 1)]);
            if let Some(id) = id {
                let keyring = Keyring::new(1, &[7; 32]).unwrap();
                record.partner_ids.insert(keyring.identity(&partner, id).unwrap());
                record.attributes.insert("id".to_owned(), Value::String(id.to_owned()));
            }
            record
        };
        let ids = |fragment: &Fragment| -> Vec<String> {
            fragment.partner_ids.iter().map(|id| id.value.clone()).collect()
        };
        let first = written(None, &with(token(1, 1), Some("N-9")), UPSERT);
        let silent = written(Some(&first), &record(token(2, 2), &[("a", 2)]), UPSERT);
        assert_eq!(ids(&silent), ["N-9"], "a record that does not say it leaves it");
        let next = written(Some(&silent), &with(token(4, 4), Some("N-1")), UPSERT);
        assert_eq!(ids(&next), ["N-1"]);
        let late = decide(Some(&next), &with(token(3, 3), Some("N-8")), UPSERT);
        assert!(!matches!(&late, Change::Written(late) if ids(late) != ["N-1"]), "{late:?}");
        for joined in [first.joined(&next, WriteMode::Upsert), next.joined(&first, WriteMode::Upsert)] {
            assert_eq!(ids(&joined.unwrap_or_else(|| next.clone())), ["N-1"]);
        }
    }

    proptest! {
        #[test]
        fn tokens_as_text_stand_in_the_order_of_tokens(
            one in (0_u64..1 << 49, 0_u64..1 << 33, 0_u64..1 << 33),
            other in (0_u64..1 << 49, 0_u64..1 << 33, 0_u64..1 << 33),
        ) {
            let token = |(time, batch, row)| OrderToken { time, batch, row };
            let (one, other) = (token(one), token(other));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
            prop_assert_eq!(one.to_string().parse::<OrderToken>().unwrap(), one);
        }

        /// Whatever order records with times of their own come in, what stands is the same: that of the newest time,
        /// attribute by attribute.
        #[test]
        fn the_order_of_arrival_does_not_matter_to_an_upsert(
            rows in prop::collection::vec(prop::collection::btree_map("[abc]", 0_i64..3, 1..3), 1..8),
            seed in any::<u64>(),
        ) {
            let records: Vec<Record> = (1..).zip(&rows).map(|(time, attributes)| {
                let attributes: Vec<_> = attributes.iter().map(|(name, value)| (name.as_str(), *value)).collect();
                record(token(time, time), &attributes)
            }).collect();
            let mut shuffled = records.clone();
            shuffled.sort_by_key(|record| record.token.batch.wrapping_mul(seed | 1).rotate_left(17));
            let rules = WriteRules { row_times: true, ..UPSERT };
            let apply = |records: &[Record]| {
                let mut stored: Option<Fragment> = None;
                for record in records {
                    if let Change::Written(fragment) = decide(stored.as_ref(), record, rules) {
                        stored = Some(fragment);
                    }
                }
                stored.unwrap().attributes
            };
            let mut newest: BTreeMap<&String, (OrderToken, &Value)> = BTreeMap::new();
            for record in &records {
                for (name, value) in &record.attributes {
                    let known = newest.entry(name).or_insert((record.token, value));
                    if known.0 < record.token { *known = (record.token, value); }
                }
            }
            let expected: Object = newest.into_iter().map(|(name, (_, value))| (name.clone(), value.clone())).collect();
            prop_assert_eq!(apply(&shuffled), expected);
        }
    }
}
