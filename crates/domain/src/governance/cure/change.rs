//! Changes of a catalogue that take data, labels, actions or rules away, and how each is said.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::catalogue::Catalogue;
use crate::governance::PolicyStatus;
use crate::label::{Label, MarketingAction};
use crate::merge::{AttributeMerge, IdentityGraph, MergePolicy};
use crate::name::{
    AudienceName, DataflowName, DatasetName, DatastreamName, DestinationName, MergePolicyName, OfferName,
    PartnerName, PolicyName, SchemaName,
};
use crate::partner::{Contract, Matching};
use crate::schema::{Class, Field, FieldType, Fields};
use crate::value::FieldPath;

/// One change of a project. In the order in which they are proposed: what uses less data first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A target is not sent.
    DropMapping {
        /// Of which dataflow.
        dataflow: DataflowName,
        /// What the vendor calls it.
        target: String,
    },
    /// A definition does not read a field.
    DropField {
        /// Whose definition.
        audience: AudienceName,
        /// The field.
        field: FieldPath,
    },
    /// A definition does not refer to another audience.
    DropReference {
        /// Whose definition.
        audience: AudienceName,
        /// The other audience.
        reference: AudienceName,
    },
    /// An offer is not shown, or withheld, by an audience.
    DropOfferAudience {
        /// The offer.
        offer: OfferName,
        /// The audience.
        audience: AudienceName,
    },
    /// A datastream does not tell of an audience.
    DropToldAudience {
        /// The datastream.
        datastream: DatastreamName,
        /// The audience.
        audience: AudienceName,
    },
    /// A merge policy leaves a dataset out.
    ExcludeDataset {
        /// The merge policy.
        merge_policy: MergePolicyName,
        /// The dataset.
        dataset: DatasetName,
    },
    /// An audience looks at one identity of each person.
    LeaveGraphOut {
        /// The audience.
        audience: AudienceName,
    },
    /// A destination is said not to do something.
    DropAction {
        /// The destination.
        destination: DestinationName,
        /// The marketing action.
        action: MarketingAction,
    },
    /// An offer is said not to do something.
    DropOfferAction {
        /// The offer.
        offer: OfferName,
        /// The marketing action.
        action: MarketingAction,
    },
    /// A field does not carry a label.
    UnlabelField {
        /// Of which schema.
        schema: SchemaName,
        /// The field.
        field: FieldPath,
        /// The label.
        label: Label,
    },
    /// A dataset does not carry a label.
    UnlabelDataset {
        /// The dataset.
        dataset: DatasetName,
        /// The label.
        label: Label,
    },
    /// A contract allows something.
    AllowAction {
        /// With which partner.
        partner: PartnerName,
        /// The marketing action.
        action: MarketingAction,
    },
    /// A contract goes on.
    RenewContract {
        /// With which partner.
        partner: PartnerName,
    },
    /// There is a contract.
    AgreeContract {
        /// With which partner.
        partner: PartnerName,
        /// What it has to allow.
        allows: BTreeSet<MarketingAction>,
    },
    /// A policy does not count.
    DisablePolicy {
        /// The policy.
        policy: PolicyName,
    },
}

impl Change {
    /// Makes the change. What it is about and is not there stays away.
    pub(super) fn apply(&self, catalogue: &mut Catalogue) {
        match self {
            Change::DropMapping { dataflow, target } => {
                if let Some(dataflow) = catalogue.dataflows.get_mut(dataflow) {
                    dataflow.mapping.retain(|mapping| mapping.target != *target);
                }
            }
            Change::DropField { audience, field } => {
                if let Some(audience) = catalogue.audiences.get_mut(audience) {
                    audience.reads.remove(field);
                }
            }
            Change::DropReference { audience, reference } => {
                if let Some(audience) = catalogue.audiences.get_mut(audience) {
                    audience.refers_to.remove(reference);
                }
            }
            Change::DropOfferAudience { offer, audience } => {
                if let Some(offer) = catalogue.offers.get_mut(offer) {
                    offer.all.remove(audience);
                    offer.none.remove(audience);
                }
            }
            Change::DropToldAudience { datastream, audience } => {
                if let Some(datastream) = catalogue.datastreams.get_mut(datastream) {
                    datastream.audiences.remove(audience);
                    if let Some(target) = &mut datastream.target {
                        target.audiences.remove(audience);
                    }
                }
            }
            Change::ExcludeDataset { merge_policy, dataset } => exclude(catalogue, merge_policy, dataset),
            Change::LeaveGraphOut { audience } => drop(leave_graph_out(catalogue, audience)),
            Change::DropAction { destination, action } => {
                if let Some(destination) = catalogue.destinations.get_mut(destination) {
                    destination.marketing_actions.remove(action);
                }
            }
            Change::DropOfferAction { offer, action } => {
                if let Some(offer) = catalogue.offers.get_mut(offer) {
                    offer.marketing_actions.remove(action);
                }
            }
            Change::UnlabelField { schema, field, label } => {
                let schema = catalogue.schemas.get_mut(schema);
                if let Some(field) = schema.and_then(|schema| field_mut(&mut schema.fields, field)) {
                    field.labels.remove(label);
                }
            }
            Change::UnlabelDataset { dataset, label } => {
                if let Some(dataset) = catalogue.datasets.get_mut(dataset) {
                    dataset.labels.remove(label);
                }
            }
            Change::AllowAction { partner, action } => {
                if let Some(contract) = contract_mut(catalogue, partner) {
                    contract.allows.insert(action.clone());
                }
            }
            Change::RenewContract { partner } => {
                if let Some(contract) = contract_mut(catalogue, partner) {
                    contract.ends = None;
                }
            }
            Change::AgreeContract { partner, allows } => {
                if let Some(partner) = catalogue.partners.get_mut(partner) {
                    let matching = Matching::Deterministic;
                    let allows = allows.clone();
                    partner.contract = Some(Contract { allows, ends: None, matching, ordered: false });
                }
            }
            Change::DisablePolicy { policy } => {
                if let Some(policy) = catalogue.policies.get_mut(policy) {
                    policy.status = PolicyStatus::Disabled;
                }
                if let Some(policy) = catalogue.consent_policies.get_mut(policy) {
                    policy.status = PolicyStatus::Disabled;
                }
            }
        }
    }
}

fn contract_mut<'a>(catalogue: &'a mut Catalogue, partner: &PartnerName) -> Option<&'a mut Contract> {
    catalogue.partners.get_mut(partner)?.contract.as_mut()
}

/// Leaves a dataset out of a merge policy: datasets that a precedence does not name are not merged.
fn exclude(catalogue: &mut Catalogue, merge_policy: &MergePolicyName, dataset: &DatasetName) {
    let is_of_profiles = |name: &DatasetName| {
        let schema = catalogue.datasets.get(name).and_then(|dataset| catalogue.schemas.get(&dataset.schema));
        schema.is_some_and(|schema| schema.class == Class::Profile)
    };
    let all: Vec<DatasetName> =
        catalogue.datasets.keys().filter(|name| is_of_profiles(name)).cloned().collect();
    let Some(policy) = catalogue.merge_policies.get_mut(merge_policy) else { return };
    let mut order = match &policy.attributes {
        AttributeMerge::TimestampOrdered => all,
        AttributeMerge::DatasetPrecedence(order) => order.clone(),
    };
    order.retain(|each| each != dataset);
    policy.attributes = AttributeMerge::DatasetPrecedence(order);
}

/// Gives an audience a merge policy of its own, which is without the identity graph and otherwise as the former.
fn leave_graph_out(catalogue: &mut Catalogue, audience: &AudienceName) -> Option<()> {
    let audience = catalogue.audiences.get_mut(audience)?;
    let former = catalogue.merge_policies.get(&audience.merge_policy)?;
    let name: MergePolicyName = audience.name.as_str().parse().ok()?;
    if catalogue.merge_policies.contains_key(&name) {
        return None;
    }
    let identity_graph = IdentityGraph::None;
    let policy =
        MergePolicy { name, default: false, identity_graph, active_on_edge: false, ..former.clone() };
    audience.merge_policy = policy.name.clone();
    catalogue.merge_policies.insert(policy.name.clone(), policy);
    Some(())
}

fn field_mut<'a>(fields: &'a mut Fields, path: &FieldPath) -> Option<&'a mut Field> {
    let mut steps = path.steps();
    let first = fields.get_mut(steps.next()?)?;
    steps.try_fold(first, |field, step| match &mut field.kind {
        FieldType::Object(members) => members.get_mut(step),
        _ => None,
    })
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::DropMapping { dataflow, target } => {
                write!(formatter, "take `{target}` out of the mapping of dataflow `{dataflow}`")
            }
            Change::DropField { audience, field } => {
                write!(formatter, "take field `{field}` out of the definition of audience `{audience}`")
            }
            Change::DropReference { audience, reference } => write!(
                formatter,
                "take the reference to audience `{reference}` out of the definition of audience `{audience}`"
            ),
            Change::DropOfferAudience { offer, audience } => {
                write!(formatter, "decide offer `{offer}` without audience `{audience}`")
            }
            Change::DropToldAudience { datastream, audience } => {
                write!(formatter, "take audience `{audience}` off what datastream `{datastream}` tells")
            }
            Change::ExcludeDataset { merge_policy, dataset } => write!(
                formatter,
                "leave dataset `{dataset}` out of merge policy `{merge_policy}`, by a precedence that does not name it"
            ),
            Change::LeaveGraphOut { audience } => {
                write!(formatter, "give audience `{audience}` a merge policy with `identity_graph: none`")
            }
            Change::DropAction { destination, action } => write!(
                formatter,
                "take `{action}` off destination `{destination}`, if nobody does that with the data there"
            ),
            Change::DropOfferAction { offer, action } => {
                write!(formatter, "take `{action}` off offer `{offer}`, if showing it is none")
            }
            Change::UnlabelField { schema, field, label } => write!(
                formatter,
                "take label `{label}` off field `{field}` of schema `{schema}`, if the data is no such data"
            ),
            Change::UnlabelDataset { dataset, label } => {
                write!(formatter, "take label `{label}` off dataset `{dataset}`, if the data is no such data")
            }
            Change::AllowAction { partner, action } => {
                write!(formatter, "agree with partner `{partner}` that its contract allows `{action}`")
            }
            Change::RenewContract { partner } => {
                write!(formatter, "renew the contract with partner `{partner}` and state its new end")
            }
            Change::AgreeContract { partner, allows } => {
                let named: Vec<String> = allows.iter().map(|action| format!("`{action}`")).collect();
                let named = named.join(" and ");
                write!(formatter, "agree on a contract with partner `{partner}` that allows {named}")
            }
            Change::DisablePolicy { policy } => {
                write!(formatter, "disable policy `{policy}`, if the data steward agrees")
            }
        }
    }
}
