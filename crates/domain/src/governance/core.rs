//! The core policies of the documents. They ship disabled: a project enables those that it wants, by name.
//!
//! No public page has them all. Actions and labels of those for third parties, Segment Match and combining with
//! identity are published; of the others each follows from what its label says (`CORE_LABELS`).

use super::{Deny, Operator, Policy, PolicyStatus};

/// Name, what it is for, the marketing actions that it denies, and the labels to which it does.
type Row = (&'static str, &'static str, &'static [&'static str], Operator, &'static [&'static str]);

const ROWS: [Row; 11] = [
    (
        "restrict_third_party_export",
        "Data that stays with us is not exported to third parties",
        &["Export to Third Party"],
        Operator::Or,
        &["C2"],
    ),
    (
        "restrict_data_export",
        "Data that may not be exported leaves in no way",
        &["Cross Site Targeting", "Email Targeting", "Export to Third Party", "Segment Match"],
        Operator::Or,
        &["C12"],
    ),
    (
        "restrict_data_sharing",
        "Data that may not be shared is not used for Segment Match",
        &["Segment Match"],
        Operator::Or,
        &["C11"],
    ),
    (
        "restrict_identity_combination",
        "Anonymous data is not combined with what directly identifies a person",
        &["Combine with directly identifiable data"],
        Operator::And,
        &["C3", "I1"],
    ),
    (
        "restrict_stitched_identity",
        "Stitched identities are not used where a single one is asked for",
        &["Single Identity Personalization"],
        Operator::Or,
        &["C10"],
    ),
    (
        "restrict_cross_site_targeting",
        "Data is not used for cross-site targeting",
        &["Cross Site Targeting"],
        Operator::Or,
        &["C4", "C5"],
    ),
    (
        "restrict_onsite_advertising",
        "Data is not used for advertisements on one's own sites",
        &["Onsite Advertising"],
        Operator::Or,
        &["C4", "C6"],
    ),
    (
        "restrict_onsite_personalization",
        "Data is not used for content of one's own sites",
        &["Onsite Personalization"],
        Operator::Or,
        &["C4", "C7"],
    ),
    (
        "restrict_email_targeting",
        "Data is not used for e-mail targeting",
        &["Email Targeting"],
        Operator::Or,
        &["C4"],
    ),
    (
        "restrict_usage_analytics",
        "Data is not used to measure the use of one's own sites and apps",
        &["Analytics"],
        Operator::Or,
        &["C8"],
    ),
    ("restrict_data_science", "Data is not used in data science", &["Data Science"], Operator::Or, &["C9"]),
];

/// The core policies, disabled.
pub fn policies() -> impl Iterator<Item = Policy> {
    ROWS.into_iter().filter_map(|(name, description, actions, operator, labels)| {
        Some(Policy {
            name: name.parse().ok()?,
            description: description.to_owned(),
            status: PolicyStatus::Disabled,
            marketing_actions: actions.iter().map(|action| (*action).into()).collect(),
            deny: deny(operator, labels),
        })
    })
}

fn deny(operator: Operator, labels: &[&str]) -> Deny {
    let mut operands: Vec<Deny> = labels.iter().map(|label| Deny::Label { label: (*label).into() }).collect();
    match operands.pop() {
        Some(only) if operands.is_empty() => only,
        last => {
            operands.extend(last);
            Deny::Group { operator, operands }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::label::{CORE_LABELS, CORE_MARKETING_ACTIONS};

    #[test]
    fn core_policies_ship_disabled_and_speak_of_core_labels_and_actions_only() {
        let all: Vec<Policy> = policies().collect();
        assert_eq!(all.len(), ROWS.len());
        let names: BTreeSet<&str> = all.iter().map(|policy| policy.name.as_str()).collect();
        assert_eq!(names.len(), all.len());
        for policy in &all {
            assert_eq!(policy.status, PolicyStatus::Disabled);
            let of_core = |label: &str| CORE_LABELS.iter().any(|(core, _)| *core == label);
            assert!(policy.deny.labels().iter().all(|label| of_core(label.as_str())), "{}", policy.name);
            let actions = &policy.marketing_actions;
            assert!(
                actions.iter().all(|each| CORE_MARKETING_ACTIONS.contains(&each.as_str())),
                "{}",
                policy.name
            );
        }
    }

    #[test]
    fn every_marketing_action_has_a_core_policy_that_can_restrict_it() {
        let named: BTreeSet<String> =
            policies().flat_map(|policy| policy.marketing_actions).map(|each| each.to_string()).collect();
        assert_eq!(named, CORE_MARKETING_ACTIONS.iter().map(ToString::to_string).collect());
    }
}
