//! Linking a visitor: what the edge remembers of one is copied to the profile that it belongs to.
//!
//! The visitor's own item decides, and everything here follows from it: whoever logged in last holds the ECID, and with
//! it what partners' scripts said of the visitor and the edge audiences that the visitor is in. Of somebody who never
//! logged in, a profile of the ECID alone holds that. Every step can be repeated, and a message that comes again finds
//! everything in its place.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws::{InForce, MOST_REPORTED, Reference, Store};
use domain::catalogue::Catalogue;
use domain::dataset::Dataset;
use domain::edge::visitor::{StoredVisitor, Visitor, VisitorLink};
use domain::fragment::{OrderToken, Record};
use domain::graph::Graph;
use domain::identity::{Identity, IdentityKey, Keyring, ProfileId};
use domain::ingest::Intake;
use domain::membership::Memberships;
use domain::name::DatasetName;
use domain::profile::day;
use domain::schema::Schema;
use domain::value::{self, Object, Value};
use jiff::Timestamp;
use tracing::{info, warn};

use crate::handler::{Failure, Ingest};
use crate::row::{Applier, Outcome};

/// How often a visitor is linked anew where somebody writes at the same moment.
const MOST_RACES: u32 = 10;

impl Ingest {
    /// Links what is stored of a visitor now.
    pub(crate) async fn link_visitor(&self, ecid: &IdentityKey) -> Result<(), Failure> {
        let in_force =
            self.store.catalogue().await?.ok_or("no catalogue is in force: apply a project first")?;
        let keyring = self.keyring().await?;
        for race in 0..MOST_RACES {
            let stored = &self.store.visitors.get(ecid).await?;
            let now = Timestamp::now();
            let linking = Linking { store: &self.store, in_force: &in_force, keyring, ecid, stored, now };
            if linking.run().await? {
                return Ok(());
            }
            // What was copied may be out of date by now: whoever was faster gets ahead first.
            tokio::time::sleep(Duration::from_millis(u64::from(race) * 20)).await;
        }
        Err("a visitor changed too often while being linked: it is tried again later".into())
    }
}

/// One visitor that is being linked.
struct Linking<'a> {
    store: &'a Store,
    in_force: &'a InForce,
    keyring: &'a Keyring,
    ecid: &'a IdentityKey,
    stored: &'a StoredVisitor,
    now: Timestamp,
}

/// A record of the visitor for one dataset.
struct Part<'a> {
    dataset: &'a Dataset,
    schema: &'a Schema,
    record: Record,
}

impl Linking<'_> {
    /// Copies the visitor as it was read, and notes that. Says whether it was still so when that was noted, and all that
    /// pages reported is counted: only then do the copies stand for what the visitor is.
    async fn run(&self) -> Result<bool, Failure> {
        let Store { identities, visitors, profiles, .. } = self.store;
        let linked = identities.link(self.ecid).await?;
        if self.stored.version == 0 {
            // The visitor was forgotten after some weeks without a visit, and is in no edge audience any more.
            if let Some(profile) = linked {
                profiles.copy_edge_memberships(&profile, self.ecid, None).await?;
            }
            return Ok(true);
        }
        let parts = self.parts()?;
        for holder in self.former_holders(linked, &parts).await? {
            self.detach(&holder).await?;
        }
        for part in &parts {
            self.apply(part).await?;
        }
        let profile = if parts.is_empty() { None } else { identities.link(self.ecid).await? };
        let mut audiences = BTreeMap::new();
        if let Some(profile) = &profile {
            profiles.copy_edge_memberships(profile, self.ecid, self.memberships()).await?;
            audiences = profiles.memberships(profile).await?.realized();
        }
        let link = &self.stored.link;
        let reported = self.stored.unreported(MOST_REPORTED);
        let next = VisitorLink {
            version: link.version.saturating_add(1),
            seen: self.stored.version,
            login: self.visitor().login_keys(),
            profile,
            audiences,
            counted: self.stored.counted_with(&reported),
        };
        let is_all = self.visitor().notified == next.counted;
        let is_linked = visitors.link(self.ecid, &next, link.version, &reported, day(self.now)).await?;
        if is_linked {
            info!(profile = next.profile.is_some(), offers = reported.len(), "A visitor was linked.");
        }
        Ok(is_linked && is_all)
    }

    fn catalogue(&self) -> &Catalogue {
        &self.in_force.catalogue
    }

    fn visitor(&self) -> &Visitor {
        &self.stored.visitor
    }

    /// Whether the visitor allows anything to be kept. What is stored was allowed when it came: only a refusal matters.
    fn allows(&self) -> bool {
        self.visitor().consent.as_ref().is_none_or(|consent| consent.collect)
    }

    /// The memberships to copy; none where there are none, or the visitor does not allow it.
    fn memberships(&self) -> Option<&Memberships> {
        let memberships = &self.visitor().memberships;
        (!memberships.audiences.is_empty() && self.allows()).then_some(memberships)
    }

    /// The records that the visitor comes to: what partners' scripts said, and where somebody logged in or is in an
    /// audience, that the visitor has been here. One that cannot be made costs itself alone.
    fn parts(&self) -> Result<Vec<Part<'_>>, Failure> {
        let mut parts = Vec::new();
        if !self.allows() {
            return Ok(parts);
        }
        // Whose the visitor is, is said by the login: its record goes first.
        parts.extend(self.presence()?);
        for (name, signal) in &self.visitor().signals {
            let dataset = self.catalogue().datasets.get(name).filter(|dataset| dataset.events().is_some());
            let Some(dataset) = dataset else { continue };
            match self.part(dataset, signal.attributes.clone(), self.token(signal.at)) {
                Ok(part) => parts.push(part),
                Err(error) => warn!(dataset = %name, %error, "What a visitor left is of no use."),
            }
        }
        Ok(parts)
    }

    /// The record that the visitor has been here, where a login or a membership needs a place, and no signal has one.
    fn presence(&self) -> Result<Option<Part<'_>>, Failure> {
        let visitor = self.visitor();
        let (datastream, at) = match &visitor.login {
            Some(login) => (Some(&login.datastream), Some(login.at)),
            None if !visitor.signals.is_empty() => (None, None),
            None => (visitor.datastream.as_ref(), visitor.seen.filter(|_| self.memberships().is_some())),
        };
        let events = self.catalogue().datasets.values().find(|dataset| {
            let of_events = dataset.events().filter(|events| events.fields.is_empty());
            of_events.is_some_and(|events| Some(&events.datastream) == datastream)
        });
        match (events, at) {
            (Some(dataset), Some(at)) => self.part(dataset, Object::new(), self.token(at)).map(Some),
            _ => Ok(None),
        }
    }

    fn token(&self, at: Timestamp) -> OrderToken {
        let time = u64::try_from(at.as_millisecond()).unwrap_or_default();
        OrderToken { time, batch: 0, row: 0 }
    }

    fn part<'b>(
        &'b self,
        dataset: &'b Dataset,
        mut attributes: Object,
        token: OrderToken,
    ) -> Result<Part<'b>, Failure> {
        let schema = self.catalogue().schemas.get(&dataset.schema);
        let schema = schema.ok_or_else(|| format!("dataset `{}` has no schema", dataset.name))?;
        let primary = schema.identities().into_iter().find(|(_, identity)| identity.primary);
        let record = match primary {
            Some((path, _)) => {
                value::insert(&mut attributes, &path, Value::String(self.visitor().ecid.clone()));
                let intake = Intake::new(self.catalogue(), dataset, schema, self.keyring);
                Record { others: Vec::new(), ..intake.record(attributes, token)? }
            }
            None => Record {
                token,
                primary: self.identity()?,
                others: self.login(),
                partner_ids: BTreeSet::new(),
                attributes,
            },
        };
        Ok(Part { dataset, schema, record })
    }

    fn identity(&self) -> Result<Identity, Failure> {
        let namespace = self.catalogue().ecid_namespace();
        let namespace = namespace.ok_or("the catalogue has no namespace `ECID`")?;
        Ok(self.keyring.identity(namespace, &self.visitor().ecid)?)
    }

    /// The identities of whoever logged in last.
    fn login(&self) -> Vec<Identity> {
        let login = self.visitor().login.iter();
        login.flat_map(|login| &login.identities).cloned().collect()
    }

    /// The profiles that held the visitor and are to hold it no more: somebody else has logged in, the visitor has
    /// withdrawn consent, or an earlier attempt was broken off.
    async fn former_holders(
        &self,
        linked: Option<ProfileId>,
        parts: &[Part<'_>],
    ) -> Result<BTreeSet<ProfileId>, Failure> {
        let mut holders: BTreeSet<ProfileId> = linked.into_iter().collect();
        holders.extend(self.stored.link.profile.clone());
        if parts.is_empty() {
            return Ok(holders);
        }
        let mut persons = BTreeSet::new();
        for identity in self.login() {
            persons.extend(self.store.identities.link(&identity.key).await?);
        }
        let mut former = BTreeSet::new();
        for holder in holders {
            if persons.is_empty() {
                if self.is_somebody_else(&holder).await? {
                    former.insert(holder);
                }
            } else if !persons.contains(&holder) {
                former.insert(holder);
            }
        }
        Ok(former)
    }

    /// Whether a profile has another identity of a namespace of which the login names one.
    async fn is_somebody_else(&self, holder: &ProfileId) -> Result<bool, Failure> {
        let login = self.login();
        let Some(graph) = self.store.profiles.graph(holder).await? else { return Ok(false) };
        let is_unique = |identity: &Identity| {
            let namespace = self.catalogue().namespace(&identity.namespace);
            namespace.is_some_and(|namespace| namespace.kind.is_unique())
        };
        let differs = |identity: &Identity| {
            let mut nodes = graph.identities.iter();
            nodes.any(|(key, node)| node.namespace == identity.namespace && *key != identity.key)
        };
        Ok(login.iter().any(|identity| is_unique(identity) && differs(identity)))
    }

    /// Takes the visitor off a profile: memberships first, so that what was delivered because of them is withdrawn,
    /// then what scripts said, then the ECID itself. Its link goes last: what a crash leaves is found by it.
    async fn detach(&self, profile: &ProfileId) -> Result<(), Failure> {
        let Store { profiles, identities, .. } = self.store;
        profiles.copy_edge_memberships(profile, self.ecid, None).await?;
        let Some(graph) = profiles.graph(profile).await? else { return Ok(()) };
        let mine: Vec<_> = graph
            .fragments
            .iter()
            .filter(|fragment| fragment.primary == *self.ecid && self.is_of_datastream(&fragment.dataset))
            .collect();
        for key in &mine {
            if let Some(fragment) = profiles.fragment(profile, key).await? {
                let reference = Reference { profile: profile.clone(), fragment: (*key).clone() };
                let mut dropped = Vec::new();
                for partner_id in &fragment.partner_ids {
                    dropped.extend(identities.see_reference(&partner_id.key, &reference).await?);
                }
                profiles.delete_fragment(profile, key).await?;
                for seen in &dropped {
                    identities.forget(seen).await?;
                }
            }
        }
        self.drop_from_graph(profile, graph.clone()).await?;
        Ok(identities.release(self.ecid, profile).await?)
    }

    async fn drop_from_graph(&self, profile: &ProfileId, graph: Graph) -> Result<(), Failure> {
        let mine = BTreeSet::from([self.ecid]);
        let mut graph = Some(graph);
        while let Some(stands) = graph.filter(|graph| graph.identities.contains_key(self.ecid)) {
            let mut next = stands.without(&mine);
            next.fragments.retain(|fragment| {
                fragment.primary != *self.ecid || !self.is_of_datastream(&fragment.dataset)
            });
            if self.store.profiles.put_graph(profile, &next, Some(stands.version)).await? {
                return Ok(());
            }
            graph = self.store.profiles.graph(profile).await?;
        }
        Ok(())
    }

    /// Whether a dataset holds what datastreams say: a file's record of an ECID stays where it is.
    fn is_of_datastream(&self, dataset: &DatasetName) -> bool {
        self.catalogue().datasets.get(dataset).is_some_and(|dataset| dataset.events().is_some())
    }

    async fn apply(&self, part: &Part<'_>) -> Result<(), Failure> {
        let intake = Intake::new(self.catalogue(), part.dataset, part.schema, self.keyring);
        let applier = Applier::new(self.store, &intake, part.dataset, self.keyring, self.now);
        match applier.apply(&part.record).await? {
            Outcome::Ingested { .. } | Outcome::Unchanged | Outcome::Older => {}
            Outcome::Unmatched => warn!(dataset = %part.dataset.name, "A visitor matched no profile."),
            Outcome::SetAside(code, reason) => {
                warn!(dataset = %part.dataset.name, code, reason, "What a visitor left was set aside.");
            }
        }
        Ok(())
    }
}
