//! Labels alone restrict nothing: warns of what leaves under labels that no enabled policy speaks of.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalogue::Catalogue;
use domain::dataflow::Dataflow;
use domain::governance::{self, PolicyStatus, core};
use domain::label::{CORE_LABELS, Label, THIRD_PARTY};
use domain::value::FieldPath;

use crate::forms::Forms;
use crate::problem::{Notes, Position, Problem};

/// Warns of each dataflow whose labels meet no enabled policy at all, or that carries a contract label (`C1` to `C12`)
/// of which none speaks: whoever put that one there meant to restrict something.
pub(crate) fn warn(forms: &Forms, catalogue: &Catalogue, warnings: &mut Vec<Problem>) {
    let governed = governed(catalogue);
    for (name, dataflow) in &catalogue.dataflows {
        let carried = carried(catalogue, dataflow);
        let is_any_governed = carried.keys().any(|label| governed.contains(label));
        let ungoverned: BTreeMap<Label, FieldPath> = carried
            .into_iter()
            .filter(|(label, _)| !governed.contains(label) && (!is_any_governed || is_contract_label(label)))
            .collect();
        if ungoverned.is_empty() {
            continue;
        }
        let listed = ungoverned.iter().map(|(label, field)| format!("`{label}` of field `{field}`"));
        let message = format!(
            "nothing governs {} on its way to destination `{}`: labels restrict nothing by themselves, and no enabled policy speaks of this",
            listed.collect::<Vec<_>>().join(", "),
            dataflow.destination
        );
        let form = forms.dataflows.parts.get(name).and_then(|part| part.form.as_ref());
        let at = form.map_or(Position::START, |form| form.place());
        let help = help(catalogue, &ungoverned.into_keys().collect());
        Notes::of(forms.dataflows.file(name), warnings).note(at, message, help);
    }
}

/// The labels that something speaks of: enabled policies, and contracts of Third-Party data.
fn governed(catalogue: &Catalogue) -> BTreeSet<Label> {
    let enabled = catalogue.policies.values().filter(|policy| policy.status == PolicyStatus::Enabled);
    let consents = catalogue.consent_policies.values();
    let consents = consents.filter(|policy| policy.status == PolicyStatus::Enabled);
    let denied = enabled.flat_map(|policy| policy.deny.labels());
    let asked = consents.flat_map(|policy| policy.condition.labels());
    denied.chain(asked).cloned().chain([Label::from(THIRD_PARTY)]).collect()
}

/// The labels that a dataflow carries besides Third-Party, each with a field that has it.
fn carried(catalogue: &Catalogue, dataflow: &Dataflow) -> BTreeMap<Label, FieldPath> {
    let mut carried = BTreeMap::new();
    for way in governance::lineage(catalogue, dataflow) {
        for label in way.labels.into_iter().filter(|label| label.as_str() != THIRD_PARTY) {
            carried.entry(label).or_insert_with(|| way.field.clone());
        }
    }
    carried
}

fn is_contract_label(label: &Label) -> bool {
    let is_core = CORE_LABELS.iter().any(|(core, _)| *core == label.as_str());
    is_core && label.as_str().starts_with('C')
}

/// The policy that would govern it, if there is one that only has to be enabled.
fn help(catalogue: &Catalogue, labels: &BTreeSet<Label>) -> String {
    let speaks = |named: BTreeSet<&Label>| labels.iter().any(|label| named.contains(label));
    let own = catalogue.policies.values().find(|policy| speaks(policy.deny.labels()));
    let core = || core::policies().find(|policy| policy.deny.matched(labels).is_some());
    match (own, core()) {
        (Some(policy), _) => format!("enable policy `{}`, or write one", policy.name),
        (None, Some(policy)) => format!(
            "enable core policy `{}` under `core_policies` of `project.yaml`, or write one",
            policy.name
        ),
        (None, None) => "write a policy, as labels alone restrict nothing".to_owned(),
    }
}
