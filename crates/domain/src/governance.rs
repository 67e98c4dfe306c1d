//! Governance: policies, and the check of every use of an audience against policies and contracts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::dataflow::{Dataflow, Source};
use crate::dataset::Dataset;
use crate::edge::offer::Offer;
use crate::label::{Label, MarketingAction, ONSITE_PERSONALIZATION, THIRD_PARTY};
use crate::name::{AudienceName, DatastreamName, PartnerName, PolicyName};
use crate::refusal::{Activation, Cause, Lineage, Refusal, Through};
use crate::value::FieldPath;

pub mod core;
pub mod evaluation;

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

impl PolicyStatus {
    /// Whether a policy counts; drafts do only where somebody asks what they would do.
    pub fn counts(self, with_drafts: bool) -> bool {
        match self {
            PolicyStatus::Enabled => true,
            PolicyStatus::Draft => with_drafts,
            PolicyStatus::Disabled => false,
        }
    }
}

/// An expression over labels, in the documented form: `{label: C1}` or `{operator: AND, operands: [...]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, try_from = "DenyForm")]
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

    /// The part of the expression that holds of some labels, or nothing where it does not hold: of alternatives those
    /// that hold. Without operands nothing holds.
    pub fn matched(&self, labels: &BTreeSet<Label>) -> Option<Deny> {
        match self {
            Deny::Label { label } => labels.contains(label).then(|| self.clone()),
            Deny::Group { operator, operands } => {
                let mut held: Vec<Deny> =
                    operands.iter().filter_map(|operand| operand.matched(labels)).collect();
                match (operator, held.len()) {
                    (Operator::And, number) if number < operands.len() => None,
                    (_, 0 | 1) => held.pop(),
                    _ => Some(Deny::Group { operator: *operator, operands: held }),
                }
            }
        }
    }
}

/// How a deny expression is written, before it is known which of the two forms it has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DenyForm {
    label: Option<Label>,
    operator: Option<Operator>,
    operands: Option<Vec<Deny>>,
}

impl TryFrom<DenyForm> for Deny {
    type Error = &'static str;

    fn try_from(form: DenyForm) -> Result<Deny, &'static str> {
        match form {
            DenyForm { label: Some(label), operator: None, operands: None } => Ok(Deny::Label { label }),
            DenyForm { label: None, operator: Some(operator), operands: Some(operands) } => {
                if operands.is_empty() {
                    return Err("a deny expression without operands, expected at least one operand");
                }
                Ok(Deny::Group { operator, operands })
            }
            _ => Err(
                "a deny expression of neither form, expected either `label`, or `operator` with `operands`",
            ),
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

/// A use of an audience that is judged.
struct Use<'a> {
    activation: Activation,
    audience: &'a AudienceName,
    actions: &'a BTreeSet<MarketingAction>,
    lineage: Vec<Lineage>,
}

/// Every reason for which a dataflow may not send on a day; none where it may.
///
/// Labels are those of every field that the audience's definition reads and that is mapped, from every dataset that
/// can supply it under the audience's merge policy. AND-policies are judged on all of them together, since they all
/// belong to one audience.
pub fn check(catalogue: &Catalogue, dataflow: &Dataflow, today: Date) -> Vec<Refusal> {
    let Some(destination) = catalogue.destinations.get(&dataflow.destination) else { return Vec::new() };
    let of_dataflow = Use {
        activation: Activation::Dataflow {
            dataflow: dataflow.name.clone(),
            destination: destination.name.clone(),
        },
        audience: &dataflow.audience,
        actions: &destination.marketing_actions,
        lineage: lineage(catalogue, dataflow),
    };
    of_dataflow.judge(catalogue, today)
}

/// Every reason for which an offer may not be shown on a day; none where it may. Each of its audiences is judged by
/// itself: being shown the offer, or not, tells of each.
pub fn check_offer(catalogue: &Catalogue, offer: &Offer, today: Date) -> Vec<Refusal> {
    let activation = Activation::Offer { offer: offer.name.clone() };
    check_audiences(catalogue, &activation, offer.audiences(), &offer.marketing_actions, today)
}

/// Every reason for which a datastream may not tell others who is in some of its audiences.
pub fn check_disclosure<'a>(
    catalogue: &Catalogue,
    datastream: &DatastreamName,
    audiences: impl IntoIterator<Item = &'a AudienceName>,
    today: Date,
) -> Vec<Refusal> {
    let activation = Activation::Datastream { datastream: datastream.clone() };
    let actions = BTreeSet::from([ONSITE_PERSONALIZATION.into()]);
    check_audiences(catalogue, &activation, audiences, &actions, today)
}

/// Whether a datastream may tell the site's own servers what partners' scripts say of a field: as strictly as it is
/// judged whether a page may be made of it.
pub fn may_tell(catalogue: &Catalogue, datastream: &DatastreamName, field: &FieldPath, today: Date) -> bool {
    let action = MarketingAction::from(ONSITE_PERSONALIZATION);
    let has_field = |dataset: &Dataset| {
        catalogue.schemas.get(&dataset.schema).is_some_and(|each| each.field(field).is_some())
    };
    let suppliers = catalogue.signals(datastream).map(|(dataset, _)| dataset);
    suppliers.filter(|dataset| has_field(dataset)).all(|dataset| {
        let labels = catalogue.labels(dataset, field);
        let denies = |policy: &Policy| {
            policy.status.counts(false)
                && policy.marketing_actions.contains(&action)
                && policy.deny.matched(&labels).is_some()
        };
        let contract = catalogue.partner_of(dataset).and_then(|partner| partner.contract.as_ref());
        let is_allowed =
            contract.is_some_and(|contract| !contract.has_ended(today) && contract.allows.contains(&action));
        (is_allowed || !labels.contains(&Label::from(THIRD_PARTY)))
            && !catalogue.policies.values().any(denies)
    })
}

fn check_audiences<'a>(
    catalogue: &Catalogue,
    activation: &Activation,
    audiences: impl IntoIterator<Item = &'a AudienceName>,
    actions: &BTreeSet<MarketingAction>,
    today: Date,
) -> Vec<Refusal> {
    let judge = |audience| {
        let lineage = definition_lineage(catalogue, audience).into_iter().collect();
        Use { activation: activation.clone(), audience, actions, lineage }.judge(catalogue, today)
    };
    audiences.into_iter().flat_map(judge).collect()
}

/// Every way by which data would leave through a dataflow.
pub fn lineage(catalogue: &Catalogue, dataflow: &Dataflow) -> Vec<Lineage> {
    let mut ways = definition_lineage(catalogue, &dataflow.audience);
    if let Some(audience) = catalogue.audiences.get(&dataflow.audience) {
        for mapping in &dataflow.mapping {
            let target = mapping.target.clone();
            let (suppliers, through) = match &mapping.source {
                Source::Field(path) => {
                    (catalogue.suppliers(path, &audience.merge_policy), Through::Mapping(target))
                }
                Source::Identity(namespace) => {
                    (catalogue.identity_suppliers(namespace), Through::Identity(namespace.clone(), target))
                }
            };
            ways.extend(suppliers.into_iter().map(|each| way(catalogue, each, through.clone())));
        }
    }
    ways.into_iter().collect()
}

/// Every way by which being in an audience tells of data.
fn definition_lineage(catalogue: &Catalogue, audience: &AudienceName) -> BTreeSet<Lineage> {
    let mut ways = BTreeSet::new();
    for audience in catalogue.with_references(audience) {
        for path in &audience.reads {
            let through = Through::Definition(audience.name.clone());
            let suppliers = catalogue.suppliers(path, &audience.merge_policy);
            ways.extend(suppliers.into_iter().map(|each| way(catalogue, each, through.clone())));
        }
    }
    ways
}

fn way(catalogue: &Catalogue, (dataset, field): (&Dataset, FieldPath), through: Through) -> Lineage {
    Lineage { dataset: dataset.name.clone(), labels: catalogue.labels(dataset, &field), field, through }
}

impl Use<'_> {
    fn judge(&self, catalogue: &Catalogue, today: Date) -> Vec<Refusal> {
        let mut refusals = self.check_policies(catalogue);
        refusals.extend(self.check_contracts(catalogue, today));
        refusals
    }

    fn check_policies(&self, catalogue: &Catalogue) -> Vec<Refusal> {
        let labels: BTreeSet<Label> =
            self.lineage.iter().flat_map(|way| way.labels.iter().cloned()).collect();
        let enabled = catalogue.policies.values().filter(|policy| policy.status.counts(false));
        enabled
            .filter_map(|policy| {
                let actions: BTreeSet<_> =
                    policy.marketing_actions.intersection(self.actions).cloned().collect();
                let matched = policy.deny.matched(&labels)?;
                let matched: BTreeSet<Label> = matched.labels().into_iter().cloned().collect();
                if actions.is_empty() {
                    return None;
                }
                let lineage =
                    self.lineage.iter().filter(|way| !way.labels.is_disjoint(&matched)).cloned().collect();
                let cure = format!("set policy `{}` to DISABLED, if the data steward agrees", policy.name);
                let cause = Cause::Policy { name: policy.name.clone(), deny: policy.deny.to_string() };
                Some(self.refusal(cause, actions, matched, lineage, cure))
            })
            .collect()
    }

    fn check_contracts(&self, catalogue: &Catalogue, today: Date) -> Vec<Refusal> {
        let mut by_partner: BTreeMap<Option<&PartnerName>, Vec<Lineage>> = BTreeMap::new();
        for way in &self.lineage {
            let partner = catalogue.datasets.get(&way.dataset).and_then(|dataset| dataset.partner.as_ref());
            if partner.is_some() || way.labels.contains(&Label::from(THIRD_PARTY)) {
                by_partner.entry(partner).or_default().push(way.clone());
            }
        }
        by_partner
            .into_iter()
            .filter_map(|(partner, lineage)| {
                let (cause, actions, cure) = self.breach(catalogue, partner, today)?;
                let labels = BTreeSet::from([THIRD_PARTY.into()]);
                Some(self.refusal(cause, actions, labels, lineage, cure))
            })
            .collect()
    }

    /// How a use of a partner's data breaks its contract: the cause, the actions, and how the contract side cures it.
    /// Data that is labelled Third-Party and comes from no partner has no contract.
    fn breach(
        &self,
        catalogue: &Catalogue,
        partner: Option<&PartnerName>,
        today: Date,
    ) -> Option<(Cause, BTreeSet<MarketingAction>, String)> {
        let all = self.actions.clone();
        let Some(name) = partner else {
            let cure =
                "name the partner, and its contract, on the dataset that supplies the field".to_owned();
            return Some((Cause::UncontractedThirdParty, all, cure));
        };
        let Some(contract) = catalogue.partners.get(name).and_then(|partner| partner.contract.as_ref())
        else {
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
        Some((
            Cause::ContractForbids { partner: name.clone(), allows: contract.allows.clone() },
            forbidden,
            cure,
        ))
    }

    fn refusal(
        &self,
        cause: Cause,
        actions: BTreeSet<MarketingAction>,
        labels: BTreeSet<Label>,
        lineage: Vec<Lineage>,
        cure: String,
    ) -> Refusal {
        let mut cures = vec![cure];
        cures.extend(self.common_cures(&actions, &lineage));
        Refusal {
            activation: self.activation.clone(),
            audience: self.audience.clone(),
            cause,
            actions,
            labels,
            lineage,
            cures,
        }
    }

    /// The cures that any rule has: the actions are not done, or the data is not used.
    fn common_cures(&self, actions: &BTreeSet<MarketingAction>, lineage: &[Lineage]) -> Vec<String> {
        let actions: Vec<String> = actions.iter().map(|action| format!("`{action}`")).collect();
        let actions = actions.join(" or ");
        let ways: BTreeSet<String> =
            lineage.iter().map(|way| format!("`{}` from {}", way.field, way.through)).collect();
        let instead = match &self.activation {
            Activation::Dataflow { destination, .. } => {
                format!(
                    "bring the audience to a destination that does not do {actions}, unlike `{destination}`"
                )
            }
            Activation::Offer { offer } => {
                format!("show offer `{offer}` by audiences whose data may be used for {actions}")
            }
            Activation::Datastream { datastream } => {
                format!("take audience `{}` off what datastream `{datastream}` tells", self.audience)
            }
        };
        vec![instead, format!("take {} out", ways.into_iter().collect::<Vec<_>>().join(", and "))]
    }
}
