//! A desk at which records are applied one by one, as ingest does, and everything that is stored is accounted for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws::Store;
use domain::catalogue::Catalogue;
use domain::dataset::Dataset;
use domain::fragment::{Fragment, FragmentKey, OrderToken, Record};
use domain::graph::linking::Rules;
use domain::graph::{Graph, Split};
use domain::identity::{Identity, IdentityKey, Keyring, ProfileId};
use domain::ingest::Intake;
use domain::profile::Profile;
use domain::value::{Object, Value};
use ingest::row::{Applier, Outcome};
use jiff::Timestamp;
use tests::example::Example;
use tests::flow::Local;

/// The dataset of all records.
pub const DATASET: &str = "crm_customers";

pub struct Desk {
    pub store: Store,
    pub catalogue: Arc<Catalogue>,
    pub keyring: Keyring,
}

impl Desk {
    /// A deployment of the bank without a customer.
    pub async fn local() -> Local {
        let local = Local::start(Example::copy()).await;
        local.apply().await;
        local
    }

    /// A desk at a deployment.
    pub async fn at(local: &Local) -> Desk {
        let store = local.store.clone();
        let catalogue = store.catalogue().await.unwrap().unwrap().catalogue;
        let keyring = store.keyring().await.unwrap();
        Desk { store, catalogue, keyring }
    }

    /// What is written as `CRMID:1`.
    pub fn identity(&self, text: &str) -> Identity {
        let (code, value) = text.split_once(':').unwrap();
        let namespace = self.catalogue.namespace(&code.parse().unwrap()).unwrap();
        self.keyring.identity(namespace, value).unwrap()
    }

    /// A record of a time, the primary identity first, that says one word.
    pub fn record(&self, time: u64, row: u64, texts: &[impl AsRef<str>], says: &str) -> Record {
        let all = texts.iter().map(|text| self.identity(text.as_ref()));
        let (partner_ids, mut linking): (BTreeSet<_>, Vec<_>) =
            all.fold((BTreeSet::new(), Vec::new()), |(mut partner_ids, mut linking), identity| {
                if identity.namespace.as_str() == "NorthlightID" {
                    partner_ids.insert(identity);
                } else {
                    linking.push(identity);
                }
                (partner_ids, linking)
            });
        let primary = linking.remove(0);
        let attributes = Object::from([("tier".to_owned(), Value::String(says.to_owned()))]);
        Record {
            token: OrderToken { time, batch: 1, row },
            primary,
            others: linking,
            partner_ids,
            attributes,
        }
    }

    /// Applies a record through a store.
    pub async fn apply(&self, store: &Store, record: &Record) -> Result<Outcome, aws::Error> {
        let dataset: &Dataset = &self.catalogue.datasets[&DATASET.parse().unwrap()];
        let schema = &self.catalogue.schemas[&dataset.schema];
        let intake = Intake::new(&self.catalogue, dataset, schema, &self.keyring);
        Applier::new(store, &intake, dataset, &self.keyring, Timestamp::now()).apply(record).await
    }

    pub async fn hear(&self, time: u64, texts: &[impl AsRef<str>]) -> Outcome {
        let record = self.record(time, time, texts, &time.to_string());
        self.apply(&self.store, &record).await.unwrap()
    }

    /// Splits an identity off, as the command does. Says whether there was anything to split, and nobody was faster.
    pub async fn split(&self, store: &Store, text: &str, at: u64) -> Result<bool, aws::Error> {
        let key = self.identity(text).key;
        let Some(named) = store.identities.link(&key).await? else { return Ok(false) };
        let Some((profile, graph)) = store.live(&named).await? else { return Ok(false) };
        let rest: BTreeSet<_> = graph.identities.keys().filter(|each| **each != key).cloned().collect();
        if rest.is_empty() || !graph.identities.contains_key(&key) {
            return Ok(false);
        }
        let (by, reason) = ("a test".to_owned(), "two people".to_owned());
        let split = Split { out: BTreeSet::from([key]), rest, at, by, reason };
        let rules = Rules::of(&self.catalogue.namespaces);
        let Some(relinked) = store.plan_split(&self.keyring, &rules, (profile, graph), split).await? else {
            return Ok(false);
        };
        if !store.relink(&relinked).await? {
            return Ok(false);
        }
        for profile in relinked.awaiting() {
            store.settle(&self.catalogue, profile, Timestamp::now()).await?;
        }
        Ok(true)
    }

    /// Settles whatever is unsettled, as an evaluation does.
    pub async fn sweep(&self) {
        for round in 0.. {
            let unsettled = self.unsettled().await;
            if unsettled.is_empty() {
                return;
            }
            assert!(round < 50, "what lies with others is never settled: {unsettled:?}");
            for profile in unsettled {
                self.store.settle(&self.catalogue, &profile, Timestamp::now()).await.unwrap();
            }
        }
    }

    /// The profiles of which something lies elsewhere, or that have something of others.
    pub async fn unsettled(&self) -> BTreeSet<ProfileId> {
        let mut unsettled = BTreeSet::new();
        let mut next = None;
        loop {
            let page = self.store.profiles.scan(0, 1, next.as_ref(), 200).await.unwrap();
            unsettled.extend(page.unsettled);
            next = page.next;
            if next.is_none() {
                return unsettled;
            }
        }
    }

    /// Everything that lies under any profile.
    pub async fn everything(&self) -> BTreeMap<ProfileId, Profile> {
        let store = &self.store;
        let mut all = BTreeMap::new();
        let mut next = None;
        loop {
            let page = store.profiles.scan(0, 1, next.as_ref(), 200).await.unwrap();
            for profile in page.profiles {
                let whole = store.profiles.load_all(&profile.id).await.unwrap().unwrap();
                all.insert(profile.id, whole);
            }
            next = page.next;
            if next.is_none() {
                return all;
            }
        }
    }

    /// The live profile of an identity.
    pub async fn profile(&self, text: &str) -> Option<Profile> {
        let store = &self.store;
        let named = store.identities.link(&self.identity(text).key).await.unwrap()?;
        let (live, _) = store.live(&named).await.unwrap()?;
        store.profiles.load(&live).await.unwrap()
    }

    /// Asserts what must hold of everything that is stored once it is settled, and answers with the fragments.
    pub async fn account(&self) -> BTreeMap<FragmentKey, Fragment> {
        let all = self.everything().await;
        let unique = |graph: &Graph| {
            graph.identities.values().filter(|node| node.namespace.as_str() == "CRMID").count()
        };
        let mut fragments = BTreeMap::new();
        let mut holders: BTreeMap<IdentityKey, ProfileId> = BTreeMap::new();
        for (id, profile) in &all {
            assert!(!profile.is_unsettled(), "{id} is unsettled: {profile:?}");
            let graph = &profile.graph;
            assert!(graph.identities.len() <= 50 && unique(graph) < 2, "{graph:?}");
            for key in graph.identities.keys() {
                let other = holders.insert(key.clone(), id.clone());
                assert_eq!(other, None, "an identity is in two graphs");
                let named = self.store.identities.link(key).await.unwrap();
                assert_eq!(named.as_ref(), Some(id), "an identity links to another profile than has it");
            }
            assert!(is_connected(graph), "{graph:?}");
            for (key, fragment) in &profile.fragments {
                assert!(graph.fragments.contains(key), "a fragment is on no list");
                assert!(fragments.insert(key.clone(), fragment.clone()).is_none(), "a fragment lies twice");
            }
        }
        fragments
    }
}

/// Whether links lead from each identity of a graph to each other.
fn is_connected(graph: &Graph) -> bool {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&IdentityKey> = graph.identities.keys().take(1).collect();
    while let Some(key) = open.pop() {
        if seen.insert(key) {
            let ends = graph.edges.iter().map(|edge| &edge.between);
            open.extend(
                ends.filter(|(one, other)| one == key || other == key).flat_map(|(one, other)| [one, other]),
            );
        }
    }
    seen.len() == graph.identities.len()
}
