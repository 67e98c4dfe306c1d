//! From a checked row to a record: its identities are normalised and keyed.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::catalogue::Catalogue;
use crate::dataset::{Dataset, OnUnmatched};
use crate::fragment::{OrderToken, Record, WriteRules};
use crate::graph::linking::Rules;
use crate::identity::{Identity, IdentityKey, Keyring};
use crate::namespace::{InvalidIdentity, NamespaceCode, NamespaceType};
use crate::profile::day_number;
use crate::schema::Schema;
use crate::value::{self, FieldPath, Object, Value};

/// Turns rows of one dataset into records.
#[derive(Debug)]
pub struct Intake<'a> {
    catalogue: &'a Catalogue,
    dataset: &'a Dataset,
    keyring: &'a Keyring,
    /// The identity fields, the primary one first.
    identities: Vec<(FieldPath, NamespaceCode)>,
}

/// A row that cannot become a record.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidRecord {
    /// It has no value for the schema's primary identity.
    #[error("the row has no value in its primary identity `{0}`")]
    NoPrimary(FieldPath),
    /// The schema names none, which a checked project cannot have.
    #[error("the schema has no primary identity")]
    NoIdentityField,
    /// An identity breaks its namespace's rule.
    #[error("field `{field}`: {source}")]
    Identity {
        /// The field.
        field: FieldPath,
        /// What is wrong with its value.
        source: InvalidIdentity,
    },
    /// It is larger than [`LARGEST_RECORD`].
    #[error("the record takes {0} bytes: expected at most {LARGEST_RECORD}")]
    TooLarge(usize),
    /// An array in it has more than [`MOST_ELEMENTS`] elements.
    #[error("an array in the record has {0} elements: expected at most {MOST_ELEMENTS}")]
    TooManyElements(usize),
    /// It has more than [`MOST_RECORD_IDENTITIES`] identities.
    #[error("the record has {0} identities: expected at most {MOST_RECORD_IDENTITIES}")]
    TooManyIdentities(usize),
}

/// The most bytes that a record takes (the limit of the documents, as are the next two).
pub const LARGEST_RECORD: usize = 100 * 1024;

/// The most elements of an array in a record.
pub const MOST_ELEMENTS: usize = 500;

/// The most identities of a record, partner IDs among them.
pub const MOST_RECORD_IDENTITIES: usize = 20;

/// Holds a record against the limits of the documents.
fn check_limits(identities: usize, attributes: &Object) -> Result<(), InvalidRecord> {
    let (elements, bytes) = (value::longest_array(attributes), value::stored_bytes(attributes));
    match () {
        () if identities > MOST_RECORD_IDENTITIES => Err(InvalidRecord::TooManyIdentities(identities)),
        () if elements > MOST_ELEMENTS => Err(InvalidRecord::TooManyElements(elements)),
        () if bytes > LARGEST_RECORD => Err(InvalidRecord::TooLarge(bytes)),
        () => Ok(()),
    }
}

impl<'a> Intake<'a> {
    /// The intake of a dataset.
    pub fn new(
        catalogue: &'a Catalogue,
        dataset: &'a Dataset,
        schema: &Schema,
        keyring: &'a Keyring,
    ) -> Intake<'a> {
        let identities = schema
            .identities()
            .into_iter()
            .map(|(path, identity)| (path, identity.namespace.clone()))
            .collect();
        Intake { catalogue, dataset, keyring, identities }
    }

    /// The record that a row's attributes come to. Identities in them are replaced by their normalised form, so that
    /// a change of case alone is no change.
    ///
    /// # Errors
    /// Where the primary identity is missing, an identity breaks its namespace's rule, or the record is beyond a limit.
    pub fn record(&self, mut attributes: Object, token: OrderToken) -> Result<Record, InvalidRecord> {
        let mut primary = None;
        let mut others: Vec<Identity> = Vec::new();
        let mut partner_ids = BTreeSet::new();
        for (index, (path, code)) in self.identities.iter().enumerate() {
            let Some(identity) = self.identity(&mut attributes, path, code)? else {
                if index == 0 {
                    return Err(InvalidRecord::NoPrimary(path.clone()));
                }
                continue;
            };
            let links = self.catalogue.namespace(code).is_some_and(|namespace| namespace.kind.links_people());
            if index == 0 {
                primary = Some(identity);
            } else if !links {
                partner_ids.insert(identity);
            } else if primary.as_ref().is_none_or(|first| first.key != identity.key)
                && others.iter().all(|other| other.key != identity.key)
            {
                others.push(identity);
            }
        }
        let primary = primary.ok_or(InvalidRecord::NoIdentityField)?;
        check_limits(1 + others.len() + partner_ids.len(), &attributes)?;
        Ok(Record { token, primary, others, partner_ids, attributes })
    }

    /// A record without some of the identities beside its primary one, and without their values.
    pub fn without(&self, record: &Record, keys: &BTreeSet<IdentityKey>) -> Record {
        let mut rest = record.clone();
        rest.others.retain(|identity| !keys.contains(&identity.key));
        for (path, code) in self.identities.iter().skip(1) {
            let identity = self.identity(&mut rest.attributes, path, code).ok().flatten();
            if identity.is_some_and(|identity| keys.contains(&identity.key)) {
                value::remove(&mut rest.attributes, path);
            }
        }
        rest
    }

    /// Whom attributes are about that may not come to a record: the key of their primary identity, where they have one
    /// that follows its namespace's rule.
    pub fn primary(&self, attributes: &Object) -> Option<IdentityKey> {
        let (path, code) = self.identities.first()?;
        let identity = self.identity(&mut attributes.clone(), path, code).ok().flatten();
        identity.map(|identity| identity.key)
    }

    fn identity(
        &self,
        attributes: &mut Object,
        path: &FieldPath,
        code: &NamespaceCode,
    ) -> Result<Option<Identity>, InvalidRecord> {
        let Some(namespace) = self.catalogue.namespace(code) else { return Ok(None) };
        let written = match value::at(attributes, path) {
            None => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Integer(number)) => number.to_string(),
            Some(_) => String::new(),
        };
        let identity = self
            .keyring
            .identity(namespace, &written)
            .map_err(|source| InvalidRecord::Identity { field: path.clone(), source })?;
        if matches!(value::at(attributes, path), Some(Value::String(_))) {
            value::insert(attributes, path, Value::String(identity.value.clone()));
        }
        Ok(Some(identity))
    }

    /// Whether the dataset's records are keyed by a partner's ID: they enrich whoever holds it, and link nobody.
    pub fn is_keyed_by_partner_id(&self) -> bool {
        let primary = self.identities.first().and_then(|(_, code)| self.catalogue.namespace(code));
        primary.is_some_and(|namespace| namespace.kind == NamespaceType::PartnerId)
    }

    /// The rules by which identities are linked.
    pub fn linking(&self) -> Rules {
        Rules::of(&self.catalogue.namespaces)
    }

    /// The catalogue.
    pub fn catalogue(&self) -> &Catalogue {
        self.catalogue
    }

    /// The rank of an identity's namespace: 0 is the highest priority. A profile is born with the highest.
    pub fn rank<'b>(&self, identity: &'b Identity) -> (usize, &'b Identity) {
        (self.catalogue.priority(&identity.namespace), identity)
    }

    /// Days after which an unchanged record is confirmed anew, before it would run out of anybody's profile: half of its
    /// time. Of a pseudonymous visitor each day is, as the last visit tells when the profile expires.
    fn confirm_after(&self) -> Option<u16> {
        let makes_prospects = self.dataset.on_unmatched == OnUnmatched::Prospect;
        let by_dataset = self.dataset.retention.days_of(makes_prospects).map(|days| days / 2);
        let primary = self.identities.first().map(|(_, code)| code);
        let by_rule = self.catalogue.pseudonymous.as_ref().and_then(|rule| {
            let is_of_visits = self.dataset.events().is_some() && rule.counts_visits();
            let is_meant = primary.is_some_and(|code| rule.namespaces.contains(code));
            if is_of_visits { Some(0) } else { is_meant.then_some(rule.days / 2) }
        });
        by_dataset.into_iter().chain(by_rule).min()
    }

    /// Whether any dataset of the catalogue makes prospects.
    pub fn has_prospects(&self) -> bool {
        self.catalogue.has_prospects()
    }

    /// The rules by which the dataset's records are written.
    pub fn rules(&self, now: Timestamp) -> WriteRules {
        WriteRules {
            mode: self.dataset.write_mode,
            keyed_by_partner_id: self.is_keyed_by_partner_id(),
            // An event has a time of its own, as a row may have.
            row_times: self.dataset.files().is_none_or(|files| files.row_time.is_some()),
            confirm_after: self.confirm_after(),
            today: day_number(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_may_be_as_large_as_the_documents_say_and_no_larger() {
        let array = |length: usize| {
            let nested =
                Object::from([("items".to_owned(), Value::Array(vec![Value::Boolean(true); length]))]);
            Object::from([("outer".to_owned(), Value::Array(vec![Value::Object(nested)]))])
        };
        let text = |length| Object::from([("text".to_owned(), Value::String("x".repeat(length)))]);
        assert_eq!(check_limits(20, &array(500)), Ok(()));
        assert_eq!(check_limits(21, &Object::new()), Err(InvalidRecord::TooManyIdentities(21)));
        assert_eq!(check_limits(1, &array(501)), Err(InvalidRecord::TooManyElements(501)));
        assert_eq!(check_limits(1, &text(100 * 1024 - 8)), Ok(()));
        assert_eq!(check_limits(1, &text(100 * 1024)), Err(InvalidRecord::TooLarge(100 * 1024 + 8)));
    }
}
