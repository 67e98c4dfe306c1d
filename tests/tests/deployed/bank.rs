//! The bank of the example, deployed, and a stand-in for Facebook.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::batch::{Batch, BatchStatus, Counts};
use tests::deployed::{Deployed, Trace, eventually};
use tests::graph_api::{GraphApi, Settings};

/// How long a delivery may take: the delay of its wake-up, and its round.
pub const DELIVERED_WITHIN: Duration = Duration::from_secs(300);

/// The bank: its Facebook is a stand-in, and its project is not applied yet.
pub struct Bank {
    pub at: Deployed,
    pub vendor: GraphApi,
}

impl Bank {
    /// Deploys the template with some parameters.
    pub async fn deploy(parameters: &[&str]) -> Bank {
        let vendor = GraphApi::start(Settings::default()).unwrap();
        let at = Deployed::start(parameters).await;
        at.project.point_facebook_at(&vendor.base_url());
        Bank { at, vendor }
    }

    /// Brings a file, all of which is ingested that can be.
    pub async fn bring(&self, dataset: &str, key: &str, content: impl AsRef<[u8]>) -> Counts {
        let (batch, counts) = self.at.bring(dataset, key, content).await;
        assert_eq!(batch.status, BatchStatus::Success, "{batch:?}");
        counts
    }

    /// Waits until a file's batch has succeeded.
    pub async fn has_ingested(&self, dataset: &str, key: &str, within: Duration) -> (Batch, Counts) {
        let (batch, counts) = eventually("the batch ends", within, async || {
            self.at.batch(dataset, key).await.filter(|(batch, _)| batch.status.has_ended())
        })
        .await;
        assert_eq!(batch.status, BatchStatus::Success, "{batch:?}");
        (batch, counts)
    }

    /// Waits until the vendor holds exactly these hashed e-mails.
    pub async fn reaches_facebook(&self, members: &BTreeSet<String>) {
        eventually("the vendor holds the members", DELIVERED_WITHIN, async || {
            (self.vendor.cells("EMAIL") == *members).then_some(())
        })
        .await;
    }

    /// Looks through all that was left besides profiles for clear text.
    pub async fn leaves_no_clear_text(&self) {
        have_no_clear_text(&self.at.traces().await, &[]);
    }

    /// The ids of the runs so far.
    pub async fn runs(&self) -> Vec<String> {
        let runs = self.at.store.ledger.latest_runs(100).await.unwrap();
        runs.into_iter().map(|run| run.id).collect()
    }
}

/// Looks through traces for e-mail addresses, which are all of example.com or example.org, and for other clear text.
pub fn have_no_clear_text(traces: &[Trace], clear: &[&str]) {
    for Trace { kind, text } in traces {
        let lower = text.to_lowercase();
        let found = ["@example", "%40example"].iter().chain(clear).find(|clear| lower.contains(**clear));
        assert_eq!(found, None, "{kind:?}: {text}");
    }
}
