//! `policies/<name>.yaml`: which marketing actions are denied on data of which labels, or need whose consent.

use domain::governance::consent::ConsentPolicy;
use domain::governance::{Deny, Operator, Policy, PolicyStatus, core};
use domain::label::{Label, MarketingAction};
use domain::name::PolicyName;
use domain::schema::Fields;

use crate::problem::{Notes, Position};
use crate::read::{At, Members, Read, word};
use crate::shape::Shape;
use crate::yaml::Node;

use super::Scope;
use super::consent::ConsentForm;

pub(crate) struct PolicyForm {
    description: Option<String>,
    status: PolicyStatus,
    rule: RuleForm,
}

enum RuleForm {
    Deny(Vec<At<MarketingAction>>, DenyForm),
    Consent(ConsentForm),
}

/// A deny expression, its labels with their places.
enum DenyForm {
    Label(At<Label>),
    Group(Operator, Vec<DenyForm>),
}

impl Read for PolicyForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<PolicyForm> {
        if Members::of(node, notes)?.has_any(&["if", "then"]) {
            ConsentPolicyForm::read(node, notes).map(|ConsentPolicyForm(policy)| policy)
        } else {
            DenyPolicyForm::read(node, notes).map(|DenyPolicyForm(policy)| policy)
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![DenyPolicyForm::kind(), ConsentPolicyForm::kind()])
    }
}

/// A policy that denies marketing actions.
struct DenyPolicyForm(PolicyForm);

impl Read for DenyPolicyForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<DenyPolicyForm> {
        PolicyForm::with(RuleForm::read_deny, node, notes).map(DenyPolicyForm)
    }
}

/// A policy that asks for consent.
struct ConsentPolicyForm(PolicyForm);

impl Read for ConsentPolicyForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<ConsentPolicyForm> {
        let rule = |members: &mut Members<'_>, notes: &mut Notes<'_>| {
            ConsentForm::read_from(members, notes).map(RuleForm::Consent)
        };
        PolicyForm::with(rule, node, notes).map(ConsentPolicyForm)
    }
}

impl RuleForm {
    fn read_deny(members: &mut Members<'_>, notes: &mut Notes<'_>) -> Option<RuleForm> {
        let actions_node = members.node("marketing_actions");
        let marketing_actions = members.required::<Vec<At<MarketingAction>>>("marketing_actions", notes);
        let deny = members.required("deny", notes);
        if let (Some(node), Some([])) = (actions_node, marketing_actions.as_deref()) {
            notes.note(node.at, "a policy that denies no marketing action denies nothing", None);
        }
        Some(RuleForm::Deny(marketing_actions?, deny?))
    }
}

impl Read for PolicyStatus {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<PolicyStatus> {
        let words = [
            ("DRAFT", PolicyStatus::Draft),
            ("ENABLED", PolicyStatus::Enabled),
            ("DISABLED", PolicyStatus::Disabled),
        ];
        word(node, &words, notes)
    }
}

impl Read for Operator {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Operator> {
        word(node, &[("AND", Operator::And), ("OR", Operator::Or)], notes)
    }
}

impl Read for DenyForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<DenyForm> {
        let mut members = Members::of(node, notes)?;
        let label = members.optional("label", notes);
        let operator = members.optional("operator", notes);
        let operands = members.optional::<At<Vec<DenyForm>>>("operands", notes);
        members.finish(notes);
        match (label?, operator?, operands?) {
            (Some(label), None, None) => Some(DenyForm::Label(label)),
            (None, Some(operator), Some(At { value: operands, at })) => {
                if operands.is_empty() {
                    let help = "name labels: `{label: C1}`".to_owned();
                    notes.note(at, "a deny expression without operands denies nothing", help);
                }
                Some(DenyForm::Group(operator, operands))
            }
            _ => {
                notes.note(node.at, "expected `{label: C1}` or `{operator: AND, operands: [...]}`", None);
                None
            }
        }
    }
}

impl DenyForm {
    fn labels(&self) -> Vec<&At<Label>> {
        match self {
            DenyForm::Label(label) => vec![label],
            DenyForm::Group(_, operands) => operands.iter().flat_map(DenyForm::labels).collect(),
        }
    }

    fn compile(&self) -> Deny {
        match self {
            DenyForm::Label(label) => Deny::Label { label: label.value.clone() },
            DenyForm::Group(operator, operands) => Deny::Group {
                operator: *operator,
                operands: operands.iter().map(DenyForm::compile).collect(),
            },
        }
    }
}

impl PolicyForm {
    /// Reads a policy with a rule of one kind.
    fn with(
        rule: impl FnOnce(&mut Members<'_>, &mut Notes<'_>) -> Option<RuleForm>,
        node: &Node,
        notes: &mut Notes<'_>,
    ) -> Option<PolicyForm> {
        let mut members = Members::of(node, notes)?;
        let description = members.optional("description", notes);
        let status = members.required("status", notes);
        let rule = rule(&mut members, notes);
        members.finish(notes);
        Some(PolicyForm { description: description?, status: status?, rule: rule? })
    }

    /// Compiles a policy that denies; nothing of one that asks for consent.
    pub(crate) fn compile(
        &self,
        name: &PolicyName,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<Policy> {
        if core::policies().any(|core| core.name == *name) {
            let help =
                "enable that one under `core_policies` of `project.yaml`, or rename the file".to_owned();
            notes.note(Position::START, format!("a core policy is named `{name}`"), help);
        }
        let RuleForm::Deny(actions, deny) = &self.rule else { return None };
        scope.forms.check_actions(actions, notes);
        scope.forms.check_labels(deny.labels(), notes);
        Some(Policy {
            name: name.clone(),
            description: self.description.clone().unwrap_or_default(),
            status: self.status,
            marketing_actions: actions.iter().map(|action| action.value.clone()).collect(),
            deny: deny.compile(),
        })
    }

    /// Compiles a policy that asks for consent; nothing of one that denies.
    pub(crate) fn compile_consent(
        &self,
        name: &PolicyName,
        union: Option<&Fields>,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> Option<ConsentPolicy> {
        let RuleForm::Consent(form) = &self.rule else { return None };
        let (condition, consent) = form.compile(union, scope, notes);
        Some(ConsentPolicy {
            name: name.clone(),
            description: self.description.clone().unwrap_or_default(),
            status: self.status,
            condition,
            consent,
        })
    }
}
