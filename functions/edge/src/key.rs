//! Keys that callers must know.

use aws::Store;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

/// A key that callers must know: a secret of the edge, read when the first of them comes.
#[derive(Debug)]
pub(crate) struct Key {
    secret: String,
    text: OnceCell<SecretString>,
}

impl Key {
    /// The key that a secret below `edge/` holds.
    pub(crate) fn of(secret: impl Into<String>) -> Key {
        Key { secret: secret.into(), text: OnceCell::new() }
    }

    /// Whether a caller knows it.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(crate) async fn is(&self, text: &str, store: &Store) -> Result<bool, aws::Error> {
        let key = self.text.get_or_try_init(|| store.secrets.edge(&self.secret)).await?;
        // Digests are compared instead of the texts: how long that takes tells nothing of the key.
        Ok(Sha256::digest(text) == Sha256::digest(key.expose_secret()))
    }
}
