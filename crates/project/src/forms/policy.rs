//! `policies/<name>.yaml`: which marketing actions are denied on data of which labels, or need whose consent.

use domain::governance::consent::ConsentPolicy;
use domain::governance::{Deny, Operator, Policy, PolicyStatus, core};
use domain::label::{Label, MarketingAction};
use domain::name::PolicyName;
use domain::schema::Fields;

use crate::problem::{Notes, Position};
use crate::read::{At, Members, Read, word};
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
        let mut members = Members::of(node, notes)?;
        let description = members.optional("description", notes);
        let status = members.required("status", notes);
        let rule = if members.has_any(&["if", "then"]) {
            ConsentForm::read_from(&mut members, notes).map(RuleForm::Consent)
        } else {
            RuleForm::read_deny(&mut members, notes)
        };
        members.finish(notes);
        Some(PolicyForm { description: description?, status: status?, rule: rule? })
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
        if let Some(label) = members.node("label") {
            members.finish(notes);
            return Read::read(label, notes).map(DenyForm::Label);
        }
        if members.node("operator").or(members.node("operands")).is_none() {
            members.finish(notes);
            notes.note(node.at, "expected `{label: C1}` or `{operator: AND, operands: [...]}`", None);
            return None;
        }
        let operator = members.required("operator", notes);
        let operands_node = members.node("operands");
        let operands = members.required::<Vec<DenyForm>>("operands", notes);
        members.finish(notes);
        if let (Some(node), Some([])) = (operands_node, operands.as_deref()) {
            let help = "name labels: `{label: C1}`".to_owned();
            notes.note(node.at, "a deny expression without operands denies nothing", help);
        }
        Some(DenyForm::Group(operator?, operands?))
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
