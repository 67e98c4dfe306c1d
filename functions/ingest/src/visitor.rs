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
use domain::edge::person::{Named, Person, is_a_person};
use domain::edge::visitor::{Login, StoredVisitor, Visitor, VisitorLink};
use domain::fragment::{OrderToken, Record};
use domain::graph::{Graph, MOST_IDENTITIES};
use domain::identity::{Identity, IdentityKey, Keyring, ProfileId};
use domain::ingest::Intake;
use domain::membership::Memberships;
use domain::name::{DatasetName, DatastreamName};
use domain::namespace::ECID;
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
            // Boxed, as what follows: nested as it is, it would take more of the stack than a thread of a test has.
            if Box::pin(linking.run()).await? {
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

/// What linking makes of a login.
#[derive(Default)]
struct Place {
    /// The profiles that are to hold the visitor no more.
    former: BTreeSet<ProfileId>,
    /// Who has logged in, where the record that says so has a place.
    person: Option<Person>,
    /// What has to make room for it: another visitor of the person.
    gives_way: Option<(ProfileId, IdentityKey)>,
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
        let mut holders: BTreeSet<ProfileId> = linked.into_iter().collect();
        holders.extend(self.stored.link.profile.clone());
        if self.is_withdrawn() {
            for holder in std::mem::take(&mut holders) {
                self.detach(&holder, self.ecid).await?;
            }
        }
        let profile = if self.allows() { Box::pin(self.copy(&holders)).await? } else { None };
        let mut audiences = BTreeMap::new();
        if let Some(profile) = &profile {
            audiences = profiles.memberships(profile).await?.realized();
        }
        let is_placed = self.is_placed(profile.as_ref()).await?;
        let link = &self.stored.link;
        let reported = self.stored.unreported(MOST_REPORTED);
        let next = VisitorLink {
            version: link.version.saturating_add(1),
            seen: self.stored.version,
            login: if is_placed { self.visitor().login_keys() } else { BTreeSet::new() },
            withdrawn: self.visitor().withdrawn,
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

    /// Whether consent was withdrawn since the visitor was linked, whatever is allowed by now.
    fn is_withdrawn(&self) -> bool {
        !self.allows() || self.visitor().withdrawn != self.stored.link.withdrawn
    }

    /// Copies what the visitor allows to be kept to the profile that it belongs to. Who holds a visitor of whom there is
    /// nothing to say keeps it: whoever comes back after weeks is still the same.
    async fn copy(&self, holders: &BTreeSet<ProfileId>) -> Result<Option<ProfileId>, Failure> {
        let Place { former, person, gives_way } = Box::pin(self.place(holders)).await?;
        for holder in &former {
            self.detach(holder, self.ecid).await?;
        }
        if let Some((profile, oldest)) = &gives_way {
            self.detach(profile, oldest).await?;
        }
        for part in self.parts(person.as_ref())? {
            Box::pin(self.apply(&part)).await?;
        }
        let profile = self.store.identities.link(self.ecid).await?;
        if let Some(profile) = &profile {
            self.store.profiles.copy_edge_memberships(profile, self.ecid, self.memberships()).await?;
        }
        Ok(profile)
    }

    /// The memberships to copy; none where there are none, or the visitor does not allow it.
    fn memberships(&self) -> Option<&Memberships> {
        let memberships = &self.visitor().memberships;
        (!memberships.audiences.is_empty() && self.allows()).then_some(memberships)
    }

    /// The records that the visitor comes to: what partners' scripts said, and where somebody logged in or is in an
    /// audience, that the visitor has been here. One that cannot be made costs itself alone.
    fn parts(&self, person: Option<&Person>) -> Result<Vec<Part<'_>>, Failure> {
        let mut signals = Vec::new();
        for (name, signal) in &self.visitor().signals {
            let dataset = self.catalogue().datasets.get(name).filter(|dataset| dataset.events().is_some());
            let Some(dataset) = dataset else { continue };
            match self.part(dataset, signal.attributes.clone(), self.token(signal.at), None) {
                Ok(part) => signals.push(part),
                Err(error) => warn!(dataset = %name, %error, "What a visitor left is of no use."),
            }
        }
        // Whose the visitor is, is said by the login: its record goes first.
        let presence = self.presence(person, !signals.is_empty())?;
        Ok(presence.into_iter().chain(signals).collect())
    }

    /// The record that the visitor has been here, where a login or a membership needs a place, and no signal has one.
    fn presence(&self, person: Option<&Person>, has_signals: bool) -> Result<Option<Part<'_>>, Failure> {
        let visitor = self.visitor();
        let (datastream, token) = match (person, &visitor.login) {
            (Some(_), Some(login)) => (Some(&login.datastream), self.token(login.at)),
            _ if has_signals || self.memberships().is_none() => return Ok(None),
            // It says nothing, so that whatever is said is newer.
            _ => (visitor.datastream.as_ref(), OrderToken { time: 0, batch: 0, row: 0 }),
        };
        let dataset = datastream.and_then(|datastream| self.dataset_of_events(datastream));
        dataset.map(|dataset| self.part(dataset, Object::new(), token, person)).transpose()
    }

    /// The dataset that holds a datastream's events, if any does.
    fn dataset_of_events(&self, datastream: &DatastreamName) -> Option<&Dataset> {
        self.catalogue().datasets.values().find(|dataset| {
            let of_events = dataset.events().filter(|events| events.fields.is_empty());
            of_events.is_some_and(|events| events.datastream == *datastream)
        })
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
        person: Option<&Person>,
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
                others: person.map(|person| person.identities.clone()).unwrap_or_default(),
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

    /// Where the visitor belongs, as the login says. Without one it stays where it is.
    async fn place(&self, holders: &BTreeSet<ProfileId>) -> Result<Place, Failure> {
        let Some(login) = &self.visitor().login else { return Ok(Place::default()) };
        let mut graphs = Vec::new();
        for holder in holders {
            graphs.extend(self.store.profiles.graph(holder).await?.map(|graph| (holder, graph)));
        }
        let at = self.token(login.at).time;
        if graphs.iter().any(|(_, graph)| graph.linked_at(self.ecid).is_some_and(|linked| linked > at)) {
            info!("A login is older than the one that the visitor is linked by.");
            return Ok(Place::default());
        }
        let person = self.person(login).await?;
        let namespaces = &self.catalogue().namespaces;
        let identities: Vec<Identity> = login.identities.iter().cloned().collect();
        let (former, kept): (Vec<_>, Vec<_>) = graphs
            .into_iter()
            .partition(|(holder, graph)| person.takes_from(namespaces, holder, graph, &identities));
        let home = person.profile.clone();
        let home = home.or_else(|| kept.into_iter().next().map(|(id, graph)| (id.clone(), graph)));
        match self.room(login, &person, home.as_ref()) {
            Ok(gives_way) => {
                let former = former.into_iter().map(|(holder, _)| holder.clone()).collect();
                Ok(Place { former, person: Some(person), gives_way })
            }
            Err(reason) => {
                warn!(reason, "A login has no place: the visitor is linked without it.");
                // Whoever is somebody else gets nothing of it all the same; what is the browser's alone stays where it is.
                let former = former.into_iter().filter(|(_, graph)| is_a_person(namespaces, graph));
                Ok(Place { former: former.map(|(holder, _)| holder.clone()).collect(), ..Place::default() })
            }
        }
    }

    /// Who has logged in.
    async fn person(&self, login: &Login) -> Result<Person, Failure> {
        let mut named = Vec::new();
        for identity in &login.identities {
            let mut owner = None;
            if let Some(profile) = self.store.identities.link(&identity.key).await? {
                owner = self.store.profiles.graph(&profile).await?.map(|graph| (profile, graph));
            }
            named.push(Named { identity: identity.clone(), owner });
        }
        Ok(Person::of(&self.catalogue().namespaces, named))
    }

    /// What has to give way for the record of a login, if anything, or why it has no place.
    fn room(
        &self,
        login: &Login,
        person: &Person,
        home: Option<&(ProfileId, Graph)>,
    ) -> Result<Option<(ProfileId, IdentityKey)>, &'static str> {
        if self.dataset_of_events(&login.datastream).is_none() {
            return Err("no dataset holds the events of its datastream");
        }
        let Some((profile, graph)) = home else { return Ok(None) };
        let keys = person.identities.iter().map(|identity| &identity.key).chain([self.ecid]);
        let new: BTreeSet<&IdentityKey> = keys.filter(|key| !graph.identities.contains_key(*key)).collect();
        if graph.identities.len() + new.len() <= MOST_IDENTITIES {
            return Ok(None);
        }
        // As the documents say: browsers first, and of them the one that was linked longest ago.
        let oldest =
            graph.oldest(|namespace| namespace.as_str() == ECID).filter(|(key, _)| *key != self.ecid);
        match oldest.filter(|(_, node)| new.len() == 1 && node.linked < self.token(login.at).time) {
            Some((key, _)) => Ok(Some((profile.clone(), key.clone()))),
            None => Err("its profile has as many identities as it may have"),
        }
    }

    /// Whether the visitor stands where its login belongs, if there was one.
    async fn is_placed(&self, profile: Option<&ProfileId>) -> Result<bool, Failure> {
        let Some(login) = &self.visitor().login else { return Ok(true) };
        let rank = |identity: &&Identity| self.catalogue().priority(&identity.namespace);
        let Some(first) = login.identities.iter().min_by_key(rank) else { return Ok(true) };
        Ok(profile.is_some() && self.store.identities.link(&first.key).await?.as_ref() == profile)
    }

    /// Takes a visitor off a profile: memberships first, so that what was delivered because of them is withdrawn,
    /// then what scripts said, then the ECID itself. Its link goes last: what a crash leaves is found by it.
    async fn detach(&self, profile: &ProfileId, ecid: &IdentityKey) -> Result<(), Failure> {
        let Store { profiles, identities, .. } = self.store;
        profiles.copy_edge_memberships(profile, ecid, None).await?;
        let Some(graph) = profiles.graph(profile).await? else { return Ok(()) };
        let mine: Vec<_> = graph
            .fragments
            .iter()
            .filter(|fragment| fragment.primary == *ecid && self.is_of_datastream(&fragment.dataset))
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
        self.drop_from_graph(profile, ecid, graph.clone()).await?;
        Ok(identities.release(ecid, profile).await?)
    }

    async fn drop_from_graph(
        &self,
        profile: &ProfileId,
        ecid: &IdentityKey,
        graph: Graph,
    ) -> Result<(), Failure> {
        let mine = BTreeSet::from([ecid]);
        let mut graph = Some(graph);
        while let Some(stands) = graph.filter(|graph| graph.identities.contains_key(ecid)) {
            let mut next = stands.without(&mine);
            next.fragments
                .retain(|fragment| fragment.primary != *ecid || !self.is_of_datastream(&fragment.dataset));
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
