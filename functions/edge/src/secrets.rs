//! Secrets of the edge: held in memory, and read again from time to time, so that they can be rotated.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use tracing::{error, warn};

/// How old the values of a secret become before they are read again.
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// How long is waited after a failure before they are.
const TRIED_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// How long a request waits for values that are held already.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long values stay in force that cannot be read again.
const KEPT_AT_MOST: SignedDuration = SignedDuration::from_hours(24);

/// The values of a secret that are accepted, the current one first.
pub(crate) type Values = Arc<[SecretString]>;

/// The secrets below `edge/`, each as it was read last.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    held: Mutex<BTreeMap<String, Held>>,
    complained: Mutex<BTreeMap<String, Timestamp>>,
}

#[derive(Debug, Clone)]
struct Held {
    values: Values,
    read: Timestamp,
    due: Timestamp,
}

impl Secrets {
    /// The values of a secret, read if they are due. The request that reads them waits, but only for a moment where some
    /// are held: nothing runs behind the reply. What cannot be read again stays in force as it was, for a day. Of a secret
    /// that was never there, there is no value: nobody is let in by it.
    ///
    /// # Errors
    /// Where they cannot be read, and never were, or not for a day.
    pub(crate) async fn values(
        &self,
        name: &str,
        now: Timestamp,
        read: impl Future<Output = Result<Vec<SecretString>, aws::Error>>,
    ) -> Result<Values, aws::Error> {
        let Some(held) = self.held(name) else {
            return Ok(self.hold(name, read.await?, now));
        };
        if now < held.due {
            return Ok(held.values);
        }
        // Whoever comes meanwhile does not wait too.
        self.postpone(name, after(now, TRIED_AGAIN_AFTER));
        let late = |_| Err(aws::Error::plain("it was not read in time"));
        let is_young = now.duration_since(held.read) < KEPT_AT_MOST;
        match timeout(PATIENCE, read).await.unwrap_or_else(late) {
            Ok(values) if values.is_empty() && !held.values.is_empty() && is_young => {
                error!(secret = name, "A secret is gone: its last known values stay in force for a day.");
                Ok(held.values)
            }
            Ok(values) => Ok(self.hold(name, values, now)),
            Err(error) if is_young => {
                error!(%error, secret = name, "A secret was not read again: its last known values stay in force.");
                Ok(held.values)
            }
            Err(error) => Err(error),
        }
    }

    fn held(&self, name: &str) -> Option<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn hold(&self, name: &str, values: Vec<SecretString>, now: Timestamp) -> Values {
        let values = Values::from(values);
        if values.is_empty() {
            self.complain(name, &"there is no such secret", now);
        }
        let again = if values.is_empty() { TRIED_AGAIN_AFTER } else { READ_AGAIN_AFTER };
        let held = Held { values: Arc::clone(&values), read: now, due: after(now, again) };
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), held);
        values
    }

    /// Says that a secret is of no use, but not with every request: anybody may send one that asks for it. Says whether
    /// that was said.
    pub(crate) fn complain(&self, name: &str, problem: &dyn std::fmt::Display, now: Timestamp) -> bool {
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if complained.get(name).is_some_and(|at| now.duration_since(*at) < READ_AGAIN_AFTER) {
            return false;
        }
        complained.insert(name.to_owned(), now);
        warn!(secret = name, %problem, "A secret of the edge is of no use: nobody is let in by it.");
        true
    }

    fn postpone(&self, name: &str, due: Timestamp) {
        if let Some(held) = self.held.lock().unwrap_or_else(PoisonError::into_inner).get_mut(name) {
            held.due = due;
        }
    }
}

/// Whether a text is one of the values of a secret. Digests are compared instead of the texts: how long that takes tells
/// nothing of the values.
pub(crate) fn is_one_of(values: &[SecretString], text: &str) -> bool {
    let digest = Sha256::digest(text);
    values.iter().any(|value| Sha256::digest(value.expose_secret()) == digest)
}

fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Instant;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn texts(texts: &[&str]) -> Vec<SecretString> {
        texts.iter().map(|text| SecretString::from(*text)).collect()
    }

    /// Whether a key is let in at a second, where the store holds these values by then, or cannot be read.
    async fn lets_in(secrets: &Secrets, key: &str, second: i64, stored: Option<&[&str]>) -> Option<bool> {
        let read = async { stored.map(texts).ok_or_else(|| aws::Error::plain("the store is down")) };
        let values = secrets.values("origin", at(second), read).await;
        values.ok().map(|values| is_one_of(&values, key))
    }

    #[tokio::test]
    async fn a_secret_is_rotated_without_anybody_being_refused_and_withdrawn_within_minutes() {
        let secrets = Secrets::default();
        for (second, key, stored, expected) in [
            (0, "old", &["old"][..], true),
            (0, "new", &["old"], false),
            (299, "new", &["new", "old"], false),
            (299, "old", &["new", "old"], true),
            (300, "new", &["new", "old"], true),
            (301, "old", &["new", "old"], true),
            (600, "old", &["new"], false),
            (600, "new", &["new"], true),
            (600, "", &["new"], false),
        ] {
            let is_let_in = lets_in(&secrets, key, second, Some(stored)).await;
            assert_eq!(is_let_in, Some(expected), "{key} at {second}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_again_stays_in_force_for_a_day() {
        let secrets = Secrets::default();
        let day = KEPT_AT_MOST.as_secs();
        assert_eq!(lets_in(&secrets, "key", 0, None).await, None, "what was never read lets nobody in");
        assert_eq!(lets_in(&secrets, "key", 0, Some(&["key"])).await, Some(true));
        for second in [300, day - 1] {
            assert_eq!(lets_in(&secrets, "key", second, None).await, Some(true), "at {second}");
        }
        assert_eq!(lets_in(&secrets, "key", day + 30, None).await, None);
        assert_eq!(lets_in(&secrets, "key", day + 60, Some(&["key"])).await, Some(true));
    }

    #[tokio::test]
    async fn a_secret_that_is_not_there_lets_nobody_in_until_it_is_and_that_is_said_from_time_to_time() {
        let secrets = Secrets::default();
        assert_eq!(lets_in(&secrets, "", 0, Some(&[])).await, Some(false));
        assert!(
            !secrets.complain("origin", &"again", at(299)) && secrets.complain("origin", &"again", at(300))
        );
        assert_eq!(lets_in(&secrets, "key", 29, Some(&["key"])).await, Some(false), "it is not read yet");
        assert_eq!(lets_in(&secrets, "key", 30, Some(&["key"])).await, Some(true));
        // Who deletes it by mistake locks nobody out, for a day.
        assert_eq!(lets_in(&secrets, "key", 330, Some(&[])).await, Some(true));
        assert_eq!(lets_in(&secrets, "key", KEPT_AT_MOST.as_secs() + 360, Some(&[])).await, Some(false));
    }

    #[tokio::test]
    async fn a_failure_is_waited_for_once_and_then_left_alone_for_a_while() {
        let secrets = Secrets::default();
        lets_in(&secrets, "key", 0, Some(&["key"])).await;
        assert_eq!(lets_in(&secrets, "key", 300, None).await, Some(true));
        assert_eq!(lets_in(&secrets, "next", 329, Some(&["next"])).await, Some(false), "it is not read yet");
        assert_eq!(lets_in(&secrets, "next", 330, Some(&["next"])).await, Some(true));
    }

    #[tokio::test]
    async fn no_request_waits_long_for_a_store_that_is_silent() {
        let secrets = Secrets::default();
        lets_in(&secrets, "key", 0, Some(&["key"])).await;
        let begun = Instant::now();
        let values = secrets.values("origin", at(300), pending()).await.unwrap();
        assert!(is_one_of(&values, "key"));
        assert!(begun.elapsed() < 2 * PATIENCE);
    }

    #[tokio::test]
    async fn no_secret_is_shown() {
        let secrets = Secrets::default();
        lets_in(&secrets, "key", 0, Some(&["4f1d", "8a2c"])).await;
        let shown = format!("{secrets:?}");
        assert!(shown.contains("origin") && !shown.contains("4f1d") && !shown.contains("8a2c"), "{shown}");
    }
}
