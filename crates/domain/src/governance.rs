//! Governance: policies, and the check of a dataflow against policies and contracts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::dataflow::{Dataflow, Destination, Source};
use crate::label::{Label, MarketingAction, THIRD_PARTY};
use crate::name::{PartnerName, PolicyName};
use crate::refusal::{Cause, Lineage, Refusal, Through};

/// A data usage policy: denies marketing actions on data whose labels satisfy an expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Its name in the project.
    pub name: PolicyName,
    /// What it is for.
    pub description: String,
    /// Whether it counts.
    pub status: PolicyStatus,
    /// The marketing actions that it denies: any of them is enough.
    pub marketing_actions: BTreeSet<MarketingAction>,
    /// The labels to which it denies them.
    pub deny: Deny,
}

/// Whether a policy counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PolicyStatus {
    /// Being written: it does not count.
    Draft,
    /// It counts.
    Enabled,
    /// It does not count.
    Disabled,
}

/// An expression over labels, in the documented form: `{label: C1}` or `{operator: AND, operands: [...]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Deny {
    /// True of data that carries the label.
    Label {
        /// The label.
        label: Label,
    },
    /// Operands under one operator.
    Group {
        /// How the operands are joined.
        operator: Operator,
        /// What is joined.
        operands: Vec<Deny>,
    },
}

/// How the operands of a deny expression are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operator {
    /// All of them hold.
    And,
    /// One of them holds.
    Or,
}

impl Deny {
    /// Every label that the expression names.
    pub fn labels(&self) -> BTreeSet<&Label> {
        match self {
            Deny::Label { label } => BTreeSet::from([label]),
            Deny::Group { operands, .. } => operands.iter().flat_map(Deny::labels).collect(),
        }
    }

    /// The labels because of which the expression holds, or nothing where it does not hold.
    fn matched(&self, labels: &BTreeSet<Label>) -> Option<BTreeSet<Label>> {
        match self {
            Deny::Label { label } => labels.contains(label).then(|| BTreeSet::from([label.clone()])),
            Deny::Group { operator: Operator::And, operands } => {
                let parts: Option<Vec<_>> = operands.iter().map(|operand| operand.matched(labels)).collect();
                parts.filter(|parts| !parts.is_empty()).map(|parts| parts.into_iter().flatten().collect())
            }
            Deny::Group { operator: Operator::Or, operands } => {
                let parts: Vec<_> = operands.iter().filter_map(|operand| operand.matched(labels)).collect();
                (!parts.is_empty()).then(|| parts.into_iter().flatten().collect())
            }
        }
    }
}

impl fmt::Display for Deny {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deny::Label { label } => write!(formatter, "`{label}`"),
            Deny::Group { operator, operands } => {
                let word = if *operator == Operator::And { " and " } else { " or " };
                let parts: Vec<String> = operands.iter().map(ToString::to_string).collect();
                write!(formatter, "({})", parts.join(word))
            }
        }
    }
}

/// Every reason for which a dataflow may not send on a day; none where it may.
///
/// Labels are those of every field that the audience's definition reads and that is mapped, from every dataset that
/// can supply it under the audience's merge policy. AND-policies are judged on all of them together, since they all
/// belong to one audience.
pub fn check(catalogue: &Catalogue, dataflow: &Dataflow, today: Date) -> Vec<Refusal> {
    let Some(destination) = catalogue.destinations.get(&dataflow.destination) else { return Vec::new() };
    let lineage = lineage(catalogue, dataflow);
    let mut refusals = check_policies(catalogue, dataflow, destination, &lineage);
    refusals.extend(check_contracts(catalogue, dataflow, destination, &lineage, today));
    refusals
}

/// Every way by which data would leave through a dataflow.
pub fn lineage(catalogue: &Catalogue, dataflow: &Dataflow) -> Vec<Lineage> {
    let way = |(dataset, field): (&crate::dataset::Dataset, _), through: Through| Lineage {
        dataset: dataset.name.clone(),
        labels: catalogue.labels(dataset, &field),
        field,
        through,
    };
    let mut ways = BTreeSet::new();
    for audience in catalogue.with_references(&dataflow.audience) {
        for path in &audience.reads {
            let suppliers = catalogue.suppliers(path, &audience.merge_policy);
            ways.extend(
                suppliers.into_iter().map(|each| way(each, Through::Definition(audience.name.clone()))),
            );
        }
    }
    if let Some(audience) = catalogue.audiences.get(&dataflow.audience) {
        for mapping in &dataflow.mapping {
            let target = mapping.target.clone();
            match &mapping.source {
                Source::Field(path) => {
                    let suppliers = catalogue.suppliers(path, &audience.merge_policy);
                    ways.extend(
                        suppliers.into_iter().map(|each| way(each, Through::Mapping(target.clone()))),
                    );
                }
                Source::Identity(namespace) => {
                    let through = Through::Identity(namespace.clone(), target);
                    let suppliers = catalogue.identity_suppliers(namespace);
                    ways.extend(suppliers.into_iter().map(|each| way(each, through.clone())));
                }
            }
        }
    }
    ways.into_iter().collect()
}

fn check_policies(
    catalogue: &Catalogue,
    dataflow: &Dataflow,
    destination: &Destination,
    lineage: &[Lineage],
) -> Vec<Refusal> {
    let labels: BTreeSet<Label> = lineage.iter().flat_map(|way| way.labels.iter().cloned()).collect();
    let enabled = catalogue.policies.values().filter(|policy| policy.status == PolicyStatus::Enabled);
    enabled
        .filter_map(|policy| {
            let actions: BTreeSet<_> =
                policy.marketing_actions.intersection(&destination.marketing_actions).cloned().collect();
            let matched = policy.deny.matched(&labels)?;
            if actions.is_empty() {
                return None;
            }
            let lineage: Vec<Lineage> =
                lineage.iter().filter(|way| !way.labels.is_disjoint(&matched)).cloned().collect();
            let mut cures =
                vec![format!("set policy `{}` to DISABLED, if the data steward agrees", policy.name)];
            cures.extend(common_cures(destination, &actions, &lineage));
            Some(Refusal {
                dataflow: dataflow.name.clone(),
                audience: dataflow.audience.clone(),
                destination: destination.name.clone(),
                cause: Cause::Policy { name: policy.name.clone(), deny: policy.deny.to_string() },
                actions,
                labels: matched,
                lineage,
                cures,
            })
        })
        .collect()
}

fn check_contracts(
    catalogue: &Catalogue,
    dataflow: &Dataflow,
    destination: &Destination,
    lineage: &[Lineage],
    today: Date,
) -> Vec<Refusal> {
    let mut by_partner: BTreeMap<Option<&PartnerName>, Vec<Lineage>> = BTreeMap::new();
    for way in lineage {
        let partner = catalogue.datasets.get(&way.dataset).and_then(|dataset| dataset.partner.as_ref());
        if partner.is_some() || way.labels.contains(&Label::from(THIRD_PARTY)) {
            by_partner.entry(partner).or_default().push(way.clone());
        }
    }
    by_partner
        .into_iter()
        .filter_map(|(partner, lineage)| {
            let (cause, actions, cure) = breach(catalogue, partner, destination, today)?;
            let mut cures = vec![cure];
            cures.extend(common_cures(destination, &actions, &lineage));
            Some(Refusal {
                dataflow: dataflow.name.clone(),
                audience: dataflow.audience.clone(),
                destination: destination.name.clone(),
                cause,
                actions,
                labels: BTreeSet::from([THIRD_PARTY.into()]),
                lineage,
                cures,
            })
        })
        .collect()
}

/// How a use of a partner's data breaks its contract: the cause, the actions, and how the contract side cures it.
/// Data that is labelled Third-Party and comes from no partner has no contract.
fn breach(
    catalogue: &Catalogue,
    partner: Option<&PartnerName>,
    destination: &Destination,
    today: Date,
) -> Option<(Cause, BTreeSet<MarketingAction>, String)> {
    let all = destination.marketing_actions.clone();
    let Some(name) = partner else {
        let cure = "name the partner, and its contract, on the dataset that supplies the field".to_owned();
        return Some((Cause::UncontractedThirdParty, all, cure));
    };
    let Some(contract) = catalogue.partners.get(name).and_then(|partner| partner.contract.as_ref()) else {
        let cure = format!("agree on a contract with partner `{name}` and state it in the project");
        return Some((Cause::NoContract { partner: name.clone() }, all, cure));
    };
    if let Some(ended) = contract.ends.filter(|_| contract.has_ended(today)) {
        let cure = format!("renew the contract with partner `{name}` and state its new end");
        return Some((Cause::ContractEnded { partner: name.clone(), ended }, all, cure));
    }
    let forbidden: BTreeSet<_> = all.difference(&contract.allows).cloned().collect();
    if forbidden.is_empty() {
        return None;
    }
    let named: Vec<String> = forbidden.iter().map(|action| format!("`{action}`")).collect();
    let cure = format!("agree with partner `{name}` that its contract allows {}", named.join(" and "));
    Some((Cause::ContractForbids { partner: name.clone(), allows: contract.allows.clone() }, forbidden, cure))
}

/// The cures that any rule has: the destination stops the actions, or the data does not leave.
fn common_cures(
    destination: &Destination,
    actions: &BTreeSet<MarketingAction>,
    lineage: &[Lineage],
) -> Vec<String> {
    let actions: Vec<String> = actions.iter().map(|action| format!("`{action}`")).collect();
    let ways: BTreeSet<String> =
        lineage.iter().map(|way| format!("`{}` from {}", way.field, way.through)).collect();
    vec![
        format!(
            "bring the audience to a destination that does not do {}, unlike `{}`",
            actions.join(" or "),
            destination.name
        ),
        format!("take {} out", ways.into_iter().collect::<Vec<_>>().join(", and ")),
    ]
}
