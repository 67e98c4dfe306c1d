//! `project.yaml` with the project's own labels and the core policies that it enables, and `marketing-actions.yaml`: the
//! words that governance uses.

use domain::governance::{Policy, PolicyStatus, core};
use domain::label::{CORE_LABELS, CORE_MARKETING_ACTIONS, Label, MarketingAction};
use domain::profile::pseudonymous::Pseudonymous;

use crate::problem::Notes;
use crate::read::{At, Entries, Members, Read};
use crate::suggest::instead_of;
use crate::yaml::Node;

use super::retention::ProfileRetentionForm;
use super::{Forms, Scope};

/// `project.yaml`.
pub(crate) struct ProjectForm {
    pub(crate) title: String,
    /// The project's own labels, and what each says.
    labels: Entries<String, String>,
    /// The core policies that count, by name.
    core_policies: Vec<At<String>>,
    retention: Option<ProfileRetentionForm>,
}

impl Read for ProjectForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<ProjectForm> {
        let mut members = Members::of(node, notes)?;
        let title = members.required("title", notes);
        let labels = members.optional("labels", notes);
        let core_policies = members.optional("core_policies", notes);
        let retention = members.optional("retention", notes);
        members.finish(notes);
        let labels: Entries<String, String> = labels?.unwrap_or_default();
        for (label, _) in labels.iter().filter(|(label, _)| is_core_label(&label.value)) {
            let help = "take it out, or choose another name".to_owned();
            notes.note(label.at, format!("`{}` is a core label already", label.value), help);
        }
        let core_policies = core_policies?.unwrap_or_default();
        Some(ProjectForm { title: title?, labels, core_policies, retention: retention? })
    }
}

/// `marketing-actions.yaml`: the project's own marketing actions, and what each says.
#[derive(Default)]
pub(crate) struct ActionsForm(Entries<String, String>);

impl Read for ActionsForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<ActionsForm> {
        let actions: Entries<String, String> = Read::read(node, notes)?;
        for (action, _) in actions.iter().filter(|(action, _)| is_core_action(&action.value)) {
            let help = "take it out, or choose another name".to_owned();
            notes.note(action.at, format!("`{}` is a core marketing action already", action.value), help);
        }
        Some(ActionsForm(actions))
    }
}

fn is_core_label(word: &str) -> bool {
    CORE_LABELS.iter().any(|(core, _)| *core == word)
}

fn is_core_action(word: &str) -> bool {
    CORE_MARKETING_ACTIONS.contains(&word)
}

impl ProjectForm {
    /// How long pseudonymous profiles are kept, if the project says.
    pub(crate) fn pseudonymous(&self, scope: &Scope<'_>, notes: &mut Notes<'_>) -> Option<Pseudonymous> {
        self.retention.as_ref()?.pseudonymous(scope, notes)
    }

    /// Notes what would have pseudonymous profiles expire though they are visited.
    pub(crate) fn check_visits(&self, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        if let Some(retention) = &self.retention {
            retention.check_visits(scope, notes);
        }
    }

    /// The core policies that the project enables.
    pub(crate) fn enabled_core_policies(&self, notes: &mut Notes<'_>) -> Vec<Policy> {
        let enabled = self.core_policies.iter().filter_map(|named| {
            let found = core::policies().find(|policy| policy.name.as_str() == named.value);
            if found.is_none() {
                let known = core::policies().map(|policy| policy.name);
                let message = format!("there is no core policy `{}`", named.value);
                notes.note(named.at, message, instead_of(&named.value, known));
            }
            found.map(|policy| Policy { status: PolicyStatus::Enabled, ..policy })
        });
        enabled.collect()
    }
}

impl Forms {
    /// Notes every label that is neither a core one nor the project's own.
    pub(crate) fn check_labels<'a>(
        &self,
        labels: impl IntoIterator<Item = &'a At<Label>>,
        notes: &mut Notes<'_>,
    ) {
        let Some(project) = &self.project.form else { return };
        let own = || project.labels.iter().map(|(label, _)| label.value.as_str());
        for label in labels {
            let word = label.value.as_str();
            if !is_core_label(word) && !own().any(|known| known == word) {
                let known = CORE_LABELS.iter().map(|(core, _)| *core).chain(own());
                notes.note(label.at, format!("there is no label `{word}`"), instead_of(word, known));
            }
        }
    }

    /// Notes every marketing action that is neither a core one nor the project's own.
    pub(crate) fn check_actions<'a>(
        &self,
        actions: impl IntoIterator<Item = &'a At<MarketingAction>>,
        notes: &mut Notes<'_>,
    ) {
        let Some(ActionsForm(own)) = &self.actions.form else { return };
        let own = || own.iter().map(|(action, _)| action.value.as_str());
        for action in actions {
            let word = action.value.as_str();
            if !is_core_action(word) && !own().any(|known| known == word) {
                let known = CORE_MARKETING_ACTIONS.into_iter().chain(own());
                notes.note(
                    action.at,
                    format!("there is no marketing action `{word}`"),
                    instead_of(word, known),
                );
            }
        }
    }
}
