//! Policies in the documents' form: what they deny, and what they let pass.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails it")]

use std::collections::BTreeSet;

use domain::governance::Deny;
use domain::governance::evaluation::{Evaluation, Request};
use domain::label::Label;
use proptest::prelude::*;
use serde_json::{Value, json};

const HOST: &str = "https://platform.adobe.io/data/foundation/dulepolicy";
const EXPORT: &str = "/marketingActions/custom/exportToThirdParty";
const CROSS_SITE: &str = "/marketingActions/custom/crossSiteTargeting";

fn evaluate(request: &Value) -> Result<Evaluation, String> {
    // By way of text, as the command reads it: the limit of depth is that of the text's reader.
    let request: Request = serde_json::from_str(&request.to_string()).map_err(|error| error.to_string())?;
    Ok(request.evaluate())
}

fn is(label: &str) -> Value {
    json!({"label": label})
}

fn and(operands: impl IntoIterator<Item = Value>) -> Value {
    json!({"operator": "AND", "operands": operands.into_iter().collect::<Vec<_>>()})
}

fn or(operands: impl IntoIterator<Item = Value>) -> Value {
    json!({"operator": "OR", "operands": operands.into_iter().collect::<Vec<_>>()})
}

fn policy(id: &str, status: &str, actions: &[&str], deny: Value) -> Value {
    json!({
        "name": format!("Policy {id}"), "id": id, "status": status, "deny": deny,
        "marketingActionRefs": actions.iter().map(|action| format!("{HOST}{action}")).collect::<Vec<_>>(),
        "description": "", "imsOrg": "{IMS_ORG}", "created": 1_550_703_519_823_i64, "_links": {"self": {"href": "."}},
    })
}

fn enabled(id: &str, deny: Value) -> Value {
    policy(id, "ENABLED", &[EXPORT], deny)
}

fn of_labels(policies: &[Value], labels: &[&str]) -> Value {
    json!({"policies": policies, "labels": labels, "action": format!("{HOST}{EXPORT}")})
}

fn of_labels_with(key: &str, value: Value) -> Value {
    let mut request = of_labels(&[], &[]);
    request.as_object_mut().unwrap().insert(key.to_owned(), value);
    request
}

/// What is asked of the first dataset, said differently.
fn of_dataset(more: Value) -> Value {
    let mut entity = datasets().remove(0);
    entity.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    of_datasets(json!({"entities": [entity]}))
}

/// The three datasets of the documents' example.
fn datasets() -> Vec<Value> {
    let field = |path: &str, labels: &[&str]| json!({"path": path, "labels": labels});
    let dataset = |id: &str, labels: &[&str], fields: Vec<Value>| {
        json!({"entityType": "dataSet", "entityId": id, "dataSetLabels": {
            "connection": {"labels": []}, "dataSet": {"labels": labels}, "fields": fields,
        }})
    };
    vec![
        dataset(
            "first",
            &["C6"],
            vec![
                field("/properties/_customer", &["C2", "C5"]),
                field("/properties/geoUnit", &["C4", "C5"]),
                field("/properties/identityMap", &["C4"]),
                field("/properties/journeyAI", &["C4"]),
                field("/properties/createdByBatchID", &["C5"]),
                field("/properties/faxPhone", &["C5"]),
            ],
        ),
        dataset(
            "second",
            &["C5"],
            vec![
                field("/properties/_customer", &["C2"]),
                field("/properties/geoUnit", &["C5"]),
                field("/properties/identityMap", &["C1"]),
            ],
        ),
        dataset("third", &["C5"], vec![field("/properties/faxPhone", &["C5"])]),
    ]
}

fn targeting() -> Value {
    policy("targeting", "ENABLED", &[CROSS_SITE], and([is("C4"), is("C6")]))
}

fn of_datasets(more: Value) -> Value {
    let mut request =
        json!({"policies": [targeting()], "entities": datasets(), "action": format!("{HOST}{CROSS_SITE}")});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

/// What is asked, and which labels and violated policies must come of it.
type Case = (&'static str, Value, &'static str, &'static str);

fn expressions() -> Vec<Case> {
    let one = |deny: Value, labels: &[&str]| of_labels(&[enabled("p", deny)], labels);
    let either = || and([is("C1"), or([is("C3"), is("C7")])]);
    let export = || or([is("C1"), and([is("C3"), is("C7")])]);
    vec![
        ("a label that is there", one(is("C2"), &["C2"]), "C2", "p"),
        ("a label that is not", one(is("C2"), &["C1"]), "C1", ""),
        ("no labels at all", one(is("C2"), &[]), "", ""),
        ("a label in the wrong case", one(is("C2"), &["c2"]), "c2", ""),
        ("a label of which the denied one is a part", one(is("C1"), &["C10", "C12"]), "C10 C12", ""),
        ("a label that is given twice", one(is("C2"), &["C2", "C2"]), "C2", "p"),
        ("a label by the name that the platform keeps it under", one(is("C2"), &["core/C2"]), "C2", "p"),
        ("... in the expression", one(is("custom/Mine"), &["Mine"]), "Mine", "p"),
        ("a label with a stroke in its name", one(is("b"), &["a/b"]), "a/b", ""),
        ("a custom label", one(is("Third-Party"), &["Third-Party"]), "Third-Party", "p"),
        ("one of two that must both be there", one(and([is("C3"), is("I1")]), &["C3"]), "C3", ""),
        ("the other of the two", one(and([is("C3"), is("I1")]), &["I1"]), "I1", ""),
        ("both of the two", one(and([is("C3"), is("I1")]), &["I1", "C3"]), "C3 I1", "p"),
        ("both and one more", one(and([is("C3"), is("I1")]), &["C3", "I1", "S1"]), "C3 I1 S1", "p"),
        ("the documents' C1 AND (C3 OR C7), of C1 and C3", one(either(), &["C1", "C3"]), "C1 C3", "p"),
        ("... of C1 and C7", one(either(), &["C1", "C7"]), "C1 C7", "p"),
        ("... of C1 alone", one(either(), &["C1"]), "C1", ""),
        ("... of C3 alone", one(either(), &["C3"]), "C3", ""),
        ("... of C3 and C7", one(either(), &["C3", "C7"]), "C3 C7", ""),
        ("the documents' C1 OR (C3 AND C7), of C1 and C3", one(export(), &["C1", "C3"]), "C1 C3", "p"),
        ("... of C3 and C7", one(export(), &["C3", "C7"]), "C3 C7", "p"),
        ("... of C3 alone", one(export(), &["C3"]), "C3", ""),
        ("a group of one operand", one(and([or([is("C9")])]), &["C9"]), "C9", "p"),
        (
            "four levels",
            one(
                or([and([or([and([is("C1"), is("C2")]), is("C3")]), is("C4")]), is("C5")]),
                &["C2", "C1", "C4"],
            ),
            "C1 C2 C4",
            "p",
        ),
    ]
}

fn statuses_and_actions() -> Vec<Case> {
    let of = |status: &str, more: Value| {
        let mut request = of_labels(&[policy("p", status, &[EXPORT], is("C2"))], &["C2"]);
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let asked = |action: &str| of("ENABLED", json!({"action": action}));
    let refers = |reference: &str| {
        json!({"policies": [{"id": "p", "status": "ENABLED", "marketingActionRefs": [reference], "deny": is("C2")}],
            "labels": ["C2"], "action": format!("{HOST}{EXPORT}")})
    };
    let two = policy("two", "ENABLED", &[CROSS_SITE, EXPORT], is("C2"));
    let other = policy("other", "ENABLED", &[CROSS_SITE], is("C2"));
    let first = policy("z", "ENABLED", &[EXPORT], is("C2"));
    vec![
        ("a draft", of("DRAFT", json!({})), "C2", ""),
        ("a draft, asked for", of("DRAFT", json!({"includeDraft": true})), "C2", "p"),
        ("a draft, not asked for", of("DRAFT", json!({"includeDraft": false})), "C2", ""),
        ("a draft, of which nothing is said", of("DRAFT", json!({"includeDraft": null})), "C2", ""),
        ("a disabled policy", of("DISABLED", json!({})), "C2", ""),
        ("a disabled policy, drafts asked for", of("DISABLED", json!({"includeDraft": true})), "C2", ""),
        ("an enabled policy, drafts asked for", of("ENABLED", json!({"includeDraft": true})), "C2", "p"),
        ("the path alone", asked(EXPORT), "C2", "p"),
        ("the path without its first stroke", asked(EXPORT.trim_start_matches('/')), "C2", "p"),
        ("another server, with a port", asked(&format!("http://localhost:8443/dule{EXPORT}")), "C2", "p"),
        (
            "the address at which it is evaluated",
            asked(&format!("{HOST}{EXPORT}/constraints?duleLabels=C2")),
            "C2",
            "p",
        ),
        (
            "the form of the documents' POST",
            refers("../marketingActions/custom/exportToThirdParty"),
            "C2",
            "p",
        ),
        (
            "an action of the core, not the custom one",
            asked("/marketingActions/core/exportToThirdParty"),
            "C2",
            "",
        ),
        ("another case", asked("/marketingActions/custom/exporttothirdparty"), "C2", ""),
        ("another case of the container", asked("/marketingactions/custom/exportToThirdParty"), "C2", ""),
        ("a name of which the action's is the beginning", asked(&format!("{EXPORT}2")), "C2", ""),
        ("an action of no policy", asked("/marketingActions/custom/unheardOf"), "C2", ""),
        ("any of several actions", of_labels(std::slice::from_ref(&two), &["C2"]), "C2", "two"),
        ("only policies of the action", of_labels(&[other, two.clone()], &["C2"]), "C2", "two"),
        ("policies in the order of the request", of_labels(&[first, two], &["C2"]), "C2", "z two"),
        ("no policies", of_labels(&[], &["C2"]), "C2", ""),
        ("the id of a question", of_labels_with("id", json!({"n": 1})), "", ""),
        (
            "a policy that has no id yet",
            json!({"policies": [{"name": "New", "status": "ENABLED", "marketingActionRefs": [EXPORT], "deny": is("C2")}],
                "labels": ["C2"], "action": EXPORT}),
            "C2",
            "New",
        ),
    ]
}

fn entities() -> Vec<Case> {
    let meta = |fields: [&[&str]; 3]| {
        let mut entities = datasets();
        for (entity, fields) in entities.iter_mut().zip(fields) {
            entity["entityMeta"] = json!({"fields": fields});
        }
        of_datasets(json!({"entities": entities}))
    };
    let documented: [&[&str]; 3] = [
        &["/properties/_customer", "/properties/faxPhone"],
        &["/properties/_customer", "/properties/geoUnit"],
        &["/properties/faxPhone"],
    ];
    let by_id = json!({"first": documented[0], "second": documented[1], "third": documented[2]});
    let as_requested = json!([
        {"entityType": "dataSet", "entityId": "first", "entityMeta": {"fields": documented[0]}},
        {"entityType": "dataSet", "entityId": "second", "entityMeta": {"fields": documented[1]}},
        {"entityType": "dataSet", "entityId": "third", "entityMeta": {"fields": documented[2]}},
    ]);
    let mut in_entity = datasets();
    for (entity, fields) in in_entity.iter_mut().zip(documented) {
        entity["request_fields"] = json!(fields);
    }
    let mut by_connection = json!(datasets());
    *by_connection.pointer_mut("/2/dataSetLabels/connection/labels").unwrap() = json!(["C4"]);
    vec![
        ("all fields of all datasets", of_datasets(json!({})), "C1 C2 C4 C5 C6", "targeting"),
        ("the documents' fields", meta(documented), "C2 C5 C6", ""),
        (
            "the documents' fields, by the dataset's id",
            of_datasets(json!({"request_fields": by_id})),
            "C2 C5 C6",
            "",
        ),
        (
            "the documents' fields, as requested there",
            of_datasets(json!({"request_fields": as_requested})),
            "C2 C5 C6",
            "",
        ),
        (
            "the documents' fields, beside each dataset",
            of_datasets(json!({"entities": in_entity})),
            "C2 C5 C6",
            "",
        ),
        (
            "one field of every dataset that has it",
            of_datasets(json!({"request_fields": ["/properties/geoUnit"]})),
            "C4 C5 C6",
            "targeting",
        ),
        (
            "a field in the wrong case",
            of_datasets(json!({"request_fields": ["/properties/geounit"]})),
            "C5 C6",
            "",
        ),
        (
            "the beginning of a field's name",
            of_datasets(json!({"request_fields": ["/properties/geo"]})),
            "C5 C6",
            "",
        ),
        (
            "a part of a field that carries labels",
            of_datasets(json!({"request_fields": ["/properties/geoUnit/properties/city"]})),
            "C4 C5 C6",
            "targeting",
        ),
        (
            "a field of which parts carry labels",
            of_datasets(json!({"request_fields": ["/properties"]})),
            "C1 C2 C4 C5 C6",
            "targeting",
        ),
        ("no field: the datasets' labels stay", of_datasets(json!({"request_fields": []})), "C5 C6", ""),
        (
            "fields of one dataset only: the others are asked for whole",
            of_datasets(json!({"request_fields": {"first": ["/properties/faxPhone"]}})),
            "C1 C2 C5 C6",
            "",
        ),
        ("no dataset", of_datasets(json!({"entities": []})), "", ""),
        (
            "the words of the documents' bulk requests and answers",
            json!({"policies": [], "action": EXPORT, "entityList": [{
                "entityType": "dataset", "entityId": "d", "entityMeta": {"fields": ["address"]},
                "dataSetLabels": {"connection": {"labels": []}, "dataset": {"labels": ["C1", "C2"]}, "fields": []},
            }]}),
            "C1 C2",
            "",
        ),
        (
            "a label of the connection counts, whatever the fields",
            of_datasets(json!({"entities": by_connection, "request_fields": []})),
            "C4 C5 C6",
            "targeting",
        ),
    ]
}

#[test]
fn every_case_comes_out_as_documented() {
    let cases: Vec<Case> = [expressions(), statuses_and_actions(), entities()].concat();
    assert!(cases.len() >= 40, "{} cases", cases.len());
    for (what, request, labels, violated) in cases {
        let found = evaluate(&request).unwrap();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let found_labels: Vec<String> = found.dule_labels.iter().map(ToString::to_string).collect();
        assert_eq!(
            (found_labels, found.violated_policies.clone()),
            (words(labels), words(violated)),
            "{what}"
        );
        let explained: Vec<&String> = found.explanations.iter().map(|each| &each.policy).collect();
        assert_eq!(explained, found.violated_policies.iter().collect::<Vec<_>>(), "{what}");
    }
}

#[test]
fn an_explanation_names_the_operands_that_held_and_where_their_labels_come_from() {
    let deny = or([and([is("C4"), or([is("C6"), is("C9")])]), is("C12")]);
    let request = of_datasets(json!({
        "policies": [policy("p", "ENABLED", &[CROSS_SITE], deny)],
        "request_fields": {"first": ["/properties/geoUnit"], "second": [], "third": []},
    }));
    let explanation = evaluate(&request).unwrap().explanations.pop().unwrap();
    assert_eq!(
        serde_json::to_value(&explanation).unwrap(),
        json!({
            "policy": "p",
            "name": "Policy p",
            "text": "policy `p` denies `custom/crossSiteTargeting` on ((`C4` and (`C6` or `C9`)) or `C12`); \
                the data carries (`C4` and `C6`)",
            "marketingActionRef": format!("{HOST}{CROSS_SITE}"),
            "matched": and([is("C4"), is("C6")]),
            "found": [
                {"label": "C4", "entityId": "first", "at": "/properties/geoUnit"},
                {"label": "C6", "entityId": "first", "at": "dataSet"},
            ],
        })
    );
}

#[test]
fn what_is_not_of_the_documented_form_is_refused_and_says_why() {
    let with = |deny: Value| of_labels(&[enabled("p", deny)], &["C1"]);
    let mut both = of_datasets(json!({"labels": ["C1"]}));
    both["policies"] = json!([]);
    let mut deep = is("C1");
    for _ in 0..200 {
        deep = and([deep]);
    }
    let cases = [
        (
            with(json!({"label": "C1", "operator": "AND", "operands": [is("C1")]})),
            "expected either `label`, or `operator`",
        ),
        (with(json!({"operator": "AND"})), "expected either `label`, or `operator`"),
        (with(json!({"operands": [is("C1")]})), "expected either `label`, or `operator`"),
        (with(json!({"operator": "AND", "operands": []})), "expected at least one operand"),
        (with(json!({"operator": "NOT", "operands": [is("C1")]})), "unknown variant `NOT`"),
        (with(json!({"operator": "and", "operands": [is("C1")]})), "unknown variant `and`"),
        (with(json!({"lable": "C1"})), "unknown field `lable`"),
        (with(deep), "recursion limit"),
        (both, "both `labels` and `entities`"),
        (json!({"policies": [], "action": EXPORT}), "neither `labels` nor `entities`"),
        (json!({"policies": [], "labels": []}), "missing field `action`"),
        (of_labels(&[policy("p", "enabled", &[EXPORT], is("C1"))], &[]), "unknown variant `enabled`"),
        (
            json!({"policies": [], "action": EXPORT, "entities": [{"entityType": "dataSet", "entityId": "d"}]}),
            "missing field `dataSetLabels`",
        ),
        (of_labels_with("includedraft", json!(true)), "unknown field `includedraft`"),
        (of_datasets(json!({"requestedFields": []})), "unknown field `requestedFields`"),
        (of_dataset(json!({"dataSetLabel": {}})), "unknown field `dataSetLabel`"),
        (of_dataset(json!({"dataSetLabels": {"field": []}})), "unknown field `field`"),
        (of_dataset(json!({"dataSetLabels": {"dataSet": {"label": ["C2"]}}})), "unknown field `label`"),
        (of_dataset(json!({"entityMeta": {"field": ["/a"]}})), "unknown field `field`"),
        (
            of_datasets(json!({"request_fields": [{"entityId": "first", "fields": []}]})),
            "fields in no known form",
        ),
        (of_datasets(json!({"request_fields": "/properties/geoUnit"})), "expected a list of paths"),
    ];
    for (request, expected) in cases {
        let error = evaluate(&request).unwrap_err();
        assert!(error.contains(expected), "{error}: expected {expected}");
    }
    let twice = r#"{"policies": [], "action": "a", "entities": [], "request_fields": {"first": ["/a"], "first": []}}"#;
    assert!(serde_json::from_str::<Request>(twice).is_err(), "fields of a dataset that is named twice");
}

/// Any expression over a few labels, in the documented form, and whether it holds: told apart from the code under test.
fn expression() -> impl Strategy<Value = Value> {
    let label = prop::sample::select(vec!["C1", "C2", "C3", "C4"]).prop_map(is);
    label.prop_recursive(4, 32, 4, |inner| {
        let operands = prop::collection::vec(inner, 1..4);
        (any::<bool>(), operands).prop_map(|(all, operands)| if all { and(operands) } else { or(operands) })
    })
}

fn holds(deny: &Value, labels: &BTreeSet<Label>) -> bool {
    if let Some(label) = deny["label"].as_str() {
        return labels.contains(&Label::from(label));
    }
    let mut operands = deny["operands"].as_array().unwrap().iter().map(|operand| holds(operand, labels));
    if deny["operator"] == "AND" { operands.all(|held| held) } else { operands.any(|held| held) }
}

proptest! {
    #[test]
    fn the_part_that_is_named_holds_by_itself_and_holds_exactly_when_the_whole_does(
        deny in expression(),
        labels in prop::sample::subsequence(vec!["C1", "C2", "C3", "C4"], 0..=4)
    ) {
        let labels: BTreeSet<Label> = labels.into_iter().map(Label::from).collect();
        let read: Deny = serde_json::from_value(deny.clone()).unwrap();
        prop_assert_eq!(serde_json::to_value(&read).unwrap(), deny.clone(), "read and written again");
        let matched = read.matched(&labels);
        prop_assert_eq!(matched.is_some(), holds(&deny, &labels));
        if let Some(matched) = matched {
            let named: BTreeSet<Label> = matched.labels().into_iter().cloned().collect();
            prop_assert!(named.is_subset(&labels));
            prop_assert_eq!(matched.matched(&named), Some(matched.clone()), "each of its operands held");
        }
    }
}
