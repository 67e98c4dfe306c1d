//! Notifications: a page reports what it has shown, and what was clicked.

use std::collections::BTreeSet;

use domain::edge::visitor::Notification;
use domain::name::OfferName;
use serde_json::Value;

use crate::request::Event;

/// What an event reports of which offers, each once. What names no offer of a possible name was not decided here, and
/// is no business of ours.
pub fn notifications(event: &Event) -> Vec<(OfferName, Notification)> {
    let Some(decisioning) = event.xdm.get("_experience").and_then(|each| each.get("decisioning")) else {
        return Vec::new();
    };
    let happened = |kind: &str| {
        let count = decisioning.get("propositionEventType").and_then(|kinds| kinds.get(kind));
        count.and_then(Value::as_f64).is_some_and(|count| count > 0.0)
    };
    let propositions = decisioning.get("propositions").and_then(Value::as_array);
    let offers: BTreeSet<OfferName> = propositions.into_iter().flatten().filter_map(offer).collect();
    let kinds = [("display", Notification::Display), ("interact", Notification::Interact)];
    let kinds = kinds.into_iter().filter(|(kind, _)| happened(kind));
    kinds.flat_map(|(_, kind)| offers.iter().cloned().map(move |offer| (offer, kind))).collect()
}

/// The offer of a proposition that comes back: it is named in the details that the page echoes unchanged.
fn offer(proposition: &Value) -> Option<OfferName> {
    proposition.get("scopeDetails")?.get("activity")?.get("id")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(xdm: Value) -> Vec<(OfferName, Notification)> {
        let Value::Object(xdm) = xdm else { panic!() };
        let event = Event {
            text: String::new(),
            xdm,
            token: None,
            identities: Vec::new(),
            consent: None,
            personalization: None,
        };
        notifications(&event)
    }

    fn proposition(offer: &str) -> Value {
        json!({"id": "1", "scope": "__view__", "scopeDetails": {"activity": {"id": offer}}})
    }

    #[test]
    fn displays_and_clicks_are_told_per_offer_each_once() {
        let coupon: OfferName = "coupon".parse().unwrap();
        let xdm = |kinds| {
            json!({"_experience": {"decisioning": {
                "propositions": [proposition("coupon"), proposition("coupon")], "propositionEventType": kinds}}})
        };
        assert_eq!(found(xdm(json!({"display": 1}))), [(coupon.clone(), Notification::Display)]);
        assert_eq!(found(xdm(json!({"interact": 1}))), [(coupon, Notification::Interact)]);
        assert!(found(xdm(json!({"display": 0}))).is_empty());
        assert!(found(xdm(json!({"dismiss": 1}))).is_empty());
    }

    #[test]
    fn what_is_no_notification_is_none() {
        for decisioning in [
            json!(null),
            json!([]),
            json!({"propositionEventType": {"display": 1}}),
            json!({"propositionEventType": {"display": 1}, "propositions": [1, {}, {"scopeDetails": 2}]}),
            json!({"propositionEventType": {"display": 1}, "propositions": [proposition("no offer's name")]}),
        ] {
            assert!(found(json!({"_experience": {"decisioning": decisioning}})).is_empty());
        }
        assert!(found(json!({})).is_empty());
    }
}
