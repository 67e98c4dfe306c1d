//! Reads what happened.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use aws::{Applied, Store};
use domain::catalogue::{Catalogue, CatalogueHash};
use domain::delivery_log::{self, LogEntry};
use domain::name::DataflowName;
use domain::profile::day;
use domain::refusal::Activation;
use jiff::{Timestamp, ToSpan};
use tokio::task::JoinSet;

use super::event::{Event, What};

/// For how many days calls are kept, as the template says.
const KEPT_DAYS: i64 = 90;

/// How many calls are read at a time.
const AT_ONCE: usize = 16;

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    pub(super) dataflow: Option<&'a DataflowName>,
    pub(super) sequence: Option<u64>,
}

impl Asked<'_> {
    fn wants(&self, event: &Event) -> bool {
        let is_due = event.at >= self.since;
        let of_dataflow = |activation: &Activation| {
            self.dataflow.is_none_or(|wanted| activation.dataflow() == Some(wanted))
        };
        self.sequence.is_none_or(|sequence| event.sequence == sequence)
            && match &event.what {
                // What was in force already at the beginning is a part of the account.
                What::Applied { .. } => true,
                What::Refused { activation, .. } => is_due && of_dataflow(activation),
                // They were read by dataflow.
                What::Called(_) => is_due,
                // They concern whatever goes to the people, and no dataflow by itself.
                What::Split { .. } => is_due && self.dataflow.is_none(),
            }
    }
}

/// Catalogues that were read, by hash.
#[derive(Default)]
struct Catalogues(BTreeMap<String, Catalogue>);

impl Catalogues {
    async fn read(&mut self, store: &Store, hash: &CatalogueHash) -> Result<&Catalogue> {
        match self.0.entry(hash.as_str().to_owned()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(store.read_catalogue(hash).await?)),
        }
    }
}

/// Everything that happened and is asked for, oldest first.
pub(super) async fn events(store: &Store, applied: &[Applied], asked: &Asked<'_>) -> Result<Vec<Event>> {
    let mut catalogues = Catalogues::default();
    let mut events = Vec::new();
    let mut uses = BTreeSet::new();
    for (index, each) in applied.iter().enumerate() {
        // What is still in force at the beginning refuses and sends from then on.
        let ends = applied.get(index + 1).map_or(Timestamp::MAX, |next| next.at);
        if ends < asked.since || asked.sequence.is_some_and(|sequence| sequence != each.pointer.sequence) {
            continue;
        }
        let catalogue = catalogues.read(store, &each.pointer.catalogue).await?;
        uses.extend(uses_of(catalogue));
        events.push(Event::applied(each, catalogue));
    }
    for activation in &uses {
        let refusals = store.ledger.refusals_of(activation).await?;
        events.extend(refusals.into_iter().map(Event::refused));
    }
    events.extend(store.ledger.splits().await?.into_iter().map(Event::split));
    for entry in calls(store, asked).await? {
        let catalogue = catalogues.read(store, &entry.catalogue).await?;
        events.push(Event::called(entry, catalogue));
    }
    events.retain(|event| asked.wants(event));
    events.sort_by_key(|event| (event.at, event.sequence));
    Ok(events)
}

/// Every use that a catalogue may refuse.
fn uses_of(catalogue: &Catalogue) -> impl Iterator<Item = Activation> {
    let dataflows = catalogue.dataflows.values().map(|dataflow| Activation::Dataflow {
        dataflow: dataflow.name.clone(),
        destination: dataflow.destination.clone(),
    });
    let offers = catalogue.offers.keys().map(|offer| Activation::Offer { offer: offer.clone() });
    let datastreams =
        catalogue.datastreams.keys().map(|name| Activation::Datastream { datastream: name.clone() });
    dataflows.chain(offers).chain(datastreams)
}

/// The calls of vendors, day by day, as far back as they are kept.
async fn calls(store: &Store, asked: &Asked<'_>) -> Result<Vec<LogEntry>> {
    let bucket = &store.deployment.data;
    let last = day(asked.until);
    let mut each = day(asked.since).max(last.saturating_sub(KEPT_DAYS.days()));
    let mut calls = Vec::new();
    while each <= last {
        let keys = store.objects.list(bucket, &delivery_log::prefix(each, asked.dataflow)).await?;
        for keys in keys.chunks(AT_ONCE) {
            let mut reads = JoinSet::new();
            for key in keys {
                let (objects, bucket, key) = (store.objects.clone(), bucket.clone(), key.clone());
                reads.spawn(async move { objects.read(&bucket, &key).await });
            }
            while let Some(read) = reads.join_next().await {
                // A lifecycle rule may have taken one away in between.
                let Some(bytes) = read?? else { continue };
                calls.push(serde_json::from_slice(&bytes)?);
            }
        }
        each = each.checked_add(1.day())?;
    }
    Ok(calls)
}
