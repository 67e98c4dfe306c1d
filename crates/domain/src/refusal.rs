//! Refusals: what may not leave, exactly why, and what would cure it.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::label::{Label, MarketingAction};
use crate::name::{
    AudienceName, DataflowName, DatasetName, DatastreamName, DestinationName, MergePolicyName, OfferName,
    PartnerName, PolicyName,
};
use crate::namespace::NamespaceCode;
use crate::value::FieldPath;

/// One reason for which a dataflow may not send, or a visitor may not be shown something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What is refused.
    #[serde(flatten)]
    pub activation: Activation,
    /// The audience that it would use.
    pub audience: AudienceName,
    /// Which rule refuses it.
    pub cause: Cause,
    /// The marketing actions that the rule is about.
    pub actions: BTreeSet<MarketingAction>,
    /// The labels that the rule matched.
    pub labels: BTreeSet<Label>,
    /// Every way by which governed data would leave.
    pub lineage: Vec<Lineage>,
}

/// A use that is made of an audience.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Activation {
    /// A dataflow brings it to a destination.
    Dataflow {
        /// The dataflow.
        dataflow: DataflowName,
        /// The destination.
        destination: DestinationName,
    },
    /// An offer is shown to its members, or withheld from them.
    Offer {
        /// The offer.
        offer: OfferName,
    },
    /// A datastream tells Adobe Target, or a page, who is in it.
    Datastream {
        /// The datastream.
        datastream: DatastreamName,
    },
}

impl Activation {
    /// The dataflow, if it is one.
    pub fn dataflow(&self) -> Option<&DataflowName> {
        match self {
            Activation::Dataflow { dataflow, .. } => Some(dataflow),
            Activation::Offer { .. } | Activation::Datastream { .. } => None,
        }
    }
}

/// Which rule refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An enabled policy denies what the labels and the actions come to.
    Policy {
        /// The policy.
        name: PolicyName,
        /// Its deny expression.
        deny: String,
        /// The part of it that holds of the data.
        #[serde(default)]
        matched: String,
    },
    /// An enabled consent policy asks for a consent that nobody knows where the use is made.
    ConsentUnknown {
        /// The policy.
        name: PolicyName,
        /// The attribute that says whether somebody consents.
        field: FieldPath,
    },
    /// The partner's contract does not allow the actions.
    ContractForbids {
        /// The partner.
        partner: PartnerName,
        /// What it does allow.
        allows: BTreeSet<MarketingAction>,
    },
    /// The partner's contract has run out.
    ContractEnded {
        /// The partner.
        partner: PartnerName,
        /// The last day of the contract.
        ended: Date,
    },
    /// There is no contract: the data serves for segmentation only.
    NoContract {
        /// The partner.
        partner: PartnerName,
    },
    /// The field is labelled Third-Party, and no partner with a contract supplies it: it serves for segmentation only.
    UncontractedThirdParty,
}

impl Cause {
    /// The policy, where one refuses.
    pub fn policy(&self) -> Option<&PolicyName> {
        match self {
            Cause::Policy { name, .. } | Cause::ConsentUnknown { name, .. } => Some(name),
            _ => None,
        }
    }
}

/// One way from a dataset's field to a destination.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lineage {
    /// The dataset that can supply the field.
    pub dataset: DatasetName,
    /// The field.
    pub field: FieldPath,
    /// The labels that it carries there.
    pub labels: BTreeSet<Label>,
    /// The merge policy under which it becomes part of the profile; none for events and identities, which are not merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_policy: Option<MergePolicyName>,
    /// How it would leave.
    pub through: Through,
    /// The audiences that carry it on by `inSegment`, from the one that refers to the one whose definition reads the
    /// field to the one that is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<AudienceName>,
}

impl Lineage {
    /// The audience under whose merge policy the data is seen: the one whose definition reads it, else the one that is used.
    pub fn seen_by<'a>(&'a self, used: &'a AudienceName) -> &'a AudienceName {
        match &self.through {
            Through::Definition(audience) => audience,
            Through::Mapping(_) | Through::Identity(..) => used,
        }
    }
}

/// How a field's data leaves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// An audience's definition reads it: being a member tells something of it.
    Definition(AudienceName),
    /// It is mapped to what the vendor calls so.
    Mapping(String),
    /// It is an identity of a namespace that is mapped to what the vendor calls so.
    Identity(NamespaceCode, String),
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Policy { name, deny, matched } if matched.is_empty() || matched == deny => {
                write!(formatter, "policy `{name}` denies {deny}")
            }
            Cause::Policy { name, deny, matched } => {
                write!(formatter, "policy `{name}` denies {deny}, of which {matched} holds")
            }
            Cause::ConsentUnknown { name, field } => write!(
                formatter,
                "policy `{name}` asks for the consent in field `{field}`, which is not known where pages are answered"
            ),
            Cause::ContractForbids { partner, .. } => {
                write!(formatter, "the contract with partner `{partner}` does not allow it")
            }
            Cause::ContractEnded { partner, ended } => {
                write!(formatter, "the contract with partner `{partner}` ended on {ended}")
            }
            Cause::NoContract { partner } => write!(
                formatter,
                "there is no contract with partner `{partner}`, so its data serves for segmentation only"
            ),
            Cause::UncontractedThirdParty => formatter
                .write_str("no contract covers this Third-Party data, so it serves for segmentation only"),
        }
    }
}

impl fmt::Display for Through {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Through::Definition(audience) => write!(formatter, "the definition of audience `{audience}`"),
            Through::Mapping(target) => write!(formatter, "the mapping to `{target}`"),
            Through::Identity(namespace, target) => {
                write!(formatter, "the mapping of identity `{namespace}` to `{target}`")
            }
        }
    }
}

/// What a list of names reads like: `a`, `b`.
fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audience = &self.audience;
        match &self.activation {
            Activation::Dataflow { dataflow, destination } => write!(
                formatter,
                "dataflow `{dataflow}` may not bring audience `{audience}` to destination `{destination}`"
            )?,
            Activation::Offer { offer } => {
                write!(formatter, "offer `{offer}` may not be shown by audience `{audience}`")?;
            }
            Activation::Datastream { datastream } => {
                write!(formatter, "datastream `{datastream}` may not tell of audience `{audience}`")?;
            }
        }
        write!(formatter, " for {}: {}", listed(&self.actions), self.cause)?;
        for way in &self.lineage {
            write!(formatter, "; field `{}` of dataset `{}`", way.field, way.dataset)?;
            if !way.labels.is_empty() {
                write!(formatter, " (labels {})", listed(&way.labels))?;
            }
            write!(formatter, " would leave through {}", way.through)?;
            for audience in &way.via {
                write!(formatter, ", to which audience `{audience}` refers")?;
            }
        }
        Ok(())
    }
}
