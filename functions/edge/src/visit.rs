//! Visits: what a request changes of what is remembered of its visitor, and what the page is shown.
//!
//! This is decided on what was read, without reading anything else, so that it can be decided anew where somebody else
//! has written meanwhile.

use std::collections::BTreeSet;

use domain::catalogue::Catalogue;
use domain::edge::consent::{Consent, DefaultConsent, may_collect, may_personalize};
use domain::edge::decide::{Situation, choose};
use domain::edge::offer::Offer;
use domain::edge::signal;
use domain::edge::visitor::{CONFIRMED_AFTER, Notification, RecentEvent, StoredVisitor, Visitor};
use domain::identity::Identity;
use domain::name::{AudienceName, OfferName};
use domain::value::{self, FieldPath, Object};
use jiff::Timestamp;

use crate::ecid::Ecid;
use crate::notification::notifications;
use crate::reply::{self, Handle};
use crate::request::{Event, Stated};
use crate::route::Caller;
use crate::site::Site;
use crate::target::{Decided, Question, Subject};

/// A request, as far as it matters for its visitor.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// The site that it came to.
    pub site: &'a Site,
    /// The catalogue in force.
    pub catalogue: &'a Catalogue,
    /// The sequence of its apply.
    pub sequence: u64,
    /// Who speaks.
    pub caller: Caller,
    /// The request's id.
    pub request_id: &'a str,
    /// The visitor.
    pub ecid: &'a Ecid,
    /// What names the visitor to others for the time of a session: it tells nobody anything.
    pub session: &'a str,
    /// What happened.
    pub events: &'a [Happening],
    /// What the visitor allows, if the request is about that.
    pub consent: Option<&'a Stated>,
    /// Whether the visitor allows collection, as far as a cookie says so.
    pub cookie_consent: Option<bool>,
    /// When it came.
    pub now: Timestamp,
}

/// An event, with what is told of it.
#[derive(Debug)]
pub struct Happening {
    /// The event.
    pub event: Event,
    /// Its fields, as audiences see them.
    pub fields: Object,
    /// When it happened.
    pub at: Timestamp,
    /// Who has proved to be logged in.
    pub login: BTreeSet<Identity>,
}

/// What follows from a request.
#[derive(Debug, Clone)]
pub struct Visit {
    /// What is remembered of the visitor afterwards.
    pub after: StoredVisitor,
    /// Whether that is to be written.
    pub is_written: bool,
    /// Whether others wrote the visitor at the same time, again and again, so that it was not.
    pub is_overtaken: bool,
    /// Whether the visitor allows the request's events to be kept.
    pub may_collect: bool,
    /// Whether what is shown may be chosen for the visitor.
    pub may_personalize: bool,
    /// What the visitor has said, if anything.
    pub consent: Option<Consent>,
    /// How many displays and clicks were counted.
    pub notified: usize,
    /// Fields of partners' scripts that were of no use, and why.
    pub unusable: Vec<(FieldPath, &'static str)>,
}

impl Visit {
    /// Decides what follows from a request for a visitor of whom something is stored.
    pub fn of(arrival: &Arrival<'_>, stored: &StoredVisitor) -> Visit {
        let default = arrival.site.datastream.consent;
        let consent = arrival.consent_after(&stored.visitor);
        // Of who was deleted nothing is kept, whatever they allow.
        let is_deleted = stored.visitor.suppressed.is_some();
        let mut visit = Visit {
            after: stored.clone(),
            is_written: false,
            is_overtaken: false,
            may_collect: !is_deleted && may_collect(consent.as_ref(), default),
            may_personalize: !is_deleted && may_personalize(consent.as_ref(), default),
            consent,
            notified: 0,
            unusable: Vec::new(),
        };
        if is_deleted {
            return visit;
        }
        if visit.may_collect {
            visit.collect(arrival, stored);
        } else if let Some(consent) = visit.consent.clone() {
            visit.after.visitor = stored.visitor.without_consent(consent);
            arrival.ecid.as_str().clone_into(&mut visit.after.visitor.ecid);
            visit.is_written = visit.after.visitor != stored.visitor;
        }
        visit
    }

    /// Remembers what is to be remembered of the request's events.
    fn collect(&mut self, arrival: &Arrival<'_>, stored: &StoredVisitor) {
        let now = arrival.now;
        self.after.visitor.consent = self.consent.clone();
        // What comes again was heard already.
        let is_known = stored.visitor.knows_request(arrival.request_id);
        let happenings = if is_known { &[][..] } else { arrival.events };
        let mut displayed = BTreeSet::new();
        for happening in happenings {
            self.count(&happening.event, arrival, &mut displayed);
            self.take(happening, arrival);
        }
        let view = arrival.site.audiences.view(&self.after.visitor, now);
        for Happening { fields, at, .. } in happenings {
            if let Some(fields) = view.worth_remembering(fields, *at) {
                self.after.visitor.remember(RecentEvent { at: *at, fields }, now);
            }
        }
        // A catalogue never goes back: what a newer one has decided stands until this instance has read it too.
        if stored.visitor.memberships.sequence <= arrival.sequence
            && let Some(memberships) = view.evaluate(&self.after)
        {
            self.after.visitor.memberships = memberships;
        }
        let visitor = &mut self.after.visitor;
        let is_old = |seen: Timestamp| now.duration_since(seen) >= CONFIRMED_AFTER;
        let is_changed = *visitor != stored.visitor || stored.visitor.seen.is_some_and(is_old);
        self.is_written = is_changed && (stored.version > 0 || !visitor.is_blank());
        if self.is_written {
            visitor.forget_old_events(now);
            visitor.note_request(arrival.request_id);
            visitor.seen = Some(now);
            visitor.datastream = Some(arrival.site.datastream.name.clone());
            visitor.datastreams.insert(arrival.site.datastream.name.clone());
            arrival.ecid.as_str().clone_into(&mut visitor.ecid);
        }
    }

    /// Counts what an event reports, a display once a request. Only what this site may show now is counted: a page may
    /// report whatever it likes.
    fn count(&mut self, event: &Event, arrival: &Arrival<'_>, displayed: &mut BTreeSet<OfferName>) {
        for (offer, notification) in notifications(event) {
            let is_shown = |each: &Offer| each.name == offer && each.runs_at(arrival.now);
            let is_again = notification == Notification::Display && !displayed.insert(offer.clone());
            if !is_again && arrival.site.offers.iter().any(is_shown) {
                self.after.visitor.notify(&offer, notification, arrival.now);
                self.notified += 1;
            }
        }
    }

    /// Takes what an event says of the visitor.
    fn take(&mut self, happening: &Happening, arrival: &Arrival<'_>) {
        let Happening { fields, at, login, .. } = happening;
        let visitor = &mut self.after.visitor;
        for (dataset, source) in arrival.catalogue.signals(&arrival.site.datastream.name) {
            let Some(schema) = arrival.catalogue.schemas.get(&dataset.schema) else { continue };
            let reading = signal::read(&arrival.catalogue.namespaces, source, schema, fields);
            self.unusable.extend(reading.unusable);
            if !reading.attributes.is_empty() {
                visitor.hear(&dataset.name, reading.attributes, *at);
            }
        }
        visitor.log_in(&arrival.site.datastream.name, login, *at);
    }

    /// What the page is shown and told for its events.
    ///
    /// Who refuses collection is shown and told nothing at all. Where Adobe Target has decided for a scope, that is shown
    /// instead of the project's own offer.
    pub fn handles(&self, arrival: &Arrival<'_>, decided: &Decided) -> Vec<Handle> {
        if !self.may_collect {
            return Vec::new();
        }
        let events = arrival.events.iter().enumerate();
        let mut handles: Vec<Handle> =
            events.filter_map(|(index, each)| self.decisions(index, &each.event, arrival, decided)).collect();
        handles.extend(self.audiences(arrival));
        handles
    }

    /// The offers for the scopes that an event asks for. Who refuses personalisation alone is shown what everybody may see.
    fn decisions(
        &self,
        index: usize,
        event: &Event,
        arrival: &Arrival<'_>,
        decided: &Decided,
    ) -> Option<Handle> {
        let asked = event.personalization.as_ref()?;
        let is_member = |audience: &AudienceName| arrival.is_in(&self.after, audience);
        let situation = Situation { visitor: &self.after.visitor, is_member: &is_member, now: arrival.now };
        let may_show = |offer: &&Offer| {
            let is_for_all = offer.audiences().next().is_none() && offer.cap.is_none();
            (self.may_personalize || is_for_all) && reply::is_renderable(offer, asked)
        };
        let offers: Vec<&Offer> = arrival.site.offers.iter().filter(may_show).collect();
        let decide = |scope: &String| {
            let own = || choose(offers.iter().copied(), scope, &situation);
            decided.get(scope).cloned().or_else(|| Some(reply::proposition(own()?, asked)))
        };
        let propositions: Vec<_> = asked.scopes.iter().filter_map(decide).collect();
        (!propositions.is_empty()).then(|| Handle::decisions(index, propositions))
    }

    /// What Adobe Target is to be asked for an event, if it decides any of the scopes and the visitor allows it.
    pub fn question(&self, event: &Event, arrival: &Arrival<'_>) -> Option<Question> {
        let asked = event.personalization.as_ref().filter(|_| self.may_personalize)?;
        let rule = arrival.site.datastream.target.as_ref()?;
        let page = |path: &str| event.xdm.get("web")?.pointer(path)?.as_str();
        let is_in = arrival.site.tellable_to_target.iter();
        let subject = Subject {
            ecid: arrival.ecid,
            session: arrival.session,
            page: page("/webPageDetails/URL").unwrap_or_default(),
            referrer: page("/webReferrer/URL").filter(|referrer| !referrer.is_empty()),
            memberships: is_in
                .map(|audience| (audience.as_str(), arrival.is_in(&self.after, audience)))
                .collect(),
        };
        Question::of(rule, asked, &subject)
    }

    /// The audiences that the visitor is in, for those who may know.
    fn audiences(&self, arrival: &Arrival<'_>) -> Option<Handle> {
        let Site { datastream, tellable, attributes: fields, audiences, .. } = arrival.site;
        let is_server = arrival.caller == Caller::Server;
        if !self.may_personalize || arrival.events.is_empty() || !(is_server || datastream.browser_audiences)
        {
            return None;
        }
        let is_in = tellable.iter().filter(|audience| arrival.is_in(&self.after, audience));
        let known = audiences.attributes(&self.after.visitor, arrival.now);
        let mut told = Object::new();
        for field in fields {
            if let Some(found) = value::at(&known, field) {
                value::insert(&mut told, field, found.clone());
            }
        }
        Some(Handle::audiences(0, &datastream.name, is_in, is_server.then_some(&told)))
    }
}

impl Arrival<'_> {
    /// Whether a visitor is in an audience, as it is defined now.
    fn is_in(&self, stored: &StoredVisitor, audience: &AudienceName) -> bool {
        let audience = self.catalogue.audiences.get(audience);
        audience.is_some_and(|audience| stored.is_in(&audience.name, &audience.definition))
    }

    /// What the visitor has said of consent, this request included.
    fn consent_after(&self, visitor: &Visitor) -> Option<Consent> {
        let mut said = visitor.consent.clone().or_else(|| self.consent_of_cookie());
        let of_events = self.events.iter().filter_map(|each| each.event.consent.as_ref());
        for stated in of_events {
            let at = stated.time.map_or(self.now, |time| time.min(self.now));
            said = self.resolve(said, stated, at);
        }
        // A request that is about nothing else is the visitor's word of now, whatever their clock says.
        match self.consent {
            Some(stated) => self.resolve(said, stated, self.now),
            None => said,
        }
    }

    /// A cookie is kept longer than a visitor is remembered here. It counts where it says something else than holds
    /// anyway.
    fn consent_of_cookie(&self) -> Option<Consent> {
        let by_default = self.site.datastream.consent == DefaultConsent::In;
        let collect = self.cookie_consent.filter(|collect| *collect != by_default)?;
        Some(Consent { collect, personalize: collect, at: self.now })
    }

    /// What holds after a statement. Who says nothing of personalisation leaves it as it is; with collection it begins
    /// and ends.
    fn resolve(&self, said: Option<Consent>, stated: &Stated, at: Timestamp) -> Option<Consent> {
        let by_default = self.site.datastream.consent == DefaultConsent::In;
        let (collected, personalized) =
            said.as_ref().map_or((by_default, by_default), |said| (said.collect, said.personalize));
        let collect = stated.collect.unwrap_or(collected);
        let personalize = stated.personalize.unwrap_or(collect && (personalized || !collected));
        let is_known =
            said.as_ref().is_some_and(|said| (said.collect, said.personalize) == (collect, personalize));
        if is_known || (stated.collect, stated.personalize) == (None, None) {
            // Said again, it holds as of the later time: what was said in between does not undo it.
            return said.map(|said| Consent {
                at: if stated.time.is_some() { said.at.max(at) } else { said.at },
                ..said
            });
        }
        let consent = Consent { collect, personalize, at };
        Some(match said {
            Some(said) => said.later(consent),
            None => consent,
        })
    }
}
