//! Many who write graphs and links at once. What ingest does of a row (`functions/ingest/src/row`) and what a split does
//! is done here call by call, others going first before any call, on tables that keep to what DynamoDB promises: strong
//! reads of one item, conditional writes of one, transactions.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what a test cannot set up fails it")]

mod people;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use domain::fragment::{OrderToken, Record};
use domain::graph::{Contradiction, Graph, Neighbourhood, Relinked, Relinking, Split};
use domain::identity::{IdentityKey, ProfileId};

use people::{crm, identity, keyring, record, rules};

/// How often a record is tried again, messages that come again included.
const MOST_RACES: u32 = 100;

#[derive(Default)]
struct Tables {
    graphs: BTreeMap<ProfileId, Graph>,
    links: BTreeMap<IdentityKey, ProfileId>,
    /// The token of the newest record about an identity under a profile, and what it named.
    fragments: BTreeMap<(ProfileId, IdentityKey), (OrderToken, BTreeSet<IdentityKey>)>,
    /// What was called, for whoever wants to know how it came.
    calls: Vec<String>,
}

impl Tables {
    fn stands(&self, profile: &ProfileId, read: Option<u64>) -> bool {
        self.graphs.get(profile).map(|graph| graph.version) == read
    }

    /// What contradicts itself: each identity that a graph names links to its profile.
    fn contradictions(&self) -> Vec<(&ProfileId, &IdentityKey)> {
        let named = self.graphs.iter();
        let named = named.flat_map(|(profile, graph)| graph.identities.keys().map(move |key| (profile, key)));
        named.filter(|(profile, key)| self.links.get(*key) != Some(*profile)).collect()
    }

    /// Identities that link to a profile which does not name them: the profile is found by them all the same.
    fn dangling(&self) -> Vec<&IdentityKey> {
        let names = |profile| self.graphs.get(profile).map(|graph| &graph.identities);
        let links = self.links.iter();
        let dangling =
            links.filter(|(key, profile)| !names(*profile).is_some_and(|all| all.contains_key(*key)));
        dangling.map(|(key, _)| key).collect()
    }
}

/// Whoever waits before each call until it is their turn.
#[derive(Clone)]
struct Worker {
    number: usize,
    tables: Rc<RefCell<Tables>>,
}

/// Is not ready once.
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The calls.
impl Worker {
    async fn call<T: std::fmt::Debug>(&self, what: &str, call: impl FnOnce(&mut Tables) -> T) -> T {
        Turn(false).await;
        let mut tables = self.tables.borrow_mut();
        let answer = call(&mut tables);
        tables.calls.push(format!("{}: {what}: {answer:?}", self.number));
        answer
    }

    async fn link(&self, key: &IdentityKey) -> Option<ProfileId> {
        self.call("link", |tables| tables.links.get(key).cloned()).await
    }

    async fn graph(&self, profile: &ProfileId) -> Option<Graph> {
        self.call("graph", |tables| tables.graphs.get(profile).cloned()).await
    }

    async fn live(&self, profile: &ProfileId) -> Option<(ProfileId, Graph)> {
        let mut next = profile.clone();
        loop {
            match self.graph(&next).await? {
                Graph { merged_into: Some(into), .. } => next = into,
                graph => return Some((next, graph)),
            }
        }
    }

    async fn put_graph(&self, profile: &ProfileId, graph: &Graph, read: Option<u64>) -> bool {
        let what = format!("put {profile} {graph:?}");
        let put = self.call(&what, |tables| {
            let stands = tables.stands(profile, read);
            if stands {
                tables.graphs.insert(profile.clone(), graph.clone());
            }
            stands
        });
        put.await
    }

    async fn claim_one(&self, key: &IdentityKey, profile: &ProfileId) -> bool {
        let what = format!("claim {key} for {profile}");
        let claim =
            self.call(&what, |tables| tables.links.entry(key.clone()).or_insert(profile.clone()) == profile);
        claim.await
    }

    async fn transact(&self, relinked: &Relinked) -> bool {
        let what = format!("transact {relinked:?}");
        let transaction = self.call(&what, |tables| {
            let stand = relinked.graphs.iter().all(|(profile, (read, _))| tables.stands(profile, *read));
            let links = |moved: &domain::graph::Moved| match tables.links.get(&moved.identity) {
                Some(link) => [&moved.from, &moved.to].contains(&&Some(link.clone())),
                None => true,
            };
            let holds = stand && relinked.moved.iter().all(links);
            if holds {
                let graphs = relinked.graphs.iter().map(|(id, (_, graph))| (id.clone(), graph.clone()));
                tables.graphs.extend(graphs);
                for moved in &relinked.moved {
                    match &moved.to {
                        Some(to) => tables.links.insert(moved.identity.clone(), to.clone()),
                        None => tables.links.remove(&moved.identity),
                    };
                }
            }
            holds
        });
        transaction.await
    }
}

/// What is done of a record.
impl Worker {
    async fn apply(&self, record: &Record) {
        for race in 0..MOST_RACES {
            if self.attempt(record, race > 0).await {
                return;
            }
        }
        unreachable!("a record is never settled");
    }

    /// Whether the record is settled.
    async fn attempt(&self, record: &Record, thoroughly: bool) -> bool {
        for identity in record.identities() {
            if let Some(profile) = self.link(&identity.key).await {
                let anew = identity.key != record.primary.key;
                return self.write(record, &profile, None, anew, thoroughly).await;
            }
        }
        self.create(record, thoroughly).await
    }

    async fn create(&self, record: &Record, thoroughly: bool) -> bool {
        let first = record.identities().map(|identity| &identity.key).min().unwrap();
        let graph = Graph::born(record, &crm());
        for epoch in 0.. {
            let profile = keyring().profile_id(first, epoch);
            if self.put_graph(&profile, &graph, None).await {
                let all = record.identities().map(|identity| &identity.key).collect();
                return self.claim(all, &profile, graph).await && self.put(record, &profile).await;
            }
            let stands = self.graph(&profile).await;
            if let Some(stands) = stands.filter(|stands| stands.identities.contains_key(first)) {
                return self.write(record, &profile, Some(stands), false, thoroughly).await;
            }
        }
        unreachable!("an identity is born again without end")
    }

    async fn write(
        &self,
        record: &Record,
        profile: &ProfileId,
        born: Option<Graph>,
        anew: bool,
        thoroughly: bool,
    ) -> bool {
        let key = (profile.clone(), record.primary.key.clone());
        let stored = self.call("fragment", |tables| tables.fragments.get(&key).cloned()).await;
        if stored.as_ref().is_some_and(|(token, _)| *token >= record.token) {
            return true;
        }
        let names = record.identities().map(|identity| identity.key.clone()).collect();
        let as_before = !anew && stored.is_some_and(|(_, identities)| identities == names);
        (as_before || self.relate(record, profile, born, thoroughly).await) && self.put(record, profile).await
    }

    async fn put(&self, record: &Record, profile: &ProfileId) -> bool {
        let key = (profile.clone(), record.primary.key.clone());
        let names = record.identities().map(|identity| identity.key.clone()).collect();
        self.call("put fragment", |tables| tables.fragments.insert(key, (record.token, names))).await;
        true
    }

    async fn relate(
        &self,
        record: &Record,
        profile: &ProfileId,
        born: Option<Graph>,
        thoroughly: bool,
    ) -> bool {
        let Some(around) = self.look_around(record, born.map(|graph| (profile, graph)), thoroughly).await
        else {
            return false;
        };
        let relinked = self.bear(around.hear(&rules(), record, &crm())).await;
        if relinked.home.as_ref() != Some(profile) || !relinked.is_growth() {
            // Looked at anew in either case.
            if !relinked.is_empty() {
                self.transact(&relinked).await;
            }
            return false;
        }
        let graph = match relinked.graphs.get(profile) {
            Some((read, next)) if self.put_graph(profile, next, *read).await => next,
            Some(_) => return false,
            None => around.graph(profile).unwrap(),
        };
        let is_new = |key: &&IdentityKey| relinked.moved.iter().any(|moved| moved.identity == **key);
        let new = record.identities().map(|identity| &identity.key).filter(is_new).collect();
        self.claim(new, profile, graph.clone()).await
    }

    async fn look_around(
        &self,
        record: &Record,
        born: Option<(&ProfileId, Graph)>,
        thoroughly: bool,
    ) -> Option<Neighbourhood> {
        let mut around = Neighbourhood::default();
        if let Some((profile, graph)) = born {
            around.add(profile.clone(), graph);
        }
        loop {
            let unread = around.unread(record);
            if unread.is_empty() {
                break;
            }
            for key in unread {
                self.look_up(&key, &mut around).await;
            }
        }
        if thoroughly {
            for key in around.unlooked() {
                self.look_up(&key, &mut around).await;
            }
        }
        for (key, named) in around.astray() {
            if self.link(key).await.as_ref() != Some(named) {
                return None;
            }
        }
        Some(around)
    }

    async fn look_up(&self, key: &IdentityKey, around: &mut Neighbourhood) {
        let Some(named) = self.link(key).await else { return around.note(key, None) };
        let mut live = named.clone();
        if !around.has(&named)
            && let Some((found, graph)) = self.live(&named).await
        {
            live = found.clone();
            around.add(found, graph);
        }
        around.note(key, Some((named, live)));
    }

    async fn bear(&self, mut relinking: Relinking<'_>) -> Relinked {
        for part in relinking.parts.iter_mut().filter(|part| part.profile.is_none()) {
            for epoch in 0.. {
                let profile = keyring().profile_id(&part.first, epoch);
                if self.graph(&profile).await.is_none() {
                    part.profile = Some(profile);
                    break;
                }
            }
        }
        relinking.finish()
    }

    async fn claim(&self, identities: Vec<&IdentityKey>, profile: &ProfileId, graph: Graph) -> bool {
        let mut others = BTreeSet::new();
        for key in identities {
            if !self.claim_one(key, profile).await {
                others.insert(key);
            }
        }
        if others.is_empty() {
            return true;
        }
        self.give_up(others, profile, graph).await;
        false
    }

    async fn give_up(&self, mut others: BTreeSet<&IdentityKey>, profile: &ProfileId, mut graph: Graph) {
        loop {
            others.retain(|key| graph.identities.contains_key(*key));
            let read = Some(graph.version);
            if others.is_empty() || self.put_graph(profile, &graph.without(&others), read).await {
                return;
            }
            graph = self.graph(profile).await.unwrap();
            for key in others.clone() {
                if self.link(key).await.as_ref() == Some(profile) {
                    others.remove(key);
                }
            }
        }
    }

    async fn split(&self, key: IdentityKey, at: u64) {
        let Some(named) = self.link(&key).await else { return };
        let Some((profile, graph)) = self.live(&named).await else { return };
        let rest: BTreeSet<_> = graph.identities.keys().filter(|each| **each != key).cloned().collect();
        if rest.is_empty() || !graph.identities.contains_key(&key) {
            return;
        }
        let (by, reason) = ("somebody".to_owned(), "two people".to_owned());
        let mut around = Neighbourhood::default();
        around.add(profile, graph);
        let split = Split { out: [key].into(), rest, at, by, reason };
        let relinked = self.bear(around.split(&rules(), split)).await;
        self.transact(&relinked).await;
    }
}

/// What somebody does at a time.
#[derive(Debug, Clone)]
enum Job {
    Hear(u64, Vec<String>),
    Split(u64, String),
}

async fn work(worker: Worker, jobs: Vec<(u64, Job)>) {
    for (row, job) in jobs {
        match job {
            Job::Split(at, text) => worker.split(identity(&text).key, at).await,
            Job::Hear(time, texts) => {
                let mut heard = record(time, &texts);
                heard.token.row = row;
                if Contradiction::check(&rules(), &heard).is_ok() {
                    worker.apply(&heard).await;
                }
            }
        }
    }
}

/// Has workers share jobs, one or another of them going on for a while by chance.
fn run(jobs: &[Job], workers: usize, seed: u64) -> Tables {
    let tables = Rc::new(RefCell::new(Tables::default()));
    let mut under_way: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    for number in 0..workers {
        let jobs = (1..).zip(jobs.iter().cloned()).skip(number).step_by(workers).collect();
        under_way.push(Box::pin(work(Worker { number, tables: tables.clone() }, jobs)));
    }
    let mut dice = seed;
    let mut context = Context::from_waker(Waker::noop());
    while !under_way.is_empty() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let one = usize::try_from(dice >> 33).unwrap() % under_way.len();
        let calls = if (dice >> 20).is_multiple_of(8) { 40 } else { 1 + (dice >> 24) % 4 };
        for _ in 0..calls {
            if under_way[one].as_mut().poll(&mut context).is_ready() {
                drop(under_way.swap_remove(one));
                break;
            }
        }
    }
    drop(under_way);
    Rc::into_inner(tables).map(RefCell::into_inner).unwrap_or_default()
}

fn arbitrary_jobs() -> impl Strategy<Value = Vec<Job>> {
    let text = || {
        prop_oneof![
            3 => (0..2).prop_map(|number| format!("CRMID:{number}")),
            3 => (0..2).prop_map(|number| format!("Email:{number}")),
            2 => (0..2).prop_map(|number| format!("ECID:{number}")),
        ]
    };
    let texts = prop::collection::btree_set(text(), 1..4).prop_map(Vec::from_iter).prop_shuffle();
    let hear = (1..5_u64, texts).prop_map(|(time, texts)| Job::Hear(time, texts)).boxed();
    let split = (1..5_u64, text()).prop_map(|(at, text)| Job::Split(at, text));
    let any = prop_oneof![6 => hear.clone(), 1 => split];
    prop_oneof![prop::collection::vec(hear, 4..14), prop::collection::vec(any, 4..14)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// Found three ways in which two graphs came to name one identity, which no table of cases had.
    #[test]
    fn whoever_writes_at_once_each_identity_is_of_one_person(
        jobs in arbitrary_jobs(),
        workers in 2..5_usize,
        seed in any::<u64>(),
    ) {
        let tables = run(&jobs, workers, seed);
        let told = || tables.calls.join("\n");
        prop_assert!(tables.contradictions().is_empty(), "{:?}\n{}", tables.contradictions(), told());
        // A split that takes an identity out of a graph in the very moment in which it is claimed for that leaves one.
        if jobs.iter().all(|job| matches!(job, Job::Hear(..))) {
            prop_assert!(tables.dangling().is_empty(), "{:?}\n{}", tables.dangling(), told());
        }
    }
}
