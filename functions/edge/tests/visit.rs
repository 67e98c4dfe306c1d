//! What a request changes of its visitor and shows, decided on the shop of the example.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

use std::path::Path;
use std::sync::Arc;

use aws::InForce;
use domain::edge::visitor::{Notified, StoredVisitor};
use domain::name::OfferName;
use edge::ecid::Ecid;
use edge::request::{Body, Event, Stated};
use edge::route::{Action, Caller};
use edge::site::Sites;
use edge::target::Decided;
use edge::visit::{Arrival, Happening, Visit};
use jiff::{SignedDuration, Timestamp};
use project::{Fault, Plugins, Project};
use serde_json::{Value, json};

const BEGIN: &str = "2026-11-22T12:00:00Z";

struct AnyPlugin;

impl Plugins for AnyPlugin {
    fn names(&self) -> Vec<&str> {
        vec!["s3-file"]
    }

    fn faults(&self, _: &str, _: &Value, _: &[&str]) -> Vec<Fault> {
        Vec::new()
    }
}

/// The shop, and a visitor of it.
struct Shop {
    sites: Sites,
    stored: StoredVisitor,
    now: Timestamp,
    requests: usize,
}

/// What a request says beside its events.
#[derive(Default)]
struct Saying {
    caller: Option<Caller>,
    consent: Option<Stated>,
    cookie: Option<bool>,
    request_id: Option<&'static str>,
}

impl Shop {
    fn open() -> Shop {
        Shop::with("", "")
    }

    /// The shop, with something else in its datastream.
    fn with(from: &str, to: &str) -> Shop {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/home-improvement");
        let project = Project::load(&folder, &AnyPlugin).unwrap();
        let now: Timestamp = BEGIN.parse().unwrap();
        let today = domain::profile::day(now);
        let compiled = project.compile(None, today).unwrap();
        let text = String::from_utf8(compiled.bytes).unwrap();
        assert!(text.contains(from));
        let catalogue = Arc::new(serde_json::from_str(&text.replace(from, to)).unwrap());
        let in_force = InForce { sequence: 1, hash: compiled.hash, catalogue };
        let sites = Sites::prepare(in_force, today).unwrap();
        Shop { sites, stored: StoredVisitor::default(), now, requests: 0 }
    }

    /// A request a minute after the last; what is to be written is written. Answers with it and its answer.
    fn visit(&mut self, events: Value, saying: Saying) -> (Visit, Value) {
        self.now = self.now.checked_add(SignedDuration::from_mins(1)).unwrap();
        self.requests += 1;
        let site = self.sites.get("shop_web").unwrap();
        let body = json!({"events": events}).to_string();
        let action =
            if events.as_array().unwrap().is_empty() { Action::AcquireIdentity } else { Action::Interact };
        let body = Body::parse(body.as_bytes(), action, &site.datastream.limits).unwrap();
        let happening = |event: Event| Happening {
            fields: domain::value::object_from_json(&event.xdm),
            event,
            at: self.now,
            login: std::collections::BTreeSet::new(),
        };
        let events: Vec<Happening> = body.events.into_iter().map(happening).collect();
        let ecid: Ecid = "24942604298416173926982547278274642631".parse().unwrap();
        let numbered = self.requests.to_string();
        let arrival = Arrival {
            site,
            catalogue: &self.sites.in_force.catalogue,
            sequence: 1,
            caller: saying.caller.unwrap_or(Caller::Browser),
            request_id: saying.request_id.unwrap_or(&numbered),
            ecid: &ecid,
            session: "1",
            events: &events,
            consent: saying.consent.as_ref(),
            cookie_consent: saying.cookie,
            now: self.now,
        };
        let visit = Visit::of(&arrival, &self.stored);
        let answer = serde_json::to_value(visit.handles(&arrival, &Decided::new())).unwrap();
        if visit.is_written {
            let version = self.stored.version + 1;
            self.stored = StoredVisitor { version, ..visit.after.clone() };
        }
        (visit, answer)
    }

    fn say(&mut self, saying: Saying) -> Visit {
        self.visit(json!([]), saying).0
    }

    /// The offers that a page view is shown.
    fn view(&mut self, partner: &Value) -> Vec<String> {
        let (_, answer) = self.visit(page_view(partner), Saying::default());
        offers(&answer)
    }
}

fn page_view(partner: &Value) -> Value {
    json!([{
        "xdm": {"eventType": "web.webpagedetails.pageViews", "_northlight": partner},
        "query": {"personalization": {"decisionScopes": ["__view__", "home-promo"]}},
    }])
}

fn mover() -> Value {
    json!({"partner_id": "NL-1", "likely_recent_mover": 0.8, "match_confidence": 0.9, "renovation_budget": "high"})
}

fn report(kind: &str, offer: &str) -> Value {
    json!([{"xdm": {"eventType": "decisioning", "_experience": {"decisioning": {
        "propositions": [{"id": "1", "scope": "__view__", "scopeDetails": {"activity": {"id": offer}}}],
        "propositionEventType": {kind: 1},
    }}}}])
}

fn offers(answer: &Value) -> Vec<String> {
    let handles = answer.as_array().unwrap().iter();
    let decisions = handles.filter(|handle| handle["type"] == "personalization:decisions");
    let propositions = decisions.flat_map(|handle| handle["payload"].as_array().unwrap());
    propositions.map(|each| each["id"].as_str().unwrap().to_owned()).collect()
}

fn says(collect: bool, personalize: Option<bool>) -> Saying {
    let consent = Some(Stated { collect: Some(collect), personalize, time: None });
    Saying { consent, ..Saying::default() }
}

#[test]
fn the_first_page_view_of_a_recognised_mover_is_personal_and_the_refused_offer_gives_way() {
    let mut shop = Shop::open();
    assert_eq!(shop.view(&mover()), ["diy_coupon", "delivery"]);
    assert_eq!(shop.stored.version, 1);
    // The audience stands, though nobody says anything of the visitor now.
    assert_eq!(shop.view(&json!(null)), ["diy_coupon", "delivery"]);
}

#[test]
fn of_a_stranger_nothing_is_stored() {
    let mut shop = Shop::open();
    for partner in [json!(null), json!({}), json!({"likely_recent_mover": "surely"}), json!([1])] {
        assert_eq!(shop.view(&partner), ["welcome", "delivery"]);
        assert_eq!(shop.stored, StoredVisitor::default());
    }
}

#[test]
fn what_a_partner_says_again_writes_nothing_until_a_day_has_passed() {
    let mut shop = Shop::open();
    shop.view(&mover());
    let writes = |shop: &mut Shop| shop.visit(page_view(&mover()), Saying::default()).0.is_written;
    assert!(!writes(&mut shop));
    shop.now = shop.now.checked_add(SignedDuration::from_hours(24)).unwrap();
    assert!(writes(&mut shop));
}

#[test]
fn a_field_that_does_not_fit_is_named_and_the_others_are_used() {
    let mut shop = Shop::open();
    let partner = json!({"likely_recent_mover": 0.8, "match_confidence": 7});
    let (visit, answer) = shop.visit(page_view(&partner), Saying::default());
    let unusable: Vec<&str> = visit.unusable.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(unusable, ["_northlight.match_confidence"]);
    assert_eq!(offers(&answer), ["welcome", "delivery"]);
}

#[test]
fn events_without_a_question_are_answered_with_nothing() {
    let mut shop = Shop::open();
    for events in [json!([{"xdm": {}}]), report("display", "welcome")] {
        assert_eq!(shop.visit(events, Saying::default()).1, json!([]));
    }
}

#[test]
fn reports_are_counted_per_offer_once_a_request_and_only_of_the_sites_own_offers() {
    let mut shop = Shop::open();
    let coupon: OfferName = "diy_coupon".parse().unwrap();
    for _ in 0..2 {
        let again = Saying { request_id: Some("the same"), ..Saying::default() };
        shop.visit(report("display", "diy_coupon"), again);
    }
    shop.visit(report("interact", "diy_coupon"), Saying::default());
    shop.visit(report("display", "elsewhere"), Saying::default());
    let notified = shop.stored.visitor.notified.clone();
    assert_eq!(
        notified.into_iter().collect::<Vec<_>>(),
        [(coupon, Notified { displayed: 1, interacted: 1 })]
    );
}

#[test]
fn a_display_is_counted_once_a_request_and_only_of_what_may_be_shown() {
    let mut shop = Shop::open();
    let [coupon, refused] = ["diy_coupon", "kitchen_planner"].map(|name| report("display", name)[0].clone());
    shop.visit(json!([coupon, coupon, refused]), Saying::default());
    let notified = shop.stored.visitor.notified.iter();
    let displayed: Vec<_> = notified.map(|(offer, each)| (offer.to_string(), each.displayed)).collect();
    assert_eq!(displayed, [("diy_coupon".to_owned(), 1)]);
}

#[test]
fn whoever_refuses_collection_leaves_nothing_but_that_word_and_is_shown_nothing() {
    let mut shop = Shop::open();
    shop.view(&mover());
    assert!(!shop.say(says(false, None)).may_collect);
    let visitor = shop.stored.visitor.clone();
    assert!(visitor.signals.is_empty() && visitor.memberships.audiences.is_empty());
    assert!(visitor.consent.as_ref().is_some_and(|consent| !consent.collect && !consent.personalize));
    assert!(shop.view(&mover()).is_empty());
    assert_eq!(shop.stored.visitor, visitor, "nothing is stored");
    shop.say(says(true, None));
    assert_eq!(shop.view(&mover()), ["diy_coupon", "delivery"]);
}

#[test]
fn whoever_refuses_personalisation_alone_is_shown_what_everybody_may_see() {
    let mut shop = Shop::open();
    shop.say(says(true, Some(false)));
    assert_eq!(shop.view(&mover()), ["welcome", "delivery"]);
    // To allow collection again does not undo the other refusal.
    shop.say(says(true, None));
    assert_eq!(shop.view(&mover()), ["welcome", "delivery"]);
    shop.say(says(true, Some(true)));
    assert_eq!(shop.view(&mover()), ["diy_coupon", "delivery"]);
}

#[test]
fn consent_in_an_event_counts_for_that_event_already() {
    let mut shop = Shop::open();
    let mut events = page_view(&mover());
    events[0]["xdm"]["consents"] =
        json!({"collect": {"val": "n"}, "metadata": {"time": "2026-11-22T12:00:30Z"}});
    let (visit, answer) = shop.visit(events.clone(), Saying::default());
    assert!(!visit.may_collect && answer == json!([]));
    assert!(shop.stored.visitor.signals.is_empty());
    // An older word changes nothing.
    shop.say(says(true, None));
    assert!(shop.visit(events, Saying::default()).0.may_collect);
}

#[test]
fn where_nothing_is_allowed_by_default_a_cookie_that_says_more_is_believed_and_noted() {
    let mut shop = Shop::with(r#""consent":"in""#, r#""consent":"out""#);
    assert!(shop.view(&mover()).is_empty());
    assert_eq!(shop.stored, StoredVisitor::default());
    let cookie = || Saying { cookie: Some(true), ..Saying::default() };
    assert_eq!(offers(&shop.visit(page_view(&mover()), cookie()).1), ["diy_coupon", "delivery"]);
    assert!(shop.stored.visitor.consent.as_ref().is_some_and(|consent| consent.collect));
}

#[test]
fn servers_are_told_audiences_and_attributes_and_browsers_are_not() {
    let mut shop = Shop::open();
    let told = |answer: &Value| {
        let mut handles = answer.as_array().unwrap().iter();
        handles.find(|handle| handle["type"] == "activation:pull").map(|handle| handle["payload"][0].clone())
    };
    let (_, answer) = shop.visit(page_view(&mover()), Saying::default());
    assert_eq!(told(&answer), None);
    let server = Saying { caller: Some(Caller::Server), ..Saying::default() };
    let (_, answer) = shop.visit(page_view(&mover()), server);
    let told = told(&answer).unwrap();
    // The budget serves segmentation only: not even the audience that reads it is told.
    assert_eq!(told["segments"], json!([{"id": "recent_movers"}]));
    assert_eq!(told["attributes"], json!({"northlight.likelyRecentMover": {"value": 0.8}}));
}

#[test]
fn a_partners_fields_are_told_only_as_far_as_its_contract_allows() {
    let mut shop = Shop::with(r#""Onsite Personalization"],"ends""#, r#""Analytics"],"ends""#);
    let server = Saying { caller: Some(Caller::Server), ..Saying::default() };
    let (_, answer) = shop.visit(page_view(&mover()), server);
    assert_eq!(offers(&answer), ["welcome", "delivery"]);
    let text = answer.to_string();
    assert!(!text.contains("likelyRecentMover") && !text.contains("recent_movers"), "{text}");
}

#[test]
fn an_instance_that_is_behind_does_not_overrule_a_newer_catalogue() {
    let mut shop = Shop::open();
    shop.stored.version = 1;
    shop.stored.visitor.memberships.sequence = 2;
    shop.view(&mover());
    assert!(shop.stored.visitor.memberships.audiences.is_empty());
}
