//! People to link: identities, and records that name them.

use std::collections::BTreeSet;

use domain::fragment::{OrderToken, Record};
use domain::graph::linking::Rules;
use domain::identity::{Identity, Keyring};
use domain::name::DatasetName;
use domain::namespace::{Namespace, NamespaceType, ValueRule};
use domain::value::Object;

/// `CRMID` is unique, and stands above the others.
fn namespaces() -> Vec<Namespace> {
    let of = |code: &str, kind| Namespace {
        code: code.parse().unwrap(),
        title: String::new(),
        kind,
        value: ValueRule::Text,
        hashed: false,
    };
    let kinds = [
        ("CRMID", NamespaceType::CrossDevice),
        ("Email", NamespaceType::Email),
        ("Phone", NamespaceType::Phone),
        ("GAID", NamespaceType::Device),
        ("ECID", NamespaceType::Cookie),
    ];
    let mut all: Vec<Namespace> = Namespace::standard();
    all.retain(|each| !kinds.iter().any(|(code, _)| *code == each.code.as_str()));
    kinds.into_iter().map(|(code, kind)| of(code, kind)).chain(all).collect()
}

pub fn rules() -> Rules {
    Rules::of(&namespaces())
}

pub fn keyring() -> Keyring {
    Keyring::new(1, &[7; 32]).unwrap()
}

/// What is written as `CRMID:1`.
pub fn identity(text: &str) -> Identity {
    let (code, value) = text.split_once(':').unwrap();
    let namespaces = namespaces();
    let namespace = namespaces.iter().find(|each| each.code.as_str() == code).unwrap();
    keyring().identity(namespace, value).unwrap()
}

/// A record of a time, the primary identity first.
pub fn record(time: u64, texts: &[impl AsRef<str>]) -> Record {
    let mut all = texts.iter().map(|text| identity(text.as_ref()));
    Record {
        token: OrderToken { time, batch: 1, row: 1 },
        primary: all.next().unwrap(),
        others: all.collect(),
        partner_ids: BTreeSet::new(),
        attributes: Object::new(),
    }
}

pub fn crm() -> DatasetName {
    "crm".parse().unwrap()
}
