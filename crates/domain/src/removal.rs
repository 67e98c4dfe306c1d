//! Removal: what of a profile is over and to be deleted, what of a visitor, and how a profile ends.
//!
//! What is over is out of use already, as of reading (`Profile::usable`): deleting it changes nothing that anybody
//! sees. Only the data of a contract is kept for a while after its end.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::catalogue::Catalogue;
use crate::dataset::Dataset;
use crate::delivery::Delivery;
use crate::edge::visitor::Visitor;
use crate::fragment::{Fragment, FragmentKey};
use crate::graph::{Edge, Ending};
use crate::identity::IdentityKey;
use crate::name::DatasetName;
use crate::profile::{Profile, day, day_number, is_kept_of};

/// How long a profile of which nothing is known waits for somebody who has begun to write to it, and an erased one for
/// what such a writer has left: far longer than any of them lives.
pub const GRACE: SignedDuration = SignedDuration::from_hours(24);

/// The next step towards the end of a profile, or of what of it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// Nothing is over, or what stands at destinations is to be withdrawn first.
    Nothing,
    /// These fragments are deleted.
    Delete(BTreeSet<FragmentKey>),
    /// It is noted that nothing is known of the person any more.
    End,
    /// It is noted that something is known again.
    Revive,
    /// The profile is erased.
    Erase,
    /// Late writers have had time enough: the word that the profile was erased goes too.
    Forget,
}

/// The next step of removal, by everything that lies under a profile.
pub fn next(catalogue: &Catalogue, profile: &Profile, now: Timestamp) -> Removal {
    let owes = !profile.graph.owing.is_empty();
    let stands = owes || profile.deliveries.values().any(Delivery::stands);
    let has_waited = |since: Timestamp| now.duration_since(since) >= GRACE;
    match &profile.graph.ending {
        Some(Ending::Over { .. }) if !is_empty(profile) => Removal::Revive,
        Some(_) if stands => Removal::Nothing,
        Some(Ending::Deleted { .. }) => Removal::Erase,
        Some(Ending::Erased { .. }) if !is_bare(profile) => Removal::Erase,
        Some(Ending::Erased { at, .. }) if has_waited(*at) => Removal::Forget,
        Some(Ending::Over { since }) if has_waited(*since) => Removal::Erase,
        Some(Ending::Erased { .. } | Ending::Over { .. }) => Removal::Nothing,
        // Whoever was merged away has become another, and what lies here is brought there.
        None if profile.has_become_another() => Removal::Nothing,
        None => match over(catalogue, profile, now) {
            over if !over.is_empty() => Removal::Delete(over),
            _ if is_empty(profile) => Removal::End,
            _ => Removal::Nothing,
        },
    }
}

/// Whether nothing is known of the person: no dataset says anything, and no browser of theirs is in an audience.
fn is_empty(profile: &Profile) -> bool {
    profile.fragments.is_empty() && profile.edge_memberships.is_empty() && profile.graph.arriving.is_empty()
}

/// Whether nothing lies under a profile but its graph.
pub fn is_bare(profile: &Profile) -> bool {
    is_empty(profile) && profile.memberships.version == 0 && profile.deliveries.is_empty()
}

/// The fragments of a profile that are to be deleted: past their dataset's retention or its last day, or so long past
/// their partner's contract that it is not renewed any more, and what nobody holds the ID of any more. Those of a dataset
/// that the catalogue does not have stay: who took its file out of the project by mistake puts it back. Of a pseudonymous
/// profile that has expired, all.
fn over(catalogue: &Catalogue, profile: &Profile, now: Timestamp) -> BTreeSet<FragmentKey> {
    if profile.has_expired(catalogue, now) {
        return of_expired(profile);
    }
    let is_over = |(key, fragment): &(&FragmentKey, &Fragment)| {
        let dataset = catalogue.datasets.get(&key.dataset);
        let of_prospect = profile.graph.prospect;
        dataset.is_some_and(|dataset| is_over_of(catalogue, dataset, fragment.confirmed, of_prospect, now))
    };
    let mut over: BTreeSet<FragmentKey> =
        profile.fragments.iter().filter(is_over).map(|(key, _)| key.clone()).collect();
    let unheld = unheld(profile, &over);
    over.extend(unheld);
    over
}

/// What is keyed by partners' IDs that none of a profile's fragments holds once some are gone: whoever gets such an ID
/// later is not whom it spoke of. While something is on its way to the profile, it may be the one that holds the ID.
pub fn unheld(profile: &Profile, gone: &BTreeSet<FragmentKey>) -> BTreeSet<FragmentKey> {
    let mut unheld = BTreeSet::new();
    if !profile.graph.arriving.is_empty() {
        return unheld;
    }
    loop {
        let is_left = |key: &FragmentKey| !gone.contains(key) && !unheld.contains(key);
        let left = || profile.fragments.iter().filter(|(key, _)| is_left(key));
        let held: BTreeSet<&IdentityKey> =
            left().flat_map(|(_, fragment)| &fragment.partner_ids).map(|identity| &identity.key).collect();
        let is_unheld = |(key, fragment): &(&FragmentKey, &Fragment)| {
            fragment.is_keyed_by_partner_id() && !held.contains(&key.primary)
        };
        let more: Vec<FragmentKey> = left().filter(is_unheld).map(|(key, _)| key.clone()).collect();
        if more.is_empty() {
            return unheld;
        }
        // What goes may have held another's ID.
        unheld.extend(more);
    }
}

/// What is deleted next of a profile that has expired. Its own records tell that it has: they go last, when its visitors
/// are in no audience and nothing is said of it by a partner's ID any more.
fn of_expired(profile: &Profile) -> BTreeSet<FragmentKey> {
    let keys = |is_keyed| {
        let fragments = profile.fragments.iter();
        let meant = fragments.filter(move |(_, fragment)| fragment.is_keyed_by_partner_id() == is_keyed);
        meant.map(|(key, _)| key.clone()).collect::<BTreeSet<_>>()
    };
    let keyed = keys(true);
    if keyed.is_empty() && profile.edge_memberships.is_empty() { keys(false) } else { keyed }
}

/// The identities of a profile that nothing speaks for any more once some of its fragments are gone: these name them, and
/// neither a fragment that is left does, nor is one of their links by a dataset that has one. A link is by the dataset that
/// said so last: of those before it nothing is kept. Those by which alone others hold together stay, and of whom nothing at
/// all is left all do: whoever comes back in time is still the same.
pub fn unfounded<'a>(profile: &'a Profile, gone: &BTreeSet<&FragmentKey>) -> BTreeSet<&'a IdentityKey> {
    let (gone, left): (Vec<_>, Vec<_>) = profile.fragments.iter().partition(|(key, _)| gone.contains(key));
    if left.is_empty() {
        return BTreeSet::new();
    }
    let named = |fragments: &[(&'a FragmentKey, &'a Fragment)]| -> BTreeSet<&'a IdentityKey> {
        fragments
            .iter()
            .flat_map(|(key, fragment)| fragment.identities.iter().chain([&key.primary]))
            .collect()
    };
    let (named_by_gone, named_by_left) = (named(&gone), named(&left));
    let datasets: BTreeSet<&DatasetName> = left.iter().map(|(key, _)| &key.dataset).collect();
    let is_linked = |key: &IdentityKey| {
        let mut edges = profile.graph.edges.iter().filter(|edge| datasets.contains(&edge.source));
        edges.any(|edge| edge.between.0 == *key || edge.between.1 == *key)
    };
    let mut rest: BTreeSet<&IdentityKey> = profile.graph.identities.keys().collect();
    let mut unfounded = BTreeSet::new();
    for key in named_by_gone.into_iter().filter(|key| !named_by_left.contains(key) && !is_linked(key)) {
        if rest.remove(key) {
            if is_connected(&rest, &profile.graph.edges) {
                unfounded.insert(key);
            } else {
                rest.insert(key);
            }
        }
    }
    unfounded
}

/// Whether links lead from each of some identities to each other by these alone.
fn is_connected(identities: &BTreeSet<&IdentityKey>, edges: &[Edge]) -> bool {
    let mut unseen = identities.clone();
    let mut open: Vec<&IdentityKey> = unseen.pop_first().into_iter().collect();
    while let Some(key) = open.pop() {
        for Edge { between: (one, other), .. } in edges {
            let next = if one == key {
                other
            } else if other == key {
                one
            } else {
                continue;
            };
            open.extend(unseen.take(next));
        }
    }
    unseen.is_empty()
}

/// Whether what a dataset said of a customer on a day, by its number, is to be deleted.
pub fn is_over(catalogue: &Catalogue, dataset: &Dataset, confirmed: i32, now: Timestamp) -> bool {
    is_over_of(catalogue, dataset, confirmed, false, now)
}

fn is_over_of(
    catalogue: &Catalogue,
    dataset: &Dataset,
    confirmed: i32,
    is_prospect: bool,
    now: Timestamp,
) -> bool {
    let contract = catalogue.partner_of(dataset).and_then(|partner| partner.contract.as_ref());
    !is_kept_of(dataset, confirmed, is_prospect, now)
        || contract.is_some_and(|contract| contract.is_past(day(now)))
}

/// A visitor without what partners' scripts said that is over; nothing, where nothing is.
pub fn without_what_is_over(catalogue: &Catalogue, visitor: &Visitor, now: Timestamp) -> Option<Visitor> {
    let mut next = visitor.clone();
    next.signals.retain(|name, signal| {
        let dataset = catalogue.datasets.get(name);
        dataset.is_none_or(|dataset| !is_over(catalogue, dataset, day_number(signal.at), now))
    });
    (next.signals.len() < visitor.signals.len()).then_some(next)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::dataset::WriteMode;
    use crate::fragment::{Change, OrderToken, Record, WriteRules, decide};
    use crate::graph::linking::Rules;
    use crate::graph::{Graph, Neighbourhood};
    use crate::identity::{Identity, Keyring, ProfileId};
    use crate::membership::Memberships;
    use crate::namespace::Namespace;
    use crate::value::Object;

    /// A dataset of a partner, whose retention and contract are as given.
    fn catalogue(retention: &str, contract: &str) -> Catalogue {
        let text = format!(
            r#"{{
                "format": 1, "title": "", "namespaces": [], "schemas": {{}}, "merge_policies": {{}},
                "policies": {{}}, "audiences": {{}}, "destinations": {{}}, "dataflows": {{}},
                "partners": {{"p": {{"name": "p", "title": "", "namespace": "PID", "contract": {contract}}}}},
                "datasets": {{"d": {{
                    "name": "d", "title": "", "schema": "s", "partner": "p", "write_mode": "replace",
                    "source": {{"datastream": "site", "fields": {{"a": "b"}}}},
                    "on_unmatched": "set_aside", "error_threshold": 5.0, "retention": {retention}
                }}}}
            }}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    /// Records: of which dataset, and which identities each names, its primary one first.
    type Records<'a> = &'a [(&'a str, &'a [char])];

    /// A profile of records.
    fn profile(records: Records<'_>) -> Profile {
        let email = Namespace::standard().into_iter().find(|each| each.code.as_str() == "Email").unwrap();
        let keyring = Keyring::new(1, &[7; 32]).unwrap();
        let identity = |name: &char| keyring.identity(&email, &format!("{name}@example.com")).unwrap();
        let rules = WriteRules {
            mode: WriteMode::Replace,
            keyed_by_partner_id: false,
            row_times: false,
            confirm_after: None,
            today: 1,
        };
        let id: ProfileId = "0".repeat(32).parse().unwrap();
        let mut graph: Option<Graph> = None;
        let mut fragments = BTreeMap::new();
        for (time, (dataset, names)) in (1..).zip(records) {
            let dataset: DatasetName = dataset.parse().unwrap();
            let record = Record {
                token: OrderToken { time, batch: 1, row: 1 },
                primary: identity(names.first().unwrap()),
                others: names.iter().skip(1).map(identity).collect(),
                partner_ids: BTreeSet::new(),
                attributes: Object::new(),
            };
            graph = heard(&id, graph, &record, &dataset);
            let Change::Written(fragment) = decide(None, &record, rules) else { panic!("not written") };
            fragments.insert(FragmentKey { dataset, primary: record.primary.key }, fragment);
        }
        Profile {
            id,
            graph: graph.unwrap(),
            fragments,
            memberships: Memberships::default(),
            edge_memberships: BTreeMap::new(),
            deliveries: BTreeMap::new(),
        }
    }

    /// The graph of a profile after one more record.
    fn heard(id: &ProfileId, graph: Option<Graph>, record: &Record, dataset: &DatasetName) -> Option<Graph> {
        let mut around = Neighbourhood::default();
        if let Some(graph) = graph.clone() {
            around.add(id.clone(), graph);
        }
        let mut relinking = around.hear(&Rules::default(), record, dataset);
        relinking.parts.iter_mut().for_each(|part| part.profile = Some(id.clone()));
        relinking.finish().graphs.remove(id).map(|(_, next)| next).or(graph)
    }

    #[test]
    fn an_identity_goes_with_the_last_that_speaks_for_it() {
        let cases: [(&str, Records<'_>, &[char]); 7] = [
            ("only the partner knows it", &[("own", &['a']), ("p", &['a', 'b'])], &['b']),
            ("both name it", &[("own", &['a', 'b']), ("p", &['a', 'b'])], &[]),
            ("the partner finds by it", &[("own", &['a', 'b']), ("p", &['b'])], &[]),
            // The customer's record has another address by now, and linked the former one once.
            ("own data linked it", &[("own", &['a', 'b']), ("own", &['a', 'c']), ("p", &['b'])], &[]),
            // Of a link only the newest word is kept, and that was the partner's.
            (
                "own data linked it, and then the partner",
                &[("own", &['a', 'b']), ("p", &['a', 'b']), ("own", &['a', 'c'])],
                &['b'],
            ),
            ("it holds others together", &[("own", &['a']), ("p", &['a', 'b']), ("q", &['b', 'c'])], &[]),
            ("nothing is left", &[("p", &['a', 'b'])], &[]),
        ];
        for (case, records, expected) in cases {
            let profile = profile(records);
            let is_theirs = |key: &&FragmentKey| key.dataset.as_str() == "p";
            let gone = profile.fragments.keys().filter(is_theirs).collect();
            let unfounded = unfounded(&profile, &gone);
            let found: Vec<char> = unfounded
                .iter()
                .map(|key| profile.graph.identities[*key].value.chars().next().unwrap())
                .collect();
            assert_eq!(found, expected, "{case}");
            let rest = profile.graph.without_fragments(&gone, &unfounded);
            assert_eq!(rest.version, profile.graph.version + 1);
            let named = rest.edges.iter().flat_map(|edge| [&edge.between.0, &edge.between.1]);
            assert!(named.into_iter().all(|key| rest.identities.contains_key(key)), "{case}");
        }
    }

    #[test]
    fn a_profile_ends_step_by_step_and_not_while_anything_stands() {
        let catalogue = catalogue(r#"{"days": 30}"#, "null");
        let step = |profile: &Profile, day: &str| next(&catalogue, profile, at(day));
        let known = profile(&[("d", &['a'])]);
        let empty = Profile { fragments: BTreeMap::new(), ..known.clone() };
        let ending = |profile: &Profile, ending: Ending| {
            let graph = profile.graph.with_ending(Some(ending));
            Profile { graph, ..profile.clone() }
        };
        let over = Ending::Over { since: at("2026-06-01") };
        let deleted = Ending::Deleted { receipt: "r".to_owned() };
        let erased = Ending::Erased { at: at("2026-06-01"), receipt: None };
        let cases = [
            (known.clone(), "1970-01-10", Removal::Nothing),
            (known.clone(), "2026-06-01", Removal::Delete(known.fragments.keys().cloned().collect())),
            (empty.clone(), "2026-06-01", Removal::End),
            (ending(&known, over.clone()), "2026-06-01", Removal::Revive),
            (ending(&empty, over.clone()), "2026-06-01", Removal::Nothing),
            (ending(&empty, over), "2026-06-02", Removal::Erase),
            (ending(&known, deleted), "2026-06-01", Removal::Erase),
            (ending(&known, erased.clone()), "2026-06-01", Removal::Erase),
            (ending(&empty, erased.clone()), "2026-06-01", Removal::Nothing),
            (ending(&empty, erased), "2026-06-02", Removal::Forget),
        ];
        let mut standing = Delivery::default();
        let cells = BTreeMap::from([("email".to_owned(), "abc".to_owned())]);
        let source = crate::delivery::SourceHash::of(&cells);
        standing.also.push(crate::delivery::Sent { cells, source, at: at("2026-01-01"), sequence: 1 });
        for (profile, day, expected) in cases {
            assert_eq!(step(&profile, day), expected, "{:?} on {day}", profile.graph.ending);
            let deliveries = BTreeMap::from([("somewhere".parse().unwrap(), standing.clone())]);
            let owing = BTreeSet::from([profile.id.clone()]);
            let graph = Graph { owing, ..profile.graph.clone() };
            let of_part = Profile { graph, ..profile.clone() };
            for profile in [Profile { deliveries, ..profile }, of_part] {
                let step = step(&profile, day);
                assert!(!matches!(step, Removal::Erase | Removal::Forget), "something stands");
            }
        }
    }

    #[test]
    fn a_record_revives_a_profile_of_which_nothing_was_known() {
        let known = profile(&[("d", &['a'])]);
        let over = known.graph.with_ending(Some(Ending::Over { since: at("2026-06-01") }));
        let key = known.fragments.keys().next().unwrap();
        let next = over.listing(key).unwrap();
        assert_eq!((next.ending, next.version), (None, over.version + 1));
        assert_eq!(known.graph.listing(key), None, "what is listed already is not written");
        let node = &over.identities[&key.primary];
        let primary = Identity {
            key: key.primary.clone(),
            namespace: node.namespace.clone(),
            value: node.value.clone(),
        };
        let record = Record {
            token: OrderToken { time: 9, batch: 1, row: 1 },
            primary,
            others: Vec::new(),
            partner_ids: BTreeSet::new(),
            attributes: Object::new(),
        };
        let heard = heard(&known.id, Some(over.clone()), &record, &key.dataset).unwrap();
        assert_eq!((heard.ending, heard.version), (None, over.version + 1));
    }

    fn at(day: &str) -> Timestamp {
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    #[test]
    fn what_is_over_is_told_by_age_by_date_and_by_a_contract_that_is_long_past() {
        const NO_CONTRACT: &str = "null";
        let ends = |day: &str| format!(r#"{{"allows": [], "ends": "{day}", "matching": "deterministic"}}"#);
        let cases = [
            ("{}", NO_CONTRACT.to_owned(), "2026-06-30", false),
            (r#"{"days": 30}"#, NO_CONTRACT.to_owned(), "2026-01-31", false),
            (r#"{"days": 30}"#, NO_CONTRACT.to_owned(), "2026-02-01", true),
            (r#"{"until": "2026-01-31"}"#, NO_CONTRACT.to_owned(), "2026-01-31", false),
            (r#"{"until": "2026-01-31"}"#, NO_CONTRACT.to_owned(), "2026-02-01", true),
            ("{}", ends("2026-01-31"), "2026-02-01", false),
            ("{}", ends("2026-01-31"), "2026-03-02", false),
            ("{}", ends("2026-01-31"), "2026-03-03", true),
        ];
        let confirmed = day_number(at("2026-01-01"));
        for (retention, contract, today, expected) in cases {
            let catalogue = catalogue(retention, &contract);
            let dataset = catalogue.datasets.values().next().unwrap();
            let found = is_over(&catalogue, dataset, confirmed, at(today));
            assert_eq!(found, expected, "{retention}, {contract}, on {today}");
        }
    }

    #[test]
    fn what_a_script_said_goes_with_its_dataset_and_what_is_left_stays_as_it_was() {
        let signal = |day: &str| crate::edge::signal::Signal::new(crate::value::Object::new(), at(day));
        let signals = [("d", "2026-01-01"), ("gone", "2020-01-01")];
        let signals = signals.map(|(name, day)| (name.parse().unwrap(), signal(day)));
        let visitor = Visitor { signals: signals.into(), ecid: "1".to_owned(), ..Visitor::default() };
        let catalogue = catalogue(r#"{"days": 30}"#, "null");
        assert_eq!(without_what_is_over(&catalogue, &visitor, at("2026-01-31")), None);
        let rest = without_what_is_over(&catalogue, &visitor, at("2026-02-01")).unwrap();
        assert_eq!(rest.signals.keys().map(ToString::to_string).collect::<Vec<_>>(), ["gone"]);
        assert_eq!(Visitor { signals: visitor.signals.clone(), ..rest }, visitor);
    }

    /// What a random fragment is: of the dataset that is kept for 30 days, or of one that the catalogue does not have; of
    /// which person or partner's ID; whether it is keyed by that ID; how old it is, and which IDs it holds.
    type Drawn = (bool, u8, bool, bool, BTreeSet<u8>);

    fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
        let ids = prop::collection::btree_set(0_u8..3, 0..3);
        prop::collection::vec((any::<bool>(), 0_u8..3, any::<bool>(), any::<bool>(), ids), 0..8)
    }

    /// A profile of random fragments.
    fn profile_of(drawn: &[Drawn]) -> Profile {
        // Which namespace they are of does not matter here.
        let ids = Namespace::standard().into_iter().find(|each| each.code.as_str() == "Email").unwrap();
        let keyring = Keyring::new(1, &[7; 32]).unwrap();
        let identity = |id: &u8| keyring.identity(&ids, &format!("{id}@example.com")).unwrap();
        let mut whole = profile(&[("own", &['a'])]);
        for (is_kept, of, keyed_by_partner_id, is_old, held) in drawn {
            let rules = WriteRules {
                mode: WriteMode::Replace,
                keyed_by_partner_id: *keyed_by_partner_id,
                row_times: false,
                confirm_after: None,
                today: if *is_old { 1 } else { 100 },
            };
            let record = Record {
                token: OrderToken { time: 1, batch: 1, row: 1 },
                primary: identity(of),
                others: Vec::new(),
                partner_ids: held.iter().map(identity).collect(),
                attributes: Object::new(),
            };
            let Change::Written(fragment) = decide(None, &record, rules) else { panic!("not written") };
            let dataset = if *is_kept { "own" } else { "d" };
            let key = FragmentKey { dataset: dataset.parse().unwrap(), primary: record.primary.key };
            whole.fragments.insert(key, fragment);
        }
        whole
    }

    proptest! {
        #[test]
        fn nothing_is_left_of_what_an_id_brought_that_nobody_holds(drawn in drawn()) {
            let catalogue = catalogue(r#"{"days": 30}"#, "null");
            let mut profile = profile_of(&drawn);
            let now = at("1970-04-11");
            let gone = over(&catalogue, &profile, now);
            let arriving = Graph {
                arriving: BTreeSet::from([profile.id.clone()]),
                ..profile.graph.clone()
            };
            let over_by_itself = over(&catalogue, &Profile { graph: arriving, ..profile.clone() }, now);
            prop_assert!(over_by_itself.is_subset(&gone), "what may be on its way makes nothing go");
            let whole = profile.fragments.clone();
            profile.fragments.retain(|key, _| !gone.contains(key));
            let holds = |id: &IdentityKey| profile.fragments.values().any(|fragment| fragment.holds(id));
            for (key, fragment) in &whole {
                let is_needless = fragment.is_keyed_by_partner_id() && !holds(&key.primary);
                let goes = over_by_itself.contains(key) || is_needless;
                prop_assert_eq!(gone.contains(key), goes, "{}", key);
            }
            prop_assert_eq!(over(&catalogue, &profile, now), BTreeSet::new());
        }
    }
}
