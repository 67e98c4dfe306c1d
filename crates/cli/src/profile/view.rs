//! A profile as it is shown: one view of it under a merge policy, with where everything comes from.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalogue::Catalogue;
use domain::delivery::{Cells, Delivery, OutcomeResult};
use domain::identity::{Identity, IdentityKey, ProfileId};
use domain::label::Label;
use domain::membership::{Membership, MembershipStatus};
use domain::merge::MergePolicy;
use domain::name::{AudienceName, DataflowName, DatasetName, MergePolicyName, PartnerName};
use domain::namespace::NamespaceCode;
use domain::profile::{Merged, Profile};
use domain::value::{FieldPath, Object, Value};
use jiff::Timestamp;

use crate::words::time;

/// A profile as it is shown.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) id: ProfileId,
    pub(crate) merge_policy: MergePolicyName,
    /// The identity graph, by the priority of namespaces.
    pub(crate) identities: Vec<Linked>,
    /// Why links to other identities do not stand: `tributary graph show` says which.
    pub(crate) dropped: Vec<String>,
    /// Partners' IDs; no part of the graph.
    pub(crate) partner_ids: Vec<PartnerId>,
    /// The merged attributes as one object.
    pub(crate) merged: Object,
    /// What the company knew itself.
    pub(crate) first_party: Vec<Attribute>,
    /// What each partner says, with the partner's title.
    pub(crate) partners: BTreeMap<PartnerName, (String, Vec<Attribute>)>,
    pub(crate) memberships: Vec<Member>,
    pub(crate) deliveries: Vec<Delivered>,
    /// The datasets that the profile has fragments of, which may be used.
    pub(crate) sources: BTreeSet<DatasetName>,
    /// The time of the newest record.
    pub(crate) newest: Timestamp,
}

/// An identity of the graph.
#[derive(Debug)]
pub(crate) struct Linked {
    pub(crate) namespace: NamespaceCode,
    pub(crate) value: String,
    pub(crate) linked: Timestamp,
    /// The datasets whose records have it.
    pub(crate) datasets: BTreeSet<DatasetName>,
}

/// A partner's ID.
#[derive(Debug)]
pub(crate) struct PartnerId {
    pub(crate) namespace: NamespaceCode,
    pub(crate) value: String,
    pub(crate) datasets: BTreeSet<DatasetName>,
}

/// A merged attribute and where it comes from.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) path: FieldPath,
    pub(crate) title: Option<String>,
    pub(crate) value: Value,
    pub(crate) dataset: DatasetName,
    pub(crate) labels: BTreeSet<Label>,
}

/// A membership of an audience.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) audience: AudienceName,
    pub(crate) title: Option<String>,
    pub(crate) status: MembershipStatus,
    pub(crate) since: Timestamp,
}

/// What a dataflow has done about the person.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) dataflow: DataflowName,
    pub(crate) state: String,
    /// What stands at the destination; a value that is no hash is not shown.
    pub(crate) cells: BTreeMap<String, Option<String>>,
}

impl View {
    /// The view of a profile.
    pub(crate) fn of(profile: &Profile, catalogue: &Catalogue, policy: &MergePolicy, now: Timestamp) -> View {
        let merged = profile.merged(catalogue, policy, now);
        let (first_party, partners) = attributes(&merged, catalogue);
        let newest = profile.seen(catalogue, policy, now).map(|(_, fragment)| fragment.token.time).max();
        View {
            id: profile.id.clone(),
            merge_policy: policy.name.clone(),
            identities: identities(profile, catalogue, policy, now),
            dropped: profile.graph.dropped.iter().map(|dropped| dropped.reason.to_string()).collect(),
            partner_ids: partner_ids(profile, catalogue, policy, now),
            merged: merged.attributes,
            first_party,
            partners,
            memberships: std::iter::once(&profile.memberships)
                .chain(profile.edge_memberships.values())
                .flat_map(|memberships| &memberships.audiences)
                .map(|each| member(each, catalogue))
                .collect(),
            deliveries: profile.deliveries.iter().map(delivered).collect(),
            sources: profile.seen(catalogue, policy, now).map(|(key, _)| key.dataset.clone()).collect(),
            newest: instant(newest.unwrap_or_default()),
        }
    }
}

/// The instant of a number of milliseconds since 1970.
fn instant(milliseconds: u64) -> Timestamp {
    let at = i64::try_from(milliseconds).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    at.unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The identities that the merge policy sees.
fn identities(profile: &Profile, catalogue: &Catalogue, policy: &MergePolicy, now: Timestamp) -> Vec<Linked> {
    let seen = profile.identities_seen(catalogue, policy, now);
    let datasets = |identity: &IdentityKey| {
        let having = profile.fragments.iter().filter(|(_, fragment)| fragment.identities.contains(identity));
        having.map(|(key, _)| key.dataset.clone()).collect()
    };
    let mut linked: Vec<Linked> = profile
        .graph
        .identities
        .iter()
        .filter(|(key, _)| seen.contains(key))
        .map(|(key, node)| Linked {
            namespace: node.namespace.clone(),
            value: node.value.clone(),
            linked: instant(node.linked),
            datasets: datasets(key),
        })
        .collect();
    linked.sort_by(|one, other| {
        let rank =
            |linked: &Linked| (catalogue.priority(&linked.namespace), std::cmp::Reverse(linked.linked));
        rank(one).cmp(&rank(other)).then_with(|| one.value.cmp(&other.value))
    });
    linked
}

fn partner_ids(
    profile: &Profile,
    catalogue: &Catalogue,
    policy: &MergePolicy,
    now: Timestamp,
) -> Vec<PartnerId> {
    let mut held: BTreeMap<&Identity, BTreeSet<DatasetName>> = BTreeMap::new();
    for (key, fragment) in profile.seen(catalogue, policy, now) {
        for identity in &fragment.partner_ids {
            held.entry(identity).or_default().insert(key.dataset.clone());
        }
    }
    held.into_iter()
        .map(|(identity, datasets)| PartnerId {
            namespace: identity.namespace.clone(),
            value: identity.value.clone(),
            datasets,
        })
        .collect()
}

type Attributes = (Vec<Attribute>, BTreeMap<PartnerName, (String, Vec<Attribute>)>);

/// The merged attributes, those of the company apart from those of each partner.
fn attributes(merged: &Merged, catalogue: &Catalogue) -> Attributes {
    let (mut first_party, mut partners) = (Vec::new(), BTreeMap::new());
    for (path, name) in &merged.sources {
        let (Some(value), Some(dataset)) =
            (domain::value::at(&merged.attributes, path), catalogue.datasets.get(name))
        else {
            continue;
        };
        let field = catalogue.schemas.get(&dataset.schema).and_then(|schema| schema.field(path));
        let attribute = Attribute {
            path: path.clone(),
            title: field.and_then(|field| field.title.clone()),
            value: value.clone(),
            dataset: name.clone(),
            labels: catalogue.labels(dataset, path),
        };
        match catalogue.partner_of(dataset) {
            None => first_party.push(attribute),
            Some(partner) => {
                let card = partners.entry(partner.name.clone());
                card.or_insert_with(|| (partner.title.clone(), Vec::new())).1.push(attribute);
            }
        }
    }
    (first_party, partners)
}

fn member((name, membership): (&AudienceName, &Membership), catalogue: &Catalogue) -> Member {
    Member {
        audience: name.clone(),
        title: catalogue.audiences.get(name).map(|audience| audience.title.clone()),
        status: membership.status,
        since: membership.since,
    }
}

fn delivered((dataflow, delivery): (&DataflowName, &Delivery)) -> Delivered {
    let sent = delivery.sent.as_ref().map(|sent| &sent.cells);
    Delivered {
        dataflow: dataflow.clone(),
        state: in_words(delivery),
        cells: sent.map(shown).unwrap_or_default(),
    }
}

/// The cells that may be shown: hashes.
fn shown(cells: &Cells) -> BTreeMap<String, Option<String>> {
    let hash = |value: &String| is_hash(value).then(|| value.clone());
    cells.iter().map(|(target, value)| (target.clone(), hash(value))).collect()
}

fn is_hash(value: &str) -> bool {
    value.len() == 64 && value.bytes().all(|each| each.is_ascii_hexdigit())
}

/// The state of a delivery in words.
pub(crate) fn in_words(delivery: &Delivery) -> String {
    let mut words = Vec::new();
    if let Some(sent) = &delivery.sent {
        words.push(format!("delivered {}", time(sent.at)));
    }
    match delivery.outcome.as_ref().map(|outcome| (&outcome.result, outcome.at)) {
        None => {}
        Some((OutcomeResult::Delivered { .. }, _)) if delivery.sent.is_some() => {}
        Some((OutcomeResult::Delivered { .. }, at)) => words.push(format!("withdrawn {}", time(at))),
        Some((OutcomeResult::Held { reason }, _)) => words.push(format!("held because {reason}")),
        Some((OutcomeResult::SetAside { reason, .. }, _)) => {
            words.push(format!("set aside because {reason}"))
        }
        Some((OutcomeResult::Failed { reason }, _)) => {
            words.push(format!("failed, to be tried again: {reason}"))
        }
        Some((OutcomeResult::Unknown { attempt }, _)) => {
            words.push(format!("unknown: attempt {attempt} was never answered, and a person decides"));
        }
    }
    let is_unknown = delivery
        .outcome
        .as_ref()
        .is_some_and(|outcome| matches!(outcome.result, OutcomeResult::Unknown { .. }));
    if let Some(intent) = delivery.intent.as_ref().filter(|_| !is_unknown) {
        words.push(match intent.receipt {
            None => format!("a call is under way until {}", time(intent.deadline)),
            Some(_) => format!("attempt {} is accepted and not confirmed yet", intent.attempt),
        });
    }
    if delivery.dirty {
        words.push("to be looked at".to_owned());
    }
    if words.is_empty() { "nothing was sent".to_owned() } else { words.join("; ") }
}

#[cfg(test)]
pub(crate) mod sample {
    //! An invented profile.

    use domain::fragment::{Change, Fragment, FragmentKey, OrderToken, Record, decide};
    use domain::graph::Graph;
    use domain::identity::Keyring;
    use domain::ingest::Intake;
    use serde_json::json;

    use super::*;
    use crate::example;

    pub(crate) const NOW: &str = "2026-02-03T00:00:00Z";

    /// What becomes of a row of a dataset.
    fn record(
        catalogue: &Catalogue,
        dataset: &str,
        batch: u64,
        row: serde_json::Value,
    ) -> (FragmentKey, Record, Fragment) {
        let dataset = &catalogue.datasets[&dataset.parse().unwrap()];
        let keyring = Keyring::new(1, &[7; 32]).unwrap();
        let intake = Intake::new(catalogue, dataset, &catalogue.schemas[&dataset.schema], &keyring);
        let token = OrderToken { time: 1_767_225_600_000 + batch * 86_400_000, batch, row: 1 };
        let record = intake.record(serde_json::from_value(row).unwrap(), token).unwrap();
        let Change::Written(fragment) = decide(None, &record, intake.rules(NOW.parse().unwrap())) else {
            panic!("a first record is written")
        };
        (FragmentKey { dataset: dataset.name.clone(), primary: record.primary.key.clone() }, record, fragment)
    }

    /// Bobby Bank: known to the bank, and enriched by the partner.
    pub(crate) fn profile(catalogue: &Catalogue) -> Profile {
        let (crm_key, crm, crm_fragment) = record(
            catalogue,
            "crm_customers",
            1,
            json!({
                "crmId": "C-1", "personalEmail": {"address": "Bobby.Bank@example.com"}, "tier": "plus",
                "person": {"name": {"firstName": "Bobby", "lastName": "Bank"}},
                "hasFinancialAdvisor": false, "accountBalance": 1000.5,
            }),
        );
        let (key, _, fragment) = record(
            catalogue,
            "northlight_enrichment",
            2,
            json!({
                "matchKey": {"email": "bobby.bank@example.com"},
                "partner": {"northlightId": "N-1", "netWorthBand": "over_1m", "recentMortgageLikelihood": 0.9},
            }),
        );
        let graph = Graph::born(&crm, &crm_key.dataset).listing(&key).unwrap();
        let hash = "3974c1557c66a5b8598975b23ee973926e7ca8960c4ab996dc5bff29b37d3fdb";
        let at = "2026-02-02T08:00:00Z";
        let intent = json!({
            "attempt": "01A", "operation": "add", "cells": {}, "source": "s", "deadline": "2026-02-02T08:02:00Z",
        });
        Profile {
            id: "7068dc39be88332324316bb359a10e78".parse().unwrap(),
            graph,
            fragments: [(crm_key, crm_fragment), (key, fragment)].into(),
            memberships: serde_json::from_value(json!({"version": 2, "sequence": 1, "audiences": {
                "all_customers": {"status": "exited", "since": at, "definition": "d1"},
                "high_earning_homeowner_prospects": {"status": "realized", "since": at, "definition": "d2"},
            }})).unwrap(),
            edge_memberships: BTreeMap::new(),
            deliveries: serde_json::from_value(json!({
                "prospects_to_email": {"gen": 1, "outcome": {"at": at, "result": "held", "reason": "a policy denies it"}},
                "prospects_to_facebook": {
                    "gen": 1, "sent": {"cells": {"EMAIL": hash}, "source": "s", "at": at, "sequence": 1},
                    "outcome": {"at": at, "result": "delivered", "operation": "add"},
                },
                "prospects_to_file": {
                    "gen": 2, "sent": {"cells": {"northlight_id": "N-1"}, "source": "s", "at": at, "sequence": 1},
                    "intent": intent,
                },
                "seed_to_northlight": {
                    "gen": 2, "intent": intent, "outcome": {"at": at, "result": "unknown", "attempt": "01A"},
                },
            })).unwrap(),
        }
    }

    /// The profile as it is shown under the default merge policy.
    pub(crate) fn bobby() -> View {
        let catalogue = example::catalogue();
        let policy = catalogue.merge_policies.values().find(|policy| policy.default).unwrap();
        View::of(&profile(&catalogue), &catalogue, policy, NOW.parse().unwrap())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_hash_is_not_shown() {
        let cells = [("a", "bobby.bank@example.com"), ("b", &"0a".repeat(32)), ("c", &"zz".repeat(32))];
        let cells = cells.map(|(target, value)| (target.to_owned(), value.to_owned())).into();
        assert_eq!(shown(&cells).values().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn nothing_of_a_partner_is_used_after_its_contract() {
        let catalogue = crate::example::catalogue();
        let policy = catalogue.merge_policies.values().find(|policy| policy.default).unwrap();
        let later = "2028-01-01T00:00:00Z".parse().unwrap();
        let view = View::of(&sample::profile(&catalogue), &catalogue, policy, later);
        assert!(view.partners.is_empty() && view.partner_ids.is_empty());
        assert!(!view.first_party.is_empty());
    }
}
