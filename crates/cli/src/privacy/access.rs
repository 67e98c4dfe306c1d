//! `tributary privacy access`: everything that is held on a person.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use domain::catalogue::Catalogue;
use domain::edge::visitor::StoredVisitor;
use domain::fragment::{Fragment, FragmentKey};
use domain::identity::IdentityKey;
use domain::namespace::ECID;
use domain::profile::Profile;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{People, Whom};
use crate::FINDINGS;
use crate::connection::with_store;
use crate::terminal;

/// Print everything that is held on a person, as JSON
///
/// Identities and how they were linked, what each dataset says and since when, partners' IDs, audiences, what the edge
/// remembers of the person's browsers, and what was sent where, when, and under which catalogue; and that the person was
/// deleted, or that a pseudonymous profile has expired and is to be swept up, if so. Files that are kept for a while
/// (inbox, staging, quarantine, exports, events) are not searched.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary privacy access --namespace Email --value bobby.bank@example.com

Exit codes: 0 printed; 1 nobody has this identity; 2 could not be done.")]
pub(crate) struct Args {
    #[command(flatten)]
    whom: Whom,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let now = Timestamp::now();
        let people = People::find(store, &args.whom).await?;
        let mut profiles = Vec::new();
        for profile in &people.profiles {
            let mut visitors = Vec::new();
            for ecid in visitors_of(profile) {
                visitors.push((ecid, store.visitors.get(ecid).await?));
            }
            profiles.push(document(&people.in_force.catalogue, profile, &visitors, now)?);
        }
        let mut alone = None;
        if profiles.is_empty() && people.namespace.code.as_str() == ECID {
            let stored = store.visitors.get(&people.identity.key).await?;
            alone = (stored.version > 0).then(|| visitor(&people.identity.key, &stored));
        }
        let is_empty = profiles.is_empty() && alone.is_none();
        let suppressed = store.identities.suppression(&people.identity.key).await?;
        terminal::print_json(&json!({
            "identity": people.identity.key,
            "namespace": people.namespace.code,
            "at": now,
            "profiles": profiles,
            "visitor": alone,
            "suppressed": suppressed,
        }))?;
        Ok(if is_empty { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    })
}

fn visitors_of(profile: &Profile) -> BTreeSet<&IdentityKey> {
    let nodes = profile.graph.identities.iter().filter(|(_, node)| node.namespace.as_str() == ECID);
    nodes.map(|(key, _)| key).chain(profile.edge_memberships.keys()).collect()
}

/// Everything that is held on the person of a profile.
fn document(
    catalogue: &Catalogue,
    profile: &Profile,
    visitors: &[(&IdentityKey, StoredVisitor)],
    now: Timestamp,
) -> Result<Value> {
    let usable: BTreeSet<&FragmentKey> = profile.usable(catalogue, now).map(|(key, _)| key).collect();
    let identities = profile.graph.identities.iter().map(|(key, node)| {
        json!({ "namespace": node.namespace, "value": node.value, "key": key, "linked": instant(node.linked) })
    });
    let links = profile
        .graph
        .edges
        .iter()
        .map(|edge| json!({ "between": edge.between, "at": instant(edge.at), "dataset": edge.source }));
    let records = profile
        .fragments
        .iter()
        .map(|(key, fragment)| record(catalogue, key, fragment, usable.contains(key)));
    let deliveries = profile.deliveries.iter().map(|(name, delivery)| {
        let destination = catalogue.dataflows.get(name).map(|dataflow| &dataflow.destination);
        json!({
            "dataflow": name,
            "destination": destination,
            "stands": delivery.may_stand(),
            "under_way": delivery.intent,
            "last_step": delivery.outcome,
        })
    });
    Ok(json!({
        "profile": profile.id,
        "merged_into": profile.graph.merged_into,
        "ending": profile.graph.ending,
        "expired": profile.has_expired(catalogue, now),
        "identities": identities.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "records": records.collect::<Vec<_>>(),
        "audiences": profile.memberships.audiences,
        "edge_audiences": profile.edge_memberships,
        "visitors": visitors.iter().map(|(key, stored)| visitor(key, stored)).collect::<Vec<_>>(),
        "deliveries": deliveries.collect::<Vec<_>>(),
    }))
}

/// What a dataset says.
fn record(catalogue: &Catalogue, key: &FragmentKey, fragment: &Fragment, is_used: bool) -> Value {
    let dataset = catalogue.datasets.get(&key.dataset);
    let partner_ids: Vec<Value> = fragment
        .partner_ids
        .iter()
        .map(|identity| json!({ "namespace": identity.namespace, "value": identity.value }))
        .collect();
    json!({
        "dataset": key.dataset,
        "partner": dataset.and_then(|dataset| dataset.partner.as_ref()),
        "primary": key.primary,
        "identities": fragment.identities,
        "partner_ids": partner_ids,
        "attributes": fragment.attributes,
        "at": instant(fragment.token.time),
        "batch": fragment.token.batch,
        "confirmed": Timestamp::from_second(i64::from(fragment.confirmed) * 86_400).ok(),
        "used": is_used,
    })
}

/// What the edge remembers of a browser.
fn visitor(key: &IdentityKey, stored: &StoredVisitor) -> Value {
    json!({ "key": key, "remembered": stored.visitor, "linked": stored.link })
}

fn instant(milliseconds: u64) -> Option<Timestamp> {
    i64::try_from(milliseconds).ok().and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
}
