//! What labels, policies and contracts come to: a table of cases, and that every cure that is proposed cures.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

use std::collections::{BTreeMap, BTreeSet};

use domain::catalogue::Catalogue;
use domain::delivery::{Wanted, wanted};
use domain::fragment::{Fragment, FragmentKey, OrderToken};
use domain::governance::consent::withholds;
use domain::governance::cure::{Cure, applied, cures};
use domain::governance::{check_activation, lineage, required_consents};
use domain::graph::{Graph, Node};
use domain::identity::IdentityKey;
use domain::namespace::Namespace;
use domain::profile::Profile;
use domain::refusal::Activation;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use serde_json::{Value, json};

const TODAY: Date = date(2026, 11, 22);

/// A bank: what it knows itself (`crm`), what a partner says (`answers`), and what visitors did (`visits`).
fn bank() -> Value {
    let mut namespaces = Namespace::standard();
    let email = namespaces.iter().find(|namespace| namespace.code.as_str() == "Email").unwrap();
    namespaces.push(Namespace { code: "CRMID".parse().unwrap(), ..email.clone() });
    let field = |kind: &str, labels: &[&str]| json!({ "type": kind, "labels": labels });
    let identity = |namespace: &str, primary: bool, labels: &[&str]| json!({ "type": "string", "labels": labels, "identity": { "namespace": namespace, "primary": primary } });
    let schema = |name: &str, class: &str, fields: Value| json!({ "name": name, "title": name, "class": class, "fields": fields });
    let dataset = |name: &str, partner: Option<&str>, unmatched: &str| {
        json!({ "name": name, "title": name, "schema": name, "partner": partner,
            "source": { "prefix": name, "format": "csv", "columns": {} },
            "write_mode": "replace", "on_unmatched": unmatched, "error_threshold": 5.0 })
    };
    let audience = |name: &str, reads: &[&str], refers_to: &[&str]| {
        json!({ "name": name, "title": name, "description": "", "expression": "true", "merge_policy": "newest",
            "evaluation": "batch", "reads": reads, "refers_to": refers_to, "definition": "d" })
    };
    json!({
        "format": 1, "title": "A bank", "namespaces": namespaces,
        "partners": { "northlight": { "name": "northlight", "title": "", "namespace": "NorthlightID", "contract": {
            "allows": ["Export to Third Party", "Cross Site Targeting"], "ends": "2027-12-31",
            "matching": "deterministic" } } },
        "schemas": {
            "crm": schema("crm", "profile", json!({
                "id": identity("CRMID", true, &["I2"]), "email": identity("Email", false, &["I1"]),
                "plan": field("string", &[]), "balance": field("double", &["C2"]),
                "worth": field("string", &["C4"]) })),
            "answers": schema("answers", "profile", json!({
                "key": identity("Email", true, &["I1"]), "worth": field("string", &[]) })),
            "visits": schema("visits", "experience_event", json!({
                "device": identity("ECID", true, &["I2"]), "page": field("string", &["C7"]) })),
        },
        "datasets": {
            "crm": dataset("crm", None, "create"),
            "answers": dataset("answers", Some("northlight"), "set_aside"),
            "visits": dataset("visits", None, "create"),
        },
        "merge_policies": {
            "newest": { "name": "newest", "default": true, "attributes": "timestamp_ordered" },
            "alone": { "name": "alone", "identity_graph": "none", "attributes": "timestamp_ordered" },
            "own": { "name": "own", "attributes": { "dataset_precedence": ["crm"] } },
        },
        "policies": {},
        "audiences": {
            "gold": audience("gold", &["plan"], &[]),
            "rich": audience("rich", &["worth"], &[]),
            "rich_gold": audience("rich_gold", &["plan"], &["rich"]),
            "invited": audience("invited", &[], &["rich_gold"]),
            "savers": audience("savers", &["balance"], &[]),
            "readers": audience("readers", &["xEvent.page"], &[]),
        },
        "destinations": { "vendor": { "name": "vendor", "title": "", "plugin": "x",
            "marketing_actions": ["Cross Site Targeting"], "config": {} } },
        "dataflows": { "flow": { "name": "flow", "audience": "gold", "destination": "vendor", "state": "active",
            "mapping": [{ "target": "ID", "source": { "identity": "CRMID" } }] } },
    })
}

/// A place in the bank's document, and what stands there instead.
type Edit = (&'static str, Value);

fn policy(action: &str, deny: Value) -> Value {
    json!({ "name": "p", "description": "", "status": "ENABLED", "marketing_actions": [action], "deny": deny })
}

fn flow() -> Activation {
    Activation::Dataflow { dataflow: "flow".parse().unwrap(), destination: "vendor".parse().unwrap() }
}

fn set(document: &mut Value, at: &str, to: Value) {
    let (parent, name) = at.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent {
        Value::Object(members) => _ = members.insert(name.to_owned(), to),
        _ => parent[name] = to,
    }
}

/// The bank with changes.
fn with(changes: &[Edit]) -> Catalogue {
    let mut document = bank();
    changes.iter().for_each(|(at, to)| set(&mut document, at, to.clone()));
    serde_json::from_value(document).unwrap()
}

fn reads_of(field: &str) -> Value {
    json!([{ "target": "X", "source": { "field": field } }])
}

#[test]
fn what_labels_policies_and_contracts_come_to() {
    let only = |label: &str| json!({ "label": label });
    let both = |one: &str, other: &str| json!({ "operator": "AND", "operands": [only(one), only(other)] });
    let targeting = |deny: Value| ("/policies/p", policy("Cross Site Targeting", deny));
    let of = |audience: &str| ("/dataflows/flow/audience", json!(audience));
    let maps = |field: &str| ("/dataflows/flow/mapping", reads_of(field));
    let does = |action: &str| ("/destinations/vendor/marketing_actions", json!([action]));
    let alone = |audience| (audience, json!("alone"));
    let status = |status: &str| ("/policies/p/status", json!(status));
    let allowed: &[&str] = &[];
    let denied: &[&str] = &["policy"];
    let table: Vec<(&str, Vec<Edit>, &[&str])> = vec![
        ("labels alone restrict nothing", vec![of("savers")], allowed),
        ("a field of the definition", vec![of("savers"), targeting(only("C2"))], denied),
        ("a field that is neither read nor mapped", vec![targeting(only("C2"))], allowed),
        ("a mapped field", vec![maps("balance"), targeting(only("C2"))], denied),
        ("a mapped identity", vec![targeting(only("I2"))], denied),
        ("an identity that is not mapped", vec![targeting(only("I1"))], allowed),
        ("a field of an event", vec![of("readers"), targeting(only("C7"))], denied),
        ("another action", vec![of("savers"), targeting(only("C2")), does("Analytics")], allowed),
        (
            "a label of the dataset",
            vec![("/datasets/crm/labels", json!(["C9"])), targeting(only("C9"))],
            denied,
        ),
        (
            "a label of another dataset",
            vec![("/datasets/visits/labels", json!(["C9"])), targeting(only("C9"))],
            allowed,
        ),
        ("a draft", vec![of("savers"), targeting(only("C2")), status("DRAFT")], allowed),
        ("a disabled policy", vec![of("savers"), targeting(only("C2")), status("DISABLED")], allowed),
        ("through one reference", vec![of("rich_gold"), targeting(only("C4"))], denied),
        ("through two references", vec![of("invited"), targeting(only("C4"))], denied),
        (
            "both labels within the audience, one of them mapped",
            vec![of("rich"), targeting(both("C4", "I2"))],
            denied,
        ),
        ("one of two labels", vec![targeting(both("C4", "I2"))], allowed),
        (
            "both labels, but of two audiences that go to one destination",
            vec![
                of("savers"),
                (
                    "/dataflows/other",
                    json!({ "name": "other", "audience": "rich", "destination": "vendor",
                    "state": "active", "mapping": [{ "target": "ID", "source": { "identity": "CRMID" } }] }),
                ),
                targeting(both("C2", "C4")),
            ],
            allowed,
        ),
        (
            "either label",
            vec![targeting(json!({ "operator": "OR", "operands": [only("C4"), only("I2")] }))],
            denied,
        ),
        (
            "a partner's data is Third-Party, unlabelled",
            vec![of("rich"), targeting(only("Third-Party"))],
            denied,
        ),
        (
            "a partner's data that the merge policy leaves out",
            vec![of("rich"), ("/audiences/rich/merge_policy", json!("own")), targeting(only("Third-Party"))],
            allowed,
        ),
        (
            "segmentation yes: by an audience that others use",
            vec![of("rich"), does("Cross Site Targeting")],
            allowed,
        ),
        ("personalisation no", vec![of("rich"), does("Onsite Personalization")], &["contract_forbids"]),
        (
            "personalisation no, through references",
            vec![of("invited"), does("Onsite Personalization")],
            &["contract_forbids"],
        ),
        (
            "personalisation no, by policy as well",
            vec![
                of("rich"),
                does("Onsite Personalization"),
                ("/policies/p", policy("Onsite Personalization", only("Third-Party"))),
            ],
            &["policy", "contract_forbids"],
        ),
        (
            "a contract that has ended",
            vec![of("rich"), ("/partners/northlight/contract/ends", json!("2026-11-21"))],
            &["contract_ended"],
        ),
        (
            "a contract on its last day",
            vec![of("rich"), ("/partners/northlight/contract/ends", json!("2026-11-22"))],
            allowed,
        ),
        ("no contract", vec![of("rich"), ("/partners/northlight/contract", Value::Null)], &["no_contract"]),
        (
            "no contract, no data of the partner",
            vec![("/partners/northlight/contract", Value::Null)],
            allowed,
        ),
        (
            "Third-Party data of no partner",
            vec![of("gold"), ("/schemas/crm/fields/plan/labels", json!(["Third-Party"]))],
            &["uncontracted_third_party"],
        ),
        (
            "the partner's match key supplies no identity",
            vec![
                ("/dataflows/flow/mapping", json!([{ "target": "E", "source": { "identity": "Email" } }])),
                does("Onsite Personalization"),
            ],
            allowed,
        ),
        ("a view of several identities", vec![targeting(only("C10"))], denied),
        (
            "a view of one identity",
            vec![targeting(only("C10")), alone("/audiences/gold/merge_policy")],
            allowed,
        ),
        (
            "a view of one identity, a mapped field",
            vec![targeting(only("C10")), alone("/audiences/gold/merge_policy"), maps("balance")],
            allowed,
        ),
        (
            "a view of one identity that refers to one of several",
            vec![of("rich_gold"), targeting(only("C10")), alone("/audiences/rich_gold/merge_policy")],
            denied,
        ),
        ("events, whose visitors are linked", vec![of("readers"), targeting(only("C10"))], denied),
        ("several identities, for another action", vec![targeting(only("C10")), does("Analytics")], allowed),
        ("several identities and a label of the data", vec![targeting(both("C10", "I2"))], denied),
        ("several identities without that label", vec![targeting(both("C10", "C4"))], allowed),
        ("a label of another case", vec![targeting(only("i2"))], allowed),
    ];
    for (case, changes, expected) in table {
        let refusals = check_activation(&with(&changes), &flow(), TODAY);
        let causes: Vec<String> = refusals
            .iter()
            .map(|refusal| match serde_json::to_value(&refusal.cause).unwrap() {
                Value::Object(cause) => cause.keys().next().unwrap().clone(),
                cause => cause.as_str().unwrap().to_owned(),
            })
            .collect();
        assert_eq!(causes, expected, "{case}");
    }
}

#[test]
fn every_path_is_told_from_the_field_to_the_audience_that_is_used() {
    let catalogue = with(&[
        ("/dataflows/flow/audience", json!("invited")),
        ("/audiences/invited/refers_to", json!(["rich_gold", "rich"])),
        ("/audiences/rich/merge_policy", json!("own")),
    ]);
    let ways = lineage(&catalogue, &catalogue.dataflows[&"flow".parse().unwrap()]);
    let told: Vec<String> = ways
        .iter()
        .map(|way| {
            let policy = way.merge_policy.as_ref().map_or("-", |policy| policy.as_str());
            let via: Vec<&str> = way.via.iter().map(|audience| audience.as_str()).collect();
            format!(
                "{}.{} by {policy} through {} via {}",
                way.dataset,
                way.field,
                way.through,
                via.join(", ")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "crm.id by - through the mapping of identity `CRMID` to `ID` via ",
            "crm.plan by newest through the definition of audience `rich_gold` via invited",
            "crm.worth by own through the definition of audience `rich` via invited",
            "crm.worth by own through the definition of audience `rich` via rich_gold, invited",
        ]
    );
}

#[test]
fn audiences_that_refer_crosswise_tell_of_each_other_in_bounded_time() {
    let mut document = bank();
    for level in 0..30 {
        for side in ["l", "r"] {
            let refers_to: Vec<String> =
                ["l", "r"].iter().filter(|_| level > 0).map(|side| format!("{side}{}", level - 1)).collect();
            let name = format!("{side}{level}");
            let audience = json!({ "name": name, "title": "", "description": "", "expression": "true",
                "merge_policy": "newest", "evaluation": "batch", "reads": if level == 0 { vec!["balance"] } else { vec![] },
                "refers_to": refers_to, "definition": "d" });
            set(&mut document, &format!("/audiences/{name}"), audience);
        }
    }
    set(&mut document, "/dataflows/flow/audience", json!("l29"));
    let catalogue: Catalogue = serde_json::from_value(document).unwrap();
    let ways = lineage(&catalogue, &catalogue.dataflows[&"flow".parse().unwrap()]);
    let of_balance = ways.iter().filter(|way| way.field.as_str() == "balance");
    let ends: BTreeSet<String> = of_balance.map(|way| way.through.to_string()).collect();
    assert_eq!(ends.len(), 2, "each of the two that read it is told of");
}

fn told(cures: &[Cure]) -> Vec<String> {
    let told = |cure: &Cure| cure.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    cures.iter().map(told).collect()
}

#[test]
fn the_smallest_cures_are_told_with_those_that_use_less_data_first() {
    let catalogue = with(&[
        ("/dataflows/flow/audience", json!("rich_gold")),
        (
            "/dataflows/flow/mapping",
            json!([
            { "target": "ID", "source": { "identity": "CRMID" } }, { "target": "X", "source": { "field": "plan" } }]),
        ),
        ("/destinations/vendor/marketing_actions", json!(["Cross Site Targeting", "Email Targeting"])),
        (
            "/policies/p",
            policy(
                "Email Targeting",
                json!({ "operator": "AND", "operands": [
            { "label": "Third-Party" }, { "label": "I2" }] }),
            ),
        ),
    ]);
    let found = cures(&catalogue, &flow(), TODAY);
    assert!(found.complete);
    assert_eq!(
        told(&found.cures),
        [
            "take the reference to audience `rich` out of the definition of audience `rich_gold`",
            "leave dataset `answers` out of merge policy `newest`, by a precedence that does not name it",
            "take `Email Targeting` off destination `vendor`, if nobody does that with the data there",
            "take `ID` out of the mapping of dataflow `flow`; agree with partner `northlight` that its contract allows `Email Targeting`",
            "take label `I2` off field `id` of schema `crm`, if the data is no such data; agree with partner `northlight` that its contract allows `Email Targeting`",
            "agree with partner `northlight` that its contract allows `Email Targeting`; disable policy `p`, if the data steward agrees",
        ]
    );
}

#[test]
fn the_core_policy_on_stitched_identities_bites_and_is_cured_without_the_graph() {
    let core = domain::governance::core::policies()
        .find(|policy| policy.name.as_str() == "restrict_stitched_identity")
        .unwrap();
    let mut enabled = serde_json::to_value(&core).unwrap();
    enabled["status"] = json!("ENABLED");
    let catalogue = with(&[
        ("/dataflows/flow/audience", json!("rich_gold")),
        ("/destinations/vendor/marketing_actions", json!(["Single Identity Personalization"])),
        ("/partners/northlight/contract/allows", json!(["Single Identity Personalization"])),
        ("/policies/restrict_stitched_identity", enabled),
    ]);
    let refusals = check_activation(&catalogue, &flow(), TODAY);
    let fields: Vec<&str> = refusals[0].lineage.iter().map(|way| way.field.as_str()).collect();
    assert_eq!((refusals.len(), fields), (1, vec!["worth", "id", "plan", "worth"]), "by every path");
    assert!(refusals[0].lineage.iter().all(|way| way.labels.contains(&"C10".into())));
    let found = cures(&catalogue, &flow(), TODAY);
    assert!(found.complete);
    assert_eq!(
        told(&found.cures),
        [
            "disable policy `restrict_stitched_identity`, if the data steward agrees",
            "take the reference to audience `rich` out of the definition of audience `rich_gold`; give audience `rich_gold` a merge policy with `identity_graph: none`",
            "give audience `rich` a merge policy with `identity_graph: none`; give audience `rich_gold` a merge policy with `identity_graph: none`",
        ]
    );
}

#[test]
fn an_offer_is_judged_by_the_identities_that_its_audiences_see() {
    let offer = json!({ "name": "o", "title": "", "scope": "__view__", "all": ["gold"], "priority": 1,
        "marketing_actions": ["Single Identity Personalization"], "items": [] });
    let denies = policy("Single Identity Personalization", json!({ "label": "C10" }));
    let activation = Activation::Offer { offer: "o".parse().unwrap() };
    for (merge_policy, refused) in [("newest", 1), ("alone", 0)] {
        let catalogue = with(&[
            ("/offers", json!({ "o": offer })),
            ("/policies/p", denies.clone()),
            ("/audiences/gold/merge_policy", json!(merge_policy)),
        ]);
        assert_eq!(check_activation(&catalogue, &activation, TODAY).len(), refused, "{merge_policy}");
    }
}

#[test]
fn what_is_not_refused_needs_no_cure() {
    assert_eq!(cures(&with(&[]), &flow(), TODAY).cures, Vec::<Cure>::new());
}

#[test]
fn a_cure_may_take_more_changes_than_every_combination_is_tried_for() {
    let fields: Vec<String> = (0..8).map(|number| format!("f{number}")).collect();
    let mut document = bank();
    for field in &fields {
        set(
            &mut document,
            &format!("/schemas/crm/fields/{field}"),
            json!({ "type": "string", "labels": ["C5"] }),
        );
    }
    set(
        &mut document,
        "/audiences/gold/reads",
        json!(["plan", "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7"]),
    );
    set(&mut document, "/policies/p", policy("Cross Site Targeting", json!({ "label": "C5" })));
    let catalogue: Catalogue = serde_json::from_value(document).unwrap();
    let found = cures(&catalogue, &flow(), TODAY).cures;
    let sizes: Vec<usize> = found.iter().map(BTreeSet::len).collect();
    assert_eq!(sizes, [1, 8, 8], "the policy, the fields, their labels: {:?}", told(&found));
}

#[test]
fn consents_are_asked_of_uses_that_meet_the_condition_and_block_none() {
    let consent = |condition: Value| {
        (
            "/consent_policies",
            json!({ "c": { "name": "c", "description": "", "status": "ENABLED",
            "if": condition, "then": { "field": "plan", "values": ["gold"] } } }),
        )
    };
    let label = |label: &str| json!({ "label": label });
    let action = |action: &str| json!({ "marketing_action": action });
    let both = |one: Value, other: Value| json!({ "operator": "AND", "operands": [one, other] });
    for (case, condition, expected) in [
        ("of the action", action("Cross Site Targeting"), true),
        ("of another action", action("Analytics"), false),
        ("of a label that is carried", label("I2"), true),
        ("of a label that is not", label("C4"), false),
        ("of both", both(action("Cross Site Targeting"), label("I2")), true),
        ("of both, one of which is not", both(action("Cross Site Targeting"), label("C4")), false),
    ] {
        let catalogue = with(&[consent(condition)]);
        let required = required_consents(&catalogue, &catalogue.dataflows[&"flow".parse().unwrap()]);
        assert_eq!(required.len(), usize::from(expected), "{case}");
        assert!(check_activation(&catalogue, &flow(), TODAY).is_empty(), "{case}");
    }
    let disabled =
        with(&[consent(action("Cross Site Targeting")), ("/consent_policies/c/status", json!("DISABLED"))]);
    assert!(required_consents(&disabled, &disabled.dataflows[&"flow".parse().unwrap()]).is_empty());
}

#[test]
fn only_members_who_have_consented_are_wanted_and_a_withdrawn_consent_withdraws_at_once() {
    let consents = json!([{ "policy": "c", "field": "plan", "values": ["gold"] }]);
    let catalogue = with(&[("/dataflows/flow/consents", consents)]);
    let key: IdentityKey = format!("k1:{}", "a".repeat(32)).parse().unwrap();
    let token = OrderToken { time: 1, batch: 1, row: 1 };
    let profile = |said: Option<&str>, membership: Option<&str>| {
        let attributes = said.map(|said| ("plan".to_owned(), domain::value::Value::String(said.to_owned())));
        let fragment = Fragment {
            version: 1,
            token,
            hash: serde_json::from_str("\"h\"").unwrap(),
            identities: BTreeSet::from([key.clone()]),
            partner_ids: BTreeSet::new(),
            attributes: attributes.into_iter().collect(),
            older: BTreeMap::new(),
            confirmed: 0,
            created_profile: false,
        };
        let node = Node { namespace: "CRMID".parse().unwrap(), value: "C-1".to_owned(), linked: 1 };
        let realized = membership.map(|definition| {
            json!({ "gold": { "status": "realized", "since": "2026-01-01T00:00:00Z", "definition": definition } })
        });
        let memberships = json!({ "version": 1, "sequence": 1, "audiences": realized.unwrap_or(json!({})) });
        Profile {
            id: "0".repeat(32).parse().unwrap(),
            graph: Graph {
                version: 1,
                identities: BTreeMap::from([(key.clone(), node)]),
                edges: Vec::new(),
                fragments: BTreeSet::new(),
                merged_into: None,
                prospect: false,
                dropped: Vec::new(),
                splits: Vec::new(),
                arriving: BTreeSet::new(),
                owing: BTreeSet::new(),
                ending: None,
                born: token,
            },
            fragments: BTreeMap::from([(
                FragmentKey { dataset: "crm".parse().unwrap(), primary: key.clone() },
                fragment,
            )]),
            memberships: serde_json::from_value(memberships).unwrap(),
            edge_memberships: BTreeMap::new(),
            deliveries: BTreeMap::new(),
        }
    };
    let id = || Wanted::Present(BTreeMap::from([("ID".to_owned(), "C-1".to_owned())]));
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    for (case, said, membership, expected, is_withheld) in [
        ("a member who consents", Some("gold"), Some("d"), id(), false),
        ("a member who does not", Some("basic"), Some("d"), Wanted::Absent, true),
        ("a member who says nothing", None, Some("d"), Wanted::Absent, true),
        ("who consents and is no member", Some("gold"), None, Wanted::Absent, false),
        ("who does not and is no member", Some("basic"), None, Wanted::Absent, false),
        ("who consents, and is to be decided anew", Some("gold"), Some("before"), Wanted::Undecided, false),
        ("who does not, and is to be decided anew", Some("basic"), Some("before"), Wanted::Absent, false),
    ] {
        let dataflow = &catalogue.dataflows[&"flow".parse().unwrap()];
        let profile = profile(said, membership);
        assert_eq!(wanted(&catalogue, dataflow, &profile, now), expected, "{case}");
        assert_eq!(withholds(&catalogue, dataflow, &profile, now), is_withheld, "{case}");
    }
}

#[test]
fn an_offer_that_needs_a_consent_is_refused_as_the_edge_cannot_know_it() {
    let offer = json!({ "name": "o", "title": "", "scope": "__view__", "all": ["gold"], "priority": 1,
        "marketing_actions": ["Onsite Personalization"], "items": [] });
    let consent = json!({ "c": { "name": "c", "description": "", "status": "ENABLED",
        "if": { "marketing_action": "Onsite Personalization" }, "then": { "field": "plan", "values": ["gold"] } } });
    let catalogue = with(&[("/offers", json!({ "o": offer })), ("/consent_policies", consent)]);
    let activation = Activation::Offer { offer: "o".parse().unwrap() };
    let refusals = check_activation(&catalogue, &activation, TODAY);
    assert_eq!(refusals.len(), 1);
    assert!(refusals[0].cause.to_string().contains("policy `c` asks for the consent in field `plan`"));
    let found = cures(&catalogue, &activation, TODAY).cures;
    assert_eq!(told(&found), ["disable policy `c`, if the data steward agrees"]);
}

/// A subset of words.
fn some_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(words, 0..=words.len())
}

fn deny() -> impl Strategy<Value = Value> {
    let label = proptest::sample::select(&["A", "B", "C10", "I1", "I2", "Third-Party"][..]);
    let label = label.prop_map(|label| json!({ "label": label }));
    label.prop_recursive(2, 6, 3, |inner| {
        (proptest::sample::select(&["AND", "OR"][..]), proptest::collection::vec(inner, 1..4))
            .prop_map(|(operator, operands)| json!({ "operator": operator, "operands": operands }))
    })
}

const ACTIONS: &[&str] = &["Analytics", "Cross Site Targeting", "Email Targeting"];

prop_compose! {
    /// A bank with whatever labels, definitions, mappings, contracts and policies.
    fn catalogues()(
        labels in proptest::collection::vec(some_of(&["A", "B", "Third-Party"]), 5),
        reads in proptest::collection::vec(some_of(&["plan", "balance", "worth"]), 3),
        refers in (some_of(&["b", "c"]), some_of(&["c"])),
        maps in some_of(&["plan", "balance", "worth"]),
        identities in some_of(&["CRMID", "Email"]),
        policies in proptest::collection::vec((deny(), some_of(ACTIONS)), 0..3),
        does in proptest::sample::subsequence(ACTIONS, 1..=3),
        contract in proptest::option::of((some_of(ACTIONS), any::<bool>())),
        own in any::<bool>(),
    ) -> Catalogue {
        let mut document = bank();
        let at = ["/schemas/crm/fields/plan", "/schemas/crm/fields/balance", "/schemas/crm/fields/worth",
            "/schemas/answers/fields/worth", "/datasets/crm"];
        for (at, labels) in at.iter().zip(labels) {
            set(&mut document, &format!("{at}/labels"), json!(labels));
        }
        let refers = [refers.0, refers.1, Vec::new()];
        for ((name, reads), refers_to) in ["a", "b", "c"].iter().zip(reads).zip(refers) {
            let audience = json!({ "name": name, "title": "", "description": "", "expression": "true",
                "merge_policy": if own { "own" } else { "newest" }, "evaluation": "batch", "reads": reads,
                "refers_to": refers_to, "definition": "d" });
            set(&mut document, &format!("/audiences/{name}"), audience);
        }
        let fields = maps.iter().map(|field| json!({ "target": field, "source": { "field": field } }));
        let identities = identities.iter().map(|code| json!({ "target": code, "source": { "identity": code } }));
        set(&mut document, "/dataflows/flow/mapping", fields.chain(identities).collect());
        set(&mut document, "/dataflows/flow/audience", json!("a"));
        set(&mut document, "/destinations/vendor/marketing_actions", json!(does));
        for (number, (deny, actions)) in policies.into_iter().enumerate() {
            let name = format!("p{number}");
            let policy = json!({ "name": name, "description": "", "status": "ENABLED",
                "marketing_actions": actions, "deny": deny });
            set(&mut document, &format!("/policies/{name}"), policy);
        }
        let contract = contract.map(|(allows, ended)| json!({ "allows": allows,
            "ends": if ended { "2026-01-01" } else { "2027-01-01" }, "matching": "deterministic" }));
        set(&mut document, "/partners/northlight/contract", json!(contract));
        serde_json::from_value(document).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_cure_cures_and_no_part_of_it_does(catalogue in catalogues()) {
        let is_refused = |cure: &Cure| !check_activation(&applied(&catalogue, cure), &flow(), TODAY).is_empty();
        let found = cures(&catalogue, &flow(), TODAY).cures;
        prop_assert!(!is_refused(&Cure::new()) || !found.is_empty(), "there is always a way");
        for cure in &found {
            prop_assert!(!is_refused(cure), "{cure:?} does not cure");
            let changes: Vec<_> = cure.iter().cloned().collect();
            for part in 0..(1_u32 << changes.len().min(6)) - 1 {
                let kept = changes.iter().enumerate().filter(|(index, _)| *index > 5 || part >> index & 1 == 1);
                let part: Cure = kept.map(|(_, change)| change.clone()).collect();
                prop_assert!(is_refused(&part), "{part:?} of {cure:?} would be enough");
            }
        }
        let distinct: BTreeSet<&Cure> = found.iter().collect();
        prop_assert_eq!(distinct.len(), found.len());
    }

    #[test]
    fn less_data_and_fewer_policies_never_refuse_more(catalogue in catalogues(), dropped in 0..4_usize) {
        // What the search for cures rests on.
        let before = check_activation(&catalogue, &flow(), TODAY);
        for cure in cures(&catalogue, &flow(), TODAY).cures {
            let part: Cure = cure.into_iter().take(dropped).collect();
            let after = check_activation(&applied(&catalogue, &part), &flow(), TODAY);
            prop_assert!(after.len() <= before.len());
        }
    }
}
