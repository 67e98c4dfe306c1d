//! Linking a visitor: what the edge remembers of one is copied to the profile that it belongs to.
//!
//! The visitor's own item decides, and everything here follows from it: whoever logged in last holds the ECID, and with
//! it what partners' scripts said of the visitor and the edge audiences that the visitor is in. Of somebody who never
//! logged in, a profile of the ECID alone holds that. Every step can be repeated, and a message that comes again finds
//! everything in its place.
//!
//! One worker at a time links a visitor, since messages come in order. One may still die on its way, and another person
//! log in before anybody comes back to that: therefore every profile is noted on the visitor's item before anything is
//! copied there ([`VisitorLink::touched`]), and whoever links next takes the visitor off those that are not the place.
//! One that is overtaken notices at its next note, or at its end, and begins anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws::{Holder, InForce, MOST_REPORTED, Store};
use domain::catalogue::Catalogue;
use domain::dataset::Dataset;
use domain::edge::person::{Named, Person, is_a_person};
use domain::edge::visitor::{Login, StoredVisitor, Visitor, VisitorLink};
use domain::fragment::{OrderToken, Record};
use domain::graph::{Graph, MOST_IDENTITIES};
use domain::identity::{Identity, IdentityKey, Keyring, ProfileId};
use domain::ingest::Intake;
use domain::name::DatastreamName;
use domain::namespace::ECID;
use domain::profile::pseudonymous::Pseudonymous;
use domain::profile::{day, day_number};
use domain::removal::is_over;
use domain::schema::Schema;
use domain::value::{self, Object, Value};
use jiff::Timestamp;
use tracing::{info, warn};

use crate::handler::{Failure, Ingest};
use crate::quarantine::code;
use crate::row::{Applier, Outcome};

mod leave;

/// How often a visitor is linked anew where somebody writes at the same moment.
const MOST_RACES: u32 = 10;

impl Ingest {
    /// Links what is stored of a visitor now.
    pub(crate) async fn link_visitor(&self, ecid: &IdentityKey) -> Result<(), Failure> {
        let in_force =
            self.store.catalogue().await?.ok_or("no catalogue is in force: apply a project first")?;
        let keyring = self.keyring().await?;
        // What a race has left somewhere is known here alone: whoever was faster did not know of it.
        let mut touched = BTreeSet::new();
        for race in 0..MOST_RACES {
            let stored = &self.store.visitors.get(ecid).await?;
            let now = Timestamp::now();
            let linking = Linking { store: &self.store, in_force: &in_force, keyring, ecid, stored, now };
            // Boxed, as what follows: nested as it is, it would take more of the stack than a thread of a test has.
            if Box::pin(linking.run(&mut touched)).await? {
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
    /// Whether whoever holds the visitor is to hold it no more.
    leaves: bool,
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
    /// When it was said, which may be a while ago.
    at: Timestamp,
}

impl Linking<'_> {
    /// Copies the visitor as it was read, and notes that. Says whether it was still so when that was noted, and all that
    /// pages reported is counted: only then do the copies stand for what the visitor is. `touched` are the profiles that
    /// may hold copies by what this worker did before; those that it touches now are added.
    async fn run(&self, touched: &mut BTreeSet<ProfileId>) -> Result<bool, Failure> {
        let Store { identities, visitors, profiles, .. } = self.store;
        if self.visitor().suppressed.is_some() {
            return self.forget_everywhere().await;
        }
        let linked = match identities.holder(self.ecid).await? {
            Holder::Profile(profile) => Some(profile),
            Holder::Nobody => None,
            Holder::Suppressed => {
                visitors.suppress(self.ecid, self.now).await?;
                return Ok(false);
            }
        };
        if let Some(rest) = self.without_deleted().await? {
            warn!(
                code = code::SUPPRESSED,
                "A visitor's login named somebody who was deleted, and what they left is forgotten."
            );
            visitors.put(self.ecid, &rest, self.stored.version, self.now).await?;
            return Ok(false);
        }
        for holder in self.stored.link.holders().filter(|holder| linked.as_ref() != Some(*holder)) {
            touched.insert(holder.clone());
            touched.extend(self.store.live(holder).await?.map(|(profile, _)| profile));
        }
        touched.extend(linked.clone());
        if self.stored.version == 0 {
            // The visitor was forgotten after some weeks without a visit, and is in no edge audience any more.
            for holder in touched.iter() {
                profiles.copy_edge_memberships(holder, self.ecid, None).await?;
            }
            // Whoever is here again by now is linked anew.
            return Ok(visitors.get(self.ecid).await?.version == 0);
        }
        // Copies where the ECID does not link to are left over of a link that did not end.
        let holder = linked.filter(|_| !self.is_withdrawn());
        self.leave_all_but(holder.as_ref(), touched).await?;
        let mut link = self.stored.link.clone();
        if !self.visitor().allows() {
            return self.note_linked(None, link).await;
        }
        match Box::pin(self.copy(holder, touched, &mut link)).await? {
            Some(profile) => self.note_linked(profile, link).await,
            None => Ok(false),
        }
    }

    /// Takes the visitor of somebody who was deleted off every profile that may hold copies. What is closed is erased as
    /// a whole.
    async fn forget_everywhere(&self) -> Result<bool, Failure> {
        let mut holders = BTreeSet::new();
        for holder in self.stored.link.holders() {
            let named = self.store.profiles.graph(holder).await?.map(|graph| (holder.clone(), graph));
            let both = named.into_iter().chain(self.store.live(holder).await?);
            holders.extend(both.filter(|(_, graph)| !graph.is_closed()).map(|(profile, _)| profile));
        }
        self.leave_all_but(None, &holders).await?;
        self.note_linked(None, self.stored.link.clone()).await
    }

    /// What is left of the visitor where somebody has logged in who was deleted; nothing, where nobody has. Who that is
    /// says the identity of the highest priority: of the login of somebody who is known by it those identities are left out.
    async fn without_deleted(&self) -> Result<Option<Visitor>, Failure> {
        let Some(login) = &self.visitor().login else { return Ok(None) };
        let mut left = Login { identities: BTreeSet::new(), ..login.clone() };
        let mut known = BTreeSet::new();
        for identity in &login.identities {
            let holder = self.store.identities.holder(&identity.key).await?;
            if holder != Holder::Suppressed {
                left.identities.insert(identity.clone());
            }
            if matches!(holder, Holder::Profile(_)) {
                known.insert(identity);
            }
        }
        if left.identities == login.identities {
            return Ok(None);
        }
        let rank = |identity: &&Identity| self.catalogue().priority(&identity.namespace);
        let first = login.identities.iter().min_by_key(rank);
        let is_theirs = first.is_none_or(|first| !known.contains(first));
        Ok(Some(match is_theirs {
            true => self.visitor().without_person(),
            false => Visitor { login: Some(left), ..self.visitor().clone() },
        }))
    }

    /// Notes where the visitor is linked, and counts what pages have reported.
    async fn note_linked(&self, profile: Option<ProfileId>, link: VisitorLink) -> Result<bool, Failure> {
        let Store { visitors, profiles, .. } = self.store;
        let mut audiences = BTreeMap::new();
        if let Some(profile) = &profile {
            audiences = profiles.memberships(profile).await?.realized();
        }
        let is_placed = self.is_placed(profile.as_ref()).await?;
        let reported = self.stored.unreported(MOST_REPORTED);
        let next = VisitorLink {
            version: link.version.saturating_add(1),
            touched: BTreeSet::new(),
            seen: self.stored.version,
            login: if is_placed { self.visitor().login_keys() } else { BTreeSet::new() },
            withdrawn: self.visitor().withdrawn,
            profile,
            audiences,
            counted: self.stored.counted_with(&reported),
        };
        let is_all = self.visitor().notified == next.counted;
        let read = StoredVisitor { link, ..self.stored.clone() };
        let is_linked = visitors.link(self.ecid, &next, &read, &reported, day(self.now)).await?;
        if is_linked {
            info!(profile = next.profile.is_some(), offers = reported.len(), "A visitor was linked.");
        }
        Ok(is_linked && is_all)
    }

    /// Notes the profiles that may hold copies from now on. Says whether nobody has linked the visitor meanwhile, and the
    /// visitor is still as it was read.
    async fn note_touched(
        &self,
        link: &mut VisitorLink,
        touched: &BTreeSet<ProfileId>,
    ) -> Result<bool, Failure> {
        let noted: BTreeSet<&ProfileId> = link.holders().collect();
        if touched.iter().all(|profile| noted.contains(profile)) {
            return Ok(true);
        }
        let version = link.version.saturating_add(1);
        let next = VisitorLink { version, touched: touched.clone(), ..link.clone() };
        let read = StoredVisitor { link: std::mem::replace(link, next), ..self.stored.clone() };
        let today = day(self.now);
        Ok(self.store.visitors.link(self.ecid, link, &read, &BTreeMap::new(), today).await?)
    }

    fn catalogue(&self) -> &Catalogue {
        &self.in_force.catalogue
    }

    fn visitor(&self) -> &Visitor {
        &self.stored.visitor
    }

    /// Whether consent was withdrawn since the visitor was linked, whatever is allowed by now.
    fn is_withdrawn(&self) -> bool {
        !self.visitor().allows() || self.visitor().withdrawn != self.stored.link.withdrawn
    }

    /// Copies what the visitor allows to be kept to the profile that it belongs to, and takes it off whoever holds it
    /// now, where that is another; nothing, where somebody was faster. Who holds a visitor of whom there is nothing to say
    /// keeps it: whoever comes back after weeks is still the same.
    async fn copy(
        &self,
        holder: Option<ProfileId>,
        touched: &mut BTreeSet<ProfileId>,
        link: &mut VisitorLink,
    ) -> Result<Option<Option<ProfileId>>, Failure> {
        let Place { leaves, person, gives_way } = Box::pin(self.place(holder.as_ref())).await?;
        let stays = holder.is_some() && !leaves;
        if let Some(holder) = holder.filter(|_| leaves) {
            self.detach(&holder, self.ecid).await?;
        }
        if let Some((profile, oldest)) = &gives_way {
            self.detach(profile, oldest).await?;
        }
        let mut homes = BTreeSet::new();
        for part in self.parts(person.as_ref(), stays)? {
            homes.extend(self.homes(&part).await?);
            touched.extend(homes.iter().cloned());
            if !self.note_touched(link, touched).await? {
                return Ok(None);
            }
            Box::pin(self.apply(&part)).await?;
        }
        let profile = self.store.identities.link(self.ecid).await?;
        if let Some(profile) = &profile {
            touched.insert(profile.clone());
            let memberships = self.visitor().copied_memberships();
            self.store.profiles.copy_edge_memberships(profile, self.ecid, memberships).await?;
        }
        self.leave_all_but(profile.as_ref(), &homes).await?;
        Ok(Some(profile))
    }

    /// The records that the visitor comes to: what partners' scripts said, and where somebody logged in or is in an
    /// audience, that the visitor has been here. One that cannot be made costs itself alone.
    fn parts(&self, person: Option<&Person>, is_held: bool) -> Result<Vec<Part<'_>>, Failure> {
        let mut signals = Vec::new();
        for (name, signal) in &self.visitor().signals {
            let dataset = self.catalogue().datasets.get(name).filter(|dataset| dataset.events().is_some());
            let Some(dataset) = dataset else { continue };
            // What the sweep deletes is not to be brought back.
            if is_over(self.catalogue(), dataset, day_number(signal.at), self.now) {
                continue;
            }
            match self.part(dataset, signal.attributes.clone(), self.token(signal.at), signal.at, None) {
                Ok(part) => signals.push(part),
                Err(error) => warn!(dataset = %name, %error, "What a visitor left is of no use."),
            }
        }
        // Whose the visitor is, is said by the login: its record goes first.
        let presence = self.presence(person, !signals.is_empty(), is_held)?;
        Ok(presence.into_iter().chain(signals).collect())
    }

    /// The record that the visitor has been here, where a login or a membership needs a place, and no signal has one; or
    /// where it matters when the last visit was.
    fn presence(
        &self,
        person: Option<&Person>,
        has_signals: bool,
        is_held: bool,
    ) -> Result<Option<Part<'_>>, Failure> {
        let visitor = self.visitor();
        let (datastream, token) = match (person, &visitor.login) {
            (Some(_), Some(login)) => (Some(&login.datastream), self.token(login.at)),
            _ if !self.is_noted(has_signals, is_held) => return Ok(None),
            // It says nothing, so that whatever is said is newer.
            _ => (visitor.datastream.as_ref(), OrderToken { time: 0, batch: 0, row: 0 }),
        };
        let dataset = datastream.and_then(|datastream| self.dataset_of_events(datastream));
        let at = visitor.seen.unwrap_or(self.now);
        dataset.map(|dataset| self.part(dataset, Object::new(), token, at, person)).transpose()
    }

    /// Whether it is noted of somebody who has not logged in that they have been here: where the profile that they have,
    /// or come to have, would expire otherwise, or where a membership needs a place.
    fn is_noted(&self, has_signals: bool, is_held: bool) -> bool {
        let counts = self.catalogue().pseudonymous.as_ref().is_some_and(Pseudonymous::counts_visits);
        (counts && (has_signals || is_held))
            || (!has_signals && self.visitor().copied_memberships().is_some())
    }

    /// The dataset that holds a datastream's events, if any does that keeps what the last visit says: what the sweep
    /// deletes is not to be brought back.
    fn dataset_of_events(&self, datastream: &DatastreamName) -> Option<&Dataset> {
        let seen = day_number(self.visitor().seen.unwrap_or(self.now));
        self.catalogue().datasets.values().find(|dataset| {
            let of_events = dataset.events().filter(|events| events.fields.is_empty());
            let is_it = of_events.is_some_and(|events| events.datastream == *datastream);
            is_it && !is_over(self.catalogue(), dataset, seen, self.now)
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
        at: Timestamp,
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
        Ok(Part { dataset, schema, record, at })
    }

    fn identity(&self) -> Result<Identity, Failure> {
        let namespace = self.catalogue().ecid_namespace();
        let namespace = namespace.ok_or("the catalogue has no namespace `ECID`")?;
        Ok(self.keyring.identity(namespace, &self.visitor().ecid)?)
    }

    /// Where the visitor belongs, as the login says. Without one it stays where it is.
    async fn place(&self, holder: Option<&ProfileId>) -> Result<Place, Failure> {
        let Some(login) = &self.visitor().login else { return Ok(Place::default()) };
        let mut held = None;
        if let Some(holder) = holder {
            held = self.store.profiles.graph(holder).await?.map(|graph| (holder, graph));
        }
        let at = self.token(login.at).time;
        if held
            .as_ref()
            .is_some_and(|(_, graph)| graph.linked_at(self.ecid).is_some_and(|linked| linked > at))
        {
            info!("A login is older than the one that the visitor is linked by.");
            return Ok(Place::default());
        }
        let person = self.person(login).await?;
        let namespaces = &self.catalogue().namespaces;
        let identities: Vec<Identity> = login.identities.iter().cloned().collect();
        let leaves = held
            .as_ref()
            .is_some_and(|(holder, graph)| person.takes_from(namespaces, holder, graph, &identities));
        let home = person.profile.clone();
        let home = home
            .or_else(|| held.as_ref().filter(|_| !leaves).map(|(id, graph)| ((*id).clone(), graph.clone())));
        match self.room(login, &person, home.as_ref()) {
            Ok(gives_way) => Ok(Place { leaves, person: Some(person), gives_way }),
            Err(reason) => {
                warn!(reason, "A login has no place: the visitor is linked without it.");
                // Whoever is somebody else gets nothing of it all the same; what is the browser's alone stays where it is.
                let is_a_person = held.is_some_and(|(_, graph)| is_a_person(namespaces, &graph));
                Ok(Place { leaves: leaves && is_a_person, ..Place::default() })
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

    /// The profiles that a part may be written to.
    async fn homes(&self, part: &Part<'_>) -> Result<BTreeSet<ProfileId>, Failure> {
        let intake = Intake::new(self.catalogue(), part.dataset, part.schema, self.keyring);
        let applier = Applier::new(self.store, &intake, part.dataset, self.keyring, self.now);
        Ok(applier.homes(&part.record).await?)
    }

    async fn apply(&self, part: &Part<'_>) -> Result<(), Failure> {
        let intake = Intake::new(self.catalogue(), part.dataset, part.schema, self.keyring);
        let applier = Applier::new(self.store, &intake, part.dataset, self.keyring, part.at);
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
