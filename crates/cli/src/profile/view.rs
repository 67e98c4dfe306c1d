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
    /// In milliseconds since 1970.
    pub(crate) linked: u64,
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
        let newest = profile.usable(catalogue, now).map(|(_, fragment)| fragment.token.time).max();
        let newest = newest.and_then(|newest| i64::try_from(newest).ok()).unwrap_or_default();
        View {
            id: profile.id.clone(),
            merge_policy: policy.name.clone(),
            identities: identities(profile, catalogue),
            partner_ids: partner_ids(profile, catalogue, now),
            merged: merged.attributes,
            first_party,
            partners,
            memberships: profile.memberships.audiences.iter().map(|each| member(each, catalogue)).collect(),
            deliveries: profile.deliveries.iter().map(delivered).collect(),
            sources: profile.usable(catalogue, now).map(|(key, _)| key.dataset.clone()).collect(),
            newest: Timestamp::from_millisecond(newest).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }
}

fn identities(profile: &Profile, catalogue: &Catalogue) -> Vec<Linked> {
    let datasets = |identity: &IdentityKey| {
        let having = profile.fragments.iter().filter(|(_, fragment)| fragment.identities.contains(identity));
        having.map(|(key, _)| key.dataset.clone()).collect()
    };
    let mut linked: Vec<Linked> = profile
        .graph
        .identities
        .iter()
        .map(|(key, node)| Linked {
            namespace: node.namespace.clone(),
            value: node.value.clone(),
            linked: node.linked,
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

fn partner_ids(profile: &Profile, catalogue: &Catalogue, now: Timestamp) -> Vec<PartnerId> {
    let mut held: BTreeMap<&Identity, BTreeSet<DatasetName>> = BTreeMap::new();
    for (key, fragment) in profile.usable(catalogue, now) {
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
        words.push(format!("a call is under way until {}", time(intent.deadline)));
    }
    if delivery.dirty {
        words.push("to be looked at".to_owned());
    }
    if words.is_empty() { "nothing was sent".to_owned() } else { words.join("; ") }
}
