//! Stored graphs, linked anew: what a record, or a person who splits, makes of the graphs that it touches.
//!
//! The links of all graphs that a record touches are laid anew by the one replay that there is (`linking.rs`). What comes
//! of it are parts, and each profile goes with the part that holds its anchor, the identity of the highest priority:
//! profiles of one part become one, and a part without a profile is born.
//!
//! Records of one time are one latest event, whatever order they come in: what was dropped at a time is laid again with
//! whatever else that time brings.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::linking::{self, MOST_IN_RECORD, NotLaid, Rules};
use super::{DropReason, DroppedLink, Edge, Graph, Node, Split};
use crate::fragment::{FragmentKey, OrderToken, Record};
use crate::identity::{IdentityKey, ProfileId};
use crate::name::DatasetName;
use crate::namespace::NamespaceCode;

/// The most dropped links that a graph keeps.
const MOST_DROPPED: usize = 20;

/// The most splits that a graph keeps.
const MOST_SPLITS: usize = 10;

/// The most graphs that are looked at for one record besides those of its own identities.
const MOST_GRAPHS: usize = 40;

/// Graphs that a record touches, as they were read.
#[derive(Debug, Clone, Default)]
pub struct Neighbourhood {
    /// The graphs of profiles that live.
    graphs: BTreeMap<ProfileId, Graph>,
    /// What identities link to, as far as somebody looked.
    links: BTreeMap<IdentityKey, Option<Link>>,
    /// Identities of people who were deleted: they link nobody, whatever a graph says.
    barred: BTreeSet<IdentityKey>,
}

#[derive(Debug, Clone)]
struct Link {
    /// The profile that is named.
    named: ProfileId,
    /// The profile that it has become.
    live: ProfileId,
}

/// A record that says of itself that it is of two people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// It names too many identities.
    #[error("the record names {0} identities: expected at most {MOST_IN_RECORD}")]
    TooMany(usize),
    /// It names two identities of a unique namespace.
    #[error("the record names two identities of the unique namespace `{0}`: correct the record")]
    Unique(NamespaceCode),
}

/// Graphs that were linked anew.
#[derive(Debug, Clone)]
pub struct Relinking<'a> {
    before: &'a Neighbourhood,
    /// The parts that the identities fell into.
    pub parts: Vec<Part>,
    /// Identities of which nothing is known, and that are linked to nobody any more.
    released: BTreeSet<IdentityKey>,
    dropped: Vec<DroppedLink>,
    splits: Vec<Split>,
    /// Whose each identity was.
    holders: BTreeMap<IdentityKey, ProfileId>,
    record: Option<(FragmentKey, OrderToken)>,
}

/// Identities that are one person.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its profile; none where it has to be born.
    pub profile: Option<ProfileId>,
    /// The identity of the highest priority: a profile is born with it.
    pub first: IdentityKey,
    nodes: BTreeMap<IdentityKey, Node>,
    edges: Vec<Edge>,
    /// The profiles that become part of it.
    absorbed: Vec<ProfileId>,
}

/// What is to be written of graphs that were linked anew, together or not at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Relinked {
    /// Graphs that have changed, each with the version that was read, if it is not new.
    pub graphs: BTreeMap<ProfileId, (Option<u64>, Graph)>,
    /// Identities that change hands.
    pub moved: Vec<Moved>,
    /// The profile of the record's primary identity.
    pub home: Option<ProfileId>,
}

/// An identity that changes hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The identity.
    pub identity: IdentityKey,
    /// What it links to.
    pub from: Option<ProfileId>,
    /// What it will link to.
    pub to: Option<ProfileId>,
}

/// Nodes and edges under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) nodes: BTreeMap<IdentityKey, Node>,
    pub(super) edges: BTreeMap<(IdentityKey, IdentityKey), Edge>,
}

impl Draft {
    /// Adds a record's identities, and links between every two of them.
    pub(super) fn hear(&mut self, record: &Record, dataset: &DatasetName) {
        // A record of one identity finds a profile by it and links nothing: it says nothing of which is the newest.
        let links = !record.others.is_empty();
        for identity in record.identities() {
            let fresh = Node {
                namespace: identity.namespace.clone(),
                value: identity.value.clone(),
                linked: record.token.time,
            };
            let node = self.nodes.entry(identity.key.clone()).or_insert_with(|| fresh.clone());
            // An e-mail that was known by its hash alone is from now on known in clear, if the record may supply it.
            if links
                && node.namespace != fresh.namespace
                && is_digest(&node.value)
                && !is_digest(&fresh.value)
            {
                *node = Node { linked: node.linked, ..fresh };
            }
        }
        for between in pairs(record) {
            let edge = Edge { between, at: record.token.time, source: dataset.clone() };
            self.lay(edge);
        }
    }

    /// Adds a link, or renews it.
    fn lay(&mut self, edge: Edge) {
        let known = self.edges.entry(edge.between.clone()).or_insert_with(|| edge.clone());
        if known.at < edge.at {
            *known = edge;
        }
    }
}

/// Every two of a record's identities, the lesser key first.
fn pairs(record: &Record) -> Vec<(IdentityKey, IdentityKey)> {
    let keys: BTreeSet<&IdentityKey> = record.identities().map(|identity| &identity.key).collect();
    let pairs = keys.iter().enumerate().flat_map(|(index, one)| {
        keys.iter().skip(index + 1).map(move |other| ((*one).clone(), (*other).clone()))
    });
    pairs.collect()
}

fn is_digest(value: &str) -> bool {
    value.len() == 64 && value.bytes().all(|each| each.is_ascii_hexdigit())
}

impl Contradiction {
    /// What is wrong with a record by itself, if anything is.
    ///
    /// # Errors
    /// That.
    pub fn check(rules: &Rules, record: &Record) -> Result<(), Contradiction> {
        let count = record.identities().count();
        if count > MOST_IN_RECORD {
            return Err(Contradiction::TooMany(count));
        }
        let mut seen = BTreeSet::new();
        let unique = record.identities().map(|identity| &identity.namespace);
        let mut unique = unique.filter(|namespace| rules.unique.contains(*namespace));
        unique
            .find(|namespace| !seen.insert(*namespace))
            .map_or(Ok(()), |namespace| Err(Contradiction::Unique(namespace.clone())))
    }
}

impl Neighbourhood {
    /// Notes what an identity links to: the profile that is named and, if it was merged away, the one that it has become
    /// with that one's graph.
    pub fn note(&mut self, identity: &IdentityKey, link: Option<(ProfileId, ProfileId)>) {
        let link = link.map(|(named, live)| Link { named, live });
        self.links.insert(identity.clone(), link);
    }

    /// Notes that an identity's person was deleted.
    pub fn bar(&mut self, identity: &IdentityKey) {
        self.links.insert(identity.clone(), None);
        self.barred.insert(identity.clone());
    }

    /// Whether a record names somebody who was deleted.
    pub fn bars(&self, record: &Record) -> bool {
        record.identities().any(|identity| self.barred.contains(&identity.key))
    }

    /// Adds the graph of a profile that lives.
    pub fn add(&mut self, profile: ProfileId, graph: Graph) {
        self.graphs.insert(profile, graph);
    }

    /// Whether the graph of a profile was read.
    pub fn has(&self, profile: &ProfileId) -> bool {
        self.graphs.contains_key(profile)
    }

    /// The graph of a profile, if it was read.
    pub fn graph(&self, profile: &ProfileId) -> Option<&Graph> {
        self.graphs.get(profile)
    }

    /// Every identity of the graphs that were read, of which nobody looked what it links to.
    pub fn unlooked(&self) -> BTreeSet<IdentityKey> {
        self.named().filter(|key| !self.links.contains_key(*key)).cloned().collect()
    }

    /// Identities that link to one profile and are named by the graph of another, or not by that of the one. What they
    /// link to was read too early, unless it is so still.
    pub fn astray(&self) -> impl Iterator<Item = (&IdentityKey, &ProfileId)> {
        self.links.iter().filter_map(|(key, link)| {
            let link = link.as_ref()?;
            let contradicts = |(profile, graph): (&ProfileId, &Graph)| {
                graph.identities.contains_key(key) != (*profile == link.live)
            };
            self.graphs.iter().any(contradicts).then_some((key, &link.named))
        })
    }

    /// The identities of which is still to be read what they link to: those of the record, those that two of these graphs
    /// name, and those that lost a link to one of them when records of the same time were heard.
    pub fn unread(&self, record: &Record) -> BTreeSet<IdentityKey> {
        let mut wanted: BTreeSet<&IdentityKey> = record.identities().map(|identity| &identity.key).collect();
        let mut seen = BTreeSet::new();
        wanted.extend(self.named().filter(|key| !seen.insert(*key)));
        if self.graphs.len() < MOST_GRAPHS {
            let again = self.graphs.values().flat_map(|graph| graph.dropped.iter());
            let again = again.filter(|dropped| is_open(dropped, record.token.time));
            let lost = again.flat_map(|dropped| [&dropped.edge.between.0, &dropped.edge.between.1]);
            wanted.extend(lost.filter(|key| !self.names(key)));
        }
        wanted.into_iter().filter(|key| !self.links.contains_key(*key)).cloned().collect()
    }

    fn named(&self) -> impl Iterator<Item = &IdentityKey> {
        self.graphs.values().flat_map(|graph| graph.identities.keys())
    }

    fn names(&self, key: &IdentityKey) -> bool {
        self.graphs.values().any(|graph| graph.identities.contains_key(key))
    }

    /// What a record makes of the graphs.
    pub fn hear(&self, rules: &Rules, record: &Record, dataset: &DatasetName) -> Relinking<'_> {
        let (mut draft, holders) = self.draft();
        let again = self.graphs.values().flat_map(|graph| graph.dropped.iter());
        for dropped in again.filter(|dropped| is_open(dropped, record.token.time)) {
            let (one, other) = &dropped.edge.between;
            if draft.nodes.contains_key(one) && draft.nodes.contains_key(other) {
                draft.lay(dropped.edge.clone());
            }
        }
        draft.hear(record, dataset);
        let key = FragmentKey { dataset: dataset.clone(), primary: record.primary.key.clone() };
        let mut relinking = self.relink(rules, draft, holders, Vec::new(), Some((key, record.token)));
        relinking.date(record);
        relinking
    }

    /// What a split makes of the graphs.
    pub fn split(&self, rules: &Rules, split: Split) -> Relinking<'_> {
        let (draft, holders) = self.draft();
        self.relink(rules, draft, holders, vec![split], None)
    }

    /// What stands, and whose each identity is. An identity that is known to link elsewhere is not a graph's, whatever
    /// the graph says: whoever wrote it there lost a race, and is about to look again.
    fn draft(&self) -> (Draft, BTreeMap<IdentityKey, ProfileId>) {
        let mut draft = Draft::default();
        let mut holders = BTreeMap::new();
        for (profile, graph) in &self.graphs {
            for (key, node) in &graph.identities {
                let link = self.links.get(key).and_then(Option::as_ref);
                let elsewhere = link.is_some_and(|link| link.live != *profile) || self.barred.contains(key);
                if !elsewhere && !holders.contains_key(key) {
                    holders.insert(key.clone(), profile.clone());
                    draft.nodes.insert(key.clone(), node.clone());
                }
            }
        }
        for (profile, graph) in &self.graphs {
            for edge in &graph.edges {
                let is_mine = |key| holders.get(key) == Some(profile);
                if is_mine(&edge.between.0) && is_mine(&edge.between.1) {
                    draft.lay(edge.clone());
                }
            }
        }
        (draft, holders)
    }

    fn relink(
        &self,
        rules: &Rules,
        draft: Draft,
        holders: BTreeMap<IdentityKey, ProfileId>,
        new_splits: Vec<Split>,
        record: Option<(FragmentKey, OrderToken)>,
    ) -> Relinking<'_> {
        let leaving: BTreeSet<IdentityKey> = new_splits.iter().flat_map(|split| split.out.clone()).collect();
        let mut splits = new_splits;
        for split in self.graphs.values().flat_map(|graph| &graph.splits) {
            if !splits.contains(split) {
                splits.push(split.clone());
            }
        }
        let Draft { nodes, edges } = draft;
        let latest = edges.values().map(|edge| edge.at).max().unwrap_or_default();
        let (barred, edges): (Vec<Edge>, Vec<Edge>) =
            edges.into_values().partition(|edge| splits.iter().any(|split| split.bars(edge)));
        let dropped_for = |edge, reason| DroppedLink { edge, dropped: latest, reason };
        let mut dropped: Vec<DroppedLink> =
            barred.into_iter().map(|edge| dropped_for(edge, DropReason::Split)).collect();
        let laid = Laid::of(rules, &nodes, edges);
        dropped.extend(laid.dropped.into_iter().map(|(edge, reason)| dropped_for(edge, reason)));
        let mut relinking = Relinking {
            before: self,
            parts: laid.parts,
            released: BTreeSet::new(),
            dropped,
            splits,
            holders,
            record,
        };
        relinking.assign(rules, &leaving);
        relinking
    }
}

/// Whether a link that was dropped is laid again for a record of a time: it was dropped for what that very time brought,
/// and that may be more than was known.
fn is_open(dropped: &DroppedLink, time: u64) -> bool {
    dropped.dropped >= time && matches!(dropped.reason, DropReason::Unique { .. })
}

/// What came of laying links.
struct Laid {
    parts: Vec<Part>,
    dropped: Vec<(Edge, DropReason)>,
}

impl Laid {
    fn of(rules: &Rules, nodes: &BTreeMap<IdentityKey, Node>, edges: Vec<Edge>) -> Laid {
        let place: BTreeMap<&IdentityKey, usize> = nodes.keys().zip(0..).collect();
        let identities: Vec<_> = nodes.values().map(|node| (&node.namespace, node.value.as_str())).collect();
        let of = |edge: &Edge| Some((*place.get(&edge.between.0)?, *place.get(&edge.between.1)?));
        let time = |at: u64| i64::try_from(at).unwrap_or(i64::MAX);
        let links = edges.iter().filter_map(|edge| Some((of(edge)?, time(edge.at)))).collect();
        let laid = linking::lay_anew(rules, &identities, &links);
        let mut parts: BTreeMap<(Option<usize>, usize), Part> = BTreeMap::new();
        let mut part_of: BTreeMap<&IdentityKey, (Option<usize>, usize)> = BTreeMap::new();
        for (index, ((key, node), graph)) in nodes.iter().zip(&laid.graphs).enumerate() {
            // Whoever is linked to nobody is a part alone.
            let number = (*graph, if graph.is_some() { 0 } else { index });
            part_of.insert(key, number);
            let part = parts.entry(number).or_insert_with(|| Part {
                profile: None,
                first: key.clone(),
                nodes: BTreeMap::new(),
                edges: Vec::new(),
                absorbed: Vec::new(),
            });
            part.nodes.insert(key.clone(), node.clone());
        }
        let mut dropped = Vec::new();
        for edge in edges {
            let reason = of(&edge).and_then(|places| laid.dropped.get(&places)).and_then(|why| match why {
                NotLaid::Unique(namespace) => Some(DropReason::Unique { namespace: namespace.clone() }),
                NotLaid::Evicted(place) => {
                    Some(DropReason::Evicted { identity: nodes.keys().nth(*place)?.clone() })
                }
            });
            match reason {
                Some(reason) => dropped.push((edge, reason)),
                None => {
                    let part = part_of.get(&edge.between.0).and_then(|number| parts.get_mut(number));
                    part.into_iter().for_each(|part| part.edges.push(edge.clone()));
                }
            }
        }
        let mut parts: Vec<Part> = parts.into_values().collect();
        for part in &mut parts {
            let first = part.nodes.iter().min_by_key(|(key, node)| (rules.rank(&node.namespace), *key));
            part.first = first.map_or_else(|| part.first.clone(), |(key, _)| key.clone());
        }
        Laid { parts, dropped }
    }
}

impl Relinking<'_> {
    /// The part of an identity.
    pub fn part_of(&self, key: &IdentityKey) -> Option<&Part> {
        self.parts.iter().find(|part| part.nodes.contains_key(key))
    }

    /// Whose an identity was.
    pub fn holder(&self, key: &IdentityKey) -> Option<&ProfileId> {
        self.holders.get(key)
    }

    /// Notes on the record's identities that a record has linked them, where a link of it stands.
    fn date(&mut self, record: &Record) {
        let pairs: BTreeSet<_> = pairs(record).into_iter().collect();
        for part in &mut self.parts {
            let stands = part.edges.iter().filter(|edge| pairs.contains(&edge.between));
            let linked: BTreeSet<IdentityKey> =
                stands.flat_map(|edge| [edge.between.0.clone(), edge.between.1.clone()]).collect();
            for key in &linked {
                if let Some(node) = part.nodes.get_mut(key) {
                    node.linked = node.linked.max(record.token.time);
                }
            }
        }
    }

    /// Gives each part its profile: that of the highest anchor, then the one that was born first. Profiles that lose
    /// become part of it, and an identity that is alone and of which nothing is known is let go.
    fn assign(&mut self, rules: &Rules, leaving: &BTreeSet<IdentityKey>) {
        let evicted: BTreeSet<&IdentityKey> = self
            .dropped
            .iter()
            .filter_map(|dropped| match &dropped.reason {
                DropReason::Evicted { identity } => Some(identity),
                DropReason::Unique { .. } | DropReason::Split => None,
            })
            .collect();
        let rank = |key: &IdentityKey, node: &Node| {
            (leaving.contains(key), evicted.contains(key), rules.rank(&node.namespace))
        };
        let mut anchors: BTreeMap<&ProfileId, ((bool, bool, usize), &IdentityKey)> = BTreeMap::new();
        for (key, node) in self.parts.iter().flat_map(|part| &part.nodes) {
            let Some(holder) = self.holders.get(key) else { continue };
            let anchor = (rank(key, node), key);
            let best = anchors.entry(holder).or_insert(anchor);
            *best = (*best).min(anchor);
        }
        let mut claims: BTreeMap<&IdentityKey, Vec<_>> = BTreeMap::new();
        for (profile, (rank, key)) in anchors {
            let born = self.before.graphs.get(profile).map(|graph| graph.born);
            claims.entry(key).or_default().push((rank, born, profile.clone()));
        }
        let mut kept = Vec::new();
        let mut released = BTreeSet::new();
        for part in &self.parts {
            let mine = part.nodes.keys().filter_map(|key| claims.get(key));
            let mut mine: Vec<_> = mine.flatten().cloned().collect();
            mine.sort();
            let mut mine = mine.into_iter().map(|(_, _, profile)| profile);
            let part = Part { profile: mine.next(), absorbed: mine.collect(), ..part.clone() };
            let is_alone = part.nodes.len() == 1 && part.profile.is_none();
            if is_alone && !self.is_known(&part.first) {
                released.insert(part.first);
            } else {
                kept.push(part);
            }
        }
        self.parts = kept;
        self.released = released;
    }

    /// Whether a record is about an identity.
    fn is_known(&self, key: &IdentityKey) -> bool {
        let listed = self.before.graphs.values().flat_map(|graph| &graph.fragments);
        let mut known = listed.chain(self.record.iter().map(|(fragment, _)| fragment));
        known.any(|fragment| fragment.primary == *key)
    }

    /// What is to be written, once every part has a profile.
    pub fn finish(self) -> Relinked {
        let mut relinked = Relinked::default();
        let home = self.record.as_ref().and_then(|(fragment, _)| self.part_of(&fragment.primary));
        relinked.home = home.and_then(|part| part.profile.clone());
        for part in &self.parts {
            let Some(profile) = &part.profile else { continue };
            let read = self.before.graphs.get(profile);
            let graph = self.graph(part, profile);
            if read.is_none_or(|read| *read != Graph { version: read.version, ..graph.clone() }) {
                relinked.graphs.insert(profile.clone(), (read.map(|read| read.version), graph));
            }
            for loser in &part.absorbed {
                if let Some(read) = self.before.graphs.get(loser) {
                    let version = read.version.saturating_add(1);
                    let merged =
                        Graph { version, merged_into: Some(profile.clone()), ..Graph::empty(read.born) };
                    relinked.graphs.insert(loser.clone(), (Some(read.version), merged));
                }
            }
            relinked.moved.extend(part.nodes.keys().filter_map(|key| self.moved(key, Some(profile))));
        }
        for (profile, read) in &self.before.graphs {
            // It names identities of others alone.
            if !read.identities.is_empty() && self.holders.values().all(|holder| holder != profile) {
                let version = read.version.saturating_add(1);
                let left = Graph { version, identities: BTreeMap::new(), edges: Vec::new(), ..read.clone() };
                relinked.graphs.insert(profile.clone(), (Some(read.version), left));
            }
        }
        relinked.moved.extend(self.released.iter().filter_map(|key| self.moved(key, None)));
        // Whoever has read a graph, or what links to it, before this is written must not write it after.
        let ends: BTreeSet<_> = relinked.moved.iter().flat_map(|moved| [&moved.from, &moved.to]).collect();
        for profile in ends.into_iter().flatten() {
            if let Some(read) = self.before.graphs.get(profile) {
                let version = read.version.saturating_add(1);
                let as_read = (Some(read.version), Graph { version, ..read.clone() });
                relinked.graphs.entry(profile.clone()).or_insert(as_read);
            }
        }
        relinked
    }

    fn moved(&self, identity: &IdentityKey, to: Option<&ProfileId>) -> Option<Moved> {
        let from = match self.before.links.get(identity) {
            Some(link) => link.as_ref().map(|link| &link.named),
            None => self.holders.get(identity),
        };
        (from != to).then(|| Moved { identity: identity.clone(), from: from.cloned(), to: to.cloned() })
    }

    /// The graph of a part.
    fn graph(&self, part: &Part, profile: &ProfileId) -> Graph {
        let read = self.before.graphs.get(profile);
        let sources: BTreeSet<&ProfileId> =
            part.nodes.keys().filter_map(|key| self.holders.get(key)).chain(&part.absorbed).collect();
        let absorbed = part.absorbed.iter().filter_map(|loser| self.before.graphs.get(loser));
        let before = read.into_iter().chain(absorbed);
        let inherited = before.clone().flat_map(|graph| &graph.arriving);
        let mut arriving: BTreeSet<ProfileId> = sources.into_iter().chain(inherited).cloned().collect();
        arriving.remove(profile);
        let owing = before.flat_map(|graph| &graph.owing).cloned().collect();
        let token = match &self.record {
            Some((fragment, token)) if part.nodes.contains_key(&fragment.primary) => Some(*token),
            _ => None,
        };
        let born_of = || {
            let holder = part.nodes.keys().find_map(|key| self.holders.get(key));
            holder.and_then(|holder| self.before.graphs.get(holder)).map(|graph| graph.born)
        };
        let born = read.map(|read| read.born).or(token).or_else(born_of);
        let born = born.unwrap_or(OrderToken { time: 0, batch: 0, row: 0 });
        Graph {
            version: read.map_or(1, |read| read.version.saturating_add(1)),
            identities: part.nodes.clone(),
            edges: in_order(part, read),
            fragments: self.fragments(part, profile),
            dropped: self.dropped(part),
            splits: self.splits(part),
            arriving,
            owing,
            ..Graph::empty(born)
        }
    }

    /// The fragments of a part: those of its identities, and those that are about no identity and lie with a profile of
    /// it.
    fn fragments(&self, part: &Part, profile: &ProfileId) -> BTreeSet<FragmentKey> {
        let mut fragments = BTreeSet::new();
        for (holder, graph) in &self.before.graphs {
            let lies_here = holder == profile || part.absorbed.contains(holder);
            let is_of_part = |key: &&FragmentKey| {
                part.nodes.contains_key(&key.primary) || lies_here && !self.holders.contains_key(&key.primary)
            };
            fragments.extend(graph.fragments.iter().filter(is_of_part).cloned());
        }
        let new = self.record.iter().map(|(fragment, _)| fragment);
        fragments.extend(new.filter(|fragment| part.nodes.contains_key(&fragment.primary)).cloned());
        fragments
    }

    fn dropped(&self, part: &Part) -> Vec<DroppedLink> {
        let touches = |between: &(IdentityKey, IdentityKey)| {
            part.nodes.contains_key(&between.0) || part.nodes.contains_key(&between.1)
        };
        let decided: BTreeSet<_> = self
            .parts
            .iter()
            .flat_map(|part| part.edges.iter())
            .chain(self.dropped.iter().map(|dropped| &dropped.edge))
            .map(|edge| &edge.between)
            .collect();
        let before = self.before.graphs.values().flat_map(|graph| &graph.dropped);
        let before = before.filter(|dropped| !decided.contains(&dropped.edge.between));
        let all = before.chain(&self.dropped).filter(|dropped| touches(&dropped.edge.between));
        let all: BTreeMap<_, _> = all.map(|dropped| (&dropped.edge.between, dropped)).collect();
        let mut all: Vec<DroppedLink> = all.into_values().cloned().collect();
        // Links between keys, and so in an order that says nothing of people.
        all.sort_by(|one, other| {
            (Reverse(one.dropped), &one.edge.between).cmp(&(Reverse(other.dropped), &other.edge.between))
        });
        all.truncate(MOST_DROPPED);
        all
    }

    fn splits(&self, part: &Part) -> Vec<Split> {
        let concerns =
            |split: &&Split| split.out.iter().chain(&split.rest).any(|key| part.nodes.contains_key(key));
        let mut splits: Vec<Split> = self.splits.iter().filter(concerns).cloned().collect();
        splits.sort_by_key(|split| Reverse(split.at));
        splits.truncate(MOST_SPLITS);
        splits
    }
}

/// The edges of a part in the order in which they were stored, so that what has not changed is not written.
fn in_order(part: &Part, read: Option<&Graph>) -> Vec<Edge> {
    let mut left: BTreeMap<_, &Edge> = part.edges.iter().map(|edge| (&edge.between, edge)).collect();
    let known = read.into_iter().flat_map(|graph| &graph.edges);
    let mut edges: Vec<Edge> = known.filter_map(|edge| left.remove(&edge.between)).cloned().collect();
    edges.extend(left.into_values().cloned());
    edges
}

impl Relinked {
    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.graphs.is_empty() && self.moved.is_empty()
    }

    /// How many items have to be written together.
    pub fn writes(&self) -> usize {
        self.graphs.len() + self.moved.len()
    }

    /// Whether one profile that is there only gains identities that nobody has: whoever writes that need not fear that
    /// half of it is seen.
    pub fn is_growth(&self) -> bool {
        let is_known = self.graphs.values().all(|(read, _)| read.is_some());
        is_known
            && self.graphs.keys().all(|profile| self.home.as_ref() == Some(profile))
            && self.moved.iter().all(|moved| moved.from.is_none() && moved.to == self.home)
    }

    /// The profiles to which something is to be brought that lies with others.
    pub fn awaiting(&self) -> impl Iterator<Item = &ProfileId> {
        let awaits =
            |(profile, (_, graph)): (_, &(_, Graph))| (!graph.arriving.is_empty()).then_some(profile);
        self.graphs.iter().filter_map(awaits)
    }
}
