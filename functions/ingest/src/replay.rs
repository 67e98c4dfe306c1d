//! Replaying events: what was kept of visitors' events is heard again, under the catalogue in force.
//!
//! A schema that was mended, or a field that is mapped only now, so reaches what was said before. Signals and logins are
//! heard in the order of their times, and what is newer stands; displays and clicks were counted when they came.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};

use aws::{Holder, InForce};
use domain::edge::consent::may_collect;
use domain::edge::received::{FORMAT, Received};
use domain::edge::signal;
use domain::edge::visitor::Visitor;
use domain::identity::IdentityKey;
use domain::value::{Object, Value};
use flate2::bufread::MultiGzDecoder;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use tracing::{info, warn};

use crate::handler::{Failure, Ingest};
use crate::quarantine::code;

/// How often a visitor is tried again who comes by at the same moment.
const ATTEMPTS: u32 = 5;

/// How many visitors are heard at a time.
const AT_ONCE: usize = 16;

/// What gzip files begin with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

impl Ingest {
    /// Replays the events of an object of the bucket of events. Replaying them again changes nothing.
    pub(crate) async fn replay(&self, key: &str) -> Result<(), Failure> {
        let in_force =
            self.store.catalogue().await?.ok_or("no catalogue is in force: apply a project first")?;
        let bytes = self.store.objects.read(&self.store.deployment.events, key).await?;
        let bytes = bytes.ok_or("the object is not in the bucket of events any more")?;
        let (mut events, unreadable) = read(&bytes)?;
        events.sort_by_key(|event| (event.at, event.received, event.index));
        let count = events.len();
        let mut visitors: BTreeMap<String, Vec<Received>> = BTreeMap::new();
        for event in events {
            visitors.entry(event.ecid.clone()).or_default().push(event);
        }
        let heard = visitors.len();
        let failed: Vec<Failure> = stream::iter(visitors)
            .map(|(ecid, events)| self.hear(&in_force, ecid, events))
            .buffer_unordered(AT_ONCE)
            .filter_map(|outcome| async { outcome.err() })
            .collect()
            .await;
        // Each costs itself alone: all the others have been heard.
        if let Some(first) = failed.first() {
            return Err(format!("{} of {heard} visitors were not heard again: {first}", failed.len()).into());
        }
        if unreadable > 0 {
            warn!(
                object.key = key,
                lines = unreadable,
                "Lines of an object are no events, and stay where they are."
            );
        }
        info!(object.key = key, events = count, visitors = heard, "Events were replayed.");
        Ok(())
    }

    /// The events of a visitor without those of people who were deleted: all of them where the ECID is such a person's,
    /// else those with their logins.
    async fn of_people_who_are_kept(
        &self,
        ecid: &IdentityKey,
        events: Vec<Received>,
    ) -> Result<Vec<Received>, Failure> {
        let logins = events.iter().flat_map(|event| &event.login).map(|identity| &identity.key);
        let keys: BTreeSet<&IdentityKey> = logins.chain([ecid]).collect();
        let mut deleted = BTreeSet::new();
        for key in keys {
            if self.store.identities.holder(key).await? == Holder::Suppressed {
                deleted.insert(key.clone());
            }
        }
        let is_kept = |event: &Received| {
            !deleted.contains(ecid) && event.login.iter().all(|identity| !deleted.contains(&identity.key))
        };
        let (kept, refused): (Vec<_>, Vec<_>) = events.into_iter().partition(is_kept);
        if !refused.is_empty() {
            warn!(
                code = code::SUPPRESSED,
                events = refused.len(),
                "Events of people who were deleted are not heard."
            );
        }
        Ok(kept)
    }

    /// Has a visitor say again what their events said.
    async fn hear(&self, in_force: &InForce, ecid: String, events: Vec<Received>) -> Result<(), Failure> {
        let namespace = in_force.catalogue.ecid_namespace();
        let namespace = namespace.ok_or("the catalogue has no namespace `ECID`")?;
        let key: IdentityKey = self.keyring().await?.identity(namespace, &ecid)?.key;
        let events = self.of_people_who_are_kept(&key, events).await?;
        for _ in 0..ATTEMPTS {
            let stored = self.store.visitors.get(&key).await?;
            if stored.visitor.suppressed.is_some() {
                return Ok(());
            }
            let mut visitor = stored.visitor.clone();
            visitor.ecid.clone_from(&ecid);
            for event in &events {
                hear(in_force, &mut visitor, event);
            }
            if visitor.is_blank() || visitor == stored.visitor {
                return Ok(());
            }
            if self.store.visitors.put(&key, &visitor, stored.version, Timestamp::now()).await? {
                return Ok(());
            }
        }
        Err("a visitor came by too often while events were replayed: the object is tried again later".into())
    }
}

/// What an event says of its visitor, as the catalogue understands it now.
fn hear(in_force: &InForce, visitor: &mut Visitor, event: &Received) {
    let catalogue = &in_force.catalogue;
    let Some(datastream) = catalogue.datastreams.get(&event.datastream) else { return };
    // What came before the visitor's last word on consent may have been withdrawn by it, and stays forgotten.
    let is_withdrawn = visitor.consent.as_ref().is_some_and(|consent| event.received < consent.at);
    if is_withdrawn || !may_collect(visitor.consent.as_ref(), datastream.consent) {
        return;
    }
    let fields: serde_json::Value = serde_json::from_str(event.event.get()).unwrap_or_default();
    let xdm = match fields.get("xdm").and_then(Value::from_json) {
        Some(Value::Object(xdm)) => xdm,
        _ => Object::new(),
    };
    for (dataset, source) in catalogue.signals(&datastream.name) {
        let Some(schema) = catalogue.schemas.get(&dataset.schema) else { continue };
        let reading = signal::read(&catalogue.namespaces, source, schema, &xdm);
        if !reading.attributes.is_empty() {
            visitor.hear(&dataset.name, reading.attributes, event.at);
        }
    }
    visitor.log_in(&datastream.name, &event.login, event.at);
    visitor.datastreams.insert(datastream.name.clone());
    visitor.datastream.get_or_insert_with(|| datastream.name.clone());
    visitor.seen = visitor.seen.max(Some(event.received));
}

/// The events of an object, and how many of its lines are none.
fn read(bytes: &[u8]) -> std::io::Result<(Vec<Received>, usize)> {
    let reader: Box<dyn Read> =
        if bytes.starts_with(&GZIP) { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
    let (mut events, mut unreadable) = (Vec::new(), 0);
    for line in BufReader::new(reader).lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Received>(&line) {
            Ok(event) if event.v == FORMAT => events.push(event),
            _ => unreadable += 1,
        }
    }
    Ok((events, unreadable))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn plain_and_compressed_objects_are_read_and_other_lines_counted() {
        let event = r#"{"v":1,"datastream":"shop","request":"r","index":0,"at":"2026-11-22T12:00:00Z","received":"2026-11-22T12:00:00Z","ecid":"1","event":{}}"#;
        let lines = format!("{event}\n\n{{\"v\":2}}\nnothing\n{event}\n");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(lines.as_bytes()).unwrap();
        for bytes in [lines.clone().into_bytes(), gzip.finish().unwrap()] {
            let (events, unreadable) = read(&bytes).unwrap();
            assert_eq!((events.len(), unreadable), (2, 2));
        }
    }

    #[test]
    fn a_compressed_object_that_was_cut_off_is_an_error() {
        assert!(read(&[0x1f, 0x8b, 8, 0]).is_err());
    }
}
