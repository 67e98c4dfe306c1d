//! Events that the stream of events did not take: they are put into its bucket straight.

use aws::Untaken;
use domain::profile::day;
use sha2::{Digest, Sha256};

use crate::handler::{Failure, Ingest};

impl Ingest {
    /// Puts an event where the stream would have put it. Putting it again is the same.
    pub(crate) async fn keep_event(&self, untaken: &Untaken) -> Result<(), Failure> {
        let Untaken { datastream, received, line } = untaken;
        let name = hex::encode(Sha256::digest(line));
        let (date, hour) = (day(*received), received.strftime("%H"));
        let key = format!("events/datastream={datastream}/date={date}/hour={hour}/untaken-{name}.jsonl");
        let bucket = &self.store.deployment.events;
        let line = line.as_bytes().to_vec();
        Ok(self.store.objects.write(bucket, &key, line, "application/x-ndjson").await?)
    }
}
