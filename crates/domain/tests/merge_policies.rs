//! What a merge policy sees of a person: with the identity graph, and without it.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

use std::collections::{BTreeMap, BTreeSet};

use domain::catalogue::Catalogue;
use domain::fragment::{Fragment, FragmentKey, OrderToken};
use domain::graph::{Graph, Node};
use domain::identity::{Identity, IdentityKey};
use domain::merge::MergePolicy;
use domain::namespace::Namespace;
use domain::profile::Profile;
use domain::value::Object;
use jiff::Timestamp;
use serde_json::json;

/// The identities that the tests speak of: a name, its namespace and when it was linked.
const IDENTITIES: [(&str, &str, u64); 4] =
    [("c1", "CRMID", 1), ("c2", "CRMID", 2), ("e1", "Email", 3), ("n1", "NorthlightID", 0)];

fn key(name: &str) -> IdentityKey {
    format!("k1:{:0>32}", hex::encode(name)).parse().unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

/// A catalogue whose namespaces stand in the order CRMID, Email, NorthlightID.
fn catalogue() -> Catalogue {
    let email = Namespace::standard().into_iter().find(|each| each.code.as_str() == "Email").unwrap();
    let other = |code: &str, kind: &str| {
        let kind = serde_json::from_value(json!(kind)).unwrap();
        Namespace { code: code.parse().unwrap(), kind, ..email.clone() }
    };
    let namespaces = [other("CRMID", "cross_device"), email.clone(), other("NorthlightID", "partner_id")];
    let dataset = |name: &str| {
        json!({ "name": name, "title": "", "schema": "s", "source": { "prefix": name, "format": "csv", "columns": {} },
            "write_mode": "replace", "on_unmatched": "create", "error_threshold": 0.0 })
    };
    let datasets: BTreeMap<&str, _> =
        ["crm", "shop", "answers", "travel"].iter().map(|name| (*name, dataset(name))).collect();
    serde_json::from_value(json!({ "format": 1, "title": "", "namespaces": namespaces, "partners": {}, "schemas": {},
        "datasets": datasets, "merge_policies": {}, "policies": {}, "audiences": {}, "destinations": {}, "dataflows": {} }))
    .unwrap()
}

fn policy(identity_graph: &str) -> MergePolicy {
    serde_json::from_value(
        json!({ "name": "p", "identity_graph": identity_graph, "attributes": "timestamp_ordered" }),
    )
    .unwrap()
}

/// A record: its dataset, its time, its primary identity, the others that it names, and an attribute.
type Said = (&'static str, u64, &'static str, &'static [&'static str], &'static str);

/// A profile of records. Those that a partner's ID is the primary identity of name nobody.
fn profile(said: &[Said]) -> Profile {
    let fragment = |(dataset, time, primary, others, attribute): &Said| {
        let linking = std::iter::once(primary).chain(*others).filter(|name| **name != "n1");
        let partner_ids = others.iter().filter(|name| **name == "n1");
        let partner_id = |name: &&str| Identity {
            key: key(name),
            namespace: "NorthlightID".parse().unwrap(),
            value: "N-1".to_owned(),
        };
        let fragment = Fragment {
            version: 1,
            token: OrderToken { time: *time, batch: 1, row: 1 },
            hash: serde_json::from_str("\"h\"").unwrap(),
            identities: linking.map(|name| key(name)).collect(),
            partner_ids: partner_ids.map(partner_id).collect(),
            attributes: Object::from([
                ("last".to_owned(), domain::value::Value::String((*attribute).to_owned())),
                ((*attribute).to_owned(), domain::value::Value::Boolean(true)),
            ]),
            older: BTreeMap::new(),
            confirmed: 20_000,
            created_profile: false,
        };
        (FragmentKey { dataset: dataset.parse().unwrap(), primary: key(primary) }, fragment)
    };
    let linked = said.iter().flat_map(|(_, _, primary, others, _)| std::iter::once(primary).chain(*others));
    let linked: BTreeSet<&str> = linked.copied().collect();
    let nodes = IDENTITIES
        .iter()
        .filter(|(name, namespace, _)| linked.contains(name) && *namespace != "NorthlightID");
    let node = |(name, namespace, at): &(&str, &str, u64)| {
        let node = Node { namespace: namespace.parse().unwrap(), value: (*name).to_owned(), linked: *at };
        (key(name), node)
    };
    Profile {
        id: "0".repeat(32).parse().unwrap(),
        graph: Graph {
            identities: nodes.map(node).collect(),
            ..serde_json::from_value(json!({ "version": 1, "identities": {}, "edges": [], "fragments": [],
                "born": OrderToken { time: 1, batch: 1, row: 1 } }))
            .unwrap()
        },
        fragments: said.iter().map(fragment).collect(),
        memberships: domain::membership::Memberships::default(),
        edge_memberships: BTreeMap::new(),
        deliveries: BTreeMap::new(),
    }
}

/// What a policy sees: the attributes beside which value of `last` stands, the e-mail address and the partner's ID.
fn seen(profile: &Profile, policy: &MergePolicy) -> String {
    let catalogue = catalogue();
    let merged = profile.merged(&catalogue, policy, now()).attributes;
    let names: Vec<&str> = merged.keys().map(String::as_str).filter(|name| *name != "last").collect();
    let identity = |code: &str| {
        let found = profile.newest_identity(&catalogue, policy, &code.parse().unwrap(), now());
        found.map_or("-".to_owned(), |identity| identity.value)
    };
    let last = merged.get("last").map_or("-".to_owned(), |value| json!(value).as_str().unwrap().to_owned());
    format!("{} ({last}) {} {}", names.join("+"), identity("Email"), identity("NorthlightID"))
}

#[test]
fn without_the_identity_graph_the_records_of_one_identity_count_and_what_they_name() {
    let crm: Said = ("crm", 1, "c1", &[], "a");
    let crm_with_email: Said = ("crm", 1, "c1", &["e1"], "a");
    let shop: Said = ("shop", 5, "c1", &[], "b");
    let other: Said = ("shop", 2, "c2", &[], "c");
    let answer: Said = ("answers", 9, "e1", &["n1"], "d");
    let travel: Said = ("travel", 10, "n1", &[], "e");
    for (case, said, private, alone) in [
        ("one record", &[crm][..], "a (a) - -", "a (a) - -"),
        ("records of one identity", &[crm, shop], "a+b (b) - -", "a+b (b) - -"),
        ("of a lower namespace too", &[crm, answer], "a+d (d) e1 N-1", "a (a) - -"),
        ("which the first names", &[crm_with_email, answer], "a+d (d) e1 N-1", "a (a) e1 -"),
        ("of two identities of a namespace", &[crm, other], "a+c (c) - -", "c (c) - -"),
        ("of the lower namespace alone", &[answer], "d (d) e1 N-1", "d (d) e1 N-1"),
        ("by way of a partner's ID", &[answer, travel], "d+e (e) e1 N-1", "d (d) e1 N-1"),
        ("nobody", &[], " (-) - -", " (-) - -"),
    ] {
        let profile = profile(said);
        assert_eq!(seen(&profile, &policy("private")), private, "{case}");
        assert_eq!(seen(&profile, &policy("none")), alone, "{case}, without the graph");
    }
}

#[test]
fn what_is_out_of_use_does_not_choose_the_identity() {
    let both = profile(&[("crm", 1, "c1", &[], "a"), ("answers", 9, "e1", &[], "d")]);
    let mut catalogue = catalogue();
    let attributes = |catalogue: &Catalogue| {
        let merged = both.merged(catalogue, &policy("none"), now()).attributes;
        merged.into_keys().filter(|name| name != "last").collect::<Vec<_>>()
    };
    assert_eq!(attributes(&catalogue), ["a"]);
    catalogue.datasets.remove(&"crm".parse().unwrap());
    assert_eq!(attributes(&catalogue), ["d"]);
}

#[test]
fn a_prospect_is_seen_alike_either_way() {
    let mut prospect = profile(&[("travel", 10, "n1", &[], "e")]);
    prospect.graph.prospect = true;
    for fragment in prospect.fragments.values_mut() {
        let namespace = "NorthlightID".parse().unwrap();
        fragment.partner_ids = [Identity { key: key("n1"), namespace, value: "N-1".to_owned() }].into();
    }
    for graph in ["private", "none"] {
        let merged = prospect.merged(&catalogue(), &policy(graph), "2024-10-05T00:00:00Z".parse().unwrap());
        assert!(merged.attributes.contains_key("e"), "{graph}");
    }
}
