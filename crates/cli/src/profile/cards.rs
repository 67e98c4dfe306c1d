//! A profile as cards, for people.

use domain::membership::MembershipStatus;
use domain::value::Value;

use super::view::{Attribute, Delivered, View};
use crate::table::{Cell, Table, card};
use crate::terminal::{BOLD, DIM, GREEN};
use crate::words::{NOTHING, listed, time};

/// The cards of a profile.
pub(crate) fn text(view: &View) -> String {
    let View { id, merge_policy, .. } = view;
    let mut text = format!("{BOLD}Profile {id}{BOLD:#} {DIM}merge policy {merge_policy}{DIM:#}\n");
    text.push_str(&card("Linked identities", "the identity graph", &identities(view)));
    if !view.dropped.is_empty() {
        text.push_str(&card("Dropped links", "`tributary graph show` says which", &view.dropped.join("\n")));
    }
    text.push_str(&card("Partner IDs", "not part of the identity graph", &partner_ids(view)));
    text.push_str(&card("First-party data", "", &attributes(&view.first_party)));
    for (partner, (title, data)) in &view.partners {
        text.push_str(&card(&format!("Partner data: {title}"), partner.as_str(), &attributes(data)));
    }
    text.push_str(&card("Audiences", "", &memberships(view)));
    text.push_str(&card("Deliveries", "", &deliveries(&view.deliveries)));
    text
}

fn identities(view: &View) -> String {
    let mut table = Table::of(["namespace", "identity", "linked", "from"]);
    for linked in &view.identities {
        table.row([
            (&linked.namespace).into(),
            linked.value.as_str().into(),
            time(linked.linked).into(),
            listed(&linked.datasets).into(),
        ]);
    }
    table.to_string()
}

fn partner_ids(view: &View) -> String {
    if view.partner_ids.is_empty() {
        return "none".to_owned();
    }
    let mut table = Table::of(["namespace", "partner ID", "from"]);
    for id in &view.partner_ids {
        table.row([(&id.namespace).into(), id.value.as_str().into(), listed(&id.datasets).into()]);
    }
    table.to_string()
}

fn attributes(attributes: &[Attribute]) -> String {
    if attributes.is_empty() {
        return "nothing".to_owned();
    }
    let mut table = Table::of(["attribute", "field", "value", "dataset", "labels"]);
    for attribute in attributes {
        table.row([
            attribute.title.as_deref().unwrap_or(NOTHING).into(),
            Cell::styled(attribute.path.as_str(), DIM),
            Cell::styled(value(&attribute.value), BOLD),
            (&attribute.dataset).into(),
            listed(&attribute.labels).into(),
        ]);
    }
    table.to_string()
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // INVARIANT: nothing in a value can fail to print.
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

fn memberships(view: &View) -> String {
    if view.memberships.is_empty() {
        return "none".to_owned();
    }
    let mut table = Table::of(["audience", "title", "status", "since"]);
    for member in &view.memberships {
        let status = match member.status {
            MembershipStatus::Realized => Cell::styled("realized", GREEN),
            MembershipStatus::Exited => Cell::styled("exited", DIM),
        };
        table.row([
            (&member.audience).into(),
            member.title.as_deref().unwrap_or(NOTHING).into(),
            status,
            time(member.since).into(),
        ]);
    }
    table.to_string()
}

fn deliveries(deliveries: &[Delivered]) -> String {
    if deliveries.is_empty() {
        return "none".to_owned();
    }
    let mut table = Table::of(["dataflow", "what was sent", "state"]);
    for delivered in deliveries {
        let cells = delivered.cells.iter().map(|(target, hash)| match hash {
            Some(hash) => format!("{target} {}…", hash.get(..12).unwrap_or_default()),
            None => format!("{target} (not shown)"),
        });
        table.row([(&delivered.dataflow).into(), listed(cells).into(), delivered.state.as_str().into()]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::view::sample::bobby;
    use super::*;
    use crate::example::plain;

    #[test]
    fn a_profile_as_cards() {
        insta::assert_snapshot!(plain(&text(&bobby())));
    }
}
