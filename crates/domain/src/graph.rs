//! The identity graph of one profile: which identities are one person, since when, and by whose word.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::fragment::{FragmentKey, OrderToken, Record};
use crate::identity::{Identity, IdentityKey, ProfileId};
use crate::name::DatasetName;
use crate::namespace::NamespaceCode;

pub mod linking;

/// The most identities that one graph may hold (the limit of Adobe's identity service).
pub const MOST_IDENTITIES: usize = 50;

/// The graph of a profile, and the list of its fragments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// Goes up by one with every write; a write is made on condition of the version that was read.
    pub version: u64,
    /// The identities that are this person. A partner's ID is never among them.
    pub identities: BTreeMap<IdentityKey, Node>,
    /// Who linked which two of them, and when.
    pub edges: Vec<Edge>,
    /// The keys of the profile's fragments. A key is written here before its fragment: this is a superset.
    pub fragments: BTreeSet<FragmentKey>,
    /// The profile that this one has become, where it was merged away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<ProfileId>,
    /// The token of the record that created the profile.
    pub born: OrderToken,
    /// Whether it is of a prospect, of whom nothing is known but a partner's ID: it has no identities.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prospect: bool,
}

/// An identity in a graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its namespace.
    pub namespace: NamespaceCode,
    /// Its value, normalised.
    pub value: String,
    /// When a record last linked it with another identity, or brought it here, in milliseconds since 1970.
    pub linked: u64,
}

/// A link between two identities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The two, the lesser key first.
    pub between: (IdentityKey, IdentityKey),
    /// The time of the newest record that linked them, in milliseconds since 1970.
    pub at: u64,
    /// The dataset of that record.
    pub source: DatasetName,
}

/// A graph that would hold more identities than [`MOST_IDENTITIES`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the profile would have {0} identities: expected at most {MOST_IDENTITIES}")]
pub struct TooManyIdentities(usize);

impl Graph {
    /// The graph of a profile that a record creates.
    ///
    /// # Errors
    /// Where the record has more identities than a graph may hold.
    pub fn born(record: &Record, dataset: &DatasetName) -> Result<Graph, TooManyIdentities> {
        let empty = Graph {
            version: 0,
            identities: BTreeMap::new(),
            edges: Vec::new(),
            fragments: BTreeSet::new(),
            merged_into: None,
            born: record.token,
            prospect: false,
        };
        Ok(empty.with(record, dataset)?.unwrap_or(empty))
    }

    /// The graph of a prospect that a record creates.
    pub fn of_prospect(born: OrderToken, fragment: FragmentKey) -> Graph {
        Graph {
            version: 1,
            identities: BTreeMap::new(),
            edges: Vec::new(),
            fragments: BTreeSet::from([fragment]),
            merged_into: None,
            born,
            prospect: true,
        }
    }

    /// This graph with what a record links and the key of its fragment, as the next version; nothing where the graph
    /// says all that already.
    ///
    /// # Errors
    /// Where the graph would hold more identities than it may.
    pub fn with(&self, record: &Record, dataset: &DatasetName) -> Result<Option<Graph>, TooManyIdentities> {
        let mut next = self.clone();
        // A record of one identity finds a profile by it and links nothing: it says nothing of which is the newest.
        let links = !record.others.is_empty();
        for identity in record.identities() {
            let fresh = Node {
                namespace: identity.namespace.clone(),
                value: identity.value.clone(),
                linked: record.token.time,
            };
            let node = next.identities.entry(identity.key.clone()).or_insert_with(|| fresh.clone());
            // An e-mail that was known by its hash alone is from now on known in clear, if the record may supply it.
            if links
                && node.namespace != fresh.namespace
                && is_digest_of(&node.value)
                && !is_digest_of(&fresh.value)
            {
                *node = fresh;
            }
            if links {
                node.linked = node.linked.max(record.token.time);
            }
        }
        if next.identities.len() > MOST_IDENTITIES {
            return Err(TooManyIdentities(next.identities.len()));
        }
        next.link_all(record, dataset);
        next.fragments.insert(FragmentKey { dataset: dataset.clone(), primary: record.primary.key.clone() });
        if next == *self {
            return Ok(None);
        }
        next.version = self.version.saturating_add(1);
        Ok(Some(next))
    }

    /// This graph with the key of one more fragment, as the next version; nothing where it is listed already.
    pub fn listing(&self, fragment: &FragmentKey) -> Option<Graph> {
        let mut next = self.clone();
        next.version = self.version.saturating_add(1);
        next.fragments.insert(fragment.clone()).then_some(next)
    }

    /// Links all pairs of a record's identities.
    fn link_all(&mut self, record: &Record, dataset: &DatasetName) {
        let keys: BTreeSet<&IdentityKey> = record.identities().map(|identity| &identity.key).collect();
        for (index, one) in keys.iter().enumerate() {
            for other in keys.iter().skip(index + 1) {
                let between = ((*one).clone(), (*other).clone());
                match self.edges.iter_mut().find(|edge| edge.between == between) {
                    Some(edge) if edge.at >= record.token.time => {}
                    Some(edge) => {
                        edge.at = record.token.time;
                        edge.source = dataset.clone();
                    }
                    None => self.edges.push(Edge { between, at: record.token.time, source: dataset.clone() }),
                }
            }
        }
    }

    /// Whether a record would give the person a second identity of a namespace of which everybody has one. Two people
    /// who share an e-mail would become one.
    pub fn conflicts_with(&self, record: &Record, is_unique: impl Fn(&NamespaceCode) -> bool) -> bool {
        record.identities().filter(|identity| is_unique(&identity.namespace)).any(|identity| {
            self.identities
                .iter()
                .any(|(key, node)| node.namespace == identity.namespace && *key != identity.key)
        })
    }

    /// This graph without identities that turned out to belong to another profile.
    pub fn without(&self, keys: &BTreeSet<&IdentityKey>) -> Graph {
        let mut next = self.clone();
        next.identities.retain(|key, _| !keys.contains(key));
        next.edges.retain(|edge| !keys.contains(&edge.between.0) && !keys.contains(&edge.between.1));
        next.version = self.version.saturating_add(1);
        next
    }

    /// When a record last linked an identity with another, in milliseconds since 1970.
    pub fn linked_at(&self, key: &IdentityKey) -> Option<u64> {
        let edges = self.edges.iter().filter(|edge| edge.between.0 == *key || edge.between.1 == *key);
        edges.map(|edge| edge.at).max()
    }

    /// The identity that was linked longest ago, of some namespaces.
    pub fn oldest(&self, is_meant: impl Fn(&NamespaceCode) -> bool) -> Option<(&IdentityKey, &Node)> {
        let nodes = self.identities.iter().filter(|(_, node)| is_meant(&node.namespace));
        nodes.min_by_key(|(key, node)| (node.linked, *key))
    }

    /// The identity of a namespace that was linked last; of two linked at once, the lesser value.
    pub fn newest(&self, namespace: &NamespaceCode) -> Option<Identity> {
        self.identities
            .iter()
            .filter(|(_, node)| node.namespace == *namespace)
            .max_by(|(_, one), (_, other)| {
                one.linked.cmp(&other.linked).then_with(|| other.value.cmp(&one.value))
            })
            .map(|(key, node)| Identity {
                key: key.clone(),
                namespace: namespace.clone(),
                value: node.value.clone(),
            })
    }
}

fn is_digest_of(value: &str) -> bool {
    value.len() == 64 && value.bytes().all(|each| each.is_ascii_hexdigit())
}
