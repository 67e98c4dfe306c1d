//! `merge-policies.yaml`: how the fragments of a profile become one view of it.

use std::collections::{BTreeMap, BTreeSet};

use domain::merge::{AttributeMerge, IdentityGraph, MergePolicy};
use domain::name::{DatasetName, MergePolicyName};

use crate::problem::{Notes, Position};
use crate::read::{At, Entries, Members, Read, word};
use crate::shape::Shape;
use crate::yaml::{Content, Node};

use super::Scope;

/// The merge policies by name; without any, the newest value of every attribute stands.
#[derive(Default)]
pub(crate) struct MergePoliciesForm(Entries<MergePolicyName, MergePolicyForm>);

struct MergePolicyForm {
    default: bool,
    identity_graph: IdentityGraph,
    active_on_edge: bool,
    attributes: AttributeMergeForm,
}

enum AttributeMergeForm {
    TimestampOrdered,
    DatasetPrecedence(Vec<At<DatasetName>>),
}

impl Read for MergePoliciesForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<MergePoliciesForm> {
        let form = MergePoliciesForm(Read::read(node, notes)?);
        let mut defaults = form.0.iter().filter(|(_, policy)| policy.default);
        if defaults.next().is_none() {
            let help = "write `default: true` in one of them".to_owned();
            notes.note(Position::START, "no merge policy is the default", help);
        }
        for (name, _) in defaults {
            notes.note(name.at, format!("merge policy `{}` is a second default", name.value), None);
        }
        for (name, _) in form.0.iter().filter(|(_, policy)| policy.active_on_edge).skip(1) {
            let message = format!("merge policy `{}` is a second one that is active on edge", name.value);
            notes.note(name.at, message, "write `active_on_edge: true` in one of them".to_owned());
        }
        Some(form)
    }
}

impl Read for MergePolicyForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<MergePolicyForm> {
        let mut members = Members::of(node, notes)?;
        let default = members.optional("default", notes);
        let identity_graph = members.optional("identity_graph", notes);
        let active_on_edge = members.optional("active_on_edge", notes);
        let attributes = members.required("attributes", notes);
        members.finish(notes);
        Some(MergePolicyForm {
            default: default?.unwrap_or(false),
            identity_graph: identity_graph?.unwrap_or_default(),
            active_on_edge: active_on_edge?.unwrap_or(false),
            attributes: attributes?,
        })
    }
}

impl Read for IdentityGraph {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<IdentityGraph> {
        word(node, &[("private", IdentityGraph::Private), ("none", IdentityGraph::None)], notes)
    }
}

impl Read for AttributeMergeForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<AttributeMergeForm> {
        if matches!(node.content, Content::Map(_)) {
            PrecedenceForm::read(node, notes)
                .map(|PrecedenceForm(order)| AttributeMergeForm::DatasetPrecedence(order))
        } else {
            TimestampOrdered::read(node, notes).map(|TimestampOrdered| AttributeMergeForm::TimestampOrdered)
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![TimestampOrdered::kind(), PrecedenceForm::kind()])
    }
}

#[derive(Clone, Copy)]
struct TimestampOrdered;

impl Read for TimestampOrdered {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<TimestampOrdered> {
        word(node, &[("timestamp_ordered", TimestampOrdered)], notes)
    }
}

struct PrecedenceForm(Vec<At<DatasetName>>);

impl Read for PrecedenceForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<PrecedenceForm> {
        let mut members = Members::of(node, notes)?;
        let at = node.at;
        let order: Option<Vec<At<DatasetName>>> = members.required("dataset_precedence", notes);
        members.finish(notes);
        let order = order?;
        if order.is_empty() {
            let help = "name the datasets, the first one first, or write `timestamp_ordered`".to_owned();
            notes.note(at, "no dataset takes part: every profile would be empty", help);
        }
        let mut seen = BTreeSet::new();
        for again in order.iter().filter(|dataset| !seen.insert(&dataset.value)) {
            let message = format!("dataset `{}` is named a second time", again.value);
            notes.note(again.at, message, "take it out: its first place counts".to_owned());
        }
        Some(PrecedenceForm(order))
    }
}

impl MergePoliciesForm {
    pub(crate) fn compile(
        &self,
        scope: &Scope<'_>,
        notes: &mut Notes<'_>,
    ) -> BTreeMap<MergePolicyName, MergePolicy> {
        let mut compiled = BTreeMap::new();
        for (name, form) in &self.0 {
            let attributes = match &form.attributes {
                AttributeMergeForm::TimestampOrdered => AttributeMerge::TimestampOrdered,
                AttributeMergeForm::DatasetPrecedence(order) => {
                    for dataset in order {
                        scope.forms.datasets.look_up(dataset, notes);
                    }
                    AttributeMerge::DatasetPrecedence(order.iter().map(|each| each.value.clone()).collect())
                }
            };
            let MergePolicyForm { default, identity_graph, active_on_edge, .. } = *form;
            let name = name.value.clone();
            let policy =
                MergePolicy { name: name.clone(), default, identity_graph, active_on_edge, attributes };
            compiled.insert(name, policy);
        }
        if let (true, Ok(name)) = (compiled.is_empty(), "default".parse::<MergePolicyName>()) {
            let policy = MergePolicy {
                name: name.clone(),
                default: true,
                identity_graph: IdentityGraph::Private,
                active_on_edge: false,
                attributes: AttributeMerge::TimestampOrdered,
            };
            compiled.insert(name, policy);
        }
        compiled
    }
}
