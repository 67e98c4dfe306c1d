//! The port through which destinations write files: the exports bucket.

use aws::Store;
use destination::{DestinationError, ErrorKind, Files, async_trait};

/// The exports bucket.
#[derive(Debug)]
pub struct Exports {
    store: Store,
}

impl Exports {
    /// The exports bucket of a store.
    pub fn new(store: Store) -> Exports {
        Exports { store }
    }
}

#[async_trait]
impl Files for Exports {
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), DestinationError> {
        let written =
            self.store.objects.write(&self.store.deployment.exports, key, bytes, content_type).await;
        written.map_err(|error| {
            let kind = if error.was_refused() { ErrorKind::Permission } else { ErrorKind::FateUnknown };
            DestinationError::new(kind, "write file", "the exports bucket did not take the file")
                .with_context("key", key)
                .with_source(error)
        })
    }
}
