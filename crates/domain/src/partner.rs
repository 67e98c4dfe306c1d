//! Data partners and what their contracts allow.

use std::collections::BTreeSet;

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::label::MarketingAction;
use crate::name::PartnerName;
use crate::namespace::NamespaceCode;

/// For how many days the data of a contract that has run out is kept, out of use, before it is deleted: contracts are
/// renewed late.
pub const GRACE_DAYS: i64 = 30;

/// A company that supplies data on people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partner {
    /// Its name in the project.
    pub name: PartnerName,
    /// A title for people.
    pub title: String,
    /// The namespace of its own IDs, of type Partner ID.
    pub namespace: NamespaceCode,
    /// What it allows. Without a contract its data serves for segmentation only: no audience that reads it leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Contract>,
}

/// What a partner's contract allows, and until when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// The marketing actions that the data may serve; every other one is refused.
    pub allows: BTreeSet<MarketingAction>,
    /// The last day on which the data may be used, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Date>,
    /// How the partner recognises people.
    pub matching: Matching,
    /// Whether its end was ordered by a command, and not by the project.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ordered: bool,
}

/// How a partner recognises people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// By an identifier that both sides hold.
    Deterministic,
    /// By likelihood.
    Probabilistic,
}

impl Contract {
    /// Whether the contract has run out by a day.
    pub fn has_ended(&self, today: Date) -> bool {
        self.ends.is_some_and(|ends| today > ends)
    }

    /// Whether it ran out so long before a day that nobody renews it any more.
    pub fn is_past(&self, today: Date) -> bool {
        let grace = Span::new().days(GRACE_DAYS);
        self.ends.is_some_and(|ends| ends.checked_add(grace).is_ok_and(|last| today > last))
    }
}
