//! How long profiles are kept of whom only browsers and devices are known.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

use std::collections::BTreeMap;

use domain::catalogue::Catalogue;
use domain::delivery::{Wanted, wanted};
use domain::edge::visitor::Visitor;
use domain::fragment::{Fragment, FragmentKey, OrderToken};
use domain::graph::{Graph, Node};
use domain::identity::{Identity, IdentityKey, Keyring};
use domain::ingest::Intake;
use domain::membership::{Membership, MembershipStatus, Memberships};
use domain::namespace::Namespace;
use domain::profile::Profile;
use domain::profile::pseudonymous::without_visits;
use domain::removal::{Removal, next};
use domain::value::Object;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The day on which everything was last received, counted from 1970.
const LAST: i32 = 20_000;

fn key(name: &str) -> IdentityKey {
    format!("k1:{:0>32}", hex::encode(name)).parse().unwrap()
}

/// So many days after the last record, at noon.
fn after(days: i64) -> Timestamp {
    Timestamp::from_second(i64::from(LAST) * 86_400 + 43_200).unwrap() + SignedDuration::from_hours(24 * days)
}

/// A catalogue with a rule, an audience of everybody and a dataflow that sends its ECIDs.
fn catalogue(pseudonymous: &Value) -> Catalogue {
    let mut namespaces = Namespace::standard();
    let partners = Namespace { code: "PID".parse().unwrap(), ..namespaces.first().unwrap().clone() };
    namespaces.push(Namespace { kind: serde_json::from_value(json!("partner_id")).unwrap(), ..partners });
    let dataset = |name: &str, source: &Value| {
        json!({ "name": name, "title": "", "schema": name, "source": source, "write_mode": "replace",
            "on_unmatched": "create", "error_threshold": 0.0, "retention": { "days": 300 } })
    };
    let files = json!({ "prefix": "a", "format": "csv", "columns": {} });
    let schema = |code: &str| {
        let id = json!({ "type": "string", "identity": { "namespace": code, "primary": true } });
        json!({ "name": "s", "title": "", "class": "profile", "fields": { "id": id } })
    };
    let audience = json!({ "name": "all", "title": "", "description": "", "expression": "true",
        "merge_policy": "newest", "evaluation": "batch", "reads": [], "refers_to": [], "definition": "d" });
    let dataflow = json!({ "name": "flow", "audience": "all", "destination": "vendor",
        "mapping": [{ "target": "ecid", "source": { "identity": "ECID" } }], "state": "active" });
    serde_json::from_value(json!({ "format": 3, "title": "", "namespaces": namespaces, "partners": {},
        "schemas": { "browsers": schema("ECID"), "customers": schema("Email"), "visits": schema("ECID") },
        "datasets": { "browsers": dataset("browsers", &files), "customers": dataset("customers", &files),
            "visits": dataset("visits", &json!({ "datastream": "site" })) },
        "merge_policies": { "newest": { "name": "newest", "default": true, "attributes": "timestamp_ordered" } },
        "policies": {}, "audiences": { "all": audience }, "destinations": {}, "dataflows": { "flow": dataflow },
        "pseudonymous": pseudonymous }))
    .unwrap()
}

fn rule() -> Value {
    json!({ "days": 14, "namespaces": ["ECID", "AAID"] })
}

/// A profile of identities, each with a record that was received so many days before the last one, in the audience. What
/// has no namespace of its own is keyed by a partner's ID.
fn profile(identities: &[&str], records: &[(&str, i32)]) -> Profile {
    let node = |code: &&str| {
        let node = Node { namespace: code.parse().unwrap(), value: (*code).to_owned(), linked: 1 };
        (key(code), node)
    };
    let fragment = |(code, days): &(&str, i32)| {
        let is_keyed = *code == "PID";
        let id = Identity { key: key("PID"), namespace: "PID".parse().unwrap(), value: "P-1".to_owned() };
        let fragment = Fragment {
            version: 1,
            token: OrderToken { time: 1, batch: 1, row: 1 },
            hash: serde_json::from_str("\"h\"").unwrap(),
            identities: (!is_keyed).then(|| key(code)).into_iter().collect(),
            partner_ids: (!is_keyed).then_some(id).into_iter().collect(),
            attributes: Object::new(),
            older: BTreeMap::new(),
            confirmed: LAST - days,
            created_profile: false,
        };
        (FragmentKey { dataset: "browsers".parse().unwrap(), primary: key(code) }, fragment)
    };
    let realized = Membership {
        status: MembershipStatus::Realized,
        since: after(0),
        definition: serde_json::from_str("\"d\"").unwrap(),
    };
    let audiences = BTreeMap::from([("all".parse().unwrap(), realized)]);
    Profile {
        id: "0".repeat(32).parse().unwrap(),
        graph: Graph {
            identities: identities.iter().map(node).collect(),
            ..Graph::empty(OrderToken { time: 1, batch: 1, row: 1 })
        },
        fragments: records.iter().map(fragment).collect(),
        memberships: Memberships { version: 1, sequence: 1, audiences },
        edge_memberships: BTreeMap::new(),
        deliveries: BTreeMap::new(),
    }
}

#[test]
fn a_profile_expires_that_is_known_by_named_namespaces_alone_and_was_not_heard_of_for_so_many_days() {
    let wide = json!({ "days": 14, "namespaces": ["ECID", "AAID", "IDFA"] });
    for (case, rule, identities, records, last_day) in [
        ("a browser", rule(), &["ECID"][..], &[("ECID", 0)][..], Some(14)),
        (
            "the newest record of several tells",
            rule(),
            &["ECID", "AAID"],
            &[("ECID", 9), ("AAID", 2)],
            Some(12),
        ),
        ("a file of a partner tells nothing", rule(), &["ECID"], &[("ECID", 5), ("PID", 0)], Some(9)),
        ("a customer", rule(), &["ECID", "Email"], &[("ECID", 0)], None),
        ("a device that is not named", rule(), &["ECID", "IDFA"], &[("ECID", 0)], None),
        ("the same, named", wide, &["ECID", "IDFA"], &[("ECID", 0)], Some(14)),
        ("a prospect", rule(), &[], &[("PID", 0)], None),
        ("one of whom nothing is said, which ends anyway", rule(), &["ECID"], &[], None),
        ("no rule", Value::Null, &["ECID"], &[("ECID", 0)], None),
    ] {
        let (catalogue, profile) = (catalogue(&rule), profile(identities, records));
        let expires = (0..400).find(|days| profile.has_expired(&catalogue, after(*days)));
        assert_eq!(expires, last_day.map(|day| day + 1), "{case}");
    }
}

#[test]
fn while_something_is_on_its_way_from_another_profile_nobody_knows() {
    let (catalogue, settled) = (catalogue(&rule()), profile(&["ECID"], &[("ECID", 0)]));
    let other = "1".repeat(32).parse().unwrap();
    let mut arriving = settled.clone();
    arriving.graph.arriving.insert(other);
    let mut merged = settled.clone();
    merged.graph.merged_into = Some(arriving.id.clone());
    let has_expired = |profile: &Profile| profile.has_expired(&catalogue, after(15));
    assert_eq!([&settled, &arriving, &merged].map(has_expired), [true, false, false]);
}

#[test]
fn an_expired_profile_is_as_if_it_were_not_there() {
    let catalogue = catalogue(&rule());
    let (dataflow, policy) =
        (catalogue.dataflows.values().next().unwrap(), catalogue.default_merge_policy().unwrap());
    let profile = profile(&["ECID"], &[("ECID", 0), ("PID", 0)]);
    for (day, is_there) in [(14, true), (15, false)] {
        let now = after(day);
        assert_eq!(profile.usable(&catalogue, now).count(), if is_there { 2 } else { 0 }, "on day {day}");
        assert_eq!(
            profile.identities_seen(&catalogue, policy, now).len(),
            usize::from(is_there),
            "on day {day}"
        );
        assert_eq!(profile.partner_ids(&catalogue, now).len(), usize::from(is_there), "on day {day}");
        let sent = BTreeMap::from([("ecid".to_owned(), "ECID".to_owned())]);
        let expected = if is_there { Wanted::Present(sent) } else { Wanted::Absent };
        assert_eq!(wanted(&catalogue, dataflow, &profile, now), expected, "on day {day}");
    }
}

#[test]
fn what_tells_that_a_profile_has_expired_is_deleted_last() {
    let catalogue = catalogue(&rule());
    let of = |name: &str| FragmentKey { dataset: "browsers".parse().unwrap(), primary: key(name) };
    let delete = |name: &str| Removal::Delete([of(name)].into());
    let mut profile = profile(&["ECID"], &[("ECID", 0), ("PID", 0)]);
    profile.edge_memberships.insert(key("ECID"), Memberships::default());
    let step = |profile: &Profile| next(&catalogue, profile, after(15));
    assert_eq!(next(&catalogue, &profile, after(14)), Removal::Nothing);
    assert_eq!(step(&profile), delete("PID"));
    profile.fragments.remove(&of("PID"));
    assert_eq!(step(&profile), Removal::Nothing, "its visitor is in audiences yet");
    profile.edge_memberships.clear();
    assert_eq!(step(&profile), delete("ECID"));
    profile.fragments.clear();
    assert_eq!(step(&profile), Removal::End);
}

#[test]
fn of_a_visitor_of_an_expired_profile_the_word_on_consent_is_left() {
    let consent = json!({ "collect": true, "personalize": true, "at": after(0) });
    let visitor: Visitor =
        serde_json::from_value(json!({ "ecid": "1", "seen": after(0), "datastream": "site",
        "withdrawn": after(-9), "consent": consent, "requests": ["r"] }))
        .unwrap();
    let catalogue = catalogue(&rule());
    assert_eq!(without_visits(&catalogue, &visitor, after(14)), None, "they came by since");
    let rest = without_visits(&catalogue, &visitor, after(15)).unwrap();
    let left =
        json!({ "ecid": "1", "withdrawn": after(-9), "consent": consent, "memberships": rest.memberships });
    assert_eq!(serde_json::to_value(&rest).unwrap(), left);
    assert_eq!(without_visits(&catalogue, &rest, after(400)), None, "nothing else is left to go");
    let deleted = Visitor { suppressed: Some(after(0)), ..visitor };
    assert_eq!(without_visits(&catalogue, &deleted, after(15)), None, "that somebody was deleted stays");
}

#[test]
fn unchanged_records_are_confirmed_before_they_would_let_a_profile_expire() {
    let keyring = Keyring::new(1, &[7; 32]).unwrap();
    for (rule, dataset, expected) in [
        (rule(), "visits", 0),
        (rule(), "browsers", 7),
        (rule(), "customers", 150),
        (Value::Null, "visits", 150),
        (Value::Null, "browsers", 150),
        (json!({ "days": 14, "namespaces": ["AAID"] }), "visits", 150),
    ] {
        let catalogue = catalogue(&rule);
        let dataset = &catalogue.datasets[&dataset.parse().unwrap()];
        let intake = Intake::new(&catalogue, dataset, &catalogue.schemas[&dataset.schema], &keyring);
        assert_eq!(intake.rules(after(0)).confirm_after, Some(expected), "{rule} {}", dataset.name);
    }
}
