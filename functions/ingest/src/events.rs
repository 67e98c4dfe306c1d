//! Events that the stream of events did not take: they are put into its bucket straight.

use aws::Untaken;
use domain::profile::day;
use sha2::{Digest, Sha256};

use crate::handler::{Failure, Ingest};

impl Ingest {
    /// Puts an event where the stream would have put it. Putting it again is the same.
    pub(crate) async fn keep_event(&self, Untaken { event }: &Untaken) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(event)?;
        let name = hex::encode(Sha256::digest(&line));
        line.push(b'\n');
        let key = format!(
            "events/datastream={}/date={}/untaken-{name}.jsonl",
            event.datastream,
            day(event.received)
        );
        let bucket = &self.store.deployment.events;
        Ok(self.store.objects.write(bucket, &key, line, "application/x-ndjson").await?)
    }
}
