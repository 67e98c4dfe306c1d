//! Linking: which identities are one person, by the order in which events name them.
//!
//! An event links every two of its identities. Where that would put two identities of a unique namespace into one
//! graph, the links of all graphs that the event touches are laid anew: those of the latest event first, then those of
//! the higher namespaces, then the newer. A link that would break the limit at its turn is dropped. Events of one
//! time are one latest event, and what is still equal is decided by the identities' text, so that nothing depends on
//! the order in which events arrive.
//!
//! A dropped link does not come back by itself: only an event that names both identities again lays it again.
//!
//! The work per event is bounded by the graphs that it touches, and these by [`MOST_IDENTITIES`].

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::MOST_IDENTITIES;
use crate::entries;
use crate::namespace::{ECID, Namespace, NamespaceCode, NamespaceType};

/// The most identities that one record may name.
pub const MOST_IN_RECORD: usize = 20;

/// What people decide about links.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// The namespaces of which a graph may hold one identity.
    pub unique: BTreeSet<NamespaceCode>,
    /// The namespaces, highest priority first. Those that are not named rank last, all alike.
    pub priority: Vec<NamespaceCode>,
    /// The types of namespaces. Where nothing is said, `ECID` and `AAID` are cookies, `GAID` and `IDFA` are devices,
    /// and every other namespace is cross-device.
    #[serde(deserialize_with = "entries::distinct")]
    pub types: BTreeMap<NamespaceCode, NamespaceType>,
}

/// A record that names identities.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Event {
    /// Its time, in any unit.
    pub t: i64,
    /// The identities that it names, by namespace.
    #[serde(deserialize_with = "entries::distinct")]
    pub ids: BTreeMap<NamespaceCode, BTreeSet<String>>,
}

/// What became of all identities and links. An identity is written `CRMID:Tom`; every list is in the order of its
/// texts, byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Linked {
    /// The graphs: each has at least two identities.
    pub graphs: Vec<Vec<String>>,
    /// The identities of no graph.
    pub isolated: Vec<String>,
    /// The links that events asked for and that do not stand in the end.
    pub dropped: Vec<Dropped>,
}

/// A link that does not stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Dropped {
    /// The two identities; all of them where a whole record was refused for their number.
    pub link: Vec<String>,
    /// Why it was dropped last.
    pub reason: Reason,
}

/// Why a link was dropped. It serialises as the sentence that people read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Two identities of a unique namespace would have come together, and links that go first stood already.
    Unique {
        /// The namespace.
        namespace: NamespaceCode,
        /// The two identities of it.
        would_join: [String; 2],
    },
    /// The graph was full, and let go of this identity.
    Evicted(String),
    /// The record names two identities of a unique namespace itself, so that none of it is believed.
    Contradiction(NamespaceCode),
    /// The record names more identities than it may.
    TooMany(usize),
    /// Identities of this namespace link nobody.
    LinksNobody(NamespaceCode),
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Unique { namespace, would_join: [one, other] } => write!(
                formatter,
                "namespace `{namespace}` is unique: the link would put `{one}` and `{other}` into one graph"
            ),
            Reason::Evicted(identity) => write!(
                formatter,
                "the graph had more than {MOST_IDENTITIES} identities, and `{identity}` was the first to go"
            ),
            Reason::Contradiction(namespace) => write!(
                formatter,
                "the record names two identities of the unique namespace `{namespace}`: expected at most one"
            ),
            Reason::TooMany(found) => write!(
                formatter,
                "the record names {found} identities: expected at most {MOST_IN_RECORD}, so that it is skipped"
            ),
            Reason::LinksNobody(namespace) => write!(
                formatter,
                "namespace `{namespace}` is a partner's or names no person: its identities link nobody"
            ),
        }
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The graphs that come of events, whatever their order in the slice.
pub fn link(rules: &Rules, events: &[Event]) -> Linked {
    let nodes = nodes(rules, events);
    // A set, since equal records of one time say nothing new, and their order must say nothing at all.
    let mut by_time: BTreeMap<i64, BTreeSet<&Event>> = BTreeMap::new();
    for event in events {
        by_time.entry(event.t).or_default().insert(event);
    }
    let mut linking = Linking { rules, nodes: &nodes, graphs: Graphs::default(), dropped: BTreeMap::new() };
    for (at, events) in by_time {
        linking.hear(at, events);
    }
    linking.outcome()
}

/// What stands of links that were laid anew, by the places of their identities.
pub(super) struct Laid {
    /// The number of each identity's graph; none of one that is alone.
    pub(super) graphs: Vec<Option<usize>>,
    /// Why links do not stand.
    pub(super) dropped: BTreeMap<(usize, usize), NotLaid>,
}

/// Why a link that was laid anew does not stand.
pub(super) enum NotLaid {
    /// Two identities of this unique namespace would have come together.
    Unique(NamespaceCode),
    /// The graph was full, and let go of the identity of this place.
    Evicted(usize),
}

/// Lays links between identities anew, each with the time at which it was last asked for. The newest are those of the
/// latest event.
pub(super) fn lay_anew(
    rules: &Rules,
    identities: &[(&NamespaceCode, &str)],
    links: &BTreeMap<(usize, usize), i64>,
) -> Laid {
    let texts = identities.iter().map(|(namespace, value)| format!("{namespace}:{value}"));
    let mut by_text: Vec<(String, usize)> = texts.zip(0..).collect();
    by_text.sort_unstable();
    let mut nodes: Vec<(usize, Node<'_>)> = by_text
        .into_iter()
        .enumerate()
        .filter_map(|(order, (text, place))| {
            let (namespace, _) = identities.get(place)?;
            Some((place, Node::of(rules, namespace, text, order)))
        })
        .collect();
    nodes.sort_unstable_by_key(|(place, _)| *place);
    let link = |one: usize, other: usize| {
        let (one, other) = (&nodes.get(one)?.1, &nodes.get(other)?.1);
        Some(if one < other { (one, other) } else { (other, one) })
    };
    let places =
        links.iter().filter_map(|((one, other), at)| Some((link(*one, *other)?, (*one, *other), *at)));
    let places: Vec<_> = places.collect();
    let latest = links.values().max().copied().unwrap_or_default();
    let none = Nodes::new();
    let mut linking = Linking { rules, nodes: &none, graphs: Graphs::default(), dropped: BTreeMap::new() };
    linking.add_in_order(places.iter().map(|(link, _, at)| (*link, *at)).collect(), latest);
    for (_, node) in &nodes {
        linking.evict(node, latest);
    }
    let Linking { graphs, dropped, .. } = linking;
    let why = |(one, other): Link<'_>, places: (usize, usize)| match dropped.get(&vec![one, other])? {
        Reason::Unique { namespace, .. } => Some(NotLaid::Unique(namespace.clone())),
        Reason::Evicted(text) => {
            let evicted = nodes.iter().find(|(_, node)| node.text == *text).map(|(place, _)| *place);
            Some(NotLaid::Evicted(evicted.unwrap_or(places.0)))
        }
        // What is wrong with a whole record is found before its links are laid.
        Reason::Contradiction(_) | Reason::TooMany(_) | Reason::LinksNobody(_) => None,
    };
    Laid {
        graphs: nodes.iter().map(|(_, node)| graphs.of.get(node).copied()).collect(),
        dropped: places
            .iter()
            .filter_map(|(link, places, _)| Some((*places, why(*link, *places)?)))
            .collect(),
    }
}

/// An identity with what the rules say of its namespace.
struct Node<'a> {
    /// `CRMID:Tom`; no other identity has the same text, since a namespace's code has no colon.
    text: String,
    /// The place of its text among all. Nodes are compared by it, as texts would be, and much faster.
    order: usize,
    namespace: &'a NamespaceCode,
    rank: usize,
    is_unique: bool,
    layer: Layer,
    links_people: bool,
}

/// What an identity names; a full graph lets go of the first of these first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Browser,
    Device,
    Person,
}

type Nodes<'a> = BTreeMap<(&'a NamespaceCode, &'a str), Node<'a>>;

/// Two identities, the lesser first.
type Link<'a> = (&'a Node<'a>, &'a Node<'a>);

fn nodes<'a>(rules: &'a Rules, events: &'a [Event]) -> Nodes<'a> {
    let mut by_text = BTreeMap::new();
    for (namespace, value) in events.iter().flat_map(Event::identities) {
        by_text.entry(format!("{namespace}:{value}")).or_insert((namespace, value));
    }
    let numbered = by_text.into_iter().enumerate();
    numbered.map(|(order, (text, identity))| (identity, Node::of(rules, identity.0, text, order))).collect()
}

impl Event {
    fn identities(&self) -> impl Iterator<Item = (&NamespaceCode, &str)> {
        self.ids
            .iter()
            .flat_map(|(namespace, values)| values.iter().map(move |value| (namespace, value.as_str())))
    }
}

impl<'a> Node<'a> {
    fn of(rules: &Rules, namespace: &'a NamespaceCode, text: String, order: usize) -> Node<'a> {
        let kind = rules.kind(namespace);
        Node {
            text,
            order,
            namespace,
            rank: rules.rank(namespace),
            is_unique: rules.unique.contains(namespace),
            layer: match kind {
                NamespaceType::Cookie => Layer::Browser,
                NamespaceType::Device => Layer::Device,
                _ => Layer::Person,
            },
            links_people: kind.links_people(),
        }
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Node<'_> {}

impl Ord for Node<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.cmp(&other.order)
    }
}

impl PartialOrd for Node<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Rules {
    /// The rules of a project: its namespaces stand in the order of their priority.
    pub fn of(namespaces: &[Namespace]) -> Rules {
        let unique = namespaces.iter().filter(|namespace| namespace.kind.is_unique());
        Rules {
            unique: unique.map(|namespace| namespace.code.clone()).collect(),
            priority: namespaces.iter().map(|namespace| namespace.code.clone()).collect(),
            types: namespaces.iter().map(|namespace| (namespace.code.clone(), namespace.kind)).collect(),
        }
    }

    fn kind(&self, namespace: &NamespaceCode) -> NamespaceType {
        let said = self.types.get(namespace).copied();
        said.unwrap_or(match namespace.as_str() {
            ECID | "AAID" => NamespaceType::Cookie,
            "GAID" | "IDFA" => NamespaceType::Device,
            _ => NamespaceType::CrossDevice,
        })
    }

    pub(super) fn rank(&self, namespace: &NamespaceCode) -> usize {
        self.priority.iter().position(|each| each == namespace).unwrap_or(self.priority.len())
    }
}

struct Linking<'a> {
    rules: &'a Rules,
    nodes: &'a Nodes<'a>,
    graphs: Graphs<'a>,
    /// Why each link was dropped last, and records that were refused whole. Some of these links stand again by now.
    dropped: BTreeMap<Vec<&'a Node<'a>>, Reason>,
}

impl<'a> Linking<'a> {
    /// Hears all events of one time.
    fn hear(&mut self, at: i64, events: BTreeSet<&'a Event>) {
        let links: BTreeSet<Link<'a>> = events.into_iter().flat_map(|event| self.asked_for(event)).collect();
        let touched: BTreeSet<&Node<'a>> = links.iter().flat_map(|(one, other)| [*one, *other]).collect();
        self.lay(at, &links, &touched);
        for node in touched {
            self.evict(node, at);
        }
    }

    /// The links that an event asks for and may ask for.
    fn asked_for(&mut self, event: &'a Event) -> Vec<Link<'a>> {
        let mut named: Vec<&Node<'a>> =
            event.identities().filter_map(|identity| self.nodes.get(&identity)).collect();
        named.sort_unstable();
        if named.len() > MOST_IN_RECORD {
            let reason = Reason::TooMany(named.len());
            self.dropped.insert(named, reason);
            return Vec::new();
        }
        let twice = event
            .ids
            .iter()
            .find(|(namespace, values)| values.len() > 1 && self.rules.unique.contains(namespace));
        let mut links = Vec::new();
        for (index, one) in named.iter().enumerate() {
            for other in named.iter().skip(index + 1) {
                let refusal = match (twice, [one, other].into_iter().find(|node| !node.links_people)) {
                    (_, Some(node)) => Reason::LinksNobody(node.namespace.clone()),
                    (Some((namespace, _)), None) => Reason::Contradiction(namespace.clone()),
                    (None, None) => {
                        links.push((*one, *other));
                        continue;
                    }
                };
                self.dropped.insert(vec![one, other], refusal);
            }
        }
        links
    }

    /// Lays new links, and lays all links of the graphs that they touch anew if a limit would be broken.
    fn lay(&mut self, at: i64, links: &BTreeSet<Link<'a>>, touched: &BTreeSet<&'a Node<'a>>) {
        let mut laid: BTreeMap<Link<'a>, i64> = BTreeMap::new();
        if self.graphs.would_break(touched) {
            for node in touched {
                laid.extend(self.graphs.take(node).into_iter().flat_map(|graph| graph.links));
            }
        }
        laid.extend(links.iter().map(|link| (*link, at)));
        self.add_in_order(laid, at);
    }

    /// Adds links in the order of the replay: those of the latest event, of the higher namespaces, the newer.
    fn add_in_order(&mut self, laid: BTreeMap<Link<'a>, i64>, at: i64) {
        let mut order: Vec<(Link<'a>, i64)> = laid.into_iter().collect();
        order.sort_by_key(|((one, other), time)| (*time != at, one.rank + other.rank, Reverse(*time)));
        self.add(order);
    }

    fn add(&mut self, links: impl IntoIterator<Item = (Link<'a>, i64)>) {
        for (link, at) in links {
            if let Err(reason) = self.graphs.add(link, at) {
                self.dropped.insert(vec![link.0, link.1], reason);
            }
        }
    }

    /// Brings the graph of an identity down to its limit: cookies go first, then devices, then people, of each the
    /// longest unheard of, and what was named just now last of all.
    fn evict(&mut self, node: &'a Node<'a>, at: i64) {
        let Some(graph) = self.graphs.take_overfull(node) else { return };
        let mut heard: BTreeMap<&Node<'a>, i64> = BTreeMap::new();
        for ((one, other), time) in &graph.links {
            for node in [*one, *other] {
                let newest = heard.entry(node).or_insert(*time);
                *newest = (*newest).max(*time);
            }
        }
        let surplus = heard.len().saturating_sub(MOST_IDENTITIES);
        let mut order: Vec<(&Node<'a>, i64)> = heard.into_iter().collect();
        order.sort_by_key(|(node, heard)| (*heard == at, node.layer, *heard));
        let evicted: BTreeSet<&Node<'a>> = order.into_iter().take(surplus).map(|(node, _)| node).collect();
        let (lost, kept): (Vec<_>, Vec<_>) = graph
            .links
            .into_iter()
            .partition(|((one, other), _)| evicted.contains(one) || evicted.contains(other));
        for ((one, other), _) in lost {
            let gone = if evicted.contains(one) { one } else { other };
            self.dropped.insert(vec![one, other], Reason::Evicted(gone.text.clone()));
        }
        self.add(kept);
    }

    fn outcome(self) -> Linked {
        let Linking { nodes, graphs, dropped, .. } = self;
        let text = |node: &&Node<'a>| node.text.clone();
        let mut isolated: Vec<String> =
            nodes.values().filter(|node| !graphs.of.contains_key(node)).map(|node| text(&node)).collect();
        isolated.sort_unstable();
        let dropped = dropped
            .into_iter()
            .filter(|(link, _)| !graphs.stands(link))
            .map(|(link, reason)| Dropped { link: link.iter().map(text).collect(), reason })
            .collect();
        let mut graphs: Vec<Vec<String>> = graphs.all.values().map(Graph::texts).collect();
        graphs.sort_unstable();
        Linked { graphs, isolated, dropped }
    }
}

/// Graphs that share no identity, each within the limits of unique namespaces.
#[derive(Default)]
struct Graphs<'a> {
    all: BTreeMap<usize, Graph<'a>>,
    of: BTreeMap<&'a Node<'a>, usize>,
    /// How many there ever were: the number of the next.
    born: usize,
}

#[derive(Default)]
struct Graph<'a> {
    nodes: Vec<&'a Node<'a>>,
    /// The links, and when each was last asked for.
    links: BTreeMap<Link<'a>, i64>,
    /// Its identity of each unique namespace.
    unique: BTreeMap<&'a NamespaceCode, &'a Node<'a>>,
}

impl<'a> Graph<'a> {
    fn of(node: &'a Node<'a>) -> Graph<'a> {
        let unique = node.is_unique.then_some((node.namespace, node));
        Graph { nodes: vec![node], links: BTreeMap::new(), unique: unique.into_iter().collect() }
    }

    fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.nodes.iter().map(|node| node.text.clone()).collect();
        texts.sort_unstable();
        texts
    }

    /// Why two graphs may not become one.
    fn conflict(&self, other: &Graph<'a>) -> Option<Reason> {
        let (namespace, one, other) = self.unique.iter().find_map(|(namespace, one)| {
            other.unique.get(namespace).filter(|other| *other != one).map(|other| (*namespace, *one, *other))
        })?;
        let mut would_join = [one.text.clone(), other.text.clone()];
        would_join.sort_unstable();
        Some(Reason::Unique { namespace: namespace.clone(), would_join })
    }
}

impl<'a> Graphs<'a> {
    fn graph(&self, node: &Node<'a>) -> Option<&Graph<'a>> {
        self.of.get(node).and_then(|number| self.all.get(number))
    }

    fn stands(&self, link: &[&'a Node<'a>]) -> bool {
        match link {
            [one, other] => self.graph(one).is_some_and(|graph| graph.links.contains_key(&(*one, *other))),
            _ => false,
        }
    }

    /// Whether two identities of a unique namespace are among some identities and their graphs. Where not, links
    /// between them can be laid in any order.
    fn would_break(&self, touched: &BTreeSet<&'a Node<'a>>) -> bool {
        let numbers: BTreeSet<&usize> = touched.iter().filter_map(|node| self.of.get(node)).collect();
        let held = numbers
            .into_iter()
            .filter_map(|number| self.all.get(number))
            .flat_map(|graph| graph.unique.values());
        let mut holders: BTreeMap<&NamespaceCode, &Node<'a>> = BTreeMap::new();
        held.chain(touched.iter().filter(|node| node.is_unique))
            .any(|node| holders.insert(node.namespace, node).is_some_and(|other| other != *node))
    }

    /// Takes the graph of an identity apart.
    fn take(&mut self, node: &Node<'a>) -> Option<Graph<'a>> {
        let graph = self.of.get(node).copied().and_then(|number| self.all.remove(&number))?;
        for node in &graph.nodes {
            self.of.remove(node);
        }
        Some(graph)
    }

    fn take_overfull(&mut self, node: &Node<'a>) -> Option<Graph<'a>> {
        self.graph(node).filter(|graph| graph.nodes.len() > MOST_IDENTITIES)?;
        self.take(node)
    }

    /// Adds a link, unless a limit would be broken.
    fn add(&mut self, link: Link<'a>, at: i64) -> Result<(), Reason> {
        let (one, other) = link;
        let number = match (self.of.get(one).copied(), self.of.get(other).copied()) {
            (Some(number), Some(same)) if number == same => number,
            (found_one, found_other) => self.join((one, found_one), (other, found_other))?,
        };
        if let Some(graph) = self.all.get_mut(&number) {
            graph.links.insert(link, at);
        }
        Ok(())
    }

    /// Makes the graphs of two identities one, the smaller moving into the larger.
    fn join(
        &mut self,
        one: (&'a Node<'a>, Option<usize>),
        other: (&'a Node<'a>, Option<usize>),
    ) -> Result<usize, Reason> {
        let [one, other] =
            [one, other].map(|(node, number)| match number.and_then(|each| self.all.remove(&each)) {
                Some(graph) => (number, graph),
                None => (None, Graph::of(node)),
            });
        if let Some(reason) = one.1.conflict(&other.1) {
            for (number, graph) in [one, other] {
                self.all.extend(number.map(|number| (number, graph)));
            }
            return Err(reason);
        }
        let (large, small) =
            if one.1.nodes.len() < other.1.nodes.len() { (other, one) } else { (one, other) };
        let ((number, mut graph), (_, mut small)) = (large, small);
        let number = number.unwrap_or_else(|| {
            // Neither identity was in a graph, so that the other's stands in `small`.
            self.born += 1;
            self.of.extend(graph.nodes.iter().map(|node| (*node, self.born)));
            self.born
        });
        self.of.extend(small.nodes.iter().map(|node| (*node, number)));
        graph.nodes.append(&mut small.nodes);
        graph.links.append(&mut small.links);
        graph.unique.append(&mut small.unique);
        self.all.insert(number, graph);
        Ok(number)
    }
}
