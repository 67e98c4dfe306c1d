//! A profile for programs: the documented reply of a profile lookup, with what we add under a key of our own.

use domain::identity::IdentityKey;
use domain::membership::MembershipStatus;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::view::{Attribute, Member, View};

/// The namespace of our audiences in `segmentMembership`.
const AUDIENCES: &str = "tributary";

/// The reply for the profiles that were found; of none, an empty entity under the key of the identity that was asked
/// for.
pub(crate) fn document(views: &[View], asked: &IdentityKey) -> Value {
    if views.is_empty() {
        let unknown = json!({
            "entityId": asked, "sources": [], "entity": {}, "lastModifiedAt": Timestamp::UNIX_EPOCH,
        });
        return json!({ asked.as_str(): unknown });
    }
    views.iter().map(|view| (view.id.to_string(), profile(view))).collect::<Map<_, _>>().into()
}

fn profile(view: &View) -> Value {
    json!({
        "entityId": view.id,
        "sources": view.sources,
        "entity": entity(view),
        "lastModifiedAt": view.newest,
        "tributary": additions(view),
    })
}

fn entity(view: &View) -> Value {
    let identities: Vec<Value> = view
        .identities
        .iter()
        .enumerate()
        .map(|(index, linked)| {
            let mut identity = Map::new();
            identity.insert("id".to_owned(), json!(linked.value));
            identity.insert("namespace".to_owned(), json!({ "code": linked.namespace }));
            // The namespace of the highest priority names the profile.
            if index == 0 {
                identity.insert("primary".to_owned(), json!(true));
            }
            identity.into()
        })
        .collect();
    let membership = |member: &Member| {
        let membership = json!({ "status": member.status, "lastQualificationTime": member.since });
        (member.audience.to_string(), membership)
    };
    let memberships: Map<_, _> = view.memberships.iter().map(membership).collect();
    let mut entity: Map<_, _> =
        view.merged.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    entity.insert("identities".to_owned(), identities.into());
    entity.insert("segmentMembership".to_owned(), json!({ AUDIENCES: memberships }));
    entity.into()
}

fn additions(view: &View) -> Value {
    let identities = view.identities.iter().map(|linked| {
        json!({
            "id": linked.value, "namespace": { "code": linked.namespace },
            "linkedAt": linked.linked, "datasets": linked.datasets,
        })
    });
    let partner_ids = view
        .partner_ids
        .iter()
        .map(|id| json!({ "id": id.value, "namespace": { "code": id.namespace }, "datasets": id.datasets }));
    let partners = view.partners.iter().map(|(name, (title, data))| {
        (name.to_string(), json!({ "title": title, "attributes": attributes(data) }))
    });
    let deliveries = view.deliveries.iter().map(|delivered| {
        json!({ "dataflow": delivered.dataflow, "state": delivered.state, "sent": delivered.cells })
    });
    let mut additions = json!({
        "mergePolicy": view.merge_policy,
        "linkedIdentities": identities.collect::<Vec<_>>(),
        "partnerIds": partner_ids.collect::<Vec<_>>(),
        "firstParty": attributes(&view.first_party),
        "partners": partners.collect::<Map<_, _>>(),
        "audiences": view.memberships.iter().filter(|member| member.status == MembershipStatus::Realized)
            .map(|member| &member.audience).collect::<Vec<_>>(),
        "deliveries": deliveries.collect::<Vec<_>>(),
    });
    if let Value::Object(members) = &mut additions
        && !view.dropped.is_empty()
    {
        members.insert("droppedLinks".to_owned(), json!(view.dropped));
    }
    additions
}

fn attributes(attributes: &[Attribute]) -> Vec<Value> {
    let document = |attribute: &Attribute| {
        json!({
            "field": attribute.path, "title": attribute.title, "value": attribute.value,
            "dataset": attribute.dataset, "labels": attribute.labels,
        })
    };
    attributes.iter().map(document).collect()
}

#[cfg(test)]
mod tests {
    use super::super::view::sample::bobby;
    use super::*;

    #[test]
    fn the_documented_reply() {
        let key: IdentityKey = "k1:0123456789abcdef0123456789abcdef".parse().unwrap();
        insta::assert_json_snapshot!(document(&[bobby()], &key));
        insta::assert_json_snapshot!(document(&[], &key));
    }
}
