//! Sites: what the catalogue says of each datastream, made ready once and held until another is in force.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use aws::{InForce, RefusalRecord, Store};
use domain::catalogue::Catalogue;
use domain::edge::datastream::Datastream;
use domain::edge::offer::Offer;
use domain::governance::{check_disclosure, check_offer, may_tell};
use domain::name::{AudienceName, DatastreamName, OfferName};
use domain::profile::day;
use domain::value::FieldPath;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use segmentation::{EdgeAudiences, InvalidAudience};
use tracing::error;

/// How far the edge may be behind the catalogue in force.
const BEHIND_AT_MOST: SignedDuration = SignedDuration::from_secs(10);

/// A datastream, ready to serve its pages on a day.
#[derive(Debug)]
pub struct Site {
    /// The datastream.
    pub datastream: Datastream,
    /// Its audiences.
    pub audiences: EdgeAudiences,
    /// Those of its offers that may be shown on that day.
    pub offers: Vec<Offer>,
    /// The audiences of which a page or a server may be told on that day.
    pub tellable: BTreeSet<AudienceName>,
    /// The audiences of which Adobe Target may be told on that day.
    pub tellable_to_target: BTreeSet<AudienceName>,
    /// The fields of which a server may be told on that day.
    pub attributes: BTreeSet<FieldPath>,
}

/// The sites of a catalogue, for a day.
#[derive(Debug)]
pub struct Sites {
    /// The catalogue.
    pub in_force: InForce,
    today: Date,
    sites: BTreeMap<DatastreamName, Site>,
}

/// Why sites cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] aws::Error),
    /// An audience of the catalogue cannot be evaluated.
    #[error(transparent)]
    Audience(#[from] InvalidAudience),
    /// Nothing was applied yet.
    #[error("no catalogue is in force: apply the project")]
    NoCatalogue,
}

impl Sites {
    /// Makes the sites of a catalogue ready for a day.
    ///
    /// # Errors
    /// The first audience that cannot be evaluated.
    pub fn prepare(in_force: InForce, today: Date) -> Result<Sites, InvalidAudience> {
        let catalogue = &in_force.catalogue;
        let prepare = |datastream| Site::prepare(catalogue, in_force.sequence, datastream, today);
        let mut sites = BTreeMap::new();
        for (name, datastream) in &catalogue.datastreams {
            sites.insert(name.clone(), prepare(datastream)?);
        }
        Ok(Sites { sites, in_force, today })
    }

    /// The site of a datastream.
    pub fn get(&self, name: &str) -> Option<&Site> {
        name.parse().ok().and_then(|name: DatastreamName| self.sites.get(&name))
    }

    /// What has come to be refused since the catalogue was applied: a contract has ended meanwhile, say.
    fn new_refusals(&self, at: Timestamp) -> Vec<RefusalRecord> {
        let catalogue = &self.in_force.catalogue;
        let shown = catalogue.offers.values().flat_map(|offer| {
            let now = check_offer(catalogue, offer, self.today).into_iter();
            now.filter(|refusal| !offer.refusals.contains(refusal))
        });
        let told = catalogue.datastreams.values().flat_map(|datastream| {
            let told = datastream.told();
            let now = check_disclosure(catalogue, &datastream.name, told, self.today).into_iter();
            now.filter(|refusal| !datastream.refusals.contains(refusal))
        });
        let record = |refusal| {
            let during = "decision".to_owned();
            RefusalRecord { sequence: self.in_force.sequence, at, during, refusal }
        };
        shown.chain(told).map(record).collect()
    }
}

impl Site {
    fn prepare(
        catalogue: &Catalogue,
        sequence: u64,
        datastream: &Datastream,
        today: Date,
    ) -> Result<Site, InvalidAudience> {
        let may_show = |offer: &&Offer| check_offer(catalogue, offer, today).is_empty();
        let may_disclose =
            |name: &&AudienceName| check_disclosure(catalogue, &datastream.name, [*name], today).is_empty();
        let tellable = |audiences: &BTreeSet<AudienceName>| -> BTreeSet<AudienceName> {
            audiences.iter().filter(may_disclose).cloned().collect()
        };
        let offer = |name: &OfferName| catalogue.offers.get(name);
        let may_tell = |field: &&FieldPath| may_tell(catalogue, &datastream.name, field, today);
        Ok(Site {
            audiences: EdgeAudiences::compile(catalogue, sequence, datastream, today)?,
            offers: datastream.offers.iter().filter_map(offer).filter(may_show).cloned().collect(),
            tellable: tellable(&datastream.audiences),
            tellable_to_target: datastream.target.iter().flat_map(|rule| tellable(&rule.audiences)).collect(),
            attributes: datastream.attributes.iter().filter(may_tell).cloned().collect(),
            datastream: datastream.clone(),
        })
    }
}

/// The sites of the catalogue in force, held in memory.
#[derive(Debug)]
pub(crate) struct Held {
    store: Store,
    latest: Mutex<Option<(Arc<Sites>, Timestamp)>>,
}

impl Held {
    pub(crate) fn new(store: Store) -> Held {
        Held { store, latest: Mutex::new(None) }
    }

    /// The sites that are held, however old; read, where none are.
    pub(crate) async fn any(&self, now: Timestamp) -> Result<Arc<Sites>, NotReady> {
        match self.latest() {
            Some((sites, _)) => Ok(sites),
            None => self.current(now).await,
        }
    }

    /// The sites of the catalogue in force, or of the one that was a few seconds ago. They are the same as before, also
    /// by their address, where nothing has changed.
    pub(crate) async fn current(&self, now: Timestamp) -> Result<Arc<Sites>, NotReady> {
        let held = self.latest();
        let is_young = |read: Timestamp| now.duration_since(read) < BEHIND_AT_MOST;
        if let Some((sites, read)) = &held
            && is_young(*read)
            && sites.today == day(now)
        {
            return Ok(Arc::clone(sites));
        }
        let in_force = self.store.catalogue().await?.ok_or(NotReady::NoCatalogue)?;
        let is_same = |sites: &Sites| sites.in_force.sequence == in_force.sequence && sites.today == day(now);
        let sites = match held {
            Some((sites, _)) if is_same(&sites) => sites,
            _ => self.prepare(in_force, now).await?,
        };
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some((Arc::clone(&sites), now));
        Ok(sites)
    }

    fn latest(&self) -> Option<(Arc<Sites>, Timestamp)> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn prepare(&self, in_force: InForce, now: Timestamp) -> Result<Arc<Sites>, NotReady> {
        let sites = Sites::prepare(in_force, day(now))?;
        for record in sites.new_refusals(now) {
            // The refusal holds whether it is on record or not.
            if let Err(error) = self.store.ledger.keep_refusal(&record).await {
                error!(%error, "A refusal was not put on record.");
            }
        }
        Ok(Arc::new(sites))
    }
}
