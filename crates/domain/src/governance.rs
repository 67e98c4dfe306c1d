//! Governance: policies, what they deny, whose consent they ask for, and what would cure a refusal.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::label::{Label, MarketingAction};
use crate::name::PolicyName;

mod check;
pub mod consent;
pub mod core;
pub mod cure;
pub mod evaluation;

pub use check::{
    check, check_activation, check_disclosure, check_offer, lineage, may_tell, required_consents,
};

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
