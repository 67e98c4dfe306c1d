//! Consent policies: where they apply, a use goes on for those who have consented, and for nobody else.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Operator, PolicyStatus};
use crate::catalogue::Catalogue;
use crate::dataflow::Dataflow;
use crate::label::{Label, MarketingAction};
use crate::name::PolicyName;
use crate::profile::Profile;
use crate::value::{self, FieldPath, Object, Value};

/// A consent policy: if data of some labels serves some marketing actions, then an attribute of the person says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConsentPolicy {
    /// Its name in the project.
    pub name: PolicyName,
    /// What it is for.
    pub description: String,
    /// Whether it counts.
    pub status: PolicyStatus,
    /// Which uses it is about.
    #[serde(rename = "if")]
    pub condition: Condition,
    /// What it asks of each person.
    #[serde(rename = "then")]
    pub consent: Consent,
}

/// An expression over the labels and the marketing actions of a use: `{label: C1}`,
/// `{marketing_action: Email Targeting}`, or `{operator: AND, operands: [...]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Condition {
    /// True of data that carries the label.
    Label {
        /// The label.
        label: Label,
    },
    /// True of uses that do the action.
    Action {
        /// The marketing action.
        marketing_action: MarketingAction,
    },
    /// Operands under one operator.
    Group {
        /// How the operands are joined.
        operator: Operator,
        /// What is joined.
        operands: Vec<Condition>,
    },
}

/// What a person has said, where it counts as consent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consent {
    /// The attribute, as it stands under the merge policy of the audience that is used.
    pub field: FieldPath,
    /// The values that are a consent. Any other one is none, and neither is silence.
    pub values: Vec<Value>,
}

/// A consent that a dataflow asks of each member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequiredConsent {
    /// The policy that asks for it.
    pub policy: PolicyName,
    /// What it asks for.
    #[serde(flatten)]
    pub consent: Consent,
}

impl ConsentPolicy {
    /// What it asks for, in its name.
    pub fn required(&self) -> RequiredConsent {
        RequiredConsent { policy: self.name.clone(), consent: self.consent.clone() }
    }
}

impl Condition {
    /// Whether it holds of a use of data.
    pub fn holds(&self, labels: &BTreeSet<Label>, actions: &BTreeSet<MarketingAction>) -> bool {
        match self {
            Condition::Label { label } => labels.contains(label),
            Condition::Action { marketing_action } => actions.contains(marketing_action),
            Condition::Group { operator: Operator::And, operands } => {
                !operands.is_empty() && operands.iter().all(|each| each.holds(labels, actions))
            }
            Condition::Group { operator: Operator::Or, operands } => {
                operands.iter().any(|each| each.holds(labels, actions))
            }
        }
    }

    /// Every label that it names.
    pub fn labels(&self) -> BTreeSet<&Label> {
        match self {
            Condition::Label { label } => BTreeSet::from([label]),
            Condition::Action { .. } => BTreeSet::new(),
            Condition::Group { operands, .. } => operands.iter().flat_map(Condition::labels).collect(),
        }
    }
}

impl Consent {
    /// Whether a person with these attributes has consented.
    pub fn is_given(&self, attributes: &Object) -> bool {
        value::at(attributes, &self.field)
            .is_some_and(|said| self.values.iter().any(|each| is_same(each, said)))
    }
}

/// Whether a dataflow leaves out a member of its audience, as a consent that policies ask for is not given.
pub fn withholds(catalogue: &Catalogue, dataflow: &Dataflow, profile: &Profile, now: Timestamp) -> bool {
    if dataflow.consents.is_empty() || profile.graph.merged_into.is_some() {
        return false;
    }
    let Some(audience) = catalogue.audiences.get(&dataflow.audience) else { return false };
    let Some(policy) = catalogue.merge_policies.get(&audience.merge_policy) else { return false };
    profile.is_realized_by(&audience.name, &audience.definition) == Some(true) && {
        let attributes = profile.merged(catalogue, policy, now).attributes;
        !dataflow.consents.iter().all(|required| required.consent.is_given(&attributes))
    }
}

/// Whether two values say the same. A field of decimal numbers holds whole ones too, written either way.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_number(), other.as_number()) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> Condition {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_condition_holds_of_labels_and_actions_as_it_joins_them() {
        const MAIL: &str = r#"{"marketing_action": "Email Targeting"}"#;
        const I1: &str = r#"{"label": "I1"}"#;
        let group = |operator: &str| format!(r#"{{"operator": "{operator}", "operands": [{MAIL}, {I1}]}}"#);
        for (text, mail_of_i1, mail, analytics_of_i1, nothing) in [
            (MAIL.to_owned(), true, true, false, false),
            (I1.to_owned(), true, false, true, false),
            (group("AND"), true, false, false, false),
            (group("OR"), true, true, true, false),
            (r#"{"operator": "AND", "operands": []}"#.to_owned(), false, false, false, false),
        ] {
            let condition = condition(&text);
            let holds = |labels: &[&str], action: &str| {
                let labels = labels.iter().map(|label| (*label).into()).collect();
                condition.holds(&labels, &BTreeSet::from([action.into()]))
            };
            let found = [
                holds(&["I1", "I2"], "Email Targeting"),
                holds(&["I2"], "Email Targeting"),
                holds(&["I1"], "Analytics"),
                holds(&[], "Analytics"),
            ];
            assert_eq!(found, [mail_of_i1, mail, analytics_of_i1, nothing], "{text}");
        }
    }

    #[test]
    fn only_a_listed_value_is_a_consent() {
        let consent = |json: &str| -> Consent { serde_json::from_str(json).unwrap() };
        let text = consent(r#"{"field": "consents.email", "values": ["y", "p"]}"#);
        let number = consent(r#"{"field": "consents.email", "values": [1]}"#);
        let flag = consent(r#"{"field": "consents.email", "values": [true]}"#);
        for (said, text_given, number_given, flag_given) in [
            (r#"{"consents": {"email": "y"}}"#, true, false, false),
            (r#"{"consents": {"email": "p"}}"#, true, false, false),
            (r#"{"consents": {"email": "n"}}"#, false, false, false),
            (r#"{"consents": {"email": "Y"}}"#, false, false, false),
            (r#"{"consents": {"email": 1}}"#, false, true, false),
            (r#"{"consents": {"email": 1.0}}"#, false, true, false),
            (r#"{"consents": {"email": true}}"#, false, false, true),
            (r#"{"consents": {"email": "true"}}"#, false, false, false),
            (r#"{"consents": {}}"#, false, false, false),
            ("{}", false, false, false),
        ] {
            let json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(said).unwrap();
            let attributes = value::object_from_json(&json);
            let given = [&text, &number, &flag].map(|consent| consent.is_given(&attributes));
            assert_eq!(given, [text_given, number_given, flag_given], "{said}");
        }
    }
}
