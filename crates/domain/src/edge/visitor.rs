//! Visitors: what is remembered of whoever holds an ECID.
//!
//! A visitor has a partition of its own, by the key of its ECID, and never merges with anything: linking writes copies
//! to the person's profile. One read and one write serve a request.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::audience::DefinitionHash;
use crate::edge::consent::Consent;
use crate::edge::signal::Signal;
use crate::identity::{Identity, IdentityKey, ProfileId};
use crate::membership::Memberships;
use crate::merge::{AttributeMerge, Supplied};
use crate::name::{AudienceName, DatasetName, DatastreamName, OfferName};
use crate::value::{self, Object};

/// How far back edge audiences see events (the documents' 24 hours).
pub const EVENTS_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The most events that are remembered of a visitor, the newest.
pub const MOST_EVENTS: usize = 50;

/// The most bytes that remembered events take: an item has room for 400 KB, and they are only a part of it.
const LARGEST_EVENTS: usize = 64 * 1024;

/// The most requests whose repetition is noticed, the newest.
pub const MOST_REQUESTS: usize = 20;

/// How long a visitor is remembered after the last change (the documents keep edge profiles 14 days).
const VISITOR_KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What is only said again is written again when it is so old, and not before.
pub const CONFIRMED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How long the word of a visitor on consent is remembered after the last change: at least as long as events may be
/// kept. Whatever is replayed has to obey it, and what is older than it stays forgotten.
const CONSENT_KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The most displays that are remembered of an offer, the newest: no cap counts more.
const MOST_DISPLAYS: usize = 100;

/// What the edge remembers of a visitor. The default is a visitor of whom nothing is remembered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Visitor {
    /// The ECID, 38 digits.
    #[serde(default)]
    pub ecid: String,
    /// The datastream of the last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datastream: Option<DatastreamName>,
    /// Every datastream that has changed it: their audiences look at the visitor.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub datastreams: BTreeSet<DatastreamName>,
    /// When the last change was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Timestamp>,
    /// The edge audiences that the visitor is in.
    #[serde(default)]
    pub memberships: Memberships,
    /// What partners' scripts said, by dataset: the newest word of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signals: BTreeMap<DatasetName, Signal>,
    /// The recent events, oldest first: of each the fields that audiences read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<RecentEvent>,
    /// When offers were displayed, oldest first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shown: BTreeMap<OfferName, Vec<Timestamp>>,
    /// How often offers were displayed and clicked in all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notified: BTreeMap<OfferName, Notified>,
    /// The last requests, oldest first: one that comes again counts once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<String>,
    /// What the visitor allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// When the visitor last withdrew consent: nothing that was linked before stays linked, whatever is allowed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Timestamp>,
    /// Who logged in last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
    /// When the person was deleted whose visitor this is: nothing is remembered of it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Timestamp>,
}

/// An event that audiences look back at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecentEvent {
    /// When it happened.
    pub at: Timestamp,
    /// Those of its fields that audiences read.
    pub fields: Object,
}

/// How often an offer was displayed and clicked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notified {
    /// Displays.
    pub displayed: u64,
    /// Clicks.
    pub interacted: u64,
}

/// What a page reports of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notification {
    /// It was displayed.
    Display,
    /// It was clicked.
    Interact,
}

/// Who logged in, as a signed token proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The datastream that was told.
    pub datastream: DatastreamName,
    /// The identities that the token named.
    pub identities: BTreeSet<Identity>,
    /// When.
    pub at: Timestamp,
}

/// What linking knows of a visitor; the edge reads it and never writes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VisitorLink {
    /// Goes up by one with every write; a write is made on condition of the version that was read.
    #[serde(default)]
    pub version: u64,
    /// The profile that holds what the visitor left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileId>,
    /// Profiles that may hold copies besides it: noted before the first copy is written there, and empty once none is
    /// left. Whoever links next takes the visitor off them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub touched: BTreeSet<ProfileId>,
    /// The version of the edge's part that was linked.
    #[serde(default)]
    pub seen: u64,
    /// The withdrawal of consent that was obeyed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Timestamp>,
    /// The keys of the login that it was linked for, none where the login has no place: of another one's audiences
    /// nothing may be shown.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub login: BTreeSet<IdentityKey>,
    /// The audiences that the profile was in when it was linked, besides the edge's own, each as a definition decided
    /// it: what offers and edge audiences may refer to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub audiences: BTreeMap<AudienceName, DefinitionHash>,
    /// What of the notifications is counted already.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counted: BTreeMap<OfferName, Notified>,
}

/// Everything that is stored of a visitor. The default is a visitor of whom nothing is stored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredVisitor {
    /// The version of the edge's part: it goes up by one with every write. 0 where nothing is stored.
    pub version: u64,
    /// The edge's part.
    pub visitor: Visitor,
    /// The part of linking.
    pub link: VisitorLink,
}

impl VisitorLink {
    /// Every profile that may hold copies of the visitor: never one less than do.
    pub fn holders(&self) -> impl Iterator<Item = &ProfileId> {
        self.profile.iter().chain(&self.touched)
    }
}

impl StoredVisitor {
    /// Whether the visitor is linked as it is, with nothing left anywhere else.
    pub fn is_linked(&self) -> bool {
        self.link.seen == self.version && self.link.touched.is_empty()
    }

    /// Whether the visitor is in an audience as a definition decided it: of the edge, or of the profile that the visitor
    /// is linked to. While somebody else's login is not linked yet, nothing of the former person's profile counts.
    pub fn is_in(&self, audience: &AudienceName, definition: &DefinitionHash) -> bool {
        self.visitor.memberships.is_realized_by(audience, definition) == Some(true)
            || self.is_in_by_profile(audience, definition)
    }

    /// What pages have reported and nobody has counted, of at most so many offers. A visitor who withdrew consent, and
    /// gave it again, begins anew.
    pub fn unreported(&self, most: usize) -> BTreeMap<OfferName, Notified> {
        let since = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        let new = self.visitor.notified.iter().map(|(offer, now)| {
            let before = self.link.counted.get(offer).copied().unwrap_or_default();
            let difference = Notified {
                displayed: since(now.displayed, before.displayed),
                interacted: since(now.interacted, before.interacted),
            };
            (offer.clone(), difference)
        });
        new.filter(|(_, difference)| *difference != Notified::default()).take(most).collect()
    }

    /// What is counted once some offers' reports are: of the others, what was counted before.
    pub fn counted_with(&self, reported: &BTreeMap<OfferName, Notified>) -> BTreeMap<OfferName, Notified> {
        let known = self.visitor.notified.iter().filter_map(|(offer, now)| {
            let counted = if reported.contains_key(offer) { Some(now) } else { self.link.counted.get(offer) };
            Some((offer.clone(), *counted?))
        });
        known.collect()
    }

    /// Whether the profile that the visitor is linked to is in an audience as a definition decided it.
    pub fn is_in_by_profile(&self, audience: &AudienceName, definition: &DefinitionHash) -> bool {
        self.link.login == self.visitor.login_keys() && self.link.audiences.get(audience) == Some(definition)
    }
}

impl Visitor {
    /// Whether nothing is remembered that would need an item of its own.
    pub fn is_blank(&self) -> bool {
        self.memberships.audiences.is_empty()
            && self.signals.is_empty()
            && self.events.is_empty()
            && self.notified.is_empty()
            && self.consent.is_none()
            && self.login.is_none()
            && self.suppressed.is_none()
    }

    /// The visitor without what somebody left who turned out to have been deleted: the word on consent of whoever uses
    /// the browser alone.
    pub fn without_person(&self) -> Visitor {
        Visitor { ecid: self.ecid.clone(), consent: self.consent.clone(), ..Visitor::default() }
    }

    /// Whether the visitor allows anything to be kept. What is stored was allowed when it came: only a refusal matters.
    pub fn allows(&self) -> bool {
        self.consent.as_ref().is_none_or(|consent| consent.collect)
    }

    /// The memberships that the visitor's profile holds a copy of; none where there are none, or the visitor does not
    /// allow it.
    pub fn copied_memberships(&self) -> Option<&Memberships> {
        (!self.memberships.audiences.is_empty() && self.allows()).then_some(&self.memberships)
    }

    /// How long this is remembered after the last change.
    pub fn kept(&self) -> SignedDuration {
        if self.consent.is_some() { CONSENT_KEPT } else { VISITOR_KEPT }
    }

    /// The keys of the identities of whoever logged in last.
    pub fn login_keys(&self) -> BTreeSet<IdentityKey> {
        let login = self.login.iter();
        login.flat_map(|login| &login.identities).map(|identity| identity.key.clone()).collect()
    }

    /// Hears of a login. An older one than is known says nothing.
    pub fn log_in(&mut self, datastream: &DatastreamName, identities: &BTreeSet<Identity>, at: Timestamp) {
        let is_new =
            self.login.as_ref().is_none_or(|known| known.identities != *identities && known.at <= at);
        if is_new && !identities.is_empty() {
            let (datastream, identities) = (datastream.clone(), identities.clone());
            self.login = Some(Login { datastream, identities, at });
        }
    }

    /// Whether a request came before.
    pub fn knows_request(&self, request: &str) -> bool {
        self.requests.iter().any(|known| known == request)
    }

    /// Notes a request, so that its repetition is noticed.
    pub fn note_request(&mut self, request: &str) {
        self.requests.push(request.to_owned());
        keep_newest(&mut self.requests, MOST_REQUESTS);
    }

    /// Remembers an event in its place, and forgets those that are too old, or too many or too large with it.
    pub fn remember(&mut self, event: RecentEvent, now: Timestamp) {
        let place = self.events.partition_point(|known| known.at <= event.at);
        self.events.insert(place, event);
        self.forget_old_events(now);
        let mut bytes = 0;
        let newest = self.events.iter().rev().take(MOST_EVENTS).take_while(|event| {
            bytes += value::stored_bytes(&event.fields);
            bytes <= LARGEST_EVENTS
        });
        let kept = newest.count();
        keep_newest(&mut self.events, kept);
    }

    /// Forgets events that no audience looks back at any more.
    pub fn forget_old_events(&mut self, now: Timestamp) {
        self.events.retain(|event| now.duration_since(event.at) <= EVENTS_KEPT);
    }

    /// Hears what a partner's script says: what is said anew stands, and what is not said stays. What is only said again
    /// is confirmed once a day, so that it costs no write.
    pub fn hear(&mut self, dataset: &DatasetName, attributes: Object, at: Timestamp) {
        let Some(known) = self.signals.get_mut(dataset) else {
            self.signals.insert(dataset.clone(), Signal::new(attributes, at));
            return;
        };
        let next = known.after(&attributes, at);
        let is_late = at < known.at && next != *known;
        if is_late || next.attributes != known.attributes || at.duration_since(known.at) >= CONFIRMED_AFTER {
            *known = next;
        }
    }

    /// Counts what a page reports of an offer.
    pub fn notify(&mut self, offer: &OfferName, notification: Notification, now: Timestamp) {
        let notified = self.notified.entry(offer.clone()).or_default();
        match notification {
            Notification::Display => {
                notified.displayed = notified.displayed.saturating_add(1);
                let shown = self.shown.entry(offer.clone()).or_default();
                shown.push(now);
                keep_newest(shown, MOST_DISPLAYS);
            }
            Notification::Interact => notified.interacted = notified.interacted.saturating_add(1),
        }
    }

    /// The visitor who refused collection: nothing but that word is kept, and the link, which withdraws the rest.
    pub fn without_consent(&self, consent: Consent) -> Visitor {
        let withdrawn = Some(consent.at);
        Visitor { ecid: self.ecid.clone(), consent: Some(consent), withdrawn, ..Visitor::default() }
    }

    /// The attributes that partners' scripts supplied, as a merge policy has them, of those signals that may be used.
    pub fn merged(
        &self,
        merge: &AttributeMerge,
        may_be_used: impl Fn(&DatasetName, &Signal) -> bool,
    ) -> Object {
        let signals = self.signals.iter().filter(|(dataset, signal)| may_be_used(dataset, signal));
        let supplied = signals.flat_map(|(dataset, signal)| {
            let leaves = value::leaves(&signal.attributes).into_iter();
            leaves.map(move |(field, value)| Supplied {
                dataset,
                field,
                value,
                order: (signal.at, Reverse(dataset)),
            })
        });
        merge.merge(supplied).attributes
    }
}

/// Keeps the last items of a list.
fn keep_newest<T>(items: &mut Vec<T>, most: usize) {
    items.drain(..items.len().saturating_sub(most));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    #[test]
    fn events_stand_in_their_order_and_old_ones_are_forgotten() {
        let mut visitor = Visitor::default();
        for hours in [5, 1, 26, 3] {
            visitor.remember(RecentEvent { at: at(hours), fields: Object::new() }, at(26));
        }
        assert_eq!(visitor.events.iter().map(|event| event.at).collect::<Vec<_>>(), [at(3), at(5), at(26)]);
        for _ in 0..MOST_EVENTS {
            visitor.remember(RecentEvent { at: at(27), fields: Object::new() }, at(27));
        }
        assert_eq!(visitor.events.len(), MOST_EVENTS);
        assert_eq!(visitor.events[0].at, at(27));
    }

    #[test]
    fn remembered_events_have_so_much_room_and_the_oldest_give_way() {
        let fields = |bytes| Object::from([("a".to_owned(), Value::String("x".repeat(bytes)))]);
        for (bytes, expected) in
            [(1, MOST_EVENTS), (LARGEST_EVENTS / 10 - 5, 10), (LARGEST_EVENTS / 2, 1), (LARGEST_EVENTS, 0)]
        {
            let mut visitor = Visitor::default();
            for minute in 0..60 {
                let at = at(0).saturating_add(SignedDuration::from_mins(minute)).unwrap();
                visitor.remember(RecentEvent { at, fields: fields(bytes) }, at);
            }
            assert_eq!(visitor.events.len(), expected, "{bytes}");
            let newest = at(1).saturating_sub(SignedDuration::from_mins(1)).unwrap();
            assert!(visitor.events.last().is_none_or(|event| event.at == newest), "{bytes}");
        }
    }

    #[test]
    fn displays_and_clicks_are_counted_apart_and_displays_feed_the_caps() {
        let mut visitor = Visitor::default();
        assert!(visitor.is_blank());
        let offer: OfferName = "coupon".parse().unwrap();
        visitor.notify(&offer, Notification::Display, at(0));
        visitor.notify(&offer, Notification::Display, at(1));
        visitor.notify(&offer, Notification::Interact, at(2));
        assert_eq!(visitor.notified[&offer], Notified { displayed: 2, interacted: 1 });
        assert_eq!(visitor.shown[&offer], [at(0), at(1)]);
        assert!(!visitor.is_blank());
    }

    #[test]
    fn reports_of_many_offers_are_counted_in_parts_and_each_once() {
        let mut stored = StoredVisitor::default();
        let offer = |number: u32| format!("offer-{number:03}").parse::<OfferName>().unwrap();
        for number in 0..250 {
            stored.visitor.notify(&offer(number), Notification::Display, at(0));
        }
        let mut sum: BTreeMap<OfferName, u64> = BTreeMap::new();
        for expected in [90, 90, 70, 0] {
            let reported = stored.unreported(90);
            assert_eq!(reported.len(), expected);
            for (offer, notified) in &reported {
                *sum.entry(offer.clone()).or_default() += notified.displayed;
            }
            stored.link.counted = stored.counted_with(&reported);
        }
        assert_eq!((sum.len(), sum.values().max()), (250, Some(&1)));
        // Who withdrew and agreed again begins anew.
        stored.visitor.notified = BTreeMap::from([(offer(0), Notified { displayed: 0, interacted: 1 })]);
        assert_eq!(stored.unreported(90), stored.visitor.notified);
        stored.link.counted = stored.counted_with(&stored.unreported(90));
        assert_eq!(stored.link.counted, stored.visitor.notified);
    }

    #[test]
    fn a_word_on_consent_outlives_the_events_that_it_is_about() {
        let events = SignedDuration::from_hours(365 * 24);
        for collect in [true, false] {
            let consent = Consent { collect, personalize: collect, at: at(0) };
            assert!(Visitor { consent: Some(consent), ..Visitor::default() }.kept() > events);
        }
        assert!(Visitor::default().kept() < events);
    }

    #[test]
    fn what_an_event_says_that_is_heard_late_is_remembered() {
        let mut visitor = Visitor::default();
        let dataset: DatasetName = "signals".parse().unwrap();
        let say = |json: &str| serde_json::from_str::<Object>(json).unwrap();
        visitor.hear(&dataset, say(r#"{"mover": true}"#), at(5));
        visitor.hear(&dataset, say(r#"{"mover": false, "budget": "high"}"#), at(1));
        let signal = &visitor.signals[&dataset];
        assert_eq!((&signal.attributes, signal.at), (&say(r#"{"mover": true, "budget": "high"}"#), at(5)));
    }

    #[test]
    fn only_the_last_requests_are_known() {
        let mut visitor = Visitor::default();
        for number in 0..=MOST_REQUESTS {
            visitor.note_request(&number.to_string());
        }
        assert!(!visitor.knows_request("0") && visitor.knows_request("1"));
    }

    #[test]
    fn a_refusal_leaves_nothing_but_itself() {
        let mut visitor = Visitor { ecid: "1".to_owned(), ..Visitor::default() };
        visitor.note_request("a");
        visitor.remember(RecentEvent { at: at(0), fields: Object::new() }, at(0));
        let consent = Consent { collect: false, personalize: false, at: at(1) };
        let left = visitor.without_consent(consent.clone());
        let expected = Visitor {
            ecid: "1".to_owned(),
            consent: Some(consent),
            withdrawn: Some(at(1)),
            ..Visitor::default()
        };
        assert_eq!(left, expected);
    }
}
