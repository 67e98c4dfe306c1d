//! A profile for programs: the documented reply of a profile lookup, with what we add under a key of our own.

use std::collections::BTreeMap;

use domain::identity::IdentityKey;
use domain::membership::MembershipStatus;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::view::{Attribute, View};
use crate::words::time_of_milliseconds;

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
    // INVARIANT: nothing in a value can fail to print.
    let mut entity = serde_json::to_value(&view.merged).unwrap_or_default();
    let identities: Vec<Value> = view
        .identities
        .iter()
        .enumerate()
        .map(|(index, linked)| {
            let mut identity = json!({ "id": linked.value, "namespace": { "code": linked.namespace } });
            // The namespace of the highest priority names the profile.
            if index == 0 {
                identity["primary"] = true.into();
            }
            identity
        })
        .collect();
    let memberships: BTreeMap<&str, Value> = view
        .memberships
        .iter()
        .map(|member| {
            (
                member.audience.as_str(),
                json!({ "status": member.status, "lastQualificationTime": member.since }),
            )
        })
        .collect();
    entity["identities"] = identities.into();
    entity["segmentMembership"] = json!({ AUDIENCES: memberships });
    entity
}

fn additions(view: &View) -> Value {
    let identities = view.identities.iter().map(|linked| {
        json!({
            "id": linked.value, "namespace": { "code": linked.namespace },
            "linkedAt": time_of_milliseconds(linked.linked), "datasets": linked.datasets,
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
    json!({
        "mergePolicy": view.merge_policy,
        "linkedIdentities": identities.collect::<Vec<_>>(),
        "partnerIds": partner_ids.collect::<Vec<_>>(),
        "firstParty": attributes(&view.first_party),
        "partners": partners.collect::<Map<_, _>>(),
        "audiences": view.memberships.iter().filter(|member| member.status == MembershipStatus::Realized)
            .map(|member| &member.audience).collect::<Vec<_>>(),
        "deliveries": deliveries.collect::<Vec<_>>(),
    })
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
