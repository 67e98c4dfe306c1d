//! The identity graph of one profile: which identities are one person, since when, and by whose word.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fragment::{FragmentKey, OrderToken, Record};
use crate::identity::{Identity, IdentityKey, ProfileId};
use crate::name::DatasetName;
use crate::namespace::{ECID, NamespaceCode};

pub mod linking;
mod relink;

use relink::Draft;
pub use relink::{Contradiction, Moved, Neighbourhood, Part, Relinked, Relinking};

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
    /// The links that do not stand, the last dropped first, as many as are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<DroppedLink>,
    /// The splits that people made, the newest first, as many as are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub splits: Vec<Split>,
    /// The profiles under which something of this person may still lie: it is being brought here.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub arriving: BTreeSet<ProfileId>,
    /// The profiles that have become part of this one and still owe a destination something: what was sent of them is
    /// withdrawn there, and until then the person is not erased.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub owing: BTreeSet<ProfileId>,
    /// How the profile ends, where it does: nothing of it is wanted at any destination any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
}

/// How a profile ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Nothing has been known of the person since then. A record that knows something again revives the profile.
    Over {
        /// Since when.
        since: Timestamp,
    },
    /// The person was deleted: nothing is written to the profile any more, and once nothing that was sent of it stands,
    /// it is erased.
    Deleted {
        /// The receipt.
        receipt: String,
    },
    /// It is erased. This word stays for a while, so that what a late writer leaves here is found and goes too.
    Erased {
        /// Since when.
        at: Timestamp,
        /// The receipt, where the person was deleted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipt: Option<String>,
    },
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

/// A link that records asked for and that does not stand. Identities are named by their keys alone: one of the two may
/// be somebody else's by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedLink {
    /// The link, as it was last asked for.
    #[serde(flatten)]
    pub edge: Edge,
    /// The time of the newest record that was heard when it was dropped, in milliseconds since 1970.
    pub dropped: u64,
    /// Why.
    #[serde(flatten)]
    pub reason: DropReason,
}

/// Why a link of a stored graph was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum DropReason {
    /// Two identities of a unique namespace would have come together, and links that go first stood already.
    Unique {
        /// The namespace.
        namespace: NamespaceCode,
    },
    /// The graph was full, and let go of this identity.
    Evicted {
        /// The identity.
        identity: IdentityKey,
    },
    /// A person has split the two, and no newer record than that has said that they are one.
    Split,
}

impl fmt::Display for DropReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DropReason::Unique { namespace } => {
                write!(
                    formatter,
                    "namespace `{namespace}` is unique: the link would put two of it into one graph"
                )
            }
            DropReason::Evicted { identity } => write!(
                formatter,
                "the graph had more than {MOST_IDENTITIES} identities, and `{identity}` was the first to go"
            ),
            DropReason::Split => {
                write!(formatter, "a person has split the two, and no newer record links them")
            }
        }
    }
}

/// A split that a person made. What older records say of a link between the two sides does not count any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// The identities that went out.
    pub out: BTreeSet<IdentityKey>,
    /// The identities that they were taken from.
    pub rest: BTreeSet<IdentityKey>,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Split {
    /// Whether it bars a link.
    pub fn bars(&self, edge: &Edge) -> bool {
        let (one, other) = &edge.between;
        let crosses = self.out.contains(one) && self.rest.contains(other)
            || self.out.contains(other) && self.rest.contains(one);
        crosses && edge.at <= self.at
    }
}

impl Graph {
    /// The graph of a profile that a record creates.
    pub fn born(record: &Record, dataset: &DatasetName) -> Graph {
        let mut draft = Draft::default();
        draft.hear(record, dataset);
        Graph {
            identities: draft.nodes,
            edges: draft.edges.into_values().collect(),
            fragments: BTreeSet::from([FragmentKey {
                dataset: dataset.clone(),
                primary: record.primary.key.clone(),
            }]),
            ..Graph::empty(record.token)
        }
    }

    /// The graph of a profile that has no identity.
    pub fn empty(born: OrderToken) -> Graph {
        Graph {
            version: 1,
            identities: BTreeMap::new(),
            edges: Vec::new(),
            fragments: BTreeSet::new(),
            merged_into: None,
            born,
            prospect: false,
            dropped: Vec::new(),
            splits: Vec::new(),
            arriving: BTreeSet::new(),
            owing: BTreeSet::new(),
            ending: None,
        }
    }

    /// The graph of a prospect that a record creates.
    pub fn of_prospect(born: OrderToken, fragment: FragmentKey) -> Graph {
        Graph { fragments: BTreeSet::from([fragment]), prospect: true, ..Graph::empty(born) }
    }

    /// This graph with the key of one more fragment, as the next version; nothing where it is listed already. Something
    /// is known of the person again.
    pub fn listing(&self, fragment: &FragmentKey) -> Option<Graph> {
        let mut next = self.clone();
        next.version = self.version.saturating_add(1);
        let is_over = matches!(self.ending, Some(Ending::Over { .. }));
        next.ending = next.ending.filter(|_| !is_over);
        (next.fragments.insert(fragment.clone()) || is_over).then_some(next)
    }

    /// The keys of the visitors that are this person's.
    pub fn visitors(&self) -> impl Iterator<Item = &IdentityKey> {
        let is_visitor = |(_, node): &(&IdentityKey, &Node)| node.namespace.as_str() == ECID;
        self.identities.iter().filter(is_visitor).map(|(key, _)| key)
    }

    /// Whether nothing is written to the profile any more.
    pub fn is_closed(&self) -> bool {
        matches!(self.ending, Some(Ending::Deleted { .. } | Ending::Erased { .. }))
    }

    /// The receipt by which the person was deleted, if so.
    pub fn receipt(&self) -> Option<&str> {
        match &self.ending {
            Some(Ending::Deleted { receipt } | Ending::Erased { receipt: Some(receipt), .. }) => {
                Some(receipt)
            }
            Some(Ending::Over { .. } | Ending::Erased { receipt: None, .. }) | None => None,
        }
    }

    /// This graph with the profile's end, or without one, as the next version.
    pub fn with_ending(&self, ending: Option<Ending>) -> Graph {
        Graph { version: self.version.saturating_add(1), ending, ..self.clone() }
    }

    /// What is left of this graph when the profile is erased: that it is.
    pub fn erased(&self, at: Timestamp) -> Graph {
        let receipt = self.receipt().map(str::to_owned);
        Graph {
            version: self.version.saturating_add(1),
            ending: Some(Ending::Erased { at, receipt }),
            ..Graph::empty(self.born)
        }
    }

    /// This graph without fragments that are deleted with it, and without identities that nothing speaks for then, as the
    /// next version.
    pub fn without_fragments(
        &self,
        fragments: &BTreeSet<&FragmentKey>,
        identities: &BTreeSet<&IdentityKey>,
    ) -> Graph {
        let mut next = self.without(identities);
        next.fragments.retain(|key| !fragments.contains(key));
        next.dropped.retain(|dropped| {
            let (one, other) = &dropped.edge.between;
            !identities.contains(one) && !identities.contains(other)
        });
        next
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

    /// The identity of a namespace that was linked last, of those that are meant; of two linked at once, the lesser value.
    pub fn newest(
        &self,
        namespace: &NamespaceCode,
        is_meant: impl Fn(&IdentityKey) -> bool,
    ) -> Option<Identity> {
        self.identities
            .iter()
            .filter(|(key, node)| node.namespace == *namespace && is_meant(key))
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
