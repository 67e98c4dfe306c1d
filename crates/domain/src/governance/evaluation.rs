//! Policy evaluation in the documents' own form: whether a marketing action on data of some labels violates policies.
//!
//! It takes policies, labels and datasets as the Policy Service API writes them, so that what people have there can be
//! tried here, and says what that API does not: which operands held, and where their labels come from.
//!
//! Labels and fields are what denies, so that a key of theirs that nobody knows is refused: passed over, a misspelt one
//! would have the action allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Deny, PolicyStatus};
use crate::entries;
use crate::label::Label;

/// What is asked: may an action be done on this data, as far as these policies say?
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RequestForm")]
pub struct Request {
    policies: Vec<Policy>,
    data: Data,
    action: ActionRef,
    include_draft: bool,
}

/// What a request is about.
#[derive(Debug, Clone)]
enum Data {
    Labels(BTreeSet<Label>),
    Entities(Vec<Entity>, Option<RequestFields>),
}

/// A policy as the documents have it; what they say besides is of no weight here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    id: Option<String>,
    name: Option<String>,
    status: PolicyStatus,
    marketing_action_refs: Vec<ActionRef>,
    deny: Deny,
}

/// Refers to a marketing action by an address, of which the path counts: neither server, nor what stands before
/// `marketingActions`, nor a query. Case-sensitive.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct ActionRef(String);

/// A dataset, and what labels it and its fields carry.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entity {
    /// There are datasets only.
    #[serde(rename = "entityType")]
    _kind: Option<IgnoredAny>,
    entity_id: String,
    #[serde(default)]
    entity_meta: EntityMeta,
    data_set_labels: DataSetLabels,
    /// The same as `entityMeta.fields`.
    #[serde(rename = "request_fields", alias = "requestFields")]
    request_fields: Option<BTreeSet<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntityMeta {
    fields: Option<BTreeSet<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DataSetLabels {
    #[serde(default)]
    connection: Labelled,
    #[serde(default, alias = "dataset")]
    data_set: Labelled,
    #[serde(default)]
    fields: Vec<LabelledField>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Labelled {
    #[serde(default, deserialize_with = "labels")]
    labels: BTreeSet<Label>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelledField {
    path: String,
    #[serde(deserialize_with = "labels")]
    labels: BTreeSet<Label>,
}

/// The fields that are to be evaluated: of every dataset, of datasets by their id, or in the documents' request form.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "fields in no known form, expected a list of paths, an object of such lists by `entityId`, or a list of \
        objects with `entityId` and `entityMeta`"
)]
enum RequestFields {
    OfEvery(BTreeSet<String>),
    OfEach(#[serde(deserialize_with = "entries::distinct")] BTreeMap<String, BTreeSet<String>>),
    AsRequested(Vec<RequestedEntity>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RequestedEntity {
    #[serde(rename = "entityType")]
    _kind: Option<IgnoredAny>,
    entity_id: String,
    #[serde(default)]
    entity_meta: EntityMeta,
}

/// What a request reads like.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestForm {
    /// Whoever asked gets it back with the answer.
    #[serde(rename = "id")]
    _id: Option<IgnoredAny>,
    policies: Vec<Policy>,
    labels: Option<BTreeSet<Label>>,
    #[serde(alias = "entityList")]
    entities: Option<Vec<Entity>>,
    #[serde(alias = "requestFields")]
    request_fields: Option<RequestFields>,
    action: ActionRef,
    #[serde(rename = "includeDraft", alias = "include_draft")]
    include_draft: Option<bool>,
}

impl TryFrom<RequestForm> for Request {
    type Error = &'static str;

    fn try_from(form: RequestForm) -> Result<Request, &'static str> {
        let RequestForm { mut policies, labels, entities, request_fields, action, include_draft, _id } = form;
        let data = match (labels, entities) {
            (Some(labels), None) => Data::Labels(unqualified(&labels)),
            (None, Some(entities)) => Data::Entities(entities, request_fields),
            (Some(_), Some(_)) => return Err("both `labels` and `entities`, expected one of them"),
            (None, None) => return Err("neither `labels` nor `entities`, expected one of them"),
        };
        if policies.iter().any(|policy| policy.id.is_none() && policy.name.is_none()) {
            return Err("a policy without `id` and `name`, expected one of them");
        }
        for policy in &mut policies {
            policy.deny = policy.deny.unqualified();
        }
        Ok(Request { policies, data, action, include_draft: include_draft.unwrap_or(false) })
    }
}

fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Label>, D::Error> {
    BTreeSet::deserialize(deserializer).map(|labels| unqualified(&labels))
}

fn unqualified(labels: &BTreeSet<Label>) -> BTreeSet<Label> {
    labels.iter().map(Label::unqualified).collect()
}

/// Which policies an action would violate, and why. Without any, the action is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    /// All labels that were found, each once, in the order of their text.
    pub dule_labels: BTreeSet<Label>,
    /// The policies that would be violated, by id (by name, where they have no id yet), in the order of the request.
    pub violated_policies: Vec<String>,
    /// Why, one of each.
    pub explanations: Vec<Explanation>,
}

/// Why a policy would be violated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The policy, as in [`Evaluation::violated_policies`].
    pub policy: String,
    /// What it is called, where it is called something besides its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// That in a sentence.
    pub text: String,
    /// The policy's own reference to the action.
    pub marketing_action_ref: String,
    /// The part of the deny expression that holds.
    pub matched: Deny,
    /// Every place that carries a label of that part. None where labels were given without places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<Found>,
}

/// A place that carries a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The label.
    pub label: Label,
    /// The dataset.
    pub entity_id: String,
    /// What of it: `connection`, `dataSet`, or the path of a field.
    pub at: String,
}

impl Request {
    /// Evaluates the policies that count and name the action.
    pub fn evaluate(&self) -> Evaluation {
        let (dule_labels, places) = match &self.data {
            Data::Labels(labels) => (labels.clone(), BTreeSet::new()),
            Data::Entities(entities, fields) => {
                let places: BTreeSet<Found> =
                    entities.iter().flat_map(|entity| entity.places(fields.as_ref())).collect();
                (places.iter().map(|found| found.label.clone()).collect(), places)
            }
        };
        let counting = self.policies.iter().filter(|policy| policy.status.counts(self.include_draft));
        let explanations: Vec<Explanation> =
            counting.filter_map(|policy| policy.violation(&self.action, &dule_labels, &places)).collect();
        let violated_policies = explanations.iter().map(|explanation| explanation.policy.clone()).collect();
        Evaluation { dule_labels, violated_policies, explanations }
    }
}

impl Deny {
    /// The same of labels by themselves.
    fn unqualified(&self) -> Deny {
        match self {
            Deny::Label { label } => Deny::Label { label: label.unqualified() },
            Deny::Group { operator, operands } => Deny::Group {
                operator: *operator,
                operands: operands.iter().map(Deny::unqualified).collect(),
            },
        }
    }
}

impl Policy {
    fn violation(
        &self,
        action: &ActionRef,
        labels: &BTreeSet<Label>,
        places: &BTreeSet<Found>,
    ) -> Option<Explanation> {
        let reference = self.marketing_action_refs.iter().find(|each| each.path() == action.path())?;
        let matched = self.deny.matched(labels)?;
        let policy = self.id.clone().or_else(|| self.name.clone())?;
        let named = matched.labels();
        let found = places.iter().filter(|found| named.contains(&found.label)).cloned().collect();
        let text =
            format!("policy `{policy}` denies `{reference}` on {}; the data carries {matched}", self.deny);
        Some(Explanation {
            name: self.name.clone().filter(|name| *name != policy),
            policy,
            text,
            marketing_action_ref: reference.0.clone(),
            matched,
            found,
        })
    }
}

impl ActionRef {
    /// What makes two references one: the words of the path from behind `marketingActions`.
    fn path(&self) -> Vec<&str> {
        let address = self.0.split(['?', '#']).next().unwrap_or_default();
        let path = match address.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None => address,
        };
        let words = path.split('/').filter(|word| !matches!(*word, "" | "." | ".."));
        let mut words: Vec<&str> = words.collect();
        if let Some(container) = words.iter().rposition(|word| *word == "marketingActions") {
            words.drain(..=container);
            // The address at which the API evaluates an action.
            if words.len() > 2 && words.last() == Some(&"constraints") {
                words.pop();
            }
        }
        words
    }
}

impl fmt::Display for ActionRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path().join("/"))
    }
}

impl Entity {
    /// Every label that the requested fields carry, or all fields where none are requested. A field carries the
    /// labels of its dataset and of the connection that it came by, of whatever it is part of, and of its own parts.
    fn places(&self, requested: Option<&RequestFields>) -> Vec<Found> {
        let DataSetLabels { connection, data_set, fields } = &self.data_set_labels;
        let requested = self.requested(requested);
        let is_requested = |field: &&LabelledField| {
            requested.is_empty() || requested.iter().copied().flatten().any(|path| is_part(path, &field.path))
        };
        let fields = fields.iter().filter(is_requested);
        let fields = fields.map(|field| (field.path.as_str(), &field.labels));
        [("connection", &connection.labels), ("dataSet", &data_set.labels)]
            .into_iter()
            .chain(fields)
            .flat_map(|(at, labels)| {
                labels.iter().map(|label| Found {
                    label: label.clone(),
                    entity_id: self.entity_id.clone(),
                    at: at.to_owned(),
                })
            })
            .collect()
    }

    /// Every list of fields that are requested of this dataset; none where all are.
    fn requested<'a>(&'a self, fields: Option<&'a RequestFields>) -> Vec<&'a BTreeSet<String>> {
        let mut lists = match fields {
            None => Vec::new(),
            Some(RequestFields::OfEvery(fields)) => vec![fields],
            Some(RequestFields::OfEach(fields)) => fields.get(&self.entity_id).into_iter().collect(),
            Some(RequestFields::AsRequested(entities)) => {
                let mine = entities.iter().filter(|each| each.entity_id == self.entity_id);
                mine.filter_map(|each| each.entity_meta.fields.as_ref()).collect()
            }
        };
        lists.extend(self.entity_meta.fields.iter().chain(&self.request_fields));
        lists
    }
}

/// Whether one of two fields is the other, or a part of it: `/person/name` is one of `/person`.
fn is_part(one: &str, other: &str) -> bool {
    let steps = |path| str::split(path, '/').filter(|step| !step.is_empty());
    steps(one).zip(steps(other)).all(|(one, other)| one == other)
}
