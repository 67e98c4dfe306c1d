//! A consent policy as `policies/<name>.yaml` says it: which uses ask for consent, and which attribute tells of it.

use domain::governance::Operator;
use domain::governance::consent::{Condition, Consent};
use domain::label::{Label, MarketingAction};
use domain::schema::{self, Fields};
use domain::value::{FieldPath, Value};

use crate::problem::Notes;
use crate::read::{At, Members, Read};
use crate::yaml::Node;

use super::Scope;
use super::dataflow::check_field;

pub(crate) struct ConsentForm {
    condition: ConditionForm,
    field: At<FieldPath>,
    values: At<Vec<At<Value>>>,
}

/// A condition, its words with their places.
enum ConditionForm {
    Label(At<Label>),
    Action(At<MarketingAction>),
    Group(Operator, Vec<ConditionForm>),
}

/// What is asked of each person.
struct AskedForm {
    field: At<FieldPath>,
    values: At<Vec<At<Value>>>,
}

impl ConsentForm {
    /// Reads the members that a consent policy has.
    pub(crate) fn read_from(members: &mut Members<'_>, notes: &mut Notes<'_>) -> Option<ConsentForm> {
        let condition = members.required("if", notes);
        let asked = members.required("then", notes);
        let AskedForm { field, values } = asked?;
        Some(ConsentForm { condition: condition?, field, values })
    }

    pub(crate) fn compile(
        &self,
        union: Option<&Fields>,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> (Condition, Consent) {
        scope.forms.check_actions(self.condition.actions(), notes);
        scope.forms.check_labels(self.condition.labels(), notes);
        if self.values.value.is_empty() {
            let help = "name the values that are a consent, as `[y]`".to_owned();
            notes.note(self.values.at, "without a value nobody ever consents", help);
        }
        if let Some(union) = union {
            check_field(&self.field, union, notes);
            let field = schema::field(union, &self.field.value);
            for value in &self.values.value {
                if let Some(Err(expected)) = field.map(|field| field.check(&value.value)) {
                    let message = format!("field `{}` never has this value: {expected}", self.field.value);
                    notes.note(value.at, message, None);
                }
            }
        }
        let values = self.values.value.iter().map(|each| each.value.clone()).collect();
        (self.condition.compile(), Consent { field: self.field.value.clone(), values })
    }
}

impl Read for AskedForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<AskedForm> {
        let mut members = Members::of(node, notes)?;
        let field = members.required("field", notes);
        let values = members.required("values", notes);
        members.finish(notes);
        Some(AskedForm { field: field?, values: values? })
    }
}

impl Read for ConditionForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<ConditionForm> {
        let mut members = Members::of(node, notes)?;
        let label = members.optional("label", notes);
        let action = members.optional("marketing_action", notes);
        let operator = members.optional("operator", notes);
        let operands_node = members.node("operands");
        let operands = members.optional::<Vec<ConditionForm>>("operands", notes);
        members.finish(notes);
        if let (Some(node), Some(Some([]))) = (operands_node, operands.as_ref().map(|each| each.as_deref())) {
            notes.note(node.at, "a condition without operands holds of nothing", None);
        }
        match (label?, action?, operator?, operands?) {
            (Some(label), None, None, None) => Some(ConditionForm::Label(label)),
            (None, Some(action), None, None) => Some(ConditionForm::Action(action)),
            (None, None, Some(operator), Some(operands)) => Some(ConditionForm::Group(operator, operands)),
            _ => {
                let message = "expected one of `{label: C1}`, `{marketing_action: Email Targeting}` and `{operator: AND, operands: [...]}`";
                notes.note(node.at, message, None);
                None
            }
        }
    }
}

impl ConditionForm {
    fn labels(&self) -> Vec<&At<Label>> {
        match self {
            ConditionForm::Label(label) => vec![label],
            ConditionForm::Action(_) => Vec::new(),
            ConditionForm::Group(_, operands) => operands.iter().flat_map(ConditionForm::labels).collect(),
        }
    }

    fn actions(&self) -> Vec<&At<MarketingAction>> {
        match self {
            ConditionForm::Label(_) => Vec::new(),
            ConditionForm::Action(action) => vec![action],
            ConditionForm::Group(_, operands) => operands.iter().flat_map(ConditionForm::actions).collect(),
        }
    }

    fn compile(&self) -> Condition {
        match self {
            ConditionForm::Label(label) => Condition::Label { label: label.value.clone() },
            ConditionForm::Action(action) => Condition::Action { marketing_action: action.value.clone() },
            ConditionForm::Group(operator, operands) => Condition::Group {
                operator: *operator,
                operands: operands.iter().map(ConditionForm::compile).collect(),
            },
        }
    }
}
