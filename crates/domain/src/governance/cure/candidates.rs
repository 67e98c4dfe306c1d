//! Which changes touch a refusal, and which leave a project that is still one.

use std::collections::BTreeSet;

use super::Change;
use crate::audience::Evaluation;
use crate::catalogue::Catalogue;
use crate::dataflow::Source;
use crate::label::{Label, STITCHED_IDENTITY, THIRD_PARTY};
use crate::name::{AudienceName, MergePolicyName};
use crate::refusal::{Activation, Cause, Lineage, Refusal, Through};
use crate::value::FieldPath;

/// Every change that takes something away from a refusal. Without one of them it stands.
pub(super) fn of(catalogue: &Catalogue, refusal: &Refusal) -> Vec<Change> {
    let mut changes = of_rule(refusal);
    changes.extend(of_activation(refusal));
    for way in &refusal.lineage {
        changes.extend(of_way(catalogue, refusal, way));
        changes.extend(of_labels(catalogue, refusal, way));
    }
    changes
}

/// What the policy or the contract could say instead.
fn of_rule(refusal: &Refusal) -> Vec<Change> {
    match &refusal.cause {
        Cause::Policy { name, .. } | Cause::ConsentUnknown { name, .. } => {
            vec![Change::DisablePolicy { policy: name.clone() }]
        }
        Cause::ContractForbids { partner, .. } => {
            let allow = |action| Change::AllowAction { partner: partner.clone(), action };
            refusal.actions.iter().cloned().map(allow).collect()
        }
        Cause::ContractEnded { partner, .. } => vec![Change::RenewContract { partner: partner.clone() }],
        Cause::NoContract { partner } => {
            vec![Change::AgreeContract { partner: partner.clone(), allows: refusal.actions.clone() }]
        }
        Cause::UncontractedThirdParty => Vec::new(),
    }
}

/// What the use could be said not to do, and whom it could leave out.
fn of_activation(refusal: &Refusal) -> Vec<Change> {
    let actions = refusal.actions.iter().cloned();
    match &refusal.activation {
        Activation::Dataflow { destination, .. } => {
            actions.map(|action| Change::DropAction { destination: destination.clone(), action }).collect()
        }
        Activation::Offer { offer } => {
            let audience = refusal.audience.clone();
            let without = Change::DropOfferAudience { offer: offer.clone(), audience };
            let dropped = actions.map(|action| Change::DropOfferAction { offer: offer.clone(), action });
            dropped.chain([without]).collect()
        }
        Activation::Datastream { datastream } => {
            let (datastream, audience) = (datastream.clone(), refusal.audience.clone());
            vec![Change::DropToldAudience { datastream, audience }]
        }
    }
}

/// Where a way could be cut.
fn of_way(catalogue: &Catalogue, refusal: &Refusal, way: &Lineage) -> Vec<Change> {
    let mut changes = Vec::new();
    match (&way.through, refusal.activation.dataflow()) {
        (Through::Definition(audience), _) => {
            let fields = reads(catalogue, audience, way);
            changes.extend(fields.map(|field| Change::DropField { audience: audience.clone(), field }));
            let referred = std::iter::once(audience).chain(&way.via);
            changes.extend(way.via.iter().zip(referred).map(|(audience, reference)| Change::DropReference {
                audience: audience.clone(),
                reference: reference.clone(),
            }));
        }
        (Through::Mapping(target) | Through::Identity(_, target), Some(dataflow)) => {
            changes.push(Change::DropMapping { dataflow: dataflow.clone(), target: target.clone() });
        }
        (Through::Mapping(_) | Through::Identity(..), None) => {}
    }
    changes.extend(way.merge_policy.iter().map(|merge_policy| Change::ExcludeDataset {
        merge_policy: merge_policy.clone(),
        dataset: way.dataset.clone(),
    }));
    changes.extend(without_graph(catalogue, refusal, way));
    changes
}

/// Where the identity graph is what a rule is about, the audience could do without. At the edge none can.
fn without_graph(catalogue: &Catalogue, refusal: &Refusal, way: &Lineage) -> Option<Change> {
    let audience = catalogue.audiences.get(way.seen_by(&refusal.audience))?;
    let is_about_graph = refusal.labels.contains(&Label::from(STITCHED_IDENTITY));
    (is_about_graph && audience.evaluation == Evaluation::Batch)
        .then(|| Change::LeaveGraphOut { audience: audience.name.clone() })
}

/// Whence the labels that a rule is about could be taken. What a partner supplies is Third-Party, whatever it is
/// labelled, and a contract is asked for wherever there is a partner.
fn of_labels(catalogue: &Catalogue, refusal: &Refusal, way: &Lineage) -> Vec<Change> {
    let Some(dataset) = catalogue.datasets.get(&way.dataset) else { return Vec::new() };
    let is_of_contract = matches!(
        refusal.cause,
        Cause::ContractForbids { .. } | Cause::ContractEnded { .. } | Cause::NoContract { .. }
    );
    let by_partner = |label: &Label| dataset.partner.is_some() && label.as_str() == THIRD_PARTY;
    if is_of_contract {
        return Vec::new();
    }
    let field = catalogue.schemas.get(&dataset.schema).and_then(|schema| schema.field(&way.field));
    let mut changes = Vec::new();
    for label in way.labels.intersection(&refusal.labels).filter(|label| !by_partner(label)) {
        if dataset.labels.contains(label) {
            let dataset = dataset.name.clone();
            changes.push(Change::UnlabelDataset { dataset, label: label.clone() });
        }
        if field.is_some_and(|field| field.labels.contains(label)) {
            let (schema, field) = (dataset.schema.clone(), way.field.clone());
            changes.push(Change::UnlabelField { schema, field, label: label.clone() });
        }
    }
    changes
}

/// The paths by which an audience's definition reads the field of a way.
fn reads<'a>(
    catalogue: &'a Catalogue,
    audience: &'a AudienceName,
    way: &'a Lineage,
) -> impl Iterator<Item = FieldPath> + 'a {
    let audience = catalogue.audiences.get(audience).into_iter();
    audience.flat_map(move |audience| {
        let is_read = move |read: &&FieldPath| {
            let suppliers = catalogue.suppliers(read, &audience.merge_policy);
            suppliers.iter().any(|(dataset, field)| dataset.name == way.dataset && *field == way.field)
        };
        audience.reads.iter().filter(is_read).cloned()
    })
}

/// The audiences that a use rests on.
pub(super) fn audiences(catalogue: &Catalogue, activation: &Activation) -> BTreeSet<AudienceName> {
    let used: Vec<&AudienceName> = match activation {
        Activation::Dataflow { dataflow, .. } => {
            catalogue.dataflows.get(dataflow).map(|each| &each.audience).into_iter().collect()
        }
        Activation::Offer { offer } => {
            catalogue.offers.get(offer).into_iter().flat_map(|each| each.audiences()).collect()
        }
        Activation::Datastream { datastream } => {
            catalogue.datastreams.get(datastream).into_iter().flat_map(|each| each.told()).collect()
        }
    };
    let with_references = used.into_iter().flat_map(|name| catalogue.with_references(name));
    with_references.map(|audience| audience.name.clone()).collect()
}

/// Whether a catalogue could still be that of a project after changes: a dataflow maps something, a definition says
/// something, every field that is read has a dataset that supplies it, and whatever did something still does.
pub(super) fn is_whole(before: &Catalogue, after: &Catalogue, activation: &Activation) -> bool {
    let maps = after
        .dataflows
        .values()
        .zip(before.dataflows.values())
        .all(|(after, before)| !after.mapping.is_empty() || before.mapping.is_empty());
    let does =
        after.destinations.values().zip(before.destinations.values()).all(|(after, before)| {
            !after.marketing_actions.is_empty() || before.marketing_actions.is_empty()
        });
    let offers = after.offers.values().zip(before.offers.values()).all(|(after, before)| {
        (!after.marketing_actions.is_empty() || before.marketing_actions.is_empty())
            && (after.audiences().next().is_some() || before.audiences().next().is_none())
    });
    maps && does
        && offers
        && definitions_say_something(before, after)
        && all_is_supplied(before, after, activation)
}

fn definitions_say_something(before: &Catalogue, after: &Catalogue) -> bool {
    after.audiences.values().zip(before.audiences.values()).all(|(after, before)| {
        let says = |audience: &crate::audience::Audience| {
            !audience.reads.is_empty() || !audience.refers_to.is_empty()
        };
        says(after) || !says(before)
    })
}

/// What another change takes out counts too: whether changes leave a project does not depend on what is beside them.
fn all_is_supplied(before: &Catalogue, after: &Catalogue, activation: &Activation) -> bool {
    let read = before
        .audiences
        .values()
        .flat_map(|audience| audience.reads.iter().map(|path| (path, &audience.merge_policy)));
    let of_activation = activation.dataflow().and_then(|name| before.dataflows.get(name));
    let mapped = of_activation.into_iter().flat_map(|dataflow| {
        let policy = before.audiences.get(&dataflow.audience).map(|audience| &audience.merge_policy);
        let fields = dataflow.mapping.iter().filter_map(|mapping| match &mapping.source {
            Source::Field(path) => Some(path),
            Source::Identity(_) => None,
        });
        fields.filter_map(move |path| Some((path, policy?)))
    });
    let is_supplied = |catalogue: &Catalogue, path: &FieldPath, policy: &MergePolicyName| {
        !catalogue.suppliers(path, policy).is_empty()
    };
    read.chain(mapped)
        .all(|(path, policy)| is_supplied(after, path, policy) || !is_supplied(before, path, policy))
}
