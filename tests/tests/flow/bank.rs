//! The bank of the example: three customers, a partner, and a stand-in for Facebook.

use std::collections::BTreeSet;

use domain::batch::{Batch, Counts};
use domain::delivery::Delivery;
use domain::identity::Identity;
use domain::profile::Profile;
pub use tests::example::{BOBBY, BOBBYS_ANSWER, FACEBOOK, answer, answer_of, customers, digest};
use tests::flow::Flow;
use tests::graph_api::{GraphApi, Settings};

/// More rows of the bank's own file.
pub const CARLA: &str =
    "C-2,carla.coin@example.com,,Carla,Coin,true,2020-05-01,20,basic,2026-01-01T00:00:00Z";
pub const DORA: &str = "C-3,dora.dime@example.com,,Dora,Dime,false,2021-05-01,7,basic,2026-01-01T00:00:00Z";

/// What the partner says of Carla, who is not in the audience: she has an advisor.
pub const CARLAS_ANSWER: &str = "carla.coin@example.com,N-2,over_1m,0.9,owner";

/// A bank whose customers are in and whose Facebook is a stand-in.
pub struct Bank {
    pub flow: Flow,
    pub vendor: GraphApi,
}

impl Bank {
    pub async fn open() -> Bank {
        let vendor = GraphApi::start(Settings::default()).unwrap();
        let flow = Flow::start().await;
        flow.local.project.point_facebook_at(&vendor.base_url());
        flow.local.apply().await;
        flow.bring("crm/customers.csv", &customers(&[BOBBY, CARLA, DORA])).await;
        Bank { flow, vendor }
    }

    /// A bank of which Bobby is a member of the audience, and at the vendor.
    pub async fn with_a_member() -> Bank {
        let bank = Bank::open().await;
        bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER, CARLAS_ANSWER])).await;
        bank.catch_up().await;
        assert_eq!(bank.hashes(), BTreeSet::from([digest("bobby.bank@example.com")]));
        bank
    }

    /// Evaluates, and lets Facebook's dataflow deliver.
    pub async fn catch_up(&self) {
        self.flow.evaluate().await;
        self.flow.wake(FACEBOOK).await;
    }

    /// The hashed e-mails that the vendor holds.
    pub fn hashes(&self) -> BTreeSet<String> {
        self.vendor.cells("EMAIL")
    }

    /// How many calls with rows the vendor has answered.
    pub fn calls(&self) -> usize {
        self.vendor.seen().iter().filter(|seen| seen.rows > 0).count()
    }

    pub async fn identity(&self, namespace: &str, value: &str) -> Identity {
        let store = &self.flow.local.store;
        let in_force = store.catalogue().await.unwrap().unwrap();
        let namespace = in_force.catalogue.namespace(&namespace.parse().unwrap()).unwrap().clone();
        store.keyring().await.unwrap().identity(&namespace, value).unwrap()
    }

    /// The profile that an identity links to.
    pub async fn profile(&self, namespace: &str, value: &str) -> Profile {
        let store = &self.flow.local.store;
        let identity = self.identity(namespace, value).await;
        let id =
            store.identities.link(&identity.key).await.unwrap().expect("the identity links to a profile");
        store.profiles.load(&id).await.unwrap().expect("the profile is there")
    }

    pub async fn delivery(&self, email: &str, dataflow: &str) -> Delivery {
        let mut profile = self.profile("Email", email).await;
        profile.deliveries.remove(&dataflow.parse().unwrap()).unwrap_or_default()
    }

    /// The newest batch of a dataset, and what became of its rows in all.
    pub async fn last_batch(&self, dataset: &str) -> (Batch, Counts) {
        let ledger = &self.flow.local.store.ledger;
        let batch =
            ledger.batches(Some(&dataset.parse().unwrap())).await.unwrap().pop().expect("there is a batch");
        let mut counts = batch.checked.clone();
        for chunk in ledger.chunks(batch.number).await.unwrap() {
            counts.add(&chunk.counts);
        }
        (batch, counts)
    }

    /// What applying the newest batch of a dataset cost on profiles and identities.
    pub async fn last_units(&self, dataset: &str) -> aws::Units {
        let (batch, _) = self.last_batch(dataset).await;
        let chunks = self.flow.local.store.ledger.chunks(batch.number).await.unwrap();
        chunks.iter().fold(aws::Units::default(), |sum, chunk| sum.plus(chunk.units))
    }
}
