//! What becomes of stored graphs: profiles that merge, identities that change hands, splits, and that all of it is what
//! the replay of all records says.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what a test cannot set up fails it")]

mod people;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use domain::fragment::{FragmentKey, Record};
use domain::graph::linking::{self, Event};
use domain::graph::{Contradiction, DropReason, Graph, MOST_IDENTITIES, Neighbourhood, Relinked, Split};
use domain::identity::{IdentityKey, ProfileId};

use people::{crm, identity, record, rules};

/// Stored graphs, as ingest keeps them.
#[derive(Default)]
struct World {
    graphs: BTreeMap<ProfileId, Graph>,
    links: BTreeMap<IdentityKey, ProfileId>,
    born: u32,
}

impl World {
    fn of(records: &[(u64, &[&str])]) -> World {
        let mut world = World::default();
        for (time, texts) in records {
            world.hear(&record(*time, texts));
        }
        world
    }

    fn hear(&mut self, record: &Record) -> Relinked {
        let mut around = Neighbourhood::default();
        loop {
            let unread = around.unread(record);
            if unread.is_empty() {
                break;
            }
            for key in unread {
                let link = self.links.get(&key).cloned();
                around.note(&key, link.clone().map(|link| (link.clone(), link)));
                if let Some(link) = link {
                    around.add(link.clone(), self.graphs[&link].clone());
                }
            }
        }
        let relinking = around.hear(&rules(), record, &crm());
        self.write(relinking)
    }

    fn split(&mut self, out: &str, at: u64) -> Relinked {
        let key = identity(out).key;
        let profile = self.links[&key].clone();
        let graph = self.graphs[&profile].clone();
        let rest = graph.identities.keys().filter(|each| **each != key).cloned().collect();
        let mut around = Neighbourhood::default();
        around.add(profile, graph);
        let split =
            Split { out: [key].into(), rest, at, by: "somebody".to_owned(), reason: "two people".to_owned() };
        let relinking = around.split(&rules(), split);
        self.write(relinking)
    }

    fn write(&mut self, mut relinking: domain::graph::Relinking<'_>) -> Relinked {
        for part in relinking.parts.iter_mut().filter(|part| part.profile.is_none()) {
            self.born += 1;
            part.profile = Some(format!("{:032x}", self.born).parse().unwrap());
        }
        let relinked = relinking.finish();
        for (profile, (read, graph)) in &relinked.graphs {
            assert_eq!(self.graphs.get(profile).map(|graph| graph.version), *read);
            self.graphs.insert(profile.clone(), graph.clone());
        }
        for moved in &relinked.moved {
            assert_eq!(self.links.get(&moved.identity), moved.from.as_ref());
            match &moved.to {
                Some(to) => _ = self.links.insert(moved.identity.clone(), to.clone()),
                None => _ = self.links.remove(&moved.identity),
            }
        }
        self.check();
        relinked
    }

    /// What must always hold: links and graphs say the same, and every identity is one person's.
    fn check(&self) {
        let named: Vec<_> = self
            .graphs
            .iter()
            .flat_map(|(profile, graph)| {
                graph.identities.keys().map(move |key| (key.clone(), profile.clone()))
            })
            .collect();
        assert_eq!(named.len(), self.links.len());
        assert_eq!(named.into_iter().collect::<BTreeMap<_, _>>(), self.links);
        for graph in self.graphs.values() {
            assert!(graph.identities.len() <= MOST_IDENTITIES);
            assert!(graph.merged_into.is_none() || graph.identities.is_empty() && graph.fragments.is_empty());
            assert!(graph.fragments.iter().all(|key| graph.identities.contains_key(&key.primary)));
        }
    }

    fn profile(&self, text: &str) -> Option<(&ProfileId, &Graph)> {
        let profile = self.links.get(&identity(text).key)?;
        Some((profile, &self.graphs[profile]))
    }

    /// The graphs of at least two identities, each as its sorted texts.
    fn partition(&self) -> Vec<Vec<String>> {
        let texts = |graph: &Graph| {
            let mut texts: Vec<String> =
                graph.identities.values().map(|node| format!("{}:{}", node.namespace, node.value)).collect();
            texts.sort();
            texts
        };
        let mut all: Vec<Vec<String>> =
            self.graphs.values().map(texts).filter(|texts| texts.len() > 1).collect();
        all.sort();
        all
    }
}

#[test]
fn a_record_that_names_two_people_of_whom_nothing_says_that_they_are_two_makes_them_one() {
    let mut world = World::of(&[(1, &["CRMID:1"]), (2, &["Email:a", "ECID:e"])]);
    let (survivor, _) = world.profile("CRMID:1").map(|(id, graph)| (id.clone(), graph.clone())).unwrap();
    let (loser, _) = world.profile("Email:a").map(|(id, graph)| (id.clone(), graph.clone())).unwrap();
    let relinked = world.hear(&record(3, &["CRMID:1", "Email:a"]));
    assert!(!relinked.is_growth());
    assert_eq!(relinked.home.as_ref(), Some(&survivor), "whoever has the higher identity survives");
    assert_eq!(world.graphs[&loser].merged_into.as_ref(), Some(&survivor));
    let graph = &world.graphs[&survivor];
    assert_eq!((graph.identities.len(), graph.fragments.len()), (3, 2));
    assert_eq!(graph.arriving, BTreeSet::from([loser]));
    assert_eq!(relinked.awaiting().collect::<Vec<_>>(), [&survivor]);
}

#[test]
fn of_two_with_equal_claims_the_one_that_was_born_first_survives() {
    let mut world = World::of(&[(2, &["Email:b"]), (1, &["Email:a"])]);
    let first = world.profile("Email:a").unwrap().0.clone();
    assert_eq!(world.hear(&record(3, &["Email:b", "Email:a"])).home, Some(first));
}

#[test]
fn a_shared_email_goes_to_the_newest_customer_with_the_records_about_it() {
    let mut world = World::of(&[(1, &["CRMID:1", "Email:both"]), (2, &["Email:both"])]);
    let one = world.profile("CRMID:1").unwrap().0.clone();
    let relinked = world.hear(&record(3, &["CRMID:2", "Email:both"]));
    let two = world.profile("CRMID:2").unwrap().0.clone();
    assert_ne!(one, two);
    assert_eq!(world.profile("Email:both").unwrap().0, &two);
    let key = FragmentKey { dataset: crm(), primary: identity("Email:both").key };
    assert!(world.graphs[&two].fragments.contains(&key) && !world.graphs[&one].fragments.contains(&key));
    assert_eq!(world.graphs[&two].arriving, BTreeSet::from([one.clone()]));
    assert!(world.graphs[&one].merged_into.is_none(), "who has lost an address lives on");
    for profile in [&one, &two] {
        let dropped = &world.graphs[profile].dropped;
        assert_eq!((dropped.len(), dropped[0].edge.at), (1, 1), "both know of the link that was dropped");
        assert_eq!(dropped[0].reason, DropReason::Unique { namespace: "CRMID".parse().unwrap() });
    }
    assert_eq!(relinked.home, Some(two));
    // An older record says nothing against it.
    world.hear(&record(2, &["CRMID:1", "Email:both"]));
    assert_eq!(world.profile("Email:both").unwrap().0, world.profile("CRMID:2").unwrap().0);
    // A newer one does, and its link does not count as dropped any more.
    world.hear(&record(4, &["CRMID:1", "Email:both"]));
    assert_eq!(world.profile("Email:both").unwrap().0, &one);
    assert_eq!(world.graphs[&one].dropped.len(), 1);
}

#[test]
fn a_record_says_of_itself_that_it_cannot_be_believed() {
    let rules = rules();
    let check = |texts: &[&str]| Contradiction::check(&rules, &record(1, texts));
    assert_eq!(check(&["CRMID:1", "Email:a", "Email:b"]), Ok(()));
    assert_eq!(check(&["CRMID:1", "CRMID:2"]), Err(Contradiction::Unique("CRMID".parse().unwrap())));
    let many: Vec<String> = (0..21).map(|number| format!("Email:{number}")).collect();
    assert_eq!(Contradiction::check(&rules, &record(1, &many)), Err(Contradiction::TooMany(21)));
    assert_eq!(Contradiction::check(&rules, &record(1, &many[..20])), Ok(()));
}

#[test]
fn a_full_graph_lets_go_of_the_oldest_browser_and_keeps_what_was_said_of_it_apart() {
    let mut world = World::of(&[(1, &["CRMID:1", "Email:a"])]);
    for number in 0..48 {
        world.hear(&record(10 + number, &["CRMID:1".to_owned(), format!("ECID:{number}")]));
    }
    world.hear(&record(70, &["ECID:0"]));
    assert_eq!(world.profile("CRMID:1").unwrap().1.identities.len(), 50);
    world.hear(&record(80, &["CRMID:1", "ECID:new"]));
    let (person, graph) = world.profile("CRMID:1").unwrap();
    assert_eq!(graph.identities.len(), 50);
    let (evicted, alone) = world.profile("ECID:0").unwrap();
    assert_ne!(person, evicted);
    assert_eq!((alone.identities.len(), alone.fragments.len()), (1, 1));
    assert!(
        matches!(&graph.dropped[0].reason, DropReason::Evicted { identity: key } if *key == identity("ECID:0").key)
    );
    // Of whom nothing is known but the link, nothing stays.
    world.hear(&record(90, &["CRMID:1", "ECID:newer"]));
    assert!(world.profile("ECID:1").is_none());
}

#[test]
fn what_a_person_splits_stays_apart_until_a_newer_record_says_otherwise() {
    let mut world =
        World::of(&[(1, &["CRMID:1", "Email:a"]), (2, &["Email:a", "Email:b"]), (3, &["Email:b"])]);
    let one = world.profile("CRMID:1").unwrap().0.clone();
    world.split("Email:b", 10);
    let (other, graph) = world.profile("Email:b").unwrap();
    assert_ne!(&one, other);
    assert_eq!((graph.identities.len(), graph.fragments.len()), (1, 1));
    assert_eq!((graph.splits.len(), &graph.splits[0].reason), (1, &"two people".to_owned()));
    assert_eq!(graph.arriving, BTreeSet::from([one.clone()]));
    // What was said before, heard again, or by others.
    for texts in [["Email:a", "Email:b"], ["CRMID:1", "Email:b"]] {
        world.hear(&record(9, &texts));
        assert_ne!(world.profile("Email:b").unwrap().0, &one, "{texts:?}");
        assert!(world.graphs[&one].dropped.iter().any(|dropped| dropped.reason == DropReason::Split));
    }
    world.hear(&record(11, &["CRMID:1", "Email:b"]));
    assert_eq!(world.profile("Email:b").unwrap().0, &one);
}

#[test]
fn whoever_is_split_off_is_the_one_that_was_named_even_with_the_highest_identity() {
    let mut world = World::of(&[(1, &["CRMID:1", "Email:a", "ECID:e"])]);
    let before = world.profile("CRMID:1").unwrap().0.clone();
    world.split("CRMID:1", 10);
    assert_eq!(world.profile("Email:a").unwrap().0, &before);
    assert_ne!(world.profile("CRMID:1").unwrap().0, &before);
    assert_eq!(world.profile("ECID:e").unwrap().0, &before, "the rest stays together");
}

#[test]
fn an_identity_of_somebody_who_was_deleted_is_in_no_graph_whatever_the_graph_says() {
    let world = World::of(&[(1, &["CRMID:1", "Email:a"]), (1, &["CRMID:1", "Email:b"])]);
    let (profile, graph) = world.profile("CRMID:1").map(|(id, graph)| (id.clone(), graph.clone())).unwrap();
    let mut around = Neighbourhood::default();
    around.add(profile.clone(), graph);
    around.note(&identity("CRMID:1").key, Some((profile.clone(), profile.clone())));
    around.bar(&identity("Email:b").key);
    let about_both = record(2, &["CRMID:1", "Email:b"]);
    assert!(around.bars(&about_both) && !around.bars(&record(2, &["CRMID:1", "Email:a"])));
    let relinked = around.hear(&rules(), &record(2, &["CRMID:1", "Email:a"]), &crm()).finish();
    let left: Vec<_> =
        relinked.graphs[&profile].1.identities.values().map(|node| node.value.as_str()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(!relinked.graphs[&profile].1.identities.contains_key(&identity("Email:b").key));
    assert!(relinked.moved.iter().all(|moved| moved.identity != identity("Email:b").key));
}

#[test]
fn an_identity_takes_the_graphs_along_that_it_leaves_and_comes_to() {
    let world = World::of(&[(1, &["CRMID:1", "Email:a"]), (1, &["CRMID:2", "Email:b"])]);
    let of = |text: &str| world.profile(text).map(|(id, graph)| (id.clone(), graph.clone())).unwrap();
    let ((one, graph_of_one), (two, graph_of_two)) = (of("CRMID:1"), of("CRMID:2"));
    let mut around = Neighbourhood::default();
    around.add(one.clone(), graph_of_one.clone());
    around.add(two.clone(), graph_of_two);
    let stray = identity("ECID:e").key;
    around.note(&stray, Some((one.clone(), one.clone())));
    assert_eq!(around.astray().collect::<Vec<_>>(), [(&stray, &one)], "one does not name it");
    let heard = record(2, &["CRMID:2", "ECID:e"]);
    around.note(&heard.primary.key, Some((two.clone(), two.clone())));
    let relinked = around.hear(&rules(), &heard, &crm()).finish();
    assert_eq!(relinked.home, Some(two));
    let (read, next) = &relinked.graphs[&one];
    assert_eq!(*read, Some(graph_of_one.version), "who names it meanwhile is noticed");
    assert_eq!(*next, Graph { version: graph_of_one.version + 1, ..graph_of_one });
}

#[test]
fn whose_an_identity_is_that_two_graphs_name_is_looked_up() {
    let world = World::of(&[(1, &["CRMID:1", "Email:a"]), (1, &["CRMID:2", "Email:b"])]);
    let mut around = Neighbourhood::default();
    let both = identity("Email:a").key;
    for text in ["CRMID:1", "CRMID:2"] {
        let (profile, mut graph) =
            world.profile(text).map(|(id, graph)| (id.clone(), graph.clone())).unwrap();
        let node = world.profile("CRMID:1").unwrap().1.identities[&both].clone();
        graph.identities.insert(both.clone(), node);
        around.add(profile.clone(), graph);
        around.note(&identity(text).key, Some((profile.clone(), profile)));
    }
    assert_eq!(around.unread(&record(2, &["CRMID:1", "CRMID:2"])), BTreeSet::from([both.clone()]));
    let one = world.profile("CRMID:1").unwrap().0.clone();
    around.note(&both, Some((one.clone(), one.clone())));
    assert_eq!(around.astray().collect::<Vec<_>>(), [(&both, &one)], "it may have gone to the other since");
}

#[test]
fn what_was_heard_before_is_not_written_again() {
    let records: [(u64, &[&str]); 3] =
        [(1, &["CRMID:1", "Email:a"]), (2, &["CRMID:2", "Email:a"]), (2, &["CRMID:3", "Email:a"])];
    let mut world = World::of(&records);
    for (time, texts) in records.iter().skip(1) {
        assert!(world.hear(&record(*time, texts)).is_empty(), "{texts:?}");
    }
}

fn arbitrary_records() -> impl Strategy<Value = Vec<(u64, BTreeSet<String>)>> {
    let identity = prop_oneof![
        3 => (0..4).prop_map(|number| format!("CRMID:{number}")),
        3 => (0..4).prop_map(|number| format!("Email:{number}")),
        2 => (0..4).prop_map(|number| format!("ECID:{number}")),
        1 => (0..2).prop_map(|number| format!("GAID:{number}")),
    ];
    prop::collection::vec((1..4_u64, prop::collection::btree_set(identity, 1..4)), 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever order records of one time come in, the stored graphs are what the replay of all says.
    #[test]
    fn stored_graphs_are_the_replay_of_all_records(records in arbitrary_records(), seed in any::<u64>()) {
        let mut records: Vec<_> = records
            .into_iter()
            .filter(|(_, texts)| texts.iter().filter(|text| text.starts_with("CRMID")).count() < 2)
            .collect();
        let shuffle = |number: usize| (number as u64 + 1).wrapping_mul(seed | 1).rotate_left(23);
        let mut numbered: Vec<_> = records.drain(..).enumerate().collect();
        numbered.sort_by_key(|(number, (time, _))| (*time, shuffle(*number)));
        let mut world = World::default();
        let mut events = Vec::new();
        for (_, (time, texts)) in &numbered {
            let texts: Vec<&String> = texts.iter().collect();
            world.hear(&record(*time, &texts));
            let mut ids: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
            for text in texts {
                let (namespace, value) = text.split_once(':').unwrap();
                ids.entry(namespace.parse().unwrap()).or_default().insert(value.to_owned());
            }
            events.push(Event { t: i64::try_from(*time).unwrap(), ids });
        }
        prop_assert_eq!(world.partition(), linking::link(&rules(), &events).graphs);
    }

    /// Whatever order records come in at all, identities and links never contradict each other, and nobody has two
    /// identities of a unique namespace.
    #[test]
    fn nobody_becomes_two_customers(records in arbitrary_records(), splits in prop::collection::vec((0..4, 0..10_u64), 0..3)) {
        let mut world = World::default();
        for (index, (time, texts)) in records.iter().enumerate() {
            let texts: Vec<&String> = texts.iter().collect();
            let heard = record(*time, &texts);
            if Contradiction::check(&rules(), &heard).is_ok() {
                world.hear(&heard);
            }
            for (number, after) in &splits {
                let text = format!("Email:{number}");
                if *after == index as u64 && world.profile(&text).is_some_and(|(_, graph)| graph.identities.len() > 1) {
                    world.split(&text, 4);
                    prop_assert!(world.profile(&text).is_none_or(|(_, graph)| graph.identities.len() == 1));
                }
            }
            for graph in world.graphs.values() {
                let customers = graph.identities.values().filter(|node| node.namespace.as_str() == "CRMID");
                prop_assert!(customers.count() < 2);
            }
        }
    }
}
